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
# # Lab 04: Invalidation
#
# A piece of guest memory is taken away. From one moment to the next no page table of the guest may
# lead there any more, while its CPUs go on running, faulting and sleeping. KVM does this by
# throwing *all* of the tables away. In this lab you write how it does so in Linux v5.17: mark the
# tables, tell the CPUs, empty the tables. The question is: **in which order, under which lock, and
# what exactly is true when it is over?**
#
# **What you will be able to do**
#
# - say what a fast zap promises when it returns, and what it does not promise;
# - write v5.17's invalidation and the request that goes with it, in the one order that works;
# - produce the interleaving that breaks a wrong order, and state the invariant that all wrong
#   orders break;
# - say why two fast zaps must not run at the same time, and what makes a processor forget a root.
#
# **Time:** about 70 minutes. **Before you start:** labs 02 (roots and their reference counts) and
# 03 (the fault path). Every word that is needed is explained again below.

# %%
import tdplib
from tdplib import check, draw, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver

ex1 = labs.exercise("lab04.ex1")
ex2 = labs.exercise("lab04.ex2")
ex3 = labs.exercise("lab04.ex3")
ex4 = labs.exercise("lab04.ex4")
ex5 = labs.exercise("lab04.ex5")
ex6 = labs.exercise("lab04.ex6")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# | word | meaning |
# |---|---|
# | **guest**, **vCPU** | the virtual machine, and a CPU of it. For the host a vCPU is an ordinary thread, which may sleep |
# | **TDP MMU** | the part of KVM, Linux's hypervisor, that keeps the tables from guest memory to host memory (*two-dimensional paging*): `arch/x86/kvm/mmu/tdp_mmu.c` |
# | **SPTE** | one entry of such a table; *present* means that it leads somewhere |
# | **root** | the top table. Every vCPU points at one; several may share it. All roots of a virtual machine are on one list |
# | **role**, **`invalid`** | a 32-bit word of a root that says what kind of table it is. One bit of it is `invalid` (bit 11 in v5.18): out of service. No vCPU may pick such a root up again |
# | **get**, **put** | take a reference to a root, give it back. At v5.17 the last put takes the root off the list, zaps it and frees it |
# | **zap** | make SPTEs not present |
# | **memslot** | a range of guest memory, as the host's user space has set it up |
# | **fast zap** | all roots are thrown away at once: `kvm_mmu_zap_all_fast()`. The vCPUs then build new ones, page by page |
# | **request** | a bit that one task sets in a vCPU, "do this before you next enter the guest". The vCPU takes it: it sees the bit and clears it |
# | **`mmu_lock`** | guards the tables. Many may hold it for read (to map a page, to zap beside others), or one for write |
# | **`slots_lock`** | a *mutex* (one holder at a time) that a memslot update holds from its beginning to its end |
# | **to yield** | to give way: drop a lock for a moment so that others may have it, and take it again |
# | **RCU** | a way to read without a lock: memory is freed only after everybody who was reading has left |
#
# ## 2. The promise
#
# A fast zap runs when a memslot is deleted or moved, when the host toggles a setting called *NX
# huge pages*, and in one rare case more (a counter in special SPTEs wraps around). Those are its
# callers in v5.18. Take the first of them. Once the memslot is gone, the host reuses its memory.

# %% [markdown]
# {{question lab04.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown; nobody but you sees it.

# %%
labs.predict("lab04.q1", "")

# %% [markdown]
# It cannot be done later, either. The host's memory management tells KVM through *MMU notifiers*
# (callbacks) that a page is about to go away. Once the memslot has gone, those callbacks no longer
# find the SPTEs that lead to its pages. A zap after that would mark pages as dirty or accessed that
# belong to somebody else by then.
#
# ## 3. Mark, tell, zap
#
# A root can lead to a great many pages. To empty all of them with `mmu_lock` held for write would
# stop every vCPU that needs a page. So v5.17 does the work in two walks over the list of roots:
#
# | | what | `mmu_lock` |
# |---|---|---|
# | 1 | **mark**: take a reference to each root, set its `invalid` bit | write, short |
# | 2 | **tell**: raise a request, so that each vCPU drops its root when it next enters the guest | write, the same section |
# | 3 | **zap**: empty each invalid root, give its reference back | read, long, yields |
#
# While step 3 is going on, a vCPU that has served its request can already load a new root and map
# pages in it. And from step 1 on nobody installs anything in an old root: a page fault asks, with
# `mmu_lock` held, whether its root has become invalid (`is_page_fault_stale`, commit a955cad84cda
# of November 2021).
#
# Here is the third step, told in *kernel Python* (Python's syntax, C's meaning):
#
# ```python
# def kvm_tdp_mmu_zap_invalidated_roots(kvm):
#     read_lock(kvm.mmu_lock)
#     rcu_read_lock()
#     root = next_invalidated_root(kvm, None)             # the first: invalid, count > 0
#     while root is not None:
#         following = next_invalidated_root(kvm, root)    # look ahead: `root` may go
#         rcu_read_unlock()
#         tdp_mmu_zap_root(kvm, root, True)               # yields between two entries
#         kvm_tdp_mmu_put_root(kvm, root, True)           # gives step 1's reference back
#         root = following
#         rcu_read_lock()
#     rcu_read_unlock()
#     read_unlock(kvm.mmu_lock)
# ```
#
# **Why does the fast zap walk the list itself?** Because in v5.17 there is nobody else to do it.
# The worker and its queue came with v5.18 (commit 22b94c4b63eb); lab 06 is about them. And because
# there is no queue, there is no record of *which* roots step 1 has marked. The walk goes by what it
# can see: a root that is invalid, and whose count is not zero. Keep that in mind, it matters twice
# in this lab.
#
# **Why the reference?** Between steps 1 and 3, and whenever the zap yields, every vCPU may drop its
# root. If one of those puts were the last, the root would be freed under the zap. The reference of
# step 1 keeps the root alive, and on the list, until step 3 gives it back.

# %% [markdown]
# ## 4. By hand: a fast zap beside a sleeping vCPU
#
# Below are a vCPU that touches the same page of memory twice, and a memslot update. **You are the
# scheduler.** **Step** lets a task take one step, the double arrow beside it lets it **run** until
# it must wait or is done. You can go back at any time.
#
# | do this | until you see |
# |---|---|
# | **step** vCPU 0, five times | root 0: count 1, one present SPTE. Now the vCPU sleeps |
# | **step** update 0, twice | root 0 is invalid, its count 2. `mmu_lock` is held for write, and no request is pending yet |
# | **step** update 0, once | the request is pending, `mmu_lock` is free |
# | **run** update 0 | it is done. Root 0 has no present SPTE; its count is 1 |
# | **step** vCPU 0, slowly | it takes its request, drops root 0, which is freed, and maps its page in a new root 1 |
#
# Stop before the last line and look at root 0: the fast zap has returned, and the vCPU still points
# at a root from before. That was question 1. All that is left of that root is an empty table.

# %%
Interleaver("guest-entry")

# %% [markdown]
# ## 5. Exercise 1: mark
#
# {{exercise lab04.ex1}}


# %% nbgrader={"grade": false, "grade_id": "lab04-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root that is alive out of service, and a reference to it for the zap."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        if kvm_tdp_mmu_get_root(root):
            root.role.invalid = 1
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab04-ex1-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
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
# {{question lab04.q2}}

# %%
labs.predict("lab04.q2", "")


# %%
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Like v5.17's, but a root that is invalid already is left alone."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if not root.role.invalid and kvm_tdp_mmu_get_root(root):
            root.role.invalid = True


skipped = check(kvm_tdp_mmu_invalidate_all_roots, base="v5.17", scenario="requeue")
draw(skipped)

# %% [markdown]
# Read the picture from the top. Update 0 is all right: it takes a reference (count 2), zaps, gives
# it back (count 1, the vCPU's own). Update 1 finds the root invalid and takes none, but its second
# walk finds the root invalid too, and begins to zap it. Now the vCPU wakes up and drops the root:
# count 0, freed, in the middle of a zap.
#
# So v5.17 marks and zaps such a root again, and the kit notes it as advice, *wasted zap*:

# %%
print(check(base="v5.17", scenario="requeue"))

# %% [markdown]
# ## 6. Exercise 2: tell
#
# A vCPU that sits on an invalid root must be told to drop it. If it is not, nothing breaks at once,
# but it can do no work: each of its page faults finds the root out of service and is tried again,
# for ever, and the vCPU's reference keeps the root alive.
#
# The request does that. Up to v5.17 it was called `KVM_REQ_MMU_RELOAD`; here it has its name from
# v5.18 on, `KVM_REQ_MMU_FREE_OBSOLETE_ROOTS` (commit 527d5cd7eece). A vCPU that is running in the
# guest is kicked out of it, so that it looks for requests. A vCPU that sleeps is not woken up: it
# looks when it wakes. On the way into the guest a vCPU does this, and takes no lock to look:
#
# ```python
# def vcpu_enter_guest(vcpu):
#     vcpu.in_guest = False
#     if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):  # sees it, clears it
#         kvm_mmu_free_obsolete_roots(vcpu)                         # drops invalid roots
#     if vcpu.arch.mmu.root is None:
#         kvm_mmu_load(vcpu)                                        # mmu_lock for write
#     vcpu.in_guest = True
# ```
#
# (`in_guest` is not the kernel's; you will need it in exercise 4.)
#
# {{exercise lab04.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab04-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    trace_kvm_mmu_zap_all_fast(kvm)
    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
    ### BEGIN SOLUTION
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab04-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(kvm_mmu_zap_all_fast)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# Four actions can be put into 24 orders. One of them is right.
#
# Two lines of what you were given play no part here. The *generation*, `mmu_valid_gen`, is for the
# older kind of tables, the shadow MMU: there an outdated table is known by its generation, in the
# TDP MMU by its `invalid` bit. And `trace_kvm_mmu_zap_all_fast` is a tracepoint; in this kit it
# also notes which roots exist, so that the promise can be checked when the function returns.

# %% [markdown]
# ## 7. Exercise 3: the request that came too early
#
# {{question lab04.q3}}

# %%
labs.predict("lab04.q3", "")

# %% [markdown]
# That the bit and the request belong in *one* write section, before the lock can be dropped for the
# first time, is an old point: Ben Gardon argued it on the mailing list in April 2021. Now see for
# yourself. In the stage below they are in two. Play it until something breaks.

# %%
Interleaver("request-first")

# %% [markdown]
# {{exercise lab04.ex3}}

# %% nbgrader={"grade": false, "grade_id": "lab04-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("request-first").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab04-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(schedule)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# ## 8. Exercise 4: what all wrong orders have in common
#
# There are more ways to get it wrong. Four of them stand ready on top of v5.17; the last two lines
# are the same bugs as the first and the fourth, put into v5.18:

# %%
near_misses = (
    "request-first",
    "request-then-mark",
    "request-late",
    "mark-late",
    "request-before-invalidate",
    "invalid-after-unlock",
)
for name in near_misses:
    verdict = check(name)
    print(f"{name:26} {verdict.status}, the first time after {len(verdict.trace.steps):2} steps")

# %% [markdown]
# `request-then-mark` is the sly one: bit and request are in one write section, only the wrong way
# round. It takes a vCPU that comes by at just the right moment:
#
# ```text
#  update 0                        vCPU 0, on root 0
#  ------------------------------  ----------------------------------
#  takes mmu_lock for write
#  raises the request
#                                  takes the request: it is cleared
#                                  looks at root 0: still valid, keeps it
#  marks root 0 invalid
#  drops mmu_lock
#                                  enters the guest, on an invalid root
#                                  ... nothing will tell it
# ```
#
# `mmu_lock` does not help, because neither taking a request nor looking at one's own root needs it.
#
# A *guard* turns such a list of bugs round: instead of asking what can go wrong, it says what must
# be true, always.
#
# {{exercise lab04.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab04-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm, vcpu0):
    """A vCPU in the guest on an invalid root will be told."""
    ### BEGIN SOLUTION
    if rwlock_is_write_locked(kvm.mmu_lock):
        return True
    if not vcpu0.in_guest:
        return True
    root = vcpu0.arch.mmu.root
    return not root.role.invalid or kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab04-ex4-check", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(invariant)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# ## 9. Exercise 5: two fast zaps at once
#
# Not only memslots need a fast zap. *NX huge pages* is a setting of the host that changes which
# large pages KVM may use. It can be toggled while guests are running, and every root was built for
# the old setting. So the toggle does, for each virtual machine, what a memslot update does: take
# `slots_lock`, fast zap, drop `slots_lock` (as of commit 22b94c4b63eb). And `kvm_mmu_zap_all_fast`
# begins with an assertion that `slots_lock` is held.
#
# Is that lock needed? The marking is safe under `mmu_lock`, and the zaps only take SPTEs away.
#
# {{question lab04.q4}}

# %%
labs.predict("lab04.q4", "")

# %%
two_zaps = check("toggle-unlocked")
f"{two_zaps.status}: {two_zaps.property}, after {len(two_zaps.trace.steps)} steps"

# %% [markdown]
# In this stage the toggle does not take `slots_lock`. The shortest interleaving that breaks it has
# many steps, because two zaps go on at the same time. This is the gist of it:
#
# ```text
#  update 0                 NX toggle                vCPU 0
#  -----------------------  -----------------------  ----------------------------
#  marks: no root yet
#                                                    loads root 0: count 1
#                           marks root 0: count 2
#                           finds root 0, begins
#                           to zap it, yields
#  finds root 0 invalid,
#  zaps it, puts: count 1
#                                                    takes its request
#                                                    drops root 0: count 0, freed
#                           goes on with the zap
#                           of a root that is gone
# ```
#
# The update had nothing to zap. Its walk found what the toggle had marked, and gave back what the
# toggle had taken. Here is all of it, step by step:

# %%
Interleaver(trace=two_zaps.trace)

# %% [markdown]
# {{exercise lab04.ex5}}


# %% nbgrader={"grade": false, "grade_id": "lab04-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def toggle_nx_huge_pages(kvm):
    """Change the setting; every root was built for the old one, so all of them must go."""
    kvm.nx_huge_pages = not kvm.nx_huge_pages
    ### BEGIN SOLUTION
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    mutex_unlock(kvm.slots_lock)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab04-ex5-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(toggle_nx_huge_pages)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# ## 10. Exercise 6: what the processor remembers
#
# One thing in section 2 was said too briefly. A processor keeps the translations it has used in its
# *TLB*, and asks there before it asks any table (lab 03). So an empty table is not enough. The whole
# promise is: when the fast zap returns, no root from before has a present SPTE, **and no vCPU uses a
# translation from one of them any more**. The check calls the second half `tlb-complete`.
#
# {{question lab04.q5}}

# %%
labs.predict("lab04.q5", "")

# %%
only = ("tlb-complete",)  # what you broke in exercise 3 breaks sooner: look past it
draw(check("request-first", scenario="tlb", properties=only))

# %% [markdown]
# In the scenario `tlb` the vCPU has a TLB, and its guest uses its page twice. Each use is one step: it
# goes through, or it faults, or a request is pending and must be served first. Look at the last step:
# the SPTE is gone, the update is done, and the guest's access goes through.
#
# So the request has a second task. It makes a vCPU drop its root, and before that it gets the vCPU
# *out of the guest*: a vCPU that runs there is kicked, and whoever raises the request waits until it
# is out (read at commit 22b94c4b63eb, in v5.18). Being out is not forgetting, though. That comes when
# the vCPU loads another root: in v5.18 this ends with a flush of its own TLB. On these two the zap of
# a root relies; in v5.18 it flushes nothing itself.
#
# {{exercise lab04.ex6}}


# %% nbgrader={"grade": false, "grade_id": "lab04-ex6", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_mmu_load(vcpu):
    """Give the vCPU a root, an existing one of the same role or a new one."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu.arch.mmu.root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)
    ### BEGIN SOLUTION
    flush_tlb_current(vcpu)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab04-ex6-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report6 = ex6.check(kvm_mmu_load)
### BEGIN HIDDEN TESTS
report6.require()
### END HIDDEN TESTS
report6

# %%
# ex6.hint()

# %% [markdown]
# **What was not checked.** The simulated roots have one level and two entries. Only in exercise 6
# have the vCPUs a TLB; the one remote flush at the end of v5.17's walk is left out there too, and so
# is the flush when a vCPU moves to another processor, on which the kernel relies as well. The shadow
# MMU, whose zap may yield in the middle of the write section, is left out; in the kernel the
# request must also come before that. A request sets bits only: that the kernel waits until a vCPU is
# out of the guest shows here in that no guest goes on while a request is pending.
#
# ## 11. Recap
#
# 1. When the fast zap returns, no root from before has a present SPTE, and no vCPU uses a translation
#    from one. Such a root may still exist, and a vCPU may still point at it.
# 2. Mark and tell in one write section, in that order; then unlock; then zap, with `mmu_lock` for
#    read, yielding.
# 3. A request is served once. Whoever takes it must find the bit set; whoever can see the bit must
#    have a request pending.
# 4. v5.17 knows the roots it has to zap by one sign: invalid, and count not zero. So each of them
#    is given a reference each time, also if it was invalid before.
# 5. That sign does not say *whose* mark it is. `slots_lock` lets one fast zap run at a time, from
#    its first mark to its last put.
#
# ## 12. Where to read the real code
#
# All in `arch/x86/kvm/mmu/`, v5.17, the tree before the series of March 2022:
#
# | what | where |
# |---|---|
# | mark, tell, unlock, zap | `mmu.c`: `kvm_mmu_zap_all_fast()` |
# | the two walks | `tdp_mmu.c`: `kvm_tdp_mmu_invalidate_all_roots()`, `kvm_tdp_mmu_zap_invalidated_roots()` |
# | serving the request | `mmu.c`: `kvm_mmu_free_obsolete_roots()`, from v5.18 on (527d5cd7eece) |
# | the test in the fault | `mmu.c`: `is_page_fault_stale()`, a955cad84cda |
# | the flush at root load | `mmu.c`: `kvm_mmu_load()`, as of v5.18 |
#
# It did not stay like this. In v5.18 each marked root goes onto a queue, which *is* a record of
# what has been marked (labs 06 and 07). Since 2024 user space can ask KVM not to throw all roots
# away for one memslot, but to zap only the SPTEs of that slot (`KVM_X86_QUIRK_SLOT_ZAP_ALL`). To
# throw all away was the default because of an old trouble with passed-through graphics cards that
# nobody ever explained.
