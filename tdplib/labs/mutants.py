"""
Mutants: near misses of a right answer, made from its syntax tree.

An exercise that calls one of them right does not ask what it means to ask. Names are the same each
time: what was done, and the line of the answer it was done to.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tdplib.labs.mutations import OPERATORS, say

__all__ = ["Mutant", "mutants", "schedule_mutants"]


@dataclass(frozen=True)
class Mutant:
    """A changed answer: what was changed in it, and its text."""

    name: str
    code: str


def mutants(text: str) -> tuple[Mutant, ...]:
    r"""
    Return the mutants of an answer, none of them twice and none equal to it.

    >>> for each in mutants("def f(kvm):\n    if kvm.a and kvm.b:\n        kvm.a = 1\n"):
    ...     print(each.name)
    drop line 2: if kvm.a and kvm.b:
    drop line 3: kvm.a = 1
    negate line 2: if kvm.a and kvm.b:
    and/or line 2: if kvm.a and kvm.b:
    constant 1 to 0 in line 3: kvm.a = 1
    """
    tree = ast.parse(text)
    lines = text.splitlines()
    seen, names, found = {_shape(ast.unparse(tree))}, {}, []
    for what, node, made in _all(tree):
        code = ast.unparse(ast.fix_missing_locations(made)) + "\n"
        if _shape(code) in seen:
            continue
        seen.add(_shape(code))
        name = f"{what} {say(node, lines)}"
        names[name] = names.get(name, 0) + 1
        found.append(Mutant(name if names[name] == 1 else f"{name} ({names[name]})", code))
    return tuple(found)


def _all(tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.Module]]:
    """Yield what was done, to which node, and the whole changed tree."""
    for operator in OPERATORS:
        for what, node, change in operator(tree):
            yield what, node, _changed(tree, change)


def _changed(tree: ast.Module, change: Callable[[Callable], None]) -> ast.Module:
    """Return a copy of `tree` that `change` has edited; it finds the copies of nodes by `there`."""
    made = copy.deepcopy(tree)
    twins = dict(zip(map(id, ast.walk(tree)), ast.walk(made), strict=True))
    change(lambda node: twins[id(node)])
    return made


def _shape(code):
    return ast.dump(ast.parse(code))


def schedule_mutants(code: str) -> tuple[Mutant, ...]:
    """
    Return a schedule code with one step left out, or two neighbouring steps swapped.

    >>> [each.name for each in schedule_mutants("v5.18/small/123456:a2b")]
    ['drop step 1', 'drop step 2', 'drop step 3', 'swap steps 1 and 2']
    """
    from tdplib.replay.schedule import read_steps, write_steps

    head, _, text = code.rpartition(":")
    steps, found, seen = read_steps(text), [], {read_steps(text)}
    for at in range(len(steps)):
        found.append((f"drop step {at + 1}", steps[:at] + steps[at + 1 :]))
    for at in range(len(steps) - 1):
        swapped = (*steps[:at], steps[at + 1], steps[at], *steps[at + 2 :])
        if swapped not in seen:
            found.append((f"swap steps {at + 1} and {at + 2}", swapped))
    return tuple(Mutant(name, f"{head}:{write_steps(path)}") for name, path in found)
