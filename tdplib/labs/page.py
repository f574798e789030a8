"""The progress page: what is done, how often tried, which help was used, what comes next."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from tdplib.labs.exercise import Lab, lab_names, load_lab
from tdplib.labs.progress import progress_path, read_progress

__all__ = ["Page"]

COLUMNS = ("", "exercise", "tries", "hints", "solution", "best")
LEFT = 'style="text-align:left"'
"""JupyterLab aligns the cells of a table to the right, unless told."""


@dataclass(frozen=True)
class Row:
    """One exercise on the page."""

    id: str
    title: str
    right: bool
    attempts: int
    hints: int
    solution: bool
    """Whether the solution was looked at before the answer was right."""
    best: tuple[int, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the row, one for each of `COLUMNS`."""
        mark = "done" if self.right else "open" if not self.attempts else "tried"
        seen = "seen" if self.solution else ""
        numbers = tuple(str(n) if n else "" for n in (self.attempts, self.hints))
        best = " and ".join(map(str, self.best))
        return (mark, f"{self.id} {self.title}", *numbers, seen, best)


class Page:
    """
    What a learner has done, as Markdown, as plain text and as HTML.

    >>> Page({"exercises": {}, "questions": {}}).next_exercise is not None
    True
    """

    def __init__(self, record: dict[str, Any] | None = None) -> None:
        self.record = read_progress() if record is None else record
        self.labs = tuple(load_lab(name) for name in lab_names())

    def rows(self, lab: Lab) -> list[Row]:
        """Return a lab's exercises with what is recorded of them."""
        found = []
        for exercise in lab.exercises:
            entry = self.record["exercises"].get(exercise.id, {})
            found.append(
                Row(
                    exercise.id,
                    exercise.title,
                    "right_since" in entry,
                    entry.get("attempts", 0),
                    entry.get("hints", 0),
                    "solution" in entry,
                    tuple(entry.get("best", ())),
                )
            )
        return found

    def points(self) -> tuple[int, int]:
        """Return the points of all right answers, and those there are."""
        records = [exercise for lab in self.labs for exercise in lab.exercises]
        known = self.record["exercises"]
        won = sum(each.points for each in records if "right_since" in known.get(each.id, {}))
        return won, sum(each.points for each in records)

    def predictions(self, lab: Lab) -> tuple[int, int, int]:
        """Return how many predictions of a lab were right, how many made, how many there are."""
        entries = [self.record["questions"].get(each.id, {}) for each in lab.questions]
        right = sum(bool(entry.get("right")) for entry in entries)
        return right, sum("answer" in entry for entry in entries), len(entries)

    @property
    def next_exercise(self) -> tuple[Lab, Row] | None:
        """The first exercise, in the order of the course, that is not right yet."""
        for lab in self.labs:
            for row in self.rows(lab):
                if not row.right:
                    return lab, row
        return None

    def _head(self):
        won, all_points = self.points()
        rows = [row for lab in self.labs for row in self.rows(lab)]
        predictions = [self.predictions(lab) for lab in self.labs]
        right, made, there = (sum(column) for column in zip(*predictions, strict=True))
        return (
            f"{sum(row.right for row in rows)} of {len(rows)} exercises are right, "
            f"{won} of {all_points} points. "
            f"{made} of {there} predictions made, {right} of them right."
        )

    def _next(self):
        found = self.next_exercise
        if found is None:
            return "Next: nothing is left. Every exercise is right."
        lab, row = found
        minutes = next(each.minutes for each in lab.exercises if each.id == row.id)
        return f"Next: {row.id}, {row.title} (about {minutes} minutes), in labs/{lab.stem}.ipynb."

    def _foot(self):
        return f"Kept in {progress_path()}, and nowhere else."

    def _lab_line(self, lab):
        right, made, there = self.predictions(lab)
        done = sum(row.right for row in self.rows(lab))
        guessed = f"{right} of {made} predictions right, " if made else ""
        return (
            f"{lab.name}: {lab.title} ({done} of {len(lab.exercises)} exercises right; "
            f"{guessed}{there - made} predictions to make)"
        )

    def __str__(self) -> str:
        lines = [self._head(), self._next()]
        for lab in self.labs:
            rows = [COLUMNS, *(row.cells() for row in self.rows(lab))]
            widths = [max(len(cells[k]) for cells in rows) for k in range(len(COLUMNS))]
            lines += ["", self._lab_line(lab)]
            for cells in rows:
                parts = (text.ljust(width) for text, width in zip(cells, widths, strict=True))
                lines.append("  " + "  ".join(parts).rstrip())
        return "\n".join([*lines, "", self._foot()])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        parts = [f"**Progress.** {self._head()}", f"**{self._next()}**"]
        for lab in self.labs:
            rows = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in self.rows(lab))]
            table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
            parts.append(f"**{self._lab_line(lab)}**\n\n{table}")
        return "\n\n".join([*parts, f"`{progress_path()}` is where this is kept."])

    def _repr_html_(self) -> str:
        parts = [f"<p><b>Progress.</b> {html.escape(self._head())}</p>"]
        parts.append(f"<p><b>{html.escape(self._next())}</b></p>")
        for lab in self.labs:
            head = "".join(f'<th scope="col" {LEFT}>{name}</th>' for name in COLUMNS)
            cells = (
                "".join(f"<td {LEFT}>{html.escape(cell)}</td>" for cell in row.cells())
                for row in self.rows(lab)
            )
            body = "".join(f"<tr>{row}</tr>" for row in cells)
            caption = f"<caption {LEFT}>{html.escape(self._lab_line(lab))}</caption>"
            parts.append(
                f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            )
        return "".join([*parts, f"<p>{html.escape(self._foot())}</p>"])
