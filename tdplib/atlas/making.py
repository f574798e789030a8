"""Making an atlas: search, then tell each state and each step that differs from those before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import TdplibError
from ..outlook import Outlook, judge_end, judge_state
from ..replay import board as boards
from ..replay.session import Session
from ..replay.stepping import take
from ..replay.subject import Subject
from ..replay.trace import Action, tell
from ..replay.uses import Use, uses
from ..vm import codes
from .rows import numbered, own_bits, shared_bits

__all__ = ["MOST_STATES", "Atlas", "Tale", "TooLargeError", "atlas"]

MOST_STATES = 20_000
"""A scenario with more states gets no atlas unless more are asked for."""
BROKEN = "a property is broken: the path ends here"


class TooLargeError(TdplibError):
    """A scenario has more states than an atlas was to have; `most` is that bound."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the scenario has more than {most:,} states")
        self.most = most


@dataclass(frozen=True)
class Tale:
    """What a step does, in words; what it uses; and whether it gives rise to advice."""

    actions: tuple[Action, ...]
    uses: tuple[Use, ...]
    advice: bool


@dataclass(frozen=True)
class Atlas:
    """
    Every state of a scenario, and every step, in words.

    A row is a state: first those that were visited, in the order of the search, row 0 the start;
    then those where a path ends because its last step broke a property, or met a bound.

    Attributes
    ----------
    session : a session of the scenario, at its start
    complete : every state was visited, and no bound was met
    states : how many rows are states that were visited
    first, actor, target, tale : the steps from row `s` are `first[s]` .. `first[s + 1]` - 1; of
        each who takes it, to which row, and its number in `tales`
    broken : of each row the property that is broken there, or None
    ended : of each row why no step can follow, or "" (then somebody can move, or all is said by
        the entries of the actors)
    world, worlds : of each row the number of its shared state; those states, as in a Board
    kinds : of each shared state what each page slot is: "root", "table", or "" for neither
    entry, entries : of each row and actor the number of the actor's entry in a Board; the entries
    judged : of each row what `tdplib.outlook.judge` says of it, without its `steps`
    leads_to : of each row what the judge says of a step that leads there, or None of the start
    """

    session: Session
    complete: bool
    states: int
    first: np.ndarray
    actor: np.ndarray
    target: np.ndarray
    tale: np.ndarray
    tales: list[Tale]
    broken: list[str | None]
    ended: list[str]
    world: np.ndarray
    worlds: list[dict]
    kinds: list[list[str]]
    entry: np.ndarray
    entries: list[dict]
    judged: list[dict]
    leads_to: list[dict | None]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.broken)

    def steps(self, row: int) -> dict[int, int]:
        """Return the steps from a row: actor -> number of the step."""
        span = range(int(self.first[row]), int(self.first[row + 1]))
        return {int(self.actor[edge]): edge for edge in span}


def atlas(
    subject: Subject,
    mode: int = 7,
    *,
    most: int = MOST_STATES,
    progress: Callable[[float], None] | None = None,
) -> Atlas:
    """
    Return the atlas of a subject.

    Parameters
    ----------
    subject : what is looked at: `session.subject` of a session, `verdict.subject` of a verdict
    mode : what counts as one step; `session.mode` of a session, or 7 as `check` counts
    most : the most states it may have
    progress : called every so often with the part that is done, 0 to 1

    Raises
    ------
    TooLargeError
        The scenario has more states than `most`.

    Examples
    --------
    >>> from tdplib.replay import Session
    >>> made = atlas(Session("lost-update").subject)
    >>> made.states, made.broken[made.states:]
    (27, ['no-warn', 'no-warn'])
    """
    from ..search.explore import Limits, Reductions, explore
    from ..search.graph import graph

    on = Reductions(bool(mode & 1), bool(mode & 2), bool(mode & 4))
    found = explore(subject.system, reductions=on, limits=Limits(states=most + 1))
    if found.states > most:
        raise TooLargeError(most)
    known = graph(found)
    maker = _Maker(
        Session(_subject=subject, _mode=mode), found, known, progress or (lambda _: None)
    )
    return maker.make(Outlook(found.complete, found.states, found, known))


class _Maker:
    """Fills the fields of an atlas, one after the other."""

    def __init__(self, session: Session, found: object, graph: object, progress: Callable):
        self.session, self.system, self.graph = session, session.system, graph
        self.visited = found.arrays.states[: found.states]
        self.rows = [*self.visited]
        self.progress = progress
        self.ends = {at: codes.PROPERTIES[k] for at, k in enumerate(graph.broken.tolist())
                     if graph.steps[at] == 0}  # fmt: skip
        self.ended: dict[int, tuple[str, object]] = {}
        """Row -> why no step follows, and the property that was broken, or None."""

    def make(self, outlook: Outlook) -> Atlas:
        tale, tales, target = self.all_steps()
        rows = np.array(self.rows)
        own = own_bits(self.system, rows)
        world = shared_bits(self.system, rows, own)
        worlds, kinds = self.all_worlds(rows, world)
        entry, entries = self.all_entries(rows, own, world)
        judged, leads_to = self.all_judged(outlook, target)
        first = np.append(self.graph.first, np.full(len(self.ended), target.size))
        broken = [self.broken(row) for row in range(len(rows))]
        ended = [""] * len(self.visited) + [reason for reason, _ in self.ended.values()]
        return Atlas(
            self.session, outlook.complete, len(self.visited), first, self.graph.actor, target,
            tale, tales, broken, ended, world, worlds, kinds, entry, entries, judged, leads_to,
        )  # fmt: skip

    def broken(self, row: int) -> str | None:
        if row in self.ended:
            return self.ended[row][1] and self.ended[row][1].name
        return self.ends.get(row)

    def all_steps(self) -> tuple[np.ndarray, list[Tale], np.ndarray]:
        """Tell every step; give each that breaks something or meets a bound a row to lead to."""
        graph, target = self.graph, self.graph.target.copy()
        own = own_bits(self.system, self.visited)
        shared = shared_bits(self.system, self.visited, own)
        tale, tales, known = np.zeros(target.size, np.int64), {}, {}
        ends: dict[tuple, int] = {}
        for row in range(len(self.visited)):
            if row % 256 == 0:
                self.progress(0.6 * row / len(self.visited))
            for edge in range(int(graph.first[row]), int(graph.first[row + 1])):
                actor = int(graph.actor[edge])
                key = actor, int(own[row, actor]), int(shared[row])
                if key not in known or target[edge] < 0:
                    taken = take(self.system, self.visited[row], actor, self.session.mode)
                    if target[edge] < 0:
                        target[edge] = self.end(taken, ends)
                    known[key] = tales.setdefault(self.tale(actor, taken), len(tales))
                tale[edge] = known[key]
        return tale, list(tales), target

    def tale(self, actor: int, taken: object) -> Tale:
        actions = tell(self.system, actor, taken, lambda system, happened: ())
        used = [use for each in taken.happened for use in uses(self.system, actor, each)]
        return Tale(actions, tuple(dict.fromkeys(used)), taken.advice)

    def end(self, taken: object, ends: dict[tuple, int]) -> int:
        """Return the row of the state in which a step stops short."""
        reason = BROKEN if taken.broken else f"a bound of the model is met ({taken.bound})"
        before = taken.happened[-1].before
        key = before.tobytes(), reason, taken.broken and taken.broken.name
        if key not in ends:
            ends[key] = len(self.rows)
            self.ended[len(self.rows)] = reason, taken.broken
            self.rows.append(before)
        return ends[key]

    def all_worlds(self, rows: np.ndarray, world: np.ndarray) -> tuple[list[dict], list[list[str]]]:
        """Return the shared states, equal parts the same object; and of each its slots' kinds."""
        kept: dict[str, object] = {}
        found, kinds, nothing = [], [], [""] * self.system.pages
        for number, at in enumerate(np.unique(world, return_index=True)[1]):
            if number % 256 == 0:
                self.progress(0.6 + 0.2 * at / len(rows))
            parts = boards.state_entries(self.system, rows[at])
            found.append({name: _same(part, kept) for name, part in parts.items()})
            kinds.append(boards.slot_kinds(self.system, rows[at], nothing))
        return found, kinds

    def all_entries(
        self, rows: np.ndarray, own: np.ndarray, world: np.ndarray
    ) -> tuple[np.ndarray, list[dict]]:
        """
        Return each actor's entry in each row.

        Where it can move it depends on the actor's own bits; else also on whom it waits for; and
        always on the roots' names where tables are named too.
        """
        entry, kept, entries = np.zeros(own.shape, np.int64), {}, []
        moves = np.zeros(own.shape, np.bool_)
        sources = np.repeat(np.arange(len(self.visited)), np.diff(self.graph.first))
        moves[sources, self.graph.actor] = True
        ended = np.zeros(len(rows), np.int64)
        reasons = [""]
        for row, (reason, _) in self.ended.items():
            if reason not in reasons:
                reasons.append(reason)
            ended[row] = reasons.index(reason)
        for actor in range(own.shape[1]):
            alone = (moves[:, actor] | (ended > 0)) & (self.system.levels == 1)
            around = np.where(alone, -1, world)
            alike = numbered(np.stack([own[:, actor], moves[:, actor], ended, around], axis=1))
            made = []
            for at in np.unique(alike, return_index=True)[1]:
                reason = reasons[ended[at]]
                told = boards.actor_entry(self.system, rows[at], actor, self.session.mode, reason)
                key = repr(told)
                if key not in kept:
                    kept[key] = len(entries)
                    entries.append(told)
                made.append(kept[key])
            entry[:, actor] = np.array(made)[alike]
            self.progress(0.8 + 0.15 * actor / own.shape[1])
        return entry, entries

    def all_judged(
        self, outlook: Outlook, target: np.ndarray
    ) -> tuple[list[dict], list[dict | None]]:
        """Return what is said of each row, and of a step that leads there."""
        judged, kept = [], {}
        leads_to: list[dict | None] = [None] * len(self.rows)
        for row, packed in enumerate(self.visited):
            told = judge_state(outlook, packed, self.visited[0])
            steps = told.pop("steps")
            for edge in range(int(self.graph.first[row]), int(self.graph.first[row + 1])):
                leads_to[target[edge]] = _same(steps[int(self.graph.actor[edge])], kept)
            judged.append(_same(told, kept))
        for _reason, broken in self.ended.values():
            told = judge_end(broken)
            told.pop("steps")
            judged.append(_same(told, kept))
        return judged, leads_to


def _same(part: object, kept: dict[str, object]) -> object:
    """Return `part`, each list or dictionary in it that equals one seen before as that one."""
    if isinstance(part, dict):
        part = {key: _same(value, kept) for key, value in part.items()}
    elif isinstance(part, list):
        part = [_same(value, kept) for value in part]
    else:
        return part
    return kept.setdefault(repr(part), part)
