"""v6.6: no worker; a flag says which roots the fast zap has to zap itself.

Kernel
    v6.6, commit 0df9dab891ff (September 2023, fixed in the 6.6 cycle).
Changed
    Worker and queue are gone. The invalidation sets tdp_mmu_scheduled_root_to_zap; after it the
    fast zap walks all roots with mmu_lock held for read, zaps those with the flag, clears it, and
    gives back the TDP MMU's reference.
Why
    An unbound worker runs where and with what priority it likes: deleting a memslot could keep
    all CPUs busy for some 8 ms, heard as audio glitches. Since roots are preserved (v6.4) no put
    needs the worker any more.
Breaks without
    The flag is what makes each root be zapped, and put, once. To zap "all invalid roots" in its
    place would put a root that a vCPU keeps alive once more at each fast zap.
Simplified
    The two lines that mark a root are a function and a store here. The walk for the VM's end is
    not modelled. One zap pass.
"""

from tdplib.lang.kernel import *

TDP_MMU_OWNS_ROOT = 1


class kvm_mmu_page:
    tdp_mmu_scheduled_root_to_zap: bool


def kvm_tdp_mmu_get_vcpu_root_hpa(vcpu):
    """Find a listed root with the vCPU's role word, or make one; mmu_lock is held for write."""
    lockdep_assert_held_write(vcpu.kvm.mmu_lock)
    role = vcpu.arch.mmu.root_role
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        if root.role.word == role.word and kvm_tdp_mmu_get_root(root):
            return root
    fresh = tdp_mmu_alloc_sp(vcpu)
    fresh.role = role
    # One for the vCPU, one for the TDP MMU itself.
    refcount_set(fresh.tdp_mmu_root_count, 2)
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
    """Give a reference back. The last one can only be that of an invalid, zapped root."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    KVM_BUG_ON(not root.role.invalid, kvm)
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_root(kvm, root, shared):
    """Zap all of `root`, yielding; it stays listed meanwhile, so that notifiers find it."""
    WARN_ON_ONCE(not refcount_read(root.tdp_mmu_root_count))
    zap_gfn_range(kvm, root, True, shared)


def tdp_mmu_schedule_zap_root(kvm, root):
    """Note that the fast zap has to zap `root`; in the kernel a line of the invalidation."""
    root.tdp_mmu_scheduled_root_to_zap = True


def tdp_mmu_zap_root_work(work):
    """Nothing: this version has no worker."""
    pass


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service and note it for the zap; an invalid one has had its zap."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid:
            continue
        tdp_mmu_schedule_zap_root(kvm, root)
        root.role.invalid = 1


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Zap every root noted for it, and give back the TDP MMU's reference to it."""
    read_lock(kvm.mmu_lock)
    root = tdp_mmu_next_root(kvm, None, True, False)
    while root is not None:
        if root.tdp_mmu_scheduled_root_to_zap:
            root.tdp_mmu_scheduled_root_to_zap = False
            KVM_BUG_ON(not root.role.invalid, kvm)
            model_zap_begins(root)
            tdp_mmu_zap_root(kvm, root, True)
            model_zap_ends(root)
            kvm_tdp_mmu_put_root(kvm, root, True)
        root = tdp_mmu_next_root(kvm, root, True, False)
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
