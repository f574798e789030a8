"""
What is true at each place of a step program.

Which locks are held, which registers are live, what range a register has.

Locks are followed exactly: a place reached with two different sets of locks becomes two places. So
who holds what is known from where an actor stands, costs no bits in a state, and an assertion or an
unlock is judged once, here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import symbols
from .errors import LanguageError
from .ir import Arg, Const, Op, Program, Reg
from .values import World

WRITE = 16
"""Mode of a lock held for write, of a held mutex or spinlock."""
WAIT = 8
"""Mode bit of a writer that waits for an rwlock; the low three bits count read holds."""
READS = 7
MAX_NEST = 3
LOOP_RANGE = (-128, 255)
WIDE = 1 << 16


@dataclass(frozen=True)
class Hold:
    """
    What an actor holds at a place.

    One mode per lock of `symbols.LOCK_RANK`, and its RCU nesting.
    """

    modes: tuple[int, ...] = (0,) * len(symbols.LOCK_RANK)
    rcu: int = 0

    def mode(self, lock: str) -> int:
        """Return the mode in which `lock` is held."""
        return self.modes[symbols.LOCK_RANK.index(lock)]

    def having(self, lock: str, mode: int) -> Hold:
        """Return this hold with `lock` in `mode`."""
        at = symbols.LOCK_RANK.index(lock)
        return replace(self, modes=(*self.modes[:at], mode, *self.modes[at + 1 :]))

    def later_held(self, lock: str) -> bool:
        """Tell whether a lock that ranks after `lock` is held."""
        return any(
            mode & (WRITE | READS) for mode in self.modes[symbols.LOCK_RANK.index(lock) + 1 :]
        )


@dataclass
class Node:
    """
    A place of the program with what is held there.

    `breaks` names the property that stepping from here breaks, whatever the state.
    """

    op: Op
    hold: Hold
    next: int = -1
    target: int = -1
    breaks: str | None = None
    live: int = 0
    stop: int = -1


@dataclass
class Code:
    """
    A program ready to be laid out: its nodes, the first of them the entry.

    `stops` are the nodes where an action may end.
    """

    program: Program
    nodes: list[Node]
    stops: list[int]


def after(op: Op, hold: Hold) -> tuple[Hold, str | None]:
    """Return what is held after `op`, and the property it breaks because of what is held."""
    kind = op.code
    if kind in ("RLOCK", "WLOCK", "MLOCK"):
        mode = hold.mode(op.lock)
        if (
            mode & WRITE
            or hold.later_held(op.lock)
            or (kind == "RLOCK" and mode & READS >= MAX_NEST)
        ):
            return hold, "lockdep"
        return hold.having(op.lock, mode + 1 if kind == "RLOCK" else WRITE), None
    if kind == "WLOCK2":
        return hold.having(op.lock, WRITE), None
    if kind == "RUNLOCK":
        mode = hold.mode(op.lock)
        return (hold.having(op.lock, mode - 1), None) if mode & READS else (hold, "lockdep")
    if kind in ("WUNLOCK", "MUNLOCK"):
        return (hold.having(op.lock, 0), None) if hold.mode(op.lock) & WRITE else (hold, "lockdep")
    if kind == "RCULOCK":
        return (replace(hold, rcu=hold.rcu + 1), None) if hold.rcu < MAX_NEST else (hold, "lockdep")
    if kind == "RCUUNLOCK":
        return (replace(hold, rcu=hold.rcu - 1), None) if hold.rcu else (hold, "lockdep")
    if kind in ("ASSERTHELD", "ASSERTREAD", "ASSERTWRITE"):
        wanted = {"ASSERTHELD": WRITE | READS, "ASSERTREAD": READS, "ASSERTWRITE": WRITE}[kind]
        return hold, None if hold.mode(op.lock) & wanted else "lockdep"
    if kind == "END":
        return hold, "lockdep" if any(hold.modes) else None
    return hold, None


def split(program: Program) -> list[Node]:
    """Return the program's places, one for each set of locks it is reached with."""
    ops = program.ops
    index: dict[tuple[int, Hold], int] = {}
    nodes: list[Node] = []
    todo: list[int] = []

    def node_of(at: int, hold: Hold) -> int:
        key = (at, hold)
        if key not in index:
            index[key] = len(nodes)
            nodes.append(Node(ops[at], hold))
            todo.append(at)
        return index[key]

    node_of(0, Hold())
    done = 0
    while done < len(nodes):
        node, at = nodes[done], todo[done]
        done += 1
        held, node.breaks = after(node.op, node.hold)
        if node.breaks or node.op.code == "END":
            continue
        if node.op.code == "WLOCK":
            mode = node.hold.mode(node.op.lock)
            node.next = node_of(at + 2, held)
            node.target = node_of(at + 1, node.hold.having(node.op.lock, mode | WAIT))
        elif node.op.code == "JMP":
            node.next = node_of(node.op.target, held)
        elif node.op.code == "BZ" and isinstance(node.op.a, Const):
            node.next = node.target = node_of(at + 1 if node.op.a.value else node.op.target, held)
        elif node.op.code == "BNZ" and isinstance(node.op.a, Const):
            node.next = node.target = node_of(node.op.target if node.op.a.value else at + 1, held)
        else:
            node.next = node_of(at + 1, held)
            if node.op.target is not None:
                node.target = node_of(node.op.target, held)
    return nodes


def op_successors(ops: list[Op], at: int) -> list[int]:
    """Return where control may go from an operation, conditions ignored."""
    op = ops[at]
    if op.code == "END":
        return []
    if op.code == "JMP":
        return [op.target]
    return [at + 1] if op.target is None else [at + 1, op.target]


def find_live(ops: list[Op]) -> list[int]:
    """
    Return, for each operation, a bit for each register that is live there.

    Live: some path (conditions ignored) reads it before it is written.
    """
    uses = [bits(op.uses()) for op in ops]
    defs = [bits(op.defs()) for op in ops]
    after = [op_successors(ops, k) for k in range(len(ops))]
    preds: list[list[int]] = [[] for _ in ops]
    for k, nexts in enumerate(after):
        for s in nexts:
            preds[s].append(k)
    live = list(uses)
    todo = list(range(len(ops)))
    while todo:
        k = todo.pop()
        out = 0
        for s in after[k]:
            out |= live[s]
        found = uses[k] | (out & ~defs[k])
        if found != live[k]:
            live[k] = found
            todo.extend(preds[k])
    return live


def bits(regs: list[Reg]) -> int:
    """Return the registers as a bit set."""
    found = 0
    for reg in regs:
        found |= 1 << reg.index
    return found


def check_set_before_read(world: World, code: Code) -> None:
    """Raise LanguageError for a local that some path reads before it is set."""
    missing = code.nodes[0].live
    if not missing:
        return
    program = code.program
    bad = [r for r in program.regs if missing >> r.index & 1]
    if any(r.kind == "note" for r in bad):
        raise LanguageError.at_line(
            world.units[-1],
            1,
            "`model_update_returns` is reached on a path that never called `model_update_begins`",
            "keep the call of `trace_kvm_mmu_zap_all_fast(kvm)` in `kvm_mmu_zap_all_fast`: "
            "it notes the roots that must be zapped",
        )  # fmt: skip
    named = [r for r in bad if r.name] or bad
    for node in code.nodes:
        for reg in named:
            if reg in node.op.uses() and reg.name:
                unit, _ = world.functions[program.frames[reg.frame].function]
                raise LanguageError.at_line(
                    unit,
                    node.op.line,
                    f"`{reg.name}` may be read here before it is set",
                    f"set `{reg.name}` on every path before this line",
                )
    raise LanguageError.at_line(
        world.units[-1], 0, "a value may be read before it is set", "set it on every path"
    )


def find_ranges(program: Program, args: list[tuple[int, int]]) -> None:
    """
    Infer `low..high` of every register.

    A register that grows round a loop gets LOOP_RANGE, a wide one is interned.
    """
    regs = program.regs
    lows: list[int | None] = [None] * len(regs)
    highs: list[int] = [0] * len(regs)
    grown = [0] * len(regs)

    def span(x) -> tuple[int, int] | None:
        if isinstance(x, Const):
            return x.value, x.value
        if isinstance(x, Arg):
            return args[x.index]
        if x is None or lows[x.index] is None:
            return None
        return lows[x.index], highs[x.index]

    changed = True
    while changed:
        changed = False
        for op in program.ops:
            for reg, found in results(op, span):
                k = reg.index
                if found is None:
                    continue
                low, high = max(found[0], -(1 << 62)), min(found[1], 1 << 62)
                bound = span(reg.limit)
                high = high if bound is None else max(low, bound[1])
                if lows[k] is None:
                    lows[k], highs[k], changed = low, high, True
                elif low < lows[k] or high > highs[k]:
                    grown[k] += 1
                    lows[k], highs[k], changed = min(low, lows[k]), max(high, highs[k]), True
                    if grown[k] > 3 and highs[k] < WIDE:
                        lows[k], highs[k] = (
                            min(lows[k], LOOP_RANGE[0] if lows[k] < 0 else 0),
                            LOOP_RANGE[1],
                        )
                    if grown[k] > 6:
                        lows[k], highs[k] = -(1 << 62), 1 << 62
    for reg in regs:
        k = reg.index
        reg.low, reg.high = (0, 0) if lows[k] is None else (lows[k], highs[k])
        clamp(reg, grown[k])


def clamp(reg: Reg, grown: int) -> None:
    """Fix a register's width; wide ones are held as a number of the table of words."""
    if grown > 6 and reg.kind == "num" and reg.low < -WIDE:
        reg.low, reg.high = LOOP_RANGE
        reg.bounded = True
    reg.interned = reg.high >= WIDE or reg.low < -WIDE
    size = reg.high - min(reg.low, 0)
    reg.width = max(1, size.bit_length()) if not reg.interned else 0
    if reg.low == reg.high == 0:
        reg.width = 1


def results(op: Op, span):
    """Yield (register, range or None) for what an operation writes."""
    a, b = span(op.a), span(op.b)
    if op.code == "TRYCMPXCHG":
        yield op.dst, (0, 1)
        yield op.b, field_range(op)
    elif op.dst is None:
        return
    elif op.code == "MOV":
        yield op.dst, a
    elif op.code in ("LOAD", "XCHG", "CMPXCHG", "ATOMICADD"):
        yield op.dst, field_range(op)
    elif op.code in ARITHMETIC:
        yield op.dst, None if a is None or b is None else ARITHMETIC[op.code](a, b)
    elif op.code == "TLBACCESS":
        yield op.dst, (0, 2)
    elif op.code == "NONLEAF":
        yield op.dst, (0, symbols.NUMBER_LIMITS["u64"])
    elif op.code in ("LISTFIRST", "LISTNEXT", "ALLOC", "WQNEXT", "CHILD"):
        yield op.dst, (0, 8)
    elif op.dst.kind == "note":
        yield op.dst, (0, 0)
    else:
        yield op.dst, (0, 1)


def field_range(op: Op) -> tuple[int, int]:
    """Return the range of the field an operation reads."""
    place = op.place
    if place.bit is not None:
        return 0, (1 << place.bit[1]) - 1
    if place.type == "page":
        return 0, 8
    if place.type == "kvm_ptr":
        return 0, 1
    if place.type == "role":
        return 0, 0xFFFF_FFFF
    return 0, symbols.NUMBER_LIMITS[place.type]


def _corners(fn):
    def over(a, b):
        values = [fn(x, y) for x in a for y in b]
        return max(min(values), -(1 << 62)), min(max(values), (1 << 62))

    return over


def _mask(a, b):
    if a[0] >= 0 or b[0] >= 0:
        tops = [r[1] for r in (a, b) if r[0] >= 0]
        return 0, min(tops)
    return -(1 << 62), 1 << 62


def _or(a, b):
    if a[0] < 0 or b[0] < 0:
        low = -(1 << max(abs(a[0]), abs(b[0]), a[1], b[1]).bit_length())
        return low, -low
    return 0, (1 << max(a[1], b[1]).bit_length()) - 1


def _shift_left(a, b):
    if a[0] < 0 or b[0] < 0 or b[1] > 62:
        return -(1 << 62), 1 << 62
    return 0, min(a[1] << b[1], 1 << 62)


def _shift_right(a, b):
    return min(a[0], 0), max(a[1] >> max(b[0], 0), 0)


def _div(a, b):
    top = max(abs(a[0]), abs(a[1]))
    return (-top if a[0] < 0 or b[0] < 0 else 0), top


def _mod(a, b):
    top = max(abs(b[0]), abs(b[1]))
    return (-top if b[0] < 0 else 0), top


ARITHMETIC = {
    "ADD": _corners(lambda x, y: x + y),
    "SUB": lambda a, b: (max(a[0] - b[1], -(1 << 62)), min(a[1] - b[0], 1 << 62)),
    "MUL": _corners(lambda x, y: x * y),
    "AND": _mask,
    "OR": _or,
    "XOR": _or,
    "SHL": _shift_left,
    "SHR": _shift_right,
    "DIV": _div,
    "MOD": _mod,
}


def analyse(world: World, program: Program, args: list[tuple[int, int]]) -> Code:
    """
    Return the Code of a program: places split by locks, live registers, register ranges, stops.

    args : (lowest, highest) value of each argument over the actors that run it

    Raises LanguageError for a local read before it is set.
    """
    nodes = split(program)
    live = dict(zip(map(id, program.ops), find_live(program.ops), strict=True))
    for node in nodes:
        node.live = live[id(node.op)]
    code = Code(program, nodes, [])
    check_set_before_read(world, code)
    find_ranges(program, args)
    for k, node in enumerate(nodes):
        op = node.op
        if (
            k == 0
            or op.starts
            or op.visible
            or (op.dst is not None and op.dst.bounded)
            or op.code
            in (
                "WARN",
                "END",
                "DIV",
                "MOD",
                "SHL",
                "SHR",
                "ASSERTHELD",
                "ASSERTREAD",
                "ASSERTWRITE",
            )
        ):
            node.stop = len(code.stops)
            code.stops.append(k)
    return code


def released_by_nobody(world: World, code: Code) -> LanguageError | None:
    """
    Return the error for an unlock that no path reaches with the lock held, if there is one.

    Only the top unit is looked at: an unlock of a function below goes wrong because of how it is
    called, and that is shown by a trace (`lockdep`), not by a line nobody here has written.
    """
    by_op: dict[int, list[Node]] = {}
    for node in code.nodes:
        if node.op.code in ("RUNLOCK", "WUNLOCK", "MUNLOCK", "RCUUNLOCK"):
            by_op.setdefault(id(node.op), []).append(node)
    for nodes in by_op.values():
        if all(node.breaks for node in nodes):
            op = nodes[0].op
            unit, _ = world.functions[code.program.frames[op.frame].function]
            if unit is not world.units[-1]:
                continue
            what = f"`{op.lock}`" if op.lock else "the RCU read side"
            how = {"RUNLOCK": "for read", "WUNLOCK": "for write"}.get(op.code, "")
            return LanguageError.at_line(
                unit,
                op.line,
                f"{what} is released here and is never held {how}".rstrip() + " at this point",
                "take it first, or release it in the mode it was taken",
            )
    return None
