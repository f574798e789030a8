"""
Worlds: small stages of kernel Python for one lab each, beside the protocols.

A world is data like a protocol, and `check("lost-update")` takes it like one. It stands on the
shared unit, and on the protocol its row names as `near`, if any; it defines anew the actors it
needs. What a learner is to write is there in the form the lab starts from. Its scenario stands in
`tdplib.scenarios.DEFAULTS`.
"""

from __future__ import annotations

from pathlib import Path

from ..table import Expected, Row

__all__ = ["FOLDER", "WORLDS"]

FOLDER = Path(__file__).parent
"""Where the files of the worlds lie."""

_ONE_TASK = (("vcpu", "task"),)
"""Where a world is about tables or numbers, and nobody need be a vCPU."""


def _two_modes(on: str, expected: Expected) -> Row:
    """Return the row of the text `two-modes` on one of the protocols it is there for."""
    title = f"{on}, with vCPUs in two modes, and so with two roots at a time"
    return Row(f"{on}-two-modes", title, "world", on, expected, text="two-modes")


WORLDS: tuple[Row, ...] = (
    Row(
        "lost-update",
        "two tasks add one to a counter, each in two steps",
        "world",
        None,
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "lost-update-twice",
        "two tasks add one to a counter, twice each",
        "world",
        None,
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "take-number",
        "tasks take a number each, and read it after the step that counts",
        "world",
        None,
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "gfn-index",
        "the arithmetic of gfns and levels",
        "world",
        None,
        Expected("violated", ("no-warn",)),
        labels=_ONE_TASK,
    ),
    Row(
        "spte-kind",
        "what an SPTE is, asked about one of each kind",
        "world",
        None,
        Expected("violated", ("no-warn",)),
        labels=_ONE_TASK,
    ),
    Row(
        "small-tables",
        "a tree of two levels of four entries is built and taken down",
        "world",
        None,
        Expected("holds"),
        labels=_ONE_TASK,
    ),
    Row(
        "table-walk",
        "a walk through the small tree",
        "world",
        "small-tables",
        Expected("violated", ("no-warn",)),
        labels=_ONE_TASK,
    ),
    Row(
        "table-map",
        "pages are mapped into the small tree",
        "world",
        "small-tables",
        Expected("violated", ("no-oops",)),
        labels=_ONE_TASK,
    ),
    Row(
        "table-zap",
        "leaves are taken out of the small tree",
        "world",
        "small-tables",
        Expected("violated", ("no-warn",)),
        labels=_ONE_TASK,
    ),
    Row(
        "roots",
        "roots are found, taken and given back while an update walks the list",
        "world",
        "v5.17",
        Expected("holds", wasted_zap=False),
        (("reader", "list reader"),),
    ),
    Row(
        "roots-emptied",
        "an update that looks in the end whether it has emptied every root",
        "world",
        "roots",
        Expected("holds", wasted_zap=False),
    ),
    Row(
        "roots-plain-inc",
        "a get that raises the count without looking at it",
        "world",
        "roots",
        Expected("violated", ("refcount-from-zero",)),
    ),
    Row(
        "roots-lookup-no-get",
        "a lookup that hands out a listed root without a reference",
        "world",
        "roots",
        Expected("violated", ("no-use-after-free",)),
    ),
    Row(
        "roots-clear-late",
        "a vCPU that gives its root back, and clears its pointer after that",
        "world",
        "roots",
        Expected("holds", wasted_zap=False),
    ),
    Row(
        "roots-put-twice",
        "an update that gives one reference back twice",
        "world",
        "roots",
        Expected("violated", ("no-use-after-free",)),
    ),
    Row(
        "roots-clear-middle",
        "roots-clear-late, with three roots, of which the middle one is given back",
        "world",
        "roots-clear-late",
        Expected("holds", wasted_zap=False),
    ),
    Row(
        "shared-entries",
        "a fault, a replacement, the processor and the worker change SPTEs under the read lock",
        "world",
        "v5.18",
        Expected("holds"),
    ),
    Row(
        "shared-zap",
        "shared-entries, but the zap step is a plain store",
        "world",
        "shared-entries",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "shared-map",
        "shared-entries, but the fault's map step is a plain store",
        "world",
        "shared-entries",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "map-alone",
        "one vCPU tries shared-map's map step on an SPTE of each kind",
        "world",
        "shared-map",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "zap-alone",
        "one task tries shared-zap's zap step on an SPTE of each kind",
        "world",
        "shared-zap",
        Expected("holds"),
    ),
    Row(
        "zap-race",
        "the processor changes an SPTE three times while somebody zaps it",
        "world",
        "shared-zap",
        Expected("violated", ("no-warn",)),
        labels=(("vcpu", "processor"), ("update", "zapper")),
    ),
    Row(
        "fault-alone",
        "one vCPU faults in a valid and in an invalid root",
        "world",
        "v5.18",
        Expected("holds"),
    ),
    Row(
        "zap-cursor",
        "one root is retired and zapped, and says how far its zap has come",
        "world",
        None,
        Expected("holds"),
    ),
    Row(
        "zap-cursor-early-test",
        "zap-cursor, but a fault tests its root before it takes mmu_lock",
        "world",
        "zap-cursor",
        Expected("holds"),
    ),
    Row(
        "zap-cursor-no-test",
        "zap-cursor, but a fault does not test its root",
        "world",
        "zap-cursor",
        Expected("holds"),
    ),
    Row(
        "zap-cursor-looks-back",
        "zap-cursor-no-test, with a zapper that goes back before its last entry",
        "world",
        "zap-cursor-no-test",
        Expected("holds"),
    ),
    Row(
        "zap-cursor-gives-up",
        "zap-cursor, but a zap step that lost a race is not tried again",
        "world",
        "zap-cursor",
        Expected("holds"),
    ),
    Row(
        "guest-entry",
        "v5.17, with a vCPU that looks before it locks",
        "world",
        "v5.17",
        Expected("holds", wasted_zap=False),
    ),
    Row(
        "request-first",
        "the request in a write section of its own, before the invalidation",
        "world",
        "guest-entry",
        Expected("violated", ("no-invalid-root-loaded",)),
    ),
    Row(
        "request-then-mark",
        "one write section, but the request before the bit",
        "world",
        "guest-entry",
        Expected("violated", ("no-invalid-root-loaded",)),
    ),
    Row(
        "request-late",
        "the request after mmu_lock is dropped",
        "world",
        "guest-entry",
        Expected("violated", ("no-invalid-root-loaded",)),
    ),
    Row(
        "mark-late",
        "roots are marked after the write section",
        "world",
        "guest-entry",
        Expected(
            "violated",
            (
                "no-invalid-root-loaded",
                "no-spte-under-invalid-root",
            ),
        ),
    ),
    Row(
        "toggle-unlocked",
        "an NX toggle that zaps without slots_lock",
        "world",
        "v5.17",
        Expected(
            "violated",
            (
                "refcount-underflow",
                "no-use-after-free",
            ),
        ),
    ),
    Row(
        "mark-plain",
        "two tasks mark one root by plain read, change and write",
        "world",
        None,
        Expected("violated", ("one-winner",)),
    ),
    Row(
        "mark-xchg",
        "two tasks mark one root by xchg",
        "world",
        "mark-plain",
        Expected("holds"),
    ),
    Row(
        "mark-beside",
        "one task marks a root, another changes a different bit",
        "world",
        "mark-xchg",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "mark-one-try",
        "mark-beside, with a cmpxchg that is not repeated",
        "world",
        "mark-beside",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "check-then-get",
        "shared-drop, with a walk that asks before it takes the reference",
        "world",
        "shared-drop",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "flush-under-read-lock",
        "v5.18, waiting for the worker with mmu_lock held for read",
        "world",
        "v5.18",
        Expected("violated", ("no-deadlock",)),
    ),
    Row(
        "memslot-delete",
        "patch 21, and a memslot deletion that neither waits nor takes slots_lock",
        "world",
        "patch-21",
        Expected("violated", ("zap-complete", "no-double-queue")),
    ),
    Row(
        "middle-root",
        "patch-22-skip-invalid, with three roots, of which the middle one is given back",
        "world",
        "patch-22-skip-invalid",
        Expected("violated", ("zap-complete",)),
    ),
    Row(
        "middle-root-no-gift",
        "middle-root, queueing roots without a reference for the worker",
        "world",
        "middle-root",
        Expected("violated", ("freed-empty",)),
    ),
    Row(
        "teardown",
        "v5.18, and the end of the VM in the order that was posted first",
        "world",
        "v5.18",
        Expected("violated", ("no-warn",)),
        (("vcpu", "VM process"),),
    ),
    Row(
        "delist-then-yield",
        "patch 22, with v5.17's put that yields although the root is off the list",
        "world",
        "patch-22",
        Expected("violated", ("zap-complete",)),
        (("reader", "walk"),),
    ),
    Row(
        "shared-drop",
        "v5.18, vCPUs dropping roots with mmu_lock held for read, beside a walk",
        "world",
        "v5.18",
        Expected("holds"),
        (("reader", "walk"),),
    ),
    Row(
        "late-delist",
        "v5.18, dropping mmu_lock between the last put and the list",
        "world",
        "v5.18",
        Expected("violated", ("no-dead-root-seen",)),
    ),
    Row(
        "one-before-invalid",
        "shared-drop, with a put that sets the count before it marks the root",
        "world",
        "shared-drop",
        Expected("violated", ("no-spte-under-invalid-root",)),
        (("reader", "walk"),),
    ),
    Row(
        "put-without-gift",
        "v5.18, a put that queues a root whose count is zero",
        "world",
        "v5.18",
        Expected("violated", ("no-dead-root-seen", "no-warn")),
    ),
    Row(
        "prev-roots",
        "v5.18 with a cache of previous roots, and the loop of 527d5cd7eece over it",
        "world",
        "v5.18",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "prev-roots-watched",
        "prev-roots, and a count of the roots that a vCPU has",
        "world",
        "prev-roots",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "unchecked-queue",
        "a VM is made while memory is short, and nobody looks at what came of it",
        "world",
        "v5.18",
        Expected("violated", ("no-oops",)),
        (("vcpu", "VM process"), ("notifier", "others")),
    ),
    Row(
        "v3-give-back",
        "v3-list-walk, with a mark on each root that nobody uses yet",
        "world",
        "v3-list-walk",
        Expected("violated", ("no-warn", "refcount-underflow", "no-use-after-free")),
    ),
    Row(
        "teardown-kept",
        "v6.4, and the end of the VM in the order that was posted for v5.18",
        "world",
        "v6.4",
        Expected("violated", ("no-warn",)),
        (("vcpu", "VM process"),),
    ),
    Row(
        "lost-flush",
        "a page is unmapped from all roots; the TLB hears of it only if the last one had it",
        "world",
        "v5.18",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "load-without-flush",
        "v5.18, loading a root without the flush of the vCPU's TLB",
        "world",
        "v5.18",
        Expected("violated", ("tlb-complete",)),
    ),
    Row(
        "capstone-bare",
        "v5.17's protocol to start from, with v5.18's queue on the shelf",
        "world",
        "v5.18",
        Expected("holds", wasted_zap=False),
    ),
    Row(
        "capstone",
        "v5.17's protocol to start from, and a watch on vCPUs that zap",
        "world",
        "capstone-bare",
        Expected("violated", ("no-warn",)),
    ),
    Row(
        "capstone-kept",
        "the capstone with roots that are kept; a root may be zapped more than once",
        "world",
        "capstone",
        Expected("holds", wasted_zap=True),
    ),
    Row(
        "capstone-slow-worker",
        "the capstone with a worker that leaves what is not urgent",
        "world",
        "capstone",
        Expected("violated", ("no-warn",)),
    ),
    *(
        _two_modes(on, Expected("holds", wasted_zap=None))
        for on in ("patch-21", "patch-22", "capstone-kept")
    ),
    _two_modes("capstone", Expected("violated", ("no-warn",))),
)
"""Every world, in the order of the labs."""
