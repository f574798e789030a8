"""middle-root-no-gift: middle-root, but the fast zap queues roots without a reference.

Stage
    As in middle-root: of the three roots on the list only the one in the middle is given back. No
    worker comes (its scenario has none): it would give back the others.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service and queue it, and leave the worker no reference to it."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid:
            continue
        root.role.invalid = 1
        tdp_mmu_schedule_zap_root(kvm, root)
