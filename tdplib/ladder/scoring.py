"""Par of a level, which the search finds, and the score of a schedule against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import TdplibError
from .level import Level, level

__all__ = ["CLOSE", "Par", "Score", "par", "score", "so_far", "stars_text"]

CLOSE = 3
"""So many steps over par are still called close to it."""

_VERDICTS = {3: "as short as can be", 2: "good", 1: "broken", 0: "not broken yet"}


@dataclass(frozen=True)
class Par:
    """
    The shortest schedule that breaks `property`: least steps, then least switches.

    code : its schedule code
    """

    property: str
    steps: int
    switches: int
    code: str


@dataclass(frozen=True)
class Score:
    """
    What a schedule that breaks a level is worth.

    par : of the property that it broke
    nudges : how much help was asked for
    """

    level: Level
    property: str
    steps: int
    switches: int
    par: Par
    nudges: int = 0

    @property
    def over(self) -> tuple[int, int]:
        """Steps and switches over par; switches can be fewer than par's where steps are more."""
        return self.steps - self.par.steps, self.switches - self.par.switches

    @property
    def stars(self) -> int:
        """
        Return 3 for par without help, 2 for close to par (or par with help), else 1.

        Close is `CLOSE` steps at most, or par's steps with more switches.
        """
        if self.over == (0, 0) and not self.nudges:
            return 3
        return 2 if self.over[0] <= CLOSE else 1

    @property
    def on_target(self) -> bool:
        """Tell whether it is the property that was asked for, if one was."""
        return self.level.target in (None, self.property)

    def happened(self) -> str:
        """Say in one sentence what happened."""
        return self.level.happened(self.property)

    def text(self) -> str:
        """
        Say how it compares with par.

        >>> Score(level(1), "no-warn", 9, 3, Par("no-warn", 7, 2, "")).text()
        'Your 9 steps and 3 switches; par is 7 and 2: 2 steps and 1 switch over.'
        """
        par = "par" if self.on_target else f"par for {self.property}"
        yours = f"Your {_counts(self.steps, self.switches)}"
        compared = f"{yours}; {par} is {self.par.steps} and {self.par.switches}: {self._compared()}"
        if self.over == (0, 0):
            compared = f"{yours}: that is {par}"
        return f"{compared}, with {_nudges(self.nudges)}." if self.nudges else f"{compared}."

    def _compared(self) -> str:
        parts = [
            f"{_several(abs(number), word)} {'over' if number > 0 else 'fewer'}"
            for number, word in zip(self.over, ("step", "switch"), strict=True)
            if number
        ]
        if len(parts) == 2 and min(self.over) > 0:
            parts[0] = parts[0].removesuffix(" over")
        return " and ".join(parts)


def stars_text(stars: int) -> str:
    """
    Say a number of stars in signs and in words.

    >>> stars_text(2)
    '★★☆ good'
    """
    return f"{'★' * stars}{'☆' * (3 - stars)} {_VERDICTS[stars]}"


def so_far(board: Mapping[str, Any], best: Par) -> str:
    """Say how many steps and switches were taken up to where a board stands, beside par."""
    steps, switches = _taken(board)
    return f"your {_counts(steps, switches)}, par {best.steps} and {best.switches}"


def score(number: int | Level, board: Mapping[str, Any], nudges: int = 0) -> Score | None:
    """
    Return the score of where a board of this level stands; None while nothing is broken there.

    board : as a `Session` or an `Interleaver` gives it
    """
    if not board["broken"]:
        return None
    broken = board["broken"]["property"]
    return Score(level(number), broken, *_taken(board), par(number, broken), nudges)


def par(number: int | Level, property: str | None = None) -> Par:
    """
    Return the par of a level, or of another property that breaks in it; searched for once.

    property : by default the level's target, or what breaks first where it has none

    Raises
    ------
    TdplibError
        Nothing breaks `property` in this level.
    """
    return _par(level(number), property)


@cache
def _par(about: Level, wanted: str | None) -> Par:
    verdict = _searched(about)
    wanted = wanted or about.target or verdict.property
    if wanted not in verdict.properties:
        raise TdplibError(f"level {about.number} ({about.protocol}): nothing breaks {wanted}")
    trace = verdict.traces[wanted]
    return Par(wanted, len(trace.steps), trace.switches, trace.code)


@cache
def _searched(about: Level):
    from ..check import check

    return check(about.protocol, scenario=about.scenario)


def _taken(board: Mapping[str, Any]) -> tuple[int, int]:
    taken = board["timeline"][: board["step"]]
    return len(taken), sum(bool(entry["switch"]) for entry in taken)


def _counts(steps: int, switches: int) -> str:
    return f"{_several(steps, 'step')} and {_several(switches, 'switch')}"


def _several(number: int, word: str) -> str:
    plural = word + ("es" if word.endswith("ch") else "s")
    return f"{number} {word if number == 1 else plural}"


def _nudges(number: int) -> str:
    return _several(number, "nudge")
