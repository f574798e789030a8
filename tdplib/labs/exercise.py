"""
The labs as data: what a lab, an exercise and a prediction question are, and where they are read.

One file a lab, `data/labNN.toml`. Notebook, checker, progress page and grader all read the same
record, so that points, statements and stubs cannot drift apart. A reference solution is never
here: it lives in `solutions/`, between its markers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from tdplib.errors import TdplibError, nearest

__all__ = [
    "DATA",
    "Case",
    "Exercise",
    "Lab",
    "LabError",
    "Question",
    "find_exercise",
    "find_question",
    "lab_names",
    "load_lab",
]

DATA = Path(__file__).with_name("data")
"""Where the records are: one `labNN.toml` a lab."""

HINT_STAGES = 3
KINDS = ("write", "mend", "break", "guard")
MUST = ("hold", "break")
GUARD = "invariant"
"""The function that answers a ``guard`` exercise."""
DIFFICULTIES = ("easy", "medium", "hard")


class LabError(TdplibError):
    """A lab's record or its source is not as it must be; the text names the file and the place."""


@dataclass(frozen=True)
class Case:
    """
    One thing a right answer must do, in every interleaving of one scenario.

    That is to hold; for a ``break`` exercise to break one of `properties`; for a ``guard`` what
    `must` says.
    """

    base: str
    """Name of the protocol whose functions the answer replaces."""
    says: str
    """The world of this case in words, shown in the report."""
    scenario: str | Mapping[str, Any] | None = None
    """Name of a scenario, or keywords of `Scenario`; None means the protocol's default."""
    properties: tuple[str, ...] | None = None
    """
    Names of the properties to look for; None means all of them.

    Of a ``guard``: which of them the trace of a bug that was not caught is to show.
    """
    forbids: tuple[str, ...] = ()
    """Advice that counts as a failure here, e.g. ``("wasted-zap",)``."""
    must: str = ""
    """
    Of a ``guard`` only: ``hold`` (the invariant is true in every state) or ``break`` (it is false
    in at least one: the bug that is in `base` is caught).
    """

    def world(self) -> Any:
        """Return the `tdplib.scenarios.Scenario` of this case."""
        from tdplib.scenarios import Scenario, find

        if self.scenario is None or isinstance(self.scenario, str):
            return find(self.scenario, self.base)
        return Scenario(**self.scenario)


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is asked, what is given, how an answer is judged, what help there is."""

    id: str
    """``labNN.exN``."""
    title: str
    kind: str
    """
    One of `KINDS`: ``write`` fills a gap, ``mend`` repairs code that is wrong, ``break`` asks for
    a schedule that shows a bug, ``guard`` for an invariant that every bug breaks.
    """
    replaces: tuple[str, ...]
    """The kernel functions an answer must define, all of them; none for a ``break``."""
    objective: str
    statement: str
    """Markdown."""
    stub: str
    """The cell the learner starts from; an answer equal to it counts as not attempted."""
    points: int
    difficulty: str
    minutes: int
    kernel: str
    """Where the real code is: file, function, version or commit."""
    hints: tuple[str, ...]
    """`HINT_STAGES` of them, from a nudge to nearly the line."""
    cases: tuple[Case, ...]
    """Tried in this order; the first that fails is reported."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Property name to one sentence: what breaking it means in this story."""
    must_not_use: Mapping[str, str] = field(default_factory=dict)
    """Function or field name to one sentence: why an answer that uses it misses the point."""
    par_lines: int | None = None
    """Of a ``mend`` only: the least number of changed lines that a right answer needs."""

    @property
    def grade_id(self) -> str:
        """The cell's name for nbgrader, which allows no dot: ``lab07-ex1``."""
        return self.id.replace(".", "-")


@dataclass(frozen=True)
class Question:
    """A prediction question: the answer is recorded before the truth is shown."""

    id: str
    """``labNN.qN``."""
    ask: str
    choices: Mapping[str, str]
    """Letter to text."""
    answer: str
    """The letter that is right."""
    reveal: str
    """Shown once an answer is recorded: what is right, and why."""


@dataclass(frozen=True)
class Lab:
    """One lab: its text source, its exercises and its questions."""

    name: str
    """``labNN``."""
    title: str
    question: str
    """The question the lab answers, as the map of the course puts it."""
    stem: str
    """File name without suffix of the source in `solutions/` and of the notebook in `labs/`."""
    minutes: int
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...]


def lab_names() -> tuple[str, ...]:
    """Return the names of all labs, in order: ``("lab07",)``."""
    return tuple(sorted(path.stem for path in DATA.glob("lab*.toml")))


@cache
def load_lab(name: str) -> Lab:
    """
    Return the record of the lab called `name`.

    Raises
    ------
    LabError
        There is no such lab, or its record is not well formed.
    """
    path = DATA / f"{name}.toml"
    if not path.is_file():
        raise LabError(f"there is no lab {name!r}{nearest(name, lab_names())}")
    return read_lab(path)


def read_lab(path: Path) -> Lab:
    """Return the `Lab` that the TOML file at `path` holds; `LabError` names what is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path.name}: not TOML: {error}") from None
    exercises = tuple(_exercise(path.name, entry) for entry in raw.get("exercise", ()))
    questions = tuple(_question(path.name, entry) for entry in raw.get("question", ()))
    _refuse_doubles(path.name, [record.id for record in (*exercises, *questions)])
    return _record(Lab, path.name, {**raw["lab"], "exercises": exercises, "questions": questions})


def find_exercise(name: str) -> Exercise:
    """Return the exercise with id `name`, e.g. ``"lab07.ex1"``; `LabError` if there is none."""
    return _find(name, lambda lab: lab.exercises, "exercise")


def find_question(name: str) -> Question:
    """Return the question with id `name`, e.g. ``"lab07.q1"``; `LabError` if there is none."""
    return _find(name, lambda lab: lab.questions, "question")


def _find(name, part, what):
    records = {record.id: record for lab in lab_names() for record in part(load_lab(lab))}
    if name not in records:
        raise LabError(f"there is no {what} {name!r}{nearest(name, records)}")
    return records[name]


def _record(kind, file, entry):
    """Make a `kind` from a TOML table; say which key is unknown or missing."""
    known = {item.name for item in fields(kind)}
    where = f"{file}: {entry.get('id') or entry.get('name') or entry.get('base')}"
    for key in entry:
        if key not in known:
            raise LabError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    try:
        return kind(**entry)
    except TypeError as error:
        raise LabError(f"{where}: {error}") from None


def _exercise(file, entry):
    entry = dict(entry)
    cases = tuple(_case(file, case) for case in entry.pop("case", ()))
    for key in ("replaces", "hints"):
        entry[key] = tuple(entry.get(key, ()))
    record = _record(Exercise, file, {**entry, "cases": cases})
    problem = _problem(record)
    if problem:
        raise LabError(f"{file}: {record.id}: {problem}")
    return record


def _problem(record):
    """Return what in an exercise's record is not as its kind wants it, or None."""
    if record.kind not in KINDS or record.difficulty not in DIFFICULTIES:
        return f"kind must be one of {KINDS}, difficulty one of {DIFFICULTIES}"
    if len(record.hints) != HINT_STAGES:
        return f"{len(record.hints)} hints, must be {HINT_STAGES}"
    if not record.cases or record.points <= 0 or record.minutes <= 0:
        return "needs a case, points and minutes"
    if record.par_lines is not None and (record.kind != "mend" or record.par_lines < 1):
        return "par_lines is a number of lines, from 1, and for a mend only"
    if record.kind != "guard" and any(case.must for case in record.cases):
        return "a case of a guard says what it must do; other cases do not"
    if record.kind == "break":
        return _break_problem(record)
    if record.kind == "guard":
        return _guard_problem(record)
    return None if record.replaces else "needs a function to replace"


def _break_problem(record):
    if record.replaces or len(record.cases) != 1 or not record.cases[0].properties:
        return "a break replaces nothing, and has one case that names the properties to break"
    return None


def _guard_problem(record):
    musts = [case.must for case in record.cases]
    if record.replaces != (GUARD,) or not set(musts) <= set(MUST):
        return f"a guard replaces {GUARD!r}, and each of its cases must be one of {MUST}"
    if musts.count("hold") < 1 or musts.count("break") < 2:
        return "a guard needs at least one case that must hold and two that must break"
    return None


def _case(file, entry):
    entry = dict(entry)
    for key in ("properties", "forbids"):
        if key in entry:
            entry[key] = tuple(entry[key])
    return _record(Case, file, entry)


def _question(file, entry):
    record = _record(Question, file, entry)
    if record.answer not in record.choices:
        raise LabError(f"{file}: {record.id}: answer {record.answer!r} is none of its choices")
    return record


def _refuse_doubles(file, names):
    for name in names:
        if names.count(name) > 1:
            raise LabError(f"{file}: {name} is there twice")
