"""
Which operations nobody else can observe or disturb.

A static lockset analysis over all actors of a system.

Operation `o` of actor A is *owned* if, for everything it accesses, no other actor has an operation
that accesses the same thing in a conflicting way and that could happen while A holds what it holds
at `o`. Then `o` commutes with whatever others do before it, so taking it at once loses no behaviour
(a persistent set of one action). A release is owned too: nobody can act on it before it happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .flow import READS, WRITE, Code, Hold, Node

RELEASES = ("RUNLOCK", "WUNLOCK", "MUNLOCK")
ACQUIRES = ("RLOCK", "WLOCK", "WLOCK2", "MLOCK")
LOOKS = ("ISLOCKED", "ISWLOCKED")
BLOCKING = (
    "RLOCK",
    "WLOCK",
    "WLOCK2",
    "MLOCK",
    "FLUSHWAIT",
    "FLUSHDESTROY",
    "SYNCWAIT",
    "RCUBARRIER",
    "WQNEXT",
    "WAITUNTIL",
)
READ_ONLY = ("LOAD", "WAITUNTIL", "LISTFIRST", "LISTNEXT", "LISTEMPTY")
ALIVE, ROLE, SPT, COUNT = (
    ("alive",),
    ("page", "role"),
    ("page", "spt"),
    ("page", "tdp_mmu_root_count"),
)
LIST, REQUESTS, READERS, SLOTS = ("list",), ("requests",), ("readers",), ("slots",)
TLB = ("tlb",)
QUEUED, FINISHED, INITED, DESTROYED = ("queued",), ("finished",), ("inited",), ("destroyed",)
ANY = -1

#: What the operations that are not plain field accesses touch: (key, mode) with mode r(ead),
#: w(rite), m(ember change) or c(ensus).
TOUCHES: dict[str, tuple] = {
    "RCULOCK": ((READERS, "m"),),
    "RCUUNLOCK": ((READERS, "m"), (ALIVE, "w"), (SPT, "r")),
    "CALLRCU": ((READERS, "c"), (ALIVE, "w"), (SPT, "r")),
    "FREE": ((ALIVE, "w"), (SPT, "r")),
    "SYNCBEGIN": ((READERS, "c"),),
    "SYNCWAIT": ((READERS, "c"),),
    "RCUBARRIER": ((ALIVE, "r"),),
    "ALLOC": ((SLOTS, "w"),),
    "LISTFIRST": ((LIST, "r"),),
    "LISTNEXT": ((LIST, "r"), (ALIVE, "r")),
    "LISTEMPTY": ((LIST, "r"),),
    "LISTADD": ((LIST, "w"), (ALIVE, "r")),
    "LISTADDTAIL": ((LIST, "w"), (ALIVE, "r")),
    "LISTDEL": ((LIST, "w"), (ALIVE, "r"), (COUNT, "r")),
    # Taking the oldest item off the queue commutes with queueing another at its tail, with a check
    # that an item is not queued (if the check passes now it passes then) and with a flush's note,
    # which counts queued and running items alike.
    "INITWORK": ((QUEUED, "r"), (INITED, "w"), (ALIVE, "r")),
    "QUEUE": ((QUEUED, "w"), (INITED, "r"), (DESTROYED, "r"), (ALIVE, "r")),
    "FLUSHBEGIN": ((QUEUED, "r"), (FINISHED, "r")),
    "FLUSHDESTROY": ((DESTROYED, "w"),),
    "WQDONE": ((FINISHED, "w"),),
    "UPDBEGIN": ((SLOTS, "r"), (ALIVE, "r")),
    # A page is freed only when no SPTE in it is present, so freeing it does not change what this
    # finds.
    "UPDRETURN": ((SPT, "r"),),
    "NOTRETURN": ((SPT, "r"), (ALIVE, "r"), (SLOTS, "r")),
    "ZAPBEGIN": ((("zapped",), "r"), (ALIVE, "r")),
    "ZAPEND": ((("zapped",), "w"), (ALIVE, "r")),
    "MARKED": ((("marked",), "w"), (ALIVE, "r")),
    "PENDING": ((QUEUED, "r"), (ALIVE, "r")),
}


@dataclass(frozen=True)
class Access:
    """
    One thing an operation touches, in which mode, holding what.

    `sub`, where it has one, is which vCPU or which table index; ANY for all.
    """

    key: tuple
    mode: str
    obj: int
    hold: Hold
    of_item: bool = False
    """The page is the one whose work item this actor is running."""


def items(code: Code) -> set:
    """Return the registers that hold the work item a worker is running, and nothing else."""
    found = {n.op.dst for n in code.nodes if n.op.code == "WQNEXT"}
    writes: dict = {}
    for node in code.nodes:
        for reg in node.op.defs():
            writes.setdefault(reg, set()).add(
                (node.op.code, node.op.a if node.op.code == "MOV" else None)
            )
    growing = True
    while growing:
        copies = {
            reg
            for reg, how in writes.items()
            if reg not in found and all(code_ == "MOV" and a in found for code_, a in how)
        }
        found |= copies
        growing = bool(copies)
    return {
        reg
        for reg in found
        if all(code_ == "WQNEXT" or (code_ == "MOV" and a in found) for code_, a in writes[reg])
    }


def accesses(
    code: Code, node: Node, args: tuple[int, ...], levels: int = 1, tlb: bool = False
) -> list[Access]:
    """Return what the operation of `node` touches when an actor with these arguments runs it."""
    op, hold = node.op, node.hold
    if op.code in ("WLOCK", "WLOCK2"):
        after = code.nodes[node.next].hold if node.next >= 0 else hold
        found = (
            [(LIST, "r", ANY), (COUNT, "r", ANY), (ALIVE, "r", ANY)]
            if op.lock == "mmu_lock"
            else []
        )
        return [Access(k, m, o, after) for k, m, o in found]
    found = [(k, m, ANY) for k, m in TOUCHES.get(op.code, ())]
    if op.code.startswith("REQ"):
        found += requests(op, args)
    elif op.code.startswith("TLB"):
        found += translations(op, args)
    elif op.place is not None and op.code not in TOUCHES and op.lock is None:
        found += field_accesses(op, args)
    if levels > 1:
        found += beyond_the_page(op, found)
    if tlb and op.code in ("UPDRETURN", "NOTRETURN"):
        found.append((TLB, "w", ANY))
    return [Access(k, m, o, watching(op, k, hold)) for k, m, o in found]


def value_of(operand, args: tuple[int, ...]) -> int:
    """Return the number an operand has in this actor, or ANY."""
    index = getattr(operand, "index", None)
    if hasattr(operand, "value"):
        return operand.value
    return args[index] if type(operand).__name__ == "Arg" else ANY


def requests(op, args) -> list[tuple]:
    """Return the accesses of the request primitives."""
    if op.code == "REQALL":
        return [(REQUESTS, "w", ANY)]
    vcpu = value_of(op.a, args)
    if op.code != "REQCHECK":
        return [(REQUESTS, "r" if op.code == "REQTEST" else "w", vcpu)]
    return [
        (REQUESTS, "w", vcpu),
        (("vcpu", "root"), "r", vcpu),
        (ROLE, "r", ANY),
        (ALIVE, "r", ANY),
    ]


def translations(op, args) -> list[tuple]:
    """Return the accesses of the TLB's operations."""
    if op.code == "TLBFLUSHALL":
        return [(TLB, "w", ANY)]
    vcpu = value_of(op.a, args)
    if op.code == "TLBFLUSH":
        return [(TLB, "w", vcpu)]
    return [
        (TLB, "w", vcpu),
        (REQUESTS, "r", vcpu),
        (("vcpu", "root"), "r", vcpu),
        (SPT, "r", ANY),
        (ALIVE, "r", ANY),
    ]


def watching(op, key: tuple, hold: Hold) -> Hold:
    """
    Return under which locks an operation looks at `key`.

    `kvm_check_request` looks at the root only while nobody holds mmu_lock for write, as if it held
    that lock for read.
    """
    if op.code == "REQCHECK" and key in (ROLE, ALIVE):
        return hold.having("mmu_lock", hold.mode("mmu_lock") | 1)
    return hold


def field_accesses(op, args) -> list[tuple]:
    """Return the accesses of an operation on one field, and what the checker looks at beside."""
    place = op.place
    mode = "r" if op.code in READ_ONLY else "w"
    obj = (
        value_of(place.obj, args)
        if place.owner == "vcpu"
        else value_of(place.idx, args)
        if place.idx is not None
        else ANY
    )
    found = [((place.owner, place.name), mode, obj)]
    if place.owner == "page":
        found.append((ALIVE, "r", ANY))
    if mode == "w" and (
        (place.owner, place.name) == SPT or (place.owner, place.name) == ("vcpu", "root")
    ):
        found += [(ROLE, "r", ANY), (ALIVE, "r", ANY)]
    return found


def beyond_the_page(op, found: list[tuple]) -> list[tuple]:
    """
    Return what the checker looks at beside, where tables have child tables.

    The root of a table an SPTE is written to is found through the SPTEs that lead there; whether a
    table is one of leaves, and for which gfns, through its role and gfn.
    """
    if op.code == "NOTRETURN":
        return [(ROLE, "r", ANY), (("page", "gfn"), "r", ANY)]
    return [(SPT, "r", ANY)] if any(k == SPT and m == "w" for k, m, _ in found) else []


def excluded(a: Hold, b: Hold) -> bool:
    """Tell whether two actors cannot hold `a` and `b` at once."""
    for x, y in zip(a.modes, b.modes, strict=True):
        if (x & WRITE and y & (WRITE | READS)) or (y & WRITE and x & (WRITE | READS)):
            return True
    return False


def conflicting(a: str, b: str) -> bool:
    """Tell whether two modes of access to one thing do not commute."""
    if a in "mc" or b in "mc":
        return {a, b} == {"m", "c"}
    return "w" in (a, b)


class Owned:
    """The analysis of one system: `codes` and argument values by actor."""

    def __init__(self, actors: list[tuple[Code, tuple[int, ...]]], levels: int = 1):
        self.actors, self.levels = actors, levels
        self.tlb = any(n.op.code.startswith("TLB") for code, _ in actors for n in code.nodes)
        self.holds = [{n.hold for n in code.nodes} for code, _ in actors]
        self.frees = [
            {n.hold for n in code.nodes if n.op.code in ("CALLRCU", "FREE")} for code, _ in actors
        ]
        self.items = {id(code): items(code) for code, _ in actors}
        self.by_actor = []
        for actor, (code, args) in enumerate(actors):
            table: dict[tuple, set] = {}
            for node in code.nodes:
                if not node.breaks:
                    for x in self.touched(actor, code, node, args):
                        table.setdefault(x.key, set()).add((x.mode, x.obj, x.hold, x.of_item))
            self.by_actor.append(table)
        self.watched = {n.op.lock for code, _ in actors for n in code.nodes if n.op.code in LOOKS}
        """Locks that somebody looks at without taking them: whoever holds one can be seen."""
        self.memo: dict = {}

    def touched(self, actor: int, code: Code, node: Node, args) -> list[Access]:
        """
        Return what a node's operation touches.

        The end of a reader frees nothing if nobody could hand a page to RCU meanwhile.
        """
        found = accesses(code, node, args, self.levels, self.tlb)
        if node.op.code == "RCUUNLOCK" and not self.frees_in_readers(actor):
            found = [x for x in found if x.key == READERS]
        pointer = page_of(node.op)
        if pointer is not None and pointer in self.items[id(code)]:
            found = [replace(x, of_item=True) for x in found]
        return found

    def frees_in_readers(self, actor: int) -> bool:
        """Tell whether somebody may call call_rcu while `actor` is inside a reader."""
        inside = [h for h in self.holds[actor] if h.rcu]
        return any(h.rcu for h in self.frees[actor]) or any(
            not excluded(mine, theirs)
            for other, frees in enumerate(self.frees)
            if other != actor
            for theirs in frees
            for mine in inside
        )

    def disturbed(self, actor: int, x: Access, idle: bool) -> bool:
        """
        Tell whether another actor can conflict with this access.

        idle : suppose that the page is in no work item that is queued or running; then what workers
            do to their item is not to this page
        """
        key = (actor, x.key, x.mode, x.obj, x.hold, idle)
        if key not in self.memo:
            self.memo[key] = any(
                conflicting(x.mode, mode)
                and (ANY in (x.obj, obj) or x.obj == obj)
                and not (idle and of_item)
                and not excluded(x.hold, hold)
                for other, table in enumerate(self.by_actor)
                if other != actor
                for mode, obj, hold, of_item in table.get(x.key, ())
            )
        return self.memo[key]

    def may_be_queued(self, actor: int, hold: Hold) -> bool:
        """Tell whether another can queue a page not its own item while `actor` holds `hold`."""
        return any(
            mode == "w" and not of_item and not excluded(hold, theirs)
            for other, table in enumerate(self.by_actor)
            if other != actor
            for mode, _obj, theirs, of_item in table.get(QUEUED, ())
        )

    def is_free_lock(self, actor: int, node: Node) -> bool:
        """Tell whether nobody else can hold or await a node's lock while `actor` stands there."""
        lock, mine = node.op.lock, node.hold
        return all(
            not theirs.mode(lock) or excluded(mine, theirs)
            for other, holds in enumerate(self.holds)
            if other != actor
            for theirs in holds
        )

    def ownership(self, runners: list[int], node: Node) -> str:
        """
        Return whether the operation of `node` is owned by each of the actors that run its program.

        "yes", "no", or "idle" if it is in every state in which the page's work item is neither
        queued nor running.
        """
        if node.op.lock in self.watched and node.op.code in (*RELEASES, *ACQUIRES, *LOOKS):
            return "no"
        if node.op.code in RELEASES:
            return "yes"
        if node.breaks or not node.op.visible:
            return "no"
        if node.op.code in BLOCKING and (
            node.op.code not in ("RLOCK", "MLOCK")
            or not all(self.is_free_lock(k, node) for k in runners)
        ):
            return "no"
        touched = [
            (k, x)
            for k in runners
            for x in self.touched(k, self.actors[k][0], node, self.actors[k][1])
        ]
        if not any(self.disturbed(k, x, False) for k, x in touched):
            return "yes"
        idle = page_of(node.op) is not None and not any(
            self.disturbed(k, x, True) or self.may_be_queued(k, node.hold) for k, x in touched
        )
        return "idle" if idle else "no"


def page_of(op):
    """Return the operand that points to the one page an operation touches, or None."""
    if op.place is not None and op.place.owner == "page":
        return op.place.obj
    return op.a if op.code in ("FREE", "ZAPBEGIN", "ZAPEND", "MARKED") else None
