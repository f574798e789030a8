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
# # Lab 08: Defunct roots
#
# When the last user of a page table goes, somebody has to clear it away. Up to Linux v5.17 that was
# the last user itself, and it could take minutes. v5.18 lets it say "not me", bring the table back
# from the dead with one reference, and leave it to a worker. The function that does so is ten lines
# long. Why must every line stand where it stands?
#
# **What you will be able to do**
#
# - say why v5.17's put of a root could not pause, and turn it into one that can;
# - write v5.18's put from nothing, and defend the order of its lines;
# - break the version that takes a root off the list too early;
# - state what is true of all roots whenever nobody holds the lock, and check it in every state.
#
# **Time:** about 70 minutes. **Before you start:** lab 06 (queue, worker, gift). Lab 07 mends a put
# that it gives you; here the page is empty.

# %%
import tdplib
from tdplib import check, draw, labs
from tdplib.lang.kernel import *
from tdplib.replay import Session
from tdplib.widgets import Interleaver

ex1 = labs.exercise("lab08.ex1")
ex2 = labs.exercise("lab08.ex2")
ex3 = labs.exercise("lab08.ex3")
ex4 = labs.exercise("lab08.ex4")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. Words
#
# | word | meaning |
# |---|---|
# | **vCPU** | a CPU of the guest; for the host it is an ordinary thread |
# | **root** | the top of the page tables KVM keeps for a guest; several vCPUs may share one. All roots of a VM are on a **list** |
# | **SPTE** | one entry of such a table; *present* means that it leads somewhere |
# | **zap** | make SPTEs not present |
# | **count** | how many references there are to a root. A **get** takes one, and fails if the count is zero; a **put** gives one back. The put that reaches zero is the **last put** |
# | **role**, **invalid** | 32 bits that say what kind of table a root is; the one of them that says: out of service. A vCPU that looks for a root passes it by. The bit is never cleared |
# | **defunct** | said of a root that is still *valid* and has lost its last reference |
# | **notifier** | a callback: the host is about to take a page of guest memory away, so no SPTE may lead there when it returns |
# | **memslot**, **fast zap** | a range of guest memory; when one is deleted or moved, all roots go out of service, and when it returns none of them has a present SPTE |
# | **gift** | a reference that one task takes, or sets, so that another one gives it back |
# | **`mmu_lock`** | guards all of this; many may hold it for read, or one for write |
# | **`slots_lock`** | lets one memslot update in at a time |
# | **RCU** | a way to read without a lock; `call_rcu` frees memory when all who were reading have left |

# %% [markdown]
# ## 2. The put that could not pause
#
# A root becomes invalid in a fast zap; then nobody can pick it up again, and it fades away. But a root
# may also lose its last user while it is in good order. Before v6.4 that was an everyday matter: the
# emulation of SMI and RSM (system management mode) and a change of the guest's CR0.WP bit made a vCPU
# drop all its roots. With one vCPU the drop was the last put.
#
# Up to v5.17 the last put did three things in this order:
#
# 1. take the root off the list;
# 2. zap all of it, without giving way to anybody;
# 3. free it, by `call_rcu`.
#
# A table can lead to a great many pages. The changelog of commit 8351779ce65f quotes a CPU that was
# stuck in `kvm_tdp_mmu_put_root` for 485 seconds. Other long walks in this code give way: they drop
# `mmu_lock` now and then for a moment. Why not this one?
#
# {{question lab08.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown; nobody but you sees it.

# %%
labs.predict("lab08.q1", "")

# %%
hidden = check("delist-then-yield", scenario="small-notifier", properties=["notifier-complete"])
draw(hidden)

# %% [markdown]
# ## 3. Exercise 1: a put that gives way
#
# {{exercise lab08.ex1}}


# %% nbgrader={"grade": false, "grade_id": "lab08-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one zaps the root and frees it."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    ### BEGIN SOLUTION
    if not kvm_tdp_root_mark_invalid(root):
        refcount_set(root.tdp_mmu_root_count, 1)
        tdp_mmu_zap_root(kvm, root, shared)
        if not refcount_dec_and_test(root.tdp_mmu_root_count):
            return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    ### END SOLUTION
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


# %% nbgrader={"grade": true, "grade_id": "lab08-ex1-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(kvm_tdp_mmu_put_root)
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %% [markdown]
# Stuck? `ex1.hint()` gives a hint, and a clearer one each time: three in all. If your answer is
# wrong, `report1.play()` opens the interleaving that breaks it.

# %%
# ex1.hint()

# %% [markdown]
# With the order you have found, patch 22 (8351779ce65f) was the first in which a root becomes invalid
# outside a fast zap. Lab 07 is about what that did to others.
#
# {{question lab08.q2}}

# %%
labs.predict("lab08.q2", "")

# %% [markdown]
# ## 4. Not me
#
# The pause helps the others. It does not help the vCPU that zaps. The changelog of the next step,
# efd995dae5eb (patch 24), speaks of a vCPU that could not run for more than 900 seconds, and for
# less than 100 milliseconds afterwards.
#
# The idea was older than the commit. Versions 2 and 3 of the series (December 2021, February 2022)
# had a put that gave the zap to the queue of the whole system, and to be safe it took a reference to
# the VM. A reference could be given back twice there: the cover letter of version 4 (March 2022) names
# that bug. (As far as we can infer, the fast zap, which still went over the list, took *every* invalid
# root for one with a reference to give back, also those that came from a put. `check("v3-list-walk")`
# shows that this breaks.) In version 4 as posted, the put asked whether
# the VM was dying, and zapped in place if it was. The question went away before the merge: the queue
# belongs to the VM and is emptied before the VM goes, so there is nothing to ask.
#
# Play what was merged. Below are one vCPU, one memslot update and the worker at v5.18. **You are the
# scheduler**: **Step** lets a task take one step, the double arrow lets it **run** until it must wait.
# The steps are as small as they get here, one action each, and the board opens at the moment at which
# the vCPU is about to drop its root.
#
# | do this | until you see |
# |---|---|
# | (look) | root 0: count 1, one present SPTE. The 1 is the vCPU's |
# | **step** vCPU 0, slowly | root 0: count **0**, and still valid. It is defunct |
# | **run** update 0 | it waits for `mmu_lock`: nobody comes in here |
# | **step** vCPU 0, slowly | root 0 becomes invalid; then its count is 1 again; then it is queued |
# | **run** vCPU 0 | it is done. It has zapped nothing |
# | **run** update 0 | it passes root 0 by, and waits for the queue |
# | **run** the zap worker | root 0 is zapped; the worker's put is the last one, and the root is freed |

# %%
session = Session("v5.18", "small", raw=True)
while session.board()["actors"][0]["function"] != "kvm_mmu_free_roots":
    session.step(0)
Interleaver(session=session)

# %% [markdown]
# ## 5. Exercise 2: the put of v5.18
#
# {{exercise lab08.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab08-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one queues a valid root, and frees an invalid one."""
    ### BEGIN SOLUTION
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not kvm_tdp_root_mark_invalid(root):
        refcount_set(root.tdp_mmu_root_count, 1)
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab08-ex2-check", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(kvm_tdp_mmu_put_root)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# ## 6. Five near misses
#
# Each line of that function has a place in which it is wrong. Five of them come with the kit:
#
# | name | what is different |
# |---|---|
# | `one-before-invalid` | the count is set before the root is marked |
# | `yield-at-refcount-zero` | `mmu_lock` is dropped for a moment between the zero and the set |
# | `delist-at-queue` | the root is taken off the list when it is queued, not at the last put |
# | `put-without-gift` | the root is queued with a count of zero |
# | `patch-24-unconditional` | the put is right; the fast zap queues every root, as it did at patch 21 |
#
# {{question lab08.q3}}

# %%
labs.predict("lab08.q3", "")

# %%
swapped = check("one-before-invalid")
draw(swapped)

# %% [markdown]
# In v5.18 as it is, hardly anybody can see the two stores: a vCPU drops its root with `mmu_lock` held
# for write, and walks that hold it for read take turns, by `slots_lock`, as far as we have read the
# code. The kit agrees: with the two lines swapped, its scenarios of v5.18 hold. So the order is a
# promise to readers that were still to come. It also bears on the `xchg`: a processor may show two
# plain stores to others in another order than they were made in, and the cover letter of the series
# gives the full barriers of `xchg` as the reason for choosing it. (The kit's memory keeps the order of
# stores, so it cannot show that.)

# %% [markdown]
# {{question lab08.q4}}

# %%
labs.predict("lab08.q4", "")

# %%
for name in (
    "one-before-invalid",
    "yield-at-refcount-zero",
    "delist-at-queue",
    "put-without-gift",
    "patch-24-unconditional",
):
    verdict = check(name)
    print(f"{name:24} {verdict.property:27} in {len(verdict.trace.steps):2} steps")

# %% [markdown]
# To see one of them: `draw(check("put-without-gift"))`, or step through it with
# `Interleaver(trace=check("put-without-gift").trace)`.

# %% [markdown]
# ## 7. Exercise 3: off the list too early
#
# {{exercise lab08.ex3}}

# %%
Interleaver("delist-at-queue", scenario="small-notifier")

# %% nbgrader={"grade": false, "grade_id": "lab08-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
missed = check("delist-at-queue", scenario="small-notifier", properties=["notifier-complete"])
schedule = missed.trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab08-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(schedule)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# ## 8. Exercise 4: what the lock hides
#
# {{exercise lab08.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab08-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm):
    """True as long as nobody can meet a root in a state that only a put may see."""
    ### BEGIN SOLUTION
    if rwlock_is_locked(kvm.mmu_lock):
        return True
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if not refcount_read(root.tdp_mmu_root_count):
            return False
        if root.role.invalid and root.tdp_mmu_async_data is None:
            return False
    return True
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab08-ex4-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(invariant)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# **What was not checked.** The simulated roots have one level and two entries, so nothing is said of
# the tables below a root. There is no *TLB* (what a processor remembers of tables it has walked), the queue has one worker, and memory is sequentially
# consistent (everybody sees all stores in one order). "Holds" means: within that model, for these
# tasks, in every interleaving.

# %% [markdown]
# ## 9. Recap
#
# 1. A root with SPTEs in it must be on the list whenever anybody else can run: notifiers and updates
#    find it there, and nowhere else.
# 2. Going from 0 to 1 is allowed to one task only, the one that went from 1 to 0, and only as long as
#    it holds `mmu_lock`.
# 3. First the mark, then the count: on the way no state may look like a root in good health.
# 4. The 1 is a gift to the worker. Whoever gives the last reference back finds an invalid, empty root,
#    takes it off the list and frees it.
# 5. Every step from valid to invalid queues the root before `mmu_lock` is dropped. So an update may
#    skip what is invalid: its flush waits for it anyway.

# %% [markdown]
# ## 10. Where to read the real code
#
# All in `arch/x86/kvm/mmu/tdp_mmu.c`:
#
# | what | where |
# |---|---|
# | the three puts | `kvm_tdp_mmu_put_root()` in v5.17, in 8351779ce65f and in efd995dae5eb (v5.18): read them side by side |
# | the mark | `kvm_tdp_root_mark_invalid()`, from 8351779ce65f on |
# | the warning that relies on you | `kvm_tdp_mmu_invalidate_all_roots()`, v5.18 |
# | walks that hold references | `tdp_mmu_next_root()`: the put of the previous root may be the last one |
#
# It lasted about a year. From v6.4 on (April 2023) the *TDP MMU*, the part of KVM that keeps these tables, itself holds a reference to every root,
# from its birth to a fast zap. No vCPU can be the last user of a valid root any more, so there are no
# defunct roots: the mark and the step from 0 to 1 were deleted from the put, and in their place stands
# a check that a root whose count reaches zero is invalid. It also cured what had made defunct roots so
# frequent: with one vCPU, each SMI and each change of CR0.WP had thrown the whole table away.
