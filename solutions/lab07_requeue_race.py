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
# # Lab 07: The re-queue race
#
# In March 2022 the code that throws away a guest's page tables moved from the tasks that needed it
# done to a worker thread. On the way a small question came up: can the same table be handed to the
# worker twice, and does it matter? The answer is a different one after each of three patches. In
# this lab you find out why.
#
# **What you will be able to do**
#
# - follow one page-table root through invalidation, zap and free while several tasks pull at it;
# - write the function that invalidates all roots, in a form that queues each root once;
# - show the interleaving that makes an innocent check (`if root.role.invalid`) wrong in one patch,
#   and say what makes the same check right two patches later.
#
# **Time:** about 90 minutes. **Before you start:** you can read C and a little Python, and you know
# what a page table and a lock are. You need to know nothing about KVM.
#
# **How it works.** The kernel functions here are written in *kernel Python*: Python's syntax, C's
# meaning. Your functions are never run by Python. They are compiled for a small simulated machine,
# and then **every** possible interleaving of all tasks is tried. If one goes wrong, you get the
# shortest that does.

# %%
import tdplib
from tdplib import check, draw, figure, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver

ex1 = labs.exercise("lab07.ex1")
ex2 = labs.exercise("lab07.ex2")
ex3 = labs.exercise("lab07.ex3")
ex4 = labs.exercise("lab07.ex4")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# | word | meaning |
# |---|---|
# | **guest**, **host** | the virtual machine, and the machine it runs on |
# | **vCPU** | a CPU of the guest; for the host it is an ordinary thread, which may sleep |
# | **gfn** | *guest frame number*: the number of a page of guest memory |
# | **TDP** | *two-dimensional paging*: beside the guest's own page tables the CPU walks a second set, kept by the host, from guest memory to host memory (Intel calls it EPT, AMD calls it NPT) |
# | **TDP MMU** | the part of KVM, Linux's hypervisor, that keeps those tables: `arch/x86/kvm/mmu/tdp_mmu.c` |
# | **SPTE** | one entry of such a table; *present* means that it leads somewhere |
# | **root** | the top table. Every vCPU points at one; several vCPUs may share it. Its data is a `struct kvm_mmu_page` |
# | **role** | a 32-bit word of a root that says what kind of table it is. One bit of it is **`invalid`** (bit 11 in v5.18): out of service, no vCPU may pick this root up again |
# | **get**, **put** | take a reference to a root, give it back. The last put decides what becomes of the root |
# | **zap** | make SPTEs not present |
# | **memslot** | a range of guest memory, as the host's user space has set it up |
# | **fast zap** | what happens when a memslot is deleted or moved: *all* roots are thrown away, `kvm_mmu_zap_all_fast()`. The vCPUs then build new ones, page by page |
# | **worker**, **queue** | a kernel thread that takes work items from a queue, one after the other. *Flushing* the queue means to sleep until everything that is in it has been done |
# | **RCU** | a way to read without a lock: memory is freed only after everybody who was reading has left |
# | `xchg`, `cmpxchg` | one atomic step: store a new value and get the old one; the second stores only if the value is still the one you saw |
# | `WARN_ON_ONCE(x)` | a complaint in the log if `x` is true, which it never should be |
#
# Two locks matter. **`mmu_lock`** guards the tables: many may hold it for read (to map a page, to
# zap), or one for write. **`slots_lock`** lets one memslot update in at a time; an update holds it
# from its beginning to its very end.

# %% [markdown]
# ## 2. The promise, and what it cost
#
# Once a memslot is gone, the host reuses its memory. So the fast zap makes a promise:
#
# > **When the fast zap returns, no root from before has a present SPTE.**
#
# It cannot be kept later. KVM learns through *MMU notifiers* (callbacks of the host's memory
# management) that a page is about to go away, and after the memslot has gone those callbacks no
# longer find the SPTEs that lead to it. A zap after that writes to pages that belong to somebody
# else.
#
# Up to v5.17 whoever dropped the last reference to a root zapped all of it, in one go, without
# letting anybody else run. Usually that was a vCPU. A root can lead to a great many pages: the
# changelog of commit 8351779ce65f quotes a CPU stuck for 485 seconds in `kvm_tdp_mmu_put_root`.
#
# On 3 March 2022 Paolo Bonzini posted version 4 of a series of 30 patches that gave the work to a
# worker. Three of them are the story of this lab:
#
# | patch | commit | what it does |
# |---|---|---|
# | 21 | 22b94c4b63eb | the fast zap marks every root invalid and **queues** it for the worker, then flushes the queue |
# | 22 | 8351779ce65f | a put that drops the last reference to a valid root marks it invalid and zaps it **on the spot**, but now gives way to others in between |
# | 24 | efd995dae5eb | that put **queues** the root too; this is what v5.18 does |
#
# Here is patch 21's part, told in kernel Python. It runs with `slots_lock` and with `mmu_lock` held
# for write:
#
# ```python
# def kvm_tdp_mmu_invalidate_all_roots(kvm):
#     lockdep_assert_held_write(kvm.mmu_lock)
#     for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
#         WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))   # the worker's reference: a gift
#         root.role.invalid = 1                          # out of service
#         tdp_mmu_schedule_zap_root(kvm, root)           # put its work item on the queue
# ```
#
# After that a *request* is raised: every vCPU, before it next enters the guest, drops its root if
# that has become invalid. Then `mmu_lock` is dropped, and the queue is flushed. The worker zaps the
# root and gives the gift back with a put.
#
# A vCPU that sleeps is not woken up for the request. It keeps its root, and its reference, for as
# long as it sleeps.

# %% [markdown]
# {{question lab07.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown; nobody but you sees it.

# %%
labs.predict("lab07.q1", "")

# %% [markdown]
# ## 3. By hand: play the re-queue
#
# Below are five tasks at patch 21: two vCPUs, two memslot updates and the zap worker. **You are the
# scheduler.** In each column, **Step** lets that task take one step, and the double arrow beside it
# lets it **run** until it must wait. A task that cannot move says what it waits for. Around the
# columns you see what the tasks share: the roots above, the locks and the queue at the end. You can
# go back at any time.
#
# Get root 0 onto the queue for a second time:
#
# | do this | until you see |
# |---|---|
# | **step** vCPU 0, a few times | root 0: count 1, one present SPTE |
# | **run** update 0 | it waits in `kvm_tdp_mmu_zap_invalidated_roots`; root 0 is invalid, queued, count 2 |
# | **run** the zap worker | it has nothing left to do; root 0 is empty, and its count is back to 1 |
# | **run** update 0 | it is done |
# | **step** update 1, slowly | root 0 is **queued** once more |
#
# Leave vCPU 0 alone after the first line: it sleeps. Look at root 0 just before the last step: that
# was question 1.

# %%
Interleaver("patch-21")

# %% [markdown]
# This is what you have just played:
#
# ```text
#  vCPU 0              update 0              zap worker           update 1
#  ------------------  --------------------  -------------------  ---------------------
#  loads root 0
#  (count 1)
#  ... sleeps ...      takes slots_lock
#                      get: count 2
#                      invalid = 1
#                      queues root 0
#                      raises the request
#                      flush: waits          takes root 0
#                                            zaps it
#                                            put: count 1
#                      flush returns
#                      drops slots_lock
#                                                                 takes slots_lock
#                                                                 root 0 is still listed
#                                                                 get: count 2
#                                                                 queues root 0 AGAIN
#                                            zaps an empty root
#                                            put: count 1
#  wakes up, serves
#  the request
#  put: count 0
#  root 0 is freed
# ```
#
# Sean Christopherson, who reviewed the series, saw it on the same evening. At 20:54 UTC he had asked
# for a warning on roots that are scheduled twice; twelve minutes later, at 21:06, he corrected
# himself: a root **can** be queued again, because a vCPU that has not yet dropped it keeps it on
# the list until the next memslot update comes along.

# %% [markdown]
# {{question lab07.q2}}

# %%
labs.predict("lab07.q2", "")

# %% [markdown]
# Now let the kit try every interleaving of patch 21 instead of one:

# %%
requeue = check(base="patch-21")
print(requeue)

# %% [markdown]
# It **holds**: no interleaving breaks anything. But there is a piece of advice, *wasted zap*: a root
# that was empty has been zapped once more. The kit keeps the shortest interleaving that shows it.
# Here is its picture: time runs downwards, each task has a line of its own, and on the right stands
# what becomes of the root. In this one the vCPU does not even touch memory; it only has a root.

# %%
draw(requeue.traces["wasted-zap"])

# %% [markdown]
# ## 4. Exercise 1: queue each root once
#
# {{exercise lab07.ex1}}


# %% nbgrader={"grade": false, "grade_id": "lab07-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service, and queue each of them once."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        if root.tdp_mmu_async_data:
            continue
        WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))
        root.role.invalid = 1
        tdp_mmu_schedule_zap_root(kvm, root)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab07-ex1-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(kvm_tdp_mmu_invalidate_all_roots)
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
# Keep your function under a second name: you will try it again soon.

# %%
my_exercise_1 = kvm_tdp_mmu_invalidate_all_roots

# %% [markdown]
# Two kinds of answer are right here. One asks a mark that only the queueing leaves behind; that is
# what Sean proposed in his 21:06 message, as a *sentinel*, "has this been queued before?" (his
# sketch used `tdp_mmu_async_data`). The other asks the root whether it is `invalid`. At patch 21 it
# makes no difference, because only the fast zap ever sets that bit.
#
# Neither was merged at this patch. Paolo answered the next day that the update holds `slots_lock`,
# so an item always goes onto an empty queue, and a second walk through an empty root hurts nobody.
# Commit 22b94c4b63eb queues every root, each time.

# %% [markdown]
# ## 5. Patch 22: a second way to become invalid
#
# A root is **defunct** if it is still valid but its last reference is gone, for instance because
# the only vCPU that used it has dropped it. Before patch 22 the put zapped such a root without a
# pause. Patch 22 lets it pause, and for that the root must be out of service first:
#
# ```python
# def kvm_tdp_mmu_put_root(kvm, root, shared):
#     if not refcount_dec_and_test(root.tdp_mmu_root_count):
#         return
#     if not kvm_tdp_root_mark_invalid(root):            # it was valid: now it is invalid
#         refcount_set(root.tdp_mmu_root_count, 1)       # keep it alive,
#         tdp_mmu_zap_root(kvm, root, shared)            # zap it; drops mmu_lock at times
#         if not refcount_dec_and_test(root.tdp_mmu_root_count):
#             return
#     ...                                                # take it off the list, free it
# ```
#
# {{question lab07.q3}}

# %%
labs.predict("lab07.q3", "")


# %%
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service; leave those alone that are so already."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid:
            continue
        WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))
        root.role.invalid = 1
        tdp_mmu_schedule_zap_root(kvm, root)


too_early = check(kvm_tdp_mmu_invalidate_all_roots, base="patch-22")
draw(too_early)

# %% [markdown]
# This is the *shortest* interleaving that breaks the promise. Read it from the top: who runs, in
# which function, what is read or written. Your function takes part in one step only; all
# the steps before it prepare the trap. You can also step through it yourself:

# %%
Interleaver(trace=too_early.trace)

# %% [markdown]
# {{question lab07.q4}}

# %%
labs.predict("lab07.q4", "")

# %% [markdown]
# And your own function from exercise 1? If you have written one, take the `#` away and see.

# %%
# check(my_exercise_1, base="patch-22")

# %% [markdown]
# ## 6. Exercise 2: mend it
#
# {{exercise lab07.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab07-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root out of service, and queue those that need it."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        if root.tdp_mmu_async_data:
            continue
        ### END SOLUTION
        WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))
        root.role.invalid = 1
        tdp_mmu_schedule_zap_root(kvm, root)


# %% nbgrader={"grade": true, "grade_id": "lab07-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(kvm_tdp_mmu_invalidate_all_roots)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# In the same mail of 20:54 UTC Sean had warned of exactly this: skipping a root because it is
# invalid is wrong as long as there is a way to become invalid that does not go through the worker.
# The picture:
#
# ```text
#  vCPU 0                         update 0 (skips invalid roots)
#  -----------------------------  ------------------------------------
#  last put: count 0
#  invalid = 1, count = 1
#  zaps the first entry
#  gives way: drops mmu_lock
#                                 root 0 is invalid: skipped
#                                 the queue is empty: flush returns at once
#                                 returns; root 0 still maps a page
#  goes on, zaps the rest
#  ... too late
# ```

# %% [markdown]
# ## 7. Patch 24: the put queues too
#
# Zapping in the put still makes a vCPU wait, even if it gives way to others. Patch 24 hands that
# work to the worker as well. Its changelog speaks of a vCPU that was blocked for more than 900
# seconds before, and for less than 100 milliseconds after.
#
# {{question lab07.q5}}

# %%
labs.predict("lab07.q5", "")

# %%
twice = check(base="patch-24-unconditional")
draw(twice)

# %% [markdown]
# So from patch 24 on a skip is needed. Which one? In his review of patch 24 Sean asked for a rule:
# *a root that is invalid and can still be reached is always zapped by way of the queue*. With that
# rule, the check that was wrong two patches ago is right, and no sentinel is needed. What is left
# for you is to keep the rule.

# %% [markdown]
# ## 8. Exercise 3: what makes the check right
#
# {{exercise lab07.ex3}}


# %% nbgrader={"grade": false, "grade_id": "lab07-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one decides what becomes of the root."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    ### BEGIN SOLUTION
    if not kvm_tdp_root_mark_invalid(root):
        refcount_set(root.tdp_mmu_root_count, 1)
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    ### END SOLUTION
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


# %% nbgrader={"grade": true, "grade_id": "lab07-ex3-check", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(kvm_tdp_mmu_put_root)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# {{question lab07.q6}}

# %%
labs.predict("lab07.q6", "")

# %% [markdown]
# ## 9. Exercise 4: write the promise down
#
# "An invalid root is in the queue, or the worker is through with it" was a sentence in a review. The
# machine can hold code to such a sentence if you write it as an *invariant*: a function that only
# looks, and is asked in every state there is.
#
# {{exercise lab07.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab07-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm):
    """Whether every listed root that is invalid has been queued."""
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        if root.role.invalid and root.tdp_mmu_async_data is None:
            if not rwlock_is_write_locked(kvm.mmu_lock):
                return False
        ### END SOLUTION
    return True


# %% nbgrader={"grade": true, "grade_id": "lab07-ex4-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(invariant)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# Your invariant is false at patch 22 even without the skip, where nothing breaks. That is the point:
# patch 22 is right, and still does not keep the promise. Whoever relies on it there is wrong. Once
# exercise 4 is right, see for yourself:

# %%
# print(tdplib.guard(invariant, base="patch-22", scenario="small").trace)

# %% [markdown]
# The same as a picture. Below is every state in which a root can be found at patch 22, and every
# step from one to the next, collected from all interleavings of one vCPU and two updates. A dashed
# box is a state that only a task with `mmu_lock` held for write ever sees. Look for the box that is
# *invalid*, has SPTEs, is in no queue, and is **not** dashed. The trace of section 5 went through it.

# %%
figure("life-patch-22")

# %% [markdown]
# And in v5.18. The box is still there, but dashed: it is left for the queue before the lock is
# dropped, so nobody else can meet a root in it.

# %%
figure("life-v5.18")

# %% [markdown]
# ## 10. All of it in one table
#
# The same three lines of code, at three moments of one series:
#
# | when the fast zap ... | after patch 21 | after patch 22 | after patch 24 |
# |---|---|---|---|
# | queues every root, always | safe, a root may be zapped twice (merged) | safe, likewise (merged) | **wrong**: queued while it is queued |
# | skips a root that is `invalid` | safe | **wrong**: returns with live SPTEs | right (merged, v5.18) |
# | skips a root that was queued before | safe | safe | safe |
#
# Every field of the table is one run of the same search. Try some:

# %%
for base in ("patch-21-skip-invalid", "patch-22-sentinel", "patch-24-sentinel", "v5.18"):
    verdict = check(base=base)
    print(f"{base:24} {verdict.status}, {verdict.states:,} states")

# %% [markdown]
# **What was not checked.** The simulated roots have one level and two entries, there is no *TLB* (what a
# processor remembers of tables it has walked), and memory is sequentially consistent (everybody sees all stores in one order). "Holds" means: within
# that model, for these tasks, in every interleaving.

# %% [markdown]
# ## 11. Recap
#
# 1. The fast zap must not return while a root from before has a present SPTE.
# 2. The flush waits for what is in the queue. It waits for nothing else: not for vCPUs, not for a
#    zap in a put.
# 3. A vCPU that has not dropped its root keeps it on the list, so the next update meets it again:
#    the re-queue race. Under `slots_lock` that is only waste.
# 4. A flag is as good as the promise behind it. `invalid` meant "queued" at patch 21, no longer at
#    patch 22, and again from patch 24 on.
# 5. v5.18's promise: every step from valid to invalid queues the root before `mmu_lock` is dropped.

# %% [markdown]
# ## 12. Where to read the real code
#
# All in `arch/x86/kvm/mmu/`, Linux v5.18:
#
# | what | where |
# |---|---|
# | the walk over the roots | `tdp_mmu.c`: `kvm_tdp_mmu_invalidate_all_roots()`; compare 22b94c4b63eb with efd995dae5eb |
# | the put | `tdp_mmu.c`: `kvm_tdp_mmu_put_root()`, `kvm_tdp_root_mark_invalid()`; compare 8351779ce65f with efd995dae5eb |
# | queue and worker | `tdp_mmu.c`: `tdp_mmu_schedule_zap_root()`, `tdp_mmu_zap_root_work()`, `kvm_tdp_mmu_zap_invalidated_roots()` |
# | the fast zap | `mmu.c`: `kvm_mmu_zap_all_fast()` |
# | the discussion | the KVM mailing list, 3 and 4 March 2022, replies to patches 21/30 and 24/30 of version 4 of the series |
#
# It did not stay like this. From v6.4 on (April 2023) the TDP MMU keeps a reference of its own to
# every root, so a put never has to bring a root back to life. In 6.6 (0df9dab891ff, September 2023)
# the worker went away: unbound workers do not keep a task's CPU affinity and priority, and deleting
# a memslot could keep all CPUs busy for about 8 ms. The question of this lab stayed: a flag,
# `tdp_mmu_scheduled_root_to_zap`, says which roots still have to be zapped, *once*.
