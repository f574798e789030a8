"""capstone-slow-worker: as capstone, but the worker takes its time with what is not urgent.

Stage
    A fast zap notes which roots there are when it begins. The worker zaps those at once. A root
    that came later is nothing the fast zap has to wait for: the worker leaves it until the fast
    zap has returned. A fast zap that waits for such a root waits for ever.
Left out
    There is one fast zap (a second one could begin while the worker still waits). See capstone.
"""

from tdplib.lang.kernel import *


class kvm:
    a_fast_zap_runs: bool


class kvm_mmu_page:
    was_there_before: bool


def trace_kvm_mmu_zap_all_fast(kvm):
    """The fast zap begins: note which roots there are; mmu_lock is held for write."""
    model_update_begins(kvm)
    kvm.a_fast_zap_runs = True
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        root.was_there_before = True


def is_not_urgent(kvm, root):
    """Has `root` come after the fast zap began?"""
    read_lock(kvm.mmu_lock)
    later = kvm.a_fast_zap_runs and not root.was_there_before
    read_unlock(kvm.mmu_lock)
    return later


def zap_worker_thread(kvm):
    """A worker that lets what is not urgent wait until the fast zap has returned."""
    while True:
        work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)
        root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
        if is_not_urgent(kvm, root):
            mutex_lock(kvm.slots_lock)
            mutex_unlock(kvm.slots_lock)
        run_work(work)
        workqueue_done(kvm.arch.tdp_mmu_zap_wq)
