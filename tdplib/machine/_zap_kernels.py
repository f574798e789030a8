"""Page tables as arrays (see `_pagetable_kernels`): zap a root or a range, count, list runs."""

from __future__ import annotations

from tdplib._jit import kernel
from tdplib.machine._pagetable_kernels import (
    H_BITS,
    H_LEVELS,
    LARGE,
    LARGEST,
    LEAVES,
    PFN_MASK,
    PFN_SHIFT,
    PRESENT,
    REMOVED,
    SP_GFN,
    SP_PTEP,
    STEPS,
    TABLES,
    find,
    remove_tables,
)

LEAF_ROW, NONLEAF_ROW, FROZEN_ROW, OTHER_ROW = 0, 1, 2, 3
RUN_GFN, RUN_PAGES, RUN_LEVEL, RUN_SPTE = 0, 1, 2, 3


@kernel
def zap_pass(head, sp, spt, root, zap_level, shared, tally):
    """
    Clear every present SPTE of `zap_level` below `root`, and with it all that hangs below.

    Present SPTEs above that level are walked through, large leaves among them left alone;
    what is not present is skipped, REMOVED too. Each SPTE cleared is one step, between which
    the kernel may yield.

    head, sp, spt : the pool; modified in place
    root : a root table
    zap_level : 1 <= zap_level <= levels
    shared : bool, whether mmu_lock would be held for read
    tally : int64[TALLY_SIZE]; modified in place: STEPS, LARGEST (most present SPTEs dropped in one
        step), and as remove_tables does
    """
    bits = head[H_BITS]
    entries = 1 << bits
    level = head[H_LEVELS]
    table = root
    index = 0
    largest = 0
    while True:
        while index < entries:
            slot = (table << bits) + index
            old = spt[slot]
            if (old & PRESENT) == 0:
                index += 1
            elif level > zap_level:
                if (old & LARGE) != 0:
                    index += 1
                else:
                    table = (old >> PFN_SHIFT) & PFN_MASK
                    level -= 1
                    index = 0
            else:
                spt[slot] = 0
                tally[STEPS] += 1
                dropped = 1
                if level == 1 or (old & LARGE) != 0:
                    tally[LEAVES] += 1
                else:
                    before = tally[LEAVES] + tally[TABLES]
                    remove_tables(head, sp, spt, (old >> PFN_SHIFT) & PFN_MASK, shared, tally)
                    dropped = tally[LEAVES] + tally[TABLES] - before
                largest = max(largest, dropped)
                index += 1
        if level == head[H_LEVELS]:
            tally[LARGEST] = max(tally[LARGEST], largest)
            return
        ptep = sp[table, SP_PTEP]
        table = ptep >> bits
        index = (ptep & (entries - 1)) + 1
        level += 1


@kernel
def zap_leafs(head, spt, root, start, end, tally):
    """
    Clear every leaf that maps a gfn of start..end-1; leave all tables in place.

    head, spt : the pool; spt is modified in place
    root : a root table
    start, end : 0 <= start <= end <= 2**(bits * levels)
    tally : int64[TALLY_SIZE]; modified in place: STEPS, LEAVES, LARGEST
    """
    bits = head[H_BITS]
    gfn = start
    while gfn < end:
        slot, level = find(head, spt, root, gfn, 1)
        if (spt[slot] & PRESENT) != 0:
            spt[slot] = 0
            tally[STEPS] += 1
            tally[LEAVES] += 1
            tally[LARGEST] = max(tally[LARGEST], 1)
        span = 1 << (bits * (level - 1))
        gfn = (gfn & -span) + span


@kernel
def count(head, sp, spt, root, counts):
    """
    Count the SPTEs of a tree by level and kind.

    head, sp, spt : the pool
    root : a root table
    counts : int64[levels + 1, 4]; row = level, column = LEAF_ROW, NONLEAF_ROW, FROZEN_ROW or
        OTHER_ROW (neither 0 nor present nor REMOVED); grows in place
    """
    bits = head[H_BITS]
    entries = 1 << bits
    level = head[H_LEVELS]
    table = root
    index = 0
    while True:
        while index < entries:
            old = spt[(table << bits) + index]
            index += 1
            if (old & PRESENT) == 0:
                if old != 0:
                    counts[level, FROZEN_ROW if old == REMOVED else OTHER_ROW] += 1
            elif level == 1 or (old & LARGE) != 0:
                counts[level, LEAF_ROW] += 1
            else:
                counts[level, NONLEAF_ROW] += 1
                table = (old >> PFN_SHIFT) & PFN_MASK
                level -= 1
                index = 0
        if level == head[H_LEVELS]:
            return
        ptep = sp[table, SP_PTEP]
        table = ptep >> bits
        index = (ptep & (entries - 1)) + 1
        level += 1


@kernel
def list_runs(head, sp, spt, root, runs):
    """
    List what a tree holds in order of gfn, neighbours that continue one another as one run.

    A run is of leaves of one level whose gfns and pfns both go on and whose other bits are equal,
    or of equal words that are neither 0 nor present. Return the number of runs; those
    beyond the buffer are counted, not stored.

    head, sp, spt : the pool
    root : a root table
    runs : int64[n, 4]; rows RUN_GFN, RUN_PAGES, RUN_LEVEL, RUN_SPTE (of the first) are overwritten
    """
    bits = head[H_BITS]
    entries = 1 << bits
    level = head[H_LEVELS]
    table = root
    index = 0
    found = 0
    next_gfn = -1
    next_spte = 0
    run_level = 0
    while True:
        while index < entries:
            old = spt[(table << bits) + index]
            span = 1 << (bits * (level - 1))
            gfn = sp[table, SP_GFN] + index * span
            index += 1
            if old == 0:
                continue
            present = (old & PRESENT) != 0
            if present and level > 1 and (old & LARGE) == 0:
                table = (old >> PFN_SHIFT) & PFN_MASK
                level -= 1
                index = 0
                continue
            if gfn != next_gfn or old != next_spte or level != run_level:
                found += 1
                run_level = level
                if found <= runs.shape[0]:
                    runs[found - 1, RUN_GFN] = gfn
                    runs[found - 1, RUN_PAGES] = 0
                    runs[found - 1, RUN_LEVEL] = level
                    runs[found - 1, RUN_SPTE] = old
            if found <= runs.shape[0]:
                runs[found - 1, RUN_PAGES] += span
            next_gfn = gfn + span
            next_spte = old + (span << PFN_SHIFT) if present else old
        if level == head[H_LEVELS]:
            return found
        ptep = sp[table, SP_PTEP]
        table = ptep >> bits
        index = (ptep & (entries - 1)) + 1
        level += 1
