"""The error of kernel Python, and the nearest name to one that does not exist."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import TdplibError

if TYPE_CHECKING:
    from .source import Unit

__all__ = ["LanguageError", "nearest"]

_SHOWN = 100
"""Characters of a source line that are shown; a longer one is cut around the column."""

_C_NAMES = {"NULL": "None", "nullptr": "None", "null": "None", "true": "True", "false": "False"}


class LanguageError(TdplibError):
    """
    Source that is not kernel Python, or that the compiler refuses.

    Attributes
    ----------
    file : name of the unit: a file name, the name of a protocol, or ``<cell>``
    line : line in that file or cell, from 1; 0 if there is no source to point at
    column : character in that line, from 1; 0 if there is none
    found : what stands there, in words
    write : what to write instead
    source_line : the line itself, without its line break ("" if there is none)
    """

    def __init__(
        self, file: str, line: int, column: int, found: str, write: str, source_line: str = ""
    ) -> None:
        super().__init__(file, line, column, found, write, source_line)
        self.file = file
        self.line = line
        self.column = column
        self.found = found
        self.write = write
        self.source_line = source_line

    @classmethod
    def at(cls, unit: Unit, node: ast.AST, found: str, write: str) -> LanguageError:
        """Return the error at a node of the unit's tree (which must have a position)."""
        line = unit.line(node.lineno)
        # ast counts UTF-8 bytes from 0, people count characters from 1.
        column = len(line.encode()[: node.col_offset].decode(errors="replace")) + 1
        return cls(unit.name, node.lineno, column, found, write, line)

    @classmethod
    def at_line(cls, unit: Unit, line: int, found: str, write: str) -> LanguageError:
        """Return the error at the first character of a line that is no blank."""
        text = unit.line(line)
        column = len(text) - len(text.lstrip()) + 1
        return cls(unit.name, line, column, found, write, text)

    def _render_traceback_(self) -> list[str]:
        """Show these lines in a notebook, without the package's own frames (IPython's hook)."""
        return [type(self).__name__, *str(self).split("\n")]

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        lines = [f"{place}: found: {self.found}"]
        if self.source_line.strip():
            text, column = _window(self.source_line, self.column)
            # A tab stays one, so that the caret is where the terminal shows the character.
            blank = "".join("\t" if c == "\t" else " " for c in text[: column - 1])
            lines += [f"    {text}", f"    {blank}^"]
        lines.append(f"write: {self.write}")
        return "\n".join(lines)


def _window(text: str, column: int) -> tuple[str, int]:
    """Cut a long line to what surrounds `column`; return the piece and the column in it."""
    first = max(0, column - 1 - _SHOWN // 2) if len(text) > _SHOWN else 0
    return text[first : first + _SHOWN], max(1, column - first)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """
    Return the name among `known` that `word` was most likely meant to be, or None.

    C's spelling of a value (``NULL``, ``true``) finds Python's; a difference in case alone is
    always close enough.
    """
    if word in _C_NAMES:
        return _C_NAMES[word]
    folded: dict[str, str] = {}
    for name in sorted(known):
        folded.setdefault(name.lower(), name)
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None
