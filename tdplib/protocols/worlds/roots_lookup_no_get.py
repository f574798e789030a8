"""roots-lookup-no-get: roots, with a lookup that hands out a listed root without a reference.

The vCPU that made the root has the only reference to it; every other vCPU lives on that one.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_get_vcpu_root_hpa(vcpu):
    """Find a listed root with the vCPU's role word, or make one; mmu_lock is held for write."""
    lockdep_assert_held_write(vcpu.kvm.mmu_lock)
    role = vcpu.arch.mmu.root_role
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        if root.role.word == role.word:
            return root
    fresh = tdp_mmu_alloc_sp(vcpu)
    fresh.role = role
    refcount_set(fresh.tdp_mmu_root_count, 1)
    spin_lock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    list_add_rcu(fresh.link, vcpu.kvm.arch.tdp_mmu_roots)
    spin_unlock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    return fresh
