"""
The syntax of kernel Python: what is in the language, and a message for everything else.

Only syntax is judged here. Whether a name, a field or a kind exists, and how many arguments a
call takes, is the compiler's business.
"""

from __future__ import annotations

import ast
from typing import NoReturn

from .grammar_expressions import LIST_LOOPS, Expressions, called, quoted
from .grammar_messages import FIELD_TYPES, REFUSED, STRUCTS
from .source import Unit

__all__ = ["check_unit"]


def check_unit(unit: Unit) -> None:
    """
    Refuse the first construct of `unit` that is not in the language of `REFERENCE.md`.

    Raises
    ------
    LanguageError
        Says the construct, where it stands, and what to write instead.
    """
    _Checker(unit).module()


class _Checker(Expressions):
    """One walk over one unit; `loops` counts the loops around the statement at hand."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        self.loops = 0

    # --- the top level

    def module(self) -> None:
        """Check what stands at the top of a unit."""
        seen: set[str] = set()
        for position, node in enumerate(self.unit.tree.body):
            if position == 0 and _is_text(node):
                continue
            self.top(node)
            if isinstance(node, ast.FunctionDef):
                name = node.name
            elif isinstance(node, ast.Assign):
                name = node.targets[0].id
            else:
                continue
            if name in seen:
                self.refuse(node, f"a second `{name}` in one unit", "one definition of it")
            seen.add(name)

    def top(self, node: ast.stmt) -> None:
        """Check one statement at the top of a unit."""
        if isinstance(node, ast.FunctionDef):
            self.function(node)
        elif isinstance(node, ast.ClassDef):
            self.struct(node)
        elif isinstance(node, ast.Assign):
            self.constant_definition(node)
        elif isinstance(node, ast.Import):
            self.refuse(node, "import", "`from ... import ...`, or nothing: primitives are known")
        elif not isinstance(node, ast.ImportFrom):
            self.other_top(node)

    def other_top(self, node: ast.stmt) -> NoReturn:
        """Refuse a statement at the top of a unit."""
        if type(node).__name__ in REFUSED:
            self.refuse_kind(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.refuse(
                node,
                "a call outside any function",
                "the call in a function; an actor of the scenario runs it",
            )
        self.refuse(
            node,
            f"{called(node)} outside any function",
            "def, `NAME = constant`, `class kvm_mmu_page:` or `from ... import ...` up here",
        )

    def constant_definition(self, node: ast.Assign) -> None:
        """Check ``NAME = constant expression``."""
        target = self.single_target(node)
        if not isinstance(target, ast.Name):
            self.refuse(target, "a field set outside any function", "the line in a function")
        self.identifier(target, target.id)
        self.constant(node.value)

    def constant(self, node: ast.expr) -> None:
        """Check a constant expression: numbers, names of constants, arithmetic."""
        if isinstance(node, ast.BinOp):
            self.operator(node, node.op)
            self.constant(node.left)
            self.constant(node.right)
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            self.unary_operator(node)
            self.constant(node.operand)
        elif isinstance(node, (ast.Constant, ast.Name)):
            self.expression(node)
        elif type(node).__name__ in REFUSED:
            self.refuse_kind(node)
        else:
            self.refuse(
                node,
                f"{called(node)} in a constant",
                "a number, or arithmetic on constants",
            )

    # --- struct extensions

    def struct(self, node: ast.ClassDef) -> None:
        """Check ``class kvm_mmu_page:`` and the fields below it."""
        self.plain_header(node)
        if node.name not in STRUCTS:
            self.refuse(
                node,
                f"the class `{node.name}`",
                f"functions; a class only adds fields to one of {', '.join(STRUCTS)}",
            )
        for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self.refuse(base, "a base class", f"`class {node.name}:`")
        seen: set[str] = set()
        for position, line in enumerate(node.body):
            if isinstance(line, ast.AnnAssign):
                self.field(line, seen)
            elif not (isinstance(line, ast.Pass) or (position == 0 and _is_text(line))):
                self.not_a_field(line)

    def not_a_field(self, line: ast.stmt) -> NoReturn:
        """Refuse a line of a class."""
        if isinstance(line, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.refuse(line, f"the method `{line.name}`", "a function at the top of the unit")
        if isinstance(line, ast.Assign):
            self.refuse(line, "a field without a type", f"`name: type = constant`; {_types()}")
        self.refuse(line, f"{called(line)} in a struct", f"`name: type`; {_types()}")

    def field(self, line: ast.AnnAssign, seen: set[str]) -> None:
        """Check ``name: type`` or ``name: type = constant``."""
        target, kind = line.target, line.annotation
        if not isinstance(target, ast.Name) or not line.simple:
            self.refuse(target, "a field that is no plain name", "`name: type`")
        self.identifier(target, target.id, private=True)
        if target.id in seen:
            self.refuse(target, f"a second field `{target.id}`", "every field once")
        seen.add(target.id)
        if not isinstance(kind, ast.Name) or kind.id not in FIELD_TYPES:
            what = f"the type `{quoted(kind)}`"
            self.refuse(kind, what, _types())
        if line.value is not None:
            self.constant(line.value)

    # --- functions

    def plain_header(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        """Refuse decorators and type parameters."""
        for decorator in node.decorator_list:
            self.refuse(decorator, "a decorator", "the def by itself, with no line above it")
        for parameter in getattr(node, "type_params", []):
            self.refuse(parameter, "a type parameter", f"`{node.name}` without brackets")

    def function(self, node: ast.FunctionDef) -> None:
        """Check a def at the top of a unit."""
        self.plain_header(node)
        self.identifier(node, node.name)
        self.parameters(node)
        body = node.body[1:] if _is_text(node.body[0]) else node.body
        self.block(body)

    def parameters(self, node: ast.FunctionDef) -> None:
        """Check that the parameters are plain; annotations may stand there and mean nothing."""
        args = node.args
        for star, arg in (("*", args.vararg), ("**", args.kwarg)):
            if arg is not None:
                self.refuse(arg, f"`{star}{arg.arg}`", "every parameter by its name")
        for arg in args.kwonlyargs:
            self.refuse(arg, "a keyword-only parameter", f"`{arg.arg}` as a plain parameter")
        for arg in args.posonlyargs:
            self.refuse(arg, "`/` in the parameters", "the parameters without it")
        for default in args.defaults:
            self.refuse(default, "a default value", "the value in every call, as C does")
        seen: set[str] = set()
        for arg in args.args:
            self.identifier(arg, arg.arg)
            if arg.arg in seen:
                self.refuse(arg, f"a second parameter `{arg.arg}`", "another name for it")
            seen.add(arg.arg)

    def block(self, body: list[ast.stmt]) -> None:
        """Check the statements of a block."""
        for node in body:
            check = _STATEMENTS.get(type(node))
            if check is None:
                self.refuse_statement(node)
            check(self, node)

    def refuse_statement(self, node: ast.stmt) -> NoReturn:
        """Refuse a statement that a function cannot hold."""
        if isinstance(node, ast.FunctionDef):
            self.refuse(node, f"the function `{node.name}` inside a function", "it at the top")
        if isinstance(node, ast.ClassDef):
            self.refuse(node, f"the class `{node.name}` inside a function", "it at the top")
        if isinstance(node, ast.AnnAssign):
            self.refuse(
                node,
                "a type on a local or field",
                "the assignment without it; new fields are declared in `class kvm_mmu_page:`",
            )
        self.refuse_kind(node)

    # --- statements

    def assignment(self, node: ast.Assign) -> None:
        """Check ``target = value``."""
        self.expression(self.single_target(node))
        self.expression(node.value)

    def single_target(self, node: ast.Assign) -> ast.expr:
        """Return the one target of an assignment."""
        if len(node.targets) > 1:
            self.refuse(node, "two assignments in one (`a = b = c`)", "one line for each")
        target = node.targets[0]
        if isinstance(target, (ast.Tuple, ast.List, ast.Starred)):
            self.refuse(target, "several targets at once (`a, b = ...`)", "one line for each")
        return target

    def augmented(self, node: ast.AugAssign) -> None:
        """Check ``target += value`` and the like."""
        self.expression(node.target)
        self.operator(node, node.op)
        self.expression(node.value)

    def bare(self, node: ast.Expr) -> None:
        """Check an expression that stands as a statement."""
        value = node.value
        if isinstance(value, ast.Call):
            self.expression(value)
        elif isinstance(value, ast.Constant):
            if isinstance(value.value, (str, bytes)):
                self.refuse(value, "a string that is no docstring", "a comment: # ...")
            if value.value is not Ellipsis:
                self.expression(value)
        else:
            # What is wrong inside says more than that the value goes nowhere.
            self.expression(value)
            hint = "`=` to store" if isinstance(value, ast.Compare) else "`name = ...`, or a call"
            self.refuse(value, f"{called(value)} whose value is not used", hint)

    def returning(self, node: ast.Return) -> None:
        """Check ``return`` with or without a value."""
        if isinstance(node.value, ast.Tuple):
            self.refuse(node.value, "several return values", "one value; others are fields")
        if node.value is not None:
            self.expression(node.value)

    def branch(self, node: ast.If) -> None:
        """Check if / elif / else."""
        self.expression(node.test)
        self.block(node.body)
        self.block(node.orelse)

    def while_loop(self, node: ast.While) -> None:
        """Check a while loop."""
        self.expression(node.test)
        self.loop_body(node)

    def for_loop(self, node: ast.For) -> None:
        """Check a for loop: over range(...) or over the entries of a list."""
        if not isinstance(node.target, ast.Name):
            self.refuse(node.target, "a loop over several names", "one name: `for x in ...`")
        self.identifier(node.target, node.target.id)
        self.loop_source(node)
        self.loop_body(node)

    def loop_source(self, node: ast.For) -> None:
        """Check what a for loop goes over."""
        source = node.iter
        if not isinstance(source, ast.Call):
            self.refuse_loop_source(node)
        name = source.func.id if isinstance(source.func, ast.Name) else None
        if name != "range" and name not in LIST_LOOPS:
            self.refuse_loop_source(node)
        self.arguments(source)
        most = 3 if name == "range" else 1
        if not 1 <= len(source.args) <= most:
            write = "range(end), range(start, end) or range(start, end, step)"
            write = write if name == "range" else f"{name}(kvm.arch.tdp_mmu_roots)"
            self.refuse(source, f"`{name}` with {len(source.args)} arguments", write)

    def refuse_loop_source(self, node: ast.For) -> NoReturn:
        """Refuse a loop over anything else, with the loop that was meant."""
        source = node.iter
        if type(source).__name__ in REFUSED:
            write = f"`for {node.target.id} in range(n):`"
        elif isinstance(source, (ast.Attribute, ast.Name)):
            write = f"`for {node.target.id} in list_for_each_entry({quoted(source)}):`"
        else:
            write = "`for i in range(n):` or `for root in list_for_each_entry(head):`"
        self.refuse(source, f"a loop over {called(source)}", write)

    def loop_body(self, node: ast.While | ast.For) -> None:
        """Check the body of a loop, which has no else."""
        word = "while" if isinstance(node, ast.While) else "for"
        if node.orelse:
            self.refuse(node, f"{word} with an else", "the lines after the loop; a local as flag")
        self.loops += 1
        self.block(node.body)
        self.loops -= 1

    def in_loop(self, node: ast.Break | ast.Continue) -> None:
        """Check that break and continue stand in a loop."""
        if not self.loops:
            word = type(node).__name__.lower()
            self.refuse(node, f"{word} outside a loop", "`return`, or a loop around it")

    def passing(self, node: ast.Pass) -> None:
        """Accept ``pass``."""


def _is_text(node: ast.stmt) -> bool:
    """Tell whether a statement is a docstring, if it comes first."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _types() -> str:
    return "the type is one of " + ", ".join(FIELD_TYPES)


_STATEMENTS = {
    ast.Assign: _Checker.assignment,
    ast.AugAssign: _Checker.augmented,
    ast.Break: _Checker.in_loop,
    ast.Continue: _Checker.in_loop,
    ast.Expr: _Checker.bare,
    ast.For: _Checker.for_loop,
    ast.If: _Checker.branch,
    ast.Pass: _Checker.passing,
    ast.Return: _Checker.returning,
    ast.While: _Checker.while_loop,
}
