"""Expressions of kernel Python, checked; `grammar` holds the rest of the syntax."""

from __future__ import annotations

import ast
from typing import NoReturn

from .errors import LanguageError
from .grammar_messages import BUILTINS, OPERATORS, REFUSED
from .source import Unit

__all__ = ["LIST_LOOPS", "MAX_NUMBER", "Expressions", "called", "quoted"]

MAX_NUMBER = (1 << 63) - 1
"""Largest number a source may hold: the machine's registers are signed 64-bit words."""

LIST_LOOPS = ("list_for_each_entry", "list_for_each_entry_rcu")
"""What a for loop over a list is written with."""


class Expressions:
    """The check of expressions in one unit; `grammar` adds statements and the top level."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.defined = {n.name for n in unit.tree.body if isinstance(n, ast.FunctionDef)}

    def refuse(self, node: ast.AST, found: str, write: str) -> NoReturn:
        """Raise the error at a node."""
        raise LanguageError.at(self.unit, node, found, write)

    def refuse_kind(self, node: ast.AST) -> NoReturn:
        """Refuse a node for being of its type."""
        kind = type(node).__name__
        found, write = REFUSED.get(kind, (f"the Python construct {kind}", "plain kernel Python"))
        self.refuse(node, found, write)

    def expression(self, node: ast.expr) -> None:
        """Check an expression."""
        check = _EXPRESSIONS.get(type(node))
        if check is None:
            self.refuse_kind(node)
        check(self, node)

    def literal(self, node: ast.Constant) -> None:
        """Check a number, True, False or None."""
        value = node.value
        if isinstance(value, (str, bytes)):
            what = "a string" if isinstance(value, str) else "a bytes string"
            self.refuse(node, what, "a number; name it with a constant: NAME = 1")
        if isinstance(value, (float, complex)):
            what = "a float" if isinstance(value, float) else "a complex number"
            self.refuse(node, what, "an integer; there is nothing else in the kernel")
        if value is Ellipsis:
            self.refuse(node, "`...`", "the value that belongs here")
        if value is not None and value > MAX_NUMBER:
            self.refuse(node, "a number of more than 63 bits", f"at most {MAX_NUMBER:#x}")

    def name(self, node: ast.Name) -> None:
        """Check a name that is read."""
        self.identifier(node, node.id)

    def identifier(self, node: ast.AST, name: str, *, private: bool = False) -> None:
        """Refuse Python's own names, ``_private`` ones where told, and letters outside ASCII."""
        if name.startswith("__") or (private and name.startswith("_")):
            self.refuse(node, f"the name `{name}`", "a name that starts with a letter")
        if not name.isascii():
            self.refuse(node, f"the name `{name}`", "letters a to z, digits and _")

    def attribute(self, node: ast.Attribute) -> None:
        """Check a chain of fields: it starts at a name."""
        if node.attr.startswith("_"):
            write = "a field of the struct; Python's attributes do not exist here"
            self.refuse(node, f"the attribute `{node.attr}`", write)
        self.identifier(node, node.attr)
        value = node.value
        if isinstance(value, ast.Attribute):
            self.attribute(value)
        elif isinstance(value, ast.Name):
            self.name(value)
        elif type(value).__name__ in REFUSED:
            self.refuse_kind(value)
        else:
            what = f"`.{node.attr}` of {called(value)}"
            self.refuse(node, what, f"`x = ...` first, then `x.{node.attr}`")

    def subscript(self, node: ast.Subscript) -> None:
        """Check an entry of a table: ``page.spt[i]``."""
        if not isinstance(node.value, ast.Attribute):
            if type(node.value).__name__ in REFUSED:
                self.refuse_kind(node.value)
            self.refuse(node, "an index into something that is no table", "root.spt[i]")
        self.attribute(node.value)
        self.expression(node.slice)

    def call(self, node: ast.Call) -> None:
        """Check a call: of a plain name, with plain arguments."""
        function = node.func
        if isinstance(function, ast.Attribute):
            self.attribute(function)
            write = f"a function: `{function.attr}({quoted(function.value)}, ...)`"
            self.refuse(node, f"the method call `.{function.attr}(...)`", write)
        if not isinstance(function, ast.Name):
            if type(function).__name__ in REFUSED:
                self.refuse_kind(function)
            self.refuse(node, f"a call of {called(function)}", "a call of a function by name")
        if function.id not in self.defined:
            self.refuse_builtin(node, function.id)
        self.identifier(function, function.id)
        self.arguments(node)

    def refuse_builtin(self, node: ast.Call, name: str) -> None:
        """Refuse Python's own functions, and loop heads outside a loop."""
        if name in BUILTINS:
            self.refuse(node, f"Python's `{name}`", BUILTINS[name])
        if name == "range" or name in LIST_LOOPS:
            self.refuse(node, f"`{name}` outside a for loop", f"`for x in {name}(...):`")

    def arguments(self, node: ast.Call) -> None:
        """Check the arguments of a call: by position, no stars."""
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(keyword.value, "`**` in a call", "every argument by itself")
            what = f"the keyword argument `{keyword.arg}=`"
            self.refuse(keyword, what, "arguments by position, as in C")
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                self.refuse(argument, "`*` in a call", "every argument by itself")
            self.expression(argument)

    def operator(self, node: ast.AST, operator: ast.operator) -> None:
        """Check the operator of arithmetic."""
        kind = type(operator).__name__
        if kind in OPERATORS:
            found, write = OPERATORS[kind]
            self.refuse(node, found, write)

    def binary(self, node: ast.BinOp) -> None:
        """Check arithmetic and bit operations."""
        self.expression(node.left)
        self.operator(node, node.op)
        self.expression(node.right)

    def unary(self, node: ast.UnaryOp) -> None:
        """Check ``-x``, ``~x`` and ``not x``."""
        self.unary_operator(node)
        self.expression(node.operand)

    def unary_operator(self, node: ast.UnaryOp) -> None:
        """Refuse ``+x``, and with it ``++x`` and ``--x``, which count nothing in Python."""
        inner = node.operand
        twice = isinstance(inner, ast.UnaryOp) and type(inner.op) is type(node.op)
        if twice and isinstance(node.op, (ast.UAdd, ast.USub)):
            sign = "+" if isinstance(node.op, ast.UAdd) else "-"
            self.refuse(node, f"`{sign}{sign}`, which counts nothing", f"`x {sign}= 1`")
        if isinstance(node.op, ast.UAdd):
            self.refuse(node, "a `+` in front of a value", "the value without it")

    def logic(self, node: ast.BoolOp) -> None:
        """Check ``and`` and ``or``."""
        for value in node.values:
            self.expression(value)

    def comparison(self, node: ast.Compare) -> None:
        """Check one comparison."""
        self.expression(node.left)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                self.refuse(node, "`in`", "two comparisons joined with or; a loop for a list")
            self.expression(right)
        if len(node.ops) > 1:
            self.refuse(
                node,
                "a chained comparison (`a < b < c`)",
                "two comparisons joined with and: `a < b and b < c`",
            )
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)) and not _is_none(node.comparators[0]):
            self.refuse(node, "`is` with something other than None", "`==` or `!=`")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


_WORDS = {
    "Attribute": "a field",
    "AugAssign": "an assignment",
    "AnnAssign": "an assignment with a type",
    "BinOp": "arithmetic",
    "BoolOp": "`and` / `or`",
    "Break": "break",
    "Call": "a call",
    "ClassDef": "a class",
    "Compare": "a comparison",
    "Constant": "a constant",
    "Continue": "continue",
    "Expr": "an expression",
    "For": "a for loop",
    "If": "an if",
    "Name": "a name",
    "Pass": "pass",
    "Return": "return",
    "Subscript": "an entry of a table",
    "UnaryOp": "an operator",
    "While": "a while loop",
}


def quoted(node: ast.AST) -> str:
    """Return the text of a node, cut short where it is long."""
    text = ast.unparse(node)
    return text if len(text) <= 40 else text[:37] + "..."


def called(node: ast.AST) -> str:
    """Return what a node is called in a sentence."""
    kind = type(node).__name__
    return REFUSED[kind][0] if kind in REFUSED else _WORDS.get(kind, f"the construct {kind}")


_EXPRESSIONS = {
    ast.Attribute: Expressions.attribute,
    ast.BinOp: Expressions.binary,
    ast.BoolOp: Expressions.logic,
    ast.Call: Expressions.call,
    ast.Compare: Expressions.comparison,
    ast.Constant: Expressions.literal,
    ast.Name: Expressions.name,
    ast.Subscript: Expressions.subscript,
    ast.UnaryOp: Expressions.unary,
}
