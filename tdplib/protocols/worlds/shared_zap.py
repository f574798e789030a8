"""shared-zap: the shared zap step stores a 0 without looking what it overwrites.

The step of shared-entries, taken from the time when the zapper held mmu_lock for write: what was
read a moment ago is taken to be there still.
"""

from tdplib.lang.kernel import *


def tdp_mmu_zap_spte(root, index, shared):
    """Make one SPTE not present; return what it was."""
    old = root.spt[index]
    if old & SPTE_MMU_PRESENT_MASK:
        root.spt[index] = 0
    return old
