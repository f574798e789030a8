"""Reading a packed state: fields by name, where actors stand, what they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..lang import symbols
from ..lang.flow import READS, WAIT, WRITE, Node
from ..lang.ir import Reg
from . import codes as c
from .layout import Field, iterate_bits
from .system import System


@dataclass(frozen=True)
class Standing:
    """
    Where an actor stands.

    Its node, and the values of its live registers (grace bits under None).
    """

    node: Node
    number: int
    values: dict


def field_value(system: System, st: np.ndarray, row: int) -> int:
    """Return the decoded value of a field row."""
    image = system.image
    made: Field = image.rows[row]
    if made.const is not None:
        value = made.const
    else:
        value = (int(st[made.word]) >> made.shift) & ((1 << made.width) - 1)
        if made.flags & c.F_INTERNED:
            value = int(image.mem[c.M_WORDS + value])
    if made.bit is not None:
        value = (value >> made.bit[0]) & ((1 << made.bit[1]) - 1)
    return value


def lookup(
    system: System,
    st: np.ndarray,
    owner: str,
    name: str,
    obj: int = 0,
    idx: int = 0,
    default: int = 0,
) -> int:
    """Return a field's value by name, `default` if the system does not use it."""
    row = system.image.fields.get((owner, name, obj, idx, None))
    return default if row is None else field_value(system, st, row)


def level(system: System, st: np.ndarray, page: int) -> int:
    """Return the level in a page's role: 0 of a page that has none (yet, or any more)."""
    shift, width = symbols.ROLE_BITS["level"]
    return (lookup(system, st, "page", "role", page) >> shift) & ((1 << width) - 1)


def child(system: System, spte: int) -> int | None:
    """Return the page to whose table an SPTE leads, None if it leads to none."""
    slot = ((spte >> c.PFN_SHIFT) & c.PFN_MASK) - symbols.FIRST_TABLE_PFN
    leads = (spte >> c.PRESENT_BIT) & 1 and 0 <= slot < system.pages
    return slot if system.levels > 1 and leads else None


def parent(system: System, st: np.ndarray, page: int) -> int | None:
    """Return the page of which an SPTE leads to the table of `page`, None if there is none."""
    for other in range(system.pages if system.levels > 1 else 0):
        sptes = (lookup(system, st, "page", "spt", other, k) for k in range(system.entries))
        if page in [child(system, spte) for spte in sptes]:
            return other
    return None


def translations(system: System, st: np.ndarray) -> list[list[tuple[int, int | None, str]]]:
    """
    Return what each vCPU's TLB remembers; [] for a system without TLBs.

    Of each: (gfn, root, ""), or (gfn, None, why it is out of date).
    """
    if ("vcpu", "tlb0", 0, 0, None) not in system.image.fields:
        return []
    marks = {system.pages + 1: "out of date, the zap has returned",
             system.pages + 2: "out of date, the notifier has returned"}  # fmt: skip
    found = []
    for vcpu in range(system.vcpus):
        held = [(g, lookup(system, st, "vcpu", f"tlb{g}", vcpu))
                for g in range(system.entries**system.levels)]  # fmt: skip
        found.append([(g, None if x in marks else x - 1, marks.get(x, "")) for g, x in held if x])
    return found


def standing(system: System, st: np.ndarray, actor: int) -> Standing:
    """Return where `actor` stands and what it remembers."""
    im, mem = system.image.im, system.image.mem
    code, _ = system.codes[actor]
    a = int(im[c.H_ACTOR]) + actor * c.ACTOR
    word, base = int(im[a + c.A_WORD]), int(im[a + c.A_SHIFT])
    stop = (int(st[word]) >> base) & int(im[a + c.A_STOP_MASK])
    record = int(im[c.H_STOP]) + (int(im[a + c.A_STOPS]) + stop) * c.STOP
    at = code.stops[stop]
    values = {}
    by_slot = {}
    entries = int(im[c.H_REG]) + int(im[record + c.S_REGS]) * c.REG
    for k in range(int(im[record + c.S_COUNT])):
        r = entries + k * c.REG
        value = (int(st[word + im[r + c.R_WORD]]) >> (base + int(im[r + c.R_SHIFT]))) & int(
            im[r + c.R_MASK]
        )
        if im[r + c.R_INTERNED]:
            value = int(mem[c.M_WORDS + value])
        by_slot[int(im[r + c.R_SLOT])] = value + int(im[r + c.R_BIAS])
    slots = system.image.slots[actor]
    for reg, slot in slots.items():
        if isinstance(reg, Reg) and slot in by_slot:
            values[reg] = by_slot[slot]
    if 0 in by_slot:
        values[None] = by_slot[0]
    return Standing(code.nodes[at], at, values)


def holders(system: System, st: np.ndarray) -> dict[str, dict[str, list[int]]]:
    """
    Return, for each lock, who reads, writes and waits.

    By lock: {"readers", "writer", "waiting"} -> actor numbers.
    """
    found = {lock: {"readers": [], "writer": [], "waiting": []} for lock in symbols.LOCK_RANK}
    for actor in range(len(system.actors)):
        node = standing(system, st, actor).node
        for lock in symbols.LOCK_RANK:
            mode = node.hold.mode(lock)
            if mode & READS:
                found[lock]["readers"].append(actor)
            if mode & WRITE:
                found[lock]["writer"].append(actor)
            if mode & WAIT:
                found[lock]["waiting"].append(actor)
    return found


def queue(system: System, st: np.ndarray) -> list[int]:
    """Return the queued pages, oldest first."""
    if not system.image.uses_queue:
        return []
    items = [lookup(system, st, "model", "queue", 0, k) for k in range(system.pages)]
    return [item - 1 for item in items if item]


def running(system: System, st: np.ndarray) -> dict[int, int]:
    """Return which worker (actor number) runs the item of which page."""
    found = {}
    for actor in range(len(system.actors)):
        for reg, value in standing(system, st, actor).values.items():
            if reg is not None and reg.kind == "running" and value:
                found[actor] = value - 1
    return found


def root_list(system: System, st: np.ndarray) -> list[int]:
    """Return the listed pages in order; a broken chain ends the list."""
    if ("model", "head", 0, 0, None) not in system.image.fields:
        return []
    found, at = [], lookup(system, st, "model", "head")
    while at and at - 1 not in found:
        found.append(at - 1)
        at = lookup(system, st, "page", "next", at - 1)
    return found


def readers(system: System, st: np.ndarray) -> list[int]:
    """Return the actors inside an RCU reader."""
    return [k for k in range(len(system.actors)) if standing(system, st, k).node.hold.rcu]


def grace(system: System, st: np.ndarray) -> dict[int, list[int]]:
    """Return, for each page handed to call_rcu and not freed yet, the readers it waits for."""
    found = {
        p: [] for p in range(system.pages) if lookup(system, st, "page", "state", p) == c.FREEING
    }
    for actor in range(len(system.actors)):
        bits = standing(system, st, actor).values.get(None, 0)
        for page in iterate_bits(bits):
            if page in found:
                found[page].append(actor)
    return found
