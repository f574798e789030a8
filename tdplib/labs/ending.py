"""
Whether an answer comes to an end.

Nothing breaks in a program that loops for ever: it never arrives where something is asserted. So a
search that holds is worth something only if everybody can get done; here that is tried on one fair
schedule, in which each actor that can move takes one step a round.
"""

from __future__ import annotations

from typing import Any

__all__ = ["never_ends"]

ROUNDS = 100
"""The scenarios of the labs are done in about 20."""


def never_ends(code: Any, base: str, scenario: Any) -> str | None:
    """
    Return who is still running after `ROUNDS` fair rounds, and where; None if everybody got done.

    code, base, scenario : as for `tdplib.check`, which has said that nothing breaks
    """
    from tdplib.replay import BlockedError, Session

    session = Session(base, scenario, code=code)
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
        "Nothing breaks, because nothing gets done: after "
        f"{len(session.board()['timeline'])} steps, {running['name']} is still in "
        f"`{running['function']}`, line {running['line']}."
    )
