"""
What each next step leads to: how near a violation is, or that none can come any more.

The whole graph of a scenario is known once it has been searched; so of any state on the way it can
be told what may still happen, as a chess program judges a position.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .properties import Property
from .replay.session import Session
from .replay.subject import Subject
from .vm import codes

__all__ = [
    "MOST_STATES", "Next", "Outlook", "is_judged", "judge", "judge_end", "judge_state", "outlook",
]  # fmt: skip

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

    def open(self, packed: np.ndarray) -> tuple[str, ...] | None:
        """
        Return every property that some path from a packed state breaks.

        None if the state was not visited, or not all that follows is known.
        """
        number = self._number(packed)
        if number is None or not self.complete:
            return None
        mask = int(self._open[number])
        return tuple(name for k, name in enumerate(codes.PROPERTIES) if mask >> k & 1)

    @cached_property
    def _open(self) -> np.ndarray:
        """Of each state the properties that can still break, one bit each."""
        graph = self._graph
        targets, first = graph.target.astype(np.int64), graph.first.astype(np.int64)
        own = np.zeros(self.states, np.int64)
        ends = graph.steps == 0
        own[ends] = 1 << graph.broken[ends].astype(np.int64)
        breaking = np.zeros(targets.size, np.int64)
        here = (targets < 0) & (targets >= -len(codes.PROPERTIES))
        breaking[here] = 1 << (-1 - targets[here])
        goes = targets >= 0
        moves = first[:-1] < first[1:]  # states that have an edge
        while True:
            edges = breaking.copy()
            edges[goes] = own[targets[goes]]
            more = own.copy()
            if edges.size:
                more[moves] |= np.bitwise_or.reduceat(edges, first[:-1][moves])
            if (more == own).all():
                return own
            own = more

    def said_by(self) -> list[np.ndarray]:
        """Return, of each state in the search's order, what all that is said of it follows from."""
        graph = self._graph
        opened = self._open if self.complete else np.zeros(self.states, np.int64)
        return [graph.steps.astype(np.int64), graph.broken.astype(np.int64), opened]

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
    if isinstance(session, Session):
        session.repack()  # the search may have widened the packed states
    wanted = codes.PROPERTIES if properties is None else tuple(properties)
    return Outlook(found.complete, found.states, found, graph(found, wanted))


TOO_LARGE = "not known: the scenario is too large to visit whole"
BOUNDED = "not known: a bound of the model was met, so the scenario was not visited whole"
SAFE_WORDS = "nothing can go wrong from here"


def judge(session: Session) -> dict:
    """
    Return what can come of the state a session stands at, and of each step from it, in words.

    `here`, a sentence; `danger`, True, False or None for not known; `steps`, by actor number a
    dictionary of `text`, `danger`, `steps` and `property`; `open` and `settled`, the properties
    that can still break, and those that could at the start and cannot any more (None: not known).

    The graph is searched at the first call and kept with the session.
    """
    with session.lock:
        session.repack()
        if session.judged is None or session.judged[0] is not session.image:
            made = outlook(session)
            session.judged = session.image, made
        made, packed = session.judged[1], session.states[session.cursor]
        if session.ended():
            return judge_end(session.broken())
        return judge_state(made, packed, session.states[0])


def judge_end(broken: Property | None) -> dict:
    """Return what `judge` says where the path ends: at a broken property, or (None) at a bound."""
    words = f"{broken.name} is broken, and the path ends" if broken else BOUNDED
    return _record(words, broken is not None or None, {}, (), ())


def judge_state(made: Outlook, packed: np.ndarray, start: np.ndarray) -> dict:
    """
    Return what `judge` says of a packed state.

    start : the packed state at the start, to tell what has been decided since
    """
    if not made.complete:
        words = TOO_LARGE if made.states >= MOST_STATES else BOUNDED
        steps = {actor: _told(None, words) for actor in made.steps(packed)}
        return _record(words, None, steps, None, None)
    now = made.state(packed)
    if now is None:
        return _record(BOUNDED, None, {}, None, None)
    still, first = made.open(packed), made.open(start)
    settled = tuple(name for name in first if name not in still)
    here = f"{now.property} is broken here" if now.steps == 0 else _words(now)
    steps = {actor: _told(step) for actor, step in made.steps(packed).items()}
    return _record(here, now.steps is not None, steps, still, settled)


def is_judged(session: Session) -> bool:
    """Tell whether `judge` would answer at once: the graph has been searched."""
    return session.judged is not None and session.judged[0] is session.system.image


def _record(here, danger, steps, still, settled) -> dict:
    return {"here": here, "danger": danger, "steps": steps, "open": still, "settled": settled}


def _told(step: Next | None, unknown: str = BOUNDED) -> dict:
    if step is None:
        return {"text": unknown, "danger": None, "steps": None, "property": None}
    text = f"breaks {step.property}" if step.steps == 1 else _words(step)
    return {"text": text, "danger": step.steps is not None, "steps": step.steps,
            "property": step.property}  # fmt: skip


def _words(step: Next) -> str:
    if step.steps is None:
        return SAFE_WORDS
    steps = "1 step" if step.steps == 1 else f"{step.steps} steps"
    return f"a violation can still happen: {steps}, {step.property}"
