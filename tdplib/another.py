"""
Another one: a violation that differs from those seen, not a permutation of them.

>>> from tdplib import check                                        # doctest: +SKIP
>>> verdict = check("no-gift")                                      # doctest: +SKIP
>>> print(verdict.another())                                        # doctest: +SKIP
>>> print(verdict.another())            # and one more              # doctest: +SKIP
"""

from __future__ import annotations

import html
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import permutations, product

from .errors import BadValueError
from .replay.needed import arrows, is_least, needed
from .replay.session import Session
from .replay.stepping import Runner, peek
from .vm import codes, decode

__all__ = ["Another", "Others", "Violation", "violation"]

MOST = 100_000
"""Breaking steps that are looked at for one answer."""
LARGEST = 720
"""Renamings of actors that are tried; where there are more, actors keep their names."""


@dataclass(frozen=True)
class Violation:
    """
    What makes a violation this one and no other.

    Two traces show the same violation if all of these are equal:

    property : what is broken
    place : the kind of actor, the function and the line whose operation breaks it; in a deadlock,
        those of the fewest actors that wait for each other in a circle (whoever else waits is no
        part of it); where something was left over at the end, nothing
    way : what every actor that is needed does, step by step (the functions and lines at which its
        steps act on shared memory), and which steps keep their order because they use the same
        thing (see `tdplib.replay.needed.arrows`)

    Only needed steps count (see `tdplib.replay.needed.needed`); of a deadlock those that come to
    bear on the circle. Actors that run the same function (vCPUs, memslot updates) may change their
    names, and steps that use nothing in common their order.
    """

    property: str
    place: tuple
    way: tuple

    def differs(self, others: list[Violation]) -> str:
        """Say in words in what this violation is unlike all of these."""
        alike = [other for other in others if other.property == self.property]
        if not alike:
            return f"it breaks another property, {self.property}"
        if self.place not in [other.place for other in alike]:
            return f"it breaks {self.property} at another place, {said(self.place)}"
        return f"it breaks {self.property} where one before did, but gets there another way"


def said(place: tuple) -> str:
    """Return a place in words."""
    return " and ".join(f"line {line} of {function} ({kind})" for kind, function, line in place)


def violation(trace) -> Violation:
    """
    Return what makes the violation that a trace ends with this one and no other.

    Raises BadValueError for a trace that breaks nothing.
    """
    if trace.broken is None:
        raise BadValueError("violation: the trace breaks nothing")
    session = trace.session
    least = along(session.subject, session.mode, needed(in_order(trace)).path)
    return signature(least)


def along(subject, mode: int, path) -> object:
    """Return the trace of the actors in `path`."""
    session = Session(_subject=subject, _mode=mode)
    for actor in path:
        session.step(actor)
    return session.trace()


def in_order(trace) -> object:
    """
    Return the trace with its steps in an order that depends only on which have to keep theirs.

    So two traces that differ in the order of independent steps become one. An actor goes on as
    long as it can; then comes the first that can.
    """
    before, last = [set() for _ in trace.steps], {}
    for k, step in enumerate(trace.steps):
        before[k] |= {last[step.actor]} if step.actor in last else set()
        last[step.actor] = k
    for arrow in arrows(trace):
        before[arrow.then - 1].add(arrow.first - 1)
    left, order, actors = set(range(len(before) - 1)), [], [s.actor for s in trace.steps]
    while left:
        free = [k for k in left if not before[k] & left]
        mine = [k for k in free if order and actors[k] == actors[order[-1]]]
        order.append(min(mine or free, key=lambda k: actors[k]))
        left.remove(order[-1])
    path = [actors[k] for k in order] + actors[-1:]
    session = trace.session
    if Runner(session.system, session.mode).breaks(path, trace.broken):
        return along(session.subject, session.mode, path)
    return trace


def signature(trace) -> Violation:
    """Return the violation of a trace all of whose steps are needed."""
    system = trace.session.system
    does: dict[int, list[tuple]] = defaultdict(list)
    place = {}
    for k, step in enumerate(trace.steps):
        place[k + 1] = step.actor, len(does[step.actor])
        does[step.actor].append(tuple((a.function, a.line) for a in step.actions))
    where = standing(trace)
    counts = range(1, len(trace.steps) + 1)
    if trace.broken == DEADLOCK:
        counts = bearing(trace, {actor for actor, _ in where})
    last = {place[k][0]: place[k][1] for k in counts}
    does = {actor: does[actor][: k + 1] for actor, k in last.items()}
    joins = [
        (place[arrow.first], place[arrow.then])
        for arrow in arrows(trace)
        if {arrow.first, arrow.then} <= set(counts)
    ]
    ways = []
    for names in renamings(system, sorted(does)):
        lanes = sorted((names[actor], tuple(steps)) for actor, steps in does.items())
        order = sorted(((names[a], j), (names[b], k)) for (a, j), (b, k) in joins)
        ways.append((tuple(lanes), tuple(order)))
    return Violation(trace.broken, tuple(sorted(place for _, place in where)), min(ways))


DEADLOCK, LEAK = "no-deadlock", "no-leak"


def standing(trace) -> list[tuple[int, tuple]]:
    """Return (actor, place) of who breaks the property: see `Violation`."""
    session, system = trace.session, trace.session.system
    if trace.broken == LEAK:
        return []
    if trace.broken == DEADLOCK:
        actors = session.board()["actors"]
        return [
            (k, (actors[k]["kind"], actors[k]["function"], actors[k]["line"]))
            for k in circle(system, session.states[session.cursor], session.mode)
        ]
    last = trace.steps[-1]
    action = last.actions[-1]
    return [(last.actor, (system.actors[last.actor].kind, action.function, action.line))]


def circle(system, state, mode: int) -> tuple[int, ...]:
    """Return the fewest actors that wait for each other in a circle; all, if none is to be seen."""
    every = range(len(system.actors))
    waits = {k: waits_for(system, state, k, mode) for k in every}
    found = []
    for start in every:
        ways = [(start,)]
        while ways and len(ways[0]) <= len(every):
            if closed := [way for way in ways if start in waits[way[-1]]]:
                found.append(closed[0])
                break
            ways = [(*way, k) for way in ways for k in sorted(waits[way[-1]]) if k not in way]
    return tuple(sorted(min(found, key=len))) if found else tuple(every)


def waits_for(system, state, actor: int, mode: int) -> set[int]:
    """Return the actors that a blocked actor waits for."""
    node, _ = peek(system, state, actor, mode)
    op, others = node.op, set(range(len(system.actors))) - {actor}
    if op.lock:
        held = decode.holders(system, state)[op.lock]
        names = ("writer", "readers", "waiting") if op.code == "RLOCK" else ("writer", "readers")
        return {k for name in names for k in held[name] if k != actor or op.code == "MLOCK"}
    if op.code in ("FLUSHWAIT", "FLUSHDESTROY"):
        return {k for k in others if system.actors[k].kind == "worker"}
    return set() if op.code in ("END", "WQNEXT") else others


def bearing(trace, on: set[int]) -> list[int]:
    """Return the numbers of the steps that come before what some actors do, or are their own."""
    found: set[int] = set()
    joined = arrows(trace)
    for k in range(len(trace.steps), 0, -1):
        actor = trace.steps[k - 1].actor
        later = {s.number for s in trace.steps[k:] if s.actor == actor}
        later |= {arrow.then for arrow in joined if arrow.first == k}
        if actor in on or later & found:
            found.add(k)
    return sorted(found)


def renamings(system, moving: list[int]):
    """Yield the ways to give the actors that move the names of others that run the same."""
    groups: dict[tuple, list[int]] = defaultdict(list)
    for k in moving:
        groups[system.actors[k].kind, system.actors[k].function].append(k)
    each = [[dict(zip(g, p, strict=True)) for p in permutations(range(len(g)))]
            for g in groups.values()]  # fmt: skip
    count = 1
    for choices in each:
        count *= len(choices)
    if count > LARGEST:
        each = [choices[:1] for choices in each]
    keys = list(groups)
    for chosen in product(*each):
        yield {
            actor: (*key, number)
            for key, choice in zip(keys, chosen, strict=True)
            for actor, number in choice.items()
        }


@dataclass(frozen=True)
class Another:
    """
    Another violation of the same check, or why there is none.

    trace : the shortest trace to it (least steps, then least switches), or None; reason : how it
        differs from those seen, or why there is none
    complete : whether all that can break was looked at; where it is None and `complete` is False,
        there may be one that was not found
    """

    trace: object
    reason: str
    complete: bool
    number: int = field(default=0)

    def __str__(self) -> str:
        if self.trace is None:
            return f"No other violation: {self.reason}."
        return f"Another violation: {self.reason}.\n\n{self.trace}"

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        if self.trace is None:
            return {"text/plain": str(self)}
        from .draw import draw

        shown = draw(self.trace)._repr_mimebundle_()["text/html"]
        said = f"<p>Another violation: {html.escape(self.reason)}.</p>"
        return {"text/html": said + shown, "text/plain": str(self)}


class Others:
    """
    The different violations of a verdict, one after the other.

    A violation is a step that breaks a property, from a state that can be reached, together with
    its best way there (least steps, then least switches). One whose way has steps that are not
    needed is another one with unneeded steps before it, which is shorter, so that it is no other.
    """

    def __init__(self, verdict):
        if verdict.exploration.reductions.symmetry:
            raise BadValueError("another: the search used symmetry; check without it")
        self.verdict, self.at, self.number = verdict, 0, 1
        self.seen: list[Violation] = []
        self._ways = None

    @property
    def ways(self):
        """Every violation the search met, the soonest first."""
        from .search.ways import ways

        if self._ways is None:
            self._ways = ways(self.verdict.exploration, self.verdict.properties)
        return self._ways

    def note(self, trace) -> None:
        """Count the violation of a trace as seen."""
        known = violation(trace)
        if known not in self.seen:
            self.seen.append(known)

    def next(self, most: int = MOST) -> Another:
        """Return the soonest violation that is not seen, and count it as seen."""
        verdict, found = self.verdict, self.verdict.exploration
        if verdict.status != "violated":
            return Another(None, "nothing is broken in what was visited", found.complete)
        self.note(verdict.trace)
        with found.system.lock:
            runner = Runner(found.system, found.reductions.mode)
            for k in range(self.at, min(len(self.ways), self.at + most)):
                trace = self.look(runner, k)
                if trace is not None:
                    self.at, self.number = k + 1, self.number + 1
                    how = self.seen[-1].differs(self.seen[:-1])
                    return Another(trace, how, found.complete, self.number)
            self.at = min(len(self.ways), self.at + most)
        return Another(None, self.nothing(), found.complete and self.at == len(self.ways))

    def look(self, runner: Runner, k: int):
        """Return the trace of the k-th violation if it is one that is not seen."""
        path = tuple(self.ways.path(k))
        name = codes.PROPERTIES[int(self.ways.broken[k])]

        def breaks(kept: list[int]) -> bool:
            return runner.breaks([path[j] for j in kept], name)

        if not is_least(path, breaks):
            return None
        trace = along(self.verdict.subject, self.verdict.exploration.reductions.mode, path)
        least = needed(in_order(trace)).path
        if len(least) < len(path):
            return None
        known = signature(along(self.verdict.subject, trace.session.mode, least))
        if known in self.seen:
            return None
        self.seen.append(known)
        return trace

    def nothing(self) -> str:
        """Say why no other violation was found."""
        many, found = len(self.ways), self.verdict.exploration
        seen = "the one" if len(self.seen) == 1 else f"one of the {len(self.seen)}"
        if self.at < many:
            return (
                f"{self.at:,} of the {many:,} breaking steps were looked at, and each is {seen} "
                "already seen; ask once more to go on"
            )
        if not found.complete:
            return (
                f"each of the {many:,} breaking steps that were met is {seen} already seen, but "
                f"not every interleaving was visited (stopped by: {', '.join(found.stopped_by)})"
            )
        return f"each of the {many:,} breaking steps there are is {seen} already seen"
