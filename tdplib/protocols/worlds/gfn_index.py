"""gfn-index: the arithmetic of gfns and levels, tried on a handful of gfns.

Nothing is shared and nobody else runs: one task asks for an index or a first gfn, and compares.
The tables meant here are the real ones, of 512 entries: 9 bits a level.
"""

from tdplib.lang.kernel import *


class kvm:
    gfn: u32
    level: u8
    right: u32
    index: u16
    first: u32


def spte_index(gfn, level):
    """Which entry of the table of `level` leads to `gfn`? (Wrong: right for level 1 only.)"""
    return gfn & 511


def first_gfn(gfn, level):
    """The first gfn of the SPTE of `level` that maps `gfn`. (Wrong: right for level 1 only.)"""
    return gfn


def ask(kvm, gfn, level, index, first):
    """Ask both functions about one gfn, and compare with what is right."""
    kvm.gfn = gfn
    kvm.level = level
    kvm.right = index
    kvm.index = spte_index(gfn, level)
    WARN_ON_ONCE(kvm.index != index)
    kvm.right = first
    kvm.first = first_gfn(gfn, level)
    WARN_ON_ONCE(kvm.first != first)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Small gfns first, then larger ones; at each level something else is cut off."""
    ask(kvm, 5, 1, 5, 5)
    ask(kvm, 5, 2, 0, 0)
    ask(kvm, 511, 1, 511, 511)
    ask(kvm, 512, 1, 0, 512)
    ask(kvm, 512, 2, 1, 512)
    ask(kvm, 1234, 2, 2, 1024)
    ask(kvm, 0x12345, 1, 0x145, 0x12345)
    ask(kvm, 0x12345, 2, 0x91, 0x12200)
    ask(kvm, 0x12345, 3, 0, 0)
    ask(kvm, 0xFFFFFFFF, 2, 511, 0xFFFFFE00)
    ask(kvm, 0xFFFFFFFF, 3, 511, 0xFFFC0000)
    ask(kvm, 0xFFFFFFFF, 4, 31, 0xF8000000)
