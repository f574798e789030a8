"""A run in which two roots are queued, one by a put and one by a fast zap, and flushed."""

from __future__ import annotations

from collections.abc import Callable

from tdplib.draw.figures.queue import Moment
from tdplib.errors import TdplibError
from tdplib.replay.session import Session

__all__ = ["moments"]

_VCPU0, _VCPU1, _UPDATE, _WORKER = range(4)
_MOST = 60


def moments() -> tuple[Moment, ...]:
    """Play the run, and return the moments that tell its story."""
    session = Session("v5.18", "two-vcpus")
    return (
        _run(session, _VCPU0, _done(_VCPU0),
             "vCPU 0 has put the last reference to root 0. The put marks it invalid, makes the "
             "count 1, and queues it."),
        _run(session, _UPDATE, _stands(_UPDATE), "vCPU 1 has loaded root 1 and mapped a page; a "
             "memslot update takes root 1 out of service, and waits.",
             before=(_VCPU1, lambda board: _live(board, 1))),
        _run(session, _WORKER, lambda board: _running(board, 0),
             "The worker takes the oldest item. It zaps with mmu_lock held for read, and yields."),
        _run(session, _WORKER, lambda board: _running(board, 1),
             "Root 0 is zapped, put and freed. The next item is root 1."),
        _run(session, _UPDATE, _done(_UPDATE), "All is zapped, so the flush returns. vCPU 1 still "
             "sleeps: its reference keeps root 1, empty.",
             before=(_WORKER, _stands(_WORKER))),
    )  # fmt: skip


def _run(
    session: Session,
    actor: int,
    until: Callable[[dict], bool],
    says: str,
    before: tuple[int, Callable[[dict], bool]] | None = None,
) -> Moment:
    """Let `actor` run until the board is as wanted (first another, as `before` says)."""
    for who, wanted in (*((before,) if before else ()), (actor, until)):
        for _ in range(_MOST):
            if wanted(session.board()):
                break
            session.step(who)
        else:
            raise TdplibError(f"the run of the queue's figure is lost before: {says}")
    return Moment(session.board(), session.system.actors[actor].name, says)


def _done(actor: int) -> Callable[[dict], bool]:
    return lambda board: board["actors"][actor]["status"] == "done"


def _stands(actor: int) -> Callable[[dict], bool]:
    return lambda board: board["actors"][actor]["status"] in ("blocked", "idle")


def _live(board: dict, index: int) -> bool:
    roots = [root for root in board["roots"] if root["index"] == index]
    return any(spte["present"] for root in roots for spte in root["sptes"])


def _running(board: dict, index: int) -> bool:
    return any(root["running"] for root in board["roots"] if root["index"] == index)
