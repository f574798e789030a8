"""gfn-index: the arithmetic of gfns and levels, tried on a handful of gfns.

Nothing is shared and nobody else runs: one task asks for an index or a first gfn, and compares. It
takes a lock only so that each question is one step of a trace.
The tables meant here are the real ones, of 512 entries: 9 bits a level.
"""

from tdplib.lang.kernel import *


class kvm:
    gfn: u32
    level: u8
    right_index: u16
    index: u16
    right_first: u32
    first: u32


def spte_index(gfn, level):
    """Which entry of the table of `level` leads to `gfn`? (Wrong: right for level 1 only.)"""
    return gfn & 511


def first_gfn(gfn, level):
    """The first gfn of the SPTE of `level` that maps `gfn`. (Wrong: right for level 1 only.)"""
    return gfn


def ask_index(kvm, gfn, level, right):
    """Ask for an index, and compare."""
    write_lock(kvm.mmu_lock)
    kvm.gfn = gfn
    kvm.level = level
    kvm.right_index = right
    kvm.index = spte_index(gfn, level)
    WARN_ON_ONCE(kvm.index != right)
    write_unlock(kvm.mmu_lock)


def ask_first(kvm, gfn, level, right):
    """Ask for a first gfn, and compare."""
    write_lock(kvm.mmu_lock)
    kvm.gfn = gfn
    kvm.level = level
    kvm.right_first = right
    kvm.first = first_gfn(gfn, level)
    WARN_ON_ONCE(kvm.first != right)
    write_unlock(kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Small gfns first, then larger ones; at each level something else is cut off."""
    ask_index(kvm, 5, 1, 5)
    ask_index(kvm, 5, 2, 0)
    ask_index(kvm, 511, 1, 511)
    ask_index(kvm, 512, 1, 0)
    ask_index(kvm, 512, 2, 1)
    ask_index(kvm, 1234, 2, 2)
    ask_index(kvm, 0x12345, 1, 0x145)
    ask_index(kvm, 0x12345, 2, 0x91)
    ask_index(kvm, 0x12345, 3, 0)
    ask_index(kvm, 0xFFFFFFFF, 2, 511)
    ask_index(kvm, 0xFFFFFFFF, 3, 511)
    ask_index(kvm, 0xFFFFFFFF, 4, 31)
    ask_first(kvm, 5, 1, 5)
    ask_first(kvm, 5, 2, 0)
    ask_first(kvm, 511, 1, 511)
    ask_first(kvm, 512, 1, 512)
    ask_first(kvm, 512, 2, 512)
    ask_first(kvm, 1234, 2, 1024)
    ask_first(kvm, 0x12345, 1, 0x12345)
    ask_first(kvm, 0x12345, 2, 0x12200)
    ask_first(kvm, 0x12345, 3, 0)
    ask_first(kvm, 0xFFFFFFFF, 2, 0xFFFFFE00)
    ask_first(kvm, 0xFFFFFFFF, 3, 0xFFFC0000)
    ask_first(kvm, 0xFFFFFFFF, 4, 0xF8000000)
