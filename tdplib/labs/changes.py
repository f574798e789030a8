"""How many lines of the given code a ``mend`` answer changed; comments and layout do not count."""

from __future__ import annotations

import ast
import difflib

__all__ = ["changed_lines"]


def changed_lines(given: ast.Module, *own: ast.Module) -> int:
    r"""
    Return the number of lines in which `own` differs from `given`.

    A line that replaces another counts once, a line added or dropped counts once.

    >>> old = ast.parse("def f(x):\n    a = 1\n    return a")
    >>> changed_lines(old, ast.parse("def f(x):\n    a = 2\n    b = 3\n    return a"))
    2
    """
    before = _lines(given)
    after = [line for tree in own for line in _lines(tree)]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return sum(max(b - a, d - c) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal")


def _lines(tree):
    """The code of all functions, one statement a line, without docstrings."""
    made = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            bare = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
            kept = ast.FunctionDef(
                name=node.name, args=node.args, body=bare, decorator_list=[], lineno=1
            )
            made += [line for line in ast.unparse(kept).splitlines() if line.strip()]
    return made


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
