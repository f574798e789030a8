"""
What the steps of a finished search do, counted: who takes them, which lines they come by.

Nothing of this is kept while a search runs, so that it costs a search nothing: every step is taken
once more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ..errors import BadValueError
from .explore import Exploration

__all__ = ["UNKNOWN", "Census", "Cover", "census", "cover"]

BATCH = 1 << 15
"""States between two chances to interrupt."""
PATIENCE = 0.2
"""Seconds in which the steps are taken again and again, for the least time it can be done in."""
LOG = 8192
"""Operations of one step that are looked at; more is a loop without an end."""
UNKNOWN = 2
"""Of a condition whose outcome leads to the same place either way."""


@dataclass(frozen=True)
class Cover:
    """
    How often lines and conditions were met.

    Attributes
    ----------
    lines : int64[lines, 3]; the states from which some actor gets to the line (be it to wait
        there), those in which one stands there, and the transitions that begin it
    conditions : int64[conditions, 2]; how often the outcome was false, and true
    transitions : how many there are
    """

    lines: np.ndarray
    conditions: np.ndarray
    transitions: int


@dataclass(frozen=True)
class Census:
    """
    Who takes the steps.

    Attributes
    ----------
    moves : int64[actors], the transitions of each actor
    enabled : int64[actors + 1], the states in which so many actors can move
    breaking, bounded : transitions that break something, and that meet a bound
    seconds : the least it took to take every step once, without looking up what it leads to
    """

    moves: np.ndarray
    enabled: np.ndarray
    breaking: int
    bounded: int
    seconds: float


def kept(found: Exploration):
    """Return the arrays of a search. Raises BadValueError if they were let go."""
    if found.arrays is None:
        raise BadValueError(
            "this check was ended early and its states were let go; run check(...) to its end, or "
            "with max_states=N"
        )
    return found.arrays


def cover(found: Exploration, nodes: np.ndarray, lines: int, conditions: int) -> Cover:
    """
    Count what every step from the states of `found` comes by.

    nodes : int32[3, nodes of the image]: of each its line and the condition it decides, or -1, and
        its outcome where that is known beforehand (see `_cover.cover`)
    lines, conditions : how many there are
    """
    from ..vm import _memo
    from . import _cover

    states = kept(found).states
    image, log = found.system.image, np.zeros(LOG, np.int64)
    log[1] = LOG - 2
    counts, stamps = (np.zeros(3 * max(lines, 1), np.int64) for _ in range(2))
    taken, totals = np.zeros(2 * max(conditions, 1), np.int64), np.zeros(2, np.int64)
    scratch = _memo.scratch(image.im)
    for begin in range(0, found.states, BATCH):
        with found.system.lock:
            _cover.cover(
                image.im, image.mem, states, begin, min(begin + BATCH, found.states),
                found.reductions.mode, scratch, log, nodes, counts, taken, stamps, totals,
            )  # fmt: skip
    ways = taken.reshape(-1, 2)[:conditions]
    return Cover(counts.reshape(-1, 3)[:lines], ways, int(totals[1]))


def census(found: Exploration) -> Census:
    """Count who takes every step that `found` has taken."""
    once(found, 0)  # no state at all: it gets the kernel loaded
    least, spent = float("inf"), 0.0
    while spent == 0.0 or spent + least < PATIENCE:
        moves, enabled, ends, seconds = once(found, found.expanded)
        least, spent = min(least, seconds), spent + max(seconds, 1e-4)
    return Census(moves, enabled, int(ends[0]), int(ends[1]), least)


def once(found: Exploration, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Take every step from the states before `last`; return moves, enabled, ends and seconds."""
    from ..vm import _memo
    from . import _cover

    image, arrays, actors = found.system.image, kept(found), len(found.system.actors)
    moves, enabled = np.zeros(actors, np.int64), np.zeros(actors + 1, np.int64)
    ends, scratch = np.zeros(2, np.int64), _memo.scratch(image.im)
    began = time.perf_counter()
    for begin in range(0, max(last, 1), BATCH):
        with found.system.lock:
            _cover.census(
                image.im, image.mem, arrays.states, begin, min(begin + BATCH, last),
                found.reductions.mode, scratch, arrays.places, arrays.entries, moves, enabled, ends,
            )  # fmt: skip
    return moves, enabled, ends, time.perf_counter() - began
