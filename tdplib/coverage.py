"""
Coverage of a check: which lines no interleaving ever gets to, which conditions go one way only.

>>> from tdplib import check                                        # doctest: +SKIP
>>> print(check(my_function, base="v5.18").coverage())              # doctest: +SKIP
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .errors import BadValueError, nearest
from .lang.ir import Const

__all__ = ["Coverage", "FunctionCoverage", "Line", "coverage"]

SHOWN = 48
"""Letters of a condition that a sentence repeats."""


@dataclass(frozen=True)
class Line:
    """
    A line of the source.

    Attributes
    ----------
    number, source : where it stands, and its text
    kind : "statement", "left out" (this scenario has no use for it: see the shape constants in the
        language's reference), or "" for a line without a statement of its own
    states : states in which some actor stands there
    transitions : transitions that begin the statement
    reached : whether some actor ever gets there, be it to wait or to break something
    condition : of an `if` or a `while`, how often it was false, and true; else None
    """

    number: int
    source: str
    kind: str
    states: int = 0
    transitions: int = 0
    reached: bool = False
    condition: tuple[int, int] | None = None

    @property
    def never(self) -> bool:
        """Whether it is a statement that no interleaving gets to."""
        return self.kind == "statement" and not self.reached

    @property
    def one_way(self) -> bool | None:
        """The only outcome that its condition ever had; None if it had both, or none."""
        if self.condition is None or all(self.condition) or not any(self.condition):
            return None
        return self.condition[1] > 0


@dataclass(frozen=True)
class FunctionCoverage:
    """A function: its lines from `def` to its end, and in sentences what never happens in it."""

    name: str
    file: str
    lines: tuple[Line, ...]
    remarks: tuple[str, ...]

    @property
    def statements(self) -> tuple[Line, ...]:
        """The lines that have a statement."""
        return tuple(line for line in self.lines if line.kind == "statement")

    @property
    def never(self) -> tuple[int, ...]:
        """The numbers of the lines that no interleaving gets to."""
        return tuple(line.number for line in self.lines if line.never)


@dataclass(frozen=True)
class Coverage:
    """
    What the interleavings of a check come by.

    Attributes
    ----------
    functions : those that were asked about
    states, transitions : that were looked at
    complete : they are all there are; violated : the property that some of them break, or None
    """

    protocol: str
    scenario: str
    functions: tuple[FunctionCoverage, ...]
    states: int
    transitions: int
    complete: bool
    violated: str | None

    @property
    def never(self) -> dict[str, tuple[int, ...]]:
        """Of each function with such lines, the lines that no interleaving gets to."""
        return {f.name: f.never for f in self.functions if f.never}

    @property
    def remarks(self) -> tuple[str, ...]:
        """All that never happens, in sentences."""
        return tuple(remark for f in self.functions for remark in f.remarks)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind when reading it."""
        found = []
        if not self.complete:
            found.append(
                "Not every interleaving was visited, so a line that is marked here may still run."
            )
        if self.violated:
            found.append(
                f"A path ends where it breaks a property, here {self.violated}: what would come "
                "after that on the path was not run."
            )
        return tuple(found)

    def to_dict(self) -> dict:
        """Return it as plain data."""
        from dataclasses import asdict

        functions = [
            {
                "name": f.name,
                "file": f.file,
                "never": list(f.never),
                "remarks": list(f.remarks),
                "lines": [
                    {**asdict(line), "never": line.never, "one_way": line.one_way}
                    for line in f.lines
                ],
            }
            for f in self.functions
        ]
        return {
            "protocol": self.protocol,
            "scenario": self.scenario,
            "states": self.states,
            "transitions": self.transitions,
            "complete": self.complete,
            "violated": self.violated,
            "notes": list(self.notes),
            "functions": functions,
        }

    def __str__(self) -> str:
        from .draw.coverage import coverage_text

        return coverage_text(self.to_dict())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .draw.coverage import coverage_html

        return coverage_html(self.to_dict())


def coverage(verdict, functions=None) -> Coverage:
    """
    Count, over every step that a check has taken, which lines it comes by.

    verdict : of `check`
    functions : a name or several; "all" for every function of the program; None for those of the
        code that was checked, or, where a protocol was checked as it is, of the protocol's file

    The steps inside one that the search took as one (see `check`'s reductions) count too. It takes
    about a third of the time the check took.

    Raises
    ------
    BadValueError : there is no function of that name
    """
    from .search.cover import cover

    found, about = verdict.exploration, verdict.subject
    wanted = chosen(about, functions)
    world = about.system.world
    keys = Keys({name: world.functions[name][1] for name in wanted})
    counted = cover(found, keys.nodes(found.system), len(keys.lines), len(keys.tests))
    place = (
        f"in all {found.states:,} states"
        if found.complete
        else f"in the {found.states:,} states that were visited"
    )
    made = [described(name, *world.functions[name], keys, counted, place) for name in wanted]
    return Coverage(
        verdict.protocol,
        getattr(verdict.scenario, "name", str(verdict.scenario)),
        tuple(made),
        found.states,
        counted.transitions,
        found.complete,
        verdict.property,
    )


def chosen(about, functions) -> list[str]:
    """Return the names of the functions that are asked about, in the order of their sources."""
    world = about.system.world
    if functions is None:
        own = about.own if about.own is not None else world.units[-1]
        found = [name for name, (unit, _) in world.functions.items() if unit is own]
    elif functions == "all":
        found = list(world.functions)
    else:
        names = (functions,) if isinstance(functions, str) else tuple(functions)
        for name in names:
            if name not in world.functions:
                raise BadValueError(
                    f"coverage: no function is called {name!r}{nearest(name, world.functions)}"
                )
        return list(dict.fromkeys(names))
    order = {id(unit): k for k, unit in enumerate(world.units)}

    def place(name: str) -> tuple[int, int]:
        unit, node = world.functions[name]
        return order.get(id(unit), 0), node.lineno

    return sorted(found, key=place)


class Keys:
    """Numbers for the lines and conditions of some functions, and of each node which is its."""

    def __init__(self, functions: dict[str, ast.FunctionDef]):
        self.lines: dict[tuple[str, int], int] = {}
        self.tests: dict[tuple[str, int], int] = {}
        for name, function in functions.items():
            for statement in statements(function.body):
                key = (name, statement.lineno)
                self.lines.setdefault(key, len(self.lines))
                if isinstance(statement, ast.If | ast.While):
                    self.tests.setdefault(key, len(self.tests))

    def nodes(self, system) -> np.ndarray:
        """Return the table that `search.cover.cover` wants."""
        from .search.cover import UNKNOWN

        image, actors = system.image, len(system.actors)
        parts = dict(zip(image.node_base[:actors], system.codes[:actors], strict=True))
        size = max(base + len(code.nodes) for base, (code, _) in parts.items())
        table = np.full((3, size), -1, np.int32)
        for base, (code, _) in parts.items():
            for at, node in enumerate(code.nodes, base):
                op = node.op
                key = (code.program.frames[op.frame].function, op.line)
                if at > base and is_glue(op):
                    continue
                table[0, at] = self.lines.get(key, -1)
                if not op.test:
                    continue
                table[1, at] = self.tests.get(key, -1)
                if isinstance(op.a, Const):
                    table[2, at] = bool(op.a.value)
                elif node.next == node.target:
                    table[2, at] = UNKNOWN
        return table


def is_glue(op) -> bool:
    """
    Tell whether an operation only leads from one statement to the next.

    It bears the line of the statement written last, whether control came by that or not.
    """
    if op.starts:
        return False
    return op.code in ("JMP", "END") or (op.code == "MOV" and isinstance(op.a, Const))


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block and of the blocks in it, in their order."""
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        yield statement
        yield from statements(getattr(statement, "body", []))
        yield from statements(getattr(statement, "orelse", []))


def described(name: str, unit, function: ast.FunctionDef, keys: Keys, counted, place: str):
    """Return the coverage of one function; `place` says where all that was looked for."""
    whole = next(
        node for node in unit.tree.body if isinstance(node, ast.FunctionDef) and node.name == name
    )
    written = {statement.lineno for statement in statements(whole.body)}
    lines = {}
    for number in range(whole.lineno, whole.end_lineno + 1):
        key, source = (name, number), unit.line(number)
        if key not in keys.lines:
            lines[number] = Line(number, source, "left out" if number in written else "")
            continue
        reached, *counts = counted.lines[keys.lines[key]].tolist()
        condition = None
        if key in keys.tests:
            condition = tuple(counted.conditions[keys.tests[key]].tolist())
        lines[number] = Line(number, source, "statement", *counts, reached > 0, condition)
    remarks = tuple(f"{said}, {place}." for said in Reasons(name, lines).of(function))
    return FunctionCoverage(name, unit.name, tuple(lines.values()), remarks)


class Reasons:
    """Says of one function what never happens in it, and why, as far as that can be seen."""

    def __init__(self, name: str, lines: dict[int, Line]):
        self.name, self.lines = name, lines

    def of(self, function: ast.FunctionDef) -> list[str]:
        """Return sentences without an end."""
        body = real(function.body)
        if body and self.lines[body[0].lineno].never:
            return [f"`{self.name}` is never called"]
        return list(self.block(body, ""))

    def block(self, body: list[ast.stmt], entry: str) -> Iterator[str]:
        """Tell of a block; `entry` is why none of it runs, if none does."""
        body = real(body)
        for k, statement in enumerate(body):
            if self.lines[statement.lineno].never:
                why = self.after(body[k - 1]) if k else entry
                yield f"{span(statement, body[-1])}: {why}"
                return
            yield from self.inside(statement)

    def inside(self, statement: ast.stmt) -> Iterator[str]:
        """Tell of what is in a statement that runs."""
        at = statement.lineno
        if isinstance(statement, ast.For):
            yield from self.block(statement.body, f"the loop in line {at} never has a round")
        if not isinstance(statement, ast.If | ast.While):
            return
        told = self.condition(statement)
        way = self.lines[at].one_way
        yield from self.block(statement.body, f"{told} was never true")
        if isinstance(statement, ast.If):
            yield from self.block(statement.orelse, f"{told} was never false")
        guards = real(statement.orelse) if isinstance(statement, ast.If) else []
        if way is True and not guards and not isinstance(statement.test, ast.Constant):
            yield f"{told} was never false"
        if way is False and not real(statement.body):
            yield f"{told} was never true"

    def condition(self, statement: ast.If | ast.While) -> str:
        """Name a condition."""
        words = ast.unparse(statement.test)
        words = words if len(words) <= SHOWN else words[: SHOWN - 3] + "..."
        return f"the condition in line {statement.lineno}, `{words}`,"

    def after(self, statement: ast.stmt) -> str:
        """Say why control does not come past a statement that is reached."""
        at = statement.lineno
        if isinstance(statement, ast.Return | ast.Break | ast.Continue):
            return f"line {at} leads away before it"
        if isinstance(statement, ast.While | ast.For):
            return f"no path goes on after the loop in line {at}"
        return f"no path comes past line {at}"


def real(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a block without docstrings."""
    return [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]


def span(first: ast.stmt, last: ast.stmt) -> str:
    """Name the lines from one statement to another."""
    if first.lineno == last.end_lineno:
        return f"line {first.lineno} never runs"
    return f"lines {first.lineno} to {last.end_lineno} never run"
