"""capstone: v5.17's protocol to start from, v5.18's queue on the shelf, and somebody who watches.

Stage
    The four functions that an own protocol consists of stand here in v5.17's form: a lookup, a
    put that zaps, a walk that marks and a walk that zaps. Queue and worker are v5.18's, and no one
    uses them yet. A root has a flag for whoever needs one.
Watched
    Zapping while a vCPU finds or drops a root: a vCPU does not zap. A second walk that zaps a
    root gives the advice wasted-zap, whoever walks, and whether or not the first one has ended.
Left out
    Whether a root that nobody uses is kept (v6.4) or freed is left to the protocol: at the end a
    valid root with a count of 1 is no leak. See also what v5.18 and _shared leave out.
"""

from tdplib.lang.kernel import *

TDP_MMU_OWNS_ROOT = 1


class kvm:
    a_vcpu_has_its_turn: bool


class kvm_mmu_page:
    scheduled_to_zap: bool


def zap_gfn_range(kvm, root, can_yield, shared):
    """Zap every SPTE of `root`; it is noted who does so, and whether it was needed."""
    WARN_ON_ONCE(kvm.a_vcpu_has_its_turn)
    model_zap_begins(root)
    model_zap_ends(root)  # so that a second walk tells at once, even beside the first
    rcu_read_lock()
    for index in range(PT_ENTRIES):
        if can_yield and index:
            tdp_mmu_iter_cond_resched(kvm, shared)
        tdp_mmu_zap_spte(root, index, shared)
    rcu_read_unlock()


def kvm_mmu_load(vcpu):
    """Give the vCPU a root, an existing one of the same role or a new one."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu.kvm.a_vcpu_has_its_turn = True
    root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    vcpu.kvm.a_vcpu_has_its_turn = False
    vcpu.arch.mmu.root = root
    write_unlock(vcpu.kvm.mmu_lock)


def vcpu_drops_root(vcpu):
    """The vCPU's put; mmu_lock is held for write."""
    vcpu.kvm.a_vcpu_has_its_turn = True
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
    vcpu.kvm.a_vcpu_has_its_turn = False
    vcpu.arch.mmu.root = None


def kvm_mmu_free_roots(vcpu):
    """The vCPU drops its root."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu_drops_root(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)


def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve KVM_REQ_MMU_FREE_OBSOLETE_ROOTS: drop the root if it is invalid."""
    write_lock(vcpu.kvm.mmu_lock)
    root = vcpu.arch.mmu.root
    if root is not None and root.role.invalid:
        vcpu_drops_root(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)


# What an own protocol replaces


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one takes the root off the list, zaps it, frees it."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    zap_gfn_range(kvm, root, False, shared)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_root_work(work):
    """The worker: zap the root, give the reference back that came with it."""
    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
    kvm = root.tdp_mmu_async_data
    read_lock(kvm.mmu_lock)
    tdp_mmu_zap_root(kvm, root, True)
    kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root that is alive out of service, and a reference to it for the zap."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if kvm_tdp_mmu_get_root(root):
            root.role.invalid = 1


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Zap every invalid root and give back the reference taken when it was invalidated.

    The next root is looked up before this one is put: its own gifted reference keeps it alive.
    """
    read_lock(kvm.mmu_lock)
    rcu_read_lock()
    root = next_invalidated_root(kvm, None)
    while root is not None:
        following = next_invalidated_root(kvm, root)
        rcu_read_unlock()
        tdp_mmu_zap_root(kvm, root, True)
        kvm_tdp_mmu_put_root(kvm, root, True)
        root = following
        rcu_read_lock()
    rcu_read_unlock()
    read_unlock(kvm.mmu_lock)
