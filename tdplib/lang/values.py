"""What lowering hands around: the joined units, values and their kinds, the call being inlined."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from .ir import Operand, Reg
from .source import Unit

MAX_CALL_DEPTH = 24
POINTERS = ("page", "work", "kvm", "vcpu")


@dataclass
class World:
    """
    The stacked units of one check.

    Every function, constant and struct by name, and the scenario's shape.

    Attributes
    ----------
    functions : name -> (unit, ast.FunctionDef)
    constants : name -> int
    structs : struct name -> {field: type}
    initial : (owner, field) -> start value, where not 0
    """

    units: tuple[Unit, ...]
    functions: dict[str, tuple[Unit, ast.FunctionDef]]
    constants: dict[str, int]
    structs: dict[str, dict[str, str]]
    initial: dict[tuple[str, str], int]
    work_function: str | None = None
    entries: int = 2


@dataclass(frozen=True)
class Value:
    """
    What an expression gives.

    An operand and its kind (num, page, work, kvm, vcpu, role, null, any).
    """

    operand: Operand
    kind: str


@dataclass
class Scope:
    """One call being inlined."""

    frame: int
    unit: Unit
    function: str
    names: dict[str, Value] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    result: Reg | None = None
    result_kind: str | None = None
    leave: int = 0
    loops: list[tuple[int, int, tuple[Reg, ...]]] = field(default_factory=list)
    chain: tuple[str, ...] = ()


KIND_WORDS = {
    "num": "number",
    "page": "pointer to a kvm_mmu_page",
    "work": "pointer to a work item",
    "kvm": "pointer to the kvm",
    "vcpu": "vcpu",
    "role": "role",
    "null": "None",
    "any": "value",
    "none": "nothing",
}


def fits(kind: str, value_kind: str) -> bool:
    """Tell whether a value of `value_kind` may stand where `kind` is expected."""
    return (
        kind == value_kind
        or "any" in (kind, value_kind)
        or (value_kind == "null" and kind in POINTERS)
    )
