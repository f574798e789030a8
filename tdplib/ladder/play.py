"""One play of a level: which help was asked for, and what is told to the player."""

from __future__ import annotations

from typing import Any

from .level import Level, level
from .scoring import Score, score

__all__ = ["Play"]


class Play:
    """
    A play of one level, beside the session in which it is played.

    nudges : how much help was asked for; it counts in the score

    Examples
    --------
    >>> from tdplib.replay import Session
    >>> play, session = Play(1), Session("lost-update")
    >>> play.reach(session)
    'It can still break from here.'
    """

    def __init__(self, number: int | Level) -> None:
        self.level = level(number)
        self.nudges = 0

    def nudge(self, session: Any) -> str:
        """
        Return the next nudge: first a thought, then, once, which step leads to the bug.

        A nudge that tells nothing does not count.
        """
        if session.board()["broken"]:
            return "It is broken already: no nudge is needed."
        if self.nudges == 0:
            self.nudges = 1
            return self.level.nudge
        if self.nudges > 1:
            return "That was the last nudge of this level."
        told = self._next_step(session)
        if not told:
            return self.reach(session)
        self.nudges = 2
        return told

    def reach(self, session: Any) -> str:
        """Say whether it can still break; if not, since when it cannot."""
        here = session.board()["step"]
        if session.board()["broken"]:
            return "It is broken."
        danger = _danger(session)
        if danger is None:
            return "That is not known: the scenario is too large to be searched whole."
        if danger:
            return "It can still break from here."
        try:
            for step in range(here - 1, -1, -1):
                session.goto(step)
                if _danger(session):
                    where = f"After step {step}" if step else "At the start"
                    return f"Nothing can break any more from here. {where} it still could."
        finally:
            session.goto(here)
        return "Nothing can break here."

    def score(self, board: Any) -> Score | None:
        """Return the score where a board stands, or None while nothing is broken."""
        return score(self.level, board, self.nudges)

    def _next_step(self, session: Any) -> str:
        from ..outlook import judge

        steps = judge(session)["steps"]
        near = {k: each["steps"] for k, each in steps.items() if each["danger"]}
        if not near or len(steps) == 1:
            return ""  # nothing to choose
        name = session.board()["actors"][min(near, key=near.get)]["name"]
        if len(near) == 1:
            return f"Of your next steps only that of {name} keeps the bug within reach."
        return f"The next step on the shortest way is that of {name}."


def _danger(session: Any) -> bool | None:
    from ..outlook import judge  # late: it brings the search with it

    return judge(session)["danger"]
