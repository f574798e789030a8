"""
From a finished search to a schedule.

The shortest way to break a property, with the fewest switches between actors among those.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..vm import codes
from .explore import Exploration


def schedule(found: Exploration, name: str) -> list[int]:
    """
    Return the actors, in order, whose actions lead to the first violation of `name`.

    `name` is a property or an advice. The schedule has the least number of actions of any that
    breaks it, and of those the least number of switches between actors; of several it is the one
    that comes first by actor number. Actors are the real ones also where the search used symmetry.

    Raises KeyError if the search found no violation of `name`.
    """
    from ..vm import _memo
    from . import _shortest

    _number, actor, depth = found.found[name]
    prop = (*codes.PROPERTIES, *codes.ADVICE).index(name)
    if depth == 0:
        return []
    image, arrays = found.system.image, found.arrays
    layers = layer_bounds(found, depth)
    rows = layers[depth + 1] if actor < 0 else layers[depth]
    best = np.full((rows, len(found.system.actors)), _shortest.NEVER, np.int16)
    scratch, perm = (
        _memo.scratch(image.im),
        np.zeros(len(found.system.actors), np.int64),
    )
    fill = _shortest.fewest_switches_to_end if actor < 0 else _shortest.fewest_switches
    fill(
        image.im,
        image.mem,
        arrays.states,
        arrays.table,
        arrays.control,
        arrays.groups,
        layers,
        best,
        prop,
        depth,
        scratch,
        perm,
    )
    return follow(found, best, depth, actor < 0)


def layer_bounds(found: Exploration, depth: int) -> np.ndarray:
    """Return the first state number of each depth up to `depth` + 1, as far as the search went."""
    from . import _bfs

    arrays = found.arrays
    bounds = arrays.layers[: depth + 2].copy()
    count = int(arrays.control[_bfs.C_COUNT])
    for k in range(1, depth + 2):
        if bounds[k] == 0:
            bounds[k] = count
    return bounds


def follow(found: Exploration, best: np.ndarray, depth: int, to_end: bool) -> list[int]:
    """Walk forward along the least costs; return real actor numbers."""
    from ..vm._entry import run
    from . import _bfs

    image, arrays, actors = found.system.image, found.arrays, len(found.system.actors)
    width, mode = arrays.states.shape[1], found.reductions.mode
    real = list(range(actors))
    perm = np.arange(actors)
    if found.reductions.symmetry:
        start = image.start.copy()
        _bfs.canonical(start, arrays.groups, perm)
        real = [int(x) for x in perm]
    state, last, path = 0, -1, []
    log = np.zeros(2, np.int64)
    for step in range(depth):
        costs = [int(best[state, b]) + (step > 0 and b != last) for b in range(actors)]
        least = min(costs)
        chosen = min((b for b in range(actors) if costs[b] == least), key=lambda b: real[b])
        path.append(real[chosen])
        if step == depth - 1 and not to_end:
            break
        st = arrays.states[state].copy()
        run(image.im, image.mem, st, chosen, mode, log)
        perm = np.arange(actors)
        if found.reductions.symmetry:
            _bfs.canonical(st, arrays.groups, perm)
            real = [real[int(x)] for x in perm]
        last = next(k for k in range(actors) if perm[k] == chosen)
        state = int(_bfs.find(st, arrays.states, arrays.table, width))
    return path


def switches(path: list[int]) -> int:
    """Return how often a schedule goes from one actor to another."""
    return sum(a != b for a, b in pairwise(path))
