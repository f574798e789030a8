"""The protocols: kernel versions, patches and seeded bugs, one file of kernel Python each.

A protocol file is data: it is read as text and compiled by `tdplib.lang`, and Python never
imports it. All have the same functions in the same order, so that a diff of two of them reads
like the commit between them; what is not under study is in `_shared.py`, which each stands on.
Beside them are the *worlds*, small stages for single labs (`worlds/`).
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

__all__ = [
    "FOLDER",
    "Expected",
    "Protocol",
    "Row",
    "every_name",
    "is_harness",
    "load",
    "names",
    "row",
    "world_names",
]

FOLDER = Path(__file__).parent
"""Where the protocol files lie."""

SHARED = "_shared.py"

_HARNESS_PREFIXES = ("model_", "workqueue_")
_HARNESS_NAMES = frozenset({"run_work"})


@dataclass(frozen=True)
class Protocol:
    """
    A protocol, ready to be compiled.

    name : as people write it, e.g. ``"v5.18"``
    title : one line on what it is
    kind : ``"version"`` as released, ``"patch"`` a step or a posting of the series,
        ``"variant"`` what the list discussed, ``"seeded"`` a bug put in for this course,
        ``"world"`` a stage for one lab
    near : name of the protocol it is best compared with (None for the first)
    file : file name below `FOLDER`
    units : the units to stack, lowest first: the shared one, then its own
    docstring : of its own file: kernel version or commit, what changed, why, what breaks without
    expected : the verdict it must get with its default scenario
    has_queue : True when its code queues work, so that a scenario needs a worker
    labels : (kind of actor, what it is called here), where another name tells the story better
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
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def scenario(self) -> Scenario:
        """The scenario it is checked with when none is given."""
        from ..scenarios import default

        return default(self.name)


def names() -> tuple[str, ...]:
    """Return the names of all protocols, in the order of the course."""
    return tuple(each.name for each in TABLE)


def world_names() -> tuple[str, ...]:
    """Return the names of all worlds, in the order of the labs."""
    from .worlds import WORLDS

    return tuple(each.name for each in WORLDS)


def every_name() -> tuple[str, ...]:
    """Return the names of all protocols, then of all worlds: whatever `load` takes."""
    return (*names(), *world_names())


def row(name: str) -> Row:
    """
    Return what can be said of a protocol or a world without reading its file.

    Raises `BadValueError` for a name that is not known, with the nearest that is.
    """
    from .worlds import WORLDS

    for each in (*TABLE, *WORLDS):
        if each.name == name:
            return each
    raise BadValueError(f"no protocol is called {name!r}{nearest(name, every_name())}")


def is_harness(name: str) -> bool:
    """
    Tell whether `name` is a call by which the harness tells the properties what happens.

    An answer that used one could make a wrong zap look finished.
    """
    return name.startswith(_HARNESS_PREFIXES) or name in _HARNESS_NAMES


@cache
def load(name: str) -> Protocol:
    """
    Read a protocol's files and return it.

    Raises `BadValueError` for a name that is not known, with the nearest that is.
    """
    from ..lang.source import unit_from

    known = row(name)
    if known.kind == "world":
        from .worlds import FOLDER as folder

        below = load(known.near).units if known.near else (unit_from(FOLDER / SHARED, name=SHARED),)
    else:
        folder, below = FOLDER, (unit_from(FOLDER / SHARED, name=SHARED),)
    own = unit_from(folder / known.file, name=known.file)
    units = (*below, own)
    return Protocol(
        name=known.name,
        title=known.title,
        kind=known.kind,
        near=known.near,
        file=known.file,
        units=units,
        docstring=ast.get_docstring(own.tree) or "",
        expected=known.expected,
        has_queue=any(_calls(unit.tree, "queue_work") for unit in units),
        labels=known.labels,
    )


def _calls(tree: ast.Module, function: str) -> bool:
    """Tell whether the unit calls `function` anywhere."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
        for node in ast.walk(tree)
    )
