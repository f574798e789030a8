"""zap-cursor-gives-up: a zap step that lost a race goes on to the next entry without a retry.

So that there is a race to lose, the guest writes to its page once it is mapped: the processor sets
the dirty bit, and takes no lock for it.
"""

from tdplib.lang.kernel import *

PT_DIRTY_MASK = 1 << 9


def tdp_mmu_zap_spte(root, index, shared):
    """Make one SPTE not present, if nobody was faster."""
    old = root.spt[index]
    if old & SPTE_MMU_PRESENT_MASK:
        tdp_mmu_set_spte_atomic(root, index, old, 0)


def guest_runs(vcpu, gfn):
    """The guest writes to its page: the processor sets the dirty bit, if the SPTE is present."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old & SPTE_MMU_PRESENT_MASK:
        tdp_mmu_set_spte_atomic(root, gfn, old, old | PT_DIRTY_MASK)
