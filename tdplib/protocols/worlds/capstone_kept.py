"""capstone-kept: the capstone's first constraint met, in the way that v6.4 took: roots are kept.

Stage
    A new root has a count of 2, one reference for the vCPU and one of the TDP MMU's own, so that
    no put of a vCPU is the last one of a valid root. The first fast zap that meets a root gives
    the TDP MMU's reference away; every later one takes a reference for its walk, as v5.17 does.
Left out
    See capstone.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_get_vcpu_root_hpa(vcpu):
    """Find a listed root with the vCPU's role word, or make one; mmu_lock is held for write."""
    lockdep_assert_held_write(vcpu.kvm.mmu_lock)
    role = vcpu.arch.mmu.root_role
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        if root.role.word == role.word and kvm_tdp_mmu_get_root(root):
            return root
    fresh = tdp_mmu_alloc_sp(vcpu)
    fresh.role = role
    refcount_set(fresh.tdp_mmu_root_count, 2)
    spin_lock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    list_add_rcu(fresh.link, vcpu.kvm.arch.tdp_mmu_roots)
    spin_unlock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    return fresh


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one can only be that of an invalid, zapped root."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    KVM_BUG_ON(not root.role.invalid, kvm)
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service; the walk has a reference to each that is invalid."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid:
            WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))
        root.role.invalid = 1
