"""toggle-unlocked: v5.17, but the NX huge page toggle zaps without slots_lock.

In the kernel it holds slots_lock, and the fast zap asserts that. Here the assertion is gone, and a
toggle can run beside a memslot update. `kvm.zapped_for` notes for which setting the last fast zap
began; it is not the kernel's.
"""

from tdplib.lang.kernel import *


class kvm:
    nx_huge_pages: bool
    zapped_for: bool


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    write_lock(kvm.mmu_lock)
    trace_kvm_mmu_zap_all_fast(kvm)
    kvm.zapped_for = kvm.nx_huge_pages
    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)


def toggle_nx_huge_pages(kvm):
    """Change the setting; every root was built for the old one, so all of them must go."""
    kvm.nx_huge_pages = not kvm.nx_huge_pages
    kvm_mmu_zap_all_fast(kvm)


def nx_toggle_thread(kvm):
    """Somebody toggles the NX huge page mitigation."""
    before = kvm.nx_huge_pages
    toggle_nx_huge_pages(kvm)
    WARN_ON_ONCE(kvm.nx_huge_pages == before)
    WARN_ON_ONCE(kvm.zapped_for == before)
    model_update_returns(kvm)
