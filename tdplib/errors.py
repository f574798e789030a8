"""The errors of tdplib: every one is a `TdplibError`, and says the value that offended."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["BadValueError", "TdplibError", "check_int", "nearest"]


class TdplibError(Exception):
    """Whatever tdplib raises on purpose; catch this to catch them all."""


class BadValueError(TdplibError, ValueError):
    """An argument has the wrong type or lies outside its range; the text shows what was given."""


def check_int(name: str, value: object, low: int, high: int) -> int:
    """
    Return `value` as an int when it is an integer with ``low <= value <= high``.

    Booleans are not taken for integers; numpy integers are.

    Raises
    ------
    BadValueError
        `value` is no integer or is out of range; the text names the argument and both bounds.
    """
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        number = value.__index__()
        if low <= number <= high:
            return number
        raise BadValueError(f"{name} is {number} ({number:#x}), must be in {low}..{high}")
    raise BadValueError(f"{name} is {value!r}, must be an integer in {low}..{high}")


def nearest(word: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name closest to `word`, else the list."""
    names = list(known)
    close = difflib.get_close_matches(str(word), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"
