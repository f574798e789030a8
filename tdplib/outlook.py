"""
What each next step leads to: how near a violation is, or that none can come any more.

The whole graph of a scenario is known once it has been searched; so of any state on the way it can
be told what may still happen, as a chess program judges a position.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .replay.session import Session
from .replay.subject import Subject
from .vm import codes

__all__ = ["MOST_STATES", "Next", "Outlook", "outlook"]

MOST_STATES = 500_000
"""A larger scenario is judged as far as it was visited, and `complete` is False."""


@dataclass(frozen=True)
class Next:
    """
    What a step, or a state, leads to.

    steps : least number of steps to a violation, this one counted; 0 if the state itself is one (a
        deadlock, a leak); None if no violation can come (or, where the outlook is not complete, if
        none is known)
    property : the property broken then, or None
    """

    steps: int | None
    property: str | None


SAFE = Next(None, None)


@dataclass(frozen=True)
class Outlook:
    """
    The judged graph of one subject.

    complete : every reachable state was visited; else "no violation" means "none is known"
    states : how many were visited
    """

    complete: bool
    states: int
    _found: object = field(repr=False, compare=False)
    _graph: object = field(repr=False, compare=False)

    def state(self, packed: np.ndarray) -> Next | None:
        """Return what can come from a packed state; None if it was not visited."""
        number = self._number(packed)
        return None if number is None else self._after(number)

    def steps(self, packed: np.ndarray) -> dict[int, Next | None]:
        """
        Return, by actor, what its next step leads to; actors that cannot move are left out.

        None stands for a step that leads out of what was visited.
        """
        number = self._number(packed)
        if number is None:
            return {}
        return {actor: self._next(target) for actor, target in self._graph.edges(number)}

    def _number(self, packed):
        from .search.graph import number_of

        return number_of(self._found, packed)

    def _after(self, number):
        steps, broken = int(self._graph.steps[number]), int(self._graph.broken[number])
        return SAFE if broken < 0 else Next(steps, codes.PROPERTIES[broken])

    def _next(self, target):
        from .search._edges import BEYOND

        if target == BEYOND:
            return None
        if target < 0:
            return Next(1, codes.PROPERTIES[-1 - target])
        after = self._after(target)
        return SAFE if after.steps is None else Next(after.steps + 1, after.property)


def outlook(session: Session | Subject, *, properties: tuple[str, ...] | None = None) -> Outlook:
    """
    Search a session's scenario and judge every state of it.

    session : a `Session` (its size of steps is kept), or a subject (steps as `check` counts them)
    properties : names of those that count; None: all

    Examples
    --------
    >>> from tdplib.replay import Session
    >>> session = Session("lost-update")
    >>> judged = outlook(session)
    >>> judged.state(session.states[0])
    Next(steps=7, property='no-warn')
    """
    from .search.explore import Limits, Reductions, explore
    from .search.graph import graph

    about = session.subject if isinstance(session, Session) else session
    mode = session.mode if isinstance(session, Session) else Reductions().mode
    on = Reductions(bool(mode & 1), bool(mode & 2), bool(mode & 4))
    found = explore(about.system, reductions=on, limits=Limits(states=MOST_STATES))
    wanted = codes.PROPERTIES if properties is None else tuple(properties)
    return Outlook(found.complete, found.states, found, graph(found, wanted))
