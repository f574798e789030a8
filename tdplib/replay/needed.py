"""
Which steps of a trace matter: which are needed for what it breaks, and which come before which.

A step is needed if, without it and the others that are left out, the rest cannot be taken or does
not break the same property with its last step. What is left is 1-minimal: no further step of it
can be left out. Other minimal sets may exist.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from ..errors import BadValueError
from .stepping import Runner
from .trace import WIDTH
from .uses import Use, meet, uses

__all__ = ["Arrow", "Needed", "arrows", "is_least", "needed"]

NOT_NEEDED = "not needed: the same breaks without this step"


@dataclass(frozen=True)
class Needed:
    """
    What of a trace matters.

    steps : of each step, whether it is needed; path : the actors of the needed ones, in order;
    code : their schedule code; before : the arrows between needed steps of different actors (see
    `arrows`)
    """

    steps: tuple[bool, ...]
    path: tuple[int, ...]
    code: str
    before: tuple[Arrow, ...]

    def __str__(self) -> str:
        out = [str(k) for k, need in enumerate(self.steps, 1) if not need]
        many = len(self.path)
        lines = [f"{many} of {len(self.steps)} steps are needed; as a schedule {self.code}"]
        if out:
            lines.append("not needed: " + ", ".join(out))
        if self.before:
            lines.append("the order that matters:")
        for first, then, why in self.before:
            said = f"  {first} before {then}: {why}"
            lines += textwrap.wrap(said, WIDTH, subsequent_indent=" " * 6)
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

    with session.lock:
        kept = _fewest(path, breaks)
    left = tuple(path[k] for k in kept)
    code = session.code_of(left)
    mine = set(kept)
    flags = tuple(k in mine for k in range(len(path)))
    return Needed(flags, left, code, arrows(trace, flags))


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


def is_least(path: tuple[int, ...], breaks: Callable[[list[int]], bool]) -> bool:
    """
    Tell whether every step of a path is needed.

    breaks : tells whether the steps with these numbers, from 0, break what the whole path does
    """
    kept = list(range(len(path)))
    for parts in (_actors, _tails, _turns, _singles):
        for part in parts(path, kept):
            less = [k for k in kept if k not in part]
            if less and less[-1] == kept[-1] and breaks(less):
                return False
    return True


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


class Arrow(NamedTuple):
    """
    Two steps of different actors that keep their order, and why.

    first, then : their numbers, from 1; why : what both use, and what each does to it
    """

    first: int
    then: int
    why: str


def arrows(trace, steps: tuple[bool, ...] | None = None) -> tuple[Arrow, ...]:
    """
    Return which steps of different actors keep their order, and why.

    Two steps do if they use the same field, lock, list or queue and one of them changes it. A pair
    that follows from others and from each actor's own order is left out.

    Parameters
    ----------
    trace : a `tdplib.replay.Trace`; it need not break anything
    steps : of each step whether it counts (`needed(trace).steps`); the others are as if they were
        not there. None: all count.

    Examples
    --------
    >>> from tdplib.check import check
    >>> for arrow in arrows(check("lost-update").trace):
    ...     print(*arrow)
    1 3 counter: read in step 1, written in step 3
    3 5 counter: written in step 3, written in step 5
    4 6 arrived: changed in step 4, changed in step 6
    """
    system, taken = trace.session.system, trace.session.taken[: len(trace.steps)]
    used = [
        [use for h in each.happened for use in uses(system, step.actor, h)]
        for step, each in zip(trace.steps, taken, strict=True)
    ]
    return tuple(
        Arrow(j + 1, k + 1, "; ".join(_why(used, j, k))) for j, k in _covering(trace, used, steps)
    )


def _covering(trace, used: list[list[Use]], steps: tuple[bool, ...] | None) -> list[tuple]:
    """Return the pairs of steps, from 0, that keep their order and follow from no others."""
    behind: list[int] = []
    found = []
    for k, step in enumerate(trace.steps):
        known = 0
        for j in range(k - 1, -1, -1) if steps is None or steps[k] else ():
            mine = trace.steps[j].actor == step.actor
            left_out = steps is not None and not steps[j]
            if left_out or known >> j & 1 or not (mine or _meet(used[j], used[k])):
                continue
            known |= behind[j] | 1 << j
            if not mine:
                found.append((j, k))
        behind.append(known)
    return sorted(found)


def _meet(some: list[Use], others: list[Use]) -> bool:
    return any(meet(one, other) for one in some for other in others)


def _why(used: list[list[Use]], j: int, k: int) -> list[str]:
    """Say what joins two steps: of each thing the pair of uses that tells most."""
    best: dict[tuple, tuple[int, Use, Use]] = {}
    for other in used[k]:
        for one in reversed(used[j]):
            if meet(one, other):
                key = (*one.what, one.which if other.which is None else other.which)
                rank = (one.mode == "r") + (other.mode == "w")  # written, then read: tells most
                if key not in best or rank < best[key][0]:
                    best[key] = rank, one, other
    found = {key: _said(one, j, other, k) for key, (_, one, other) in best.items()}
    ranks = {key: RANK.get(key[0], 0) for key in found}
    most = 2 if min(ranks.values()) < 3 else 3
    return [found[key] for key in sorted(found, key=ranks.get) if ranks[key] <= most]


def _said(one: Use, j: int, other: Use, k: int) -> str:
    thing = one.thing if other.which is None else other.thing
    if one.thing != other.thing and None not in (one.which, other.which):
        thing = thing.partition(".")[0]  # two bits of one word
    return f"{thing}: {one.verb} in step {j + 1}, {other.verb} in step {k + 1}"


RANK = {"list": 1, "item": 1, "finished": 1, "lock": 2, "queued": 2, "readers": 2}
RANK |= dict.fromkeys(("inited", "destroyed", "alive", "slots", "zapped", "marked"), 3)
"""What is told later: fields come first, then list and queue, then locks; the rest if need be."""
