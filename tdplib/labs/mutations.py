"""
What mutants are made by: one function for each kind of slip.

An operator takes the tree of an answer and yields (what is done, node it is done to, edit). An edit
is called with a function that gives a node's twin in the copy that is to be changed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tdplib.labs.mutations_atomic import plain_instead_of_atomic

__all__ = ["OPERATORS", "say"]

ASSERTIONS = re.compile(r"(lockdep_assert_held\w*|kvm_lockdep_assert\w*)$")
WARNINGS = frozenset({"WARN_ON", "WARN_ON_ONCE", "BUG_ON", "KVM_BUG_ON"})
NOTHING = frozenset({"smp_mb", "smp_rmb", "smp_wmb", "barrier", "cond_resched", "cpu_relax"})
REFERENCES = re.compile(r"(\w*_)?(get|put)(_\w*)?$|refcount_(inc_not_zero|dec_and_test)$")
JUMPS = (ast.Return, ast.Continue, ast.Break)
UNLOCK = re.compile(r"(read|write|mutex|spin)_unlock$")
LOCK = re.compile(r"(read|write|mutex|spin)_lock$")
MODES = {
    "read_lock": "write_lock", "read_unlock": "write_unlock",
    "cond_resched_rwlock_read": "cond_resched_rwlock_write",
}  # fmt: skip


def say(node: ast.AST, lines: list[str]) -> str:
    """Return where a node stands and its source line, as a mutant's name ends."""
    return f"line {node.lineno}: {lines[node.lineno - 1].strip()}"


# --- what there is to change


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return the functions of an answer."""
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def blocks(tree: ast.Module) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    """Yield every list of statements inside functions, with its owner and the field it is."""
    for function in functions(tree):
        for node in ast.walk(function):
            for field in ("body", "orelse"):
                statements = getattr(node, field, None)
                if isinstance(statements, list) and statements:
                    yield node, field, statements


def called(node: ast.AST) -> str:
    """Return the name of the function that a statement or an expression calls, or ""."""
    call = node.value if isinstance(node, ast.Expr) else node
    return call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""


def is_quiet(node: ast.stmt) -> bool:
    """Tell whether a right program is the same without this statement: a text, an assertion."""
    if isinstance(node, ast.Pass):
        return True
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return True
    name = called(node)
    if name in WARNINGS:
        return not any(isinstance(part, ast.Call) for part in ast.walk(node.value.args[0]))
    return name in NOTHING or bool(ASSERTIONS.match(name))


def at_the_end(tree: ast.Module) -> set[int]:
    """Return the ids of jumps to where control goes anyway."""
    found: set[int] = set()

    def look(body, kind):
        last = body[-1] if body else None
        if isinstance(last, kind) and getattr(last, "value", None) is None:
            found.add(id(last))
        elif isinstance(last, ast.If):
            look(last.body, kind)
            look(last.orelse, kind)

    for function in functions(tree):
        look(function.body, ast.Return)
        for node in ast.walk(function):
            if isinstance(node, (ast.For, ast.While)):
                look(node.body, ast.Continue)
    return found


# --- the operators


def dropped(tree):
    """
    Drop one statement.

    Not the last `return` of a function that gives a value: without it there would be none.
    """
    ends = at_the_end(tree)
    ends |= {id(f.body[-1]) for f in functions(tree) if isinstance(f.body[-1], ast.Return)}
    for owner, field, statements in blocks(tree):
        for at, node in enumerate(statements):
            if is_quiet(node) or id(node) in ends:
                continue

            def edit(there, owner=owner, field=field, at=at):
                body = getattr(there(owner), field)
                body[at : at + 1] = [] if field == "orelse" or len(body) > 1 else [ast.Pass()]

            yield "drop", node, edit


def swapped(tree):
    """Swap a statement with the next one."""
    for owner, field, statements in blocks(tree):
        for at in range(len(statements) - 1):
            pair = statements[at : at + 2]
            if any(is_quiet(node) or isinstance(node, JUMPS) for node in pair):
                continue

            def edit(there, owner=owner, field=field, at=at):
                body = getattr(there(owner), field)
                body[at], body[at + 1] = body[at + 1], body[at]

            if _is(UNLOCK, pair[1]):
                yield "move past the unlock", pair[0], edit
            elif _is(LOCK, pair[0]):
                yield "move before the lock", pair[1], edit
            else:
                yield "swap with the next", pair[0], edit


def moved(tree):
    """Move a statement out of its critical section: past the unlock, or before the lock."""
    for owner, field, statements in blocks(tree):
        for at, node in enumerate(statements):
            if is_quiet(node) or isinstance(node, JUMPS):
                continue
            ahead = next(
                (k for k in range(at + 1, len(statements)) if _is(UNLOCK, statements[k])), 0
            )
            behind = next((k for k in range(at - 1, -1, -1) if _is(LOCK, statements[k])), None)
            if _is(UNLOCK, node) or _is(LOCK, node):
                continue
            if ahead > at + 1:
                yield "move past the unlock", node, _move(owner, field, at, ahead)
            if behind is not None and behind < at - 1:
                yield "move before the lock", node, _move(owner, field, at, behind)


def _is(pattern, node):
    return bool(pattern.match(called(node)))


def _move(owner, field, at, to):
    def edit(there):
        body = getattr(there(owner), field)
        body.insert(to, body.pop(at))

    return edit


def negated(tree):
    """Negate the condition of an `if` or a `while`."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.While)) and not isinstance(node.test, ast.Constant):

            def edit(there, node=node):
                there(node).test = negation(there(node).test)

            yield "negate", node, edit


def negation(test: ast.expr) -> ast.expr:
    """Return `not test`, without a double `not`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def and_or(tree):
    """Write `or` for `and`, and the other way round."""
    for node in _expressions(tree, ast.BoolOp):

        def edit(there, node=node):
            there(node).op = ast.Or() if isinstance(node.op, ast.And) else ast.And()

        yield "and/or", node, edit


def lock_modes(tree):
    """Take the rwlocks of a function in the other mode, all of them, so that they still match."""
    back = {new: old for old, new in MODES.items()}
    for function in functions(tree):
        for what, table in (("write for read", MODES), ("read for write", back)):
            calls = [node for node in ast.walk(function) if called(node) in table]
            calls = [node for node in calls if isinstance(node, ast.Call)]
            if calls:

                def edit(there, calls=calls, table=table):
                    for call in calls:
                        there(call).func.id = table[call.func.id]

                yield f"lock {what} from", calls[0], edit


def without_lock(tree):
    """Leave out a lock with its unlocks."""
    for function in functions(tree):
        locks = [n for n in ast.walk(function) if isinstance(n, ast.Expr) and _is(LOCK, n)]
        for name in sorted({ast.unparse(node.value.args[0]) for node in locks}):
            first = next(n for n in locks if ast.unparse(n.value.args[0]) == name)
            yield f"no {name} from", first, _without(function, name)


def _without(function, name):
    def edit(there):
        for node in ast.walk(there(function)):
            if isinstance(node, ast.Expr) and (_is(LOCK, node) or _is(UNLOCK, node)):
                if ast.unparse(node.value.args[0]) == name:
                    node.value = ast.Constant(None)

    return edit


def without_reference(tree):
    """Suppose that a get or put inside an expression has succeeded, and do not do it."""
    for node in _expressions(tree, ast.Call):
        if REFERENCES.match(called(node)):
            yield f"no {called(node)} in", node, _replace(tree, node, ast.Constant(True))


def constants(tree):
    """Change a number by one, a truth value to the other; a bit-field holds no more than these."""
    bits = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
    }
    for node in _expressions(tree, ast.Constant):
        if isinstance(node.value, bool):
            values = [not node.value]
        elif isinstance(node.value, int):
            values = [node.value - 1, node.value + 1] if node.value else [1]
            values = [value for value in values if id(node) not in bits or value in (0, 1)]
        else:
            continue
        for value in values:

            def edit(there, node=node, value=value):
                there(node).value = value

            yield f"constant {node.value} to {value} in", node, edit


def comparisons(tree):
    """Compare a little otherwise: `!=` for `==`, `<=` for `<`."""
    other = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
             ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is}  # fmt: skip
    for node in _expressions(tree, ast.Compare):

        def edit(there, node=node):
            there(node).ops = [other[type(node.ops[0])]()]

        yield "compare otherwise in", node, edit


def jumps(tree):
    """Write `break` for `continue`, and the other way round."""
    for _owner, _field, statements in blocks(tree):
        for node in statements:
            if isinstance(node, (ast.Continue, ast.Break)):
                new = ast.Break() if isinstance(node, ast.Continue) else ast.Continue()
                what = "break for" if isinstance(node, ast.Continue) else "continue for"
                yield what, node, _replace(tree, node, new)


def one_turn(tree):
    """End a loop after its first turn; not one that ends by itself then."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.While)) and not isinstance(node.body[-1], JUMPS):

            def edit(there, node=node):
                there(node).body.append(ast.Break())

            yield "one turn of", node, edit


def unatomic(tree):
    """Read, then write, where the answer does both in one operation."""
    yield from plain_instead_of_atomic(tree, blocks)


def _expressions(tree, kind):
    """Yield the nodes of a kind, in the order of the text, that are no statement of their own."""
    whole = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    quiet = {
        id(part)
        for _owner, _field, statements in blocks(tree)
        for node in statements
        if is_quiet(node)
        for part in ast.walk(node)
    }
    found = [node for node in ast.walk(tree) if isinstance(node, kind)]
    found = [node for node in found if id(node) not in whole | quiet]
    yield from sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _replace(tree, node, new):
    """Return the edit that puts `new` where `node` stands."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is node:
                return lambda there: setattr(there(parent), field, new)
            if isinstance(value, list) and any(each is node for each in value):
                at = next(k for k, each in enumerate(value) if each is node)
                return lambda there: getattr(there(parent), field).__setitem__(at, new)
    raise LookupError("a node that is not in its tree")


OPERATORS = (
    dropped, swapped, moved, negated, and_or, lock_modes, without_lock, unatomic, without_reference,
    constants, comparisons, jumps, one_turn,
)  # fmt: skip
