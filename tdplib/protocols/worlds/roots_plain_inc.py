"""roots-plain-inc: roots, with a get that does not look whether anything is left to get.

Everybody who takes a reference takes it for granted that the count is not zero. For the lookup,
with mmu_lock held for write, that is so. For the update's walk it is not.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_get_root(root):
    """Take a reference."""
    refcount_inc(root.tdp_mmu_root_count)
    return True
