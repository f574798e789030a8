"""zap-race: the processor changes an SPTE three times while somebody zaps it.

The vCPU stands for the processor: it sets one bit of the SPTE after the other, as long as that is
present. The zapper must come to an end however often it loses, and must say exactly what it took
away.
"""

from tdplib.lang.kernel import *

PRESENT = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | 1 << 12


class kvm:
    table: page
    made: u32
    told: u32
    left: u8


def leave(kvm):
    """The last one compares what was there in the end with what was told, and clears up."""
    if atomic_inc_return(kvm.left) == 2:
        root = kvm.table
        WARN_ON_ONCE(root.spt[0])
        WARN_ON_ONCE(kvm.told != kvm.made)
        tdp_mmu_free_sp(root)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Make a table with one page in it; then set three bits, one after the other."""
    root = tdp_mmu_alloc_sp(vcpu)
    root.spt[0] = PRESENT
    kvm.table = root
    old = PRESENT
    for bit in range(8, 11):
        if cmpxchg(root.spt[0], old, old | 1 << bit) == old:
            old = old | 1 << bit
    kvm.made = old
    leave(kvm)


def memslot_update_thread(kvm):
    """Wait for the table, then zap the page in it."""
    while kvm.table is None:
        cpu_relax()
    read_lock(kvm.mmu_lock)
    old = tdp_mmu_zap_spte(kvm.table, 0, 1)
    read_unlock(kvm.mmu_lock)
    kvm.told = old
    leave(kvm)
