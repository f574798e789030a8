"""
The text of a unit, made a syntax tree: limits are checked first, then Python's parser runs.

The parser is all of Python that ever sees the text: nothing here compiles or runs it.
"""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings
from dataclasses import dataclass, field

from .errors import LanguageError

__all__ = [
    "MAX_BRACKETS",
    "MAX_BYTES",
    "MAX_LINES",
    "MAX_NESTING",
    "MAX_STATEMENT",
    "Unit",
    "parsed",
    "too_large",
]

MAX_BYTES = 100_000
"""Largest source in bytes of UTF-8."""

MAX_LINES = 2_000
"""Most lines of a source."""

MAX_BRACKETS = 30
"""Brackets open at the same time."""

MAX_STATEMENT = 4_000
"""Characters in one statement, strings and comments not counted."""

MAX_NESTING = 80
"""Depth of the syntax tree. Each `elif` is one deeper, as is each operator of a chain. The
compiler walks the tree by recursion, so that this bound keeps it away from Python's own."""


@dataclass(frozen=True)
class Unit:
    """
    A source unit of kernel Python.

    name : file name, name of a protocol, ``<cell>`` or ``<text>``
    text : the source, lines ended by a line feed
    first_line : number of the text's first line in its file or cell
    tree : its syntax tree, with line numbers of that file or cell
    """

    name: str
    text: str
    first_line: int
    tree: ast.Module = field(repr=False, compare=False)

    def line(self, number: int) -> str:
        """Return a line by its number in the file or cell; "" if the unit does not have it."""
        lines = self.text.split("\n")
        index = number - self.first_line
        return lines[index] if 0 <= index < len(lines) else ""


def parsed(text: str, name: str, first: int) -> Unit:
    """Return the unit of a text, or raise LanguageError; every limit is checked before parsing."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    unit = Unit(name, text, first, ast.Module([], type_ignores=[]))
    _check_size(unit)
    _check_characters(unit)
    _check_pieces(unit)
    tree = _tree(unit)
    _check_nesting(unit, tree)
    return Unit(name, text, first, tree)


def too_large(name: str, size: int) -> LanguageError:
    """Return the error for a source of `size` bytes, or of more where reading stopped there."""
    found = f"a source of {size:,} bytes or more; the limit is {MAX_BYTES:,}"
    return LanguageError(name, 0, 0, found, "less: pass only the functions you change")


def _check_size(unit: Unit) -> None:
    size = len(unit.text.encode(errors="replace"))
    if size > MAX_BYTES:
        raise too_large(unit.name, size)
    count = unit.text.count("\n") + 1
    if count > MAX_LINES + 1:
        last = unit.first_line + MAX_LINES
        found = f"a source of {count:,} lines; the limit is {MAX_LINES:,}"
        raise LanguageError.at_line(unit, last, found, "less: pass only the functions you change")


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def _check_characters(unit: Unit) -> None:
    """Refuse what an editor does not show, or shows elsewhere than it stands."""
    for position, char in enumerate(unit.text):
        if char in "\n\t" or (" " <= char <= "~"):
            continue
        if char in _BIDI or unicodedata.category(char) in ("Cc", "Cs"):
            found = f"the invisible character U+{ord(char):04X}"
            raise _at_position(unit, position, found, "take it out")


_PIECES = re.compile(
    r"""#[^\n]*"""
    r"""|(?P<quote>\"\"\"|''')(?:\\.|(?!(?P=quote)).)*(?:(?P=quote)|\Z)"""
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"""
    r"""|\\\n|[\n()\[\]{}]|(?P<tab>^ *\t)""",
    re.DOTALL | re.MULTILINE,
)
"""Comments, strings, line joins, line ends, brackets, and tabs in front of a line."""


def _check_pieces(unit: Unit) -> None:
    """Refuse tabs in front of a line, deep brackets and endless statements: parsers recurse."""
    depth = start = skipped = 0
    for piece in _PIECES.finditer(unit.text):
        char = piece.group()
        if piece["tab"] and not depth:
            raise _at_position(unit, piece.end() - 1, "a tab in the indentation", "four spaces")
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif char != "\n":
            skipped += len(char)
        if depth > MAX_BRACKETS:
            found = f"more than {MAX_BRACKETS} brackets inside each other"
            raise _at_position(unit, piece.start(), found, "several statements with locals")
        _check_length(unit, start, piece.start() - start - skipped)
        if char == "\n" and not depth:
            start, skipped = piece.end(), 0
    _check_length(unit, start, len(unit.text) - start - skipped)


def _check_length(unit: Unit, start: int, length: int) -> None:
    if length > MAX_STATEMENT:
        found = f"a statement of more than {MAX_STATEMENT:,} characters"
        write = "several statements; is a bracket left open?"
        raise _at_position(unit, start, found, write)


def _at_position(unit: Unit, position: int, found: str, write: str) -> LanguageError:
    """Return the error at a character of the text."""
    before = unit.text[:position]
    line = unit.first_line + before.count("\n")
    column = position - (before.rfind("\n") + 1) + 1
    return LanguageError(unit.name, line, column, found, write, unit.line(line))


def _tree(unit: Unit) -> ast.Module:
    """Parse the text; indented source is put under an `if`, so that its columns stay true."""
    indented = _indented(unit.text)
    text = f"if 1:\n{unit.text}" if indented else unit.text
    shift = unit.first_line - 1 - indented
    try:
        with warnings.catch_warnings():
            # An odd escape in a docstring is a warning, or an error under -W error: not ours.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        raise _not_python(unit, error, shift) from None
    except (RecursionError, MemoryError, ValueError, OverflowError):
        raise LanguageError.at_line(
            unit, unit.first_line, "source nested too deeply for Python", "several statements"
        ) from None
    ast.increment_lineno(tree, shift)
    if indented:
        return _outdented(unit, tree)
    return tree


def _indented(text: str) -> bool:
    """Tell whether the first line of code starts with a blank."""
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            return line[0] in " \t"
    return False


def _outdented(unit: Unit, tree: ast.Module) -> ast.Module:
    """Return the module of what stands under the `if` that `_tree` has put in front."""
    top = tree.body[0]
    if len(tree.body) > 1 or top.orelse:
        line = top.body[0].lineno
        write = "the first line at the same depth as the others"
        raise LanguageError.at_line(unit, line, "a first line that is indented", write)
    return ast.Module(top.body, type_ignores=[])


_OTHER_LANGUAGES = (
    (re.compile(r"&&"), "`and`"),
    (re.compile(r"\|\|"), "`or`"),
    (re.compile(r"!(?!=)"), "`not`"),
    (re.compile(r"(\+\+|--)\s*($|[;)#])"), "`x += 1` or `x -= 1`"),
    (re.compile(r"\w->\w"), "a dot: `root.role`"),
    (re.compile(r"^\s*(else\s+if|elseif)\b"), "`elif`"),
    (re.compile(r"^\s*/[/*]"), "a comment with `#`"),
    (re.compile(r"[{}]\s*$"), "a colon and an indented block instead of braces"),
    (re.compile(r"^\s*(print|exec)\s+\S"), "nothing: the trace shows every value"),
    (re.compile(r"^\s*[%!]"), "no magics or shell commands: plain kernel Python"),
)
"""What a line with a syntax error may have been meant to be, and its Python."""


def _not_python(unit: Unit, error: SyntaxError, shift: int) -> LanguageError:
    """Return the error for text that Python cannot parse, at the place Python names."""
    number = (error.lineno or 1) + shift
    last = unit.first_line + unit.text.count("\n")
    number = min(max(number, unit.first_line), last)
    line = unit.line(number)
    column = min(max(error.offset or 1, 1), len(line) + 1)
    says = re.sub(
        r"\bon line (\d+)", lambda m: f"on line {int(m[1]) + shift}", error.msg or "invalid syntax"
    )
    says = says.replace(" or ':='", "")  # there is no walrus here
    # Python often stumbles one line below the slip.
    hints = _hints(line) or _hints(unit.line(number - 1))
    found = f"text that is not Python ({says})"
    return LanguageError(
        unit.name, number, column, found, " / ".join(hints) or "a statement of kernel Python", line
    )


def _hints(line: str) -> list[str]:
    """Return what a line may have been meant to be; its comments and strings may hold anything."""
    code = _PIECES.sub(lambda m: m.group() if m.group() in "()[]{}" else "", line)
    return [write for pattern, write in _OTHER_LANGUAGES if pattern.search(code)]


def _check_nesting(unit: Unit, tree: ast.Module) -> None:
    """Refuse a tree deeper than `MAX_NESTING`; walks with a list, never by recursion."""
    todo: list[tuple[ast.AST, ast.AST | None, int]] = [(tree, None, 0)]
    while todo:
        node, placed, depth = todo.pop()
        placed = node if hasattr(node, "lineno") else placed
        if depth > MAX_NESTING and placed is not None:
            found = f"code nested more than {MAX_NESTING} deep"
            raise LanguageError.at(unit, placed, found, "several statements or functions")
        todo += [(child, placed, depth + 1) for child in ast.iter_child_nodes(node)]
