"""spte-kind: what an SPTE is, asked about one of each kind.

One task puts an SPTE into a table, asks what it is, and compares; with the lock held, so that each
question is one step of a trace. Among them are those that look
like something else: REMOVED_SPTE, which has the large bit; an MMIO SPTE, whose generation has it;
a leaf whose access bits were all taken away to see whether it is used.
"""

from tdplib.lang.kernel import *

PT_PAGE_SIZE_MASK = 1 << 7

NOTHING = 0
TABLE = 1
LEAF = 2
REMOVED = 3


# Present leaves of 4K, 2M and 1G, all access allowed, with the software bits 57 and 58.
SMALL = 0x600000000ABC807
LARGE = 0x600000001200887
HUGE = 0x600000040000887
# The 4K leaf with R, W and X taken away; R and X are put aside in bits 54 and 56.
TRACKED = 0x750000000ABC800
# An MMIO SPTE of memslot generation 16, which lies in bits 3 to 10.
MMIO = 0x80


class kvm:
    level: u8
    right: u8
    kind: u8


def spte_kind(spte, level):
    """What is this SPTE of a table of `level`? (Wrong: asks for the large bit first.)"""
    if level == 1 or spte & PT_PAGE_SIZE_MASK:
        return LEAF
    if spte & SPTE_MMU_PRESENT_MASK:
        return TABLE
    if spte == REMOVED_SPTE:
        return REMOVED
    return NOTHING


def look(kvm, sp, spte, level, kind):
    """Put `spte` into the table, ask what it is, and compare."""
    write_lock(kvm.mmu_lock)
    sp.spt[0] = spte
    kvm.level = level
    kvm.right = kind
    kvm.kind = spte_kind(sp.spt[0], level)
    WARN_ON_ONCE(kvm.kind != kind)
    sp.spt[0] = 0
    write_unlock(kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A table, leaves of three sizes, and what only looks like one."""
    sp = tdp_mmu_alloc_sp(vcpu)
    look(kvm, sp, 0x77807, 2, TABLE)
    look(kvm, sp, 0x77807, 4, TABLE)
    look(kvm, sp, SMALL, 1, LEAF)
    look(kvm, sp, LARGE, 2, LEAF)
    look(kvm, sp, HUGE, 3, LEAF)
    look(kvm, sp, 0, 3, NOTHING)
    look(kvm, sp, 0, 1, NOTHING)
    look(kvm, sp, REMOVED_SPTE, 2, REMOVED)
    look(kvm, sp, REMOVED_SPTE, 1, REMOVED)
    look(kvm, sp, TRACKED, 1, LEAF)
    look(kvm, sp, MMIO, 2, NOTHING)
    look(kvm, sp, MMIO, 1, NOTHING)
    tdp_mmu_free_sp(sp)
