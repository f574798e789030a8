"""
Tests on the scenario's shape, decided when the units are joined.

`if PT_LEVELS == 1:` chooses between two programs, as `#if` does in C: what is left is the branch
taken, without the test. So code for two levels costs a scenario with one level nothing, not even
the place of the test.
"""

from __future__ import annotations

import ast
import copy
import operator

from . import symbols

COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def shaped(function: ast.FunctionDef, constants: dict[str, int]) -> ast.FunctionDef:
    """
    Return the function without the `if` statements that the scenario decides.

    It is the function itself where there is none. A copy keeps the line numbers.
    """
    known = {
        name: constants[name]
        for name in symbols.SHAPE
        if name not in {a.arg for a in function.args.args}
    }
    if not any(isinstance(n, ast.If) and decided(n.test, known) is not None
               for n in ast.walk(function)):  # fmt: skip
        return function
    return _Shaper(known).visit(copy.deepcopy(function))


def decided(test: ast.expr, known: dict[str, int]) -> int | None:
    """
    Return what a test is worth that consists of constants of the scenario and of numbers.

    None for any other test, also for one that is a mere number.
    """
    names = [n.id for n in ast.walk(test) if isinstance(n, ast.Name)]
    if not names or not set(names) <= set(known):
        return None
    return _value(test, known)


def _value(e: ast.expr, known: dict[str, int]) -> int | None:
    """Return the value of an expression of the few kinds that such a test is made of, or None."""
    if isinstance(e, ast.Constant):
        return int(e.value) if isinstance(e.value, (int, bool)) else None
    if isinstance(e, ast.Name):
        return known.get(e.id)
    if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
        inner = _value(e.operand, known)
        return None if inner is None else int(not inner)
    if isinstance(e, ast.BoolOp):
        parts = [_value(part, known) for part in e.values]
        if None in parts:
            return None
        return int(all(parts) if isinstance(e.op, ast.And) else any(parts))
    if isinstance(e, ast.Compare) and len(e.ops) == 1 and type(e.ops[0]) in COMPARISONS:
        left, right = _value(e.left, known), _value(e.comparators[0], known)
        if left is None or right is None:
            return None
        return int(COMPARISONS[type(e.ops[0])](left, right))
    return None


class _Shaper(ast.NodeTransformer):
    """Puts the branch taken in the place of each `if` that the scenario decides."""

    def __init__(self, known: dict[str, int]):
        self.known = known

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Replace a decided `if` by its branch."""
        self.visit_body(node)
        value = decided(node.test, self.known)
        if value is None:
            return node
        return node.body if value else node.orelse

    def visit_body(self, node: ast.AST) -> ast.AST:
        """Visit what has a body; if that had statements and has none left, it gets a `pass`."""
        had = has_statements(node.body)
        self.generic_visit(node)
        if had and not has_statements(node.body):
            node.body.append(ast.copy_location(ast.Pass(), node))
        return node

    visit_FunctionDef = visit_For = visit_While = visit_body


def has_statements(body: list[ast.stmt]) -> bool:
    """Tell whether there is more in a body than docstrings."""
    return not all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body)
