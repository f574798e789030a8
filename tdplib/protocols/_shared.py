"""Everything around the protocol under study: the vCPU, the page walk, and the actors.

A protocol file sits on top of this one and decides how a root is found, put, invalidated, queued
and zapped. What is here is the same for all of them, so that a diff of two protocol files shows
the commit and nothing else. Function names are the kernel's wherever the kernel has the function;
the `*_thread` functions are what the actors of a scenario run.

What the model leaves out, and what therefore cannot be concluded from it
------------------------------------------------------------------------
One level or two, few entries.
    With one level (PT_LEVELS == 1) a root is its only table, and nothing said covers the freeing
    of child tables. With two, a root's SPTEs lead to tables of leaves; there are no huge pages,
    one zap pass instead of two or four, no "restart from the root" after a yield, and no list or
    count of the tables (tdp_mmu_pages). Code for the other number of levels is no part of the
    program.
One role, one address space.
    All vCPUs want the same root. No SMM or nested root, no cache of previous roots: the
    prev_roots bug fixed by cf4a8693d97a cannot show.
No shadow MMU.
    kvm_zap_obsolete_pages and its yields are absent; mmu_valid_gen is toggled and decides nothing.
No TLB, unless the scenario has one (HARDWARE_TLB).
    Without, flushes are left out. With one, a guest uses its gfn in one step that no request can
    interrupt: being in the guest and being asked to leave it are never at the same time, which
    stands for the kick and the wait of kvm_make_all_cpus_request. The processor remembers whole
    translations, not the tables on the way; it forgets nothing by itself; a flush takes no time.
    A range zap and its "flush before leaving RCU" are not there; a notifier flushes always.
No RCU in the fault, where there is one level.
    RCU protects the tables below a root while a vCPU walks them; with one level there are none.
    The zap does enter RCU, so that a root freed too early for a walk of the list, or for a zap,
    shows.
No pfn, no mmu_notifier_seq, no fast page fault.
    A fault never finds its translation outdated by a notifier; the notifier retry is not checked.
A request never kicks.
    kvm_make_all_cpus_request sets bits only. A vCPU that stays where it is stands for a sleeping
    one, which may keep its root for ever; the wait for running vCPUs is not modelled.
Sequential consistency.
    Barriers do nothing; that xchg orders the store before refcount_set is not checked.
The VM never dies.
    Unless the scenario says so (VM_TEARDOWN), the end of the VM plays no part; a scenario ends with
    the vCPUs unloaded. users_count plays none.

Which locks which function holds is that of 5.18: root lookup and root put by a vCPU with mmu_lock
held for write, faults and the worker with it held for read.
"""

from tdplib.lang.kernel import *


# Not the kernel's: the root that only the markers know; how many actors are through.
class kvm:
    spare_root: page
    ended: atomic_t


# Roots and SPTEs


def kvm_tdp_mmu_get_root(root):
    """Take a reference, unless the count is zero: such a root is on its way out."""
    return refcount_inc_not_zero(root.tdp_mmu_root_count)


def kvm_lockdep_assert_mmu_lock_held(kvm, shared):
    """mmu_lock must be held: for read if `shared`, else for write."""
    if shared:
        lockdep_assert_held_read(kvm.mmu_lock)
    else:
        lockdep_assert_held_write(kvm.mmu_lock)


def tdp_mmu_next_root(kvm, prev, shared, only_valid):
    """The next root to visit, with a reference; gives back the reference to `prev`.

    The caller may yield mmu_lock while it is on a root: the reference keeps the root listed. The
    put of `prev` may be the last one, so that a mere walk can free a root or queue it.
    """
    rcu_read_lock()
    if prev is None:
        root = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    else:
        root = list_next_or_null_rcu(kvm.arch.tdp_mmu_roots, prev)
    while root is not None:
        if not (only_valid and root.role.invalid) and kvm_tdp_mmu_get_root(root):
            break
        root = list_next_or_null_rcu(kvm.arch.tdp_mmu_roots, root)
    rcu_read_unlock()
    if prev is not None:
        kvm_tdp_mmu_put_root(kvm, prev, shared)
    return root


def next_invalidated_root(kvm, prev):
    """The next listed root that is invalid and alive (v5.17's walk; takes no reference)."""
    if prev is None:
        root = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    else:
        root = list_next_or_null_rcu(kvm.arch.tdp_mmu_roots, prev)
    while root is not None:
        if root.role.invalid and refcount_read(root.tdp_mmu_root_count):
            break
        root = list_next_or_null_rcu(kvm.arch.tdp_mmu_roots, root)
    return root


def tdp_mmu_set_spte_atomic(root, index, old, new):
    """Replace `old` by `new` if nobody was faster; mmu_lock is held for read only."""
    return cmpxchg(root.spt[index], old, new) == old


def handle_removed_pt(sp, shared):
    """Take apart a table of leaves that nothing leads to any more, and free it once RCU allows.

    Somebody may still stand in it. Held for read, mmu_lock keeps no fault out: REMOVED_SPTE stays
    behind in every entry, so that a fault can install nothing in a table that is to be freed.
    """
    for index in range(PT_ENTRIES):
        if shared:
            while xchg(sp.spt[index], REMOVED_SPTE) == REMOVED_SPTE:
                cpu_relax()
        elif sp.spt[index] & SPTE_MMU_PRESENT_MASK:
            sp.spt[index] = REMOVED_SPTE
    call_rcu(sp.rcu_head, tdp_mmu_free_sp_rcu_callback)


def tdp_mmu_zap_spte(root, index, shared):
    """Make one SPTE not present: a plain store if mmu_lock is held for write, else a cmpxchg.

    REMOVED_SPTE is not present: only who put it there may overwrite it.
    """
    old = root.spt[index]
    if shared:
        while old & SPTE_MMU_PRESENT_MASK and not tdp_mmu_set_spte_atomic(root, index, old, 0):
            old = root.spt[index]
    elif old & SPTE_MMU_PRESENT_MASK:
        root.spt[index] = 0
    if PT_LEVELS > 1:
        if old & SPTE_MMU_PRESENT_MASK:
            handle_removed_pt(spte_to_child_sp(old), shared)


def tdp_mmu_zap_leaf(root, gfn):
    """Zap the leaf of `gfn` two levels down, if there is one; mmu_lock is held for write."""
    rcu_read_lock()
    sp = spte_to_child_sp(root.spt[gfn // PT_ENTRIES])
    if sp is not None and sp.spt[gfn % PT_ENTRIES] & SPTE_MMU_PRESENT_MASK:
        sp.spt[gfn % PT_ENTRIES] = 0
    rcu_read_unlock()


def tdp_mmu_iter_cond_resched(kvm, shared):
    """Let others have mmu_lock for a moment; RCU is left too."""
    rcu_read_unlock()
    if shared:
        cond_resched_rwlock_read(kvm.mmu_lock)
    else:
        cond_resched_rwlock_write(kvm.mmu_lock)
    rcu_read_lock()


def zap_gfn_range(kvm, root, can_yield, shared):
    """Zap every SPTE of `root`, from gfn 0 up.

    It may yield before each entry but the first: the kernel's iterator refuses to yield again
    before it has made progress.
    """
    rcu_read_lock()
    for index in range(PT_ENTRIES):
        if can_yield and index:
            tdp_mmu_iter_cond_resched(kvm, shared)
        tdp_mmu_zap_spte(root, index, shared)
    rcu_read_unlock()


def trace_kvm_mmu_zap_all_fast(kvm):
    """The kernel has a tracepoint of this name here; the check notes which roots exist now.

    When the fast zap has returned, none of these may have a present SPTE.
    """
    model_update_begins(kvm)


# The hardware TLB


def flush_tlb_current(vcpu):
    """The vCPU's own processor forgets what it remembers."""
    tlb_flush(vcpu)


def kvm_flush_remote_tlbs(kvm):
    """The processors of all vCPUs forget what they remember."""
    tlb_flush_all(kvm)


def guest_access(vcpu, gfn):
    """The guest uses `gfn` once: enter it, and fault where the hardware finds no translation."""
    found = 0
    while found != 1:
        vcpu_enter_guest(vcpu)
        found = tlb_access(vcpu, gfn)
        if found == 2:
            direct_page_fault(vcpu, gfn)


# The vCPU


def is_page_fault_stale(vcpu):
    """Was the root taken out of service after the vCPU loaded it?"""
    root = vcpu.arch.mmu.root
    return root.role.invalid


def kvm_tdp_mmu_map(vcpu, gfn):
    """Install the leaf SPTE for `gfn`; mmu_lock is held for read.

    The kernel does this under RCU, which protects tables below the root. With one level there are
    none, and the vCPU's own reference keeps the root.
    """
    root = vcpu.arch.mmu.root
    if PT_LEVELS > 1:
        return tdp_mmu_map_below(vcpu, root, gfn)
    ret = RET_PF_SPURIOUS
    old = root.spt[gfn]
    if not old & SPTE_MMU_PRESENT_MASK:
        new = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | (gfn + 1) << 12
        if tdp_mmu_set_spte_atomic(root, gfn, old, new):
            ret = RET_PF_FIXED
        else:
            ret = RET_PF_RETRY
    return ret


def tdp_mmu_map_below(vcpu, root, gfn):
    """Install the leaf SPTE for `gfn` in the table below `root`; gives up where it is REMOVED."""
    ret = RET_PF_RETRY
    rcu_read_lock()
    sp = tdp_mmu_table_below(vcpu, root, gfn)
    if sp is not None:
        old = sp.spt[gfn % PT_ENTRIES]
        if old & SPTE_MMU_PRESENT_MASK:
            ret = RET_PF_SPURIOUS
        elif old != REMOVED_SPTE:
            new = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | (gfn + 1) << 12
            if tdp_mmu_set_spte_atomic(sp, gfn % PT_ENTRIES, old, new):
                ret = RET_PF_FIXED
    rcu_read_unlock()
    return ret


def tdp_mmu_table_below(vcpu, root, gfn):
    """The table for `gfn` below `root`; a new one is linked in if there is none.

    None where somebody else was faster, or is removing it: then the fault is tried again.
    """
    old = root.spt[gfn // PT_ENTRIES]
    if old & SPTE_MMU_PRESENT_MASK:
        return spte_to_child_sp(old)
    if old == REMOVED_SPTE:
        return None
    sp = tdp_mmu_alloc_sp(vcpu)
    tdp_mmu_init_child_sp(sp, root, gfn)
    if tdp_mmu_set_spte_atomic(root, gfn // PT_ENTRIES, old, make_nonleaf_spte(sp)):
        return sp
    tdp_mmu_free_sp(sp)
    return None


def tdp_mmu_init_child_sp(sp, parent, gfn):
    """A child has its parent's role, one level down; its gfn is that of its first entry."""
    role = parent.role
    role.level = role.level - 1
    sp.role = role
    sp.gfn = gfn - gfn % PT_ENTRIES


def kvm_mmu_load(vcpu):
    """Give the vCPU a root, an existing one of the same role or a new one."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu.arch.mmu.root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)
    if HARDWARE_TLB:
        flush_tlb_current(vcpu)


def kvm_mmu_free_roots(vcpu):
    """The vCPU drops its root."""
    write_lock(vcpu.kvm.mmu_lock)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
    vcpu.arch.mmu.root = None
    write_unlock(vcpu.kvm.mmu_lock)


def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve KVM_REQ_MMU_FREE_OBSOLETE_ROOTS: drop the root if it is invalid.

    The kernel looks before it takes mmu_lock: the vCPU's own reference keeps the root. Looking with
    the lock held, as here, is as good while the bit is set before the request (world guest-entry).
    """
    write_lock(vcpu.kvm.mmu_lock)
    root = vcpu.arch.mmu.root
    if root is not None and root.role.invalid:
        kvm_tdp_mmu_put_root(vcpu.kvm, root, False)
        vcpu.arch.mmu.root = None
    write_unlock(vcpu.kvm.mmu_lock)


def vcpu_enter_guest(vcpu):
    """What a vCPU does on its way into the guest: serve requests, then see that it has a root."""
    if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
        kvm_mmu_free_obsolete_roots(vcpu)
    if vcpu.arch.mmu.root is None:
        kvm_mmu_load(vcpu)


# The actors


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: `faults` faults at `gfn`, then (if `unload`) it drops its root.

    With a hardware TLB its guest uses `gfn` so often, and faults where it must.

    Unloading stands for whatever makes a vCPU drop a root that is still valid (SMI and RSM
    emulation or a CR0.WP toggle before v6.4, or the end of the vCPU). Dropping the last reference
    to a valid root is what makes a root defunct.
    """
    for n in range(faults):
        if HARDWARE_TLB:
            guest_access(vcpu, gfn)
        else:
            ret = RET_PF_RETRY
            while ret == RET_PF_RETRY:
                vcpu_enter_guest(vcpu)
                ret = direct_page_fault(vcpu, gfn)
    if unload:
        kvm_mmu_free_roots(vcpu)
    if VM_TEARDOWN:
        atomic_inc(kvm.ended)


def nx_toggle_thread(kvm):
    """Somebody toggles the NX huge page mitigation: a fast zap, like a memslot update."""
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    model_update_returns(kvm)
    mutex_unlock(kvm.slots_lock)
    if VM_TEARDOWN:
        atomic_inc(kvm.ended)


def notifier_thread(kvm, gfn):
    """The host takes the page behind `gfn` away: no SPTE for it may be left in any root.

    Invalid roots count: their SPTEs still lead to the page. The walk of one gfn makes no progress
    after which it could yield, hence it needs no references to the roots.
    """
    write_lock(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if PT_LEVELS > 1:
            tdp_mmu_zap_leaf(root, gfn)
        else:
            tdp_mmu_zap_spte(root, gfn, False)
    if HARDWARE_TLB:
        kvm_flush_remote_tlbs(kvm)
    model_notifier_returns(kvm, gfn)
    write_unlock(kvm.mmu_lock)
    if VM_TEARDOWN:
        atomic_inc(kvm.ended)


def zap_all_thread(kvm):
    """Notifier release (kvm_mmu_zap_all): zap every root, invalid ones too, yielding.

    In the kernel no vCPU runs any more at this time. Here the vCPUs may still be running, so that
    nothing is asserted about the SPTEs when it is through.
    """
    write_lock(kvm.mmu_lock)
    root = tdp_mmu_next_root(kvm, None, False, False)
    while root is not None:
        tdp_mmu_zap_root(kvm, root, False)
        root = tdp_mmu_next_root(kvm, root, False, False)
    write_unlock(kvm.mmu_lock)
    if VM_TEARDOWN:
        atomic_inc(kvm.ended)


def kvm_mmu_uninit_tdp_mmu(kvm):
    """The end of the TDP MMU: nothing may be left; in 5.18's order, the queue goes first.

    From v6.4 on the TDP MMU's own references have to be given back before (the kernel does that
    without mmu_lock, since nobody else is there any more). A protocol without a queue has an empty
    one here. The order before 22b94c4b63eb, when there was no queue, is not known.
    """
    if TDP_MMU_OWNS_ROOT:
        write_lock(kvm.mmu_lock)
        kvm_tdp_mmu_invalidate_all_roots(kvm)
        write_unlock(kvm.mmu_lock)
        kvm_tdp_mmu_zap_invalidated_roots(kvm)
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
    destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    rcu_barrier()


def update_before_end_thread(kvm):
    """A memslot update of a VM that ends when all are through."""
    memslot_update_thread(kvm)
    atomic_inc(kvm.ended)


def teardown_thread(kvm, others):
    """The VM ends once the `others` are through; its vCPUs have dropped their roots by then."""
    wait_until(kvm.ended, others)
    kvm_mmu_uninit_tdp_mmu(kvm)


def zap_worker_thread(kvm):
    """A worker of the per-VM queue: one item after the other, in the order they were queued."""
    while True:
        work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)
        run_work(work)
        workqueue_done(kvm.arch.tdp_mmu_zap_wq)


def vcpu_marker_thread(kvm, vcpu, gfn, faults, unload, markers):
    """A vCPU that, after its faults, takes a root out of service, beside others who do the same.

    No kernel does this with mmu_lock held for read only; it is here to show why the helper is an
    xchg. The root is a spare one that is on no list and no vCPU runs on. Whoever is told that it
    was valid would have to queue it; that is left out.
    """
    vcpu_thread(kvm, vcpu, gfn, faults, unload)
    read_lock(kvm.mmu_lock)
    root = spare_root(kvm, vcpu, markers)
    if not kvm_tdp_root_mark_invalid(root):
        model_marked_invalid(root)
    if refcount_dec_and_test(root.tdp_mmu_root_count):
        tdp_mmu_free_sp(root)
    read_unlock(kvm.mmu_lock)


def spare_root(kvm, vcpu, users):
    """The root that `users` markers share, each with a reference; the first to come makes it."""
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    root = kvm.spare_root
    if root is None:
        root = tdp_mmu_alloc_sp(vcpu)
        root.role = vcpu.arch.mmu.root_role
        refcount_set(root.tdp_mmu_root_count, users)
        kvm.spare_root = root
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    return root
