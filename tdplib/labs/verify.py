"""
Prove the labs: right answers are right, stubs are no attempt, near misses are not right.

A check that a stub or a near miss passes, or that a right answer fails, would tell learners a
falsehood; this is run by `tdplib labs verify` and by the tests.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tdplib.labs.breaking import par
from tdplib.labs.build import notebook, reference_answers
from tdplib.labs.detours import longer
from tdplib.labs.exercise import Exercise, find_exercise, lab_names, load_lab
from tdplib.labs.judge import judge
from tdplib.labs.mutants import Mutant, mutants, schedule_mutants
from tdplib.labs.proofs import read_proofs
from tdplib.labs.report import NOT_ATTEMPTED, NOT_LANGUAGE, NOT_SCHEDULE, RIGHT, Report
from tdplib.labs.sources import read_source

__all__ = ["NOT_RIGHT", "Result", "catch_rate", "prove", "verify"]

NOT_RIGHT = "not right"
"""What a mutant must be."""
EQUIVALENT = "right, as listed"
"""What a mutant that is listed as equivalent must be; of a schedule: it breaks it all the same."""
ANSWERS = 2
"""Right answers beside the reference that an exercise must have."""


@dataclass(frozen=True)
class Result:
    """One proof: what was judged, what it must be told, what it was told."""

    exercise: str
    """``labNN.exN``."""
    what: str
    """``reference``, ``stub``, ``answer: ...`` or ``mutant: ...``."""
    expected: str
    got: str
    seconds: float
    text: str
    """The whole report, for whoever has to mend it."""
    trace: str = ""
    """Of a wrong answer: the code of its trace; of the text judged, `code`."""
    code: str = ""
    broken: str = ""
    """Of a wrong answer: the property that its trace breaks."""

    @property
    def ok(self) -> bool:
        """Whether the proof holds."""
        if self.expected == NOT_RIGHT:
            return self.got != RIGHT
        if self.expected == EQUIVALENT:
            return self.got == RIGHT
        return self.got == self.expected

    @property
    def is_mutant(self) -> bool:
        """Whether a mutant was judged that is in the language: only these count."""
        refused = (NOT_LANGUAGE, NOT_SCHEDULE)
        return self.what.startswith("mutant: ") and self.got not in refused

    def __str__(self) -> str:
        mark = "ok" if self.ok else f"FAILED (must be {self.expected!r})"
        return f"{self.exercise:12} {self.what:10} {self.got!r} in {self.seconds:.2f} s: {mark}"


def verify(
    root: Path | None = None, *, deep: bool = False, only: str = "", processes: int = 1
) -> list[Result]:
    """
    Judge reference and stub of every exercise; return one `Result` for each thing judged.

    deep : also the other right answers and the mutants (see `prove`)
    only : exercises whose id begins so; processes : how many to share the work among

    Raises
    ------
    LabError
        A source cannot be read or built (unbalanced markers, a record that does not fit).
    """
    names = []
    for name in lab_names():
        lab = load_lab(name)
        if not any(record.id.startswith(only) for record in lab.exercises):
            continue
        notebook(read_source(lab, root))  # refuses a source that shows a student the solution
        names += [record.id for record in lab.exercises if record.id.startswith(only)]
    jobs = [(name, root, deep) for name in names]
    if processes == 1 or len(jobs) < 2:
        return [result for job in jobs for result in _prove_one(job)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return [result for found in pool.map(_prove_one, jobs) for result in found]


def _prove_one(job):
    name, root, deep = job
    return prove(find_exercise(name), root, deep=deep)


def prove(record: Exercise, root: Path | None = None, *, deep: bool = True) -> list[Result]:
    """
    Prove one exercise; with `deep` also what is near to right.

    Then at least `ANSWERS` differently written answers must be right, every mutant of the
    reference must be caught or listed as equivalent, and what is listed must be neither caught nor
    unknown. For a ``break`` the answers are the shortest schedule and a longer one, and a mutant of
    it may be right if it breaks what is asked all the same.
    """
    reference = _reference(record, root)
    results = [
        _judged(record, "reference", reference, RIGHT),
        _judged(record, "stub", record.stub, NOT_ATTEMPTED),
    ]
    if deep:
        near = _near_schedules if record.kind == "break" else _near_answers
        results += near(record, reference, root)
    return results


def _reference(record, root):
    if record.kind == "break":
        return par(record.cases[0]).code
    source = read_source(load_lab(record.id.split(".")[0]), root)
    return reference_answers(source)[record.id]


def _near_schedules(record, reference, root) -> Iterator[Result]:
    detour = longer(record.cases[0], par(record.cases[0]))
    if detour is not None:
        yield _judged(record, "answer: a detour", detour, RIGHT)
    for mutant in schedule_mutants(reference):
        result = _judged(record, f"mutant: {mutant.name}", mutant.code, NOT_RIGHT)
        if result.got == RIGHT:
            result = _judged(record, f"mutant: {mutant.name}", mutant.code, EQUIVALENT)
        yield result


def _near_answers(record, reference, root) -> Iterator[Result]:
    proofs = read_proofs(record.id.split(".")[0], root).of(record.id)
    for answer in proofs.answers:
        yield _judged(record, f"answer: {answer.says}", answer.code, RIGHT)
    if len(proofs.answers) < ANSWERS:
        got = f"{len(proofs.answers)} other answers"
        yield Result(record.id, "answers", f"at least {ANSWERS}", got, 0.0, _how(record))
    made = mutants(reference)
    listed = {each.mutant for each in proofs.equivalents}
    for mutant in made:
        expected = EQUIVALENT if mutant.name in listed else NOT_RIGHT
        yield _judged(record, f"mutant: {mutant.name}", mutant.code, expected)
    for name in sorted(listed - {mutant.name for mutant in made}):
        text = _nearest(name, made)
        yield Result(record.id, f"listed: {name}", "a mutant", "no such mutant", 0.0, text)


def _how(record):
    lab = record.id.split(".")[0]
    return f"write [[answer]] entries for it in solutions/proofs/{lab}.toml"


def _nearest(name, made: tuple[Mutant, ...]):
    from tdplib.errors import nearest

    return f"no mutant is called so now{nearest(name, [mutant.name for mutant in made])}"


def _judged(record, what, code, expected) -> Result:
    started = perf_counter()
    report: Report = judge(record, code)
    seconds = perf_counter() - started
    trace, broken = "", ""
    if report.trace is not None and report.status != RIGHT:
        trace, broken = report.trace.code, report.trace.broken or ""
    text = str(report)
    return Result(record.id, what, expected, report.status, seconds, text, trace, code, broken)


def catch_rate(results: list[Result]) -> tuple[int, int, int]:
    """Return how many mutants were caught, how many are equivalent, and how many there are."""
    counted = [result for result in results if result.is_mutant]
    caught = sum(result.got != RIGHT for result in counted)
    equivalent = sum(result.ok and result.got == RIGHT for result in counted)
    return caught, equivalent, len(counted)
