"""What the command line writes: results to stdout, progress and complaints to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["ProgressLine", "complain", "say", "say_json", "table", "write_file"]


def say(text: str = "") -> None:
    """Write one result to stdout."""
    sys.stdout.write(f"{text}\n")


def say_json(value: object) -> None:
    """Write `value` to stdout as JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def complain(text: str) -> None:
    """Write an error to stderr, as one block."""
    head, *rest = text.splitlines() or ["unknown error"]
    sys.stdout.flush()
    sys.stderr.write("\n".join([f"tdplib: {head}", *(f"  {line}" for line in rest)]) + "\n")


def table(rows: Iterable[Sequence[object]]) -> str:
    """Return `rows` in columns; the last column is as wide as it likes."""
    texts = [[str(cell) for cell in row] for row in rows]
    if not texts:
        return ""
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)][:-1]
    lines = []
    for *cells, last in texts:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        lines.append("  ".join([*padded, last]).rstrip())
    return "\n".join(lines)


def write_file(path: str, text: str) -> None:
    """Write `text` to `path` (``-``: stdout) and say on stderr that it is there."""
    if path == "-":
        sys.stdout.write(text)
        return
    Path(path).write_text(text, encoding="utf-8")
    sys.stderr.write(f"wrote {path}\n")


class ProgressLine:
    """One line on stderr that is written over and over; silent where stderr is no terminal."""

    def __init__(self, force: bool = False) -> None:
        self._on = force or sys.stderr.isatty()
        self._width = 0

    def show(self, text: str) -> None:
        """Write `text` over what was shown last."""
        if not self._on:
            return
        sys.stderr.write(f"\r{text.ljust(self._width)}")
        sys.stderr.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Remove the line."""
        if self._width:
            sys.stderr.write(f"\r{' ' * self._width}\r")
            sys.stderr.flush()
            self._width = 0
