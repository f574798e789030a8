"""v5.17: the last put takes the root off the list, zaps it in one go, and frees it.

Kernel
    v5.17, the tree before the March 2022 series (read as its last commits, not as the tag).
Changed
    Nothing yet: this is where the series starts. The fast zap takes a reference to every listed
    root, marks it invalid, then walks the list with mmu_lock held for read: it zaps each invalid
    root, yielding, and gives the reference back. There is no queue.
Why
    A put that found the count at zero owns the root alone and can take it apart at once.
Breaks without
    Once the root is off the list no notifier finds it, so the zap in the put must not yield: a
    notifier could run in between and miss live SPTEs. That long walk without a yield, most often
    in a vCPU, gave soft lockups (8351779ce65f quotes one of 485 s); the series removes it.
Simplified
    v5.17 has no tdp_mmu_zap_root and no kvm_tdp_root_mark_invalid; the first is here the yielding
    walk of the fast zap, the second is not called. The two queue functions are empty. The remote
    flush at the end of the list walk is left out.
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
    # No yield: a notifier would not find the root any more.
    zap_gfn_range(kvm, root, False, shared)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_root(kvm, root, shared):
    """Zap all of `root`, yielding; the caller's reference keeps it listed."""
    zap_gfn_range(kvm, root, True, shared)


def tdp_mmu_schedule_zap_root(kvm, root):
    """Nothing: this version has no queue."""
    pass


def tdp_mmu_zap_root_work(work):
    """Nothing: this version has no worker."""
    pass


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
        model_zap_begins(root)
        tdp_mmu_zap_root(kvm, root, True)
        model_zap_ends(root)
        kvm_tdp_mmu_put_root(kvm, root, True)
        root = following
        rcu_read_lock()
    rcu_read_unlock()
    read_unlock(kvm.mmu_lock)


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
