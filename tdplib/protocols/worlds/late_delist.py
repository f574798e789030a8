"""late-delist: v5.18, but the last put gives way before it takes the root off the list.

An invalid root that the worker has emptied is nobody's business any more, so it looks harmless to
let others have mmu_lock before the list is changed.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one queues a valid root, and frees an invalid one."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not kvm_tdp_root_mark_invalid(root):
        refcount_set(root.tdp_mmu_root_count, 1)
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    if shared:
        cond_resched_rwlock_read(kvm.mmu_lock)
    else:
        cond_resched_rwlock_write(kvm.mmu_lock)
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
