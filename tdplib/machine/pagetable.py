"""
Page tables of any geometry: trees of SPTEs as the TDP MMU builds, walks, splits and zaps them.

A `PageTables` is a pool of tables of one geometry that any number of roots share: the real one
(4 or 5 levels of 512 entries) or a tiny one (1-2 levels of 2-4 entries). The same kernels serve
both. A table's number in the pool stands as pfn in the SPTE that points to it.

Only one actor is at work: nothing here races. Locks, RCU readers and protocols belong to the
machine that explores interleavings; here the tables cut off wait until `grace_period` is called.

How a root is zapped changed with time; each pass clears the present SPTEs of one level, and with
each such SPTE everything below it, in one step within which the kernel cannot yield:

============= =========================== ==========================================================
version       passes at level             why (source)
============= =========================== ==========================================================
22b94c4b63eb  root                        recursion does the rest (tdp_mmu.c: tdp_mmu_zap_root)
v5.18         1G, root                    long recursion stalled RCU; a 1G table must be droppable
                                          anyway, for a 1G page in its place (1b6043e8e584)
v6.9          4K, 2M, 1G, root            to yield sooner (8ca983631f3c)
v6.9-prove    1G, root                    the same, built with CONFIG_KVM_PROVE_MMU
============= =========================== ==========================================================

Examples
--------
>>> pool = PageTables()
>>> root = pool.new_root()
>>> pool.map(root, range(1024)).tables_made
4
>>> pool.walk(root, 513)[-1].index
1
>>> print(pool.zap_root(root))
zap as in v5.18:
  level 3 (1G): 1 step, 1024 leaves and 3 tables dropped, at most 1027 SPTEs in a step
  level 4 (512G): 1 step, 0 leaves and 1 table dropped, at most 1 SPTE in a step
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tdplib.errors import BadValueError, check_int, nearest
from tdplib.machine.results import (
    Counts,
    FrozenSpteError,
    MapResult,
    NoLargeLeafError,
    OutOfTablesError,
    WalkStep,
    ZapPass,
    ZapResult,
)
from tdplib.words import role, spte
from tdplib.words.gfn import FOUR_LEVELS, PG_LEVEL_1G, PG_LEVEL_2M, PG_LEVEL_4K, Geometry

if TYPE_CHECKING:
    import numpy as np

    from tdplib.machine.tree import Tree

__all__ = ["ROOT_LEVEL", "ZAP_PASSES", "PageTables", "zap_levels"]

ROOT_LEVEL = 0
"""Stands in `ZAP_PASSES` for the level of the root itself."""

ZAP_PASSES: dict[str, tuple[int, ...]] = {
    "22b94c4b63eb": (ROOT_LEVEL,),
    "v5.18": (PG_LEVEL_1G, ROOT_LEVEL),
    "v6.9": (PG_LEVEL_4K, PG_LEVEL_2M, PG_LEVEL_1G, ROOT_LEVEL),
    "v6.9-prove": (PG_LEVEL_1G, ROOT_LEVEL),
}
"""Version -> levels of the passes that zap a root, in order."""

_FIRST_TABLES = 64


def zap_levels(version: str, geometry: Geometry = FOUR_LEVELS) -> tuple[int, ...]:
    """
    Return the levels of the passes by which `version` zaps a root of that geometry.

    In a tiny geometry the passes at or above the root are one, the root's own.

    >>> zap_levels("v6.9"), zap_levels("v6.9", Geometry(2, 1))
    ((1, 2, 3, 4), (1, 2))
    """
    if version not in ZAP_PASSES:
        raise BadValueError(f"no zap is known as {version!r}{nearest(version, ZAP_PASSES)}")
    below = [level for level in ZAP_PASSES[version] if 0 < level < geometry.levels]
    return (*below, geometry.levels)


class PageTables:
    """
    A pool of page tables of one `geometry`, which grows up to `max_tables` as it is used.

    A table of 512 entries takes 4 KiB, so the default bound is 1 GiB. Roots are known by their
    table number, an int. Gfns are 0 .. geometry.gfns - 1, pfns 0 .. 2**40 - 1, SPTEs are EPT ones.

    Every method raises `BadValueError` for an argument out of range or a root that is none.
    """

    def __init__(self, geometry: Geometry = FOUR_LEVELS, *, max_tables: int = 1 << 18) -> None:
        self.geometry = geometry
        self.max_tables = check_int("max_tables", max_tables, 1, 1 << 24)
        self._roots: list[int] = []
        self._allocate(min(_FIRST_TABLES, self.max_tables))

    # --- roots ---

    @property
    def roots(self) -> tuple[int, ...]:
        """The table numbers of all roots, oldest first."""
        return tuple(self._roots)

    @property
    def pages(self) -> int:
        """How many non-root tables are linked into some tree (kvm->arch.tdp_mmu_pages)."""
        return int(self._head[_kernels().H_PAGES])

    @property
    def waiting(self) -> int:
        """How many tables were cut off and wait for `grace_period`."""
        return int(self._head[_kernels().H_PENDING])

    def new_root(self, smm: int = 0) -> int:
        """
        Return a new, empty root for address space `smm` (0 or 1).

        Raises `OutOfTablesError` where the pool is full.
        """
        word = role.root_role(self.geometry.levels, smm=smm)
        while not (root := int(_kernels().alloc_table(*self._pool, word, 0, -1))):
            self._grow()
        self._roots.append(root)
        return root

    def role(self, table: int) -> int:
        """Return the role word (layout of v5.18) of a table in use."""
        table = check_int("table", table, 1, len(self._sp) - 1)
        return int(self._sp[table, _kernels().SP_ROLE])

    def mark_invalid(self, root: int) -> bool:
        """Set `invalid` in a root's role word; return whether it was set before."""
        root = self._check_root(root)
        before = self.role(root)
        self._sp[root, _kernels().SP_ROLE] = role.mark_invalid(before)
        return role.is_invalid(before)

    def free_root(self, root: int) -> None:
        """
        Give up a root; its table waits for a grace period.

        Raises `BadValueError` where it still has present SPTEs, which would leak their tables.
        """
        root = self._check_root(root)
        if left := self.count(root).present:
            raise BadValueError(f"root {root} still has {left} present SPTEs; zap it first")
        self._roots.remove(root)
        # A root is no page of the counter that remove_tables lowers.
        self._head[_kernels().H_PAGES] += 1
        _kernels().remove_tables(*self._pool, root, True, self._tally())

    def grace_period(self) -> int:
        """Free the tables that were cut off before, as call_rcu does; return how many."""
        return int(_kernels().end_grace_period(self._head))

    # --- mapping and walking ---

    def map(
        self,
        root: int,
        gfns: int | Iterable[int],
        pfns: int | Iterable[int] | None = None,
        *,
        level: int = 1,
        writable: bool = True,
    ) -> MapResult:
        """
        Map every gfn to the pfn beside it, with leaves of `level` (1..geometry.max_leaf_level).

        gfns, pfns : ints or arrays of equal length, multiples of what `level` maps; without
            pfns each gfn is mapped to the pfn of equal number.

        A large leaf in the way gives place to a table, with only the new leaf in it; a table in
        the place of a large leaf is cut off.

        Raises `FrozenSpteError` at a REMOVED SPTE and `OutOfTablesError` where the pool is full;
        what was mapped by then stays.
        """
        root = self._check_root(root)
        level = self.geometry.check_leaf_level(level)
        span = self.geometry.pages(level)
        gfn = _numbers("gfns", gfns, self.geometry.gfns, span)
        pfn = _numbers("pfns", gfn if pfns is None else pfns, 1 << spte.PFN_BITS, span)
        if gfn.shape != pfn.shape:
            raise BadValueError(f"{gfn.size} gfns, but {pfn.size} pfns")
        k, tally, before = _kernels(), self._tally(), self.pages
        leaf = spte.leaf(0, level, writable=writable)
        while (code := k.map_many(*self._pool, root, gfn, pfn, leaf, level, tally)) == k.NO_TABLE:
            self._grow()
        if code == k.FROZEN:
            raise FrozenSpteError(int(gfn[tally[k.DONE]]), int(tally[k.DONE]))
        new, same, replaced, removed = (
            int(tally[i]) for i in (k.NEW, k.SAME, k.REPLACED, k.TABLES)
        )
        return MapResult(new, same, replaced, self.pages - before + removed, removed)

    def lookup(self, root: int, gfns: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """
        Return for every gfn the SPTE the walk ends at (uint64) and its level (int8).

        A gfn is mapped if bit 11 of that SPTE is set.
        """
        import numpy as np

        root = self._check_root(root)
        gfn = _numbers("gfns", gfns, self.geometry.gfns, 1)
        sptes, levels = np.zeros(gfn.size, np.int64), np.zeros(gfn.size, np.int8)
        _kernels().walk_many(self._head, self._spt, root, gfn, sptes, levels)
        return sptes.view(np.uint64), levels

    def walk(self, root: int, gfn: int) -> tuple[WalkStep, ...]:
        """Return the SPTEs on the way to `gfn`, root first; the last is a leaf or not present."""
        import numpy as np

        root, gfn = self._check_root(root), self.geometry.check_gfn(gfn)
        path = np.zeros((self.geometry.levels, 3), np.int64)
        steps = _kernels().walk_path(self._head, self._spt, root, gfn, path)
        bits, last = self.geometry.bits, self.geometry.entries - 1
        return tuple(
            WalkStep(level, slot >> bits, slot & last, word)
            for level, slot, word in path[:steps].tolist()
        )

    # --- changing what is there ---

    def split(self, root: int, gfn: int) -> int:
        """
        Split the large leaf that maps `gfn` into a table of leaves one level down.

        Returns the level of the new leaves. Raises `NoLargeLeafError` if none maps gfn.
        """
        root, gfn = self._check_root(root), self.geometry.check_gfn(gfn)
        k = _kernels()
        while (code := k.split_leaf(*self._pool, root, gfn, self._tally())) == k.NO_TABLE:
            self._grow()
        last = self.walk(root, gfn)[-1]
        if code == k.NO_LEAF:
            raise NoLargeLeafError(f"gfn {gfn:#x} has no large leaf: {last}")
        return last.level

    def freeze(self, root: int, gfn: int, level: int = 1) -> int:
        """
        Put REMOVED_SPTE (FROZEN_SPTE later) in place of the SPTE of `level` for `gfn`.

        A table it pointed to is cut off. Nobody maps anything there until `thaw`. Returns the
        SPTE replaced. Raises `FrozenSpteError` where REMOVED stands already, `BadValueError`
        where the tree ends above that level.
        """
        root, gfn = self._check_root(root), self.geometry.check_gfn(gfn)
        level = self.geometry.check_level(level)
        last = self.walk(root, gfn)[: self.geometry.levels - level + 1][-1]
        k = _kernels()
        code = k.freeze(*self._pool, root, gfn, level, self._tally())
        if code == k.FROZEN:
            raise FrozenSpteError(gfn)
        if code == k.NO_LEAF:
            raise BadValueError(f"gfn {gfn:#x} has no SPTE of level {level}: {last}")
        return last.spte

    def thaw(self, root: int, gfn: int) -> None:
        """Replace the REMOVED SPTE on the way to `gfn` by 0; `BadValueError` if none is there."""
        last = self.walk(root, gfn)[-1]
        if not spte.is_removed_spte(last.spte):
            raise BadValueError(f"gfn {gfn:#x} is not frozen: {last}")
        self._spt[(last.table << self.geometry.bits) + last.index] = 0

    def zap_range(self, root: int, start: int, end: int) -> int:
        """
        Clear every leaf that maps a gfn of start..end-1, whatever its level; tables stay.

        Returns the number of leaves cleared. The kit's own plain form of a notifier's unmap.
        """
        root = self._check_root(root)
        end = check_int("end", end, 0, self.geometry.gfns)
        start = check_int("start", start, 0, end)
        tally = self._tally()
        _zap_kernels().zap_leafs(self._head, self._spt, root, start, end, tally)
        return int(tally[_kernels().LEAVES])

    def zap_root(self, root: int, version: str = "v5.18", *, shared: bool = True) -> ZapResult:
        """
        Clear every present SPTE of a root, in the passes of that kernel version.

        shared : as with mmu_lock held for read, which leaves REMOVED in every SPTE of a table cut
            off; held for write only in those that were present.

        The root itself stays; see `free_root`.
        """
        root = self._check_root(root)
        passes = []
        for level in zap_levels(version, self.geometry):
            tally = self._tally()
            _zap_kernels().zap_pass(*self._pool, root, level, bool(shared), tally)
            passes.append(_zap_pass(level, tally))
        return ZapResult(version, tuple(passes))

    def count(self, root: int) -> Counts:
        """Return how many SPTEs of each kind the tree has, by level."""
        import numpy as np

        root = self._check_root(root)
        rows = np.zeros((self.geometry.levels + 1, 4), np.int64)
        _zap_kernels().count(*self._pool, root, rows)
        levels = range(1, self.geometry.levels + 1)
        return Counts(*({level: int(rows[level, kind]) for level in levels} for kind in range(4)))

    def snapshot(self, root: int) -> Tree:
        """Return the tree below a root as it is now, to look at, to compare and to draw."""
        from tdplib.machine.tree import snapshot  # late: it knows this module

        return snapshot(self, root)

    # --- the arrays ---

    @property
    def _pool(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._head, self._sp, self._spt

    def _tally(self) -> np.ndarray:
        import numpy as np

        return np.zeros(_kernels().TALLY_SIZE, np.int64)

    def _check_root(self, root: int) -> int:
        if root not in self._roots:
            raise BadValueError(f"{root!r} is no root of this pool, which has {self._roots}")
        return int(root)

    def _allocate(self, tables: int) -> None:
        """Make an empty pool of `tables` tables; number 0 is never used."""
        import numpy as np

        k = _kernels()
        self._head = np.zeros(k.H_STACK + tables + 1, np.int64)
        self._sp = np.zeros((tables + 1, 3), np.int64)
        self._spt = np.zeros((tables + 1) << self.geometry.bits, np.int64)
        self._head[k.H_LEVELS], self._head[k.H_BITS] = self.geometry.levels, self.geometry.bits
        self._head[k.H_TABLES], self._head[k.H_FREE] = tables + 1, tables
        self._head[k.H_STACK : k.H_STACK + tables] = np.arange(tables, 0, -1)

    def _grow(self) -> None:
        """Double the pool, whose free stack is empty; all tables keep their numbers."""
        k, (head, sp, spt) = _kernels(), self._pool
        old = len(sp) - 1
        tables = min(2 * old, self.max_tables)
        if tables == old:
            raise OutOfTablesError(
                f"all {old} page tables are in use ({self.waiting} wait for RCU)"
            )
        self._allocate(tables)
        self._sp[: old + 1], self._spt[: spt.size] = sp, spt
        self._head[k.H_PENDING : k.H_STACK] = head[k.H_PENDING : k.H_STACK]
        self._head[k.H_FREE] = tables - old
        if waiting := self.waiting:
            self._head[-waiting:] = head[-waiting:]


def _kernels():
    """Return the kernel module; numba is imported when it is first needed."""
    from tdplib.machine import _pagetable_kernels

    return _pagetable_kernels


def _zap_kernels():
    from tdplib.machine import _zap_kernels

    return _zap_kernels


def _zap_pass(level: int, tally: np.ndarray) -> ZapPass:
    k = _kernels()
    kinds = (k.STEPS, k.LEAVES, k.TABLES, k.LARGEST, k.BUSY)
    return ZapPass(level, *(int(tally[kind]) for kind in kinds))


def _numbers(name: str, values: int | Iterable[int], end: int, multiple: int) -> np.ndarray:
    """Return `values` as a fresh int64 array; each must be in 0..end-1 and fit `multiple`."""
    import numpy as np

    if isinstance(values, Iterable) and not isinstance(values, np.ndarray):
        values = list(values)
    array = np.atleast_1d(np.asarray(values))
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise BadValueError(f"{name} must be integers in one dimension, not {values!r}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= end:
        raise BadValueError(
            f"{name} hold {low if low < 0 else high:#x}, must be in 0..{end - 1:#x}"
        )
    array = array.astype(np.int64)
    if multiple > 1 and (off := array[array % multiple != 0]).size:
        raise BadValueError(f"{name} hold {int(off[0]):#x}, no multiple of {multiple} pages")
    return array
