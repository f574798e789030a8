"""The stack of source units, joined: which function, constant and struct field a name means."""

from __future__ import annotations

import ast

from . import symbols
from .errors import LanguageError, nearest
from .expressions import BINARY
from .grammar import check_unit
from .shape import shaped
from .source import Unit
from .values import World


def join(
    units: tuple[Unit, ...], *, entries: int = 2, levels: int = 1, vcpus: int = 1, **more: int
) -> World:
    """
    Return the World of stacked units.

    A later unit's function or constant replaces the earlier one of the same name.

    Raises LanguageError for anything outside the language, a struct or a field type that does not
    exist, a constant that is not one.
    """
    structs = {name: dict(fields) for name, fields in symbols.BASE_STRUCTS.items()}
    world = World(
        tuple(units),
        {},
        symbols.constants(entries, levels, vcpus, **more),
        structs,
        dict(symbols.INITIAL),
        entries=entries,
    )
    builtin = set(world.constants)
    for unit in units:
        check_unit(unit)
        for node in unit.tree.body:
            if isinstance(node, ast.FunctionDef):
                add_function(world, unit, node)
            elif isinstance(node, ast.Assign):
                add_constant(world, unit, node, builtin)
            elif isinstance(node, ast.ClassDef):
                extend_struct(world, unit, node)
    world.work_function = work_function(world)
    return world


def add_function(world: World, unit: Unit, node: ast.FunctionDef) -> None:
    """Add or replace a function."""
    if node.name in symbols.PRIMITIVES or node.name in symbols.LIST_ITERATORS:
        raise LanguageError.at(
            unit,
            node,
            f"`{node.name}` is a primitive and cannot be defined anew",
            "give the function another name",
        )
    names = [a.arg for a in node.args.args]
    for name in names:
        if names.count(name) > 1:
            raise LanguageError.at(
                unit, node, f"`{node.name}` has two parameters named `{name}`", "name them apart"
            )
    world.functions[node.name] = (unit, shaped(node, world.constants))


def add_constant(world: World, unit: Unit, node: ast.Assign, builtin: set[str]) -> None:
    """Add or replace a constant of a unit."""
    target = node.targets[0]
    if not isinstance(target, ast.Name):
        raise LanguageError.at(
            unit,
            node,
            "an assignment to something other than a name at the top of a unit",
            "write NAME = constant",
        )
    if target.id in builtin:
        raise LanguageError.at(
            unit, target, f"`{target.id}` is a built-in constant", "use another name"
        )
    world.constants[target.id] = constant(world, unit, node.value)


def constant(world: World, unit: Unit, node: ast.expr) -> int:
    """Evaluate a constant expression of a unit."""
    if isinstance(node, ast.Constant):
        return int(node.value or 0)
    if isinstance(node, ast.Name):
        if node.id not in world.constants:
            hint = nearest(node.id, world.constants)
            raise LanguageError.at(
                unit,
                node,
                f"the constant `{node.id}` does not exist",
                f"did you mean `{hint}`?" if hint else "define it above",
            )
        return world.constants[node.id]
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        inner = constant(world, unit, node.operand)
        return {ast.USub: -inner, ast.Invert: ~inner, ast.UAdd: inner}[type(node.op)]
    if isinstance(node, ast.BinOp):
        a, b = constant(world, unit, node.left), constant(world, unit, node.right)
        if isinstance(node.op, (ast.LShift, ast.RShift)) and not 0 <= b < 63:
            raise LanguageError.at(unit, node, f"a shift by {b}", "shift by 0 to 62")
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)) and b == 0:
            raise LanguageError.at(unit, node, "a division by zero", "divide by something else")
        value = BINARY[type(node.op)][1](a, b)
        if abs(value) >= 1 << 63:
            raise LanguageError.at(
                unit, node, "this constant needs more than 63 bits", "use a smaller number"
            )
        return value
    raise LanguageError.at(
        unit,
        node,
        "a constant that is not a number",
        "write a number or an expression of constants",
    )


def extend_struct(world: World, unit: Unit, node: ast.ClassDef) -> None:
    """Add the fields of `class kvm_mmu_page:` and the like."""
    if node.name not in symbols.EXTENSIBLE:
        raise LanguageError.at(
            unit,
            node,
            f"there is no struct `{node.name}` to extend",
            "extend one of " + ", ".join(symbols.EXTENSIBLE),
        )
    fields = world.structs[node.name]
    for line in node.body:
        if not isinstance(line, ast.AnnAssign):
            continue
        name, kind = line.target.id, line.annotation.id
        if kind not in symbols.EXTENSION_TYPES:
            raise LanguageError.at(
                unit,
                line,
                f"a field of type `{kind}`",
                "use one of " + ", ".join(symbols.EXTENSION_TYPES),
            )
        taken = (*symbols.BASE_STRUCTS[node.name], *symbols.MACHINE_NOTES.get(node.name, ()))
        if name in taken or fields.get(name, kind) != kind:
            raise LanguageError.at(
                unit,
                line,
                f"{node.name} has a field `{name}` already",
                "give the new field another name",
            )
        fields[name] = kind
        if line.value is not None:
            start = constant(world, unit, line.value)
            if (kind == "page" and start) or (
                not 0 <= start <= symbols.NUMBER_LIMITS.get(kind, 0) and kind != "page"
            ):
                raise LanguageError.at(
                    unit,
                    line,
                    f"`{name}` cannot start at {start}",
                    f"a {kind} starts at 0 to {symbols.NUMBER_LIMITS.get(kind, 0)}",
                )
            world.initial[(symbols.OWNER[node.name], name)] = start


def work_function(world: World) -> str | None:
    """Return the function that INIT_WORK names in the units after replacement, if any."""
    for _, function in world.functions.values():
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "INIT_WORK"
                and len(node.args) == 2
            ):
                if isinstance(node.args[1], ast.Name):
                    return node.args[1].id
    return None
