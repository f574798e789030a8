"""
What a learner has tried, kept in one small JSON file on their own machine.

Nothing of it is sent anywhere. The file is replaced as a whole, so that a crash in the middle of a
write leaves the old one; a file that cannot be read is put aside, never overwritten in place.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = [
    "exercise_record",
    "note_answer",
    "note_attempt",
    "note_hint",
    "note_solution",
    "progress_path",
    "read_progress",
]

EMPTY = {"version": 1, "exercises": {}, "questions": {}}


def progress_path() -> Path:
    """Return the file: `TDPLIB_PROGRESS` if that is set, else one in the user's data folder."""
    named = os.environ.get("TDPLIB_PROGRESS")
    return Path(named).expanduser() if named else _data_folder() / "tdplib" / "progress.json"


def read_progress(path: Path | None = None) -> dict[str, Any]:
    """
    Return the whole record: ``{"version", "exercises": {id: {...}}, "questions": {id: {...}}}``.

    A file that is not such a record is renamed to ``*.damaged`` with a warning, and an empty record
    is returned: a learner must be able to go on.
    """
    path = path or progress_path()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return _empty()
    except ValueError:
        return _put_aside(path)
    whole = isinstance(record, dict) and all(
        isinstance(record.get(key), dict) for key in ("exercises", "questions")
    )
    return record if whole else _put_aside(path)


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

    return _update("exercises", exercise, change)


def note_hint(exercise: str, stage: int) -> dict[str, Any]:
    """Record that hint number `stage` (from 1) of `exercise` has been shown."""

    def change(entry):
        entry["hints"] = max(stage, entry.get("hints", 0))

    return _update("exercises", exercise, change)


def note_solution(exercise: str) -> dict[str, Any]:
    """Record when the solution of `exercise` was first shown; once it is right, that is no help."""

    def change(entry):
        if "right_since" not in entry:
            entry.setdefault("solution", _now())

    return _update("exercises", exercise, change)


def note_answer(question: str, answer: str, right: bool) -> dict[str, Any]:
    """Record the first answer to `question`; a later one changes nothing. Return the record."""

    def change(entry):
        if "answer" not in entry:
            entry.update(answer=answer, right=right, when=_now())

    return _update("questions", question, change)


def _update(section, name, change):
    path = progress_path()
    with _one_writer(path):
        record = read_progress(path)
        entry = record[section].setdefault(name, {})
        change(entry)
        _write(path, record)
    return dict(entry)


@contextmanager
def _one_writer(path):
    """Hold a lock beside `path`: two notebooks open at once must not lose each other's update."""
    try:
        import fcntl

        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path.with_name(path.name + ".lock"), "w")
    except (ImportError, OSError):
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path, record):
    """Replace the file in one step; say so, and go on, where it cannot be written."""
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        warnings.warn(
            f"your progress is not kept: {path} cannot be written ({error.strerror}). "
            "Set TDPLIB_PROGRESS to a file you may write.",
            stacklevel=2,
        )


def _put_aside(path):
    aside = path.with_name(path.name + ".damaged")
    try:
        os.replace(path, aside)
    except OSError:
        aside = path
    warnings.warn(f"{path} could not be read and is kept as {aside}", stacklevel=3)
    return _empty()


def _empty():
    return json.loads(json.dumps(EMPTY))


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _data_folder():
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
