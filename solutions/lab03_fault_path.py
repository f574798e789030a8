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
# # Lab 03: The fault path against the zapper
#
# A vCPU puts entries into a page table. At the same moment a worker takes entries out of it, and the
# processor changes bits in it without asking anybody. All of them hold the same lock, and hold it
# *for read*, so it keeps none of them out. What keeps them from destroying each other's work?
#
# **What you will be able to do**
#
# - say what `mmu_lock` held for read protects in the TDP MMU, and what it does not;
# - write an SPTE so that nothing is overwritten that you have not seen;
# - write the step that zaps an SPTE while others use it;
# - put the stale-root test of a page fault where it means something, and state what it keeps true.
#
# **Time:** about 75 minutes. **Before you start:** labs 00 to 02, or: you know what a page table, a
# root and a `cmpxchg` are, and how an exercise of this course is checked.

# %%
import tdplib
from tdplib import check, draw, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver
from tdplib.words import spte

ex1 = labs.exercise("lab03.ex1")
ex2 = labs.exercise("lab03.ex2")
ex3 = labs.exercise("lab03.ex3")
ex4 = labs.exercise("lab03.ex4")
ex5 = labs.exercise("lab03.ex5")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# | word | meaning |
# |---|---|
# | **vCPU**, **guest**, **host** | a CPU of the virtual machine (for the host it is a thread); the virtual machine; the machine it runs on |
# | **gfn** | *guest frame number*: the number of a page of guest memory |
# | **SPTE** | an entry of the page tables that KVM keeps for a guest. It is *present* if its bit 11 is set, and then it leads to a page |
# | **root** | the top table. Here it is the only one, with one or two SPTEs, so that every interleaving can be tried |
# | **fault** | the guest touched a page for which there is no present SPTE. The vCPU leaves the guest and *maps* the page: it installs an SPTE |
# | **zap** | make SPTEs not present |
# | **memslot**, **update** | a range of guest memory, as the host's user space has set it up; the task that deletes or moves one, and has all roots zapped for it |
# | **worker** | the kernel thread that zaps roots which are out of service (v5.18) |
# | **role**, **`invalid`** | 32 bits that say what kind of table a root is; the one of them that puts it out of service, for good |
# | **dirty bit** | a bit of an SPTE that the processor sets when the guest writes to the page |
# | **`REMOVED_SPTE`** | the value `0x5a0`. It holds a place: "somebody is changing this SPTE, hands off". It is not present. Sources of 2024 call it `FROZEN_SPTE` |
# | `cmpxchg(f, old, new)` | one atomic step: if `f` is `old`, store `new`; in any case give what was there |
# | `RET_PF_FIXED`, `RET_PF_SPURIOUS`, `RET_PF_RETRY` | what a fault answers: the page is mapped now; it was mapped already; nothing came of it, the guest is to try again |
#
# Each short name of the course is explained by `labs.glossary("spte")` and the like.

# %% [markdown]
# ## 2. One lock, held for read by everybody
#
# **`mmu_lock`** is a reader-writer lock on x86: many may hold it for read, or one for write. In v5.18
#
# | who | holds `mmu_lock` |
# |---|---|
# | a vCPU that takes a root from the list, or gives one back | for write |
# | a memslot update that takes all roots out of service | for write |
# | an *MMU notifier*: the host takes a page of memory away | for write |
# | a vCPU that maps a page in a fault | **for read** |
# | the worker that zaps a root | **for read** |
# | the processor, which walks the tables for the guest and sets dirty bits | not at all |
#
# That is on purpose. A machine with many vCPUs faults on all of them at once, and the faults of the
# *shadow MMU*, KVM's older way, which take the lock for write, wait for each other.
#
# So the lock, held for read, keeps out those who hold it for write: no root changes its role, no
# root is freed. It does **not** keep faults and the zap apart. Each of them reads an SPTE, decides,
# and writes. Between the reading and the writing, everything can happen.

# %% [markdown]
# {{question lab03.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown.

# %%
labs.predict("lab03.q1", "")

# %% [markdown]
# ## 3. By hand: two faults, one SPTE
#
# Below are two vCPUs whose page tables have one single SPTE. **You are the scheduler**: **Step**
# lets a task take one step.
#
# | do this | until you see |
# |---|---|
# | **step** vCPU 0 twice | it has loaded root 0; next it takes `mmu_lock` for read |
# | **step** vCPU 1 twice | the same: they share root 0, its count is 2 |
# | **step** vCPU 0 once | it holds the lock and stands at the `cmpxchg` in `kvm_tdp_mmu_map`; its local `old` is 0 |
# | **step** vCPU 1 once | the same: two readers |
# | **step** vCPU 1 once more | the SPTE is present |
# | **step** vCPU 0 once more | its `cmpxchg` found something else and stored nothing |
# | **step** vCPU 0 on | it enters the guest again, faults again, and finds the page mapped |
#
# (Both must have their root before the first fault: loading one takes the lock for write.)
#
# Then let vCPU 1 go on: it is about to *replace* the page, in two steps. First it puts
# `REMOVED_SPTE` there. Stop it at that moment, and see what a fault of vCPU 0 would find.

# %%
Interleaver("shared-entries")

# %% [markdown]
# Why two steps, and what is in between? In v5.18 a fault replaces a large page, which one SPTE maps,
# by a table of small ones. Processors keep translations they have used in a *TLB*; before anything
# else may stand in the SPTE, all processors must have forgotten the old one. So the kernel
# (`tdp_mmu_zap_spte_atomic`) stores `REMOVED_SPTE`, flushes the TLBs, then stores 0. In between the
# place is reserved. Its owner is the only one who may write there.
#
# The value is chosen so that nobody takes it for a page:

# %%
for word in (0x1802, 0x1A02, spte.REMOVED_SPTE, 0):
    print(f"{word:#6x}  present: {spte.is_shadow_present_pte(word)!s:5}  {spte.describe(word)}")

# %% [markdown]
# (The position of the dirty bit, bit 9, is the usual one for Intel's tables; we have not confirmed
# it in the kernel's source.)
#
# The rule for everybody who holds the lock only for read is short:
#
# > **Never overwrite what you have not seen, and never overwrite `REMOVED_SPTE`, unless it is yours.**

# %% [markdown]
# ## 4. Exercise 1: a store that does not look
#
# {{exercise lab03.ex1}}
#
# This is the shortest way in which the function as it is goes wrong:

# %%
draw(check(base="shared-map"))


# %% nbgrader={"grade": false, "grade_id": "lab03-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_map(vcpu, gfn):
    """Install the leaf SPTE for `gfn`; mmu_lock is held for read."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old & SPTE_MMU_PRESENT_MASK:
        return RET_PF_SPURIOUS
    new = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | (gfn + 1) << 12
    ### BEGIN SOLUTION
    if cmpxchg(root.spt[gfn], 0, new) != 0:
        return RET_PF_RETRY
    ### END SOLUTION
    return RET_PF_FIXED


# %% nbgrader={"grade": true, "grade_id": "lab03-ex1-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(kvm_tdp_mmu_map)
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %% [markdown]
# Stuck? `ex1.hint()` gives a hint, and a clearer one each time. `report1.play()` opens the
# interleaving that breaks your answer.

# %%
# ex1.hint()

# %% [markdown]
# ## 5. The zapper
#
# A fault that loses a race gives up: the guest simply faults again. A zapper cannot give up. When it
# goes on to the next entry, the one behind it must be empty. So what does it do when its `cmpxchg`
# finds another value?
#
# {{question lab03.q2}}

# %%
labs.predict("lab03.q2", "")

# %% [markdown]
# The zapper's rule is therefore: take away *exactly what you have seen*, and if it has changed, look
# again. Whatever was there at the moment it was taken away is then passed on: a dirty bit, for
# instance, becomes a note on the host's page (`kvm_set_pfn_dirty` in v5.18).
#
# {{question lab03.q3}}

# %%
labs.predict("lab03.q3", "")

# %% [markdown]
# With the lock held **for write** there are no faults and no other zappers, and at the commits of
# this course a plain store is used there. Look at that with suspicion: the processor sets its
# dirty bit without any lock. Later kernels exchange the SPTE atomically there too, where it has
# bits that may change by themselves.
#
# ## 6. Exercise 2: the shared zap step
#
# {{exercise lab03.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab03-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tdp_mmu_zap_spte(root, index, shared):
    """Make one SPTE not present; return what it was."""
    old = root.spt[index]
    if not shared:
        if old & SPTE_MMU_PRESENT_MASK:
            root.spt[index] = 0
        return old
    ### BEGIN SOLUTION
    while old & SPTE_MMU_PRESENT_MASK:
        seen = cmpxchg(root.spt[index], old, 0)
        if seen == old:
            break
        old = seen
    return old
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab03-ex2-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(tdp_mmu_zap_spte)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# And this is what a plain store does to bits that the processor sets. Here it sets three bits of one
# SPTE, one after the other (bits 8 to 10; which they are does not matter). Look at the step in which
# it changes the SPTE for the last time, and at what the zapper stores, and tells, after it:

# %%
draw(check(base="zap-race"))

# %% [markdown]
# ## 7. A root that goes out of service
#
# So far the root stayed what it was. Now a memslot is deleted: with `mmu_lock` held for write, all
# roots are marked `invalid`. Then the worker zaps each of them, from the first entry to the last.
#
# A vCPU may be on its way into a fault just then, with an invalid root in hand. If it maps its page
# all the same, in front of the worker, nothing is lost but work. Behind the worker it is another
# matter: nobody will come by again. Commit a955cad84cda (November 2021) therefore added a test to
# `is_page_fault_stale`: is the root obsolete? If so, the fault maps nothing, the vCPU drops the
# root, gets a new one, and tries again.
#
# This is the order of things in `direct_page_fault`, v5.18 (what this lab leaves out is in
# brackets):
#
# 1. \[try a fast path that takes no lock; fill up the caches for new tables\]
# 2. \[note the notifier's sequence number; find the host's page for the gfn, which may sleep\]
# 3. take `mmu_lock` for read
# 4. `is_page_fault_stale`: is the root obsolete \[or has a notifier run since 2\]?
# 5. if not: `kvm_tdp_mmu_map`
# 6. drop `mmu_lock`
#
# Suppose somebody finds that a fault which must be retried need not take the lock, and moves step 4
# before step 3.
#
# {{question lab03.q4}}

# %%
labs.predict("lab03.q4", "")

# %% [markdown]
# ## 8. Exercise 3: break it
#
# {{exercise lab03.ex3}}

# %%
Interleaver("stale-check-before-lock", scenario="small")

# %% nbgrader={"grade": false, "grade_id": "lab03-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check(base="stale-check-before-lock", scenario="small").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab03-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(schedule)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# ## 9. Exercise 4: the test in its place
#
# {{exercise lab03.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab03-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def is_page_fault_stale(vcpu):
    """Was the root taken out of service after the vCPU loaded it?"""
    ### BEGIN SOLUTION
    return vcpu.arch.mmu.root.role.invalid


def direct_page_fault(vcpu, gfn):
    """Map `gfn`, unless the root went out of service meanwhile."""
    ret = RET_PF_RETRY
    read_lock(vcpu.kvm.mmu_lock)
    if not is_page_fault_stale(vcpu):
        ret = kvm_tdp_mmu_map(vcpu, gfn)
    read_unlock(vcpu.kvm.mmu_lock)
    return ret
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab03-ex4-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check([is_page_fault_stale, direct_page_fault])
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# Why is a test *under* the lock enough, although the lock is only held for read? Because whoever
# marks a root invalid holds it for write, and cannot come in before the fault is through. What was
# valid at the test is valid at the store.

# %% [markdown]
# ## 10. Exercise 5: say what is always true
#
# An *invariant* is a sentence that is true in every state the system can reach. It is harder to find
# one than it looks: the sentence must also be true in the middle of things, between any two steps.
#
# {{question lab03.q5}}

# %%
labs.predict("lab03.q5", "")

# %% [markdown]
# {{exercise lab03.ex5}}


# %% nbgrader={"grade": false, "grade_id": "lab03-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm):
    """The root has no present SPTE below its cursor."""
    ### BEGIN SOLUTION
    root = kvm.table
    if root is not None:
        for index in range(root.cursor):
            if root.spt[index] & SPTE_MMU_PRESENT_MASK:
                return False
    return True
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab03-ex5-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(invariant)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# ## 11. What the processor remembers
#
# One more party takes no lock. A processor keeps the translations it has used in its TLB, and looks
# there first. When an SPTE is gone, the TLB still has it, until somebody *flushes* it. Yet the zap of a
# whole root flushes nothing at all in v5.18.
#
# What the kernel relies on instead: the update raises a request for every vCPU and kicks those that are
# in the guest out of it. (`kvm_make_all_cpus_request` waits until they are out.) Before a vCPU enters
# again it serves the request, drops the invalid root and loads another. Loading a root includes a
# flush, of this one processor's TLB only.
#
# {{question lab03.q6}}

# %%
labs.predict("lab03.q6", "")

# %% [markdown]
# In the scenario `tlb` each vCPU has a TLB, and its guest uses its page twice. The second protocol is
# v5.18 without the flush at root load:

# %%
for base in ("v5.18", "load-without-flush"):
    print(base, "-", check(base=base, scenario="tlb").status)
draw(check(base="load-without-flush", scenario="tlb"))

# %% [markdown]
# Look at the last step: every SPTE of root 0 is gone, root 0 is gone too, the vCPU has a new root with
# nothing in it, and the guest uses the old page all the same.
#
# Where a root stays in use, this argument does not hold. A zap of a *range* in a valid root therefore
# does flush, and if it may free a table that a vCPU could be using, it flushes before it leaves *RCU*,
# which keeps tables from being freed meanwhile (bd29677952fa). Leaf zaps in *invalid* roots ask for no
# flush since fcdffe97f80e (6.9).

# %% [markdown]
# **What was not checked.** The tables have one level. In such a table v5.18's worker would never
# meet `REMOVED_SPTE`: a fault that replaces something tests its root first, and the worker zaps
# invalid roots only. So the world of exercises 1 and 2 leaves that test out of the replacement. In
# the kernel the meeting happens further down: when a table is cut off, `REMOVED_SPTE` is left
# behind in every entry of it. The TLB had no part in exercises 1 to 5; it remembers whole
# translations, and it forgets nothing by itself. There was no notifier beside a fault, and memory
# is sequentially consistent (everybody sees all stores in one order). One dirty bit stood for all
# that a zap must pass on.

# %% [markdown]
# ## 12. Recap
#
# 1. Faults and the worker hold `mmu_lock` for read. It keeps out writers, not each other.
# 2. An SPTE is changed with a `cmpxchg` from the value you have seen. A fault that loses tries
#    again from the start; a zapper looks again on the spot.
# 3. `REMOVED_SPTE` reserves a place. It is not present, so a zapper leaves it alone, and a fault
#    gives up when it meets it.
# 4. What a zap takes away, it passes on: with a plain store a dirty bit gets lost without a sound.
# 5. A test is worth something only while the thing tested cannot change: `is_page_fault_stale`
#    belongs under `mmu_lock`. Behind the zapper's cursor nothing may appear, and after the zap of a
#    root it is the flush at the next root load that makes the TLB forget it.

# %% [markdown]
# ## 13. Where to read the real code
#
# All in `arch/x86/kvm/mmu/`, Linux v5.18:
#
# | what | where |
# |---|---|
# | the frame of a fault, the stale test | `mmu.c`: `direct_page_fault()`, `is_page_fault_stale()`; the test for an obsolete root: commit a955cad84cda |
# | installing an SPTE | `tdp_mmu.c`: `kvm_tdp_mmu_map()` |
# | the shared step | `tdp_mmu.c`: `tdp_mmu_set_spte_atomic()` |
# | the two-step replacement | `tdp_mmu.c`: `tdp_mmu_zap_spte_atomic()` |
# | a table that is cut off | `tdp_mmu.c`: `handle_removed_pt()` |
# | the worker's walk | `tdp_mmu.c`: `tdp_mmu_zap_root()` |
# | locks, and who takes them | `Documentation/virt/kvm/locking.rst` |
#
# A recent tree goes one step further: built with a debugging option, `kvm_tdp_mmu_map()` starts with
# a warning if the root is invalid.
