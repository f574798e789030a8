"""The protocols: kernel versions, patches and seeded bugs, one file of kernel Python each.

A protocol file is data: it is read as text and compiled by `tdplib.lang`, and Python never
imports it. All have the same functions in the same order, so that a diff of two of them reads
like the commit between them; what is not under study is in `_shared.py`, which each stands on.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadValueError, nearest
from .table import TABLE, Expected, Row

if TYPE_CHECKING:
    from ..lang.source import Unit
    from ..scenarios import Scenario

__all__ = ["FOLDER", "Expected", "Protocol", "Row", "load", "names", "row"]

FOLDER = Path(__file__).parent
"""Where the protocol files lie."""

SHARED = "_shared.py"


@dataclass(frozen=True)
class Protocol:
    """
    A protocol, ready to be compiled.

    name : as people write it, e.g. ``"v5.18"``
    title : one line on what it is
    kind : ``"version"`` as released, ``"patch"`` a step or a posting of the series,
        ``"variant"`` what the list discussed, ``"seeded"`` a bug put in for this course
    near : name of the protocol it is best compared with (None for the first)
    file : file name below `FOLDER`
    units : the units to stack, lowest first: the shared one, then its own
    docstring : of its own file: kernel version or commit, what changed, why, what breaks without
    expected : the verdict it must get with its default scenario
    has_queue : True when its code queues work, so that a scenario needs a worker
    """

    name: str
    title: str
    kind: str
    near: str | None
    file: str
    units: tuple[Unit, ...]
    docstring: str
    expected: Expected
    has_queue: bool

    @property
    def scenario(self) -> Scenario:
        """The scenario it is checked with when none is given."""
        from ..scenarios import default

        return default(self.name)


def names() -> tuple[str, ...]:
    """Return the names of all protocols, in the order of the course."""
    return tuple(each.name for each in TABLE)


def row(name: str) -> Row:
    """
    Return the table's row for a protocol: what can be said of it without reading its file.

    Raises `BadValueError` for a name that is not known, with the nearest that is.
    """
    for each in TABLE:
        if each.name == name:
            return each
    raise BadValueError(f"no protocol is called {name!r}{nearest(name, names())}")


@cache
def load(name: str) -> Protocol:
    """
    Read a protocol's files and return it.

    Raises `BadValueError` for a name that is not known, with the nearest that is.
    """
    from ..lang.source import unit_from

    known = row(name)
    shared, own = (unit_from(FOLDER / file, name=file) for file in (SHARED, known.file))
    return Protocol(
        name=known.name,
        title=known.title,
        kind=known.kind,
        near=known.near,
        file=known.file,
        units=(shared, own),
        docstring=ast.get_docstring(own.tree) or "",
        expected=known.expected,
        has_queue=_calls(own.tree, "queue_work"),
    )


def _calls(tree: ast.Module, function: str) -> bool:
    """Tell whether the unit calls `function` anywhere."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
        for node in ast.walk(tree)
    )
