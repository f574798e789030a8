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

from ..lang import symbols
from ..lang.flow import Code, Node
from ..lang.ir import Reg
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
    levels: int = 1


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
        elif made.type == "tlb":
            made.limit = self.shape.pages + 2
            made.width = made.limit.bit_length()
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
            and made.type not in ("flag", "state", "pointer", "tlb")
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
        if self.has("QUEUE", "INITWORK", "FLUSHBEGIN", "WQNEXT", "PENDING"):
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
        if self.has("TLBACCESS", "TLBFLUSH", "TLBFLUSHALL"):
            found += [(f"tlb{g}", "tlb") for g in range(self.shape.entries**self.shape.levels)]
        named = {(n, "role" if b else t) for o, n, t, b in self.used if o == "vcpu"}
        return found + sorted(named)

    def vcpu_fields(self) -> None:
        """
        Add the fields of every vCPU: rows of one name are consecutive.

        Bits come later, in the vCPU's own block if it has one.
        """
        self.request = self.vroot = self.tlb = -1
        self.vcpu_rows: list[int] = []
        for name, type_ in self.vcpu_names():
            first = len(self.rows)
            for v in range(self.shape.vcpus):
                self.vcpu_rows.append(self.add("vcpu", name, type_, v))
            if name == "requests":
                self.request = first
            if name == "tlb0":
                self.tlb = first
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
        hidden = made.name == "requests" or made.type == "tlb"
        if not hidden and ("vcpu", made.name) not in self.written:
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

    def build(self) -> Builder:
        """Place everything; return the builder itself, for `image.ImageWriter` to write."""
        self.kvm_fields()
        self.vcpu_fields()
        self.page_fields()
        self.place_blocks()
        return self


def iterate_bits(value: int):
    """Yield the numbers of the bits set."""
    while value:
        low = value & -value
        yield low.bit_length() - 1
        value ^= low
