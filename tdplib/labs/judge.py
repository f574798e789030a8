"""
Judge an answer: not attempted, not in the language, wrong, or right.

The answer is parsed, never executed: `tdplib.check` explores every interleaving of it in each case
of the exercise. The four verdicts are never mixed, and a search that met a bound is a fifth,
`UNDECIDED`: it proves nothing, so it is neither right nor wrong.
"""

from __future__ import annotations

import ast
from functools import cache

from tdplib import watch
from tdplib.ending import never_ends
from tdplib.errors import TdplibError
from tdplib.labs.breaking import judge_schedule
from tdplib.labs.exercise import Case, Exercise
from tdplib.labs.guarding import judge_invariant
from tdplib.labs.report import (
    LINES,
    NEVER_ENDS,
    NOT_ATTEMPTED,
    NOT_LANGUAGE,
    RIGHT,
    UNDECIDED,
    WRONG,
    Outcome,
    Report,
    Score,
)
from tdplib.lang.changes import changed_lines
from tdplib.protocols import is_harness

__all__ = ["judge"]

MAX_SECONDS = 30.0
"""A search of a lab's scenario takes about one; more than this is a runaway, and said to be so."""


def judge(exercise: Exercise, code: object) -> Report:
    """
    Return the `Report` on `code` (a function, a list of functions, or source text).

    For a ``break`` it is a schedule code.

    Nothing is recorded here; the learner's `check` does that.
    """
    if exercise.kind == "break":
        return judge_schedule(exercise, code)
    from tdplib.lang.source import units_from

    try:
        trees = [unit.tree for unit in units_from(code)]
    except TdplibError as error:
        return Report(exercise, NOT_LANGUAGE, str(error), error=error)
    whole = ast.Module([node for tree in trees for node in tree.body], [])
    for status, why in (
        (NOT_ATTEMPTED, why_not_attempted),
        (NOT_LANGUAGE, why_refused),
        (WRONG, why_beside_the_point),
    ):
        message = why(exercise, whole)
        if message:
            return Report(exercise, status, message)
    if exercise.kind == "guard":
        return judge_invariant(exercise, code)
    return _run_cases(exercise, code, _score(exercise, trees))


def _score(exercise, trees):
    if exercise.par_lines is None:
        return None
    lines = changed_lines(ast.parse(exercise.stub), *trees)
    return Score(LINES, (lines,), (exercise.par_lines,))


def _run_cases(exercise, code, score):
    outcomes = []
    with watch.line("checking your answer: ") as line:
        for case in exercise.cases:
            try:
                outcomes.append(_run(case, code, line))
            except TdplibError as error:
                return Report(exercise, NOT_LANGUAGE, str(error), error=error)
            if outcomes[-1].status != RIGHT:
                break
    status = outcomes[-1].status
    score = score if status == RIGHT else None
    return Report(exercise, status, outcomes=tuple(outcomes), score=score)


def _run(case: Case, code, line) -> Outcome:
    from tdplib.check import check
    from tdplib.properties import find

    verdict = check(
        code,
        base=case.base,
        scenario=case.world(),
        properties=case.properties,
        max_seconds=MAX_SECONDS,
        first_only=True,
        progress=line,
    )
    if verdict.status == "violated":
        return Outcome(case, WRONG, verdict, verdict.property, verdict.sentence, verdict.trace)
    if verdict.status != "holds":
        return Outcome(case, UNDECIDED, verdict)
    for name in case.forbids:
        if name in verdict.advice:
            sentence = find(name).sentence
            return Outcome(case, WRONG, verdict, name, sentence, verdict.traces[name])
    endless = never_ends(verdict)
    if endless:
        return Outcome(case, WRONG, verdict, NEVER_ENDS, *endless)
    return Outcome(case, RIGHT, verdict)


def why_not_attempted(exercise: Exercise, tree: ast.Module) -> str | None:
    """Return what shows that nothing was written yet, or None."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and _names(node) & {"NotImplementedError"}:
            return (
                "Nothing to check yet: the line `raise NotImplementedError` is still there "
                f"(line {node.lineno}). Put your code in its place and run the cell again."
            )
    if _shape(tree) == _stub_shape(exercise.stub):
        return "Nothing to check yet: the code is the one you were given, unchanged."
    for function in _functions(tree):
        if function.name in exercise.replaces and not _statements(function):
            return f"Nothing to check yet: `{function.name}` has an empty body."
    return None


def why_refused(exercise: Exercise, tree: ast.Module) -> str | None:
    """Return why this code cannot stand for an answer to `exercise`, or None."""
    defined = [function.name for function in _functions(tree)]
    missing = [name for name in exercise.replaces if name not in defined]
    if missing:
        found = ", ".join(f"`{name}`" for name in defined) or "no function"
        return f"This exercise asks for `{missing[0]}`; found {found}."
    theirs = frozenset().union(*(_protocol_functions(case.base) for case in exercise.cases))
    for name in defined:
        if name in theirs and name not in exercise.replaces:
            return (
                f"`{name}` is not yours to change in this exercise: only "
                f"{' and '.join(f'`{own}`' for own in exercise.replaces)}. "
                "A helper of your own needs a name of its own."
            )
    return _harness_call(tree)


def why_beside_the_point(exercise: Exercise, tree: ast.Module) -> str | None:
    """Return why an answer that may well hold is not what was asked, or None."""
    for node in ast.walk(tree):
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name in exercise.must_not_use:
            return f"Line {node.lineno} uses `{name}`: {exercise.must_not_use[name]}"
    return None


def _harness_call(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and is_harness(node.id):
            return (
                f"line {node.lineno}: `{node.id}` belongs to the model around the kernel code, "
                "not to the kernel. Leave it out."
            )
    return None


@cache
def _protocol_functions(base):
    from tdplib.protocols import load

    trees = [unit.tree for unit in load(base).units]
    return frozenset(function.name for tree in trees for function in _functions(tree))


@cache
def _stub_shape(stub):
    return _shape(ast.parse(stub))


def _shape(tree):
    """The code without comments, docstrings, imports and positions."""
    return [ast.dump(_bare(function)) for function in _functions(tree)]


def _bare(function):
    return ast.FunctionDef(
        name=function.name,
        args=function.args,
        body=_statements(function),
        decorator_list=function.decorator_list,
    )


def _statements(function):
    """The body without docstring, `pass` and `...`."""
    return [
        node
        for node in function.body
        if not isinstance(node, ast.Pass)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def _functions(tree):
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
