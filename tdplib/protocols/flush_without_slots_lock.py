"""flush-without-slots-lock: patch 21, but two memslot updates may run at the same time.

Kernel
    A bug put in for this course into 22b94c4b63eb (patch 21).
Changed
    The memslot update does not take slots_lock, and the fast zap does not assert it.
Why
    mmu_lock protects the list and the queue; what is the second lock for?
Breaks without
    That every fast zap queues every root is harmless only because slots_lock is held until the
    flush has returned, so that items always go onto an empty queue. Without it the second update
    queues a root that still waits in the queue.
Simplified
    As in patch-21. What slots_lock protects besides is not modelled.
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
    """Set `invalid`; say whether it was set before. Not called in this version."""
    role = root.role
    role.invalid = 1
    role.word = xchg(root.role.word, role.word)
    return role.invalid


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
    """Zap all of `root`. Count zero: it is off the list, and notifiers would miss it; no yield."""
    unreachable = not refcount_read(root.tdp_mmu_root_count)
    if unreachable and root.role.invalid:
        # The worker has been here, and nobody installs an SPTE in an invalid root.
        for index in range(PT_ENTRIES):
            WARN_ON_ONCE(root.spt[index] & SPTE_MMU_PRESENT_MASK)
    zap_gfn_range(kvm, root, not unreachable, shared)


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
    """Take every root out of service and queue it, whether or not it was invalid before."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))
        root.role.invalid = 1
        tdp_mmu_schedule_zap_root(kvm, root)


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Wait until every invalidated root is zapped."""
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
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
    kvm_mmu_zap_all_fast(kvm)
    model_update_returns(kvm)
