"""
A small JSON file of a learner's own: what they have tried, and their best.

Nothing of it is sent anywhere. The file is replaced as a whole, so that a crash in the middle of a
write leaves the old one; a file that cannot be read is put aside, never overwritten in place.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Store"]


@dataclass(frozen=True)
class Store:
    """
    Records by name, in sections, in one file: ``{"version": 1, section: {name: {...}}}``.

    file : its name, in the user's data folder
    variable : an environment variable that names another file
    sections : the sections a whole file has
    what : what is in it, for the one who reads a warning: "your progress is"
    """

    file: str
    variable: str
    sections: tuple[str, ...]
    what: str

    def path(self) -> Path:
        """Return the file: the one that `variable` names, else one in the user's data folder."""
        named = os.environ.get(self.variable)
        return Path(named).expanduser() if named else _data_folder() / "tdplib" / self.file

    def read(self, path: Path | None = None) -> dict[str, Any]:
        """
        Return the whole record.

        A file that is not such a record is renamed to ``*.damaged`` with a warning, and an empty
        record is returned: a learner must be able to go on.
        """
        path = path or self.path()
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            return self._empty()
        except ValueError:
            return self._put_aside(path)
        whole = isinstance(record, dict) and all(
            isinstance(record.get(key), dict) for key in self.sections
        )
        return record if whole else self._put_aside(path)

    def update(
        self, section: str, name: str, change: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Let `change` change the entry `name` of a section in place; return the entry."""
        path = self.path()
        with _one_writer(path):
            record = self.read(path)
            entry = record[section].setdefault(name, {})
            change(entry)
            self._write(path, record)
        return dict(entry)

    def _write(self, path: Path, record: dict[str, Any]) -> None:
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
                f"{self.what} not kept: {path} cannot be written ({error.strerror}). "
                f"Set {self.variable} to a file you may write.",
                stacklevel=2,
            )

    def _put_aside(self, path: Path) -> dict[str, Any]:
        aside = path.with_name(path.name + ".damaged")
        for number in itertools.count(2):  # what was put aside before stays
            if not aside.exists():
                break
            aside = path.with_name(f"{path.name}.damaged-{number}")
        try:
            os.replace(path, aside)
        except OSError:
            aside = path
        warnings.warn(f"{path} could not be read and is kept as {aside}", stacklevel=3)
        return self._empty()

    def _empty(self) -> dict[str, Any]:
        return {"version": 1, **{section: {} for section in self.sections}}


@contextmanager
def _one_writer(path: Path) -> Iterator[None]:
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


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
