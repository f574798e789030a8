"""The search as people call it: visit every state of a system, tell what can break and how soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .._interrupt import held
from ..vm import codes
from ..vm.system import System

FIRST_STATES = 1 << 14
BATCH = 1 << 16
"""States expanded, at most, between two looks at interrupts: some 50 to 100 ms."""
GROWTH = 24 << 20
"""Bytes of states a search grows by at most: they are zeroed, and all other threads wait for it."""
STRETCH = 1 << 13
"""
States expanded, at least, between two looks at the clock.

Looking costs some 10 microseconds, and so many states take some 5 milliseconds.
"""


@dataclass(frozen=True)
class Limits:
    """What may end a search early: states, bytes of memory, seconds."""

    states: int = 50_000_000
    memory: int = 8 << 30
    seconds: float = float("inf")


@dataclass(frozen=True)
class Reductions:
    """
    Which reductions are on; none changes a verdict.

    merge : private work goes with the visible operation before it
    lockset : operations nobody else can observe or disturb are taken without branching
    acquire : taking a lock goes with the operation after it (whatever others do between the two,
        they could have done before)
    symmetry : states that differ by a permutation of interchangeable actors count once
    """

    merge: bool = True
    lockset: bool = True
    acquire: bool = True
    symmetry: bool = False

    @property
    def mode(self) -> int:
        """The bits the kernels take."""
        return (
            (1 if self.merge or self.lockset or self.acquire else 0)
            | 2 * self.lockset
            | 4 * self.acquire
        )


@dataclass(frozen=True)
class Progress:
    """
    Where a search stands.

    States found and expanded, actions taken, depth, seconds, bytes in use; layers : states found
    at each depth, of the last one so far
    """

    states: int
    expanded: int
    transitions: int
    depth: int
    seconds: float
    memory: int
    layers: tuple[int, ...] = ()


@dataclass
class Pace:
    """
    Where the seconds of a search went.

    Attributes
    ----------
    loading : before the first state: machine code was read from the disk, or made
    room : making room for more states, and for the table they are found by
    stretches : (depth, states expanded, seconds so far) at each look at the clock; the depth is
        that of the state expanded last
    """

    loading: float = 0.0
    room: float = 0.0
    stretches: list[tuple[int, int, float]] = field(default_factory=list)


@dataclass
class Exploration:
    """
    What a search found.

    Attributes
    ----------
    complete : every reachable state was visited and no bound was met; only then an absence proves
        anything
    stopped_by : the bounds met: "states", "memory", "time", "interrupt", "root slots", "value",
        "words"
    states, transitions, depth : distinct states, actions taken, largest distance from the start
    found : property (or advice) -> (state number, actor or -1, actions to break it)
    """

    system: System
    reductions: Reductions
    complete: bool
    stopped_by: tuple[str, ...]
    states: int
    transitions: int
    depth: int
    seconds: float
    memory: int
    found: dict[str, tuple[int, int, int]]
    arrays: Arrays = field(repr=False)
    pace: Pace = field(repr=False, default_factory=Pace)

    @property
    def expanded(self) -> int:
        """How many of the states had their steps taken: all of them, if no bound was met."""
        from . import _bfs

        return int(self.arrays.control[_bfs.C_HEAD])

    @property
    def layers(self) -> tuple[int, ...]:
        """How many states were found at each distance from the start."""
        return where(self.arrays, self.seconds).layers


@dataclass
class Arrays:
    """
    The arrays of a search.

    Rows of `states` and `parents` in breadth-first order, `layers` the first row of each depth;
    `places` and `entries` remember actions (`vm._memo`).
    """

    states: np.ndarray
    parents: np.ndarray
    table: np.ndarray
    control: np.ndarray
    found: np.ndarray
    groups: np.ndarray
    layers: np.ndarray
    places: np.ndarray
    entries: np.ndarray

    @property
    def memory(self) -> int:
        """Bytes in use."""
        parts = (self.states, self.parents, self.table, self.places, self.entries)
        return sum(part.nbytes for part in parts)

    def more_states(self, rows: int) -> None:
        """Grow the state rows in place (realloc moves pages, it does not copy them twice)."""
        self.states.resize((rows, self.states.shape[1]), refcheck=False)
        self.parents.resize(rows, refcheck=False)


def symmetry_groups(system: System) -> np.ndarray:
    """Return the blocks of interchangeable actors as `_bfs.canonical` wants them."""
    blocks, rows = system.image.blocks, []
    for group in system.groups():
        parts = [blocks[k] for k in group]
        alike = len({(b.words, b.total, b.control) for b in parts}) == 1
        if not alike or parts[0].words > 1 or parts[0].total > 63 or system.uses_identity():
            continue
        rows += [
            (k, b.word, b.shift, (1 << b.total) - 1) for k, b in zip(group, parts, strict=True)
        ] + [(-1, 0, 0, 0)]
    return np.array(rows or [(-1, 0, 0, 0)], dtype=np.int64)


def start(system: System, reductions: Reductions) -> Arrays:
    """Return the arrays of a search that has found its start state."""
    from ..vm import _memo
    from . import _bfs

    width, im = system.image.words, system.image.im
    rows = FIRST_STATES
    arrays = Arrays(
        np.zeros((rows, width), np.int64),
        np.zeros(rows, np.int32),
        np.zeros(rows * 2, np.int64),
        np.zeros(_bfs.CONTROL, np.int64),
        np.full((len(codes.PROPERTIES) + 1, 3), -1, np.int64),
        symmetry_groups(system),
        np.zeros(_bfs.MAX_LAYERS, np.int64),
        _memo.empty_places(im),
        _memo.empty_entries(im, _memo.SMALLEST),
    )
    first = system.image.start.copy()
    if reductions.symmetry:
        _bfs.canonical(first, arrays.groups, np.arange(len(system.actors)))
    arrays.control[_bfs.C_SYMMETRY] = int(reductions.symmetry)
    arrays.control[_bfs.C_MODE] = reductions.mode
    arrays.control[_bfs.C_LAYER_END] = 1
    _bfs.add_first(first, arrays.states, arrays.parents, arrays.table, arrays.control, width)
    return arrays


def explore(
    system: System,
    *,
    reductions: Reductions = Reductions(),
    limits: Limits = Limits(),
    first_only: bool = False,
    progress: Callable[[Progress], bool | None] | None = None,
) -> Exploration:
    """
    Visit every state `system` can reach, breadth first.

    first_only : stop once the shortest violation of any property is known (the search is then not
        complete)
    progress : called every so often; returning False interrupts, like Ctrl-C

    Ctrl-C ends the search; what was found by then is returned, not complete.
    """
    with held() as interrupted, system.lock:

        def told(now: Progress) -> bool:
            going = progress is None or progress(now) is not False
            return going and not interrupted()

        while True:
            found = attempt(system, reductions, limits, first_only, told)
            if found is not None:
                return found


def attempt(system, reductions, limits, first_only, progress) -> Exploration | None:
    """Search once, until `progress` says False; None if the table of words was widened."""
    from ..vm import _memo
    from . import _bfs

    began = time.perf_counter()
    arrays, image = start(system, reductions), system.image
    arrays.control[_bfs.C_STOP] = int(first_only)
    scratch = _memo.scratch(image.im)
    perm = np.zeros(len(system.actors), np.int64)
    pending = np.zeros((_bfs.PENDING, image.words + 2), np.int64)
    reasons: list[str] = []
    pace, told, budget = Pace(), 0, 0
    while not reasons:
        a = arrays
        try:
            code = _bfs.search(
                image.im, image.mem, a.states, a.parents, a.table, a.control, a.found, a.groups,
                a.layers, budget, scratch, perm, a.places, a.entries, pending,
            )  # fmt: skip
            now = where(a, time.perf_counter() - began)
            note(pace, now, budget)
            budget = next_budget(a.control, limits)
            remember_more(a, image)
            if code == _bfs.FINISHED:
                progress(now)
                break
            if code == _bfs.WORDS_FULL:
                if system.widen():
                    return None
                reasons.append("words")
            elif code == _bfs.FIRST_FOUND:
                reasons.append("first violation")
            elif not grow(arrays, code, limits):
                reasons.append("memory")
            pace.room += time.perf_counter() - began - now.seconds
            if code != _bfs.PAUSED or now.expanded >= told + BATCH:
                told = now.expanded
                if not progress(now):
                    reasons.append("interrupt")
        except KeyboardInterrupt:
            reasons.append("interrupt")
        if not reasons and a.control[_bfs.C_COUNT] >= limits.states:
            reasons.append("states")
        if not reasons and time.perf_counter() - began > limits.seconds:
            reasons.append("time")
    seconds = time.perf_counter() - began
    return conclude(system, reductions, arrays, reasons, seconds, pace)


def note(pace: Pace, now: Progress, budget: int) -> None:
    """Look at the clock; the first call of the kernel, with no budget, only gets it loaded."""
    if budget == 0:
        pace.loading = now.seconds
    else:
        pace.stretches.append((now.depth, now.expanded, now.seconds))


def next_budget(control: np.ndarray, limits: Limits) -> int:
    """Return how many states to expand before the next look: to the end of a large layer."""
    from . import _bfs

    layer = int(control[_bfs.C_LAYER_END] - control[_bfs.C_HEAD])
    room = limits.states - int(control[_bfs.C_COUNT])
    return min(BATCH, max(layer, STRETCH), max(1, room))


def where(arrays: Arrays, seconds: float) -> Progress:
    """Return where a search stands."""
    from . import _bfs

    control = arrays.control
    count, head, taken, depth, end = (
        int(control[k])
        for k in (_bfs.C_COUNT, _bfs.C_HEAD, _bfs.C_TRANSITIONS, _bfs.C_DEPTH, _bfs.C_LAYER_END)
    )
    bounds = [*arrays.layers[: depth + 1].tolist(), end, count]
    layers = tuple(after - before for before, after in pairwise(bounds) if after > before)
    return Progress(count, head, taken, depth, seconds, arrays.memory, layers)


def remember_more(arrays: Arrays, image) -> None:
    """Give a search a larger memory of actions if much of what it takes is not in there."""
    from ..vm import _memo

    slots = arrays.entries.size // _memo.entry_size(image.words)
    if image.mem[codes.M_MISSED] > slots and slots < _memo.LARGEST:
        arrays.entries = _memo.empty_entries(image.im, 4 * slots)
    image.mem[codes.M_MISSED] = 0


def grow(arrays: Arrays, code: int, limits: Limits) -> bool:
    """Make the room a search asked for; False if that would pass the memory limit."""
    from . import _bfs

    if code == _bfs.NEED_STATES:
        rows, width = arrays.states.shape
        added = min(rows, GROWTH // (width * 8 + 4))
        if arrays.memory + added * (width * 8 + 4) > limits.memory:
            return False
        arrays.more_states(rows + added)
    if code == _bfs.NEED_TABLE:
        if arrays.memory + arrays.table.nbytes * 2 > limits.memory:
            return False
        table = np.zeros(arrays.table.size * 2, np.int64)
        _bfs.rehash(arrays.table, table)
        arrays.table = table
    return True


def conclude(
    system, reductions, arrays: Arrays, reasons: list[str], seconds: float, pace: Pace
) -> Exploration:
    """Gather an Exploration from the arrays of a search."""
    from . import _bfs

    control = arrays.control
    reasons = reasons + [
        name for k, name in enumerate(codes.BOUNDS) if control[_bfs.C_BOUNDS] >> k & 1
    ]
    names = (*codes.PROPERTIES, *codes.ADVICE)
    found = {
        name: tuple(int(x) for x in arrays.found[k])
        for k, name in enumerate(names)
        if arrays.found[k, 0] >= 0
    }
    return Exploration(
        system,
        reductions,
        not reasons,
        tuple(reasons),
        int(control[_bfs.C_COUNT]),
        int(control[_bfs.C_TRANSITIONS]),
        int(control[_bfs.C_DEPTH]),
        seconds,
        arrays.memory,
        found,
        arrays,
        pace,
    )
