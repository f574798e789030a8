"""teardown: v5.18, and the end of the VM, in the order that version 4 of the series had posted.

The process that runs the VM has one thread. It runs its vCPU, deletes a memslot (if the scenario
says `unload=1`), and exits; closing its files tears the VM down. The reader is somebody else in the
kernel who reads under RCU, and has nothing to do with this VM.
"""

from tdplib.lang.kernel import *


class kvm:
    dying: bool
    gone: bool


def kvm_mmu_unload(vcpu):
    """The vCPU gives its root back, if it has one."""
    if vcpu.arch.mmu.root is not None:
        kvm_mmu_free_roots(vcpu)


def kvm_mmu_uninit_tdp_mmu(kvm):
    """The end of the TDP MMU: when this returns, the memory of the VM is given back."""
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
    rcu_barrier()
    destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)


def kvm_arch_destroy_vm(kvm, vcpu):
    """Take the VM apart: its vCPU, then its TDP MMU."""
    kvm_mmu_unload(vcpu)
    kvm_mmu_uninit_tdp_mmu(kvm)


def kvm_destroy_vm(kvm, vcpu):
    """The last file of the VM is closed: take it apart, give its memory back."""
    kvm.dying = 1
    kvm_arch_destroy_vm(kvm, vcpu)
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    kvm.gone = 1


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """The thread of the process: run the vCPU, maybe delete a memslot, exit."""
    for n in range(faults):
        ret = RET_PF_RETRY
        while ret == RET_PF_RETRY:
            vcpu_enter_guest(vcpu)
            ret = direct_page_fault(vcpu, gfn)
    if unload:
        memslot_update_thread(kvm)
    kvm_destroy_vm(kvm, vcpu)


def reader_thread(kvm, gfn):
    """Somebody who reads under RCU. While he is inside, callbacks of `call_rcu` wait.

    If he was inside before the end began, he was so when the last root was handed to `call_rcu`.
    A VM that is gone while he is still inside has left such a callback behind.
    """
    rcu_read_lock()
    if not kvm.dying:
        WARN_ON_ONCE(kvm.gone)
    rcu_read_unlock()
