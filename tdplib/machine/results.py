"""What the operations on page tables return and raise."""

from __future__ import annotations

from dataclasses import dataclass

from tdplib.errors import TdplibError
from tdplib.words import spte
from tdplib.words.gfn import level_name

__all__ = [
    "Counts",
    "FrozenSpteError",
    "MapResult",
    "NoLargeLeafError",
    "OutOfTablesError",
    "WalkStep",
    "ZapPass",
    "ZapResult",
]


class OutOfTablesError(TdplibError):
    """The pool holds as many page tables as it may; what was done by then stays done."""


class FrozenSpteError(TdplibError):
    """
    A REMOVED SPTE is in the way, which only the one who put it there may replace.

    The kernel's fault would give up and be retried (RET_PF_RETRY). `gfn` is where it stopped,
    `done` how many of the mappings asked for were finished before.
    """

    def __init__(self, gfn: int, done: int = 0) -> None:
        self.gfn = gfn
        self.done = done
        super().__init__(
            f"gfn {gfn:#x}: a REMOVED SPTE is in the way ({done} mappings were done before); "
            "the kernel would retry the fault, here thaw() ends the freeze"
        )


class NoLargeLeafError(TdplibError):
    """There is no large leaf to split at this gfn."""


@dataclass(frozen=True)
class MapResult:
    """What a `map` did, in numbers of SPTEs."""

    new: int
    """Leaves put where nothing was present."""
    same: int
    """Leaves that were there already, word for word: spurious faults."""
    replaced: int
    """Present SPTEs that gave way: large leaves to a table, tables or other leaves to a leaf."""
    tables_made: int
    tables_removed: int


@dataclass(frozen=True)
class WalkStep:
    """One SPTE on the way from a root to a gfn."""

    level: int
    table: int
    index: int
    """0 <= index < entries of a table."""
    spte: int

    def __str__(self) -> str:
        return f"level {self.level}: table {self.table}[{self.index}] = {self.describe()}"

    def describe(self) -> str:
        """Return the SPTE in words, level names as for 512 entries a table."""
        return spte.describe(self.spte, self.level)


@dataclass(frozen=True)
class ZapPass:
    """What one pass of a zap did. Between two steps the kernel may yield, within one it may not."""

    level: int
    """SPTEs of this level were cleared."""
    steps: int
    """SPTEs cleared by the walker itself."""
    leaves: int
    """Leaf SPTEs dropped, those in tables cut off included."""
    tables: int
    """Page tables cut off, which now wait for a grace period."""
    largest_step: int
    """Most present SPTEs dropped in one step: the longest stretch without a chance to yield."""
    spins: int
    """REMOVED SPTEs met in tables cut off; the kernel would spin at each for its owner."""

    def __str__(self) -> str:
        return (
            f"level {self.level} ({level_name(self.level)}): {_many(self.steps, 'step')}, "
            f"{_many(self.leaves, 'leaf', 'leaves')} and {_many(self.tables, 'table')} dropped, "
            f"at most {_many(self.largest_step, 'SPTE')} in a step"
        )


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


@dataclass(frozen=True)
class ZapResult:
    """What a zap of a root did, pass by pass."""

    version: str
    passes: tuple[ZapPass, ...]

    @property
    def leaves(self) -> int:
        """Leaf SPTEs dropped in all."""
        return sum(one.leaves for one in self.passes)

    @property
    def tables(self) -> int:
        """Page tables cut off in all."""
        return sum(one.tables for one in self.passes)

    @property
    def largest_step(self) -> int:
        """Most present SPTEs dropped in any one step."""
        return max(one.largest_step for one in self.passes)

    def __str__(self) -> str:
        return "\n".join([f"zap as in {self.version}:", *(f"  {one}" for one in self.passes)])


@dataclass(frozen=True)
class Counts:
    """How many SPTEs of each kind a tree has, by level."""

    leaves: dict[int, int]
    """level -> present leaves"""
    nonleaves: dict[int, int]
    """level -> present SPTEs that point to a table"""
    frozen: dict[int, int]
    """level -> REMOVED SPTEs"""
    other: dict[int, int]
    """level -> SPTEs neither 0, nor present, nor REMOVED"""

    @property
    def present(self) -> int:
        """Present SPTEs of every level and kind; 0 once a root is zapped."""
        return sum(self.leaves.values()) + sum(self.nonleaves.values())

    @property
    def tables(self) -> int:
        """Page tables of the tree, the root included."""
        return 1 + sum(self.nonleaves.values())
