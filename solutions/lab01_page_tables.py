# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 01: Page tables and SPTEs
#
# A guest believes that it has memory of its own, numbered from 0. Somewhere a table must say where
# each of its pages really is. How does one find one page among 68 billion in four steps, and what do
# 64 bits have to say besides the address?
#
# **What you will be able to do**
#
# - say which entry of which table leads to a given page, at each of four levels;
# - read an SPTE bit by bit, and not be deceived by one that is not present;
# - walk a table, map a page into it, and take a page out of it again;
# - say what a large page saves, what splitting one costs, and why zapping a whole tree takes long.
#
# **Time:** about 60 minutes. **Before you start:** lab 00. You know what a page table is in general;
# you need to know nothing of KVM's.

# %%
import tdplib
from tdplib import draw, labs
from tdplib.lang.kernel import *
from tdplib.machine.pagetable import PageTables
from tdplib.machine.results import FrozenSpteError
from tdplib.machine.view import describe
from tdplib.widgets import TableSteps
from tdplib.words import spte
from tdplib.words.gfn import FOUR_LEVELS

ex1 = labs.exercise("lab01.ex1")
ex2 = labs.exercise("lab01.ex2")
ex3 = labs.exercise("lab01.ex3")
ex4 = labs.exercise("lab01.ex4")
ex5 = labs.exercise("lab01.ex5")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# | word | meaning |
# |---|---|
# | **guest**, **host** | the virtual machine, and the machine it runs on |
# | **gfn** | *guest frame number*: the number of a page of guest memory, 4 KiB each. A guest address without its lowest 12 bits |
# | **pfn** | *page frame number*: the same for the host's memory |
# | **TDP** | *two-dimensional paging*: the processor translates a guest's addresses twice, first with the guest's own page tables, then with a second set of the host (Intel calls it EPT, AMD calls it NPT) |
# | **TDP MMU** | the part of KVM, Linux's hypervisor, that keeps that second set. All tables in this course are of it |
# | **table** | 512 entries of 64 bits: one page of memory |
# | **SPTE** | an entry of such a table (the S is for *shadow*, for historical reasons) |
# | **level** | a table of level 1 holds the SPTEs of single pages; one of level 2 leads to tables of level 1, and so on |
# | **root** | the top table, of level 4 or 5 |
# | **leaf** | an SPTE that leads to memory, and not to another table |
# | **map**, **zap** | put a leaf in; make SPTEs not present |
# | **fault** | the guest has touched a page that is not mapped: the processor gives control to KVM, which maps it |
# | `RET_PF_FIXED`, `RET_PF_SPURIOUS`, `RET_PF_RETRY` | what a fault answers: the page is mapped now; it was mapped already; nothing came of it, the guest is to try again |
#
# Each short name of the course is explained by `labs.glossary("spte")` and the like.

# %% [markdown]
# ## 2. Nine bits a level
#
# A table has 512 entries, so nine bits of the gfn choose one of them. Four levels make 36 bits:
#
# ```text
#  gfn  | 35 .. 27 | 26 .. 18 | 17 ..  9 |  8 ..  0 |
#       | index in | index in | index in | index in |
#       | level 4  | level 3  | level 2  | level 1  |
#       +----------+----------+----------+----------+
#  one SPTE maps:  512G         1G         2M         4K
# ```
#
# (KVM calls these levels `PG_LEVEL_4K` = 1, `PG_LEVEL_2M` = 2, `PG_LEVEL_1G` = 3, `PG_LEVEL_512G` = 4,
# and there is a fifth.) The names say what one SPTE *of a table of that level* covers.
#
# ![Page tables: an address cut into nine-bit indices, and a tree of four levels with leaves of 4K, 2M
# and 1G.](../figures/tables.svg)

# %%
print(FOUR_LEVELS.indices(0x12345))
print([FOUR_LEVELS.pages(level) for level in (1, 2, 3)], "pages an SPTE")

# %% [markdown]
# Here is a real tree: four levels of 512 entries. It is kept in arrays, but each table and each SPTE
# in it is as the kernel would have it. We map one page, and walk to it:

# %%
pool = PageTables()
root = pool.new_root()
print(pool.map(root, 0x12345, 0x9ABC))
for step in pool.walk(root, 0x12345):
    print(step)
draw.tree(pool, walk=0x12345)

# %% [markdown]
# The picture has a box for each table. Neighbouring entries that are alike share a line, so that 512
# of them fit. ▸ marks the way of the walk.
#
# One page, and three tables for it. The next one costs nothing, because the tables are there. A walk
# to a gfn that is not mapped ends earlier, or at an SPTE that is not present:

# %%
for step in (*pool.walk(root, 0x12346), *pool.walk(root, 0x40000)):
    print(step)

# %% [markdown]
# {{question lab01.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown.

# %%
labs.predict("lab01.q1", "")

# %% [markdown]
# {{question lab01.q2}}

# %%
labs.predict("lab01.q2", "")

# %% [markdown]
# ## 3. Exercise 1: where a gfn goes
#
# {{exercise lab01.ex1}}


# %% nbgrader={"grade": false, "grade_id": "lab01-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def spte_index(gfn, level):
    """Which entry of the table of `level` leads to `gfn`?"""
    ### BEGIN SOLUTION
    return (gfn >> (9 * (level - 1))) & 511


def first_gfn(gfn, level):
    """The first gfn of the SPTE of `level` that maps `gfn`."""
    shift = 9 * (level - 1)
    return gfn >> shift << shift
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab01-ex1-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check([spte_index, first_gfn])
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %% [markdown]
# Stuck? `ex1.hint()` gives a hint, and a clearer one each time: three in all.
#
# In this lab only one task is at work, so there is one order of events, and "every interleaving" is
# that one. A trace is then simply a list of what happened, one question a step; look at the last. (In
# 0x12345 and the like, 0x says that the number is hexadecimal.)

# %%
# ex1.hint()

# %% [markdown]
# ## 4. What an SPTE says
#
# ```text
#  63 62        54 53 52 51                       12 11 10 9 8 7 6 5 4 3 2 1 0
#    |  software  | A/D |            pfn            | P|      |L|         |X|W|R|
# ```
#
# This is the layout on Intel (EPT), in the 5.18 cycle. R, W and X are for the processor: may the
# guest read, write, execute? Two bits are KVM's own:
#
# - **bit 11, P**: *present* for KVM. The processor does not look at it, and KVM looks at nothing else
#   (`is_shadow_present_pte`);
# - **bit 7, L**: *large*. Set in a leaf of level 2 or 3. At level 1 every present SPTE is a leaf.
#
# The **A** and **D** bits (*accessed*, *dirty*) are set by the processor when the page is used, or
# written. Bits 8 and 9 are their usual places; our sources do not confirm them.

# %%
small = spte.leaf(0xABC)
large = spte.leaf(0x1200, level=2)
for word, level in (
    (small, 1),
    (small | 1 << 9, 1),  # the processor has set the dirty bit
    (large, 2),
    (large & ~(1 << 1), 2),  # W taken away
    (spte.nonleaf(0x77), 2),
    (0, 2),
):
    print(f"{word:#018x}  {spte.describe(word, level)}")

# %% [markdown]
# *Host-writable* (bit 57) and *MMU-writable* (bit 58) are bits for KVM alone. They say that the host
# allows writing, and that KVM itself does. W may be set only if MMU-writable is, and that only if
# host-writable is. Where W has been taken away for a while, to learn of the next write, they tell that
# it may be given back.
#
# Where a processor has no A bit, KVM can find out whether a page is used by taking R, W and X away,
# so that the next access faults. Nothing is left of the access bits, but the SPTE is still *present*:
# bit 11 says so. R and X are put aside, in bits 54 and 56.

# %%
tracked = spte.pack(present=1, pfn=0xABC, ad_type=1, saved_read=1, saved_execute=1)
print(f"{tracked:#x}: present: {spte.is_shadow_present_pte(tracked)}")
print(spte.describe(tracked))

# %% [markdown]
# And then there is **`REMOVED_SPTE`**, the value 0x5a0. It holds a place: somebody is changing this
# SPTE, and everybody else is to keep away from it. It is not present, for KVM nor for the processor.
# (It is called so in v5.18 and still in 6.9; sources of 2024 call it `FROZEN_SPTE`.)
#
# {{question lab01.q3}}

# %%
labs.predict("lab01.q3", "")

# %% [markdown]
# In the tree from above, a place is held for a moment. The page that was there is gone then; when
# the place is given free, it is empty. (The picture is of the moment in between; Δ marks what
# changed.)

# %%
before = pool.snapshot(root)
pool.freeze(root, 0x12345)
print(pool.walk(root, 0x12345)[-1])
frozen = draw.tree(pool, was=before)
try:
    pool.map(root, 0x12345)
except FrozenSpteError as error:
    print("map:", error)
pool.thaw(root, 0x12345)
print(pool.walk(root, 0x12345)[-1])
frozen

# %% [markdown]
# ## 5. Exercise 2: what is this SPTE?
#
# {{exercise lab01.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab01-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def spte_kind(spte, level):
    """What is this SPTE of a table of `level`?"""
    ### BEGIN SOLUTION
    if spte == REMOVED_SPTE:
        return REMOVED
    if not spte & SPTE_MMU_PRESENT_MASK:
        return NOTHING
    if level == 1 or spte & PT_PAGE_SIZE_MASK:
        return LEAF
    return TABLE
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab01-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(spte_kind)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# ## 6. A tree small enough to see
#
# The kernel's trees are large. For the next exercises we use one of the same shape with two levels
# of *four* entries: two bits of the gfn a level, sixteen gfns in all. It has one of everything:
#
# ```text
#             root (level 2)                      table (level 1)
#            +----------------------------+      +----------------------------+
#    gfn 0-3 | 0: leads to the table -----|----> | 0: 0                       | gfn 0
#            +----------------------------+      | 1: a page, pfn 0x11        | gfn 1
#    gfn 4-7 | 1: large page, pfn 0x20    |      | 2: REMOVED_SPTE            | gfn 2
#            +----------------------------+      | 3: 0                       | gfn 3
#   gfn 8-11 | 2: 0                       |      +----------------------------+
#            +----------------------------+
#  gfn 12-15 | 3: REMOVED_SPTE            |
#            +----------------------------+
# ```
#
# `spte_index(gfn, level)` is there for it too, with two bits a level: gfn 9 is binary 10 01, so entry
# 2 of the root, then entry 1 of the table below.

# %% [markdown]
# ## 7. Exercise 3: walk
#
# {{exercise lab01.ex3}}


# %% nbgrader={"grade": false, "grade_id": "lab01-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def walk(root, gfn):
    """The SPTE at which the walk from `root` to `gfn` ends."""
    ### BEGIN SOLUTION
    sp = root
    level = PT_LEVELS
    spte = sp.spt[spte_index(gfn, level)]
    while is_shadow_present_pte(spte) and not is_last_spte(spte, level):
        sp = spte_to_child_sp(spte)
        level = level - 1
        spte = sp.spt[spte_index(gfn, level)]
    return spte
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab01-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(walk)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# ## 8. Exercise 4: map
#
# {{exercise lab01.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab01-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def map_page(vcpu, root, gfn, pfn):
    """Map `gfn` to `pfn` with a leaf of level 1; say what came of it."""
    ### BEGIN SOLUTION
    sp = root
    level = PT_LEVELS
    while level > 1:
        index = spte_index(gfn, level)
        spte = sp.spt[index]
        if spte == REMOVED_SPTE:
            return RET_PF_RETRY
        if not is_shadow_present_pte(spte):
            child = new_table(vcpu, sp, gfn)
            spte = make_nonleaf_spte(child)
            sp.spt[index] = spte
        if is_last_spte(spte, level):
            return RET_PF_SPURIOUS
        sp = spte_to_child_sp(spte)
        level = level - 1
    index = spte_index(gfn, level)
    spte = sp.spt[index]
    if spte == REMOVED_SPTE:
        return RET_PF_RETRY
    if is_shadow_present_pte(spte):
        return RET_PF_SPURIOUS
    sp.spt[index] = make_small_spte(pfn)
    return RET_PF_FIXED
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab01-ex4-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(map_page)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# ## 9. Exercise 5: zap a leaf
#
# {{exercise lab01.ex5}}


# %% nbgrader={"grade": false, "grade_id": "lab01-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def zap_leaf(root, gfn):
    """Take away the leaf that maps `gfn`; return it, or 0 if there was none."""
    ### BEGIN SOLUTION
    sp = root
    level = PT_LEVELS
    spte = sp.spt[spte_index(gfn, level)]
    while is_shadow_present_pte(spte) and not is_last_spte(spte, level):
        sp = spte_to_child_sp(spte)
        level = level - 1
        spte = sp.spt[spte_index(gfn, level)]
    if not is_shadow_present_pte(spte):
        return 0
    sp.spt[spte_index(gfn, level)] = 0
    return spte
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab01-ex5-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(zap_leaf)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# ## 10. By hand: large pages, and how long a zap takes
#
# A leaf may stand at level 2 or 3: one SPTE for 2M or 1G, and no tables below it. (1G is the
# largest that KVM uses in v5.18.) Try it with a fresh tree: one gigabyte as one large page.

# %%
pool = PageTables()
root = pool.new_root()
pool.map(root, 0x40000, level=3)
print(describe(pool, root))

# %% [markdown]
# A large page has one set of bits: writable or not, dirty or not, for the whole gigabyte. If KVM
# must know *which* pages are written, it has to split it. Each split goes one level down, and only
# where it is needed. (The buttons below go through the three moments, one picture each.)

# %%
moments = [pool.snapshot(root)]
print("leaves of level", pool.split(root, 0x40005))
moments.append(pool.snapshot(root))
print("leaves of level", pool.split(root, 0x40005))
moments.append(pool.snapshot(root))
print(describe(pool, root))
TableSteps(moments, labels=("one page of 1G", "split", "split again"))

# %% [markdown]
# Change the gfn, split elsewhere, walk to a gfn and see where it ends. Then the other way round: a
# gigabyte mapped page by page, as a guest does that has touched all of it.

# %%
pool = PageTables()
root = pool.new_root()
print(pool.map(root, range(0x40000)))
print(pool.count(root).tables, "tables, the root among them")

# %% [markdown]
# {{question lab01.q4}}

# %%
labs.predict("lab01.q4", "")

# %% [markdown]
# The same tree, zapped as three versions do it. A *step* is one SPTE that the zapper itself takes
# away; whatever hangs below goes with it, without a pause. Between two steps others can run:

# %%
for version in ("22b94c4b63eb", "v5.18", "v6.9"):
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, range(0x40000))
    before = pool.snapshot(root)
    print(pool.zap_root(root, version))

# %% [markdown]
# The numbers have a history. 22b94c4b63eb cuts at the root, and everything below is taken apart in
# one go. 1b6043e8e584 (in v5.18) first makes a pass over level 3, because the long recursion stalled
# *RCU*, the mechanism by which the kernel waits for readers. 8ca983631f3c (v6.9) begins at level 1, to
# let others run sooner. Nothing of what is cut off is free at once: somebody may just be walking
# there.

# %%
cut_off = draw.tree(pool, was=before)
print(pool.waiting, "tables wait for the readers;", pool.grace_period(), "are freed now")
cut_off

# %% [markdown]
# **What was not shown.** One task was at work. In the kernel *vCPUs* (the CPUs of the guest) map, the processor sets bits, and
# others zap, all at the same time; how an SPTE is changed then is lab 03. What makes the zap of a
# whole root necessary is lab 04.

# %% [markdown]
# ## 11. Recap
#
# 1. Nine bits of the gfn a level; an SPTE of level 1, 2, 3 covers 4K, 2M, 1G.
# 2. Present is bit 11, and nothing else. Ask for it first: `REMOVED_SPTE` and others that are not
#    present have bit 7 too.
# 3. A walk ends at a leaf, or at the first SPTE that is not present.
# 4. To map a page means to make the tables that are missing, and to respect what is there.
# 5. A large page is one SPTE; a tree of small ones is many, and whoever cuts it off high up has to
#    take it apart in one go.

# %% [markdown]
# ## 12. Where to read the real code
#
# All in `arch/x86/kvm/mmu/`, Linux v5.18:
#
# | what | where |
# |---|---|
# | the bits, `REMOVED_SPTE` | `spte.h`: `SPTE_MMU_PRESENT_MASK`, `is_shadow_present_pte()`, `is_large_pte()`, `is_last_spte()` |
# | walking | `tdp_iter.c` |
# | mapping | `tdp_mmu.c`: `kvm_tdp_mmu_map()` |
# | zapping a root, in passes | `tdp_mmu.c`: `tdp_mmu_zap_root()`; compare 22b94c4b63eb, 1b6043e8e584 and 8ca983631f3c |
# | a table that is cut off | `tdp_mmu.c`: `handle_removed_pt()` |
