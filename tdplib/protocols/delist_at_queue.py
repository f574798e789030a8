"""delist-at-queue: v5.18, but a root is taken off the list when it is queued.

Kernel
    A bug put in for this course into v5.18 (efd995dae5eb).
Changed
    Both places that queue a root take it off the list first; the last put only frees.
Why
    Nobody may use an invalid root, so nobody needs to find it.
Breaks without
    The list is how MMU notifiers and the final zap-all reach a root, invalid or not. Between the
    queueing and the worker's zap the root has live SPTEs; a notifier does not find them and tells
    the host that the page is free.
Simplified
    As in v5.18. The put takes the root off while the count is zero, which the rule "off the list
    only at the last put" allows: so a check finds, beside that rule broken by the fast zap, the
    missed SPTEs the rule is there for.
"""

from tdplib.lang.kernel import *

TDP_MMU_OWNS_ROOT = 0


def kvm_tdp_mmu_get_vcpu_root_hpa(vcpu):
    """Find a listed root with the vCPU's role word, or make one; mmu_lock is held for write."""
    lockdep_assert_held_write(vcpu.kvm.mmu_lock)
    role = vcpu.arch.mmu.root_role
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        if root.role.word == role.word and kvm_tdp_mmu_get_root(root):
            return root
    fresh = tdp_mmu_alloc_sp(vcpu)
    fresh.role = role
    refcount_set(fresh.tdp_mmu_root_count, 1)
    spin_lock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    list_add_rcu(fresh.link, vcpu.kvm.arch.tdp_mmu_roots)
    spin_unlock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    return fresh


def kvm_tdp_root_mark_invalid(root):
    """Set `invalid`; say whether it was set before. Of several callers one is told "no"."""
    role = root.role
    role.invalid = 1
    role.word = xchg(root.role.word, role.word)
    return role.invalid


def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one queues a valid root, and frees an invalid one."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not kvm_tdp_root_mark_invalid(root):
        spin_lock(kvm.arch.tdp_mmu_pages_lock)
        list_del_rcu(root.link)
        spin_unlock(kvm.arch.tdp_mmu_pages_lock)
        # Nobody can have seen the zero as a writer: mmu_lock has been held since.
        refcount_set(root.tdp_mmu_root_count, 1)
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_root(kvm, root, shared):
    """Zap all of `root`, yielding; it stays listed meanwhile, so that notifiers find it."""
    WARN_ON_ONCE(not refcount_read(root.tdp_mmu_root_count))
    zap_gfn_range(kvm, root, True, shared)


def tdp_mmu_schedule_zap_root(kvm, root):
    """Queue `root` for the worker; the caller has taken the reference the worker gives back."""
    root.tdp_mmu_async_data = kvm
    INIT_WORK(root.tdp_mmu_async_work, tdp_mmu_zap_root_work)
    queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)


def tdp_mmu_zap_root_work(work):
    """The worker: zap the root, give the gifted reference back."""
    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
    kvm = root.tdp_mmu_async_data
    read_lock(kvm.mmu_lock)
    model_zap_begins(root)
    tdp_mmu_zap_root(kvm, root, True)
    model_zap_ends(root)
    kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service and queue it; one that is invalid is queued already."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid:
            continue
        WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))
        root.role.invalid = 1
        spin_lock(kvm.arch.tdp_mmu_pages_lock)
        list_del_rcu(root.link)
        spin_unlock(kvm.arch.tdp_mmu_pages_lock)
        tdp_mmu_schedule_zap_root(kvm, root)


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Wait until every invalidated root is zapped."""
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    trace_kvm_mmu_zap_all_fast(kvm)
    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)


def direct_page_fault(vcpu, gfn):
    """Map `gfn`, unless the root went out of service meanwhile."""
    ret = RET_PF_RETRY
    read_lock(vcpu.kvm.mmu_lock)
    if not is_page_fault_stale(vcpu):
        ret = kvm_tdp_mmu_map(vcpu, gfn)
    read_unlock(vcpu.kvm.mmu_lock)
    return ret


def memslot_update_thread(kvm):
    """A memslot is deleted or moved: after the fast zap no SPTE may lead to its memory."""
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    model_update_returns(kvm)
    mutex_unlock(kvm.slots_lock)
