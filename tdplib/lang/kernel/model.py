"""Stubs: what the actors in `protocols/_shared.py` tell the model; learners need none of it."""

from __future__ import annotations

from ._stub import not_executed

__all__ = [
    "model_marked_invalid",
    "model_notifier_returns",
    "model_update_begins",
    "model_update_returns",
    "model_zap_begins",
    "model_zap_ends",
    "run_work",
    "tlb_access",
    "tlb_flush",
    "tlb_flush_all",
    "wait_until",
    "workqueue_done",
    "workqueue_next",
]


def workqueue_next(wq):
    """
    Take the oldest item of the queue to run it; give its work pointer.

    Visible. Can block: while nothing is queued (the worker is idle, which counts as done).
    """
    raise not_executed("workqueue_next")


def run_work(work):
    """
    Call the program's work function with this item.

    Private: what the function does counts by itself.
    """
    raise not_executed("run_work")


def workqueue_done(wq):
    """
    Say that the item this worker runs is finished.

    Visible.
    """
    raise not_executed("workqueue_done")


def wait_until(field, value):
    """
    Wait until a field has a value.

    Visible. Can block: while it has another.
    """
    raise not_executed("wait_until")


def tlb_access(vcpu, gfn):
    """
    Let the guest use `gfn`: by a translation its processor holds, else by a walk of its root.

    Visible. Gives 0 if a request is pending (the vCPU is not in the guest), 1 if it went through,
    2 if there is no translation: a fault. One that is out of date breaks `tlb-complete`.
    """
    raise not_executed("tlb_access")


def tlb_flush(vcpu):
    """
    Make the vCPU's processor forget all translations.

    Visible. Protocols call `flush_tlb_current`.
    """
    raise not_executed("tlb_flush")


def tlb_flush_all(kvm):
    """
    Make the processors of all vCPUs forget all translations.

    Visible. Protocols call `kvm_flush_remote_tlbs`.
    """
    raise not_executed("tlb_flush_all")


def model_update_begins(kvm):
    """
    Note every page that is allocated and not freed, for `model_update_returns`.

    Visible.
    """
    raise not_executed("model_update_begins")


def model_update_returns(kvm):
    """
    Break `zap-complete` if a noted page, not freed, has an SPTE that is present.

    Visible.
    """
    raise not_executed("model_update_returns")


def model_notifier_returns(kvm, i):
    """
    Break `notifier-complete` if any page, not freed, has a present SPTE for gfn `i`.

    Visible. With one level that is ``spt[i]``; see REFERENCE.md for two.
    """
    raise not_executed("model_notifier_returns")


def model_zap_begins(page):
    """
    Say that a zap of the page begins; if it was zapped to the end before: advice `wasted-zap`.

    Visible.
    """
    raise not_executed("model_zap_begins")


def model_zap_ends(page):
    """
    Say that the page is zapped to the end.

    Visible.
    """
    raise not_executed("model_zap_ends")


def model_marked_invalid(page):
    """
    Say that the caller is the one who marked the page invalid; a second one breaks `one-winner`.

    Visible.
    """
    raise not_executed("model_marked_invalid")
