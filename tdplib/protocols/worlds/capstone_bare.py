"""capstone-bare: v5.17's protocol to start from, with v5.18's queue on the shelf.

Stage
    The four functions that an own protocol consists of stand here in v5.17's form: a lookup, a
    put that zaps, a walk that marks and a walk that zaps. Queue and worker are v5.18's, and no one
    uses them yet. A root has a flag for whoever needs one. Nobody watches: what costs are measured
    on is the protocol alone.
Left out
    Whether a root that nobody uses is kept (v6.4) or freed is left to the protocol: at the end a
    valid root with a count of 1 is no leak. See also what v5.18 and _shared leave out.
"""

from tdplib.lang.kernel import *

TDP_MMU_OWNS_ROOT = 1


class kvm_mmu_page:
    scheduled_to_zap: bool


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one takes the root off the list, zaps it, frees it."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    zap_gfn_range(kvm, root, False, shared)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_root_work(work):
    """The worker: zap the root, give the reference back that came with it."""
    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
    kvm = root.tdp_mmu_async_data
    read_lock(kvm.mmu_lock)
    tdp_mmu_zap_root(kvm, root, True)
    kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root that is alive out of service, and a reference to it for the zap."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if kvm_tdp_mmu_get_root(root):
            root.role.invalid = 1


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Zap every invalid root and give back the reference taken when it was invalidated.

    The next root is looked up before this one is put: its own gifted reference keeps it alive.
    """
    read_lock(kvm.mmu_lock)
    rcu_read_lock()
    root = next_invalidated_root(kvm, None)
    while root is not None:
        following = next_invalidated_root(kvm, root)
        rcu_read_unlock()
        tdp_mmu_zap_root(kvm, root, True)
        kvm_tdp_mmu_put_root(kvm, root, True)
        root = following
        rcu_read_lock()
    rcu_read_unlock()
    read_unlock(kvm.mmu_lock)
