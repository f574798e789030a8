"""Making an atlas: search, then tell each part of a state, and each step, that is like no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import TdplibError
from ..outlook import Outlook, judge_end, judge_state
from ..replay import board as boards
from ..replay.session import Session
from ..replay.stepping import Taken, take
from ..replay.subject import Subject
from ..replay.trace import Action, tell
from ..replay.uses import Use, uses
from ..vm import codes as c
from .rows import Rows, alike, first_of

__all__ = ["MOST_STATES", "Atlas", "Column", "Tale", "TooLargeError", "atlas"]

MOST_STATES = 150_000
"""A scenario with more states gets no atlas unless more are asked for."""
BROKEN = "a property is broken: the path ends here"
Progress = Callable[[float], None]


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
class Column:
    """One value for each row: `values` has each distinct one, `numbers` which of them it is."""

    values: list
    numbers: np.ndarray

    def __getitem__(self, row: int) -> object:
        return self.values[self.numbers[row]]


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
    states, rows : how many rows are states that were visited, how many there are
    first, actor, target : the steps from row `s` are `first[s]` .. `first[s + 1]` - 1; of each who
        takes it, and to which row
    tales : of each step what is told of it, a `Tale`
    roots : of each page slot the root (or table) in it, as in a Board, or None
    parts : the other parts of a Board that all share, by name
    kinds : what each page slot is: "root", "table", or "" for neither
    actors : of each actor its entry in a Board
    broken : the property that is broken, or None
    ended : why no step can follow, or "" (then somebody can move, or the actors' entries say all)
    judged : what `tdplib.outlook.judge` says, without its `steps`
    leads_to : what the judge says of a step that leads here; None of the start
    """

    session: Session
    complete: bool
    states: int
    rows: int
    first: np.ndarray
    actor: np.ndarray
    target: np.ndarray
    tales: Column
    roots: list[Column]
    parts: dict[str, Column]
    kinds: Column
    actors: list[Column]
    broken: Column
    ended: Column
    judged: Column
    leads_to: Column

    def shared(self, row: int) -> dict:
        """Return the parts of a Board that show the state itself."""
        roots = [slot[row] for slot in self.roots]
        return {"roots": [root for root in roots if root is not None],
                **{name: part[row] for name, part in self.parts.items()}}  # fmt: skip

    def steps(self, row: int) -> dict[int, int]:
        """Return the steps from a row: actor -> number of the step."""
        span = range(int(self.first[row]), int(self.first[row + 1]))
        return {int(self.actor[edge]): edge for edge in span}


def atlas(
    subject: Subject, mode: int = 7, *, most: int = MOST_STATES, progress: Progress | None = None
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
    >>> made.states, [made.broken[row] for row in range(made.states, made.rows)]
    (27, ['no-warn', 'no-warn'])
    """
    from ..search.explore import Limits, Reductions, explore
    from ..search.graph import graph

    on = Reductions(bool(mode & 1), bool(mode & 2), bool(mode & 4))
    found = explore(subject.system, reductions=on, limits=Limits(states=most + 1))
    if found.states > most:
        raise TooLargeError(most)
    session, known = Session(_subject=subject, _mode=mode), graph(found)
    outlook = Outlook(found.complete, found.states, found, known)
    return _Maker(session, found, known, progress or (lambda part: None)).make(outlook)


class _Maker:
    """Fills the fields of an atlas, one after the other."""

    def __init__(self, session: Session, found: object, graph: object, progress: Progress):
        self.session, self.system, self.graph = session, session.system, graph
        self.visited = Rows(self.system, found.arrays.states[: found.states])
        self.places = found.arrays.places
        self.sources = np.repeat(np.arange(found.states), np.diff(graph.first))
        self.target = graph.target.astype(np.int64)
        self.progress = progress
        self.ends: list[tuple[np.ndarray, str, object]] = []
        """The rows behind those that were visited: the state, why it ends, what is broken."""

    def make(self, outlook: Outlook) -> Atlas:
        tales = self.all_tales()
        added = np.array([row for row, _, _ in self.ends], np.int64)
        shape = (len(self.ends), self.visited.packed.shape[1])
        self.rows = Rows(self.system, np.concatenate([self.visited.packed, added.reshape(shape)]))
        roots, parts = self.all_parts()
        self.progress(0.7)
        kinds = self.told(list(self.roles(self.rows)), self.kinds_of)
        ended = _column([""] * self.visited.size + [reason for _, reason, _ in self.ends])
        actors = list(self.all_actors(ended, parts["locks"].numbers))
        self.progress(0.9)
        first = np.append(self.graph.first, np.full(len(self.ends), self.target.size))
        return Atlas(
            self.session, outlook.complete, self.visited.size, self.rows.size, first,
            self.graph.actor, self.target, tales, roots, parts, kinds, actors, self.all_broken(),
            ended, self.all_judged(outlook), self.all_leads(outlook),
        )  # fmt: skip

    # -- steps -----------------------------------------------------------------------------

    def all_tales(self) -> Column:
        """Tell every step; give each that breaks something or meets a bound a row to lead to."""
        numbers, told = np.zeros(self.target.size, np.int64), {}
        goes = self.target >= 0
        for actor in range(len(self.system.actors)):
            mine = np.flatnonzero(goes & (self.graph.actor == actor))
            keys = alike(list(self.looked_at(actor, mine)), mine.size)
            known = [self.taken(actor, self.sources[mine[at]]) for at in first_of(keys)]
            tales = [told.setdefault(self.tale(actor, each), len(told)) for each in known]
            numbers[mine] = np.array(tales, np.int64)[keys] if tales else 0
            self.progress(0.5 * (actor + 1) / len(self.system.actors))
        ends: dict[tuple, int] = {}
        for edge in np.flatnonzero(~goes):
            actor = int(self.graph.actor[edge])
            taken = self.taken(actor, self.sources[edge])
            numbers[edge] = told.setdefault(self.tale(actor, taken), len(told))
            self.target[edge] = self.end(taken, ends)
        return Column(list(told), numbers)

    def looked_at(self, actor: int, edges: np.ndarray) -> Iterator[np.ndarray]:
        """
        Give what the words for an actor's steps depend on, a column each.

        The search's memory knows which bits an action from a place reads, and what it asks of
        those around (see `vm._memo`). The old value of what it writes is told too.
        """
        rows, sources = self.visited, self.sources[edges]
        im, width = self.system.image.im, rows.packed.shape[1]
        stops = rows.stop(rows.packed, actor)[sources]
        before, after = rows.packed[sources], rows.packed[self.target[edges]]
        count = int(stops.max(initial=0)) + 1
        memo = int(im[int(im[c.H_ACTOR]) + actor * c.ACTOR + c.A_MEMO])
        places = self.places.reshape(-1, 2 + width)[memo : memo + count]
        asked = places[:, 1 : 1 + width].copy()
        np.bitwise_or.at(asked, stops, before ^ after)
        yield rows.own[actor][sources]
        yield from (role[sources] for role in self.roles(rows))
        for word in range(width):
            yield before[:, word] & (asked[:, word] & rows.field_bits[word])[stops]
        for other, seen in enumerate(rows.shown("all")):
            matters = (asked & rows.block_bits[other]).any(axis=1)[stops]
            yield np.where(matters & (other != actor), seen[sources], -1)
        yield rows.around()[actor][sources] & places[stops, 1 + width]

    def taken(self, actor: int, row: int) -> Taken:
        return take(self.system, self.visited.packed[row], actor, self.session.mode)

    def tale(self, actor: int, taken: Taken) -> Tale:
        actions = tell(self.system, actor, taken, lambda system, happened: ())
        used = [use for each in taken.happened for use in uses(self.system, actor, each)]
        return Tale(actions, tuple(dict.fromkeys(used)), taken.advice)

    def end(self, taken: Taken, ends: dict[tuple, int]) -> int:
        """Return the row of the state in which a step stops short."""
        reason = BROKEN if taken.broken else f"a bound of the model is met ({taken.bound})"
        before = taken.happened[-1].before
        key = before.tobytes(), reason, taken.broken and taken.broken.name
        if key not in ends:
            ends[key] = self.visited.size + len(self.ends)
            self.ends.append((before, reason, taken.broken))
        return ends[key]

    # -- states ----------------------------------------------------------------------------

    def told(self, columns: list[np.ndarray], tell: Callable[[int], object]) -> Column:
        """Return what `tell` says of each row; it is asked of one of those alike in `columns`."""
        numbers = alike(columns, self.rows.size)
        values = [tell(int(at)) for at in first_of(numbers)]
        return _renumbered(values, numbers)

    def roles(self, rows: Rows) -> Iterator[np.ndarray]:
        """Give what the names of pages depend on: with two levels their role words."""
        if self.system.levels > 1:
            yield from rows.fields("page", "role")

    def all_parts(self) -> tuple[list[Column], dict[str, Column]]:
        """Return the roots, a column for each page slot, and the other parts of a Board."""
        rows, known = self.rows, {}

        def entries(row: int) -> dict:
            if row not in known:
                known[row] = boards.state_entries(self.system, rows.packed[row])
            return known[row]

        def root(page: int) -> Callable[[int], object]:
            return lambda row: next((r for r in entries(row)["roots"] if r["index"] == page), None)

        holds, listed = (
            list(rows.shown("hold")),
            [*rows.fields("model"), *rows.fields("page", "next")],
        )
        named = list(self.roles(self.rows))
        tables = list(rows.fields("page", "spt")) if named else []
        around = [*listed, *named, *tables, *rows.shown("running"), *rows.fields("vcpu", "root")]
        gfns = range(self.system.entries**self.system.levels)
        known_parts = {
            "list": listed,
            "queue": listed,
            "locks": holds,
            "requests": list(rows.fields("vcpu", "requests")),
            "tlb": list(rows.fields("vcpu", *(f"tlb{gfn}" for gfn in gfns))),
            "rcu": [*holds, *rows.shown("grace"), *rows.fields("page", "state")],
            "kvm": [*rows.fields("kvm"), *named],
        }
        whole = [*holds, *around, *rows.shown("grace")]
        whole += [each for owner in ("page", "vcpu", "kvm") for each in rows.fields(owner)]
        slots = range(self.system.pages)
        roots = [self.told([*rows.fields("page", obj=p), *around], root(p)) for p in slots]
        names = [name for name in entries(0) if name != "roots"]
        parts = {
            name: self.told(known_parts.get(name, whole), lambda row, name=name: entries(row)[name])
            for name in names
        }
        return roots, parts

    def kinds_of(self, row: int) -> list[str]:
        nothing = [""] * self.system.pages
        return boards.slot_kinds(self.system, self.rows.packed[row], nothing)

    def all_actors(self, ended: Column, locks: np.ndarray) -> Iterator[Column]:
        """
        Give each actor's entry in a Board.

        It depends on the actor's own bits; where it cannot move also on whom it waits for.
        """
        for actor, own in enumerate(self.rows.own):
            moves = np.zeros(self.rows.size, np.bool_)
            moves[self.sources[self.graph.actor == actor]] = True
            waits = np.where(moves | (ended.numbers > 0), -1, locks)

            def entry(row: int, actor: int = actor) -> dict:
                packed, why = self.rows.packed[row], ended[row]
                return boards.actor_entry(self.system, packed, actor, self.session.mode, why)

            yield self.told([own, moves, ended.numbers, waits, *self.roles(self.rows)], entry)

    def all_broken(self) -> Column:
        names = np.where(self.graph.steps == 0, self.graph.broken, -1).tolist()
        broken = [c.PROPERTIES[k] if k >= 0 else None for k in names]
        return _column(broken + [found and found.name for _, _, found in self.ends])

    # -- judgements ------------------------------------------------------------------------

    def all_judged(self, outlook: Outlook) -> Column:
        """Return what is said of each row."""
        packed = self.visited.packed

        def judge(row: int) -> dict:
            told = judge_state(outlook, packed[row], packed[0])
            return {key: value for key, value in told.items() if key != "steps"}

        numbers = alike(outlook.said_by(), self.visited.size)
        values = [judge(int(at)) for at in first_of(numbers)]
        rows = [values[k] for k in numbers]
        for _, _, broken in self.ends:
            told = judge_end(broken)
            rows.append({key: value for key, value in told.items() if key != "steps"})
        return _column(rows)

    def all_leads(self, outlook: Outlook) -> Column:
        """Return what is said of a step that leads to each row."""
        start = self.visited.packed[0]
        said = [np.append(each, np.full(len(self.ends), -2)) for each in outlook.said_by()]
        reasons = _column(
            [None] * self.visited.size + [(why, b and b.name) for _, why, b in self.ends]
        )
        numbers = alike([*said, reasons.numbers], self.rows.size)
        led = np.full(self.rows.size, -1)
        led[self.target] = np.arange(self.target.size)  # some step that leads there

        def leads(number_at: int) -> dict | None:
            edge = led[number_at]
            row = self.sources[edge]
            told = judge_state(outlook, self.visited.packed[row], start)["steps"]
            return told[int(self.graph.actor[edge])]

        values: list[dict | None] = [None] * (int(numbers.max()) + 1)
        for at in np.flatnonzero(led >= 0):
            if values[numbers[at]] is None:
                values[numbers[at]] = leads(int(at))
        return _renumbered(values, numbers)


def _column(items: list) -> Column:
    """Return a column of items; equal ones are one value."""
    return _renumbered(items, np.arange(len(items)))


def _renumbered(values: list, numbers: np.ndarray) -> Column:
    """Return the column in which equal values have one number, in the order of their rows."""
    kept: dict[str, int] = {}
    found, same = [], {}
    order = np.argsort(first_of(numbers), kind="stable") if len(values) else ()
    for number in order:
        value = values[number]
        key = same.get(id(value)) or repr(value)
        if key not in kept:
            kept[key] = len(found)
            found.append(value)
        same[id(value)] = key
    place = np.array([kept[same[id(value)]] for value in values], np.int64)
    return Column(found, place[numbers] if len(values) else np.zeros(0, np.int64))
