"""
What proves an exercise beside its reference: other right answers, and mutants that change nothing.

They stand in `solutions/proofs/labNN.toml`, which no student notebook shows.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tdplib.labs.exercise import LabError, load_lab
from tdplib.labs.sources import solutions_folder

__all__ = ["Answer", "Equivalent", "Proofs", "read_proofs"]


@dataclass(frozen=True)
class Answer:
    """A right answer that is written differently from the reference."""

    exercise: str
    says: str
    """How it differs."""
    code: str


@dataclass(frozen=True)
class Equivalent:
    """A mutant that no check can catch, because it means the same; `why` says why."""

    exercise: str
    mutant: str
    why: str


@dataclass(frozen=True)
class Proofs:
    """The proofs of one lab."""

    answers: tuple[Answer, ...] = ()
    equivalents: tuple[Equivalent, ...] = ()

    def of(self, exercise: str) -> Proofs:
        """Return those of one exercise."""
        return Proofs(
            tuple(each for each in self.answers if each.exercise == exercise),
            tuple(each for each in self.equivalents if each.exercise == exercise),
        )


@cache
def read_proofs(lab: str, root: Path | None = None) -> Proofs:
    """
    Return the proofs of the lab called `lab`; none if it has no file of them.

    Raises
    ------
    LabError
        The file is not well formed, or names an exercise that does not exist.
    """
    path = solutions_folder(root) / "proofs" / f"{lab}.toml"
    if not path.is_file():
        return Proofs()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path.name}: not TOML: {error}") from None
    if set(raw) - {"answer", "equivalent"}:
        raise LabError(f"{path.name}: has [[answer]] and [[equivalent]], found {sorted(raw)}")
    known = {record.id for record in load_lab(lab).exercises}
    answers = _rows(path, Answer, raw.get("answer", ()), known)
    equivalents = _rows(path, Equivalent, raw.get("equivalent", ()), known)
    for each in (*answers, *equivalents):
        if not all(text.strip() for text in vars(each).values()):
            raise LabError(f"{path.name}: an entry of {each.exercise} has an empty text")
    return Proofs(answers, equivalents)


def _rows(path, kind, entries, known):
    found = []
    for entry in entries:
        try:
            found.append(kind(**entry))
        except TypeError as error:
            raise LabError(f"proofs/{path.name}: {error}") from None
        if found[-1].exercise not in known:
            raise LabError(f"proofs/{path.name}: there is no exercise {found[-1].exercise!r}")
    return tuple(found)
