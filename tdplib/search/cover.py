"""
What the steps of a finished search do, counted: which lines they come by.

Nothing of this is kept while a search runs, so that it costs a search nothing: every step is taken
once more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .explore import Exploration

__all__ = ["UNKNOWN", "Cover", "cover"]

BATCH = 1 << 15
"""States between two chances to interrupt."""
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


def cover(found: Exploration, nodes: np.ndarray, lines: int, conditions: int) -> Cover:
    """
    Count what every step from the states of `found` comes by.

    nodes : int32[3, nodes of the image]: of each its line and the condition it decides, or -1, and
        its outcome where that is known beforehand (see `_cover.cover`)
    lines, conditions : how many there are
    """
    from ..vm import _memo
    from . import _cover

    image, log = found.system.image, np.zeros(LOG, np.int64)
    log[1] = LOG - 2
    counts, stamps = (np.zeros(3 * max(lines, 1), np.int64) for _ in range(2))
    taken, totals = np.zeros(2 * max(conditions, 1), np.int64), np.zeros(2, np.int64)
    scratch = _memo.scratch(image.im)
    for begin in range(0, found.states, BATCH):
        _cover.cover(
            image.im, image.mem, found.arrays.states, begin, min(begin + BATCH, found.states),
            found.reductions.mode, scratch, log, nodes, counts, taken, stamps, totals,
        )  # fmt: skip
    ways = taken.reshape(-1, 2)[:conditions]
    return Cover(counts.reshape(-1, 3)[:lines], ways, int(totals[1]))
