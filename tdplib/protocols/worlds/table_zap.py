"""table-zap: the leaf that maps a gfn is taken out of small-tables; tables stay."""

from tdplib.lang.kernel import *


def zap_leaf(root, gfn):
    """Take away the leaf that maps `gfn`. (Wrong: takes away whatever the root has there.)"""
    spte = root.spt[spte_index(gfn, PT_LEVELS)]
    root.spt[spte_index(gfn, PT_LEVELS)] = 0
    return spte


def ask(kvm, root, gfn, right):
    """Zap the leaf of `gfn`, and compare what was there."""
    write_lock(kvm.mmu_lock)
    kvm.asked = gfn
    compare(kvm, zap_leaf(root, gfn), right)
    write_unlock(kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Zap a small leaf, a large one, and what is none."""
    root = build(vcpu)
    table = root.spt[0]
    sp = spte_to_child_sp(table)
    sp.spt[3] = SMALL_PAGE
    ask(kvm, root, 1, SMALL_PAGE)
    see(kvm, sp.spt[1], 0)
    see(kvm, sp.spt[3], SMALL_PAGE)
    see(kvm, root.spt[0], table)
    ask(kvm, root, 1, 0)
    ask(kvm, root, 6, LARGE_PAGE)
    see(kvm, root.spt[1], 0)
    ask(kvm, root, 9, 0)
    ask(kvm, root, 2, 0)
    see(kvm, sp.spt[2], REMOVED_SPTE)
    ask(kvm, root, 13, 0)
    see(kvm, root.spt[3], REMOVED_SPTE)
    tear_down(root)
