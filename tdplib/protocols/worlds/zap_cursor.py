"""zap-cursor: v5.18, and every root remembers how far its zap has come.

`cursor` is the zapper's cursor: all SPTEs with a smaller index have been dealt with, and nobody
will look at them again. The kernel has no such field; its walker keeps the place to itself.
"""

from tdplib.lang.kernel import *


class kvm_mmu_page:
    cursor: u8


def zap_gfn_range(kvm, root, can_yield, shared):
    """Zap every SPTE of `root`, from gfn 0 up, and note how far it is."""
    rcu_read_lock()
    for index in range(PT_ENTRIES):
        if can_yield and index:
            tdp_mmu_iter_cond_resched(kvm, shared)
        tdp_mmu_zap_spte(root, index, shared)
        root.cursor = index + 1
    rcu_read_unlock()
