"""Stubs: the per-VM workqueue, and requests to vCPUs."""

from __future__ import annotations

from ._stub import not_executed

__all__ = [
    "INIT_WORK",
    "container_of",
    "destroy_workqueue",
    "flush_workqueue",
    "kvm_check_request",
    "kvm_make_all_cpus_request",
    "kvm_make_request",
    "kvm_test_request",
    "queue_work",
    "work_pending",
]


def INIT_WORK(work, function):
    """
    Prepare a work item: ``INIT_WORK(root.tdp_mmu_async_work, tdp_mmu_zap_root_work)``.

    Visible. On an item that is queued it breaks `no-double-queue`: in the kernel it would
    overwrite a linked list node. A program has one work function.
    """
    raise not_executed("INIT_WORK")


def queue_work(wq, work):
    """
    Queue a work item at the tail; gives True.

    ``queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)``. Visible. On a queued item it
    breaks `no-double-queue`; on one never initialised, or with the queue destroyed, `no-warn`.
    """
    raise not_executed("queue_work")


def work_pending(work):
    """
    Give 1 if the work item is on the queue: ``work_pending(root.tdp_mmu_async_work)``.

    Visible. One that a worker has taken off the queue to run it is pending no more.
    """
    raise not_executed("work_pending")


def flush_workqueue(wq):
    """
    Wait until everything queued or running now has finished.

    Visible. Can block: one step notes what there is, another passes when all of that has
    finished; items queued later are not waited for. v5.18: all that
    kvm_tdp_mmu_zap_invalidated_roots() does, under slots_lock and not under mmu_lock.
    """
    raise not_executed("flush_workqueue")


def destroy_workqueue(wq):
    """
    Wait as `flush_workqueue` does, then let nothing be queued any more.

    Visible. Can block: until what is queued or running has finished.
    """
    raise not_executed("destroy_workqueue")


def container_of(work, struct, member):
    """
    Give the page of a work item: ``container_of(work, kvm_mmu_page, tdp_mmu_async_work)``.

    Private.
    """
    raise not_executed("container_of")


def kvm_make_all_cpus_request(kvm, request):
    """
    Set the request bit of every vCPU, in one step.

    Visible. Kernel: v5.18 raises KVM_REQ_MMU_FREE_OBSOLETE_ROOTS with flags that kick running
    vCPUs and wait for them, and leave sleeping ones asleep; the model sets the bits and no more.
    """
    raise not_executed("kvm_make_all_cpus_request")


def kvm_make_request(request, vcpu):
    """
    Set a request bit of one vCPU.

    Visible.
    """
    raise not_executed("kvm_make_request")


def kvm_test_request(request, vcpu):
    """
    Give True if the request bit of the vCPU is set; it stays as it is.

    Visible.
    """
    raise not_executed("kvm_test_request")


def kvm_check_request(request, vcpu):
    """
    Give True if the request bit of the vCPU is set, and clear it, in one step.

    Visible. The vCPU does this on its way into the guest.
    """
    raise not_executed("kvm_check_request")
