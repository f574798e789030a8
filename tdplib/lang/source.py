"""
Source units: a function, a text or a file of kernel Python with its syntax tree.

Nothing here runs the source: it is read and parsed, no more. Line numbers in the tree are those
of the file or cell the source stands in, so that errors and traces point there.
"""

from __future__ import annotations

import ast
import inspect
import os
import tokenize
import types
from collections.abc import Sequence
from pathlib import Path

from ..errors import BadValueError
from .errors import LanguageError
from .parsing import MAX_BYTES, Unit, parsed, too_large

__all__ = ["Unit", "unit_from", "units_from"]

Code = str | Path | types.FunctionType | Sequence["str | Path | types.FunctionType"]


def unit_from(code: Code, name: str | None = None) -> Unit:
    """
    Return the unit of a function, a list of functions of one cell or file, a text or a file.

    See `units_from`, which also takes functions from several cells.

    Raises
    ------
    LanguageError
        The source cannot be had, is too large, or is not Python.
    BadValueError
        `code` is something else, or comes from several cells or files.
    """
    units = units_from(code, name)
    if len(units) > 1:
        raise BadValueError(
            f"code comes from {len(units)} cells or files ({', '.join(u.name for u in units)}); "
            "one unit has one: use units_from"
        )
    return units[0]


def units_from(code: Code, name: str | None = None) -> tuple[Unit, ...]:
    r"""
    Return the units of some source, to be stacked in this order: one for each cell or file.

    Parameters
    ----------
    code : a function object (defined in a file or in a notebook cell), a text, a
        `pathlib.Path` of a ``.py`` file, or a list of these
    name : what to call the units; by default the file's name, ``<cell>`` or ``<text>``

    Raises
    ------
    LanguageError
        The source cannot be had (a lambda, a builtin, a function whose cell is gone), is too
        large or too deeply nested, or is not Python.
    BadValueError
        `code` is none of these.

    Examples
    --------
    >>> units_from("def f(kvm):\n    return 1\n")[0].name
    '<text>'
    """
    parts = list(code) if isinstance(code, (list, tuple)) else [code]
    if not parts:
        raise BadValueError("code is empty: pass a function, source text, or a pathlib.Path")
    groups: dict[object, list[Unit]] = {}
    for number, part in enumerate(parts):
        key, unit = _unit(part, name)
        groups.setdefault(key or number, []).append(unit)
    return tuple(_merged(group) for group in groups.values())


def _unit(code: object, name: str | None) -> tuple[str | None, Unit]:
    """Return the unit of one piece of code, and the file that it shares with others."""
    if isinstance(code, str):
        return None, _from_text(code, name)
    if isinstance(code, Path):
        return None, _from_path(code, name)
    if isinstance(code, types.FunctionType):
        return code.__code__.co_filename, _from_function(code, name)
    if callable(code):
        raise _no_source(code)
    raise BadValueError(
        f"code is {type(code).__name__}, must be a function, a list of functions, source text "
        "or a pathlib.Path"
    )


def _no_source(code: object) -> LanguageError:
    """Return the error for something callable that is no function of Python source."""
    name = getattr(code, "__name__", None) or type(code).__name__
    if isinstance(code, type):
        found, write = f"the class `{name}`", "pass the class statement as text"
    elif isinstance(code, types.MethodType):
        found, write = f"the method `{name}`", "a plain function: def, outside any class"
    elif isinstance(code, (types.BuiltinFunctionType, types.MethodWrapperType)):
        found, write = f"`{name}`, which is built into Python and has no source", "your own def"
    else:
        found = f"`{name}`, an object of type {type(code).__name__}"
        write = "a plain function, defined with def and not decorated or wrapped"
    return LanguageError(f"<{name}>", 0, 0, found, write)


# --- texts and files


def _from_text(text: str, name: str | None) -> Unit:
    if text.endswith(".py") and "\n" not in text:
        raise LanguageError("<text>", 1, 1, "a file name", f"pathlib.Path({text!r})", text)
    return parsed(text, name or "<text>", 1)


def _from_path(path: Path, name: str | None) -> Unit:
    name = name or path.name
    if path.suffix != ".py" or not path.is_file():
        found = "no such file" if path.suffix == ".py" else "a file that is not a .py file"
        raise LanguageError(str(path), 0, 0, found, "the path of a file of kernel Python (.py)")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 4)
    try:
        # A byte order mark at the start of a file is what some editors write; it means nothing.
        text = data[: MAX_BYTES + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > MAX_BYTES:
            raise too_large(name, len(data)) from None
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
        found = f"the byte {data[error.start]:#04x}, which is not UTF-8"
        raise LanguageError(name, line, column, found, "save the file as UTF-8") from None
    return parsed(text, name, 1)


# --- functions


def _from_function(function: types.FunctionType, name: str | None) -> Unit:
    """Return the unit of one function; the tree holds its def and nothing else."""
    code = function.__code__
    place = name or _file_name(code.co_filename)
    if code.co_name == "<lambda>":
        raise LanguageError(place, code.co_firstlineno, 1, "a lambda", "def with a name")
    if hasattr(function, "__wrapped__") or function.__name__ != code.co_name:
        found = f"`{function.__name__}` is wrapped by a decorator"
        raise LanguageError(place, 0, 0, found, "the plain function, without the decorator")
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError, ValueError, IndexError, SyntaxError, tokenize.TokenError):
        raise _gone(function, place, "is not to be found") from None
    unit = parsed("".join(lines), place, max(first, 1))
    if not _same(unit.tree.body, code):
        raise _gone(function, place, "has changed since it was defined")
    return unit


def _same(body: list[ast.stmt], code: types.CodeType) -> bool:
    """Tell whether the tree is the def that the code object was made from, by its header."""
    if len(body) != 1 or not isinstance(body[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    args = body[0].args
    names = [a.arg for a in (*args.posonlyargs, *args.args)]
    return body[0].name == code.co_name and names == list(code.co_varnames[: code.co_argcount])


def _gone(function: types.FunctionType, place: str, what: str) -> LanguageError:
    return LanguageError(
        place,
        0,
        0,
        f"the source of `{function.__name__}` {what}",
        "run the cell (or import the file) that defines it again, or pass its source as text",
    )


def _file_name(filename: str) -> str:
    """Return what to call the place: a file on disk by its name, all else is a cell."""
    return os.path.basename(filename) if os.path.isfile(filename) else "<cell>"


def _merged(units: list[Unit]) -> Unit:
    """Return one unit of several functions of one file or cell: other lines become blank."""
    if len(units) == 1:
        return units[0]
    by_line = {unit.first_line: unit for unit in units}
    units = [by_line[first] for first in sorted(by_line)]
    first = units[0].first_line
    lines: list[str] = []
    for unit in units:
        lines += [""] * (unit.first_line - first - len(lines))
        own = unit.text.split("\n")
        # A function inside another that was passed too: its lines are here already.
        lines += own[max(0, len(lines) - (unit.first_line - first)) :]
    body = [statement for unit in units for statement in unit.tree.body]
    return Unit(units[0].name, "\n".join(lines), first, ast.Module(body, type_ignores=[]))
