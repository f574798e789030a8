"""
What a check was like: how many states at which depth, who takes the steps, where the time went.

>>> from tdplib import check                                        # doctest: +SKIP
>>> check("v5.18").statistics()                                     # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Statistics", "statistics"]


@dataclass(frozen=True)
class Statistics:
    """
    What a search met, counted; and its cost, measured.

    Attributes
    ----------
    states, transitions : as the verdict has them; by_depth : how many states were first reached in
        0, 1, 2 ... steps (where a bound was met, the last of them is not complete)
    by_actor : (name, transitions) of each actor; they add up to `transitions`
    able : in how many states 0, 1, 2 ... actors can take a step; only states whose steps were taken
        count (`expanded`)
    breaking, bounded : transitions that break a property, and that meet a bound of the model
    stopped_by : the bounds that were met; reductions : those that were on
    seconds : (what, seconds) of each part of the check; `looking` and `stepping` share what the
        search took apart from the rest: the steps were taken once more, and that was measured
    pace : (depth, states, seconds) of each stretch of the search, between two looks at the clock:
        the depth at its end, the states whose steps were taken in it
    memory : bytes; state_bytes : of one state's own words
    """

    protocol: str
    scenario: str
    verdict: str
    states: int
    transitions: int
    depth: int
    expanded: int
    by_depth: tuple[int, ...]
    by_actor: tuple[tuple[str, int], ...]
    able: tuple[int, ...]
    breaking: int
    bounded: int
    stopped_by: tuple[str, ...]
    reductions: tuple[str, ...]
    seconds: tuple[tuple[str, float], ...]
    pace: tuple[tuple[int, int, float], ...]
    memory: int
    state_bytes: int

    @property
    def branching(self) -> float:
        """How many actors can take a step, on average over the states."""
        return self.transitions / self.expanded if self.expanded else 0.0

    @property
    def widest(self) -> int:
        """The depth with the most states."""
        return self.by_depth.index(max(self.by_depth))

    @property
    def rate(self) -> float:
        """States a second, while the search ran."""
        spent = sum(t for what, t in self.seconds if what in SEARCHING)
        return self.states / spent if spent else 0.0

    def to_dict(self) -> dict:
        """Return it as plain data."""
        told = asdict(self)
        told["by_actor"] = [{"actor": name, "transitions": n} for name, n in self.by_actor]
        told["seconds"] = {what: round(spent, 6) for what, spent in self.seconds}
        told["pace"] = [
            {"depth": depth, "states": states, "seconds": round(spent, 6)}
            for depth, states, spent in self.pace
        ]
        told |= {"branching": self.branching, "widest": self.widest, "states_a_second": self.rate}
        return told

    def __str__(self) -> str:
        from .draw.statistics import statistics_text

        return statistics_text(self.to_dict())

    __repr__ = __str__

    def picture(self):
        """Return the `tdplib.draw.Picture` of it."""
        from .draw.statistics import statistics_picture

        return statistics_picture(self.to_dict())

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return self.picture()._repr_mimebundle_() | {"text/plain": str(self)}


COMPILING, LOADING, ROOM = "compiling the code", "loading machine code", "making room"
STEPPING, LOOKING = "taking steps", "looking states up"
SEARCHING = (STEPPING, LOOKING, ROOM)


def statistics(verdict) -> Statistics:
    """
    Return the statistics of a verdict of `check`.

    A search keeps no such counts while it runs: it looks at the clock from time to time, and all
    else is counted now, by taking every step once more (without looking up where it leads).
    """
    from .search.cover import census

    found = verdict.exploration
    counted, pace = census(found), found.pace
    searching = max(found.seconds - pace.loading - pace.room, 0.0)
    stepping = min(counted.seconds, searching)
    seconds = (
        (COMPILING, verdict.prepared),
        (LOADING, pace.loading),
        (STEPPING, stepping),
        (LOOKING, searching - stepping),
        (ROOM, pace.room),
    )
    image = found.system.image
    on = found.reductions
    return Statistics(
        verdict.protocol,
        getattr(verdict.scenario, "name", str(verdict.scenario)),
        verdict.status if verdict.property is None else f"{verdict.status}: {verdict.property}",
        found.states,
        found.transitions,
        found.depth,
        found.expanded,
        found.layers,
        tuple(zip((a.name for a in found.system.actors), counted.moves.tolist(), strict=True)),
        tuple(counted.enabled.tolist()),
        counted.breaking,
        counted.bounded,
        found.stopped_by,
        tuple(n for n in ("merge", "lockset", "acquire", "symmetry") if getattr(on, n)),
        seconds,
        stretches(pace),
        found.memory,
        8 * image.words,
    )


def stretches(pace) -> tuple[tuple[int, int, float], ...]:
    """Return (depth, states, seconds) of each stretch, from what the clock said at its end."""
    made, states, spent = [], 0, pace.loading
    for depth, expanded, seconds in pace.stretches:
        if expanded > states:
            made.append((depth, expanded - states, seconds - spent))
        states, spent = expanded, seconds
    return tuple(made)
