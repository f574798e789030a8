"""zap-alone: one task tries the zap step on an SPTE of each kind, and nobody disturbs it.

The step is that of shared-zap, tried with mmu_lock held for read and for write. It must clear what
is present and say what it was, and leave alone what is not.
"""

from tdplib.lang.kernel import *

PRESENT = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | 1 << 12
MMIO = 0x80


def present_goes(root, shared):
    """An SPTE that is present: it must be gone, and the step must say what it was."""
    root.spt[0] = PRESENT
    WARN_ON_ONCE(tdp_mmu_zap_spte(root, 0, shared) != PRESENT)
    WARN_ON_ONCE(root.spt[0])


def others_stay(root, spte, shared):
    """An SPTE that is not present must be as it was, and must not be told as taken away."""
    root.spt[0] = spte
    WARN_ON_ONCE(tdp_mmu_zap_spte(root, 0, shared) & SPTE_MMU_PRESENT_MASK)
    WARN_ON_ONCE(root.spt[0] != spte)


def every_kind(root, shared):
    """One of each: a page, nothing, the note of a device, a place that is held."""
    present_goes(root, shared)
    others_stay(root, 0, shared)
    others_stay(root, MMIO, shared)
    others_stay(root, REMOVED_SPTE, shared)
    root.spt[0] = 0


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Every kind, with mmu_lock held for read, then for write."""
    root = tdp_mmu_alloc_sp(vcpu)
    read_lock(kvm.mmu_lock)
    every_kind(root, 1)
    read_unlock(kvm.mmu_lock)
    write_lock(kvm.mmu_lock)
    every_kind(root, 0)
    write_unlock(kvm.mmu_lock)
    tdp_mmu_free_sp(root)
