"""
The step program before it is laid out: operations on registers and places.

An actor's program is a flat list of `Op`. Calls are inlined, so a place in it stands for the whole
call path. Registers hold what is private to the actor; a `Place` names shared memory. Nothing here
knows how either is packed.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Const:
    """A number known when the program is compiled."""

    value: int


@dataclass(frozen=True)
class Arg:
    """
    The actor's own k-th argument, a number.

    It differs between actors that run the same program.
    """

    index: int


@dataclass(eq=False)
class Reg:
    """
    A private register: a local of one call, or a half-evaluated value.

    `low..high` is the range inferred for it; `limit` bounds a loop's counter.
    """

    index: int
    name: str | None
    kind: str
    frame: int
    low: int = 0
    high: int = 0
    width: int = 0
    interned: bool = False
    bounded: bool = False
    limit: Const | Arg | Reg | None = None

    def __repr__(self) -> str:
        return f"%{self.index}{'.' + self.name if self.name else ''}"


Operand = Const | Arg | Reg


@dataclass(frozen=True)
class Place:
    """
    A piece of shared memory.

    Field `name` of struct `owner` (kvm, vcpu or page), of object `obj`, element `idx`.

    bit : (shift, width) of a bit-field inside the word, or None for the whole field
    """

    owner: str
    name: str
    type: str
    obj: Operand
    idx: Operand | None = None
    bit: tuple[int, int] | None = None


@dataclass(frozen=True)
class Frame:
    """One inlined call: its function, the unit it stands in, the frame that called it."""

    index: int
    function: str
    unit: str
    parent: int | None
    names: dict = field(hash=False, compare=False)


@dataclass(eq=False)
class Op:
    """
    One operation.

    `target` is a label until the program is finished, then an index; so is `index` of a label.
    `again` : of a lock that its taker has just let others have (`cond_resched_rwlock_*`).
    `test` : of the branch that an `if` or a `while` ends its condition with.
    """

    code: str
    dst: Reg | None = None
    place: Place | None = None
    a: Operand | None = None
    b: Operand | None = None
    target: int | None = None
    lock: str | None = None
    line: int = 0
    frame: int = 0
    starts: bool = False
    visible: bool = False
    again: bool = False
    test: bool = False

    def uses(self) -> list[Reg]:
        """Registers this operation reads."""
        operands = [self.a, self.b]
        if self.place is not None:
            operands += [self.place.obj, self.place.idx]
        return [x for x in operands if isinstance(x, Reg)]

    def defs(self) -> list[Reg]:
        """Registers this operation writes (`try_cmpxchg` also refreshes `b`, what it expects)."""
        found = [self.dst] if self.dst is not None else []
        if self.code == "TRYCMPXCHG":
            found.append(self.b)
        return found


@dataclass
class Program:
    """The step program of one function as an actor runs it."""

    function: str
    kinds: tuple[str, ...]
    ops: list[Op]
    regs: list[Reg]
    frames: list[Frame]
