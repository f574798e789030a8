"""What a player has reached on the ladder, kept in one small JSON file on their own machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..store import Store
from .level import Level, level, levels
from .scoring import Score

__all__ = ["best", "bests", "bests_path", "note_save", "note_score", "saved_lines", "saves"]

BESTS = Store("ladder.json", "TDPLIB_LADDER", ("broken", "saved"), "your best on the ladder is")

_NUMBERS = ("steps", "switches", "steps_over", "switches_over", "nudges", "stars")


def bests_path() -> Path:
    """Return the file: `TDPLIB_LADDER` if that is set, else one in the user's data folder."""
    return BESTS.path()


def best(number: int | Level) -> dict[str, Any] | None:
    """
    Return the best score of a level, or None if it was not broken yet.

    A dictionary of `property`, `steps`, `switches`, `steps_over`, `switches_over`, `nudges` and
    `stars`.
    """
    return bests()[level(number).number]


def bests() -> dict[int, dict[str, Any] | None]:
    """Return the best score of every level, by number; None where it was not broken yet."""
    kept = BESTS.read()["broken"]
    found = {each.number: kept.get(each.protocol) for each in levels()}
    return {number: entry if _is_whole(entry) else None for number, entry in found.items()}


def saved_lines(number: int | Level) -> int | None:
    """Return the least number of lines with which a level was saved, or None if it was not."""
    return saves()[level(number).number]


def saves() -> dict[int, int | None]:
    """Return `saved_lines` of every level, by number."""
    kept = BESTS.read()["saved"]
    return {each.number: _lines(kept.get(each.protocol)) for each in levels()}


def note_score(made: Score) -> bool:
    """Keep `made` if it is better than what was reached before; tell whether it is."""
    fresh = {
        "property": made.property, "steps": made.steps, "switches": made.switches,
        "steps_over": made.over[0], "switches_over": made.over[1], "nudges": made.nudges,
        "stars": made.stars,
    }  # fmt: skip
    better = []

    def change(entry: dict[str, Any]) -> None:
        if not _is_whole(entry) or _worth(fresh) < _worth(entry):
            entry.clear()
            entry.update(fresh)
            better.append(True)

    BESTS.update("broken", made.level.protocol, change)
    return bool(better)


def note_save(number: int | Level, lines: int) -> None:
    """Keep with how many changed lines a level was saved, if it is the least so far."""

    def change(entry: dict[str, Any]) -> None:
        before = entry.get("lines")
        entry["lines"] = min(lines, before) if isinstance(before, int) else lines

    BESTS.update("saved", level(number).protocol, change)


def _worth(entry: dict[str, Any]) -> tuple[int, ...]:
    """Less is better: first the stars, then what is over par, then the help."""
    return -entry["stars"], entry["steps_over"], entry["switches_over"], entry["nudges"]


def _lines(entry: Any) -> int | None:
    lines = entry.get("lines") if isinstance(entry, dict) else None
    return lines if isinstance(lines, int) else None


def _is_whole(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(k), int) for k in _NUMBERS)
