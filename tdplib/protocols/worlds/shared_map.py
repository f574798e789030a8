"""shared-map: a fault stores its SPTE without looking what it overwrites.

The map step of shared-entries with a plain store, and without a question for REMOVED_SPTE.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_map(vcpu, gfn):
    """Install the leaf SPTE for `gfn`; mmu_lock is held for read."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old & SPTE_MMU_PRESENT_MASK:
        return RET_PF_SPURIOUS
    new = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | (gfn + 1) << 12
    root.spt[gfn] = new
    return RET_PF_FIXED
