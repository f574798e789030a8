"""roots-put-twice: roots, with an update that gives the first root it visits back twice."""

from tdplib.lang.kernel import *


def memslot_update_thread(kvm):
    """An update: all roots out of service, then a visit to each that is still there."""
    mutex_lock(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        root.role.invalid = 1
    write_unlock(kvm.mmu_lock)
    read_lock(kvm.mmu_lock)
    root = tdp_mmu_next_root(kvm, None, True, False)
    if root is not None:
        kvm_tdp_mmu_put_root(kvm, root, True)
    while root is not None:
        tdp_mmu_zap_root(kvm, root, True)
        root = tdp_mmu_next_root(kvm, root, True, False)
    read_unlock(kvm.mmu_lock)
    mutex_unlock(kvm.slots_lock)
