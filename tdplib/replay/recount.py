"""The same path counted in other steps: those of a search with other reductions, or with none."""

from __future__ import annotations

from .session import Session
from .stepping import BlockedError
from .subject import Subject


def recount(session: Session, mode: int, subject: Subject | None = None) -> Session:
    """
    Return a session that has gone the path of `session`, in the steps of another mode.

    mode : reduction bits, fewer than those of `session` (0: every atomic action is a step)
    subject : what to follow it on, if that is not the session's own: the actors' code must be the
        same
    """
    made = Session(_subject=subject or session.subject, _mode=mode)
    room = [0] * len(made.system.actors)
    for actor, taken in zip(session.path, session.taken, strict=True):
        room[actor] += len(taken.happened)
        while room[actor] > 0 and not made.ended() and _follow(made, actor, room):
            pass
    return made


def _follow(made: Session, actor: int, room: list[int]) -> bool:
    """
    Let `actor` take one step if `session` has come as far as what it does to shared memory.

    Private work before that may be done already, and after it may still be to do: with other
    reductions a step ends elsewhere in it.
    """
    try:
        made.step(actor)
    except BlockedError:
        return False
    happened = made.taken[-1].happened
    acts = next((k for k, h in enumerate(happened) if h.node.op.visible), len(happened) - 1)
    if acts >= room[actor]:
        made.undo()
        return False
    room[actor] -= len(happened)
    return True
