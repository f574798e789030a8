"""The whole graph of a finished search: every edge, and how far each state is from a violation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import BadValueError
from ..vm import codes
from .explore import Exploration


@dataclass(frozen=True)
class Graph:
    """
    Every state and edge a search has visited.

    Attributes
    ----------
    first : int32[states + 1]; the edges of state `s` are `first[s]` .. `first[s + 1]` - 1
    actor, target : of each edge who acts, and the state it leads to; -1 - k if it breaks property
        k; `BEYOND` if it leads out of what was visited
    steps : int32[states], least number of actions to a violation, `FAR` if none can be reached
    broken : int16[states], the property that is broken then, or -1
    """

    first: np.ndarray
    actor: np.ndarray
    target: np.ndarray
    steps: np.ndarray
    broken: np.ndarray

    def edges(self, state: int) -> list[tuple[int, int]]:
        """Return (actor, target) of every edge from `state`."""
        span = slice(int(self.first[state]), int(self.first[state + 1]))
        return list(zip(self.actor[span].tolist(), self.target[span].tolist(), strict=True))


def graph(found: Exploration, wanted: tuple[str, ...] = codes.PROPERTIES) -> Graph:
    """
    Return the graph of an exploration; distances are to the nearest of the properties `wanted`.

    Raises BadValueError if the exploration used symmetry: its edges permute actors.
    """
    from . import _edges

    first, actor, target, ends = edges(found)
    into, source = turned(first, target)
    steps, line = (np.zeros(found.states, np.int32) for _ in range(2))
    broken = np.zeros(found.states, np.int16)
    asked = np.array([name in wanted for name in codes.PROPERTIES])
    _edges.distances(first, target, ends, asked, into, source, steps, broken, line)
    return Graph(first, actor, target, steps, broken)


def edges(found: Exploration) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """
    Return (first, actor, target) as in `Graph`, and the property each state without a step breaks.

    Raises BadValueError if the exploration used symmetry: its edges permute actors.
    """
    from ..vm import _memo
    from . import _edges

    if found.reductions.symmetry:
        raise BadValueError("graph: the search used symmetry; its edges do not name real actors")
    arrays, image = found.arrays, found.system.image
    many = max(found.transitions, found.states * len(found.system.actors))
    first = np.zeros(found.states + 1, np.int32)
    actor, target = np.zeros(many, np.int8), np.zeros(many, np.int32)
    ends = np.zeros(found.states, np.int16)
    count = _edges.edges(
        image.im, image.mem, arrays.states, found.states, arrays.table, arrays.control,
        _memo.scratch(image.im), arrays.places, arrays.entries, first, actor, target, ends,
    )  # fmt: skip
    return first, actor[:count].copy(), target[:count].copy(), ends


def turned(first: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges turned around: each state's first edge into it, where each comes from."""
    from . import _edges

    into, source = np.zeros(first.size, np.int32), np.zeros(target.size, np.int32)
    _edges.backwards(first, target, into, source)
    return into, source


def stranded(found: Exploration) -> int | None:
    """
    Return the first state, in the order they were found, from which no end can be reached.

    An end is a state without any step. In a finished search without a violation a stranded state
    means that somebody runs for ever, whoever moves when. None if there is none.
    """
    from . import _edges

    first, _, target, _ = edges(found)
    into, source = turned(first, target)
    done, line = np.zeros(found.states, np.bool_), np.zeros(found.states, np.int32)
    _edges.reach_an_end(first, into, source, done, line)
    lost = np.flatnonzero(~done)
    return int(lost[0]) if lost.size else None


def number_of(found: Exploration, state: np.ndarray) -> int | None:
    """Return the number of a packed state in an exploration; None if it was not visited."""
    from . import _bfs

    number = int(_bfs.find(state, found.arrays.states, found.arrays.table, state.size))
    return number if number >= 0 else None
