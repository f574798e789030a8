"""What happened, in words: one sentence an operation."""

from __future__ import annotations

from collections.abc import Callable

from ..lang import symbols
from ..lang.flow import Node
from ..lang.ir import Place
from ..vm import codes as c
from ..vm import decode
from ..vm.system import System
from .stepping import Happened

KINDS = {
    "LOAD": "read", "STORE": "write", "XCHG": "rmw", "CMPXCHG": "rmw", "TRYCMPXCHG": "rmw",
    "ATOMICADD": "rmw", "REFINC": "rmw", "REFINCNZ": "rmw", "REFDEC": "rmw", "REFDECTEST": "rmw",
    "RLOCK": "lock", "WLOCK": "lock", "WLOCK2": "lock", "MLOCK": "lock", "RUNLOCK": "unlock",
    "WUNLOCK": "unlock", "MUNLOCK": "unlock", "RCULOCK": "rcu", "RCUUNLOCK": "rcu",
    "CALLRCU": "rcu", "FREE": "rcu", "SYNCBEGIN": "rcu", "SYNCWAIT": "rcu", "RCUBARRIER": "rcu",
    "ALLOC": "alloc", "LISTFIRST": "list", "LISTNEXT": "list", "LISTADD": "list",
    "LISTADDTAIL": "list", "LISTDEL": "list", "LISTEMPTY": "list", "INITWORK": "queue",
    "QUEUE": "queue", "FLUSHBEGIN": "queue", "FLUSHWAIT": "queue", "FLUSHDESTROY": "queue",
    "WQNEXT": "queue", "WQDONE": "queue", "REQALL": "request", "REQMAKE": "request",
    "REQTEST": "request", "REQCHECK": "request", "UPDBEGIN": "model", "UPDRETURN": "model",
    "NOTRETURN": "model", "ZAPBEGIN": "model", "ZAPEND": "model", "MARKED": "model",
    "WAITUNTIL": "model", "TLBACCESS": "tlb", "TLBFLUSH": "tlb", "TLBFLUSHALL": "tlb",
    "ISLOCKED": "read", "ISWLOCKED": "read", "PENDING": "queue",
}  # fmt: skip


def awaited(op) -> str:
    """Return what `wait_until` waits for."""
    field = op.place.name if op.place is not None else "a field"
    return "all the others end" if field == "ended" else f"{field} have its value"


TLB_WORDS = {
    0: "is not entered: a request is pending",
    1: "uses its memory, by the TLB or by a walk that fills it",
    2: "finds no translation, and faults",
}
"""What came of a guest's access, by what `tlb_access` gives."""
HEX = ("u32", "u64", "role")


def page_name(pointer: int) -> str:
    """Return what a page pointer is called where every page is a root."""
    return "None" if pointer == 0 else f"root {pointer - 1}"


Namer = Callable[[int], str]


def namer(system: System, st) -> Namer:
    """
    Return what gives a page pointer its name in a state.

    With two levels a page's role tells a root from a table below one; a page without a role (it is
    fresh, or was freed) is a page.
    """
    if system.levels == 1:
        return page_name

    def name(pointer: int) -> str:
        if pointer == 0:
            return "None"
        level = decode.level(system, st, pointer - 1)
        what = {0: "page", system.levels: "root"}.get(level, "table")
        return f"{what} {pointer - 1}"

    return name


def value_text(type_: str, value: int, name: Namer = page_name) -> str:
    """Return a field's value as people write it."""
    if type_ == "page":
        return name(value)
    if type_ == "kvm_ptr":
        return "kvm" if value else "None"
    if type_ == "refcount_t" and value == symbols.REFCOUNT_SATURATED:
        return "saturated"
    return f"{value:#x}" if type_ in HEX and value > 9 else str(value)


def place_text(place: Place, obj: int | None, idx: int | None, called: Namer = page_name) -> str:
    """Return a place as people call it: "root 0's role.invalid"."""
    name = place.name
    if place.bit is not None:
        name += "." + (
            "word"
            if place.bit == (0, 32)
            else next((n for n, b in symbols.ROLE_BITS.items() if b == place.bit), "bits")
        )
    if idx is not None:
        name += f"[{idx}]"
    if place.owner == "page":
        return f"{called(obj)}'s {name}" if obj else f"{name} of None"
    if place.owner == "vcpu":
        return f"vCPU {obj}'s {name}"
    return name


def place_type(place: Place) -> str:
    """Return the type a place's values are shown as."""
    return "u32" if place.bit == (0, 32) else "number" if place.bit else place.type


def field_now(system: System, st, place: Place, obj: int, idx: int | None) -> int:
    """Return the value of a place in a state."""
    at = obj - 1 if place.owner == "page" else obj if place.owner == "vcpu" else 0
    value = decode.lookup(system, st, place.owner, place.name, at, idx or 0)
    return (value >> place.bit[0]) & ((1 << place.bit[1]) - 1) if place.bit else value


def said(system: System, h: Happened) -> str:
    """Return the sentence for one executed operation (without its actor)."""
    code = h.node.op.code
    if h.breaks:
        return broken_attempt(system, h)
    if h.node.op.place is not None and code in (
        "LOAD",
        "STORE",
        "XCHG",
        "CMPXCHG",
        "TRYCMPXCHG",
        "ATOMICADD",
        "REFINC",
        "REFINCNZ",
        "REFDEC",
        "REFDECTEST",
    ):
        return field_said(system, h)
    return plain(h.node, h.obj, h.a, h.result, named_then(system, h))


def named_then(system: System, h: Happened) -> Namer:
    """Return what the pages at hand are called: a freed page as before it was freed."""
    return namer(system, h.before if h.node.op.code in ("CALLRCU", "FREE") else h.after)


def field_said(system: System, h: Happened) -> str:
    """Return the sentence for an operation on one field."""
    op, place = h.node.op, h.node.op.place
    name = namer(system, h.after)
    where, kind = place_text(place, h.obj, h.idx, name), place_type(place)
    old, new = (
        value_text(kind, field_now(system, st, place, h.obj, h.idx), name)
        for st in (h.before, h.after)
    )
    if op.code == "LOAD":
        return f"reads {where}: {old}"
    if op.code == "STORE":
        return (
            f"sets {where}: {old} -> {new}" if old != new else f"sets {where} to {new}, as it was"
        )
    if op.code == "XCHG":
        return f"xchg {where}: {old} -> {new}, gets the old {old}"
    if op.code in ("CMPXCHG", "TRYCMPXCHG"):
        if (op.code == "TRYCMPXCHG" and h.result == 0) or (
            op.code == "CMPXCHG" and h.result != h.b
        ):
            return f"cmpxchg {where}: finds {old}, not what it expected; nothing stored"
        return f"cmpxchg {where}: {old} -> {new}"
    if op.code == "REFINCNZ" and h.result == 0:
        return f"refcount_inc_not_zero on {where}: it is 0, no reference taken"
    verb = {
        "REFINC": "takes a reference",
        "REFINCNZ": "takes a reference",
        "REFDEC": "gives a reference back",
        "REFDECTEST": "gives a reference back",
    }.get(op.code, "atomic add")
    tail = " (that was the last)" if op.code == "REFDECTEST" and h.result else ""
    return f"{verb}: {where} {old} -> {new}{tail}"


def plain(node: Node, obj, a, result, page_name: Namer = page_name) -> str:
    """
    Return the sentence for an operation that is not on one field.

    `result` is None if it has not happened yet; `page_name` gives pages their names.
    """
    op = node.op
    page = page_name(obj if op.place is not None and op.place.owner == "page" else (a or 0))
    done = result is not None
    texts = {
        "RLOCK": f"takes {op.lock} for read",
        "RUNLOCK": f"releases {op.lock} (read)",
        "WLOCK": f"takes {op.lock} for write",
        "WLOCK2": f"takes {op.lock} for write, having waited",
        "WUNLOCK": f"releases {op.lock} (write)",
        "MLOCK": f"takes {op.lock}",
        "MUNLOCK": f"releases {op.lock}",
        "RCULOCK": "enters an RCU reader",
        "RCUUNLOCK": "leaves its RCU reader",
        "CALLRCU": f"hands {page} to call_rcu",
        "FREE": f"frees {page} at once",
        "SYNCBEGIN": "synchronize_rcu: notes who is inside a reader",
        "SYNCWAIT": "synchronize_rcu: all of them have left",
        "RCUBARRIER": "rcu_barrier: no callback is pending",
        "ALLOC": f"allocates {page_name(result or 0)}" if done else "allocates a new page",
        "LISTFIRST": f"reads the list's first entry: {page_name(result or 0)}"
        if done
        else "reads the list's first entry",
        "LISTNEXT": f"reads the entry after {page_name(a or 0)}: {page_name(result or 0)}"
        if done
        else f"reads the entry after {page_name(a or 0)}",
        "LISTADD": f"puts {page} on the list of roots",
        "LISTADDTAIL": f"puts {page} at the list's tail",
        "LISTDEL": f"takes {page} off the list of roots",
        "LISTEMPTY": "looks whether the list is empty",
        "INITWORK": f"initialises {page}'s work item",
        "QUEUE": f"queues {page}'s work item",
        "FLUSHBEGIN": "flush: notes what is queued and running",
        "FLUSHWAIT": "flush: all of that has finished",
        "FLUSHDESTROY": "destroys the workqueue; all its items have finished",
        "WQNEXT": f"takes {page_name(result or 0)}'s work item off the queue"
        if done
        else "takes the oldest work item",
        "WQDONE": f"{page}'s work item is finished",
        "REQALL": "requests every vCPU to free obsolete roots",
        "REQMAKE": f"requests vCPU {a} to free obsolete roots",
        "REQTEST": looks("a request is pending", result),
        "REQCHECK": "finds "
        + ("the request to free obsolete roots, and clears it" if result else "no request pending")
        if done
        else "looks for a pending request",
        "UPDBEGIN": "the update begins: from here on its roots count",
        "UPDRETURN": "the fast zap has returned: no SPTE may be left",
        "NOTRETURN": "the notifier is through: no SPTE for its gfn may be left",
        "ZAPBEGIN": f"begins to zap {page}",
        "ZAPEND": f"has zapped all of {page}",
        "MARKED": f"is told that it was the one to mark {page} invalid",
        "TLBACCESS": f"the guest of vCPU {a} {TLB_WORDS.get(result, 'uses its memory')}"
        if done
        else f"the guest of vCPU {a} uses its memory",
        "WAITUNTIL": f"{'has seen' if done else 'waits for'} {awaited(op)}",
        "TLBFLUSH": f"flushes the TLB of vCPU {a}",
        "TLBFLUSHALL": "flushes the TLBs of all vCPUs",
        "ISLOCKED": looks(f"{op.lock} is held", result),
        "ISWLOCKED": looks(f"{op.lock} is held for write", result),
        "PENDING": looks(f"{page}'s work item is queued", result),
        "WARN": "WARN_ON: its condition is true",
        "END": "ends",
        "ASSERTHELD": f"asserts that it holds {op.lock}",
        "ASSERTREAD": f"asserts that it holds {op.lock} for read",
        "ASSERTWRITE": f"asserts that it holds {op.lock} for write",
    }
    return texts.get(op.code, op.code.lower())


def looks(what: str, result: int | None) -> str:
    """Return the sentence for an operation that only asks; its answer if it has one yet."""
    return f"looks whether {what}" + ("" if result is None else f": {'yes' if result else 'no'}")


def queued_instead(node: Node, next_is_wait: bool) -> str | None:
    """Return the sentence for a `write_lock` that had to queue, else None."""
    return f"queues for {node.op.lock} as a writer: new readers now wait" if next_is_wait else None


def broken_attempt(system: System, h: Happened) -> str:
    """Return the sentence for an operation that broke a property and so did not happen."""
    op = h.node.op
    if (
        op.place is not None
        and op.lock is None
        and op.code in KINDS
        and KINDS[op.code] in ("read", "write", "rmw")
    ):
        name = namer(system, h.before)
        where = place_text(op.place, h.obj, h.idx, name)
        reference = {
            "REFINC": "tries to take a reference",
            "REFINCNZ": "tries to take a reference",
            "REFDEC": "tries to give a reference back",
            "REFDECTEST": "tries to give a reference back",
        }.get(op.code)
        if reference:
            return f"{reference}: {where}{count_text(system, h)}"
        verb = {"read": "tries to read", "write": "tries to set", "rmw": "tries to change"}[
            KINDS[op.code]
        ]
        tail = (
            f" to {value_text(place_type(op.place), h.a, name)}"
            if op.code == "STORE" and h.a is not None
            else ""
        )
        return f"{verb} {where}{tail}"
    if op.place is not None and h.obj == 0:
        return f"follows a NULL pointer to reach {op.place.name}"
    return plain(h.node, h.obj, h.a, None, namer(system, h.before)) + dead_root(system, h)


def dead_root(system: System, h: Happened) -> str:
    """Return which listed root a writer finds dead, ", and finds ...", or ""."""
    if h.node.op.code not in ("WLOCK", "WLOCK2") or h.node.breaks:
        return ""
    name = namer(system, h.before)
    for page in decode.root_list(system, h.before):
        if decode.lookup(system, h.before, "page", "tdp_mmu_root_count", page, 0) == 0:
            return f", and finds {name(page + 1)} on the list with a count of 0"
    return ""


def count_text(system: System, h: Happened) -> str:
    """Return what a count is; of a root that is freed, or of None, there is none to tell."""
    place = h.node.op.place
    if place.owner == "page":
        if not h.obj:
            return ""
        if decode.lookup(system, h.before, "page", "state", h.obj - 1, 0) == c.FREED:
            return ", but the root is freed"
    return f" is {field_now(system, h.before, place, h.obj, h.idx)}"


def next_text(node: Node, values: tuple, name: Namer = page_name) -> str:
    """Return what an actor will do next, in words."""
    op = node.op
    obj, idx, a, _b = values
    kind = KINDS.get(op.code)
    if op.place is not None and op.lock is None and kind in ("read", "write", "rmw"):
        where = place_text(op.place, obj, idx, name)
        if kind == "read":
            return f"reads {where}"
        if op.code == "STORE":
            return f"sets {where} to {value_text(place_type(op.place), a, name)}"
        verb = {
            "XCHG": "xchg",
            "CMPXCHG": "cmpxchg",
            "TRYCMPXCHG": "cmpxchg",
            "REFINC": "takes a reference:",
            "REFINCNZ": "takes a reference, if not zero:",
            "ATOMICADD": "atomic add:",
        }.get(op.code, "gives a reference back:")
        return f"{verb} {where}"
    if op.code == "FLUSHWAIT":
        return "flush: waits until what it noted has finished"
    return plain(node, obj, a, None, name)
