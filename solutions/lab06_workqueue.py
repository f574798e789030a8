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
# # Lab 06: The workqueue
#
# In Linux v5.18, KVM does not clear a guest's page tables away in the task that wants them gone. It
# hands them to a worker thread and waits. That takes a dozen lines of code, and each of them can be
# put in a place where it frees memory that is in use, or stops the machine. Where do they belong,
# and who holds which lock there?
#
# **What you will be able to do**
#
# - write the queue, the worker and the wait, and say whose reference keeps a root alive meanwhile;
# - place the wait among two locks, and produce the deadlock of placing it wrongly;
# - state what must be true of a root while it is in the queue, and check it in every state;
# - take a VM apart in an order that leaves nothing behind.
#
# **Time:** about 75 minutes. **Before you start:** labs 02 and 04, or at least these facts: a *root*
# is the top of a guest's page tables; vCPUs take references to it (*get*) and give them back
# (*put*); the last put decides what becomes of it; the bit `invalid` in its role word puts it out of
# service for good.

# %%
import tdplib
from tdplib import check, draw, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver

ex1 = labs.exercise("lab06.ex1")
ex2 = labs.exercise("lab06.ex2")
ex3 = labs.exercise("lab06.ex3")
ex4 = labs.exercise("lab06.ex4")
ex5 = labs.exercise("lab06.ex5")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. Words
#
# | word | meaning |
# |---|---|
# | **vCPU** | a CPU of the guest; for the host it is an ordinary thread |
# | **root** | the top one of the page tables that KVM keeps for a guest; several vCPUs may share it. Its **role** word has a bit `invalid`: out of service |
# | **SPTE** | one entry of such a table; *present* means that it leads somewhere |
# | **zap** | make SPTEs not present |
# | **memslot** | a range of guest memory, as the host's user space has set it up |
# | **fast zap** | what happens when a memslot is deleted or moved: *all* roots go out of service, and when it returns none of them has a present SPTE (`kvm_mmu_zap_all_fast`) |
# | **request** | a note to every vCPU, read before it next enters the guest: drop your root if it has become invalid |
# | **work item** | a small struct that names a function. It is put on a queue, and some time later a kernel thread, the **worker**, takes it off and calls that function |
# | **flush** | sleep until everything that is on the queue now has been done |
# | **gift** | in this course: a reference that is taken by one task so that another one can give it back |
# | **`mmu_lock`** | guards the page tables; many may hold it for read, or one for write |
# | **`slots_lock`** | lets one memslot update in at a time |
# | **world** | in this course: a small stage with its own tasks, made for one question. What you write is put into one, or into a version of the kernel |
# | **RCU** | a way to read without a lock. `call_rcu` frees memory later: when all who were reading have left |

# %% [markdown]
# ## 2. Why a worker
#
# Up to v5.17 the fast zap marked all roots invalid, and then went over them itself, with `mmu_lock`
# held for read: zap, give the reference back, next root. Other tasks zapped too: whoever dropped the
# last reference to a root zapped it, usually a vCPU, which had better things to do.
#
# Commit 22b94c4b63eb, "patch 21" of a series of March 2022 and released in v5.18, gives the fast
# zap's part to a worker. (The vCPU's part follows three patches later; that is lab 08.)
#
# - Every VM gets a **queue of its own**, `kvm.arch.tdp_mmu_zap_wq`. An earlier posting (version 3,
#   February 2022), in which only puts queued roots, used the queue of the whole system, and had to
#   keep a reference to the VM for each item, lest the VM be gone when the item's turn comes.
# - The **work item** is a part of the root: `root.tdp_mmu_async_work`. No memory has to be allocated
#   to queue it. But memory that holds a queued item must not be freed.
# - Hence the **gift**: the update takes one reference to each root before it queues it. The worker
#   gives it back when it is through.
#
# The update's side, as it is called with `slots_lock` and with `mmu_lock` held for write (v5.18):
#
# ```python
# def kvm_tdp_mmu_invalidate_all_roots(kvm):
#     for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
#         if root.role.invalid:
#             continue                                   # queued before
#         WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))   # the gift
#         root.role.invalid = 1                          # out of service
#         tdp_mmu_schedule_zap_root(kvm, root)           # you write this one
# ```
#
# At patch 21 itself the first two lines of the loop were not there yet: every fast zap queued every
# root on the list. Keep that in mind for exercise 2.

# %% [markdown]
# {{question lab06.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown; nobody but you sees it.

# %%
labs.predict("lab06.q1", "")

# %% [markdown]
# ## 3. By hand: follow one reference
#
# Below are a vCPU, a memslot update and the worker, at v5.18. **You are the scheduler.** In each
# column, **Step** lets that task take one step, and the double arrow beside it lets it **run** until
# it must wait. Above the columns is the root, at the end are the locks and the queue. Watch root 0's
# count:
#
# | do this | until you see |
# |---|---|
# | **step** vCPU 0, three times | root 0: count 1 (the vCPU's), one present SPTE |
# | **run** update 0 | it waits in `kvm_tdp_mmu_zap_invalidated_roots`; root 0 is invalid and queued, count 2 |
# | **run** vCPU 0 | it is done, and has dropped root 0: count 1 (the worker's). The root is still listed, and still has its SPTE |
# | **step** the zap worker, slowly | the item is taken; the SPTE goes; the put takes the count to 0; root 0 is freed |
# | **run** update 0 | it is done |
#
# Then go back to the second line, and let the worker run before the vCPU. Who frees the root now?

# %%
Interleaver("v5.18", scenario="small")

# %% [markdown]
# The gift makes the order of the two puts a matter of no importance: whoever comes last frees an
# empty root.

# %% [markdown]
# ## 4. Exercise 1: put, take, wait
#
# {{exercise lab06.ex1}}


# %% nbgrader={"grade": false, "grade_id": "lab06-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tdp_mmu_schedule_zap_root(kvm, root):
    """Hand `root` to the worker, and with it the reference that the caller has taken."""
    ### BEGIN SOLUTION
    root.tdp_mmu_async_data = kvm
    INIT_WORK(root.tdp_mmu_async_work, tdp_mmu_zap_root_work)
    queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)


def tdp_mmu_zap_root_work(work):
    """The worker: zap the root, give the reference back."""
    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
    kvm = root.tdp_mmu_async_data
    read_lock(kvm.mmu_lock)
    tdp_mmu_zap_root(kvm, root, True)
    kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Wait until every root that was queued is zapped."""
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab06-ex1-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(
    [tdp_mmu_schedule_zap_root, tdp_mmu_zap_root_work, kvm_tdp_mmu_zap_invalidated_roots]
)
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
# ## 5. Without the gift
#
# {{question lab06.q2}}

# %%
labs.predict("lab06.q2", "")

# %%
no_gift = check(base="no-gift", scenario="small")
draw(no_gift)

# %% [markdown]
# The picture shows the *shortest* run that breaks something: the root is freed while an SPTE in it is
# present. Had the check overlooked that, worse would follow: the worker's turn comes, and it works on
# memory that is no longer a root. Look at the number of steps. A bug of this kind needs no rare
# coincidence; it needs a vCPU that is a little faster than a worker.
#
# Much later, in v6.4, the update takes no reference any more. That is not this bug: by then every
# root has one reference from its birth that belongs to the *TDP MMU* (the part of KVM that keeps
# these tables), and *that* one is given to the worker.

# %% [markdown]
# ## 6. Exercise 2: where to wait
#
# The fast zap may not return before the worker is through: once the memslot is gone, nobody finds the
# SPTEs that lead to its memory. So it waits. With which locks held? There are two to choose from,
# and the worker takes one of them.
#
# {{exercise lab06.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab06-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    ### BEGIN SOLUTION
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)


def kvm_delete_memslot(kvm):
    """Delete a memslot: when this returns, its memory belongs to user space again."""
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    mutex_unlock(kvm.slots_lock)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab06-ex2-check", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check([kvm_mmu_zap_all_fast, kvm_delete_memslot])
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# Try the wrong places too; it costs a second each. With the wait inside the write section everything
# hangs. Without `slots_lock`, or with the wait after it was dropped, the second update queues a root
# that still waits. The kit has both mistakes ready made:

# %%
for name in ("flush-under-mmu-lock", "flush-without-slots-lock"):
    verdict = check(base=name)
    print(f"{name:26} {verdict.status}: {verdict.property}, {len(verdict.trace.steps)} steps")

# %% [markdown]
# The rule for the worker follows from the same picture: it may take `mmu_lock`, because nobody waits
# for it with that lock held. It must never want `slots_lock`, because everybody who waits for it holds
# that one.

# %% [markdown]
# ## 7. The TLB that nobody flushes
#
# One thing is missing in your function, and in the kernel's (v5.18): it flushes no TLB. The **TLB** is
# where a processor remembers translations it has found, and it does not look at the tables again until
# it is told to forget.
#
# {{question lab06.q3}}

# %%
labs.predict("lab06.q3", "")

# %% [markdown]
# In the last case of exercise 2 each vCPU has a TLB, and the guest uses its page through it. Here is
# v5.18 with one, and then v5.18 without the flush that belongs to the loading of a root:

# %%
print("with the flush:   ", check("v5.18", scenario="tlb").status)
stale = check("load-without-flush")
print("without the flush:", stale.status)
draw(stale)

# %% [markdown]
# So the flush and the wait for the worker are two halves of one promise. The worker takes the SPTEs
# away, the request sees to it that nobody goes on without them. (The request also waits for the vCPUs
# that are in the guest, and wakes none that sleeps: a sleeping vCPU uses no translation. The kernel's
# argument has two more points that the kit leaves out: a vCPU that moves to another processor flushes
# there, and translations carry a tag that tells one root's from another's.)

# %% [markdown]
# ## 8. A lock for read is a lock
#
# {{question lab06.q4}}

# %%
labs.predict("lab06.q4", "")

# %% [markdown]
# ### Exercise 3: make it hang
#
# {{exercise lab06.ex3}}

# %%
Interleaver("flush-under-read-lock", scenario="small")

# %% nbgrader={"grade": false, "grade_id": "lab06-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("flush-under-read-lock").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab06-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(schedule)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# ## 9. Exercise 4: what a queued root is
#
# So far you have been told what breaks. Now say what holds.
#
# {{exercise lab06.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab06-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm):
    """True as long as every root that waits in the queue is what it should be."""
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        if work_pending(root.tdp_mmu_async_work):
            if not root.role.invalid or not refcount_read(root.tdp_mmu_root_count):
                return False
    ### END SOLUTION
    return True


# %% nbgrader={"grade": true, "grade_id": "lab06-ex4-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(invariant)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# ## 10. Taking it down
#
# When the last file of a VM is closed, the VM is taken apart. Four things have to be waited for: the
# vCPUs (they give back their roots), the queue (a put of a vCPU may have put a root there), the list
# (which should then be empty), and RCU (what was handed to `call_rcu` is freed later, and its
# function must not outlive the VM it belongs to).
#
# Version 4 of the series had an order of its own here. It looked at the list first, then flushed the
# queue, then called `rcu_barrier()`, and destroyed the queue last. The order was turned round before
# the merge.
#
# {{question lab06.q5}}

# %%
labs.predict("lab06.q5", "")

# %%
posted = check("teardown")
draw(posted)

# %% [markdown]
# Only the process has moved here. The last line is its look at the list; the worker has not begun.

# %% [markdown]
# ## 11. Exercise 5: the end of the VM
#
# {{exercise lab06.ex5}}


# %% nbgrader={"grade": false, "grade_id": "lab06-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_arch_destroy_vm(kvm, vcpu):
    """Take the VM apart; when this returns, its memory is given back."""
    ### BEGIN SOLUTION
    kvm_mmu_unload(vcpu)
    destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    rcu_barrier()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab06-ex5-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(kvm_arch_destroy_vm)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# `rcu_barrier()` waits only for what was handed to `call_rcu` *before*. That is why it is the last
# one: as long as the worker lives, there may be one more.

# %% [markdown]
# **What was not checked.** The simulated roots have one level and two entries, the queue has one
# worker, and there is a TLB only where the text says so. Memory is sequentially consistent (everybody
# sees all stores in one order). "Holds" means: within that model, for these tasks, in every
# interleaving.

# %% [markdown]
# ## 12. Recap
#
# 1. A work item lives in the root it is about. The gift, a reference taken before the item is queued,
#    keeps that memory until the worker has given it back.
# 2. What the worker needs must be in its place before `queue_work`: the next step may be the worker's.
# 3. Nobody waits for a worker with a lock that the worker takes. A lock held for read counts: a
#    waiting writer turns it into a wall.
# 4. `slots_lock` is held over the wait. So an update always begins with an empty queue, and at
#    patch 21 that is all that keeps an item from being queued twice.
# 5. Teardown goes in the order of causes: vCPUs, queue, list, RCU.

# %% [markdown]
# ## 13. Where to read the real code
#
# In `arch/x86/kvm/mmu/`, Linux v5.18:
#
# | what | where |
# |---|---|
# | queue, worker, wait | `tdp_mmu.c`: `tdp_mmu_schedule_zap_root()`, `tdp_mmu_zap_root_work()`, `kvm_tdp_mmu_zap_invalidated_roots()` |
# | the fast zap | `mmu.c`: `kvm_mmu_zap_all_fast()` |
# | making the queue, and the end | `tdp_mmu.c`: `kvm_mmu_init_tdp_mmu()`, `kvm_mmu_uninit_tdp_mmu()` |
# | the work item in the root | `struct kvm_mmu_page`: `tdp_mmu_async_work`, `tdp_mmu_async_data` |
# | all of it in one commit | 22b94c4b63eb |
#
# The queue is called "kvm" and is unbound: its workers run on any CPU. In 6.6 (0df9dab891ff) that was
# a reason to drop it: such a worker keeps neither the CPU affinity nor the priority of the task that
# waits for it. The fast zap does its own zapping again, and `mmu_lock` is held for read while it does.
