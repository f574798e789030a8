"""
An invariant on the states of a search: where it is false first, and the way there.

The states of a search with reductions are enough: what a watcher looks at is touched by nobody in
passing (see `vm.system.System.codes`), so whatever it can see, it sees in one of them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .explore import Exploration

__all__ = ["first_unlike", "outcomes", "way_to"]


def first_unlike(found: Exploration, wanted: int = 0) -> tuple[int, int] | None:
    """
    Return the first state, in breadth-first order, in which the system's watcher meets something.

    With it what it met, as a code of the machine (see `vm.codes`). None if there is no such state.

    wanted : only states in which it meets this
    """
    from ..vm import _memo
    from . import _guard

    arrays, image = found.arrays, found.system.image
    scratch = _memo.scratch(image.im)
    watcher = len(found.system.actors)
    number = _guard.first_unlike(
        image.im, image.mem, arrays.states, 0, found.states, watcher, wanted, scratch
    )
    return None if number == found.states else (int(number), int(scratch[0]))


def way_to(found: Exploration, number: int) -> list[int]:
    """Return the actors whose actions lead to a state: as few actions as any way needs."""
    from ..vm._entry import run

    arrays, image = found.arrays, found.system.image
    chain = [number]
    while chain[-1] != 0:
        chain.append(int(arrays.parents[chain[-1]]))
    chain.reverse()
    path: list[int] = []
    log = np.zeros(2, np.int64)
    for before, after in pairwise(chain):
        actors = sorted(range(len(found.system.actors)), key=lambda k: k not in path[-1:])
        for actor in actors:
            st = arrays.states[before].copy()
            code = run(image.im, image.mem, st, actor, found.reductions.mode, log)
            if code == 0 and (st == arrays.states[after]).all():
                path.append(actor)
                break
    return path


def outcomes(found: Exploration) -> set[int]:
    """Return all that the watcher meets in some state, as codes; 0 is nothing."""
    from ..vm import _memo
    from . import _guard

    arrays, image = found.arrays, found.system.image
    scratch = _memo.scratch(image.im)
    watcher, at, met, seen = len(found.system.actors), 0, set(), 0
    while at < found.states:
        at = int(
            _guard.first_unlike(
                image.im, image.mem, arrays.states, at, found.states, watcher, 0, scratch
            )
        )
        if at < found.states:
            met.add(int(scratch[0]))
            at, seen = at + 1, seen + 1
    return met | ({0} if seen < found.states else set())
