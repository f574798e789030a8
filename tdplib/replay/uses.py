"""
What an executed operation uses, and in which words: the reasons why two steps keep their order.

Two uses of one thing keep their order if one of them changes it. What the checker alone looks at
(whether an SPTE is left when a page is freed, say) is no use of the operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..lang.independence import LOOKS, TOUCHES, conflicting
from ..vm import codes as c
from ..vm import decode
from ..vm.system import System
from . import narrate
from .stepping import Happened

__all__ = ["Use", "meet", "uses"]

CHECKED = (("page", "spt"), ("page", "tdp_mmu_root_count"))
"""What an operation on a whole page touches only because the checker looks at it."""

WHOLE = ("UPDRETURN", "NOTRETURN")
"""Operations that look at all SPTEs, and are there for nothing else."""

OF_A_PAGE = ("alive", "inited", "finished", "zapped", "marked")
"""What there is one of for each page."""

THINGS = {
    "lock": "{which}", "requests": "the request to {which}", "tlb": "the TLB of {which}",
    "list": "the list of roots", "queued": "the queue", "readers": "RCU readers",
    "item": "{which}'s work item", "inited": "{which}'s work item",
    "finished": "{which}'s work", "destroyed": "the workqueue", "slots": "the unused pages",
    "alive": "{which}", "zapped": "the zap of {which}", "marked": "who marked {which} invalid",
}  # fmt: skip
"""Kind of thing -> what it is called; a field is called by its own name."""

VERBS = {
    "LOAD": "read", "WAITUNTIL": "waited for", "STORE": "written", "XCHG": "exchanged",
    "CMPXCHG": "compared and exchanged", "TRYCMPXCHG": "compared and exchanged",
    "RLOCK": "taken for read", "WLOCK": "taken for write", "WLOCK2": "taken for write",
    "MLOCK": "taken", "RUNLOCK": "released", "WUNLOCK": "released", "MUNLOCK": "released",
    "ISLOCKED": "looked at", "ISWLOCKED": "looked at",
    "REQALL": "made", "REQMAKE": "made", "REQTEST": "looked for",
    "TLBACCESS": "used", "TLBFLUSH": "flushed", "TLBFLUSHALL": "flushed",
    "LISTFIRST": "read", "LISTNEXT": "read", "LISTEMPTY": "read", "LISTADD": "added to",
    "LISTADDTAIL": "added to", "LISTDEL": "taken from",
    "INITWORK": "initialised", "QUEUE": "queued", "WQNEXT": "taken up", "WQDONE": "finished",
    "PENDING": "looked at", "FLUSHBEGIN": "noted by the flush", "FLUSHWAIT": "waited for",
    "FLUSHDESTROY": "destroyed", "ALLOC": "allocated", "CALLRCU": "handed to call_rcu",
    "FREE": "freed", "RCULOCK": "entered", "RCUUNLOCK": "left", "SYNCBEGIN": "noted",
    "SYNCWAIT": "waited for", "RCUBARRIER": "waited for", "UPDBEGIN": "noted by the update",
    "UPDRETURN": "looked at", "NOTRETURN": "looked at", "ZAPBEGIN": "begun", "ZAPEND": "ended",
    "MARKED": "noted",
}  # fmt: skip
"""Operation -> what it does to the thing it uses."""

SPECIAL = {
    ("QUEUE", "queued"): "added to", ("WQNEXT", "queued"): "taken from",
    ("QUEUE", "destroyed"): "used", ("ALLOC", "slots"): "one taken",
    ("RCUUNLOCK", "alive"): "freed", ("INITWORK", "queued"): "looked at",
    ("CALLRCU", "readers"): "noted",
}  # fmt: skip
"""Where `VERBS` would say it badly of one of several things that are used."""


@dataclass(frozen=True)
class Use:
    """
    One thing that an operation uses.

    what : a field's owner and name, or the kind of another thing; mode : as in
    `lang.independence`; which : which one of them, None for all; thing, verb : in words
    """

    what: tuple[str, ...]
    mode: str
    which: object
    thing: str
    verb: str


def meet(one: Use, other: Use) -> bool:
    """Tell whether two uses keep their order."""
    same = one.what == other.what and (None in (one.which, other.which) or one.which == other.which)
    return same and conflicting(one.mode, other.mode)


def uses(system: System, actor: int, h: Happened) -> Iterator[Use]:
    """Give what an operation that `actor` has executed uses."""
    op = h.node.op
    if op.lock and (op.code in narrate.KINDS or op.code in LOOKS):
        shared = op.code in ("RLOCK", "RUNLOCK", *LOOKS)
        yield _Maker(system, h).lock("r" if shared else "w", actor)
        return
    made = _Maker(system, h)
    if op.code.startswith("REQ"):
        looks = op.code == "REQTEST" or (op.code == "REQCHECK" and not h.result)
        yield made.of_vcpu("requests", "r" if looks else "w", op.code == "REQALL")
    elif op.code.startswith("TLB"):
        yield made.of_vcpu("tlb", "w", op.code == "TLBFLUSHALL")
    elif op.code in TOUCHES or op.code in _WORK:
        yield from made.touched()
    elif op.place is not None and op.visible:
        yield from made.field()


_WORK = ("QUEUE", "WQNEXT", "WQDONE", "FLUSHWAIT")
"""Operations of which the next cannot be taken before the one it waits for has been."""


class _Maker:
    """Makes the uses of one operation."""

    def __init__(self, system: System, h: Happened) -> None:
        self.system, self.h, self.code = system, h, h.node.op.code
        self.name = narrate.named_then(system, h)

    @property
    def page(self) -> int:
        """The pointer to the page it is about, 0 for none."""
        op = self.h.node.op
        if self.code in ("WQNEXT", "ALLOC"):
            return self.h.result or 0
        of_page = op.place is not None and op.place.owner == "page"
        return (self.h.obj if of_page else self.h.a) or 0

    def use(self, kind: str, mode: str, which: object, called: str) -> Use:
        verb = SPECIAL.get((self.code, kind)) or VERBS.get(self.code, "changed")
        return Use((kind,), mode, which, THINGS[kind].format(which=called), verb)

    def of_page(self, kind: str, mode: str) -> Use:
        page = self.page
        return self.use(kind, mode, page or None, self.name(page) if page else "a root")

    def lock(self, mode: str, actor: int) -> Use:
        lock = self.h.node.op.lock
        verb = VERBS[self.code]
        if self.code == "WLOCK" and not self.h.breaks:
            waiting = decode.holders(self.system, self.h.after)[lock]["waiting"]
            verb = "queued for" if actor in waiting else verb
        return Use(("lock", lock), mode, None, lock, verb)

    def of_vcpu(self, kind: str, mode: str, every: bool) -> Use:
        which = None if every else self.h.a
        found = self.use(kind, mode, which, "every vCPU" if every else f"vCPU {which}")
        if self.code != "REQCHECK":
            return found
        verb = "found and cleared" if mode == "w" else "looked for"
        return Use(found.what, mode, which, found.thing, verb)

    def touched(self) -> Iterator[Use]:
        """Give what an operation uses that is not on one field."""
        if self.code in _WORK:
            # a flush waits for all: for which is not told
            mode = "r" if self.code == "FLUSHWAIT" else "w"
            yield self.of_page("finished" if self.code == "FLUSHWAIT" else "item", mode)
        for key, mode in TOUCHES.get(self.code, ()):
            if len(key) == 2:
                if self.code in WHOLE:
                    yield Use(key, mode, None, "the SPTEs", VERBS[self.code])
            elif key == ("alive",) and self.code == "RCUUNLOCK":
                yield from self.freed()
            elif key[0] in OF_A_PAGE:
                yield self.of_page(key[0], mode)
            else:
                yield self.use(key[0], mode, None, "")
        if self.code == "ALLOC":
            yield self.of_page("alive", "w")

    def freed(self) -> Iterator[Use]:
        """Give the pages whose grace period an operation ended."""
        for page in range(self.system.pages):
            was, now = (
                decode.lookup(self.system, st, "page", "state", page)
                for st in (self.h.before, self.h.after)
            )
            if was != now == c.FREED:
                yield self.use("alive", "w", page + 1, self.name(page + 1))

    def field(self) -> Iterator[Use]:
        """Give the field an operation uses, and the page that must be alive for it."""
        op, h = self.h.node.op, self.h
        place = op.place
        changed = op.code != "LOAD" and (h.breaks or not (h.before == h.after).all())
        mode = "w" if changed else "r"
        verb = VERBS.get(op.code, "changed")
        if op.code in ("CMPXCHG", "TRYCMPXCHG", "REFINCNZ") and not changed:
            verb = "read"
        thing = narrate.place_text(place, h.obj, h.idx, self.name)
        yield Use((place.owner, place.name), mode, (h.obj, h.idx), thing, verb)
        if place.owner == "page" and h.obj:
            yield Use(("alive",), "r", h.obj, self.name(h.obj), "used")
