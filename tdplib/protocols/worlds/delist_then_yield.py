"""delist-then-yield: v5.17's put, but the zap in it gives way to others.

The put takes the root off the list, zaps it, and frees it, in that order. v5.17 does the same
without a pause; here the zap pauses between two entries. The rest is patch 22, less the warning
of its zap, so that what the warning is for can be seen. A scenario may have a walk that takes a
reference to a root, with mmu_lock held for read, gives way, and gives the reference back.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one takes the root off the list, zaps it, frees it."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    tdp_mmu_zap_root(kvm, root, shared)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_root(kvm, root, shared):
    """Zap all of `root`, dropping mmu_lock between two entries."""
    zap_gfn_range(kvm, root, True, shared)


def reader_thread(kvm, gfn):
    """A walk over the roots with the lock held for read; one root is enough here.

    Whoever holds the lock of the list may rely on it that the list does not change meanwhile.
    """
    read_lock(kvm.mmu_lock)
    rcu_read_lock()
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    root = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    WARN_ON_ONCE(list_first_or_null_rcu(kvm.arch.tdp_mmu_roots) != root)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    alive = root is not None and kvm_tdp_mmu_get_root(root)
    rcu_read_unlock()
    if alive:
        cond_resched_rwlock_read(kvm.mmu_lock)
        kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)
