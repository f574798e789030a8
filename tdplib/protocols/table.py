"""The table of protocols: name, file, what it is, and the verdict it must get."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TABLE", "Expected", "Row"]


@dataclass(frozen=True)
class Expected:
    """
    The verdict a protocol must get with its default scenario.

    status : ``"holds"`` or ``"violated"``
    properties : names that must be among those found broken; empty when it holds
    wasted_zap : True if the advice `wasted-zap` must come, False if it must not, None if the
        search ends before that can be told
    """

    status: str
    properties: tuple[str, ...] = ()
    wasted_zap: bool | None = None


@dataclass(frozen=True)
class Row:
    """A protocol without its text; the fields are those of `tdplib.protocols.Protocol`."""

    name: str
    title: str
    kind: str
    near: str | None
    expected: Expected
    labels: tuple[tuple[str, str], ...] = ()
    """Kind of actor -> what it is called here, where another name tells the story better."""
    text: str = ""
    """Name of the text that it has in common with others, which stand on other protocols."""

    @property
    def file(self) -> str:
        """The name of its file: that of its text or its own, with underscores."""
        return (self.text or self.name).replace("-", "_").replace(".", "_") + ".py"


def _holds(*, wasted_zap: bool) -> Expected:
    return Expected("holds", (), wasted_zap)


def _breaks(*properties: str) -> Expected:
    return Expected("violated", properties)


TABLE: tuple[Row, ...] = (
    Row("v5.17", "put delists, zaps without yielding, frees; the fast zap walks invalid roots",
        "version", None, _holds(wasted_zap=True)),
    Row("v3-list-walk", "earlier posting: put queues, the list walk puts all invalid roots",
        "patch", "v5.17", _breaks("refcount-underflow", "no-use-after-free")),
    Row("patch-21", "a worker for fast-zapped roots; each fast zap queues all (22b94c4b63eb)",
        "patch", "v5.17", _holds(wasted_zap=True)),
    Row("patch-21-skip-invalid", "patch 21, skipping roots that are invalid",
        "variant", "patch-21", _holds(wasted_zap=False)),
    Row("patch-21-sentinel", "patch 21, skipping roots that were queued before",
        "variant", "patch-21", _holds(wasted_zap=False)),
    Row("patch-22", "put marks invalid and zaps in place, yielding (8351779ce65f)",
        "patch", "patch-21", _holds(wasted_zap=True)),
    Row("patch-22-skip-invalid", "patch 22, skipping roots that are invalid: too early",
        "variant", "patch-22", _breaks("zap-complete")),
    Row("patch-22-sentinel", "patch 22, skipping roots that were queued before",
        "variant", "patch-22", _holds(wasted_zap=False)),
    Row("v5.18", "defunct roots are zapped by the worker, always; skip if invalid (efd995dae5eb)",
        "version", "patch-22", _holds(wasted_zap=False)),
    Row("patch-24-unconditional", "v5.18's put, and each fast zap queues every root",
        "variant", "v5.18", _breaks("no-double-queue")),
    Row("patch-24-sentinel", "v5.18's put, skipping roots that were queued before",
        "variant", "v5.18", _holds(wasted_zap=False)),
    Row("v6.4", "the TDP MMU owns a reference; no resurrection in put",
        "version", "v5.18", _holds(wasted_zap=False)),
    Row("v6.6", "no worker: a flag says which roots the fast zap must zap",
        "version", "v6.4", _holds(wasted_zap=False)),
    Row("xchg-plain-rmw", "v5.18, marking invalid by plain read, change and write",
        "seeded", "v5.18", _breaks("one-winner")),
    Row("flush-under-mmu-lock", "v5.18, waiting for the worker with mmu_lock held",
        "seeded", "v5.18", _breaks("no-deadlock")),
    Row("flush-without-slots-lock", "patch 21, memslot updates without slots_lock",
        "seeded", "patch-21", _breaks("no-double-queue")),
    Row("no-gift", "v5.18, queueing a root without a reference for the worker",
        "seeded", "v5.18", _breaks("no-use-after-free")),
    Row("invalid-after-unlock", "v5.18, setting `invalid` after mmu_lock is dropped",
        "seeded", "v5.18", _breaks("zap-complete")),
    Row("request-before-invalidate", "v5.18, request and invalidation in two write sections",
        "seeded", "v5.18", _breaks("no-invalid-root-loaded")),
    Row("delist-at-queue", "v5.18, taking a root off the list when it is queued",
        "seeded", "v5.18", _breaks("notifier-complete")),
    Row("stale-check-before-lock", "v5.18, looking at the root before mmu_lock is taken",
        "seeded", "v5.18", _breaks("no-spte-under-invalid-root")),
    Row("yield-at-refcount-zero", "v5.18, dropping mmu_lock between zero and refcount_set",
        "seeded", "v5.18", _breaks("no-dead-root-seen")),
)  # fmt: skip
"""Every protocol, in the order of the course."""
