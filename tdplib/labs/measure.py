"""
What a protocol costs, measured in every interleaving of a small scenario.

A search is run in which every visible operation is an action of its own. Then each reached state is
asked what each actor does next, so that the whole graph is known, and the questions are questions
about its paths: how long a lock is held, and whose actions a fast zap cannot return without.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Graph", "Probe", "Waits", "sections", "waits"]

FOREVER = 1 << 30
"""Longer than any path: there is none."""

WALK = "zap_gfn_range"
"""The function in which every protocol zaps."""
COUNTER = "walks_that_zapped"
"""The field of a root that `Probe` adds."""
NOTES = ("UPDBEGIN", "UPDRETURN", "NOTRETURN", "ZAPBEGIN", "ZAPEND", "MARKED")
"""Operations in which the model notes something for a property: nobody's work."""
LAST_PART = "kvm_tdp_mmu_zap_invalidated_roots"
"""What a fast zap does after it has dropped mmu_lock."""


def _system(protocol, own, scenario, extra=()):
    """Compile a protocol, maybe code on top of it, maybe units on top of that."""
    from tdplib import protocols
    from tdplib.vm.system import Actor, build

    known = protocols.load(protocol)
    units = (*known.units, *(() if own is None else (own,)), *extra)
    return build(
        units,
        tuple(Actor(a.name, a.kind, a.function, a.args) for a in scenario.actors(known)),
        entries=scenario.entries,
        levels=scenario.levels,
        pages=scenario.roots,
        vcpus=max(scenario.vcpus, 1),
        root_role=scenario.root_role,
    )


class Reached:
    """
    Every state a system can reach, and where each actor stands in it.

    system : a compiled `tdplib.vm.system.System`
    """

    def __init__(self, system: Any) -> None:
        from tdplib.search.explore import Limits, Reductions, explore

        reductions = Reductions(True, False, False, False)
        found = explore(system, reductions=reductions, limits=Limits(states=400_000, seconds=60.0))
        self.system = system
        self.mode = reductions.mode
        self.complete = found.complete
        self.states = found.arrays.states[: found.states].copy()

    def stops(self, actor: int) -> np.ndarray:
        """Return, for each state, the number of the place where `actor` stands."""
        from tdplib.vm import codes

        image = self.system.image.im
        at = int(image[codes.H_ACTOR]) + actor * codes.ACTOR
        word, shift, mask = (int(image[at + k]) for k in (codes.A_WORD, codes.A_SHIFT,
                                                          codes.A_STOP_MASK))  # fmt: skip
        return (self.states[:, word] >> shift) & mask

    def moves(self, kind: str) -> bool:
        """Return whether any actor of this kind ever takes a step."""
        actors = [k for k, actor in enumerate(self.system.actors) if actor.kind == kind]
        return any(len(np.unique(self.stops(k))) > 1 for k in actors)

    def where(self, actor: int, asked) -> np.ndarray:
        """Return, for each state, whether `asked(node, frames)` is true where `actor` stands."""
        code, _ = self.system.codes[actor]
        table = np.array([bool(asked(code.nodes[k], self.chain(actor, k))) for k in code.stops])
        return table[self.stops(actor)]

    def chain(self, actor: int, node: int) -> tuple[str, ...]:
        """Return the names of the functions that a place of `actor` lies in, innermost first."""
        code, _ = self.system.codes[actor]
        frames, at, found = code.program.frames, code.nodes[node].op.frame, []
        while at is not None:
            found.append(frames[at].function)
            at = frames[at].parent
        return tuple(found)


class Probe(Reached):
    """All states of a protocol whose walks count: each root knows how many walks have zapped it."""

    def __init__(self, protocol: str, own: Any, scenario: Any) -> None:
        from tdplib import protocols

        units = (*protocols.load(protocol).units, *(() if own is None else (own,)))
        super().__init__(_system(protocol, own, scenario, (_counting(units),)))

    def zappers(self) -> tuple[str, ...]:
        """Return the kinds of actors that walk over a root to zap it, in some interleaving."""
        kinds = []
        for k, actor in enumerate(self.system.actors):
            if actor.kind not in kinds and self.where(k, _counts).any():
                kinds.append(actor.kind)
        return tuple(kinds)

    def zaps_of_a_root(self) -> int:
        """Return how many walks zap one root, at most."""
        fields = self.system.image.fields
        return max(
            (self._highest(row) for (owner, name, *_), row in fields.items()
             if (owner, name) == ("page", COUNTER)),
            default=0,
        )  # fmt: skip

    def _highest(self, row):
        field = self.system.image.rows[row]
        if field.const is not None:
            return int(field.const)
        return int(((self.states[:, field.word] >> field.shift) & ((1 << field.width) - 1)).max())


def _counts(node, _chain):
    place = node.op.place
    return place is not None and place.name == COUNTER


def _counting(units):
    """Return a unit with the walk of `units`, which counts itself in the root."""
    from tdplib.lang.source import unit_from

    walk = next(
        node
        for unit in reversed(units)
        for node in unit.tree.body
        if isinstance(node, ast.FunctionDef) and node.name == WALK
    )
    root = walk.args.args[1].arg
    counted = ast.parse(ast.unparse(walk)).body[0]
    counted.body.insert(
        bool(ast.get_docstring(counted)), ast.parse(f"atomic_inc({root}.{COUNTER})").body[0]
    )
    text = f"class kvm_mmu_page:\n    {COUNTER}: u8\n\n\n{ast.unparse(counted)}\n"
    return unit_from(text, name="probe")


class Graph(Reached):
    """All states and all actions of a protocol in a scenario; small scenarios only."""

    def __init__(self, protocol: str, own: Any, scenario: Any) -> None:
        super().__init__(_system(protocol, own, scenario))
        self.source, self.target, self.actor, self.weight = self._actions()

    def _actions(self):
        from tdplib.vm._entry import run

        image, found = self.system.image, []
        number = {state.tobytes(): k for k, state in enumerate(self.states)}
        log = np.zeros(64, np.int64)
        log[1] = len(log) - 2
        for k, state in enumerate(self.states):
            before = state.tobytes()
            for actor in range(len(self.system.actors)):
                after = state.copy()
                log[0] = 0
                if int(run(image.im, image.mem, after, actor, self.mode, log)) == 0:
                    to = number.get(after.tobytes(), -1)
                    if to >= 0 and (log[0] or after.tobytes() != before):
                        found.append((k, to, actor, self._weight(actor, log)))
        return np.array(found or [(0, 0, 0, 0)], dtype=np.int64).T

    def _weight(self, actor, log):
        """1 for an action of the protocol, 0 for one in which only the model notes something."""
        code, base = self.system.codes[actor][0], self.system.image.node_base[actor]
        ops = [code.nodes[int(number) - base].op for number in log[2 : 2 + log[0]]]
        return int(not any(op.code in NOTES for op in ops))

    @cached_property
    def kinds(self) -> dict[str, list[int]]:
        """The actors, by kind."""
        found: dict[str, list[int]] = {}
        for k, actor in enumerate(self.system.actors):
            found.setdefault(actor.kind, []).append(k)
        return found


def sections(graph: Graph) -> dict[str, int]:
    """
    Return how many actions an actor of each kind is inside mmu_lock, at most.

    Counted are its own actions, from the one that takes the lock to the one that gives it back or
    gives way; others may act in between. `FOREVER` if it may go round in there without end.
    """
    longest = {}
    for kind, actors in graph.kinds.items():
        length = max(_longest_section(graph, actor) for actor in actors)
        if length:
            longest[kind] = length
    return longest


def _longest_section(graph, actor):
    from tdplib.lang.flow import READS, WRITE

    holds = graph.where(actor, lambda node, _: node.hold.mode("mmu_lock") & (READS | WRITE))
    inside = holds[graph.target]
    source, target = graph.source[inside], graph.target[inside]
    own = np.where(graph.actor[inside] == actor, graph.weight[inside], 0)
    length = np.zeros(len(graph.states), np.int64)
    for _ in range(len(graph.states)):
        before = length.copy()
        np.maximum.at(length, target, np.where(holds[source], length[source], 0) + own)
        if (before == length).all():
            return int(length.max(initial=0)) + 1 if length.any() else 0
    return FOREVER


@dataclass(frozen=True)
class Waits:
    """
    What a fast zap waits for once it has dropped mmu_lock.

    others : kind of actor -> so many actions of such actors it cannot return without, at worst;
        `FOREVER` if it may never return
    later_roots : of the work items it waits for in one flush, so many are of roots that were made
        after the fast zap had begun, at worst
    """

    others: dict[str, int]
    later_roots: int


def waits(graph: Graph) -> Waits:
    """Return what a fast zap of this protocol waits for, at worst."""
    others: dict[str, int] = {}
    for update in graph.kinds.get("update", ()):
        last_part = graph.where(update, lambda _, chain: LAST_PART in chain)
        for kind, actors in graph.kinds.items():
            if actors == [update] or not last_part.any():
                continue
            needed = _needed(graph, update, [k for k in actors if k != update])
            worst = int(needed[last_part].max())
            if worst:
                others[kind] = max(others.get(kind, 0), worst)
    return Waits(others, _later_roots(graph))


def _needed(graph, update, counted):
    """Return, for each state, how many actions of `counted` at least `update` still needs."""
    cost = np.where(np.isin(graph.actor, counted), graph.weight, 0)
    done = graph.where(update, lambda node, _: node.op.code == "END")
    needed = np.where(done, 0, FOREVER)
    for _ in range(len(graph.states)):
        before = needed.copy()
        np.minimum.at(needed, graph.source, needed[graph.target] + cost)
        if (before == needed).all():
            break
    return needed


def _later_roots(graph):
    """Return how many roots a flush waits for at worst that its fast zap need not wait for."""
    from tdplib.vm import decode

    worst = 0
    for update in graph.kinds.get("update", ()):
        code, _ = graph.system.codes[update]
        begun = {node.op.dst for node in code.nodes if node.op.code == "UPDBEGIN"}
        waiting = graph.where(update, lambda node, _: node.op.code == "FLUSHWAIT")
        seen = set()
        for state in graph.states[waiting]:
            stands = decode.standing(graph.system, state, update)
            known = next((v for r, v in stands.values.items() if r in begun), 0)
            noted = stands.values.get(stands.node.op.a, 0)
            seen.add((known, noted))
        for known, noted in seen:
            pages = [p for p in range(graph.system.pages) if noted >> (2 * p) & 3]
            worst = max(worst, sum(not known >> p & 1 for p in pages))
    return worst
