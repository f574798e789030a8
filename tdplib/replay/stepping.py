"""
Taking one step of a system by hand.

What happened, operation by operation, or why nothing can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import TdplibError
from ..lang.flow import Node
from ..lang.ir import Const, Reg
from ..properties import Property, find
from ..vm import codes as c
from ..vm.system import System

LOG = 8192
"""Operations of one step that are told."""


@dataclass(frozen=True)
class Happened:
    """
    One operation as it was executed.

    Its node, what it read its operands as, what it gave, the state before and after it.
    """

    node: Node
    obj: int | None
    idx: int | None
    a: int | None
    b: int | None
    result: int | None
    before: np.ndarray
    after: np.ndarray
    breaks: bool = False


@dataclass(frozen=True)
class Taken:
    """
    One step.

    The state after it (None if it broke something), the operations in it, the property it broke,
    the bound it met.
    """

    state: np.ndarray | None
    happened: tuple[Happened, ...]
    broken: Property | None
    bound: str | None
    advice: bool


class BlockedError(TdplibError):
    """An actor was asked to move and cannot; the text says on what it waits and for whom."""


def actor_base(system: System, actor: int) -> tuple[int, int]:
    """Return the number of the actor's first node and of its first register in mem."""
    image = system.image
    at = int(image.im[c.H_ACTOR]) + actor * c.ACTOR
    return image.node_base[actor], int(image.im[at + c.A_REGS])


def take(system: System, state: np.ndarray, actor: int, mode: int) -> Taken | None:
    """
    Take one action of `actor` from `state`; None if it is blocked or done.

    mode : reduction bits, as `search.explore.Reductions.mode`; the step is what the search counts
        as one
    """
    from ..vm._entry import run

    image = system.image
    st, log = state.copy(), np.zeros(LOG, np.int64)
    log[1] = LOG - 2
    image.mem[c.M_ADVICE] = 0
    code = int(run(image.im, image.mem, st, actor, mode, log))
    if code <= c.BOUND and code > c.BROKEN and code == c.BOUND - 2 and system.widen():
        raise Widened
    advice = bool(image.mem[c.M_ADVICE])
    if code == c.BLOCKED or (code == 0 and log[0] == 0 and (st == state).all()):
        return None
    nodes = [int(n) for n in log[2 : 2 + int(log[0])]]
    happened = retrace(system, state, actor, nodes, code != 0)
    broken = find(c.PROPERTIES[c.BROKEN - code]) if code <= c.BROKEN else None
    bound = c.BOUNDS[c.BOUND - code] if c.BROKEN < code <= c.BOUND else None
    return Taken(st if code == 0 else None, tuple(happened), broken, bound, advice)


class Runner:
    """Runs whole schedules of a system fast: nothing is told of what happens on the way."""

    def __init__(self, system: System, mode: int) -> None:
        self.system, self.mode = system, mode
        self._log = np.zeros(LOG, np.int64)

    def breaks(self, path: list[int], name: str) -> bool:
        """
        Tell whether the last step of `path` breaks (or advises) `name`, or the state after it does.

        False also where a step cannot be taken.
        """
        state, last = self.system.image.start, len(path) - 1
        for k, actor in enumerate(path):
            state, code, advice = self._step(state, actor)
            if code != 0:
                return k == last and code <= c.BROKEN and c.PROPERTIES[c.BROKEN - code] == name
        return (advice and find(name).kind == "advice") or self._ends(state, name)

    def _step(self, state: np.ndarray, actor: int) -> tuple[np.ndarray, int, bool]:
        """Return the state after a step, the code it ended with, and whether it was advised."""
        from ..vm._entry import run

        image, st = self.system.image, state.copy()
        self._log[0], self._log[1], image.mem[c.M_ADVICE] = 0, LOG - 2, 0
        code = int(run(image.im, image.mem, st, actor, self.mode, self._log))
        if code == c.BOUND - 2 and self.system.widen():
            raise Widened
        if code == 0 and self._log[0] == 0 and (st == state).all():
            code = c.BLOCKED
        return st, code, bool(image.mem[c.M_ADVICE])

    def _ends(self, state: np.ndarray, name: str) -> bool:
        from ..vm._entry import final_code

        if find(name).kind != "end" and name != "lockdep":
            return False
        if any(self._step(state, k)[1] != c.BLOCKED for k in range(len(self.system.actors))):
            return False
        image = self.system.image
        code = int(final_code(image.im, image.mem, state.copy()))
        return code <= c.BROKEN and c.PROPERTIES[c.BROKEN - code] == name


class Widened(Exception):
    """The table of words had to grow: packed states made before are void."""


def retrace(
    system: System, state: np.ndarray, actor: int, nodes: list[int], failed: bool
) -> list[Happened]:
    """Execute the nodes of a step again, looking at each one's operands and the state around it."""
    from ..vm._entry import execute, unpack

    image = system.image
    code, _ = system.codes[actor]
    base, regs = actor_base(system, actor)
    st = state.copy()
    here = int(unpack(image.im, image.mem, st, actor))
    found = []
    for k in range(len(nodes) + failed):
        number = nodes[k] if k < len(nodes) else here
        node = code.nodes[number - base]
        obj, idx, a, b = operands(system, actor, node)
        before = st.copy()
        here = int(
            execute(image.im, image.mem, st, int(image.im[c.H_NODE]) + number * c.NODE, regs, actor)
        )
        breaks = here <= c.BOUND
        result = None if node.op.dst is None or breaks else register(system, actor, node.op.dst)
        found.append(Happened(node, obj, idx, a, b, result, before, st.copy(), breaks))
    return found


def register(system: System, actor: int, operand) -> int:
    """Return what an operand's slot holds now."""
    _, regs = actor_base(system, actor)
    return int(system.image.mem[regs + system.image.slots[actor][operand]])


def operands(system: System, actor: int, node: Node) -> tuple:
    """Return the values of an operation's object, index, a and b (None where it has none)."""
    op = node.op
    obj = register(system, actor, op.place.obj) if op.place is not None else None
    idx = (
        register(system, actor, op.place.idx)
        if op.place is not None and op.place.idx is not None
        else None
    )
    a = register(system, actor, op.a) if op.a is not None else None
    b = register(system, actor, op.b) if op.b is not None else None
    return obj, idx, a, b


def peek(system: System, state: np.ndarray, actor: int, mode: int) -> tuple[Node, tuple]:
    """Return the next visible operation of `actor`, or the one it waits at, and its operands."""
    from ..vm._entry import execute, unpack

    image = system.image
    code, _ = system.codes[actor]
    base, regs = actor_base(system, actor)
    st = state.copy()
    number = int(unpack(image.im, image.mem, st, actor))
    for _ in range(2000):
        node = code.nodes[number - base]
        if node.op.visible or node.op.code in ("END", "WARN") or node.breaks:
            return node, operands(system, actor, node)
        after = int(
            execute(image.im, image.mem, st, int(image.im[c.H_NODE]) + number * c.NODE, regs, actor)
        )
        if after < 0:
            return node, operands(system, actor, node)
        number = after
    return node, operands(system, actor, node)


def known(operand, args: tuple[int, ...]) -> int | None:
    """Return an operand's value if the program itself fixes it."""
    if isinstance(operand, Const):
        return operand.value
    if isinstance(operand, Reg) or operand is None:
        return None
    return args[operand.index]
