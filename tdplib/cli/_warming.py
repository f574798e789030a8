"""A small run of everything that is jitted, so that its machine code gets on the disk."""

from __future__ import annotations

from contextlib import suppress

from tdplib.errors import TdplibError

__all__ = ["touch_every_kernel"]


def touch_every_kernel() -> None:
    """Call whatever calls a kernel, with the types it is called with in earnest."""
    _page_tables()
    _refcounts()
    _search()


def _page_tables() -> None:
    from tdplib.machine.pagetable import PageTables
    from tdplib.machine.view import describe

    pool = PageTables()
    root = pool.new_root()
    pool.map(root, range(512), level=1)
    pool.map(root, [512], level=2)
    pool.lookup(root, [0, 512])
    pool.walk(root, 0)
    describe(pool, root)
    pool.split(root, 512)
    pool.freeze(root, 3)
    pool.thaw(root, 3)
    pool.zap_range(root, 0, 2)
    for shared in (True, False):
        pool.zap_root(root, shared=shared)
    pool.count(root)
    pool.mark_invalid(root)
    pool.free_root(root)
    pool.grace_period()


def _refcounts() -> None:
    from tdplib.machine.refcount import Refcount

    count = Refcount(1)
    for operation in (count.inc, count.inc_not_zero, count.dec_and_test):
        with suppress(TdplibError):
            operation()
    count.set(2)


def _search() -> None:
    from tdplib import check, replay
    from tdplib.guard import guard
    from tdplib.outlook import outlook
    from tdplib.replay import Session

    # The first is large enough for the hash table to grow; the second ends in a deadlock, whose
    # shortest trace is found by kernels of its own.
    for name in ("patch-22-skip-invalid", "flush-under-mmu-lock"):
        verdict = check(name)
        verdict.coverage()
        verdict.another()
        verdict.statistics()
        if verdict.trace is not None:
            replay(verdict.trace.code)
    guard("def invariant(kvm):\n    return not kvm.arch.mmu_valid_gen\n", scenario="small")
    outlook(Session("lost-update"))
    check("mark-xchg").endless  # noqa: B018 (asking for it is what takes the kernel)
