"""The same path counted in other steps: those of a search with other reductions, or with none."""

from __future__ import annotations

from .session import Session
from .subject import Subject


def recount(session: Session, mode: int, subject: Subject | None = None) -> Session:
    """
    Return a session that has gone the path of `session`, in the steps of another mode.

    mode : reduction bits, fewer than those of `session` (0: every atomic action is a step)
    subject : what to follow it on, if that is not the session's own: the actors' code must be the
        same
    """
    made = Session(_subject=subject or session.subject, _mode=mode)
    for actor, taken in zip(session.path, session.taken, strict=True):
        todo = len(taken.happened)
        while todo > 0:
            made.step(actor)
            todo -= len(made.taken[-1].happened)
    return made
