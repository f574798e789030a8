"""roots-emptied: roots, with an update that looks in the end whether it has emptied all of them.

Whoever has a count above zero in the update's walk must be visited: a get that fails beside another
get or put, although the count is not zero, would leave a root full. The look is made with mmu_lock
held for write, when no put is half-way through.
"""

from tdplib.lang.kernel import *


def memslot_update_thread(kvm):
    """An update: all roots out of service, a visit to each, then a look at what is left."""
    mutex_lock(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    model_update_begins(kvm)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        root.role.invalid = 1
    write_unlock(kvm.mmu_lock)
    read_lock(kvm.mmu_lock)
    root = tdp_mmu_next_root(kvm, None, True, False)
    while root is not None:
        tdp_mmu_zap_root(kvm, root, True)
        root = tdp_mmu_next_root(kvm, root, True, False)
    read_unlock(kvm.mmu_lock)
    write_lock(kvm.mmu_lock)
    model_update_returns(kvm)
    write_unlock(kvm.mmu_lock)
    mutex_unlock(kvm.slots_lock)
