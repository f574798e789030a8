"""The levels of the ladder, read from ``levels.toml`` once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import BadValueError, check_int

__all__ = ["Level", "SaveTask", "level", "levels"]

FILE = Path(__file__).parent / "levels.toml"


@dataclass(frozen=True)
class SaveTask:
    """
    What there is to mend in a level.

    functions : names of the functions of the protocol that may be changed, and no other
    par : least number of lines to change; a line that is moved counts once
    scenarios : where the changed code must hold too, beside the level's own scenario
    must_not_use : name -> why it is beside the point here
    """

    functions: tuple[str, ...]
    par: int
    scenarios: tuple[Any, ...] = ()
    must_not_use: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Level:
    """
    A wrong version, and what to do about it.

    number : from 1
    protocol, scenario : what runs; `scenario` is a `tdplib.scenarios.Scenario`
    title, situation : for people; `situation` has `code` in backquotes
    source : the commit or version it is from, or that it is a bug put in for this course
    target : the property to break, or None: find out which
    nudge : one thought in the right direction
    meanings : property -> one sentence on what happened when it broke here
    save : what there is to mend, or None
    """

    number: int
    protocol: str
    scenario: Any
    title: str
    situation: str
    source: str
    target: str | None
    nudge: str
    meanings: dict[str, str] = field(hash=False)
    save: SaveTask | None = None

    def happened(self, name: str) -> str:
        """Say in one sentence what has happened when property `name` broke in this level."""
        from ..properties import find

        return self.meanings.get(name) or find(name).sentence

    def task(self) -> str:
        """Say what is to be broken."""
        from ..properties import find

        if self.target is None:
            return "Make something break, and find out what."
        return f"Make this come true: {find(self.target).sentence} (It breaks `{self.target}`.)"


@cache
def levels() -> tuple[Level, ...]:
    """Return all levels, the easiest first."""
    records = tomllib.loads(FILE.read_text(encoding="utf-8"))["level"]
    return tuple(_made(number, record) for number, record in enumerate(records, 1))


def level(number: int | Level) -> Level:
    """
    Return the level of that number, from 1; a `Level` is returned as it is.

    >>> level(1).title
    'One plus one'
    """
    if isinstance(number, Level):
        return number
    return levels()[check_int("level", number, 1, len(levels())) - 1]


def _made(number: int, record: dict[str, Any]) -> Level:
    from ..scenarios import find

    save = record.get("save")
    return Level(
        number=number,
        protocol=record["protocol"],
        scenario=find(record.get("scenario"), record["protocol"]),
        title=record["title"],
        situation=record["situation"].strip(),
        source=record["source"],
        target=record.get("target"),
        nudge=record["nudge"],
        meanings=record.get("meanings", {}),
        save=save and _save(save),
    )


def _save(record: dict[str, Any]) -> SaveTask:
    from ..scenarios import Scenario, find

    made = [Scenario(**s) if isinstance(s, dict) else find(s) for s in record.get("scenarios", ())]
    known = {"functions", "par", "scenarios", "must_not_use"}
    if set(record) - known:
        raise BadValueError(f"level.save has no {', '.join(sorted(set(record) - known))}")
    return SaveTask(
        tuple(record["functions"]), record["par"], tuple(made), record.get("must_not_use", {})
    )
