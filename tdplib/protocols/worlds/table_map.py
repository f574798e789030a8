"""table-map: a page is mapped in small-tables; a table in between is made where none is."""

from tdplib.lang.kernel import *


def map_page(vcpu, root, gfn, pfn):
    """Map `gfn` to `pfn`. (Wrong: takes it for granted that there is an empty place.)"""
    sp = spte_to_child_sp(root.spt[spte_index(gfn, 2)])
    sp.spt[spte_index(gfn, 1)] = make_small_spte(pfn)
    return RET_PF_FIXED


def ask(kvm, vcpu, root, gfn, pfn, ret):
    """Map `gfn`, and compare what is answered."""
    write_lock(kvm.mmu_lock)
    kvm.asked = gfn
    compare(kvm, map_page(vcpu, root, gfn, pfn), ret)
    write_unlock(kvm.mmu_lock)


def leaf(root, gfn):
    """The SPTE of level 1 for `gfn`, 0 if there is no table."""
    sp = spte_to_child_sp(root.spt[gfn >> GFN_BITS])
    if sp is None:
        return 0
    return sp.spt[gfn & 3]


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Map into a table that is there, and into one that is not; then what is in the way."""
    root = build(vcpu)
    ask(kvm, vcpu, root, 3, 0x13, RET_PF_FIXED)
    see(kvm, leaf(root, 3), make_small_spte(0x13))
    see(kvm, leaf(root, 1), SMALL_PAGE)
    ask(kvm, vcpu, root, 9, 0x29, RET_PF_FIXED)
    see(kvm, leaf(root, 9), make_small_spte(0x29))
    see(kvm, leaf(root, 8), 0)
    ask(kvm, vcpu, root, 11, 0x31, RET_PF_FIXED)
    see(kvm, leaf(root, 9), make_small_spte(0x29))
    see(kvm, leaf(root, 11), make_small_spte(0x31))
    ask(kvm, vcpu, root, 1, 0x55, RET_PF_SPURIOUS)
    see(kvm, leaf(root, 1), SMALL_PAGE)
    ask(kvm, vcpu, root, 6, 0x55, RET_PF_SPURIOUS)
    see(kvm, root.spt[1], LARGE_PAGE)
    ask(kvm, vcpu, root, 2, 0x55, RET_PF_RETRY)
    see(kvm, leaf(root, 2), REMOVED_SPTE)
    ask(kvm, vcpu, root, 13, 0x55, RET_PF_RETRY)
    see(kvm, root.spt[3], REMOVED_SPTE)
    tear_down(root)
