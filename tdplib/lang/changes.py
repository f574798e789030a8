"""In how many lines one text differs from another; comments and layout do not count."""

from __future__ import annotations

import ast
import difflib
from collections import Counter

__all__ = ["changed_lines"]


def changed_lines(given: ast.Module, *own: ast.Module, moved_once: bool = False) -> int:
    r"""
    Return the number of lines in which `own` differs from `given`.

    A line that replaces another counts once, a line added or dropped counts once. A line that only
    moved was dropped and added; with `moved_once` it counts once.

    >>> old = ast.parse("def f(x):\n    a = 1\n    return a")
    >>> changed_lines(old, ast.parse("def f(x):\n    a = 2\n    b = 3\n    return a"))
    2
    """
    before = _lines(given)
    after = [line for tree in own for line in _lines(tree)]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    gone = [before[a:b] for _, a, b, _, _ in codes]
    come = [after[c:d] for _, _, _, c, d in codes]
    moved = _bag(gone) & _bag(come) if moved_once else Counter()
    lost = zip(_others(gone, moved), _others(come, moved), strict=True)
    return moved.total() + sum(max(pair) for pair in lost)


def _bag(pieces):
    """How often each line stands in the pieces, however deep."""
    return Counter(line.strip() for piece in pieces for line in piece)


def _others(pieces, moved):
    """Of each piece, how many of its lines did not merely move."""
    left = moved.copy()
    for piece in pieces:
        count = 0
        for line in piece:
            if left[line.strip()]:
                left[line.strip()] -= 1
            else:
                count += 1
        yield count


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
