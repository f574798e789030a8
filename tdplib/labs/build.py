"""
Make the notebooks in `labs/` from the text sources in `solutions/`.

The same source gives the same bytes every time: no outputs, cell ids made from the headings, keys
in a fixed order. A student notebook carries the stub where the source carries the solution, and a
build that would let a line of a solution or of a hidden check through is refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tdplib.labs.exercise import Lab, LabError, find_exercise, find_question, lab_names, load_lab
from tdplib.labs.learner import question_text, statement
from tdplib.labs.sources import SOLUTION, Region, Source, read_source, split_regions

__all__ = ["build", "leaks", "notebook", "notebook_text", "reference_answers"]

NBFORMAT = {"nbformat": 4, "nbformat_minor": 5}
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PLACEHOLDER = re.compile(r"\{\{(\w+) ([\w.]+)\}\}")
# Too common to betray anything: they stand in stubs and in every kernel function.
COMMON_LINES = frozenset({"", "continue", "break", "return", "pass", "else:"})


def build(check: bool = False, root: Path | None = None) -> list[str]:
    """
    Write every student notebook that is not current, or with `check` only look.

    Returns the paths (relative to the checkout) of the notebooks that were, or are, out of date;
    an empty list means that all are current.

    Raises
    ------
    LabError
        A source cannot be built; the text names the file and the place.
    """
    stale = []
    for name in lab_names():
        source = read_source(load_lab(name), root)
        text = notebook_text(source)
        path = source.path.parents[1] / "labs" / f"{source.lab.stem}.ipynb"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(source.path.parents[1])))
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    return stale


def notebook_text(source: Source, student: bool = True) -> str:
    """Return the notebook of `source` as the text of its file; see `notebook`."""
    made = notebook(source, student)
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def notebook(source: Source, student: bool = True) -> dict[str, Any]:
    """
    Return the notebook of `source` as nbformat 4.5 data, without outputs.

    With `student` False the solutions and hidden checks stay in (to run them, or for a grader).
    """
    check_cells(source)
    names = _CellNames()
    cells = [_cell(source, cell, student, names) for cell in source.cells]
    made = {"cells": cells, "metadata": KERNEL, **NBFORMAT}
    if student:
        found = leaks(made, source)
        if found:
            raise LabError(f"{source.path.name}: a student would see {found[0]!r}")
    return made


def leaks(made: dict[str, Any], source: Source) -> list[str]:
    """Return every line of a solution, hidden check or marker of `source` that `made` shows."""
    shown = [line.strip() for cell in made["cells"] for line in cell["source"].splitlines()]
    given = {line.strip() for record in source.lab.exercises for line in record.stub.splitlines()}
    secret = {
        line.strip()
        for cell in source.cells
        for part in split_regions(cell.text)
        if isinstance(part, Region)
        for line in part.lines
    }
    secret -= given | COMMON_LINES
    words = ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS")
    return [line for line in shown if line in secret or any(word in line for word in words)]


def reference_answers(source: Source) -> dict[str, str]:
    """Return the reference answer of every exercise of the lab: its id to the cell's source."""
    return {
        record.id: _without_markers(_exercise_cell(source, record).text)
        for record in source.lab.exercises
    }


def check_cells(source: Source) -> None:
    """
    Raise `LabError` unless source and record fit together.

    Each exercise has one cell, whose text outside the markers is that of the stub; its check cell
    gives the record's points; no other cell holds a solution.
    """
    for record in source.lab.exercises:
        cell = _exercise_cell(source, record)
        _compare_with_stub(source, record, split_regions(cell.text))
        _check_points(source, record)
    owners = {record.grade_id for record in source.lab.exercises}
    for cell in source.cells:
        kinds = [part.kind for part in split_regions(cell.text) if isinstance(part, Region)]
        if SOLUTION in kinds and cell.grade_id not in owners:
            raise LabError(
                f"{source.path.name}: a solution outside an exercise's cell: "
                f"{cell.text.splitlines()[0]!r}"
            )


def _exercise_cell(source, record):
    found = [cell for cell in source.cells if cell.grade_id == record.grade_id]
    if len(found) != 1:
        raise LabError(
            f"{source.path.name}: {len(found)} cells with grade_id {record.grade_id!r}, must be one"
        )
    return found[0]


def _compare_with_stub(source, record, parts):
    plain = [part.strip("\n") for part in parts if isinstance(part, str)]
    regions = [part for part in parts if isinstance(part, Region)]
    where = f"{source.path.name}: {record.grade_id}"
    if [part.kind for part in regions] != [SOLUTION]:
        raise LabError(f"{where}: needs exactly one BEGIN/END SOLUTION pair")
    stub = record.stub.strip("\n")
    if not stub.startswith(plain[0]) or not stub.endswith(plain[1]):
        raise LabError(
            f"{where}: the lines outside the solution are not those of the stub in "
            f"{record.id.split('.')[0]}.toml"
        )


def _check_points(source, record):
    name = f"{record.grade_id}-check"
    found = [cell for cell in source.cells if cell.grade_id == name]
    if len(found) != 1:
        raise LabError(f"{source.path.name}: {len(found)} cells with grade_id {name!r}, must be 1")
    points = found[0].metadata["nbgrader"].get("points")
    if points != record.points:
        raise LabError(
            f"{source.path.name}: {name} gives {points} points, the record says {record.points}"
        )


def _cell(source, cell, student, names):
    text = _fill(source, cell.text) if cell.kind == "markdown" else _code(source.lab, cell, student)
    metadata = {key: value for key, value in cell.metadata.items() if key != "lines_to_next_cell"}
    made = {
        "cell_type": cell.kind,
        "id": names.next(cell),
        "metadata": metadata,
        "source": text.strip("\n"),
    }
    return made if cell.kind == "markdown" else {**made, "execution_count": None, "outputs": []}


def _code(lab: Lab, cell, student):
    if not student:
        return _without_markers(cell.text)
    for record in lab.exercises:
        if record.grade_id == cell.grade_id:
            return record.stub
    parts = [part.strip("\n") for part in split_regions(cell.text) if isinstance(part, str)]
    return "\n".join(part for part in parts if part)


def _without_markers(text):
    lines = (
        part if isinstance(part, str) else "\n".join(part.lines) for part in split_regions(text)
    )
    return "\n".join(line for line in lines if line) + "\n"


def _fill(source, text):
    """Put the statements and questions of the record where the source names them."""

    def replace(match):
        kind, name = match.groups()
        if kind == "exercise":
            return statement(find_exercise(name))
        if kind == "question":
            return question_text(find_question(name))
        raise LabError(f"{source.path.name}: {match.group(0)}: must be 'exercise' or 'question'")

    return PLACEHOLDER.sub(replace, text)


class _CellNames:
    """Cell ids that an edit elsewhere does not move: the heading above, and a count below it."""

    def __init__(self) -> None:
        self._heading = "top"
        self._counts: Counter[str] = Counter()

    def next(self, cell) -> str:
        """Return the id of `cell`, the next one of the notebook."""
        if cell.grade_id:
            return cell.grade_id
        heading = re.match(r"#+ +(.+)", cell.text) if cell.kind == "markdown" else None
        if heading:
            self._heading = re.sub(r"[^a-z0-9]+", "-", heading.group(1).lower()).strip("-")[:48]
        self._counts[self._heading] += 1
        return f"{self._heading}-{self._counts[self._heading]}"
