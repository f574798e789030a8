"""
Prove the labs: every reference solution passes every check, every untouched stub passes none.

A check that the stub passes, or that the reference fails, would tell learners a falsehood; this is
run by `tdplib labs verify` and by the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tdplib.labs.breaking import par
from tdplib.labs.build import notebook, reference_answers
from tdplib.labs.exercise import lab_names, load_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import NOT_ATTEMPTED, RIGHT, Report
from tdplib.labs.sources import read_source

__all__ = ["Result", "verify"]


@dataclass(frozen=True)
class Result:
    """One proof: what was judged, what it must be told, what it was told."""

    exercise: str
    """``labNN.exN``."""
    what: str
    """``reference`` or ``stub``."""
    expected: str
    got: str
    seconds: float
    text: str
    """The whole report, for whoever has to mend it."""

    @property
    def ok(self) -> bool:
        """Whether the proof holds."""
        return self.got == self.expected

    def __str__(self) -> str:
        mark = "ok" if self.ok else f"FAILED (must be {self.expected!r})"
        return f"{self.exercise:12} {self.what:10} {self.got!r} in {self.seconds:.2f} s: {mark}"


def verify(root: Path | None = None) -> list[Result]:
    """
    Judge the reference and the stub of every exercise; return one `Result` for each.

    Raises
    ------
    LabError
        A source cannot be read or built (unbalanced markers, a record that does not fit).
    """
    results = []
    for name in lab_names():
        source = read_source(load_lab(name), root)
        notebook(source)  # refuses a source that a student could read the solution from
        answers = reference_answers(source)
        for record in source.lab.exercises:
            if record.kind == "break":
                answers[record.id] = par(record.cases[0]).code
            results.append(_prove(record, "reference", answers[record.id], RIGHT))
            results.append(_prove(record, "stub", record.stub, NOT_ATTEMPTED))
    return results


def _prove(record, what, code, expected):
    started = perf_counter()
    report: Report = judge(record, code)
    seconds = perf_counter() - started
    return Result(record.id, what, expected, report.status, seconds, str(report))
