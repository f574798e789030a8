"""
The state space of a small scenario as a graph to look at: every state, and who leads where.

>>> from tdplib.statespace import statespace
>>> statespace("lost-update").total
27
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .errors import BadValueError
from .replay.board import locals_of
from .replay.narrate import namer
from .vm import codes, decode

__all__ = ["MOST", "Node", "Space", "statespace"]

MOST = 400
"""States drawn at most."""
VIOLATIONS = "violations"
LARGEST = 500_000
"""A scenario with more states is visited so far and no further."""


@dataclass(frozen=True)
class Node:
    """
    A state that is drawn, or the breaking of a property, which leads to none.

    Attributes
    ----------
    state : its number in the search, the start is 0; of a broken property the state it breaks in
    kind : "start", "inner", "end" (nobody moves any more, and all is well), "stuck" (nobody can
        move, and that is wrong), "broken", or "edge" (its steps were not followed)
    depth : how many steps lead there at least; told : the state in a line
    way : the actors of the best way there; hidden : how many of its steps lead to what is not drawn
    """

    state: int
    kind: str
    depth: int
    told: str
    way: tuple[int, ...]
    hidden: int = 0


@dataclass(frozen=True)
class Space:
    """
    What of a state space is drawn.

    Attributes
    ----------
    nodes : in breadth-first order, the start first; edges : (from, to, actor), by their places
    actors : names; total : states there are, as far as they were visited; complete : all were
    note : what is left out and how to see it, or ""
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int, int], ...]
    actors: tuple[str, ...]
    total: int
    complete: bool
    note: str
    subject: object = field(repr=False, compare=False)
    exploration: object = field(repr=False, compare=False)

    def session(self, place: int):
        """Return a `Session` that has come the best way to a node, a step as the search has it."""
        from .replay.session import Session

        session = Session(_subject=self.subject, _mode=self.exploration.reductions.mode)
        for actor in self.nodes[place].way:
            session.step(actor)
        return session

    def place(self, session) -> int | None:
        """Return the place of the node where a session stands; None if that is not drawn."""
        from .search.graph import number_of

        session.repack()
        broken = session.cursor and session.taken[session.cursor - 1].broken
        packed = session.states[session.cursor - bool(broken)]
        if session.image is not self.exploration.system.image:
            return None
        with self.exploration.system.lock:
            number = number_of(self.exploration, packed)
        for place, node in enumerate(self.nodes):
            if node.state == number and (node.kind == "broken") == bool(broken):
                if not broken or broken.name in node.told:
                    return place
        return None

    def __str__(self) -> str:
        from .draw.space import space_text

        return space_text(self)

    __repr__ = __str__


def statespace(what="lost-update", scenario=None, *, cut=None) -> Space:
    """
    Return the graph of a scenario's states.

    Parameters
    ----------
    what : a protocol's name, or a verdict of `check` (for code of one's own)
    scenario : a name or a `Scenario`; None for the protocol's own. Not with a verdict, which has it
    cut : which part of a graph of more than `MOST` states is drawn: "violations", the best ways to
        the soonest violations; a number, the states so many steps from the start; None: all if it
        can be, else the ways to violations if there are any, else as many steps as can be

    Raises
    ------
    BadValueError : a name that does not exist; a cut that leaves too many states, or nothing
    """
    found, about = explored(what, scenario)
    with found.system.lock:
        made = Drawing(found, about)
        return made.space(made.chosen(cut))


def explored(what, scenario):
    """Return the exploration and the subject that `statespace` is asked about."""
    from .replay.subject import subject
    from .search.explore import Limits, explore

    if isinstance(what, str):
        about = subject(what, scenario=scenario)
        return explore(about.system, limits=Limits(states=LARGEST)), about
    if not hasattr(what, "exploration"):
        raise BadValueError(
            f"statespace: {type(what).__name__} is neither a protocol's name nor a verdict of check"
        )
    if scenario is not None:
        raise BadValueError("statespace: a verdict has its scenario; leave `scenario` out")
    if what.exploration.arrays is None:
        raise BadValueError("statespace: this check was ended early and its states were let go")
    return what.exploration, what.subject


class Drawing:
    """Chooses the states to draw and says in a line what each is."""

    def __init__(self, found, about):
        from .search.graph import edges
        from .search.ways import ways

        self.found, self.about = found, about
        self.first, self.actor, self.target, self.ends = edges(found)
        self.ways = ways(found)
        self.bounds = np.cumsum([0, *found.layers])
        breaking = (self.target < 0) & (self.target >= -len(codes.PROPERTIES))
        source = np.searchsorted(self.first, np.flatnonzero(breaking), side="right") - 1
        pairs = np.stack([source, -1 - self.target[breaking]], axis=1)
        self.broken = np.unique(pairs, axis=0)
        """Rows (state, property) of what is broken by a step, each drawn as a node of its own."""
        self.note = ""

    def size(self, chosen: np.ndarray) -> int:
        """Return how many nodes are drawn for some states."""
        return chosen.size + int(np.isin(self.broken[:, 0], chosen).sum())

    def within(self, depth: int) -> np.ndarray:
        """Return the states at most so many steps from the start."""
        return np.arange(self.bounds[min(depth + 1, self.bounds.size - 1)])

    def chosen(self, cut) -> np.ndarray:
        """Return the numbers of the states to draw; sets the note."""
        total, every = self.found.states, self.within(self.found.depth + 1)
        if cut is None and self.size(every) <= MOST:
            return every
        deepest = max(
            (d for d in range(self.found.depth + 1) if self.size(self.within(d)) <= MOST), default=0
        )
        other = f"cut={deepest} draws all that is at most {deepest} steps from the start"
        if cut == VIOLATIONS or (cut is None and len(self.ways)):
            states, many = self.to_violations()
            some = "the violation" if many == 1 else f"the {many} soonest violations"
            self.note = (
                f"{total:,} states are there; drawn are the {states.size} on the shortest ways to "
                f"{some} of {len(self.ways):,}. {other}."
            )
            return states
        depth = deepest if cut is None else cut
        if not isinstance(depth, int) or isinstance(depth, bool) or depth < 0:
            raise BadValueError(f"statespace: cut is {cut!r}, must be {VIOLATIONS!r} or a number")
        states = self.within(depth)
        if self.size(states) > MOST:
            raise BadValueError(
                f"statespace: cut={cut} leaves {states.size:,} states, and at most {MOST} can be "
                f"drawn; {other}"
            )
        if states.size < total:
            self.note = (
                f"{total:,} states are there; drawn are the {states.size} that are at most {depth} "
                "steps from the start." + (f' cut="{VIOLATIONS}" draws the ways to what breaks.'
                                           if len(self.ways) else "")
            )  # fmt: skip
        return states

    def to_violations(self) -> tuple[np.ndarray, int]:
        """Return the states on the best ways to the soonest violations, and to how many."""
        if not len(self.ways):
            raise BadValueError("statespace: nothing breaks, so that no way leads to a violation")
        states, many = {0}, 0
        for k in range(len(self.ways)):
            way = self.ways.passed(int(self.ways.state[k]), int(self.ways.actor[k]))
            more = states | {state for state, _ in way}
            if k and self.size(np.array(sorted(more))) > MOST:
                break
            states, many = more, k + 1
        return np.array(sorted(states)), many

    def space(self, chosen: np.ndarray) -> Space:
        """Return the graph of the chosen states."""
        names = tuple(actor.name for actor in self.found.system.actors)
        at = {int(state): k for k, state in enumerate(chosen)}
        nodes = [self.node(int(state)) for state in chosen]
        seen = {int(state) for state in chosen}
        ends: dict[tuple[int, int], int] = {}
        for state, prop in self.broken.tolist():
            if state in seen:
                ends[state, -1 - prop] = len(nodes)
                nodes.append(self.breaking(state, prop, names))
        edges = []
        for k, state in enumerate(chosen.tolist()):
            for edge in range(self.first[state], self.first[state + 1]):
                to, who = int(self.target[edge]), int(self.actor[edge])
                place = at.get(to, ends.get((state, to)))
                if place is None:
                    nodes[k] = replace(nodes[k], hidden=nodes[k].hidden + 1)
                else:
                    edges.append((k, place, who))
        scenario = getattr(self.about.scenario, "name", self.about.scenario)
        own = "+code" if self.about.own is not None else ""
        title = f"{self.about.protocol}{own}, scenario {scenario}"
        found = self.found
        return Space(title, tuple(nodes), tuple(edges), names, found.states, found.complete,
                     self.note, self.about, found)  # fmt: skip

    def node(self, state: int) -> Node:
        """Return the node of a state."""
        depth = int(np.searchsorted(self.bounds, state, side="right")) - 1
        ended = self.first[state] == self.first[state + 1]
        kind, more = ("start" if state == 0 else "inner"), ""
        if state >= self.found.expanded:
            kind, more = "edge", "; its steps were not followed"
        elif self.ends[state] >= 0:
            kind, more = "stuck", f"; nobody can move, which breaks {self.name(self.ends[state])}"
        elif ended:
            kind, more = "end", "; nobody moves any more, and all is well"
        way = tuple(self.ways.to(state))
        return Node(state, kind, depth, f"{self.stands(state)}{more}", way)

    def breaking(self, state: int, prop: int, names: tuple[str, ...]) -> Node:
        """Return the node of a property that some step from a state breaks."""
        span = slice(int(self.first[state]), int(self.first[state + 1]))
        who = int(self.actor[span][self.target[span] == -1 - prop][0])
        depth = int(np.searchsorted(self.bounds, state, side="right"))
        told = f"{names[who]} breaks {self.name(prop)}; the path ends"
        return Node(state, "broken", depth, told, (*self.ways.to(state, who), who))

    @staticmethod
    def name(prop: int) -> str:
        """Return the name of a property."""
        return codes.PROPERTIES[int(prop)]

    def stands(self, state: int) -> str:
        """Say where every actor stands."""
        system, packed = self.found.system, self.found.arrays.states[state]
        told = []
        for k, actor in enumerate(system.actors):
            stands = decode.standing(system, packed, k)
            op = stands.node.op
            frame = system.codes[k][0].program.frames[op.frame]
            held = locals_of(stands, frame, namer(system, packed))
            mine = f" ({', '.join(f'{n} = {v}' for n, v in held.items())})" if held else ""
            where = f"at line {op.line} of {frame.function}{mine}"
            told.append(f"{actor.name} {'has ended' if op.code == 'END' else where}")
        return ", ".join(told)
