"""
Guest frame numbers and the levels of a page table, for any geometry.

A gfn is a guest physical address without its 12 low bits. A table of level L has
``2**bits`` entries; each maps ``2**(bits*(L-1))`` pages. The real geometry has 9 bits per
level (512 entries) and 4 or 5 levels: KVM numbers PG_LEVEL 1 = 4K ... 5 = 256T, and its largest
leaf is 1G (KVM_MAX_HUGEPAGE_LEVEL; spte.h, 5.18 cycle).

::

    gfn of 4 levels x 9 bits   | 35 .. 27 | 26 .. 18 | 17 ..  9 |  8 ..  0 |
    index in the table of level|     4    |     3    |     2    |     1    |

Examples
--------
>>> FOUR_LEVELS.shift(3), FOUR_LEVELS.pages(2), FOUR_LEVELS.indices(0x12345)
(30, 512, (0, 0, 145, 325))
"""

from __future__ import annotations

from dataclasses import dataclass

from tdplib.errors import BadValueError, check_int

__all__ = [
    "FIVE_LEVELS",
    "FOUR_LEVELS",
    "KVM_MAX_HUGEPAGE_LEVEL",
    "PAGE_SHIFT",
    "PG_LEVEL_1G",
    "PG_LEVEL_2M",
    "PG_LEVEL_4K",
    "PG_LEVEL_256T",
    "PG_LEVEL_512G",
    "PT64_ROOT_MAX_LEVEL",
    "Geometry",
    "level_name",
]

PAGE_SHIFT = 12
"""Bits of a byte address within a 4K page."""
PG_LEVEL_4K = 1
PG_LEVEL_2M = 2
PG_LEVEL_1G = 3
PG_LEVEL_512G = 4
PG_LEVEL_256T = 5
KVM_MAX_HUGEPAGE_LEVEL = PG_LEVEL_1G
"""Highest level at which KVM puts a leaf."""
PT64_ROOT_MAX_LEVEL = 5
"""Highest level of a root."""

_NAMES = {
    PG_LEVEL_4K: "4K",
    PG_LEVEL_2M: "2M",
    PG_LEVEL_1G: "1G",
    PG_LEVEL_512G: "512G",
    PG_LEVEL_256T: "256T",
}


def level_name(level: int) -> str:
    """
    Return what one SPTE of `level` (1..5) maps when tables have 512 entries: "4K" ... "256T".

    >>> level_name(3)
    '1G'
    """
    return _NAMES[check_int("level", level, PG_LEVEL_4K, PG_LEVEL_256T)]


@dataclass(frozen=True)
class Geometry:
    """
    The shape of a page table: `levels` (1..5) of ``2**bits`` entries (bits 1..9).

    `FOUR_LEVELS` and `FIVE_LEVELS` are the real ones. Tiny ones, such as ``Geometry(2, 1)`` with
    two levels of two entries, are for exploring every interleaving. A leaf may lie at level
    `max_leaf_level` or below: 1G in a real table, never in the root unless it is the only level.

    Raises `BadValueError` for a shape out of range.
    """

    levels: int
    bits: int = 9

    def __post_init__(self) -> None:
        check_int("levels", self.levels, 1, PT64_ROOT_MAX_LEVEL)
        check_int("bits", self.bits, 1, 9)

    @property
    def entries(self) -> int:
        """Entries in one table."""
        return 1 << self.bits

    @property
    def gfns(self) -> int:
        """How many gfns a root maps; the valid ones are ``0 .. gfns - 1``."""
        return 1 << (self.bits * self.levels)

    @property
    def max_leaf_level(self) -> int:
        """The highest level a leaf may have: 3 (1G) at most, and below the root."""
        return min(KVM_MAX_HUGEPAGE_LEVEL, max(1, self.levels - 1))

    def check_level(self, level: int, name: str = "level") -> int:
        """Return `level` if it is in 1..levels, else raise `BadValueError`."""
        return check_int(name, level, 1, self.levels)

    def check_leaf_level(self, level: int) -> int:
        """Return `level` if a leaf may lie there, else raise `BadValueError`."""
        return check_int("level of a leaf", level, 1, self.max_leaf_level)

    def check_gfn(self, gfn: int) -> int:
        """Return `gfn` if this geometry maps it, else raise `BadValueError`."""
        return check_int("gfn", gfn, 0, self.gfns - 1)

    def shift(self, level: int) -> int:
        """Return the lowest address bit that indexes a table of `level`: 12 + bits*(level-1)."""
        return PAGE_SHIFT + self.bits * (self.check_level(level) - 1)

    def pages(self, level: int) -> int:
        """Return how many 4K pages one SPTE of `level` maps: 1, 512, 262144 ... at 9 bits."""
        return 1 << (self.bits * (self.check_level(level) - 1))

    def index(self, gfn: int, level: int) -> int:
        """Return which entry of the table of `level` leads to `gfn`."""
        return (self.check_gfn(gfn) >> (self.bits * (self.check_level(level) - 1))) & (
            self.entries - 1
        )

    def indices(self, gfn: int) -> tuple[int, ...]:
        """Return the indices on the way from the root (first) to level 1 (last)."""
        return tuple(self.index(gfn, level) for level in range(self.levels, 0, -1))

    def gfn(self, indices: tuple[int, ...]) -> int:
        """Return the gfn reached by `indices`, root first, missing ones 0 (undoes `indices`)."""
        if len(indices) > self.levels:
            raise BadValueError(f"{len(indices)} indices {indices}, at most {self.levels} fit")
        gfn = 0
        for position, index in enumerate(indices):
            index = check_int(f"indices[{position}]", index, 0, self.entries - 1)
            gfn |= index << (self.bits * (self.levels - 1 - position))
        return gfn

    def base(self, gfn: int, level: int) -> int:
        """Return the first gfn of the SPTE of `level` that maps `gfn`."""
        return self.check_gfn(gfn) & -self.pages(level)

    def span(self, level: int) -> str:
        """
        Return what one SPTE of `level` maps, as text.

        >>> FOUR_LEVELS.span(2), Geometry(2, 1).span(2)
        ('2M', '2 pages')
        """
        if self.bits == 9:
            return level_name(self.check_level(level))
        pages = self.pages(level)
        return "1 page" if pages == 1 else f"{pages} pages"


FOUR_LEVELS = Geometry(4)
"""Four levels of 512 entries: 2**36 gfns, 48-bit guest physical addresses."""
FIVE_LEVELS = Geometry(5)
"""Five levels of 512 entries: 2**45 gfns, 57-bit guest physical addresses."""
