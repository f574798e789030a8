"""Compile every kernel of the machine, by one small use of each operation."""

from __future__ import annotations

from tdplib.machine.pagetable import PageTables
from tdplib.machine.refcount import Refcount
from tdplib.machine.view import describe
from tdplib.words.gfn import Geometry

__all__ = ["warm"]


def warm() -> None:
    """
    Use every kernel once, so that its machine code lies on disk.

    The types of the arguments are the same for every geometry: this compiles all there is.
    """
    count = Refcount(1)
    count.inc()
    count.inc_not_zero()
    count.dec_and_test()
    pool = PageTables(Geometry(3, 1))
    root = pool.new_root()
    pool.map(root, 0, level=2)
    pool.split(root, 0)
    pool.map(root, 0, level=2)
    pool.freeze(root, 4, level=3)
    pool.lookup(root, [0])
    pool.walk(root, 0)
    describe(pool, root)
    pool.zap_range(root, 0, 1)
    pool.zap_root(root)
    pool.grace_period()
