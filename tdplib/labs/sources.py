"""
Read the text source of a lab: jupytext percent format with the solution between markers.

The markers are nbgrader's, so the same file works with its tools:
`### BEGIN SOLUTION` ... `### END SOLUTION` and `### BEGIN HIDDEN TESTS` ... `### END HIDDEN TESTS`.
An unbalanced marker is an error that names its line: a marker swallowed in silence would put a
solution into a student's notebook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdplib.labs.exercise import Lab, LabError

__all__ = ["Cell", "Region", "Source", "read_source", "solutions_folder", "split_regions"]

SOLUTION = "SOLUTION"
HIDDEN = "HIDDEN TESTS"
# Looks like a marker, whatever the spelling; only the exact form is one.
NEAR_MARKER = re.compile(r"#\s*(BEGIN|END)\b[\s_-]*(\w[\w\s-]*)", re.IGNORECASE)
MARKER = re.compile(rf"^\s*### (BEGIN|END) ({SOLUTION}|{HIDDEN})\s*$")


@dataclass(frozen=True)
class Region:
    """A marked stretch of one cell."""

    kind: str
    """`SOLUTION` or `HIDDEN`."""
    lines: tuple[str, ...]
    """What stands between the markers."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source."""

    kind: str
    """``code`` or ``markdown``."""
    text: str
    metadata: dict[str, Any]

    @property
    def grade_id(self) -> str | None:
        """The cell's name for nbgrader, if it has one."""
        return self.metadata.get("nbgrader", {}).get("grade_id")


@dataclass(frozen=True)
class Source:
    """The text source of one lab."""

    lab: Lab
    path: Path
    cells: tuple[Cell, ...]


def solutions_folder(root: Path | None = None) -> Path:
    """Return the folder of the sources below `root` (default: the checkout tdplib runs from)."""
    folder = (root or Path(__file__).resolve().parents[2]) / "solutions"
    if not folder.is_dir():
        raise LabError(f"no folder {folder}: labs are built in a checkout of the course")
    return folder


def read_source(lab: Lab, root: Path | None = None) -> Source:
    """
    Return the source of `lab`, with its markers checked.

    Raises
    ------
    LabError
        There is no such file, or a marker is misspelt, nested or without its partner; the text
        names file and line.
    """
    import jupytext

    path = solutions_folder(root) / f"{lab.stem}.py"
    if not path.is_file():
        raise LabError(f"no source for {lab.name}: {path} does not exist")
    text = path.read_text(encoding="utf-8")
    check_markers(path.name, text)
    notebook = jupytext.reads(text, fmt="py:percent")
    cells = (Cell(cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells)
    return Source(lab, path, tuple(cells))


def check_markers(name: str, text: str) -> None:
    """Raise `LabError`, naming `name` and the line, unless every marker in `text` has a partner."""
    opened = None
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}:{number}"
        marker = MARKER.match(line)
        if marker is None:
            _refuse_near_marker(where, line)
            if opened and line.startswith("# %%"):
                raise LabError(
                    f"{where}: a new cell begins, but {opened[1]} of line {opened[0]} has no end"
                )
            continue
        opened = _next_open(where, number, marker, opened)
    if opened:
        raise LabError(f"{name}:{opened[0]}: {opened[1]} has no end")


def _next_open(where, number, marker, opened):
    verb, kind = marker.groups()
    if verb == "BEGIN":
        if opened:
            raise LabError(f"{where}: BEGIN {kind} inside {opened[1]} of line {opened[0]}")
        return number, f"BEGIN {kind}"
    if opened is None:
        raise LabError(f"{where}: END {kind} without its BEGIN")
    if opened[1] != f"BEGIN {kind}":
        raise LabError(f"{where}: END {kind} ends {opened[1]} of line {opened[0]}")
    return None


def _refuse_near_marker(where, line):
    near = NEAR_MARKER.search(line)
    if near is None:
        return
    word = re.sub(r"[\s_-]+", " ", near.group(2)).strip().upper()
    if word.startswith(("SOLUTION", "HIDDEN TEST")):
        raise LabError(
            f"{where}: {line.strip()!r} is nearly a marker; write "
            f"'### {near.group(1).upper()} {SOLUTION}' or '... {HIDDEN}' exactly"
        )


def split_regions(text: str) -> list[str | Region]:
    """Return `text` as plain stretches (str, whole lines) and marked ones (`Region`), in order."""
    parts: list[str | Region] = []
    plain: list[str] = []
    marked: list[str] | None = None
    for line in text.splitlines():
        marker = MARKER.match(line)
        if marker is None:
            (plain if marked is None else marked).append(line)
        elif marker.group(1) == "BEGIN":
            parts.append("\n".join(plain))
            plain, marked = [], []
        else:
            parts.append(Region(marker.group(2), tuple(marked or ())))
            marked = None
    parts.append("\n".join(plain))
    return parts
