"""
Page tables as arrays: allocate, map, walk, split, freeze. Zapping is in `_zap_kernels`.

Three int64 arrays are one pool of tables, all of the same geometry, for any number of roots:

``spt``   the entries: table t has ``spt[t << bits : (t + 1) << bits]``
``sp``    (tables, 3), the record of each table: role word, first gfn, ptep
``head``  the pool's own numbers, then the stack of free tables

Table 0 is never used. A table's number stands as pfn in the SPTE that points to it, and that
SPTE's index in `spt` is the table's ptep (-1 for a root). `head` ends in one stack of ``tables``
numbers: free tables from the bottom up, and from the top down those cut off that wait for a
grace period, as call_rcu has it.

Kernels that change a tree add what they did to `tally`, int64[TALLY_SIZE].
"""

from __future__ import annotations

from numpy import uint64

from tdplib._jit import kernel
from tdplib.words import role, spte

PRESENT = spte.SPTE_MMU_PRESENT_MASK
LARGE = spte.PT_PAGE_SIZE_MASK
REMOVED = spte.REMOVED_SPTE
PFN_SHIFT = spte.PFN_SHIFT
PFN_MASK = (1 << spte.PFN_BITS) - 1
NONLEAF = spte.nonleaf(0)
LEVEL_MASK = role.layout()["level"].mask

# head
H_LEVELS, H_BITS, H_TABLES, H_FREE, H_PENDING, H_PAGES, H_STACK = 0, 1, 2, 3, 4, 5, 8
# sp
SP_ROLE, SP_GFN, SP_PTEP = 0, 1, 2
# tally
DONE, NEW, SAME, REPLACED, STEPS, LEAVES, TABLES, LARGEST, BUSY = 0, 1, 2, 3, 4, 5, 6, 7, 8
TALLY_SIZE = 16

OK = 0
NO_TABLE = -1
FROZEN = -2
NO_LEAF = -3


@kernel
def slot_below(table, gfn, shift, bits):
    """
    Return the index in spt of the SPTE of `table` that leads to `gfn`.

    It is unsigned: numba then need not ask whether it counts from the end.

    table : a table in use
    gfn : 0 <= gfn < 2**(bits * levels)
    shift : bits * (the table's level - 1)
    bits : 1 <= bits <= 9
    """
    return uint64((table << bits) + ((gfn >> shift) & ((1 << bits) - 1)))


@kernel
def alloc_table(head, sp, spt, role_word, gfn, ptep):
    """
    Take a table from the free stack and clear it. Return its number, or 0 if there is none.

    head, sp, spt : the pool; modified in place
    role_word : int64, 0 <= role_word < 2**32
    gfn : first gfn the table maps
    ptep : index in spt of the SPTE that will point to it, -1 for a root
    """
    free = head[H_FREE]
    if free == 0:
        return 0
    table = head[H_STACK + free - 1]
    head[H_FREE] = free - 1
    bits = head[H_BITS]
    page = spt[table << bits : (table + 1) << bits]
    for index in range(page.size):
        page[index] = 0
    sp[table, SP_ROLE] = role_word
    sp[table, SP_GFN] = gfn
    sp[table, SP_PTEP] = ptep
    return table


@kernel
def link_child(head, sp, spt, table, gfn, slot):
    """
    Hang a new table into the SPTE at `slot`. Return its number, or 0 if there is none.

    head, sp, spt : the pool; modified in place
    table : the parent, of level 2 or more
    gfn : any gfn the SPTE maps
    slot : index in spt of an SPTE of that table
    """
    role_word = sp[table, SP_ROLE]
    span = 1 << (head[H_BITS] * ((role_word & LEVEL_MASK) - 1))
    # One level less is the role word less one: the level is its lowest field.
    child = alloc_table(head, sp, spt, role_word - 1, gfn & -span, slot)
    if child != 0:
        spt[slot] = NONLEAF | (child << PFN_SHIFT)
        head[H_PAGES] += 1
    return child


@kernel
def remove_tables(head, sp, spt, first, shared, tally):
    """
    Cut off the table `first` and all below it; leave REMOVED in place of what was present.

    Every SPTE of a dead table reads REMOVED afterwards (shared), or every one that was present
    (exclusive), so that a fault still walking it can install nothing. The tables then wait for
    a grace period. A REMOVED found already there is counted in tally[BUSY]: the kernel would
    spin there until its owner is done.

    head, sp, spt : the pool; modified in place
    first : a table no SPTE of the tree points to any more
    shared : bool, whether mmu_lock would be held for read
    tally : int64[TALLY_SIZE]; modified in place: LEAVES, TABLES, BUSY
    """
    bits = head[H_BITS]
    top = H_STACK + head[H_TABLES] - 1
    start = head[H_PENDING]
    done = start
    head[top - done] = first
    head[H_PENDING] += 1
    leaves = 0
    busy = 0
    # The tables cut off are the list of work as well: each is read once, its children join.
    while done < head[H_PENDING]:
        table = head[top - done]
        done += 1
        page = spt[table << bits : (table + 1) << bits]
        if sp[table, SP_ROLE] & LEVEL_MASK == 1:
            for index in range(page.size):
                old = page[index]
                leaves += (old & PRESENT) != 0
                busy += old == REMOVED
                page[index] = REMOVED if shared or (old & PRESENT) != 0 else old
            continue
        for index in range(page.size):
            old = page[index]
            busy += old == REMOVED
            if shared or (old & PRESENT) != 0:
                page[index] = REMOVED
            if (old & PRESENT) != 0:
                if (old & LARGE) != 0:
                    leaves += 1
                else:
                    head[top - head[H_PENDING]] = (old >> PFN_SHIFT) & PFN_MASK
                    head[H_PENDING] += 1
    head[H_PAGES] -= done - start
    tally[TABLES] += done - start
    tally[LEAVES] += leaves
    tally[BUSY] += busy


@kernel
def end_grace_period(head):
    """
    Give the tables that waited back to the free stack. Return how many.

    head : the pool's numbers; modified in place
    """
    waiting = head[H_PENDING]
    top = H_STACK + head[H_TABLES] - 1
    for n in range(waiting):
        # The two stacks may touch, but the free one grows only by what the other gives up,
        # from the far end: the last to come is the first to move.
        table = head[top - (waiting - 1 - n)]
        head[H_STACK + head[H_FREE]] = table
        head[H_FREE] += 1
    head[H_PENDING] = 0
    return waiting


@kernel
def map_one(head, sp, spt, root, gfn, leaf, level, tally):
    """
    Install `leaf` for `gfn` at `level`, with the tables on the way. Return OK or a code.

    A large leaf in the way gives its place to a table; a table in the leaf's place is cut off.
    Codes: NO_TABLE, the pool is empty (the tables made so far stay); FROZEN, a REMOVED SPTE is
    on the way and the fault must be retried.

    head, sp, spt : the pool; modified in place
    root : a root table
    gfn : 0 <= gfn < 2**(bits * levels), a multiple of what `level` maps
    leaf : the SPTE to install, int64
    level : 1 <= level <= levels
    tally : int64[TALLY_SIZE]; modified in place: NEW, SAME, REPLACED, and as remove_tables does
    """
    bits = head[H_BITS]
    mask = (1 << bits) - 1
    at = head[H_LEVELS]
    shift = bits * (at - 1)
    table = root
    slot = (table << bits) + ((gfn >> shift) & mask)
    old = spt[slot]
    while at > level:
        if (old & PRESENT) != 0 and (old & LARGE) == 0:
            table = (old >> PFN_SHIFT) & PFN_MASK
        else:
            if old == REMOVED:
                return FROZEN
            table = link_child(head, sp, spt, table, gfn, slot)
            if table == 0:
                return NO_TABLE
            if (old & PRESENT) != 0:
                tally[REPLACED] += 1
        at -= 1
        shift -= bits
        slot = (table << bits) + ((gfn >> shift) & mask)
        old = spt[slot]
    if old == REMOVED:
        return FROZEN
    if old == leaf:
        tally[SAME] += 1
        return OK
    spt[slot] = leaf
    if (old & PRESENT) == 0:
        tally[NEW] += 1
        return OK
    tally[REPLACED] += 1
    if level > 1 and (old & LARGE) == 0:
        remove_tables(head, sp, spt, (old >> PFN_SHIFT) & PFN_MASK, True, tally)
    return OK


@kernel
def map_many(head, sp, spt, root, gfns, pfns, leaf, level, tally):
    """
    Map gfns[i] to pfns[i] for every i from tally[DONE] on. Return OK or the code that ended it.

    head, sp, spt : the pool; modified in place
    root : a root table
    gfns, pfns : int64[n], each as in map_one
    leaf : the leaf's other bits, int64 with pfn 0
    level : 1 <= level <= levels
    tally : int64[TALLY_SIZE]; modified in place: DONE, and as map_one does
    """
    bits = head[H_BITS]
    top = head[H_LEVELS]
    for i in range(tally[DONE], gfns.size):
        gfn = gfns[i]
        word = leaf | (pfns[i] << PFN_SHIFT)
        # The common case: all tables are there and the leaf's place is empty. It is spelled out
        # here because handing the arrays to another kernel costs more than the walk itself.
        shift = bits * (top - 1)
        slot = slot_below(root, gfn, shift, bits)
        old = spt[slot]
        for _ in range(top - level):
            if (old & PRESENT) == 0 or (old & LARGE) != 0:
                break
            shift -= bits
            slot = slot_below((old >> PFN_SHIFT) & PFN_MASK, gfn, shift, bits)
            old = spt[slot]
        if old == 0 and shift == bits * (level - 1):
            spt[slot] = word
            tally[NEW] += 1
            continue
        code = map_one(head, sp, spt, root, gfn, word, level, tally)
        if code != OK:
            tally[DONE] = i
            return code
    tally[DONE] = gfns.size
    return OK


@kernel
def find(head, spt, root, gfn, lowest):
    """
    Walk to the SPTE that decides about `gfn`. Return its index in spt and its level.

    It is the first on the way that is not present, or a leaf, or of level `lowest`.

    head, spt : the pool
    root : a root table
    gfn : 0 <= gfn < 2**(bits * levels)
    lowest : 1 <= lowest <= levels
    """
    bits = head[H_BITS]
    mask = (1 << bits) - 1
    at = head[H_LEVELS]
    shift = bits * (at - 1)
    slot = (root << bits) + ((gfn >> shift) & mask)
    while at > lowest:
        old = spt[slot]
        if (old & PRESENT) == 0 or (old & LARGE) != 0:
            break
        at -= 1
        shift -= bits
        slot = (((old >> PFN_SHIFT) & PFN_MASK) << bits) + ((gfn >> shift) & mask)
    return slot, at


@kernel
def walk_many(head, spt, root, gfns, sptes, levels):
    """
    Walk to every gfn; store the SPTE reached and its level. Return how many are mapped.

    head, spt : the pool
    root : a root table
    gfns : int64[n], each 0 <= gfn < 2**(bits * levels)
    sptes : int64[n]; overwritten
    levels : int8[n]; overwritten
    """
    bits = head[H_BITS]
    top = head[H_LEVELS]
    mapped = 0
    for i in range(gfns.size):
        # As `find` does, spelled out: handing the arrays over costs half as much again.
        gfn = gfns[i]
        shift = bits * (top - 1)
        at = top
        old = spt[slot_below(root, gfn, shift, bits)]
        while at > 1 and (old & PRESENT) != 0 and (old & LARGE) == 0:
            at -= 1
            shift -= bits
            old = spt[slot_below((old >> PFN_SHIFT) & PFN_MASK, gfn, shift, bits)]
        sptes[i] = old
        levels[i] = at
        mapped += (old & PRESENT) != 0
    return mapped


@kernel
def walk_path(head, spt, root, gfn, path):
    """
    Walk to one gfn; store every step. Return the number of steps.

    head, spt : the pool
    root : a root table
    gfn : 0 <= gfn < 2**(bits * levels)
    path : int64[levels, 3]; rows of level, index in spt, SPTE are overwritten, root first
    """
    steps = 0
    for lowest in range(head[H_LEVELS], 0, -1):
        slot, level = find(head, spt, root, gfn, lowest)
        if level != lowest:
            break
        path[steps, 0] = level
        path[steps, 1] = slot
        path[steps, 2] = spt[slot]
        steps += 1
    return steps


@kernel
def split_leaf(head, sp, spt, root, gfn, tally):
    """
    Replace the large leaf that maps `gfn` by a table of leaves one level down, the same pages.

    Return OK; NO_LEAF if no large leaf maps gfn; NO_TABLE if the pool is empty.

    head, sp, spt : the pool; modified in place
    root : a root table
    gfn : 0 <= gfn < 2**(bits * levels)
    tally : int64[TALLY_SIZE]; modified in place: REPLACED, NEW
    """
    bits = head[H_BITS]
    slot, level = find(head, spt, root, gfn, 1)
    old = spt[slot]
    if level == 1 or (old & PRESENT) == 0:
        return NO_LEAF
    child = link_child(head, sp, spt, slot >> bits, gfn, slot)
    if child == 0:
        return NO_TABLE
    leaf = old if level > 2 else old & ~LARGE
    page = spt[child << bits : (child + 1) << bits]
    for index in range(page.size):
        page[index] = leaf + ((index << (bits * (level - 2))) << PFN_SHIFT)
    tally[REPLACED] += 1
    tally[NEW] += page.size
    return OK


@kernel
def freeze(head, sp, spt, root, gfn, level, tally):
    """
    Put REMOVED in place of the SPTE of `level` for `gfn`; cut off the table it pointed to.

    Return the index in spt, or FROZEN if it (or one above it) is REMOVED already, or NO_LEAF if
    there is no such SPTE because the tree ends above it.

    head, sp, spt : the pool; modified in place
    root : a root table
    gfn : 0 <= gfn < 2**(bits * levels)
    level : 1 <= level <= levels
    tally : int64[TALLY_SIZE]; modified in place: STEPS, and as remove_tables does
    """
    slot, reached = find(head, spt, root, gfn, level)
    old = spt[slot]
    if old == REMOVED:
        return FROZEN
    if reached != level:
        return NO_LEAF
    spt[slot] = REMOVED
    if (old & PRESENT) != 0:
        tally[STEPS] += 1
        if level > 1 and (old & LARGE) == 0:
            remove_tables(head, sp, spt, (old >> PFN_SHIFT) & PFN_MASK, True, tally)
        else:
            tally[LEAVES] += 1
    return slot
