"""small-tables: two levels of four entries, sixteen gfns; one task builds such a tree by hand.

The same shape as the kernel's tables, small enough to see: 2 bits of the gfn a level instead of 9,
two levels instead of four. An SPTE of the root maps four gfns, or leads to a table of four. The
tree that `build` makes has one of everything:

    root[0] -> table: [1] a 4K leaf, [2] REMOVED_SPTE, [0] and [3] nothing
    root[1] =  a large leaf, gfns 4..7
    root[2] =  nothing
    root[3] =  REMOVED_SPTE

Only one task is at work. It holds mmu_lock for write while it asks, as whoever changes a tree alone
does; so each question is one step of a trace.
"""

from tdplib.lang.kernel import *

PT_PAGE_SIZE_MASK = 1 << 7


# Not the kernel's: what is asked, what came of it, and what is right; for the reader of a trace.
class kvm:
    asked: u8
    right: u32
    found: u32


GFN_BITS = 2

SMALL_PAGE = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | 0x11 << 12
LARGE_PAGE = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | PT_PAGE_SIZE_MASK | 0x20 << 12


def spte_index(gfn, level):
    """Which entry of the table of `level` leads to `gfn`?"""
    return (gfn >> (GFN_BITS * (level - 1))) & 3


def is_shadow_present_pte(spte):
    """Does the SPTE lead anywhere? Bit 11, nothing else."""
    return spte & SPTE_MMU_PRESENT_MASK != 0


def is_last_spte(spte, level):
    """Is a present SPTE a leaf: at level 1, or large?"""
    return level == 1 or spte & PT_PAGE_SIZE_MASK != 0


def make_small_spte(pfn):
    """A present 4K leaf for host page `pfn`."""
    return SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | pfn << 12


def new_root(vcpu):
    """An empty root."""
    root = tdp_mmu_alloc_sp(vcpu)
    root.role = vcpu.arch.mmu.root_role
    return root


def new_table(vcpu, parent, gfn):
    """An empty table for `gfn`, one level below `parent`; nothing leads to it yet."""
    sp = tdp_mmu_alloc_sp(vcpu)
    tdp_mmu_init_child_sp(sp, parent, gfn)
    return sp


def build(vcpu):
    """Build the tree of the picture above; return its root."""
    root = new_root(vcpu)
    sp = new_table(vcpu, root, 0)
    sp.spt[1] = SMALL_PAGE
    sp.spt[2] = REMOVED_SPTE
    root.spt[0] = make_nonleaf_spte(sp)
    root.spt[1] = LARGE_PAGE
    root.spt[3] = REMOVED_SPTE
    return root


def tear_down(root):
    """Empty and free the tables below `root`, then the root."""
    for index in range(PT_ENTRIES):
        spte = root.spt[index]
        root.spt[index] = 0
        sp = spte_to_child_sp(spte)
        if sp is not None:
            for below in range(PT_ENTRIES):
                sp.spt[below] = 0
            tdp_mmu_free_sp(sp)
    tdp_mmu_free_sp(root)


def compare(kvm, found, right):
    """Is what was found what is right?"""
    kvm.right = right
    kvm.found = found
    WARN_ON_ONCE(found != right)


def see(kvm, found, right):
    """Compare what stands in a table now, as a question of its own."""
    write_lock(kvm.mmu_lock)
    compare(kvm, found, right)
    write_unlock(kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Build a tree, and take it down again."""
    root = build(vcpu)
    tear_down(root)
