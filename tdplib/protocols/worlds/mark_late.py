"""mark-late: guest-entry, but roots are marked after the write section, with mmu_lock for read.

The bug of the protocol invalid-after-unlock, put into v5.17.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root that is alive out of service, and a reference to it for the zap."""
    lockdep_assert_held_read(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if kvm_tdp_mmu_get_root(root):
            root.role.invalid = 1


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    trace_kvm_mmu_zap_all_fast(kvm)
    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    read_lock(kvm.mmu_lock)
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    read_unlock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)
