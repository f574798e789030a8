"""Scenarios: who runs beside whom, how often, and on what table.

A scenario is data. `SCENARIOS` holds the named ones, `default(protocol)` the one a protocol is
checked with when none is given, and any other is made with `Scenario(...)` or `vary(...)`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import BadValueError, check_int, nearest

__all__ = ["DEFAULTS", "SCENARIOS", "ActorSpec", "Scenario", "default", "find", "vary"]

BOUNDS: dict[str, tuple[int, int]] = {
    "vcpus": (0, 4), "faults": (1, 4), "unload": (0, 1), "updates": (0, 4), "nx_toggles": (0, 2),
    "notifiers": (0, 2), "markers": (0, 4), "zap_all": (0, 1), "readers": (0, 2),
    "workers": (0, 2),
    "entries": (1, 4), "levels": (1, 2), "tlb": (0, 1), "sleepers": (0, 4), "teardown": (0, 1),
    "roots": (0, 8), "first_gfn": (0, 3),
    "root_role": (0, 0xFFFFFFFF),
}  # fmt: skip
"""Lowest and highest value of each number of a scenario."""


@dataclass(frozen=True)
class ActorSpec:
    """
    One actor: the function it runs, from its start to its end.

    name : shown to people, e.g. ``"vCPU 0"``; no two actors of a scenario share one
    kind : ``vcpu | update | nx | notifier | zap-all | reader | worker``; actors of one kind may
        be interchangeable
    function : a function of the protocol's units
    args : its arguments: ``"kvm"``, ``"vcpu0"``, ``"vcpu1"``, ... or integers
    """

    name: str
    kind: str
    function: str
    args: tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """
    What runs in one check; immutable and hashable. All sizes are counts, bounds in `BOUNDS`.

    name : shown to people
    vcpus, faults : vCPU `v` faults that often at gfn `first_gfn` + `v`, round the end of the table
    unload : 1 if each vCPU drops its root in the end
    sleepers : so many of the vCPUs, the last ones, sleep after their faults: they keep their root
        and serve no request
    teardown : 1 if the VM ends once all others are through: then no root may be left
    updates : memslot updates, an actor each
    nx_toggles : NX huge page toggles, an actor each
    notifiers : notifier walks, an actor each; walk `n` is for the gfn of vCPU `n`
    markers : so many of the vCPUs, after their faults, mark one spare root invalid with mmu_lock
        held for read (see `vcpu_marker_thread`)
    zap_all : 1 for a notifier release that zaps every root
    readers : tasks that read under a lock or RCU, each with a gfn after those of the vCPUs; only
        some worlds have a `reader_thread`, and they say what it does
    workers : workers of the queue; a protocol without a queue has none, whatever stands here
    entries : SPTEs of a table
    levels : levels of a table, 1 or 2: with two, a root's SPTEs lead to tables of leaves
    tlb : 1 if each vCPU has a hardware TLB: its guest then uses its gfn as often as it would fault
        otherwise, and faults where there is no translation
    roots : page slots, for roots and the tables below them, never reused; 0 (the default): as many
        as a correct protocol can need, but 8 at most
    first_gfn : gfn of vCPU 0's faults
    root_role : the role word a vCPU asks for (0x784: level 4, direct, access 7); with two levels
        its level is 2, whatever is given

    Raises
    ------
    BadValueError
        A number is out of its bounds, or nobody would run; the text names it.
    """

    name: str = "custom"
    vcpus: int = 2
    faults: int = 1
    unload: int = 1
    sleepers: int = 0
    teardown: int = 0
    updates: int = 2
    nx_toggles: int = 0
    notifiers: int = 0
    markers: int = 0
    zap_all: int = 0
    readers: int = 0
    workers: int = 1
    entries: int = 2
    levels: int = 1
    tlb: int = 0
    roots: int = 0
    first_gfn: int = 0
    root_role: int = 0x784

    def __post_init__(self) -> None:
        for field, (low, high) in BOUNDS.items():
            check_int(f"scenario: {field}", int(getattr(self, field)), low, high)
        if not any(self._counts()):
            raise BadValueError("scenario: nobody runs; set vcpus, updates or another actor")
        if self.markers > self.vcpus:
            raise BadValueError(
                f"scenario: markers is {self.markers}, but the markers are vCPUs: "
                f"must be in 0..{self.vcpus} here"
            )
        if self.sleepers > self.vcpus:
            raise BadValueError(
                f"scenario: sleepers is {self.sleepers}, but the sleepers are vCPUs: "
                f"must be in 0..{self.vcpus} here"
            )
        if self.teardown and (self.sleepers or not self.unload or self.readers):
            raise BadValueError(
                "scenario: teardown is 1, and a vCPU keeps its root, or a reader stays: "
                "unload must be 1, sleepers and readers 0"
            )
        if self.levels > 1:
            object.__setattr__(self, "root_role", self.root_role & ~0xF | self.levels)
        if self.roots == 0:
            object.__setattr__(self, "roots", min(BOUNDS["roots"][1], self._roots_needed()))

    def _counts(self) -> tuple[int, ...]:
        others = (self.nx_toggles, self.notifiers, self.zap_all, self.readers)
        return (self.vcpus, self.updates, *others)

    def _roots_needed(self) -> int:
        """
        Bound the roots a correct protocol allocates.

        A new root is made only when no valid one is listed, so each but the first stands for one
        that went out of service: by a fast zap, or by its last put; a vCPU drops a valid root
        once, in the end. Markers share one of their own.
        """
        if not self.vcpus:
            return 1
        roots = self.vcpus + self.updates + self.nx_toggles + min(self.markers, 1)
        return roots + (self._tables_needed(roots) if self.levels > 1 else 0)

    def _tables_needed(self, roots: int) -> int:
        """
        Bound the tables of leaves a correct protocol allocates.

        A vCPU allocates one where it finds none: once a root at most. Whoever links one is through
        with that fault; each of the others may have allocated one in vain meanwhile.
        """
        links = self.vcpus * self.faults
        lost = links * (self.vcpus - 1) if self.faults > 1 else links * (self.vcpus - 1) // 2
        return min(roots * self.vcpus, links + lost)

    def gfn(self, vcpu: int) -> int:
        """Return the gfn at which vCPU number `vcpu` faults, ``0 <= gfn < entries ** levels``."""
        return (self.first_gfn + vcpu) % self.entries**self.levels

    def actors(self, protocol: Any) -> tuple[ActorSpec, ...]:
        """
        Return who runs, in the order of their indices.

        protocol : a `tdplib.protocols.Protocol` (or anything with `has_queue`); decides whether
            there is a worker; its `labels`, if any, name the only actor of a kind
        """
        labels = dict(getattr(protocol, "labels", ()))
        found = tuple(self._actors(bool(protocol.has_queue)))
        kinds = [actor.kind for actor in found]
        return tuple(
            replace(actor, name=labels[actor.kind])
            if actor.kind in labels and kinds.count(actor.kind) == 1
            else actor
            for actor in found
        )

    def _actors(self, has_queue: bool) -> Iterator[ActorSpec]:
        for v in range(self.vcpus):
            unload = self.unload if v < self.vcpus - self.sleepers else 0
            args = ("kvm", f"vcpu{v}", self.gfn(v), self.faults, unload)
            if v < self.markers:
                more = (*args, self.markers)
                yield ActorSpec(f"vCPU {v}", "vcpu", "vcpu_marker_thread", more)
            else:
                yield ActorSpec(f"vCPU {v}", "vcpu", "vcpu_thread", args)
        update = "update_before_end_thread" if self.teardown else "memslot_update_thread"
        for n in range(self.updates):
            yield ActorSpec(f"update {n}", "update", update, ("kvm",))
        yield from _numbered("NX toggle", "nx", "nx_toggle_thread", ("kvm",), self.nx_toggles)
        for n in range(self.notifiers):
            label = f"notifier {n}" if self.notifiers > 1 else "notifier"
            yield ActorSpec(label, "notifier", "notifier_thread", ("kvm", self.gfn(n)))
        if self.zap_all:
            yield ActorSpec("zap all", "zap-all", "zap_all_thread", ("kvm",))
        for n in range(self.readers):
            label = f"reader {n}" if self.readers > 1 else "reader"
            yield ActorSpec(label, "reader", "reader_thread", ("kvm", self.gfn(self.vcpus + n)))
        if self.teardown:
            yield ActorSpec(
                "end of VM", "teardown", "teardown_thread", ("kvm", sum(self._counts()))
            )
        if has_queue:
            workers = self.workers
            yield from _numbered("zap worker", "worker", "zap_worker_thread", ("kvm",), workers)


def _numbered(
    label: str, kind: str, function: str, args: tuple[str | int, ...], count: int
) -> Iterator[ActorSpec]:
    """Yield `count` like actors; they carry a number only if there are several."""
    for n in range(count):
        yield ActorSpec(f"{label} {n}" if count > 1 else label, kind, function, args)


SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        Scenario(name="default"),
        Scenario(name="small", vcpus=1, updates=1, first_gfn=1),
        Scenario(name="requeue", vcpus=1, updates=2, first_gfn=1),
        Scenario(name="two-vcpus", updates=1),
        Scenario(name="small-notifier", vcpus=1, updates=1, notifiers=1, first_gfn=1),
        Scenario(name="small-markers", updates=0, unload=0, markers=2),
        Scenario(name="nx-toggle", updates=1, nx_toggles=1),
        Scenario(name="notifier", updates=1, notifiers=1),
        Scenario(name="zap-all", vcpus=1, updates=1, zap_all=1, first_gfn=1),
        Scenario(name="three-vcpus", vcpus=3, entries=3),
        Scenario(name="two-levels", vcpus=1, updates=1, levels=2, first_gfn=3, roots=4),
        Scenario(
            name="two-levels-notifier", vcpus=1, updates=1, notifiers=1, levels=2, first_gfn=3
        ),
        Scenario(name="two-levels-vcpus", updates=1, levels=2, first_gfn=2),
        Scenario(name="sleeper", updates=1, sleepers=1),
        Scenario(name="small-teardown", vcpus=1, updates=1, teardown=1, first_gfn=1),
        Scenario(name="teardown-vcpus", updates=1, teardown=1),
        Scenario(name="tlb", vcpus=1, faults=2, updates=1, tlb=1, first_gfn=1),
        Scenario(
            name="tlb-notifier", vcpus=1, faults=2, updates=1, notifiers=1, tlb=1, first_gfn=1
        ),
        Scenario(name="tlb-vcpus", faults=2, updates=1, tlb=1),
        Scenario(name="tlb-two-levels", vcpus=1, faults=2, updates=1, tlb=1, levels=2, first_gfn=3),
    )
}
"""The named scenarios. ``small`` has at most 30,000 states without any reduction."""

_WITH_NOTIFIER = Scenario(name="default+notifier", notifiers=1)
_WITH_MARKERS = Scenario(name="default+markers", unload=0, markers=2)
_ONE_ENTRY = Scenario(name="one-entry", updates=1, entries=1, unload=0)
_TASK = Scenario(name="task", vcpus=1, updates=0, unload=0)
_SMALL_TREE = Scenario(
    name="small-tree", vcpus=1, updates=0, unload=0, entries=4, levels=2, roots=4
)
_ALONE = Scenario(name="alone", vcpus=1, updates=0)
_CURSOR = Scenario(name="cursor", vcpus=1, updates=1, unload=0)
_LOOKS_BACK = Scenario(name="cursor-of-three", vcpus=1, updates=1, unload=0, entries=3)
_TWO_TASKS = Scenario(name="two-tasks", updates=0, unload=0)
_TWICE_EACH = Scenario(name="twice-each", updates=0, unload=0, faults=2)
_TWO_FAULTS = Scenario(name="two-faults", vcpus=1, faults=2, updates=1, first_gfn=1)
_MODES = Scenario(name="roots-two-modes", faults=2, updates=1, roots=4)
_SHARED_WALK = Scenario(name="shared-walk", vcpus=1, updates=1, readers=1)
_CHANGES_MODE = Scenario(name="changes-mode", vcpus=1, faults=2, updates=1, roots=6)
_TWO_AT_A_TIME = Scenario(name="two-at-a-time", updates=1, roots=4)
_IN_TURN = Scenario(name="in-turn", vcpus=3, updates=0, unload=0)
_THREE_MODES = Scenario(name="three-modes", updates=1, unload=0, roots=4)

DEFAULTS: dict[str, Scenario] = {
    "delist-at-queue": _WITH_NOTIFIER,
    "xchg-plain-rmw": _WITH_MARKERS,
    **dict.fromkeys(("lost-update", "take-number"), _TWO_TASKS),
    "lost-update-twice": _TWICE_EACH,
    **dict.fromkeys(
        ("roots", *(f"roots-{bug}" for bug in ("lookup-no-get", "clear-late", "put-twice"))),
        _MODES,
    ),
    **dict.fromkeys(("gfn-index", "spte-kind"), _TASK),
    **dict.fromkeys(("small-tables", "table-walk", "table-map", "table-zap"), _SMALL_TREE),
    **dict.fromkeys(("shared-entries", "shared-zap", "shared-map"), _ONE_ENTRY),
    **dict.fromkeys(("map-alone", "zap-alone", "fault-alone"), _ALONE),
    **dict.fromkeys(
        ("zap-cursor", *(f"zap-cursor-{bug}" for bug in ("early-test", "no-test", "gives-up"))),
        _CURSOR,
    ),
    "zap-cursor-looks-back": _LOOKS_BACK,
    "roots-clear-middle": _IN_TURN,
    "zap-race": Scenario(name="race", vcpus=1, updates=1, entries=1, unload=0, workers=0),
    "roots-emptied": Scenario(name="roots-beside-a-walk", updates=1),
    "roots-plain-inc": Scenario(name="roots-one-mode", vcpus=1, updates=1),
    **dict.fromkeys(
        ("guest-entry", "request-first", "request-then-mark", "request-late", "mark-late"),
        _TWO_FAULTS,
    ),
    "toggle-unlocked": Scenario(name="one-toggle", vcpus=1, updates=1, nx_toggles=1, first_gfn=1),
    **dict.fromkeys(("mark-plain", "mark-xchg", "mark-beside", "mark-one-try"), _TWO_TASKS),
    "check-then-get": Scenario(name="one-reader", vcpus=1, updates=0, readers=1, first_gfn=1),
    "flush-under-read-lock": SCENARIOS["small"],
    "memslot-delete": SCENARIOS["requeue"],
    "middle-root": _THREE_MODES,
    "middle-root-no-gift": replace(_THREE_MODES, name="three-modes-no-worker", workers=0),
    "teardown": Scenario(name="process-exit", vcpus=1, unload=0, updates=0, readers=1, first_gfn=1),
    "delist-then-yield": SCENARIOS["notifier"],
    **dict.fromkeys(("shared-drop", "one-before-invalid"), _SHARED_WALK),
    "put-without-gift": SCENARIOS["small"],
    "late-delist": SCENARIOS["small"],
    **dict.fromkeys(("prev-roots", "prev-roots-watched"), _CHANGES_MODE),
    "unchecked-queue": Scenario(name="memory-short", vcpus=1, updates=0, notifiers=1),
    "v3-give-back": SCENARIOS["requeue"],
    "teardown-kept": Scenario(name="vm-ends", vcpus=1, updates=0, readers=1, first_gfn=1),
    "load-without-flush": SCENARIOS["tlb"],
    "lost-flush": Scenario(name="two-modes", unload=0, updates=0, notifiers=1),
    "capstone-bare": SCENARIOS["default"],
    "capstone": SCENARIOS["default"],
    "capstone-kept": SCENARIOS["default"],
    "capstone-slow-worker": SCENARIOS["two-vcpus"],
    **dict.fromkeys(
        (f"{on}-two-modes" for on in ("patch-21", "patch-22", "capstone", "capstone-kept")),
        _TWO_AT_A_TIME,
    ),
}
"""Default scenario of the protocols and worlds whose story needs another than ``default``."""


def default(protocol: str) -> Scenario:
    """Return the scenario a protocol (by name) is checked with when none is given."""
    return DEFAULTS.get(protocol, SCENARIOS["default"])


def find(scenario: str | Scenario | None, protocol: str = "v5.18") -> Scenario:
    """
    Return a scenario from its name, itself, or None for the protocol's own default.

    Raises `BadValueError` for a name that is not known, with the nearest that is.
    """
    if scenario is None:
        return default(protocol)
    if isinstance(scenario, Scenario):
        return scenario
    named = {**SCENARIOS, **{each.name: each for each in DEFAULTS.values()}}
    if scenario not in named:
        raise BadValueError(f"no scenario is called {scenario!r}{nearest(scenario, named)}")
    return named[scenario]


def vary(scenario: str | Scenario, **changes: Any) -> Scenario:
    """
    Return a copy of a scenario with some numbers changed, called ``custom`` unless named.

    Root slots are counted anew unless `roots` is given.

    Raises
    ------
    TypeError
        A keyword is no field of `Scenario`; the text names the nearest that is.
    """
    known = [field.name for field in fields(Scenario)]
    for word in changes:
        if word not in known:
            close = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise TypeError(f"a scenario has no {word!r}; {hint}")
    return replace(find(scenario), **{"name": "custom", "roots": 0, **changes})
