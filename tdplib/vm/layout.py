"""
From the code of all actors to an image: where every field and register lies in a packed state.

A state is a few int64 words. Fields and actors' blocks are placed first-fit, none across a word's
end; a field nobody writes takes no bits; a block holds where the actor stands and, differently at
each stop, its live registers. The first bits after the place are what other actors look at: a
flush's note, the grace bits of a reader, the item a worker runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import BadValueError
from ..lang import symbols
from ..lang.flow import READS, WAIT, WRITE, Code, Node
from ..lang.independence import BLOCKING, RELEASES
from ..lang.ir import Arg, Const, Place, Reg
from . import codes as c

WORD_TYPES = ("u32", "u64", "role", "bits")
"""Field types held as a number of the table of words."""
WRITERS = (
    "STORE",
    "XCHG",
    "CMPXCHG",
    "TRYCMPXCHG",
    "ATOMICADD",
    "REFINC",
    "REFINCNZ",
    "REFDEC",
    "REFDECTEST",
)


@dataclass
class Field:
    """One packed field: its bits in the state (or its constant value), and how to read them."""

    owner: str
    name: str
    type: str
    obj: int
    idx: int = 0
    word: int = -1
    shift: int = 0
    width: int = 0
    flags: int = 0
    limit: int = 0
    kind: int = c.K_PLAIN
    bit: tuple[int, int] | None = None
    const: int | None = None


@dataclass
class Block:
    """One actor's bits: `words` of them from `word`, at `shift` if it shares the word."""

    control: int
    total: int
    word: int = -1
    shift: int = 0
    words: int = 1


@dataclass
class Shape:
    """The sizes that fix an image."""

    entries: int
    pages: int
    vcpus: int
    word_bits: int
    root_role: int
    owns_root: int


@dataclass
class Layout:
    """
    The packed system.

    `im` and `mem` for the kernels, the field table for whoever decodes a state.
    """

    im: np.ndarray
    mem: np.ndarray
    start: np.ndarray
    fields: dict[tuple, int]
    rows: list[Field]
    blocks: list[Block]
    words: int
    node_base: list[int]
    slots: list[dict]
    uses_queue: bool


class Packer:
    """First-fit packing of bit fields into 64-bit words."""

    def __init__(self):
        self.free: list[int] = []

    def place(self, bits: int) -> tuple[int, int]:
        """Return (word, shift) for a field of `bits` bits that lies within one word."""
        for word, used in enumerate(self.free):
            if used + bits <= 64:
                self.free[word] += bits
                return word, used
        self.free.append(bits)
        return len(self.free) - 1, 0

    def whole(self, words: int) -> int:
        """Return the first of `words` fresh words."""
        first = len(self.free)
        self.free += [64] * words
        return first


class Builder:
    """Builds the image of one system. `actors` are (code, argument values)."""

    def __init__(self, world, actors: list[tuple[Code, tuple[int, ...]]], owned, shape: Shape):
        self.world, self.actors, self.owned, self.shape = world, actors, owned, shape
        self.codes: list[Code] = []
        for code, _ in actors:
            if code not in self.codes:
                self.codes.append(code)
        self.rows: list[Field] = []
        self.fields: dict[tuple, int] = {}
        self.packer = Packer()
        self.written, self.used = self.find_used()
        self.words: list[int] = [0]
        self.pointer_bits = shape.pages.bit_length()

    # === which fields there are ===

    def find_used(self) -> tuple[set, set]:
        """Return the (owner, name) written by some operation, and those used at all."""
        written, used = set(), set()
        for code in self.codes:
            for node in code.nodes:
                place = node.op.place
                if place is None:
                    continue
                used.add((place.owner, place.name, place.type, place.bit))
                if node.op.code in WRITERS:
                    written.add((place.owner, place.name))
        return written, used

    def has(self, *ops: str) -> bool:
        """Tell whether some actor has one of these operations."""
        return any(n.op.code in ops for code in self.codes for n in code.nodes)

    def add(self, owner: str, name: str, type_: str, obj: int, idx: int = 0, bit=None) -> int:
        """Add a field row; return its number. Bits of a role share the row of their word."""
        made = Field(owner, name, type_, obj, idx, bit=bit)
        row = len(self.rows)
        self.rows.append(made)
        self.fields[(owner, name, obj, idx, bit)] = row
        return row

    def size(self, made: Field) -> None:
        """Fix width, limit and flags of a stored field."""
        if made.type in ("page", "pointer"):
            made.width, made.limit = self.pointer_bits, self.shape.pages
        elif made.type == "kvm_ptr":
            made.width, made.limit = 1, 1
        elif made.type in WORD_TYPES:
            made.width, made.flags = self.shape.word_bits, c.F_INTERNED
        elif made.type == "flag":
            made.width, made.limit = 1, 1
        elif made.type == "state":
            made.width, made.limit = 2, 3
        else:
            made.limit = symbols.NUMBER_LIMITS[made.type]
            made.width = made.limit.bit_length()
            made.flags = c.F_BOOL if made.type == "bool" else 0

    def start_value(self, made: Field) -> int:
        """Return what a field starts with."""
        if (made.owner, made.name) == ("vcpu", "root_role"):
            return self.shape.root_role
        return self.world.initial.get((made.owner, made.name), 0)

    def store_or_fix(self, made: Field) -> None:
        """Give a field its bits; one that nobody writes is a constant."""
        if (
            (made.owner, made.name) not in self.written
            and made.owner in ("kvm", "vcpu", "page")
            and made.type not in ("flag", "state", "pointer")
        ):
            made.const, made.flags = self.start_value(made), c.F_CONST
            return
        self.size(made)
        made.word, made.shift = self.packer.place(made.width)

    def overlay(self, bit: tuple[int, int], whole: Field, made: Field) -> None:
        """Let a bit-field row read and write bits of its word's row."""
        for key in ("word", "shift", "width", "flags", "limit", "kind", "const"):
            setattr(made, key, getattr(whole, key))
        made.flags |= c.F_BITS | (c.F_BOOL if bit[1] == 1 else 0)
        made.bit = bit

    # === fields of each owner ===

    def kvm_fields(self) -> None:
        """Add the fields of the one kvm, the list head and the queue."""
        for owner, name, type_, _bit in sorted(self.used, key=str):
            if (owner == "kvm" and type_ in symbols.NUMBER_LIMITS) or (
                owner == "kvm" and type_ == "page"
            ):
                self.store_or_fix(self.rows[self.add("kvm", name, type_, 0)])
        self.head = self.queue = self.destroyed = -1
        if self.has("LISTFIRST", "LISTNEXT", "LISTADD", "LISTADDTAIL", "LISTDEL", "LISTEMPTY"):
            self.head = self.add("model", "head", "pointer", 0)
            self.store_or_fix(self.rows[self.head])
        if self.has("QUEUE", "INITWORK", "FLUSHBEGIN", "WQNEXT"):
            self.queue = len(self.rows)
            for k in range(self.shape.pages):
                self.store_or_fix(self.rows[self.add("model", "queue", "pointer", 0, k)])
        if self.has("FLUSHDESTROY"):
            self.destroyed = self.add("model", "destroyed", "flag", 0)
            self.store_or_fix(self.rows[self.destroyed])

    def vcpu_names(self) -> list[tuple]:
        """Return the (name, type) of the vCPU fields in use, `requests` first."""
        found = (
            [("requests", "flag")] if self.has("REQALL", "REQMAKE", "REQTEST", "REQCHECK") else []
        )
        named = {(n, "role" if b else t) for o, n, t, b in self.used if o == "vcpu"}
        return found + sorted(named)

    def vcpu_fields(self) -> None:
        """
        Add the fields of every vCPU: rows of one name are consecutive.

        Bits come later, in the vCPU's own block if it has one.
        """
        self.request = self.vroot = -1
        self.vcpu_rows: list[int] = []
        for name, type_ in self.vcpu_names():
            first = len(self.rows)
            for v in range(self.shape.vcpus):
                self.vcpu_rows.append(self.add("vcpu", name, type_, v))
            if name == "requests":
                self.request = first
            if name == "root":
                self.vroot = first
                for v in range(self.shape.vcpus):
                    self.rows[first + v].kind = c.K_VCPU_ROOT
        for _owner, name, _t, bit in sorted(
            (u for u in self.used if u[0] == "vcpu" and u[3]), key=str
        ):
            for v in range(self.shape.vcpus):
                self.add("vcpu", name, "bits", v, 0, bit)

    def page_fields(self) -> None:
        """
        Add the fields of every page slot.

        The rows to clear when a page is freed are consecutive.
        """
        named = sorted(
            {(n, "role" if b else t) for o, n, t, b in self.used if o == "page"}
            - {("link", "node"), ("rcu_head", "rcu_head"), ("tdp_mmu_async_work", "work")}
        )
        extra = []
        if self.head >= 0:
            extra += [("next", "pointer"), ("on", "flag")]
        extra += (
            [("zapped", "flag")] * self.has("ZAPBEGIN", "ZAPEND")
            + [("marked", "flag")] * self.has("MARKED")
            + [("inited", "flag")] * self.has("INITWORK", "QUEUE")
        )
        self.page_first: list[int] = []
        for page in range(self.shape.pages):
            state = self.add("page", "state", "state", page)
            self.store_or_fix(self.rows[state])
            self.page_first.append(len(self.rows))
            for name, type_ in [*named, *extra]:
                for k in range(self.shape.entries if name == "spt" else 1):
                    made = self.rows[self.add("page", name, type_, page, k)]
                    self.store_or_fix(made)
                    made.kind = {"role": c.K_ROLE, "spt": c.K_SPT}.get(name, c.K_PLAIN)
        self.page_clears = (
            len(named) + len(extra) + (self.shape.entries - 1) * any(n == "spt" for n, _ in named)
        )
        bits = sorted((u for u in self.used if u[0] == "page" and u[3]), key=str)
        for page in range(self.shape.pages):
            for _owner, name, _t, bit in bits:
                made = self.rows[self.add("page", name, "bits", page, 0, bit)]
                self.overlay(bit, self.rows[self.fields[("page", name, page, 0, None)]], made)

    # === blocks ===

    def specials(self, code: Code, node: Node) -> dict[str, tuple[Reg | None, int]]:
        """
        Return the parts of a block that others look at, at this stop.

        By name: (register, width).
        """
        found = {}
        live = [r for r in code.program.regs if node.live >> r.index & 1]
        for reg in live:
            if (
                reg.kind == "note"
                and node.op.code in ("FLUSHWAIT", "FLUSHDESTROY", "SYNCWAIT")
                and node.op.a is reg
            ):
                found["note"] = (
                    reg,
                    2 * self.shape.pages if node.op.code != "SYNCWAIT" else len(self.actors),
                )
            if reg.kind == "running":
                found["running"] = (reg, 4)
        if node.hold.rcu and self.has("CALLRCU"):
            found["grace"] = (None, self.shape.pages)
        return found

    def reg_width(self, reg: Reg) -> int:
        """Return how many bits a live register takes."""
        if reg.interned:
            return self.shape.word_bits
        if reg.kind in ("page", "work", "running"):
            return self.pointer_bits
        if reg.kind == "note":
            return max(self.shape.pages, 1)
        return reg.width

    def plan(self, code: Code) -> dict:
        """
        Lay out a program's stops.

        For each, special shifts and register entries; the block's control size in words of 64 bits.
        """
        base = max(1, (len(code.stops) - 1).bit_length())
        stops, most = [], base
        words = 1
        regs = {r.index: r for r in code.program.regs}
        for at in code.stops:
            node = code.nodes[at]
            special = self.specials(code, node)
            entries, shift, word = [], base, 0
            shifts = {}
            for name in ("note", "grace", "running"):
                if name in special:
                    reg, width = special[name]
                    shifts[name] = shift
                    entries.append((reg, 0, shift, width))
                    shift += width
            live = [regs[k] for k in iterate_bits(node.live)]
            done = {id(reg) for reg, _ in special.values()}
            for reg in sorted(
                (r for r in live if id(r) not in done), key=lambda r: (-self.reg_width(r), r.index)
            ):
                width = self.reg_width(reg)
                if shift + width > 64:
                    word, shift = word + 1, 0
                entries.append((reg, word, shift, width))
                shift += width
            words = max(words, word + 1)
            most = max(most, shift if word == 0 else 64)
            stops.append((shifts, entries))
        return {"base": base, "stops": stops, "bits": most, "words": words}

    def vcpu_of(self, actor: int) -> int:
        """Return the vCPU an actor is, or -1."""
        code, args = self.actors[actor]
        for kind, value in zip(code.program.kinds, args, strict=True):
            if kind == "vcpu":
                return value
        return -1

    def place_blocks(self) -> None:
        """
        Give every actor its block.

        A vCPU's fields lie right behind its control bits, alike for every vCPU.
        """
        self.plans = {id(code): self.plan(code) for code in self.codes}
        self.blocks: list[Block] = []
        taken: set[int] = set()
        for actor, (code, _) in enumerate(self.actors):
            plan, vcpu = self.plans[id(code)], self.vcpu_of(actor)
            mine = (
                [r for r in self.vcpu_rows if self.rows[r].obj == vcpu]
                if vcpu >= 0 and vcpu not in taken
                else []
            )
            taken.add(vcpu)
            for row in mine:
                self.fix_or_size(self.rows[row])
            stored = [self.rows[r] for r in mine if self.rows[r].const is None]
            extra = sum(f.width for f in stored)
            block = Block(plan["bits"], plan["bits"] + extra, words=plan["words"])
            if plan["words"] == 1 and block.total <= 64:
                block.word, block.shift = self.packer.place(block.total)
                at, word = block.shift + plan["bits"], block.word
                for made in stored:
                    made.word, made.shift = word, at
                    at += made.width
            else:
                block.word = self.packer.whole(plan["words"])
                for made in stored:
                    made.word, made.shift = self.packer.place(made.width)
            self.blocks.append(block)
        for row in self.vcpu_rows:
            made = self.rows[row]
            if made.obj not in taken:
                self.store_or_fix(made)
        self.overlay_vcpus()

    def fix_or_size(self, made: Field) -> None:
        """Decide whether a vCPU field is stored; if so, how wide."""
        if made.name != "requests" and ("vcpu", made.name) not in self.written:
            made.const, made.flags = self.start_value(made), c.F_CONST
        else:
            self.size(made)

    def overlay_vcpus(self) -> None:
        """Let the bit-fields of a vCPU's role read the bits of its word."""
        for (owner, name, obj, _idx, bit), row in self.fields.items():
            if owner == "vcpu" and bit is not None:
                self.overlay(
                    bit, self.rows[self.fields[("vcpu", name, obj, 0, None)]], self.rows[row]
                )

    # === writing the image ===

    def build(self) -> Layout:
        """Return the Layout."""
        self.kvm_fields()
        self.vcpu_fields()
        self.page_fields()
        self.place_blocks()
        im = ImageWriter(self)
        return im.write()


def iterate_bits(value: int):
    """Yield the numbers of the bits set."""
    while value:
        low = value & -value
        yield low.bit_length() - 1
        value ^= low


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
            c.H_WORDS: len(b.packer.free),
            c.H_HEAD: b.head,
            c.H_QUEUE: b.queue,
            c.H_DESTROYED: b.destroyed,
            c.H_REQUEST: b.request,
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
        Number a program's register slots: 0 holds grace bits.

        Then constants, arguments, registers.
        """
        slots: dict = {}
        for node in code.nodes:
            op = node.op
            operands = [op.a, op.b] + ([op.place.obj, op.place.idx] if op.place else [])
            for x in operands:
                if isinstance(x, (Const, Arg)) and x not in slots:
                    slots[x] = 1 + len(slots)
        for reg in code.program.regs:
            slots[reg] = 1 + len(slots)
        return slots

    def node(self, code: Code, node: Node, base: int, columns) -> list[int]:
        """Return the record of one node."""
        slots, op = self.slots[id(code)], node.op
        row = [0] * c.NODE
        row[c.N_OP] = c.OP[op.code]
        for at, x in ((c.N_DST, op.dst), (c.N_A, op.a), (c.N_B, op.b)):
            row[at] = slots[x] if x is not None else 0
        row[c.N_NEXT] = base + node.next if node.next >= 0 else 0
        row[c.N_TARGET] = base + node.target if node.target >= 0 else 0
        row[c.N_STOP], row[c.N_IDX] = node.stop, -1
        if op.place is not None:
            self.place(op.place, row, slots, columns)
        if op.lock is not None:
            row[c.N_FIELD] = 0
            row[c.N_AUX] = 4 * symbols.LOCK_RANK.index(op.lock)
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
            | c.ACQUIRES * (op.code in ("RLOCK", "WLOCK", "WLOCK2", "MLOCK"))
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
            for _ in range(block.words):
                bits = block.control if block.words == 1 else 64
                mask = ((1 << bits) - 1) << block.shift
                self.mem.append(signed(~mask))
            row[c.A_REGS] = len(self.mem)
            slots = self.slots[id(code)]
            values = [0] * (1 + len(slots))
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
