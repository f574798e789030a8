"""
Judge a changed protocol: whether any schedule still breaks it, and whether it does its work.

The text is parsed, never executed. That nothing breaks is not enough, for code that does nothing
breaks nothing: what the code asserts has to stay, everybody has to get done, and a fast zap that
does not note what it has to zap is refused by the compiler.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import TdplibError
from .level import Level, level

__all__ = ["Saved", "given", "save"]

MAX_SECONDS = 20.0
MAX_STATES = 3_000_000
"""Bounds of each search; a level's largest scenario has some 50,000 states."""

_ASSERTS = ("WARN", "BUG", "KVM_BUG", "lockdep_assert", "kvm_lockdep_assert")


@dataclass(frozen=True)
class Saved:
    """
    What came of a try to save a level.

    status : ``"saved"``, ``"broken"`` (a schedule breaks it), ``"beside"`` (it holds, or may hold,
        but is no answer), ``"language"``, ``"unchanged"`` or ``"undecided"`` (a bound was met)
    message : the same in a sentence or two
    lines, par : how many lines were changed, and how many are enough
    broken, trace : what breaks, and the shortest way to it; None where nothing does
    line, column : where the message points in the text, from 1; 0 if nowhere
    """

    level: Level
    status: str
    message: str
    lines: int
    par: int
    broken: str | None = None
    trace: Any = None
    line: int = 0
    column: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether the level is saved."""
        return self.status == "saved"

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}: " if self.line else ""
        head = f"{self.status}: {place}{self.message}"
        return f"{head}\n\n{self.trace}" if self.trace is not None else head


def given(number: int | Level) -> str:
    """Return the text that is to be mended: the functions of the protocol as they are."""
    about = _savable(number)
    return _given(about)


@cache
def _given(about: Level) -> str:
    own = _units(about)
    return "\n\n\n".join(_source(own, name) for name in about.save.functions) + "\n"


def save(number: int | Level, source: Any) -> Saved:
    r"""
    Judge `source` as an answer to a level's "save it".

    source : kernel Python: text, a function, or a list of functions. It is parsed, not run.

    Examples
    --------
    >>> text = "def increment(kvm):\n    atomic_inc(kvm.counter)"
    >>> print(save(1, text))
    saved: No schedule breaks it any more. 1 line changed, par 1.
    """
    from ..lang.changes import changed_lines
    from ..lang.errors import LanguageError
    from ..lang.source import units_from

    about = _savable(number)
    par = about.save.par
    try:
        units = units_from(source)
    except LanguageError as error:
        return _in_language(about, error, 0)
    trees = [unit.tree for unit in units]
    lines = changed_lines(ast.parse(given(about)), *trees, moved_once=True)
    refused = _refused(about, trees)
    if refused:
        node, message = refused
        line, column = (node.lineno, node.col_offset + 1) if node else (0, 0)
        return Saved(about, "beside", message, lines, par, line=line, column=column)
    if not lines:
        message = "Nothing is changed yet: this is the code that breaks."
        return Saved(about, "unchanged", message, 0, par)
    try:
        return _searched(about, source, lines)
    except LanguageError as error:
        return _in_language(about, error, lines)
    except TdplibError as error:
        return Saved(about, "language", str(error), lines, par)


def _searched(about: Level, source: Any, lines: int) -> Saved:
    """Check every case; the first that fails is the answer."""
    from ..ending import never_ends

    par = about.save.par
    for scenario in (about.scenario, *about.save.scenarios):
        verdict = _check(source, about, scenario)
        if verdict.status == "violated":
            name, where = verdict.property, ""
            if scenario is not about.scenario:
                where = f" in scenario {scenario.name}"
            message = f"A schedule still breaks it{where}: {name}. {verdict.sentence}"
            return Saved(about, "broken", message, lines, par, name, verdict.trace)
        if verdict.status != "holds":
            message = (
                f"Not decided: the search of scenario {scenario.name} stopped at a bound "
                f"({', '.join(verdict.stopped_by)}), so nothing is proved."
            )
            return Saved(about, "undecided", message, lines, par)
        endless = never_ends(verdict)
        if endless:
            return Saved(about, "beside", endless[0], lines, par, trace=endless[1])
    message = f"No schedule breaks it any more. {lines_text(lines, par)}"
    return Saved(about, "saved", message, lines, par)


def lines_text(lines: int, par: int) -> str:
    """
    Say how many lines were changed beside how many are enough.

    >>> lines_text(2, 1)
    '2 lines changed, par 1.'
    """
    return f"{lines} line{'' if lines == 1 else 's'} changed, par {par}."


def _check(code, about, scenario):
    from ..check import check

    return check(code, base=about.protocol, scenario=scenario, first_only=True,
                 max_seconds=MAX_SECONDS, max_states=MAX_STATES)  # fmt: skip


def _refused(about: Level, trees: list[ast.Module]) -> tuple[ast.AST | None, str] | None:
    """Return (where, why) these trees are no answer to the level, or None."""
    nodes = [node for tree in trees for node in tree.body]
    allowed = about.save.functions
    names = " and ".join(f"`{name}`" for name in allowed)
    found = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name in allowed:
            found.add(node.name)
        elif not isinstance(node, (ast.Import, ast.ImportFrom)) and not _is_text(node):
            what = f"`{node.name}`" if hasattr(node, "name") else "this"
            return node, f"Only {names} is yours to change here, not {what}."
    missing = [name for name in allowed if name not in found]
    if missing:
        return None, f"`{missing[0]}` is missing: its changed form belongs here."
    whole = ast.Module(nodes, [])
    for node in ast.walk(whole):
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name in about.save.must_not_use:
            return node, f"`{name}` is beside the point: {about.save.must_not_use[name]}"
    return _marks_changed(about, whole)


def _marks_changed(about, tree):
    """Return what is missing of what the code asserts, or is told to the check beyond it."""
    before, after = _marks(ast.parse(given(about))), _marks(tree)
    lost = before - after
    if lost:
        text = next(iter(lost))
        return None, f"`{text}` has to stay: without it the check would not look, or not see."
    told = {text: n for text, n in (after - before).items() if not text.startswith(_ASSERTS)}
    if told:
        text = next(iter(told))
        return None, f"`{text}` belongs to the model around the code. Leave it out."
    return None


def _marks(tree) -> Counter:
    from ..protocols import is_harness

    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    marked = [
        node
        for node in calls
        if getattr(node.func, "id", "").startswith(_ASSERTS)
        or is_harness(getattr(node.func, "id", ""))
    ]
    return Counter(ast.unparse(node) for node in marked)


def _in_language(about, error, lines) -> Saved:
    message = f"Found: {_sentence(error.found)} Write: {_sentence(error.write)}"
    return Saved(about, "language", message, lines, about.save.par,
                 line=error.line, column=error.column)  # fmt: skip


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _savable(number: int | Level) -> Level:
    about = level(number)
    if about.save is None:
        from .level import levels

        known = ", ".join(str(each.number) for each in levels() if each.save)
        raise TdplibError(f"Level {about.number} has nothing to save; these have: {known}.")
    return about


def _units(about: Level):
    from ..protocols import load

    return load(about.protocol).units


def _source(units, name: str) -> str:
    unit, node = next(pair for pair in _functions(units) if pair[1].name == name)
    return "\n".join(unit.text.split("\n")[node.lineno - 1 : node.end_lineno])


def _functions(units):
    for unit in reversed(units):
        yield from ((unit, node) for node in unit.tree.body if isinstance(node, ast.FunctionDef))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
