"""A tree of page tables in words: ranges of gfns, not rows of entries."""

from __future__ import annotations

from tdplib.errors import check_int
from tdplib.machine.pagetable import PageTables
from tdplib.words import role, spte
from tdplib.words.gfn import Geometry

__all__ = ["describe"]


def describe(tables: PageTables, root: int, *, max_runs: int = 40) -> str:
    """
    Return the tree below `root` as text: its role, its tables, and one line for each run.

    A run is of leaves of one level whose gfns and pfns go on and whose other bits are equal. Runs
    beyond `max_runs` (1..10**6) are counted in the last line.

    Examples
    --------
    >>> from tdplib.machine.pagetable import PageTables
    >>> pool = PageTables()
    >>> root = pool.new_root()
    >>> _ = pool.map(root, range(600), range(0x1000, 0x1258))
    >>> _ = pool.map(root, 0x40000, level=3)
    >>> print(describe(pool, root))
    root in table 1: level 4 (512G), direct, access 7 (ACC_ALL)
    tables: level 4: 1, level 3: 1, level 2: 1, level 1: 2
    gfn 0x0..0x257: 600 leaves of 4K to pfn 0x1000..0x1257, R W X, accessed and dirty clear, \
host-writable, MMU-writable
    gfn 0x40000..0x7ffff: 1 leaf of 1G to pfn 0x40000..0x7ffff, R W X, accessed and dirty clear, \
host-writable, MMU-writable
    """
    import numpy as np

    from tdplib.machine import _zap_kernels as kernels

    max_runs = check_int("max_runs", max_runs, 1, 10**6)
    counts = tables.count(root)
    runs = np.zeros((max_runs, 4), np.int64)
    found = kernels.list_runs(*tables._pool, root, runs)
    below = {level - 1: n for level, n in counts.nonleaves.items()}
    each = [(tables.geometry.levels, 1)] + [(n, below[n]) for n in sorted(below, reverse=True) if n]
    lines = [
        f"root in table {root}: {role.describe(tables.role(root))}",
        "tables: " + ", ".join(f"level {level}: {n}" for level, n in each),
        *(_line(tables.geometry, *row) for row in runs[:found].tolist()),
    ]
    if found > max_runs:
        lines.append(f"... and {found - max_runs} more runs")
    return "\n".join(lines) if found else "\n".join([*lines, "nothing is mapped"])


def _line(geometry: Geometry, gfn: int, pages: int, level: int, word: int) -> str:
    where = f"gfn {gfn:#x}..{gfn + pages - 1:#x}: "
    if not spte.is_shadow_present_pte(word):
        return where + f"level {level}, " + spte.describe(word, level)
    number = pages // geometry.pages(level)
    pfn = spte.spte_to_pfn(word)
    leaves = f"{number} {'leaf' if number == 1 else 'leaves'} of {geometry.span(level)}"
    return f"{where}{leaves} to pfn {pfn:#x}..{pfn + pages - 1:#x}, {spte.describe_access(word)}"
