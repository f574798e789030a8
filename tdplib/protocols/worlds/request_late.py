"""request-late: guest-entry, but the request is raised after mmu_lock is dropped."""

from tdplib.lang.kernel import *


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    trace_kvm_mmu_zap_all_fast(kvm)
    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    write_unlock(kvm.mmu_lock)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)
