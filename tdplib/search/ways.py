"""Every violation a search has met, the soonest first, and the best way to each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..vm import codes
from .explore import Exploration
from .graph import edges

__all__ = ["Ways", "ways"]


@dataclass(frozen=True)
class Ways:
    """
    The violations of a search, each with its best way: least actions, then least switches.

    Attributes
    ----------
    state, actor, broken : of each violation, the state it is in, who takes the action that breaks
        (-1: nobody can act, the state itself is broken) and the number of the property; the soonest
        first, of those that are as soon the one with fewest switches
    depth, switches : of each, the actions of its best way (the breaking one counted), its switches
    """

    state: np.ndarray
    actor: np.ndarray
    broken: np.ndarray
    depth: np.ndarray
    switches: np.ndarray
    _best: np.ndarray = field(repr=False)
    _before: np.ndarray = field(repr=False)
    _last: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return self.state.size

    def path(self, k: int) -> list[int]:
        """Return the actors whose actions lead to violation `k`, in order."""
        actor = int(self.actor[k])
        path = [] if actor < 0 else [actor]
        return self.to(int(self.state[k]), actor) + path

    def to(self, state: int, actor: int = -1) -> list[int]:
        """Return the actors of the best way to a state from which `actor` goes on (-1: nobody)."""
        return [last for _, last in self.passed(state, actor)]

    def passed(self, state: int, actor: int = -1) -> list[tuple[int, int]]:
        """Return (state, actor that leads to it) of the best way to a state, as for `to`."""
        if state == 0:
            return []
        costs = self._best[state] + (np.arange(self._best.shape[1]) != actor) * (actor >= 0)
        last, path = int(np.argmin(costs)), []
        while last >= 0:
            path.append((state, last))
            state, last = int(self._before[state, last]), int(self._last[state, last])
        return path[::-1]


def ways(found: Exploration, wanted: tuple[str, ...] = codes.PROPERTIES) -> Ways:
    """
    Return the violations of the properties `wanted`.

    Raises BadValueError if the exploration used symmetry: its edges permute actors.
    """
    from . import _ways

    first, actor, target, ends = edges(found)
    layers = np.cumsum([0, *found.layers])
    shape = found.states, len(found.system.actors)
    best, before, last = (np.zeros(shape, kind) for kind in (np.int16, np.int32, np.int8))
    _ways.fewest_switches(first, actor, target, layers, best, before, last)
    asked = np.array([name in wanted for name in codes.PROPERTIES])
    breaking = np.flatnonzero((target < 0) & (target >= -asked.size))
    breaking = breaking[asked[-1 - target[breaking]]]
    states = np.searchsorted(first, breaking, side="right") - 1
    ended = np.flatnonzero(ends >= 0)
    ended = ended[asked[ends[ended]]]
    state = np.concatenate([states, ended])
    who = np.concatenate([actor[breaking], np.full(ended.size, -1, np.int8)]).astype(np.int64)
    broken = np.concatenate([-1 - target[breaking], ends[ended]])
    depth = np.searchsorted(layers, state, side="right") - 1 + (who >= 0)
    other = (np.arange(shape[1]) != who[:, None]) * (who[:, None] >= 0)
    switches = np.where(state == 0, 0, (best[state] + other).min(axis=1, initial=_ways.NEVER))
    order = np.lexsort((who, state, switches, depth))
    parts = (part[order] for part in (state, who, broken, depth, switches))
    return Ways(*parts, best, before, last)
