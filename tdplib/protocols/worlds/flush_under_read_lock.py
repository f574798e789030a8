"""flush-under-read-lock: v5.18, but the fast zap waits with mmu_lock held for read.

The worker takes mmu_lock for read too, so that the two do not exclude each other. Up to v5.17 the
fast zap did its own zapping at this place, with the lock held for read.
"""

from tdplib.lang.kernel import *


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    trace_kvm_mmu_zap_all_fast(kvm)
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    read_lock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)
    read_unlock(kvm.mmu_lock)
