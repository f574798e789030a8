"""The lives of a root: every state it is found in and every step between, by exploration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from tdplib import protocols
from tdplib.draw.figures.life import Change, Life, State, Way
from tdplib.replay.subject import subject
from tdplib.search.explore import Reductions, explore
from tdplib.search.graph import graph
from tdplib.vm import codes, decode
from tdplib.vm.system import System
from tdplib.words import role

__all__ = ["life_of", "zappers"]

SCENARIO = "requeue"
"""One vCPU, two memslot updates: small, and enough to queue a root twice."""
_EACH = Reductions(merge=True, lockset=False, acquire=False, symmetry=False)
"""Every operation on shared memory is a step; only private work goes with its neighbour."""
_ROOT = 0
_INVALID = role.layout("v5.18")["invalid"].mask
_NEW, _LISTED, _USED = range(3)
"""What a root remembers: never listed; listed; it has had a present SPTE."""


@cache
def life_of(protocol: str, scenario: object = SCENARIO) -> Life:
    """
    Return the life of the first root in `scenario`, over all interleavings of it.

    Only lives in which a vCPU has mapped something are told: an SPTE was present once.
    """
    about = subject(None, protocol, scenario)
    found = explore(about.system, reductions=_EACH)
    rows = found.arrays.states[: found.states]
    looks = [_look(about.system, row) for row in rows]
    edges = graph(found)
    # A step that breaks a property leads to no state: such a path ends there.
    moves = [[edge for edge in edges.edges(k) if edge[1] >= 0] for k in range(len(rows))]
    alone: dict[State, bool] = {}
    ways: dict[tuple[State, State], set[Way]] = {}
    for number, memory in _lives(looks, moves):
        here = _told(looks[number].state, memory)
        if here is None:
            continue
        if _is_told(here, memory):
            alone[here] = alone.get(here, True) and looks[number].writer
        for actor, target in moves[number]:
            then = _remember(memory, looks[target].state)
            there = _told(looks[target].state, then)
            if here != there and _is_told(there, then):
                made = ways.setdefault((here, there), set())
                made.add(_way(about.system, rows[number], actor))
    changes = _in_order(ways)
    states = tuple(dict.fromkeys(s for c in changes for s in (c.before, c.after)))
    only = frozenset(state for state in states if alone[state])
    return Life(
        protocol,
        protocols.row(protocol).title,
        about.scenario.name,
        found.states,
        states,
        only,
        changes,
    )


def zappers(life: Life) -> frozenset[str]:
    """Return the kinds of actors that take a root's last present SPTE."""
    zaps = (c for c in life.changes if c.before.mapped and not c.after.mapped)
    return frozenset(way.actor for change in zaps for way in change.ways)


@dataclass(frozen=True)
class _Look:
    """The root in one state of the machine, and whether somebody holds mmu_lock for write."""

    state: State | None
    writer: bool


def _look(system: System, row: np.ndarray) -> _Look:
    """Return what a packed state says of the root."""

    def of(name: str, index: int = 0) -> int:
        return decode.lookup(system, row, "page", name, _ROOT, index)

    stage = of("state")
    if stage == codes.UNALLOCATED:
        return _Look(None, False)
    writer = bool(decode.holders(system, row)["mmu_lock"]["writer"])
    if stage != codes.ALLOCATED:
        return _Look(State("freed" if stage == codes.FREED else "waiting"), writer)
    mapped = any(of("spt", k) >> codes.PRESENT_BIT & 1 for k in range(system.entries))
    place = ""
    if _ROOT in decode.queue(system, row):
        place = "queued"
    elif mapped and _ROOT in decode.running(system, row).values():
        place = "running"
    elif of("tdp_mmu_scheduled_root_to_zap"):
        place = "noted"
    state = State(
        "alive",
        invalid=bool(of("role") & _INVALID),
        counted=bool(of("tdp_mmu_root_count")),
        listed=_ROOT in decode.root_list(system, row),
        place=place,
        mapped=mapped,
    )
    return _Look(state, writer)


def _remember(memory: int, state: State | None) -> int:
    """Return what a root with `memory` remembers in `state`."""
    if state is None or state.stage != "alive":
        return memory
    return max(memory, _USED if state.mapped else _LISTED if state.listed else _NEW)


def _lives(looks: list[_Look], moves: list[list[tuple[int, int]]]) -> Iterator[tuple[int, int]]:
    """Give every (state, what the root remembers there) that can be reached."""
    todo, seen = [(0, _NEW)], {(0, _NEW)}
    while todo:
        number, memory = todo.pop()
        yield number, memory
        for _, target in moves[number]:
            reached = (target, _remember(memory, looks[target].state))
            if reached not in seen:
                seen.add(reached)
                todo.append(reached)


def _told(state: State | None, memory: int) -> State | None:
    """Return the state as it is told: all that is before the list is one."""
    return State("made") if state is not None and memory == _NEW else state


def _is_told(state: State, memory: int) -> bool:
    """Tell whether a state belongs to the life of a root that was used, or leads to it."""
    fresh = State("alive", counted=True, listed=True)
    return memory == _USED or state in (State("made"), fresh)


def _way(system: System, row: np.ndarray, actor: int) -> Way:
    """Return who takes a step from a state, and the line of its operation on shared memory."""
    from tdplib.vm._entry import run

    image, log = system.image, np.zeros(256, np.int64)
    log[1] = log.size - 2
    run(image.im, image.mem, row.copy(), actor, _EACH.mode, log)
    base, (code, _) = image.node_base[actor], system.codes[actor]
    nodes = (code.nodes[int(node) - base] for node in log[2 : 2 + log[0]][::-1])
    op = next(node.op for node in nodes if node.op.visible)
    function = code.program.frames[op.frame].function
    unit, _ = system.world.functions[function]
    return Way(system.actors[actor].kind, function, unit.line(op.line).strip())


def _in_order(ways: dict[tuple[State, State], set[Way]]) -> tuple[Change, ...]:
    """Return the changes from the making on, a state's only after those that lead to it."""
    order: list[State] = []
    _visit(State("made"), sorted(ways), order, set())
    rank = {state: place for place, state in enumerate(reversed(order))}
    pairs = sorted(ways, key=lambda pair: (rank[pair[0]], rank[pair[1]]))
    return tuple(Change(*pair, tuple(sorted(ways[pair]))) for pair in pairs)


def _visit(
    here: State, pairs: list[tuple[State, State]], order: list[State], seen: set[State]
) -> None:
    """Append to `order` everything that can be reached from `here`, itself last."""
    seen.add(here)
    for before, after in pairs:
        if before == here and after not in seen:
            _visit(after, pairs, order, seen)
    order.append(here)
