"""one-before-invalid: the world of shared-drop, with a put that sets the count before it marks.

The two stores of v5.18's put have changed places: first the count of 1, then `invalid`.
"""

from tdplib.lang.kernel import *


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one queues a valid root, and frees an invalid one."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not root.role.invalid:
        refcount_set(root.tdp_mmu_root_count, 1)
        kvm_tdp_root_mark_invalid(root)
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
