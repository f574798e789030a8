"""From a finished layout to the image: the two arrays that the kernels read."""

from __future__ import annotations

import numpy as np

from ..errors import BadValueError
from ..lang import symbols
from ..lang.flow import READS, WAIT, WRITE, Code, Node
from ..lang.independence import ACQUIRES, BLOCKING, RELEASES
from ..lang.ir import Arg, Const, Place
from . import codes as c
from .layout import Builder, Field, Layout

UNWANTED = 1
"""The slot of results nobody wants; were it that of the grace bits, `queue_work` without its
result would hold up the grace period of a page."""


class ImageWriter:
    """Writes the tables of a Builder into the two arrays."""

    def __init__(self, builder: Builder):
        self.b = builder
        self.im: list[int] = [0] * c.HEADER
        self.consts: list[int] = []
        self.mem_base = c.M_WORDS + (1 << builder.shape.word_bits)
        self.slots: dict[int, dict] = {}

    def write(self) -> Layout:
        """Return the finished Layout."""
        b, s = self.b, self.b.shape
        self.mem = [0] * self.mem_base
        self.mem[c.M_COUNT], self.mem[c.M_CAPACITY] = 1, 1 << s.word_bits
        header = {
            c.H_ACTORS: len(b.actors),
            c.H_PAGES: s.pages,
            c.H_ENTRIES: s.entries,
            c.H_LEVELS: s.levels,
            c.H_WORDS: len(b.packer.free),
            c.H_HEAD: b.head,
            c.H_QUEUE: b.queue,
            c.H_DESTROYED: b.destroyed,
            c.H_REQUEST: b.request,
            c.H_TLB: b.tlb,
            c.H_VCPUS: s.vcpus,
            c.H_VROOT: b.vroot,
            c.H_OWNS_ROOT: s.owns_root,
            c.H_MMU_LOCK: 4 * symbols.LOCK_RANK.index("mmu_lock"),
            c.H_INVALID_SHIFT: symbols.ROLE_BITS["invalid"][0],
        }
        for at, value in header.items():
            self.im[at] = value
        self.fields()
        columns = self.pages()
        node_base = self.programs(columns)
        start = self.start()
        return Layout(
            np.array(self.im, dtype=np.int32),
            np.array(self.mem, dtype=np.int64),
            start,
            b.fields,
            b.rows,
            b.blocks,
            len(b.packer.free),
            node_base,
            [self.slots[id(code)] for code, _ in b.actors],
            b.queue >= 0,
        )

    def constant(self, value: int) -> int:
        """Return the place in mem of a constant field's value."""
        self.mem.append(value)
        return len(self.mem) - 1

    def fields(self) -> None:
        """Write the field records."""
        self.im[c.H_FIELD] = len(self.im)
        for made in self.b.rows:
            word = self.constant(made.const) if made.const is not None else made.word
            shift, width = made.bit if made.bit else (0, 0)
            # a 32-bit "bit-field" is the whole word: no masking
            flags = made.flags & ~c.F_BITS if width == 32 else made.flags
            mask = (1 << width) - 1 if flags & c.F_BITS else 0
            self.im += [
                word,
                made.shift,
                (1 << made.width) - 1 if made.width else 0,
                flags,
                shift,
                mask,
                made.limit,
                made.kind,
            ]

    def pages(self) -> dict[tuple, int]:
        """Write the page records; return the column of each (name, bit)."""
        b = self.b
        fixed = {
            ("state", None): c.P_STATE,
            ("next", None): c.P_NEXT,
            ("on", None): c.P_ON,
            ("role", None): c.P_ROLE,
            ("tdp_mmu_root_count", None): c.P_COUNT,
            ("spt", None): c.P_SPT,
            ("zapped", None): c.P_ZAPPED,
            ("marked", None): c.P_MARKED,
            ("inited", None): c.P_INITED,
            ("gfn", None): c.P_GFN,
        }
        columns = dict(fixed)
        for owner, name, _obj, _idx, bit in b.fields:
            if owner == "page" and (name, bit) not in columns:
                columns[(name, bit)] = c.P_SETS_N + 1 + len(columns) - len(fixed)
        own = len(columns) - len(fixed)
        if own > c.PAGE - c.P_SETS_N - 1:
            raise BadValueError(
                f"{own} fields of kvm_mmu_page beside the base ones are in use; "
                f"the machine has room for {c.PAGE - c.P_SETS_N - 1}"
            )
        first = len(self.im)
        self.im[c.H_PAGE] = first
        self.im += [-1] * (c.PAGE * b.shape.pages)
        for (owner, name, obj, idx, bit), row in b.fields.items():
            if owner == "page" and idx == 0:
                self.im[first + obj * c.PAGE + columns[(name, bit)]] = row
        for page in range(b.shape.pages):
            at = first + page * c.PAGE
            self.im[at + c.P_CLEAR], self.im[at + c.P_CLEARS] = b.page_first[page], 0
            sets = []
            stored = list(range(b.page_first[page], b.page_first[page] + b.page_clears))
            self.im[at + c.P_CLEARS] = len(stored)
            for row in stored:
                value = b.start_value(b.rows[row]) if b.rows[row].const is None else 0
                if value:
                    sets += [row, self.packed(b.rows[row], value)]
            self.im[at + c.P_SETS], self.im[at + c.P_SETS_N] = len(self.im), len(sets) // 2
            self.im += sets
        return columns

    def packed(self, made: Field, value: int) -> int:
        """Return the stored form of a start value."""
        if not made.flags & c.F_INTERNED:
            return value
        words = self.mem[c.M_WORDS : c.M_WORDS + self.mem[c.M_COUNT]]
        if value not in words:
            self.mem[c.M_WORDS + self.mem[c.M_COUNT]] = value
            self.mem[c.M_COUNT] += 1
            return len(words)
        return words.index(value)

    def programs(self, columns) -> list[int]:
        """Write registers, nodes, stops and actors; return each actor's first node."""
        b = self.b
        node_base, stop_base, reg_rows, stop_rows, node_rows = {}, {}, [], [], []
        total = 0
        for code in b.codes:
            node_base[id(code)], stop_base[id(code)] = total, len(stop_rows) // c.STOP
            self.slots[id(code)] = self.slot_map(code)
            for node in code.nodes:
                node_rows += self.node(code, node, total, columns)
            self.stops(code, total, stop_rows, reg_rows)
            total += len(code.nodes)
        for header, rows in ((c.H_NODE, node_rows), (c.H_STOP, stop_rows), (c.H_REG, reg_rows)):
            self.im[header] = len(self.im)
            self.im += rows
        self.actors(stop_base)
        return [node_base[id(code)] for code, _ in b.actors]

    def slot_map(self, code: Code) -> dict:
        """
        Number a program's register slots: 0 holds grace bits, 1 takes results nobody wants.

        Then constants, arguments, registers.
        """
        slots: dict = {}
        for node in code.nodes:
            op = node.op
            operands = [op.a, op.b] + ([op.place.obj, op.place.idx] if op.place else [])
            for x in operands:
                if isinstance(x, (Const, Arg)) and x not in slots:
                    slots[x] = 2 + len(slots)
        for reg in code.program.regs:
            slots[reg] = 2 + len(slots)
        return slots

    def node(self, code: Code, node: Node, base: int, columns) -> list[int]:
        """Return the record of one node."""
        slots, op = self.slots[id(code)], node.op
        row = [0] * c.NODE
        row[c.N_OP] = c.OP[op.code]
        for at, x in ((c.N_DST, op.dst), (c.N_A, op.a), (c.N_B, op.b)):
            row[at] = slots[x] if x is not None else UNWANTED
        row[c.N_NEXT] = base + node.next if node.next >= 0 else 0
        row[c.N_TARGET] = base + node.target if node.target >= 0 else 0
        row[c.N_STOP], row[c.N_IDX] = node.stop, -1
        if op.place is not None:
            self.place(op.place, row, slots, columns)
        if op.lock is not None:
            row[c.N_AUX] = 4 * symbols.LOCK_RANK.index(op.lock)
            looks = op.code in ("ISLOCKED", "ISWLOCKED")
            row[c.N_FIELD] = hold_bits(node) >> row[c.N_AUX] & 15 if looks else 0
        row[c.N_FLAGS] = self.flags(code, node)
        if node.breaks:
            row[c.N_AUX] = c.PROPERTY[node.breaks]
        return row

    def place(self, place: Place, row: list[int], slots: dict, columns) -> None:
        """Write where a place lies."""
        row[c.N_OBJ] = slots[place.obj]
        if place.idx is not None:
            row[c.N_IDX] = slots[place.idx]
        row[c.N_PAGEOBJ] = {"page": 1, "kvm": 0, "vcpu": 2}[place.owner]
        if place.owner == "page":
            row[c.N_FIELD] = columns.get((place.name, place.bit), 0)
        else:
            row[c.N_FIELD] = self.b.fields.get((place.owner, place.name, 0, 0, place.bit), 0)
            row[c.N_AUX] = 1

    def flags(self, code: Code, node: Node) -> int:
        """Return a node's flags."""
        op, b = node.op, self.b
        runners = [k for k, (other, _) in enumerate(b.actors) if other is code]
        found = (
            c.STARTS * op.starts
            | c.VISIBLE * op.visible
            | c.BREAKS * bool(node.breaks)
            | c.IN_RCU * bool(node.hold.rcu)
        )
        if op.visible:
            found |= {"yes": c.OWNED, "idle": c.IDLE_OWNED, "no": 0}[
                b.owned.ownership(runners, node)
            ]
        found |= (
            c.BLOCKING * (op.code in BLOCKING)
            | c.RELEASES * (op.code in RELEASES)
            | c.BOUNDED * (not op.visible and op.dst is not None and op.dst.bounded)
            | c.AGAIN * op.again
            | c.ACQUIRES * (op.code in ACQUIRES and op.lock not in b.owned.watched)
        )
        if op.code in ("WLOCK", "WLOCK2") and node.hold.mode(op.lock) & READS:
            found |= c.SELF_READS
        if (op.code == "RCUUNLOCK" and node.hold.rcu == 1) or (
            op.code == "RCULOCK" and node.hold.rcu == 0
        ):
            found |= c.OUTERMOST
        return found

    def stops(self, code: Code, base: int, stop_rows: list[int], reg_rows: list[int]) -> None:
        """Write a program's stop records and their register entries."""
        slots, plan = self.slots[id(code)], self.b.plans[id(code)]
        for at, (shifts, entries) in zip(code.stops, plan["stops"], strict=True):
            node = code.nodes[at]
            row = [0] * c.STOP
            row[c.S_NODE], row[c.S_HOLD], row[c.S_RCU] = base + at, hold_bits(node), node.hold.rcu
            row[c.S_NOTE], row[c.S_GRACE], row[c.S_RUNNING] = (
                shifts.get(k, -1) for k in ("note", "grace", "running")
            )
            row[c.S_NOTE_KIND] = {
                "FLUSHWAIT": c.NOTE_FLUSH,
                "FLUSHDESTROY": c.NOTE_FLUSH,
                "SYNCWAIT": c.NOTE_SYNC,
            }.get(node.op.code, 0)
            row[c.S_REGS], row[c.S_COUNT] = len(reg_rows) // c.REG, len(entries)
            row[c.S_IDLE], row[c.S_END] = (
                int(node.op.code == "WQNEXT"),
                int(node.op.code == "END" and not node.breaks),
            )
            row[c.S_AROUND] = around_bits(row)
            row[c.S_BLOCKS] = blocking_bits(node)
            stop_rows += row
            for reg, word, shift, width in entries:
                bias = (
                    min(reg.low, 0)
                    if reg is not None and not reg.interned and reg.kind == "num"
                    else 0
                )
                reg_rows += [
                    slots[reg] if reg is not None else 0,
                    word,
                    shift,
                    (1 << width) - 1,
                    bias,
                    int(reg is not None and reg.interned),
                    0,
                    0,
                ]

    def actors(self, stop_base: dict) -> None:
        """Write the actor records and their registers, constants and arguments filled in."""
        self.im[c.H_ACTOR] = len(self.im)
        for k, (code, args) in enumerate(self.b.actors):
            block, plan = self.b.blocks[k], self.b.plans[id(code)]
            row = [0] * c.ACTOR
            row[c.A_WORD], row[c.A_SHIFT], row[c.A_STOP_MASK] = (
                block.word,
                block.shift,
                (1 << plan["base"]) - 1,
            )
            row[c.A_STOPS], row[c.A_VCPU], row[c.A_WORDS] = (
                stop_base[id(code)],
                self.b.vcpu_of(k),
                block.words,
            )
            row[c.A_ENTRY] = len(self.mem)
            row[c.A_MEMO] = self.im[c.H_MEMO_ROWS]
            self.im[c.H_MEMO_ROWS] += len(code.stops)
            for _ in range(block.words):
                bits = block.control if block.words == 1 else 64
                mask = ((1 << bits) - 1) << block.shift
                self.mem.append(signed(~mask))
            row[c.A_REGS] = len(self.mem)
            slots = self.slots[id(code)]
            values = [0] * (2 + len(slots))
            for x, slot in slots.items():
                if isinstance(x, Const):
                    values[slot] = x.value
                elif isinstance(x, Arg):
                    values[slot] = args[x.index]
            self.mem += values
            self.im += row

    def start(self) -> np.ndarray:
        """Return the start state: every actor at its entry, every field at its start value."""
        words = [0] * len(self.b.packer.free)
        for made in self.b.rows:
            if made.const is None and made.owner != "page" and not made.bit:
                words[made.word] |= self.packed(made, self.b.start_value(made)) << made.shift
        return np.array([signed(w) for w in words], dtype=np.int64)


def signed(value: int) -> int:
    """Return 64 bits as the int64 that holds them."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def around_bits(row: list[int]) -> int:
    """Return what others must know of an actor at this stop: see `codes.HOLDS`."""
    return (
        row[c.S_HOLD]
        | c.R_READS * (row[c.S_RCU] > 0)
        | c.R_FLUSHES * (row[c.S_NOTE_KIND] == c.NOTE_FLUSH)
        | c.R_SYNCS * (row[c.S_NOTE_KIND] == c.NOTE_SYNC)
        | c.R_RUNS * (row[c.S_RUNNING] >= 0)
        | c.R_GRACE * (row[c.S_GRACE] >= 0)
    )


def blocking_bits(node: Node) -> int:
    """Return the modes (as S_HOLD) in which others keep an actor at this stop; 0: not told."""
    op = node.op
    modes = {
        "RLOCK": c.L_WAIT | c.L_WRITE,
        "MLOCK": c.L_WRITE,
        "WLOCK2": c.L_READ | c.L_WRITE,
    }.get(op.code, 0)
    if node.breaks or not modes or not isinstance(op.place.obj, Arg):
        return 0
    return modes << (4 * symbols.LOCK_RANK.index(op.lock))


def hold_bits(node: Node) -> int:
    """Return what is held at a node as S_HOLD bits."""
    found = 0
    for k, mode in enumerate(node.hold.modes):
        found |= (
            c.L_READ * bool(mode & READS)
            | c.L_WAIT * bool(mode & WAIT)
            | c.L_WRITE * bool(mode & WRITE)
        ) << (4 * k)
    return found
