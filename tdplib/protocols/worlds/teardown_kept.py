"""teardown-kept: v6.4, and the end of the VM in the order that was posted for v5.18.

Kernel
    v6.4, arch/x86/kvm/mmu/tdp_mmu.c, kvm_mmu_uninit_tdp_mmu(). The order below is that of patch 21
    of 30 as posted on 3 March 2022; no released kernel had it.
Stage
    The VM's process runs a vCPU once, drops the root and ends the VM. From v6.4 on the root is
    then still valid and listed: the TDP MMU has a reference of its own. Somebody else in the host
    reads under RCU; what is given to call_rcu meanwhile is freed only after that reader has left.
Left out
    Only roots and their queue are taken down. When the VM is gone its memory is too, and a
    callback of call_rcu that runs later would touch it; the reader tells.
"""

from tdplib.lang.kernel import *


class kvm:
    zap_wq_is_gone: bool
    vm_is_gone: bool
    roots_given_to_rcu: u8


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back: v6.4's, which counts the roots it gives to call_rcu."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    KVM_BUG_ON(not root.role.invalid, kvm)
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    atomic_inc(kvm.roots_given_to_rcu)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def destroy_zap_wq(kvm):
    """Wait until the queue is empty, then take it down: nothing may be queued from now on."""
    destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)
    kvm.zap_wq_is_gone = True


def kvm_mmu_uninit_tdp_mmu(kvm):
    """The TDP MMU's part in the end of a VM; no vCPU has a root any more."""
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
    rcu_barrier()
    destroy_zap_wq(kvm)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """The VM's process: run, drop the root, end the VM."""
    vcpu_enter_guest(vcpu)
    direct_page_fault(vcpu, gfn)
    kvm_mmu_free_roots(vcpu)
    kvm_mmu_uninit_tdp_mmu(kvm)
    WARN_ON_ONCE(not kvm.zap_wq_is_gone)
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    kvm.vm_is_gone = True


def reader_thread(kvm, gfn):
    """A reader: while it is inside, what is given to call_rcu waits, and so must the VM's end."""
    rcu_read_lock()
    before = kvm.roots_given_to_rcu
    if kvm.vm_is_gone:
        WARN_ON_ONCE(kvm.roots_given_to_rcu != before)
    rcu_read_unlock()
