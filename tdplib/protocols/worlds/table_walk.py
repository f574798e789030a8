"""table-walk: a walk through small-tables, from the root to the SPTE at which it ends."""

from tdplib.lang.kernel import *


def walk(root, gfn):
    """The SPTE at which the walk to `gfn` ends. (Wrong: it never goes below the root.)"""
    return root.spt[spte_index(gfn, PT_LEVELS)]


def ask(kvm, root, gfn, right):
    """Walk to `gfn`, and compare."""
    write_lock(kvm.mmu_lock)
    kvm.asked = gfn
    compare(kvm, walk(root, gfn), right)
    write_unlock(kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Walks that end in each of the ways there are."""
    root = build(vcpu)
    ask(kvm, root, 1, SMALL_PAGE)
    ask(kvm, root, 0, 0)
    ask(kvm, root, 2, REMOVED_SPTE)
    ask(kvm, root, 4, LARGE_PAGE)
    ask(kvm, root, 7, LARGE_PAGE)
    ask(kvm, root, 9, 0)
    ask(kvm, root, 13, REMOVED_SPTE)
    tear_down(root)
