"""
The tree below a root as it is at one moment: each table as ranges of like entries.

A table of 512 entries is seldom more than a few ranges. Two neighbours belong to one range if both
are nothing, both are REMOVED, or both are leaves of which the second maps the next pages with the
same bits. An SPTE that leads to a table is a range of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tdplib.errors import check_int
from tdplib.machine.pagetable import PageTables
from tdplib.machine.results import Counts
from tdplib.words import spte
from tdplib.words.gfn import Geometry

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Path", "Range", "Table", "Tree", "entries_text", "letters", "range_words", "snapshot"]

Path = tuple[int, ...]
"""Where a table stands: the indices on the way to it from its root, whose path is ``()``."""

MOST_LINES = 120
"""A longer text of a tree is cut off, in sight."""
MOST_TABLES = 1024
"""Of a larger tree the tables farthest from the root are counted and not read."""


@dataclass(frozen=True)
class Range:
    """Like entries `first` to `last` of one table."""

    first: int
    last: int
    kind: str
    """"nothing", "removed", "other" (not present, but not 0 either), "table" or "leaf"."""
    word: int
    """The SPTE at `first`."""

    @property
    def size(self) -> int:
        """How many entries it has."""
        return self.last - self.first + 1

    def part(self, first: int, last: int, pages: int) -> Range:
        """Return its entries `first` to `last`; each maps `pages` pages if it is a leaf."""
        step = (first - self.first) * (pages << spte.PFN_SHIFT) if self.kind == "leaf" else 0
        return Range(first, last, self.kind, self.word + step)


@dataclass(frozen=True)
class Table:
    """One table: where it stands, its number in the pool, its level, its ranges in order."""

    path: Path
    number: int
    level: int
    ranges: tuple[Range, ...]

    def at(self, index: int) -> Range:
        """Return the range that holds entry `index`."""
        return next(one for one in self.ranges if one.first <= index <= one.last)


@dataclass(frozen=True, repr=False)
class Tree:
    """
    The tree below a root, as it was when `snapshot` was called; `repr` is the tree as text.

    Examples
    --------
    >>> pool = PageTables()
    >>> root = pool.new_root()
    >>> _ = pool.map(root, range(0x10, 0x20), range(0x100, 0x110))
    >>> print(pool.snapshot(root))
    root, table 1: level 4, an SPTE covers 512G
      [0] -> table 2, level 3
        [0] -> table 3, level 2
          [0] -> table 4, level 1
            [0..15] not present
            [16..31] 16 leaves of 4K, RWX, gfn 0x10..0x1f -> pfn 0x100..0x10f
            [32..511] not present
          [1..511] not present
        [1..511] not present
      [1..511] not present
    """

    geometry: Geometry
    root: int
    role: int
    tables: Mapping[Path, Table]
    """Path -> table, breadth first, the root's own first."""
    counts: Counts
    """How many SPTEs of each kind the whole tree has."""
    waiting: frozenset[int]
    """Numbers of the tables that were cut off from any root and wait for a grace period."""

    @property
    def unread(self) -> int:
        """How many tables it has beyond those in `tables`."""
        return self.counts.tables - len(self.tables)

    def __repr__(self) -> str:
        lines = list(self._lines(self.tables[()], ""))
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = [f"... and {len(lines) - MOST_LINES} more ranges"]
        if self.unread:
            lines.append(f"... and {self.unread} more tables")
        return "\n".join(lines)

    def _lines(self, table: Table, indent: str) -> Iterator[str]:
        if not table.path:
            covers = self.geometry.span(table.level)
            yield f"root, table {table.number}: level {table.level}, an SPTE covers {covers}"
        for one in table.ranges:
            below = self.tables.get((*table.path, one.first)) if one.kind == "table" else None
            words = ", ".join(range_words(self.geometry, table, one))
            level = f", level {table.level - 1}" if one.kind == "table" else ""
            yield f"{indent}  {entries_text(one)} {words}{level}"
            if below:
                yield from self._lines(below, indent + "  ")

    def way(self, gfn: int) -> list[tuple[Table, int]]:
        """Return the tables on the way to `gfn`, root first, each with the index taken there."""
        found: list[tuple[Table, int]] = []
        for index in self.geometry.indices(gfn):
            table = self.tables.get(tuple(index for _, index in found))
            if table is None:
                break
            found.append((table, index))
        return found


def entries_text(one: Range) -> str:
    """Return the indices of a range: ``[7]`` or ``[0..6]``."""
    return f"[{one.first}]" if one.size == 1 else f"[{one.first}..{one.last}]"


def letters(word: int) -> str:
    """Return what a leaf allows, and in letters of their own what the processor has noted."""
    fields = spte.unpack(word)
    names = {"read": "R", "writable": "W", "execute": "X"}
    allowed = "".join(short for name, short in names.items() if fields[name])
    seen = "".join(f" {name[0].upper()}" for name in ("accessed", "dirty") if fields[name])
    return (allowed or "access-tracked") + seen


def range_words(geometry: Geometry, table: Table, one: Range) -> list[str]:
    """Return what a range of `table` holds, in one line or two; without its indices."""
    if one.kind == "table":
        return [f"-> table {spte.spte_to_pfn(one.word)}"]
    if one.kind == "other":
        return [f"not present, {one.word:#x}"]
    if one.kind != "leaf":
        return ["REMOVED" if one.kind == "removed" else "not present"]
    pages, pfn = geometry.pages(table.level), spte.spte_to_pfn(one.word)
    gfn = geometry.gfn((*table.path, one.first))
    what = f"{one.size} leaves of" if one.size > 1 else "leaf of"
    covered = one.size * pages
    return [
        f"{what} {geometry.span(table.level)}, {letters(one.word)}",
        f"gfn {_span(gfn, covered)} -> pfn {_span(pfn, covered)}",
    ]


def _span(first: int, pages: int) -> str:
    return f"{first:#x}" if pages == 1 else f"{first:#x}..{first + pages - 1:#x}"


def snapshot(tables: PageTables, root: int, *, max_tables: int = MOST_TABLES) -> Tree:
    """
    Return the tree below `root` as it is now; what happens to the tables later does not change it.

    max_tables : 1 or more; tables beyond are only counted
    """
    max_tables = check_int("max_tables", max_tables, 1, 1 << 24)
    counts, geometry = tables.count(root), tables.geometry
    head, _, sptes = tables._pool
    found: dict[Path, Table] = {}
    todo: list[tuple[Path, int]] = [((), root)]
    for path, number in todo:  # it grows meanwhile
        level = geometry.levels - len(path)
        words = sptes[number << geometry.bits : (number + 1) << geometry.bits]
        found[path] = Table(path, number, level, tuple(_ranges(words, level, geometry)))
        below = [one for one in found[path].ranges if one.kind == "table"]
        room = max_tables - len(todo)
        todo += [((*path, one.first), spte.spte_to_pfn(one.word)) for one in below[:room]]
    waiting = frozenset(head[-tables.waiting :].tolist() if tables.waiting else ())
    return Tree(geometry, root, tables.role(root), found, counts, waiting)


def _ranges(words: np.ndarray, level: int, geometry: Geometry) -> Iterator[Range]:
    """Yield the ranges of one table: its int64 SPTEs, compared to what would go on from before."""
    import numpy as np

    present = words & spte.SPTE_MMU_PRESENT_MASK != 0
    leaf = present & ((words & spte.PT_PAGE_SIZE_MASK != 0) | (level == 1))
    step = geometry.pages(level) << spte.PFN_SHIFT
    going_on = np.where(leaf, words - np.arange(len(words)) * step, words)
    new = (going_on[1:] != going_on[:-1]) | (leaf[1:] != leaf[:-1]) | (present & ~leaf)[1:]
    starts = np.flatnonzero(np.concatenate(([True], new)))
    ends = np.append(starts[1:], len(words)) - 1
    for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
        word = int(words[first]) & (1 << 64) - 1
        yield Range(first, last, _kind(word, bool(leaf[first])), word)


def _kind(word: int, leaf: bool) -> str:
    if spte.is_shadow_present_pte(word):
        return "leaf" if leaf else "table"
    return "removed" if spte.is_removed_spte(word) else "other" if word else "nothing"
