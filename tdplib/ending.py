"""
Whether what a search found to hold comes to an end.

Nothing breaks in a program that loops for ever: it never arrives where something is asserted. So a
search that holds is worth something only if everybody can get done: from each state that was
visited, by some way; and on one fair schedule, in which each actor that can move takes one step a
round.
"""

from __future__ import annotations

from typing import Any

__all__ = ["never_ends"]

ROUNDS = 100
"""The scenarios of the labs are done in about 20."""


def never_ends(verdict: Any) -> tuple[str, Any] | None:
    """
    Return a sentence on who runs for ever, and a trace to where that begins; None if nobody does.

    verdict : a `tdplib.check.Verdict` that holds. The trace is None if it begins at once.
    """
    from tdplib.replay import Session

    if verdict.endless is not None:
        session = Session.from_trace(verdict.endless)
        session.goto(len(session.steps))
        before = len(session.steps)
        who = still_running(session)
        return f"Nothing breaks, but from step {before} on not everybody can end: {who}", (
            verdict.endless if before else None
        )
    session = Session(_subject=verdict.subject)
    who = still_running(session)
    return who and (f"Nothing breaks, because nothing gets done: {who}", None)


def still_running(session: Any) -> str | None:
    """Return who is still running after `ROUNDS` fair rounds more, and where; None if nobody."""
    from tdplib.replay import BlockedError

    actors = range(len(session.board()["actors"]))
    for _ in range(ROUNDS):
        moved = False
        for actor in actors:
            try:
                session.step(actor)
            except BlockedError:
                continue
            moved = True
        if not moved:
            return None
    running = next(actor for actor in session.board()["actors"] if actor["status"] == "ready")
    return (
        f"after {len(session.board()['timeline'])} steps, {running['name']} is still in "
        f"`{running['function']}`, line {running['line']}."
    )
