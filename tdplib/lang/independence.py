"""
Which operations nobody else can observe or disturb: a static lockset analysis over all actors of a system.

Operation `o` of actor A is *owned* if, for everything it accesses, no other actor has an operation that accesses the same thing in a
conflicting way and that could happen while A holds what it holds at `o`. Then `o` commutes with whatever others do before it, so taking it at
once loses no behaviour (a persistent set of one action). A release is owned too: nobody can act on it before it happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from .flow import READS, WRITE, Code, Hold, Node

RELEASES = ("RUNLOCK", "WUNLOCK", "MUNLOCK")
BLOCKING = ("RLOCK", "WLOCK", "WLOCK2", "MLOCK", "FLUSHWAIT", "FLUSHDESTROY", "SYNCWAIT", "RCUBARRIER", "WQNEXT")
READ_ONLY = ("LOAD", "LISTFIRST", "LISTNEXT", "LISTEMPTY")
ALIVE, ROLE, SPT, COUNT = ("alive",), ("page", "role"), ("page", "spt"), ("page", "tdp_mmu_root_count")
LIST, QUEUE, REQUESTS, READERS, SLOTS = ("list",), ("workqueue",), ("requests",), ("readers",), ("slots",)
ANY = -1

#: What the operations that are not plain field accesses touch: (key, mode) with mode r(ead), w(rite), m(ember change) or c(ensus).
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
    "INITWORK": ((QUEUE, "w"), (ALIVE, "r")),
    "QUEUE": ((QUEUE, "w"), (ALIVE, "r")),
    "FLUSHBEGIN": ((QUEUE, "r"),),
    "FLUSHWAIT": ((QUEUE, "r"),),
    "FLUSHDESTROY": ((QUEUE, "w"),),
    "WQNEXT": ((QUEUE, "w"),),
    "WQDONE": ((QUEUE, "w"),),
    "UPDBEGIN": ((SLOTS, "r"), (ALIVE, "r")),
    "UPDRETURN": ((SPT, "r"), (ALIVE, "r")),
    "NOTRETURN": ((SPT, "r"), (ALIVE, "r"), (SLOTS, "r")),
    "ZAPBEGIN": ((("zapped",), "r"), (ALIVE, "r")),
    "ZAPEND": ((("zapped",), "w"), (ALIVE, "r")),
    "MARKED": ((("marked",), "w"), (ALIVE, "r")),
}


@dataclass(frozen=True)
class Access:
    """One thing an operation touches, in which mode, on which vCPU (ANY for all), holding what."""

    key: tuple
    mode: str
    obj: int
    hold: Hold


def accesses(code: Code, node: Node, args: tuple[int, ...]) -> list[Access]:
    """Return what the operation of `node` touches when run by an actor with these argument values."""
    op, hold = node.op, node.hold
    if op.code in ("WLOCK", "WLOCK2"):
        after = code.nodes[node.next].hold if node.next >= 0 else hold
        found = [(LIST, "r", ANY), (COUNT, "r", ANY), (ALIVE, "r", ANY)] if op.lock == "mmu_lock" else []
        return [Access(k, m, o, after) for k, m, o in found]
    found = [(k, m, ANY) for k, m in TOUCHES.get(op.code, ())]
    if op.code.startswith("REQ"):
        found += requests(op, args)
    elif op.place is not None and op.code not in TOUCHES and op.lock is None:
        found += field_accesses(op, args)
    return [Access(k, m, o, hold) for k, m, o in found]


def value_of(operand, args: tuple[int, ...]) -> int:
    """Return the vCPU an operand names, or ANY."""
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
    return [(REQUESTS, "w", vcpu), (("vcpu", "root"), "r", vcpu), (ROLE, "r", ANY), (ALIVE, "r", ANY)]


def field_accesses(op, args) -> list[tuple]:
    """Return the accesses of an operation on one field, with what the checker looks at beside it."""
    place = op.place
    mode = "r" if op.code in READ_ONLY else "w"
    obj = value_of(place.obj, args) if place.owner == "vcpu" else ANY
    found = [((place.owner, place.name), mode, obj)]
    if place.owner == "page":
        found.append((ALIVE, "r", ANY))
    if mode == "w" and ((place.owner, place.name) == SPT or (place.owner, place.name) == ("vcpu", "root")):
        found += [(ROLE, "r", ANY), (ALIVE, "r", ANY)]
    return found


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

    def __init__(self, actors: list[tuple[Code, tuple[int, ...]]]):
        self.by_actor = []
        frees = any(n.op.code in ("CALLRCU", "FREE") for code, _ in actors for n in code.nodes)
        for code, args in actors:
            table: dict[tuple, set] = {}
            for node in code.nodes:
                if node.breaks:
                    continue
                for x in accesses(code, node, args):
                    if x.key == ALIVE and x.mode == "w" and not frees:
                        continue
                    table.setdefault(x.key, set()).add((x.mode, x.obj, x.hold))
            self.by_actor.append(table)
        self.actors = actors
        self.frees = frees
        self.memo: dict = {}

    def disturbed(self, actor: int, x: Access) -> bool:
        """Tell whether another actor can conflict with this access."""
        key = (actor, x.key, x.mode, x.obj, x.hold)
        if key not in self.memo:
            self.memo[key] = any(
                conflicting(x.mode, mode) and (ANY in (x.obj, obj) or x.obj == obj) and not excluded(x.hold, hold)
                for other, table in enumerate(self.by_actor)
                if other != actor
                for mode, obj, hold in table.get(x.key, ())
            )
        return self.memo[key]

    def is_owned(self, runners: list[int], node: Node) -> bool:
        """Tell whether the operation of `node` is owned by each of the actors that run its program."""
        if node.op.code in RELEASES:
            return True
        if node.op.code in BLOCKING or node.breaks or not node.op.visible:
            return False
        for actor in runners:
            code, args = self.actors[actor]
            for x in accesses(code, node, args):
                if x.key == ALIVE and x.mode == "w" and not self.frees:
                    continue
                if self.disturbed(actor, x):
                    return False
        return True
