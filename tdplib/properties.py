"""The properties a check looks for: names, the sentence shown when one breaks, and why it matters.

What exactly breaks each of them is fixed in `lang/REFERENCE.md`, section 5. The tuple keeps the
order of that section: of several properties broken by one operation the first is reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import BadValueError, nearest

__all__ = ["ADVICE", "PROPERTIES", "Property", "find"]


@dataclass(frozen=True)
class Property:
    """
    Something every interleaving must respect, or (kind ``"advice"``) had better respect.

    name : as in the reference, e.g. ``"zap-complete"``
    sentence : what went wrong, in one sentence, shown when the property is broken
    why : what that costs, and the kernel's own rule behind it where there is one
    kind : ``"step"`` checked by the operation that acts; ``"end"`` checked when nobody can move
        any more; ``"advice"`` noted, and the path goes on
    """

    name: str
    sentence: str
    why: str
    kind: str = "step"


PROPERTIES: tuple[Property, ...] = (
    Property(
        "no-oops",
        "The code followed a NULL pointer, or indexed past the end of a table.",
        "The kernel would oops there and then.",
    ),
    Property(
        "no-use-after-free",
        "The code touched a root that was already freed.",
        "The memory may belong to somebody else by then. A queued root lives on the reference "
        "that was given to the worker; a walk lives on RCU.",
    ),
    Property(
        "refcount-underflow",
        "A reference was given back that nobody had: the count was already zero.",
        "Somebody put a reference twice, or put one that was never taken: each put by a zapper "
        "must match one reference given to it.",
    ),
    Property(
        "refcount-from-zero",
        "The count was raised from zero: that root was already on its way out.",
        "refcount_t forbids it. After zero only the task that took it there may bring the root "
        "back, with refcount_set.",
    ),
    Property(
        "refcount-overflow",
        "The count of a root grew past what the counter holds.",
        "A saturated refcount_t is never freed. Here the counter holds 14; a correct scenario "
        "stays far below.",
    ),
    Property(
        "no-double-queue",
        "A work item was queued, or initialised, while it was still waiting in the queue.",
        "The worker runs it once for two references given, and INIT_WORK on a waiting item "
        "resets a list node that is linked.",
    ),
    Property(
        "list-intact",
        "A root was added to a list it is on, or taken off a list it is not on.",
        "The neighbours' pointers are overwritten, and the list of roots is corrupt.",
    ),
    Property(
        "no-invalid-root-loaded",
        "A vCPU runs on an invalid root and no request is pending that would make it drop it.",
        "An invalid root is being zapped for good; the vCPU would retry its faults for ever and "
        "keep the root alive. Invalidation and request belong in one write section of mmu_lock.",
    ),
    Property(
        "no-spte-under-invalid-root",
        "An SPTE was installed in a root that is already invalid.",
        "The zapper may have passed that entry, and then nobody removes it. The fault path asks "
        "is_page_fault_stale after it has taken mmu_lock for this reason (a955cad84cda).",
    ),
    Property(
        "invalid-monotone",
        "A root that was invalid became valid again.",
        "Everybody who saw it invalid counts on its going away: the bit never goes back.",
    ),
    Property(
        "no-dead-root-seen",
        "A task took mmu_lock for write and found a listed root whose count is zero.",
        "Writers take it for granted that every listed root is alive (the WARN in "
        "kvm_tdp_mmu_invalidate_all_roots). mmu_lock must not be dropped between the zero and "
        "what is done about it.",
    ),
    Property(
        "delist-at-final-put",
        "A root was taken off the list while somebody still had a reference to it.",
        "MMU notifiers and the final zap-all reach a root by the list only: until its last put "
        "it must be found there.",
    ),
    Property(
        "freed-empty",
        "A root was freed while one of its SPTEs was still present.",
        "The leaf's accessed and dirty state was never handed back, and a table it led to leaks.",
    ),
    Property(
        "zap-complete",
        "The fast zap returned, and a root from before it still has a present SPTE.",
        "The memslot goes away next. Notifiers can no longer find that SPTE through it, so a "
        "later zap marks a page dirty or accessed that was given away: a use after free.",
    ),
    Property(
        "notifier-complete",
        "The notifier returned, and an SPTE for its gfn is still present.",
        "The host reuses the page at once, while an SPTE still leads to it and a later zap "
        "writes to its struct page.",
    ),
    Property(
        "tlb-complete",
        "A guest used a translation that its processor had kept from a root that is gone: the fast "
        "zap had returned, or the root was freed.",
        "A zap of a whole root flushes no TLB. It relies on every vCPU being kicked out of the "
        "guest, and on the local flush when a root is loaded.",
    ),
    Property(
        "one-winner",
        "Two tasks marked the same root invalid, and both were told that it was valid before.",
        "Whoever is told so owns what comes next (the gift, the queueing). Read, change and "
        "write back must be one atomic exchange.",
    ),
    Property(
        "no-warn",
        "A WARN or BUG in the code fired.",
        "The condition was written down by somebody who relied on its never being true.",
    ),
    Property(
        "lockdep",
        "A lock was not held as asserted, released by a task that does not hold it, "
        "kept by a task that is done, or taken in the wrong order.",
        "slots_lock comes before slots_arch_lock, that before mmu_lock, and that before "
        "tdp_mmu_pages_lock.",
    ),
    Property(
        "no-deadlock",
        "Nobody can move, and not everybody is done.",
        "The tasks wait for one another for ever. A flush, for one, must not hold a lock that the "
        "worker needs.",
        "end",
    ),
    Property(
        "no-leak",
        "Everybody is done, and a root was left over with a reference nobody will give back, "
        "or work was left in the queue.",
        "Memory is lost each time it happens, and the VM's teardown warns about a root list that "
        "is not empty.",
        "end",
    ),
    Property(
        "wasted-zap",
        "A root that had been zapped from end to end for a fast zap or by the worker was zapped "
        "that way once more.",
        "It does no harm: the walk finds nothing. It costs time; it is how the re-queue of a root "
        "kept alive by a vCPU shows.",
        "advice",
    ),
)
"""Every property, in the order of precedence."""

ADVICE: frozenset[str] = frozenset(p.name for p in PROPERTIES if p.kind == "advice")
"""Names of the properties that never make a verdict `violated`."""


def find(name: str) -> Property:
    """Return the property called `name`; raise `BadValueError` naming the nearest if none is."""
    for each in PROPERTIES:
        if each.name == name:
            return each
    hint = nearest(name, (each.name for each in PROPERTIES))
    raise BadValueError(f"no property is called {name!r}{hint}")
