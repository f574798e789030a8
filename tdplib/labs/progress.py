"""
What a learner has tried, kept in one small JSON file on their own machine.

Nothing of it is sent anywhere; how the file is written, and what becomes of a damaged one, is told
in `tdplib.store`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tdplib.store import Store

__all__ = [
    "exercise_record",
    "note_answer",
    "note_attempt",
    "note_hint",
    "note_solution",
    "progress_path",
    "read_progress",
]

PROGRESS = Store("progress.json", "TDPLIB_PROGRESS", ("exercises", "questions"), "your progress is")


def progress_path() -> Path:
    """Return the file: `TDPLIB_PROGRESS` if that is set, else one in the user's data folder."""
    return PROGRESS.path()


def read_progress(path: Path | None = None) -> dict[str, Any]:
    """
    Return the whole record: ``{"version", "exercises": {id: {...}}, "questions": {id: {...}}}``.

    A file that cannot be read is put aside with a warning, see `tdplib.store`.
    """
    return PROGRESS.read(path)


def exercise_record(exercise: str) -> dict[str, Any]:
    """Return what is recorded of `exercise`: ``{"attempts", "last", "hints", "best", ...}``."""
    return dict(read_progress()["exercises"].get(exercise, {}))


def note_attempt(
    exercise: str, status: str, score: tuple[int, ...] | None = None
) -> dict[str, Any]:
    """
    Count one check of `exercise` that ended in `status`; return the exercise's record.

    score : numbers of which fewer are better (steps and switches, changed lines); the best is kept
    """

    def change(entry):
        entry["attempts"] = entry.get("attempts", 0) + 1
        entry["last"] = status
        if status == "right":
            entry.setdefault("right_since", _now())
        if score is not None:
            entry["best"] = min(list(score), entry.get("best", list(score)))

    return PROGRESS.update("exercises", exercise, change)


def note_hint(exercise: str, stage: int) -> dict[str, Any]:
    """Record that hint number `stage` (from 1) of `exercise` has been shown."""

    def change(entry):
        entry["hints"] = max(stage, entry.get("hints", 0))

    return PROGRESS.update("exercises", exercise, change)


def note_solution(exercise: str) -> dict[str, Any]:
    """Record when the solution of `exercise` was first shown; once it is right, that is no help."""

    def change(entry):
        if "right_since" not in entry:
            entry.setdefault("solution", _now())

    return PROGRESS.update("exercises", exercise, change)


def note_answer(question: str, answer: str, right: bool) -> dict[str, Any]:
    """Record the first answer to `question`; a later one changes nothing. Return the record."""

    def change(entry):
        if "answer" not in entry:
            entry.update(answer=answer, right=right, when=_now())

    return PROGRESS.update("questions", question, change)


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
