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
# # Lab 09: Afterwards
#
# v5.18 was released, and the story went on. Twice the protocol became simpler, and each time
# something went that had seemed to be needed. Meanwhile bugs came to light that no review had seen. Why
# did the worker go again, and would *you* have seen the bugs?
#
# **What you will be able to do**
#
# - say why later kernels keep roots that nobody uses (v6.4), and why they zap without a worker (v6.6);
# - find five bugs from the record, in code that was shipped or posted, by producing the run that
#   shows each;
# - mend each of them with the smallest change.
#
# **Time:** about 90 minutes. **Before you start:** labs 06 to 08. You know what a root, its role
# word, its reference count and the zap queue are, and how v5.18 hands a root to the worker.

# %%
import tdplib
from tdplib import check, draw, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver

ex1, ex2, ex3, ex4, ex5 = (labs.exercise(f"lab09.ex{n}") for n in range(1, 6))
ex6, ex7, ex8, ex9, ex10 = (labs.exercise(f"lab09.ex{n}") for n in range(6, 11))
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# You have met all of them. What each meant, in one line:
#
# | word | meaning |
# |---|---|
# | **vCPU** | a CPU of the guest, that is of the virtual machine; for the host it is a thread, which may sleep |
# | **gfn** | *guest frame number*: the number of a page of guest memory |
# | **TDP MMU** | the part of KVM that keeps the page tables which lead from guest memory to host memory |
# | **SPTE** | one entry of such a table; *present*: it leads somewhere. To *zap* is to make it not present |
# | **root** | the top table; a vCPU points at one, and several may share it |
# | **role**, **role word** | 32 bits of a root that say what kind of table it is; its bit **`invalid`** means out of service |
# | **get**, **put**, **count** | take a reference to a root, give it back; how many there are |
# | **memslot**, **fast zap** | a range of guest memory; what happens when one is deleted: all roots go out of service and are zapped |
# | **worker**, **queue**, **flush** | a thread that takes items from a queue; to flush the queue is to wait until all that is in it is done |
# | **request** | what makes every vCPU drop a root that is out of service before it enters the guest again |
# | **notifier** | a callback: the host tells KVM that it takes a page away |
# | **`mmu_lock`**, **`slots_lock`** | the first guards the tables, for read or for write; the second lets one update in at a time |
# | **RCU**, `call_rcu` | memory is freed only when everybody who was reading has left; the callback that frees it comes then |

# %% [markdown]
# ## 2. v6.4: roots that nobody uses are kept
#
# In v5.18 a root is **defunct** when its last reference is gone while it is still valid. The put then
# marks it invalid and hands it to the worker. That is right, and for some guests it was very slow.
#
# A vCPU drops *all* its roots not only when it ends. It also does so when the guest toggles CR0.WP (a
# control bit that says whether the kernel of the guest may write to read-only pages), and when an
# SMI is emulated, that is when the guest enters or leaves *system management mode*. With several
# vCPUs somebody else still holds the root. With one vCPU nobody does: each time, all page tables
# were thrown away and then built anew, page by page.
#
# In April 2023 "Preserve TDP MMU roots until explicitly invalidated" was posted; v6.4 has it. A new
# root starts with a count of **2**: one reference for the vCPU, and one that the TDP MMU itself owns.
# A put of the last vCPU takes the count to 1, and that is all:
#
# ```python
# def kvm_tdp_mmu_put_root(kvm, root, shared):           # v6.4
#     if not refcount_dec_and_test(root.tdp_mmu_root_count):
#         return
#     KVM_BUG_ON(not root.role.invalid, kvm)             # zero on a valid root cannot be
#     ...                                                # take it off the list, free it
# ```
#
# Marking in the put, the `refcount_set` that brought a root back to life, and the atomic exchange are
# all gone. Only the fast zap takes a root out of service, and it gives *its own* reference, the TDP
# MMU's, to the worker. It can be afforded because at most 6 different roots can exist at a time: the
# guest's control bits are no longer part of their role words.

# %% [markdown]
# {{question lab09.q1}}

# %%
labs.predict("lab09.q1", "")

# %% [markdown]
# See it happen. **Run** vCPU 0 to its end and look at root 0: valid, listed, count 1, and its SPTE is
# present. Then run the update and the worker, and the root goes. With `"v5.18"` in the place of
# `"v6.4"`, root 0 is in the queue as soon as vCPU 0 is done.

# %%
Interleaver("v6.4", "small")

# %% [markdown]
# {{question lab09.q2}}

# %%
labs.predict("lab09.q2", "")


# %%
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """v6.4's walk without its skip: every root, each time."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        root.role.invalid = 1
        tdp_mmu_schedule_zap_root(kvm, root)


no_skip = check(kvm_tdp_mmu_invalidate_all_roots, base="v6.4")
draw(no_skip)

# %% [markdown]
# ## 3. v6.6: the worker goes
#
# Roots that are kept have a second effect. Puts no longer queue anything, so the queue is filled by
# the fast zap alone, and the fast zap waits for it right away. The work could as well be done on the
# spot, by the task that waits.
#
# In September 2023 a report came from ChromeOS (Pattara Teerapong): deleting a memslot could keep
# all CPUs busy for about 8 ms (50 ms and more on 5.15), and one could hear it, as glitches in the
# audio. The queue's workers were *unbound*: they run on any CPU and with a priority of their own,
# whatever CPUs and priority the task was given that asked for the work. Commit 0df9dab891ff, in v6.6,
# removes worker and queue:
#
# ```python
# def kvm_tdp_mmu_invalidate_all_roots(kvm):             # v6.6, mmu_lock held for write
#     for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
#         if root.role.invalid:
#             continue
#         root.tdp_mmu_scheduled_root_to_zap = True
#         root.role.invalid = 1
# ```
#
# After it the fast zap itself, with `mmu_lock` held for read, walks over all roots, zaps those with
# the flag, clears the flag, and gives the TDP MMU's reference back.
#
# The walk is `tdp_mmu_next_root(kvm, prev, shared, only_valid)`: it gives the root after `prev`, or the
# first one for `None`. It takes a reference to the root that it gives, and gives the one to `prev` back.
# `shared` says that `mmu_lock` is held for read, `only_valid` that invalid roots are passed by.

# %% [markdown]
# {{question lab09.q3}}

# %%
labs.predict("lab09.q3", "")


# %%
def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """v6.6's walk without the flag: every root that is invalid."""
    read_lock(kvm.mmu_lock)
    root = tdp_mmu_next_root(kvm, None, True, False)
    while root is not None:
        if root.role.invalid:
            tdp_mmu_zap_root(kvm, root, True)
            kvm_tdp_mmu_put_root(kvm, root, True)
        root = tdp_mmu_next_root(kvm, root, True, False)
    read_unlock(kvm.mmu_lock)


no_flag = check(kvm_tdp_mmu_zap_invalidated_roots, base="v6.6")
draw(no_flag)

# %% [markdown]
# The trace is long, but its story is short: two updates, and one vCPU that sleeps all the while. The
# second update finds the root of the first, invalid and still alive, and gives back a reference that
# is no longer its own. `tdp_mmu_scheduled_root_to_zap` says: *handed over, and not yet zapped*.
#
# The three versions beside each other, in the same scenario:

# %%
for base in ("v5.18", "v6.4", "v6.6"):
    verdict = check(base=base)
    print(f"{base:6} {verdict.status}, {verdict.states:,} states")

# %% [markdown]
# Fewer states means that fewer things can happen at the same time. That is what "simpler" means here.

# %% [markdown]
# ## 4. Five hunts
#
# Each of the following was shipped or posted. In each hunt you first **find** the bug: you produce a
# schedule that breaks the code as it stood. Play it in the widget (`board.schedule` gives its code),
# and you are told how far you are from the shortest. `draw(check(...))` would give the run away; try
# without. Then you **mend** it, with the least change.
#
# Four of the five are played in a *world*, a small stage on which the bug can show. What it leaves
# out is said each time.

# %% [markdown]
# ## 5. Hunt 1: the queue that was not there
#
# Patch 21 of the series (22b94c4b63eb) gave each VM a queue of its own, allocated when the VM is made.
# An allocation can fail. Nobody looked. During the 5.18 release candidates a fuzzer, syzbot, reported
# a crash: the flush of a queue that is NULL (report and patch by Pavel Skripkin, 25 March 2022).
#
# In the world `unchecked-queue` a process makes a VM and deletes a memslot of it; the guest has not run
# yet. "others" use up the memory. A pointer to the queue is here a pointer to the VM it belongs to, or
# `None`.
#
# ```python
# def alloc_workqueue(kvm):
#     if kvm.memory_is_short:
#         return None
#     return kvm
#
# def kvm_mmu_init_tdp_mmu(kvm):
#     wq = alloc_workqueue(kvm)
#     set_zap_wq(kvm, wq)
#     return 0
#
# def kvm_arch_init_vm(kvm):
#     error = 0
#     kvm_mmu_init_tdp_mmu(kvm)
#     return error
# ```

# %%
board1 = Interleaver("unchecked-queue")
board1

# %% [markdown]
# {{exercise lab09.ex1}}

# %% nbgrader={"grade": false, "grade_id": "lab09-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("unchecked-queue").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab09-ex1-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(schedule)
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %%
# ex1.hint()

# %% [markdown]
# Now the fix. {{question lab09.q4}}

# %%
labs.predict("lab09.q4", "")


# %%
def kvm_mmu_init_tdp_mmu(kvm):
    """The fix as it was pushed first (1a3320dd2939)."""
    wq = alloc_workqueue(kvm)
    if IS_ERR(wq):
        return -12
    set_zap_wq(kvm, wq)
    return 0


print(repr(check(kvm_mmu_init_tdp_mmu, base="unchecked-queue")))

# %% [markdown]
# {{exercise lab09.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab09-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_mmu_init_tdp_mmu(kvm):
    """Set up what the TDP MMU of a new VM needs; 0, or a negative error number."""
    wq = alloc_workqueue(kvm)
    ### BEGIN SOLUTION
    if wq is None:
        return -ENOMEM
    set_zap_wq(kvm, wq)
    return 0


def kvm_arch_init_vm(kvm):
    """Set up a new VM; 0, or a negative error number: then there is no VM."""
    error = 0
    error = kvm_mmu_init_tdp_mmu(kvm)
    return error
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab09-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check([kvm_mmu_init_tdp_mmu, kvm_arch_init_vm])
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# ## 6. Hunt 2: the last look
#
# When a VM ends, its vCPUs drop their roots, and then `kvm_mmu_uninit_tdp_mmu` takes the TDP MMU down.
# It ends the queue, it warns if a root is still listed, and it waits for the callbacks of `call_rcu`:
# each of them frees a root, and none may run when the VM's memory is gone. As posted on 3 March 2022
# the order was:
#
# ```python
# def kvm_mmu_uninit_tdp_mmu(kvm):
#     WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
#     flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
#     rcu_barrier()
#     destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)
# ```
#
# You know the world and the order from lab 06, where you wrote the right one; here you are to find the
# shortest way into the wrong one. In the world `teardown` the process of the VM runs its vCPU, exits, and thereby ends the VM. The reader
# is somebody else in the kernel who reads under RCU.

# %%
board2 = Interleaver("teardown")
board2

# %% [markdown]
# {{exercise lab09.ex3}}

# %% nbgrader={"grade": false, "grade_id": "lab09-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("teardown").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab09-ex3-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(schedule)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# It was merged in the right order: flush, destroy, WARN, barrier. Christophe Jaillet later noted that
# the flush is redundant, since destroying a queue waits for what is in it, and it was dropped.
#
# With roots that are kept (v6.4) the teardown needs more than a new order. Nobody gives the last
# reference back, so somebody must take it away:
#
# {{exercise lab09.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab09-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_mmu_uninit_tdp_mmu(kvm):
    """The TDP MMU's part in the end of a VM; no vCPU has a root any more."""
    ### BEGIN SOLUTION
    write_lock(kvm.mmu_lock)
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    write_unlock(kvm.mmu_lock)
    destroy_zap_wq(kvm)
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    rcu_barrier()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab09-ex4-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(kvm_mmu_uninit_tdp_mmu)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# ## 7. Hunt 3: the wrong root
#
# A vCPU that changes its mode needs a root with another role word. The root it had goes into a small
# cache of *previous roots*, reference and all, so that a switch back costs nothing (the kernel keeps
# three, our world two). When the request comes to drop obsolete roots, that is roots out of service,
# the cache has to be looked through as well. v5.18.0 shipped with this loop, told in kernel Python:
#
# ```python
# for i in range(KVM_MMU_NUM_PREV_ROOTS):
#     if is_obsolete_root(vcpu.arch.mmu.root):
#         drop_prev_root(vcpu, i)
# ```
#
# Do you see it? It came with 527d5cd7eece and was found in June 2022.
#
# In the world `prev-roots` one vCPU enters the guest and then changes its mode twice. After each change
# it enters the guest twice and then looks through its cache. If no request is pending, nothing
# obsolete may be there.

# %%
board3 = Interleaver("prev-roots")
board3

# %% [markdown]
# {{exercise lab09.ex5}}

# %% nbgrader={"grade": false, "grade_id": "lab09-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("prev-roots").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab09-ex5-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(schedule)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# {{question lab09.q5}}

# %%
labs.predict("lab09.q5", "")

# %% [markdown]
# {{exercise lab09.ex6}}


# %% nbgrader={"grade": false, "grade_id": "lab09-ex6", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve the request: drop every root, cached or current, that is out of service."""
    write_lock(vcpu.kvm.mmu_lock)
    for i in range(KVM_MMU_NUM_PREV_ROOTS):
        ### BEGIN SOLUTION
        if is_obsolete_root(prev_root(vcpu, i)):
            ### END SOLUTION
            drop_prev_root(vcpu, i)
    if is_obsolete_root(vcpu.arch.mmu.root):
        kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
        vcpu.arch.mmu.root = None
    write_unlock(vcpu.kvm.mmu_lock)


# %% nbgrader={"grade": true, "grade_id": "lab09-ex6-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report6 = ex6.check(kvm_mmu_free_obsolete_roots)
### BEGIN HIDDEN TESTS
report6.require()
### END HIDDEN TESTS
report6

# %%
# ex6.hint()

# %% [markdown]
# ## 8. Hunt 4: the flush that was forgotten
#
# A CPU does not walk the page tables at every access. It remembers what it has found, in its **TLB**
# (*translation lookaside buffer*). So when the host takes a page away, two things must happen before
# the page is given to somebody else: the SPTE goes, and the TLBs are *flushed*, that is, told to forget.
#
# The function that unmaps a page in every root says, with its return value, whether a flush is due. In
# the trees of the 5.18 cycle (it can be read at 22b94c4b63eb and efd995dae5eb) its loop looked like
# this:
#
# ```python
# flush = False
# for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
#     flush = zap_leaf(kvm, root, gfn, False)
# return flush
# ```
#
# In the world `lost-flush` vCPU 1 runs in system management mode, so it has a root of its own. vCPU 0
# maps gfn 0 (page 0 of guest memory), and uses it once more later. The notifier takes the page away.
# The TLB is one bit, `tlb_has_gfn_0`; in the kernel a pending flush of the *shadow MMU* (the older half
# of KVM's memory management) was lost in the same way, which our world leaves out.
#
# The patch in whose neighbourhood this stands, cf3e26427c08, was reverted after Hyper-V guests had
# crashed, and came back as f47e5bbbc92f. Whether the lost flush was the reason is not known to us.

# %% [markdown]
# {{question lab09.q6}}

# %%
labs.predict("lab09.q6", "")

# %%
board4 = Interleaver("lost-flush")
board4

# %% [markdown]
# {{exercise lab09.ex7}}

# %% nbgrader={"grade": false, "grade_id": "lab09-ex7", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("lost-flush").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab09-ex7-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report7 = ex7.check(schedule)
### BEGIN HIDDEN TESTS
report7.require()
### END HIDDEN TESTS
report7

# %%
# ex7.hint()

# %% [markdown]
# {{exercise lab09.ex8}}


# %% nbgrader={"grade": false, "grade_id": "lab09-ex8", "locked": false, "schema_version": 3, "solution": true, "task": false}
def zap_gfn_in_every_root(kvm, gfn):
    """Unmap `gfn` in every root. True if a flush is due."""
    lockdep_assert_held_write(kvm.mmu_lock)
    flush = False
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        flush = zap_leaf(kvm, root, gfn, flush)
        ### END SOLUTION
    return flush


# %% nbgrader={"grade": true, "grade_id": "lab09-ex8-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report8 = ex8.check(zap_gfn_in_every_root)
### BEGIN HIDDEN TESTS
report8.require()
### END HIDDEN TESTS
report8

# %%
# ex8.hint()

# %% [markdown]
# ## 9. Hunt 5: given back twice
#
# The oldest of the five, and the hardest. Before version 4 of the series there was a version 3
# (posted on 26 February 2022). Its put queued defunct roots for a worker, as v5.18 does; its fast zap still
# *walked the list*, as v5.17 does:
#
# 1. with `mmu_lock` held for write: take a reference to every root that is alive, and mark it invalid;
# 2. drop the lock, take it for read;
# 3. for every root on the list that is **invalid and alive**: zap it, and give a reference back.
#
# The cover letter of version 4 names the bug: a reference that the put adds could be given back twice. How
# that comes about it does not say; the mechanism that you are about to find is inferred, and confirmed by
# the search.
#
# This is not a world but the posting itself, in kernel Python, with one vCPU, one update and the
# worker. In the column of a task that is in the middle of something you see which function it is in.

# %%
board5 = Interleaver("v3-list-walk", "small")
board5

# %% [markdown]
# {{exercise lab09.ex9}}

# %% nbgrader={"grade": false, "grade_id": "lab09-ex9", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("v3-list-walk", scenario="small").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab09-ex9-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report9 = ex9.check(schedule)
### BEGIN HIDDEN TESTS
report9.require()
### END HIDDEN TESTS
report9

# %%
# ex9.hint()

# %% [markdown]
# {{exercise lab09.ex10}}


# %% nbgrader={"grade": false, "grade_id": "lab09-ex10", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Take every root that is alive out of service, and a reference to it for the zap."""
    lockdep_assert_held_write(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if kvm_tdp_mmu_get_root(root):
            root.role.invalid = 1
            ### BEGIN SOLUTION
            root.scheduled_to_zap = True


def walk_wants(root):
    """Does the walk zap this root, and give a reference to it back?"""
    return root.scheduled_to_zap
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab09-ex10-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report10 = ex10.check([kvm_tdp_mmu_invalidate_all_roots, walk_wants])
### BEGIN HIDDEN TESTS
report10.require()
### END HIDDEN TESTS
report10

# %%
# ex10.hint()

# %% [markdown]
# Version 4 solved it in another way: it gave the fast zap the same queue, so that each reference belongs to
# a work item. When v6.6 took the queue away, the question was back, and with it the flag. (v6.6 has to
# clear it: an update there takes no new reference to a root that is invalid already. The update of this
# world takes one to every root, each time, so here a flag that stays set does no harm.)
#
# **What was not checked.** As in all labs: roots of one level and few entries, and memory that everybody
# sees in one order. The worlds leave out what is said above; their verdicts say nothing about it.

# %% [markdown]
# ## 10. Recap
#
# 1. v6.4 keeps roots: the TDP MMU owns a reference to each. A put never brings a root back to life, and
#    a vCPU that drops its root for a moment finds it again.
# 2. v6.6 zaps without a worker, because a worker has neither the CPUs nor the priority of the task that
#    waits for it. A flag says which roots are still owed a zap, and it is cleared.
# 3. A flag must be cleared by whoever does what it asks for. `invalid` never is, so it cannot be that flag.
# 4. Look at what an allocation gives. Look at the list only after everybody who empties it is through.
# 5. In a loop over several things, each test and each result has an index. Two of the five bugs are
#    a loop that forgot it.

# %% [markdown]
# ## 11. Where to read the real code
#
# All in `arch/x86/kvm/mmu/`:
#
# | what | where |
# |---|---|
# | roots that are kept | `tdp_mmu.c`, v6.4: `kvm_tdp_mmu_get_vcpu_root_hpa()`, `kvm_tdp_mmu_put_root()` |
# | no worker | `tdp_mmu.c`, 0df9dab891ff (v6.6): `kvm_tdp_mmu_invalidate_all_roots()`, `kvm_tdp_mmu_zap_invalidated_roots()` |
# | the queue that was not there | `tdp_mmu.c`, 22b94c4b63eb and a1a39128faab: `kvm_mmu_init_tdp_mmu()` |
# | the end of a VM | `tdp_mmu.c`: `kvm_mmu_uninit_tdp_mmu()`; compare patch 21 as posted with 22b94c4b63eb |
# | the wrong root | `mmu.c`: `__kvm_mmu_free_obsolete_roots()`; compare 527d5cd7eece with cf4a8693d97a |
# | the forgotten flush | `tdp_mmu.c` at efd995dae5eb: the loop over the roots that zaps a range of gfns (`zap_gfn_in_every_root` is this kit's name for it) |
# | the reference given back twice | the KVM mailing list, version 3 of the series (26 February 2022), and the cover letter of version 4 |
#
# In 6.9 (f5238c2a60f1, dab285e4ec73, 576a15de8d29) roots are found, made and given back with `mmu_lock` held for
# read only. Its cover letter tells of more than 3 ms to load a new root with more than 100 vCPUs before, and less than 0.1 ms after.
