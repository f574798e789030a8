"""put-without-gift: v5.18, but the put queues a defunct root with a count of zero.

The put brings nothing back; the worker is to zap a root that nobody holds.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one queues a valid root, and frees an invalid one."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not kvm_tdp_root_mark_invalid(root):
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
