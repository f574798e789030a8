"""
Which steps of a trace matter: which are needed for what it breaks, and which come before which.

A step is needed if, without it and the others that are left out, the rest cannot be taken or does
not break the same property with its last step. What is left is 1-minimal: no further step of it
can be left out. Other minimal sets may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ..errors import BadValueError
from ..lang.independence import LOOKS, TOUCHES, conflicting
from . import narrate
from .stepping import Happened, Runner

__all__ = ["Needed", "happens_before", "needed"]

NOT_NEEDED = "not needed: the same breaks without this step"
CHECKED = (("page", "spt"), ("page", "tdp_mmu_root_count"))
"""What an operation on a whole page touches only because the checker looks at it."""


@dataclass(frozen=True)
class Needed:
    """
    What of a trace matters.

    steps : of each step, whether it is needed; path : the actors of the needed ones, in order;
    code : their schedule code; before : pairs of step numbers (from 1) of different actors, the
    first of which must stay before the second because both use the same field or lock; what
    follows from others is left out
    """

    steps: tuple[bool, ...]
    path: tuple[int, ...]
    code: str
    before: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        out = [str(k) for k, need in enumerate(self.steps, 1) if not need]
        many = len(self.path)
        lines = [f"{many} of {len(self.steps)} steps are needed; as a schedule {self.code}"]
        if out:
            lines.append("not needed: " + ", ".join(out))
        kept = [(a, b) for a, b in self.before if self.steps[a - 1] and self.steps[b - 1]]
        if kept:
            said = ", ".join(f"{a} before {b}" for a, b in kept)
            lines.append(f"the order that matters: {said}")
        return "\n".join(lines)


def needed(trace) -> Needed:
    """
    Return which steps of `trace` are needed for what it breaks.

    Raises BadValueError for a trace that breaks nothing.
    """
    if trace.broken is None:
        raise BadValueError("needed: the trace breaks nothing, so no step is needed for anything")
    session = trace.session
    path, mode = tuple(step.actor for step in trace.steps), session.mode
    runner = Runner(session.system, mode)

    def breaks(kept: list[int]) -> bool:
        return runner.breaks([path[k] for k in kept], trace.broken)

    kept = _fewest(path, breaks)
    left = tuple(path[k] for k in kept)
    code = session.code_of(left)
    mine = set(kept)
    flags = tuple(k in mine for k in range(len(path)))
    return Needed(flags, left, code, happens_before(trace))


def _fewest(path: tuple[int, ...], breaks: Callable[[list[int]], bool]) -> list[int]:
    """Leave out whole actors, then turns, then single steps, the latest first, until none can."""
    kept = list(range(len(path)))
    for parts in (_actors, _tails, _turns, _singles):
        shrinking = True
        while shrinking:
            shrinking = False
            for part in list(parts(path, kept)):
                less = [k for k in kept if k not in part]
                if len(less) < len(kept) and less and less[-1] == kept[-1] and breaks(less):
                    kept, shrinking = less, True
    return kept


def _actors(path: tuple[int, ...], kept: list[int]) -> Iterator[set[int]]:
    for actor in sorted({path[k] for k in kept}):
        yield {k for k in kept if path[k] == actor}


def _tails(path: tuple[int, ...], kept: list[int]) -> Iterator[set[int]]:
    """What an actor does last, as much of it as can be."""
    for actor in sorted({path[k] for k in kept}):
        mine = [k for k in kept if path[k] == actor]
        yield from (set(mine[at:]) for at in range(1, len(mine)))


def _turns(path: tuple[int, ...], kept: list[int]) -> Iterator[set[int]]:
    turns = [set(group) for _, group in groupby(kept, key=lambda k: path[k])]
    yield from reversed(turns)


def _singles(path: tuple[int, ...], kept: list[int]) -> Iterator[set[int]]:
    yield from ({k} for k in reversed(kept))


def happens_before(trace) -> tuple[tuple[int, int], ...]:
    """
    Return which steps of different actors keep their order, as pairs of numbers from 1.

    Two steps do if they use the same field, lock, list or queue and one of them changes it. A pair
    that follows from others and from each actor's own order is left out.
    """
    taken = trace.session.taken[: len(trace.steps)]
    used = [frozenset(key for h in each.happened for key in _uses(h)) for each in taken]
    behind: list[int] = []
    found = []
    for k, step in enumerate(trace.steps):
        known = 0
        for j in range(k - 1, -1, -1):
            mine = trace.steps[j].actor == step.actor
            if known >> j & 1 or not (mine or _meet(used[j], used[k])):
                continue
            known |= behind[j] | 1 << j
            if not mine:
                found.append((j + 1, k + 1))
        behind.append(known)
    return tuple(sorted(found))


def _meet(some: Iterable[tuple], others: Iterable[tuple]) -> bool:
    return any(
        what == other and conflicting(mode, how) and (None in (which, whom) or which == whom)
        for what, mode, which in some
        for other, how, whom in others
    )


def _uses(h: Happened) -> Iterator[tuple]:
    """Give (what, mode, which) of everything an executed operation uses; which None: all."""
    op = h.node.op
    if op.lock and (op.code in narrate.KINDS or op.code in LOOKS):
        shared = op.code in ("RLOCK", "RUNLOCK", *LOOKS)
        yield ("lock", op.lock), "r" if shared else "w", None
    elif op.code.startswith("REQ"):
        looks = op.code == "REQTEST" or (op.code == "REQCHECK" and not h.result)
        yield ("requests",), "r" if looks else "w", None if op.code == "REQALL" else h.a
    elif op.code.startswith("TLB"):
        yield ("tlb",), "w", None if op.code == "TLBFLUSHALL" else h.a
    elif op.code in TOUCHES:
        whole = op.code in ("UPDRETURN", "NOTRETURN")
        for key, mode in TOUCHES[op.code]:
            if whole or key not in CHECKED:
                yield key, mode, None
    elif op.place is not None and op.visible:
        changed = op.code != "LOAD" and (h.breaks or not (h.before == h.after).all())
        yield (op.place.owner, op.place.name), "w" if changed else "r", (h.obj, h.idx)
