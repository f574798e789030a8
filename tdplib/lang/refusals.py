"""What is said of a call that cannot be: no such function, or a function that calls itself."""

from __future__ import annotations

import ast
import difflib

from . import symbols
from .errors import LanguageError, nearest

__all__ = ["refuse_depth", "refuse_name"]

ATOMIC = ("atomic_", "atomic64_", "refcount_")
"""How the kernel's names of atomic operations begin; of each family some are here."""
EXCHANGES = ("xchg", "cmpxchg", "try_cmpxchg")
BIT_OPERATIONS = frozenset({
    "set_bit", "clear_bit", "test_bit", "test_and_set_bit", "test_and_clear_bit", "change_bit",
})  # fmt: skip
VERY_NEAR = 0.9
"""How like a name must be to that of an atomic operation; what is less like is another one."""


def refuse_name(self, node: ast.Call) -> None:
    """Refuse the call of a name that is no function; name what may have been meant."""
    name = node.func.id
    if name in self.scope.names or name in self.world.constants:
        self.fail(
            node, f"`{name}` is not a function", "call a function of this protocol or a primitive"
        )
    hint = nearest(name, [*self.world.functions, *symbols.PRIMITIVES])
    self.fail(node, f"there is no function `{name}`", _instead(name, hint))


def _instead(name, hint):
    if name in BIT_OPERATIONS:
        return "read or assign the bit-field, as in `root.role.invalid = 1`, or exchange the word"
    for start in ATOMIC:
        if name.startswith(start) and not (hint and _alike(name, hint) >= VERY_NEAR):
            there = [each for each in symbols.PRIMITIVES if each.startswith(start[:6])]
            more = () if start == "refcount_" else EXCHANGES
            return f"one of {', '.join(f'`{each}`' for each in (*there, *more))}, or take a lock"
    if hint:
        return f"did you mean `{hint}`?"
    return "define it in this cell, or use a primitive of `tdplib.lang.kernel`"


def _alike(name, other):
    return difflib.SequenceMatcher(None, name, other).ratio()


def refuse_depth(self, node: ast.AST, calls: tuple[str, ...]) -> None:
    """
    Refuse calls that go too deep, at the call by which a function comes back to itself.

    calls : the functions on the way, the last one not entered any more. Of those on the round trip
        the one that stands in the uppermost unit is named: who wrote it can change it.
    """
    again = next((each for each in reversed(calls) if calls.count(each) > 1), None)
    write = "recurse on a number that gets smaller and is tested, such as `level`, or use a loop"
    if again is None:
        self.fail(node, "this call is nested too deeply", write)
    last = len(calls) - 1 - calls[::-1].index(again)
    first = last - 1 - calls[:last][::-1].index(again)
    steps = list(zip(calls[first:last], calls[first + 1 : last + 1], strict=True))
    units = self.world.units
    name, called = max(steps, key=lambda step: units.index(self.world.functions[step[0]][0]))
    unit, function = self.world.functions[name]
    found = f"`{name}` calls itself without a bound that can be seen here"
    raise LanguageError.at(unit, _call(function, called) or function, found, write)


def _call(function, name):
    """The call of `name` in a function, or None: a worker calls the program's work function."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
            return node
    return None
