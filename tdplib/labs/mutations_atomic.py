"""
The slip that has most to do with interleavings: a read and a write for one atomic operation.

The statement that has the operation in it gets the read and the write put before it; in its place
stands what the operation would have given.
"""

from __future__ import annotations

import ast

__all__ = ["plain_instead_of_atomic"]

SEEN, DONE = "mutant_seen", "mutant_done"
# What is put before the statement, and what stands for the call. {0} is the field, {1}, {2} the
# further arguments.
PLAIN = {
    "xchg": ("{seen} = {0}\n{0} = {1}", "{seen}"),
    "cmpxchg": ("{seen} = {0}\nif {seen} == {1}:\n    {0} = {2}", "{seen}"),
    "try_cmpxchg": (
        "{seen} = {0}\n{done} = {seen} == {1}\nif {done}:\n    {0} = {2}\nelse:\n    {1} = {seen}",
        "{done}",
    ),
    "refcount_inc": ("{seen} = refcount_read({0})\nrefcount_set({0}, {seen} + 1)", "0"),
    "refcount_inc_not_zero": (
        "{seen} = refcount_read({0})\nif {seen} > 0:\n    refcount_set({0}, {seen} + 1)",
        "{seen} > 0",
    ),
    "refcount_dec": ("{seen} = refcount_read({0})\nrefcount_set({0}, {seen} - 1)", "0"),
    "refcount_dec_and_test": (
        "{seen} = refcount_read({0})\nrefcount_set({0}, {seen} - 1)",
        "{seen} == 1",
    ),
    "atomic_inc": ("{seen} = atomic_read({0})\natomic_set({0}, {seen} + 1)", "0"),
    "atomic_dec": ("{seen} = atomic_read({0})\natomic_set({0}, {seen} - 1)", "0"),
    "atomic_inc_return": (
        "{seen} = atomic_read({0})\natomic_set({0}, {seen} + 1)",
        "{seen} + 1",
    ),
    "atomic_dec_and_test": (
        "{seen} = atomic_read({0})\natomic_set({0}, {seen} - 1)",
        "{seen} == 1",
    ),
}  # fmt: skip


def plain_instead_of_atomic(tree: ast.Module, blocks):
    """Yield the edits, one for each atomic operation of an answer."""
    for owner, field, statements in blocks(tree):
        for at, statement in enumerate(statements):
            for call in _calls(statement):
                yield f"plain {call.func.id} in", call, _edit(owner, field, at, call)


def _calls(statement):
    """The atomic operations in the statement's own expressions, not in those of its body."""
    parts = [getattr(statement, "test", None), getattr(statement, "value", None)]
    if isinstance(statement, ast.For):
        parts = [statement.iter]
    return [
        node
        for part in parts
        if part is not None
        for node in ast.walk(part)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in PLAIN
    ]


def _edit(owner, field, at, call):
    before, value = (
        text.format(*map(ast.unparse, call.args), seen=SEEN, done=DONE)
        for text in PLAIN[call.func.id]
    )

    def edit(there):
        body = getattr(there(owner), field)
        statement = body[at]
        lead = ast.parse(before).body
        new = _Put(there(call), ast.parse(value, mode="eval").body)
        if isinstance(statement, ast.While):
            # the operation is done again each round
            stop = ast.If(ast.UnaryOp(ast.Not(), new.visit(statement.test)), [ast.Break()], [])
            statement.test = ast.Constant(True)
            statement.body[:0] = [*lead, stop]
        elif isinstance(statement, ast.Expr) and statement.value is there(call):
            body[at : at + 1] = lead
        else:
            new.visit(statement)
            body[at:at] = lead

    return edit


class _Put(ast.NodeTransformer):
    """Put one expression in the place of another."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        """Return the new expression for the old one, else the node with its parts visited."""
        return self.new if node is self.old else self.generic_visit(node)
