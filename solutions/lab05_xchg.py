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
# # Lab 05: xchg on the role word
#
# One bit of a page-table root says that the root is out of service. Setting it is easy. The helper
# that does it in Linux v5.18 has four lines, and one of them is an exchange of the whole 32-bit
# word the bit lives in. **Why an exchange, what is the old bit for that comes out of it, and why
# does it need no loop?**
#
# **What you will be able to do**
#
# - show how two tasks can both believe that they were the first to mark a root;
# - write the helper in three ways that are right: plain under a lock, with `xchg`, with `cmpxchg`;
# - say what each of the three relies on, and which one v5.18 could choose because of what;
# - tell why "ask, then take a reference" is not the same as "take a reference, then ask".
#
# **Time:** about 60 minutes. **Before you start:** lab 04 (invalidation). It helps to have met
# reference counts (lab 02). Every word that is needed is explained again below.

# %%
import tdplib
from tdplib import check, draw, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver
from tdplib.words import role

ex1 = labs.exercise("lab05.ex1")
ex2 = labs.exercise("lab05.ex2")
ex3 = labs.exercise("lab05.ex3")
ex4 = labs.exercise("lab05.ex4")
ex5 = labs.exercise("lab05.ex5")
ex6 = labs.exercise("lab05.ex6")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# | word | meaning |
# |---|---|
# | **vCPU** | a CPU of the guest; for the host it is an ordinary thread |
# | **root** | the top table of a guest's page tables, as the host keeps them. Every vCPU points at one; several may share it |
# | **SPTE** | one entry of a table; *present* means that it leads somewhere. To **zap** is to make SPTEs not present |
# | **role** | a 32-bit word of a root that says what kind of table it is; one bit of it is **`invalid`**: out of service |
# | **get**, **put** | take a reference to a root, give it back. A get fails if the count is zero |
# | **defunct** | a root that is still valid but has lost its last reference |
# | **worker**, **queue** | in v5.18 a kernel thread zaps the roots that are put on its queue, one after the other, and then puts each of them |
# | **memslot update** | the host's user space changes which memory the guest has; all roots are marked invalid and zapped for it |
# | **`mmu_lock`** | guards the tables. Many may hold it for read, or one for write |
# | **RCU** | a way to read without a lock: memory is freed only after everybody who was reading has left |
# | **plain** read or write | an ordinary access in C: reading a word, changing it and writing it back are three things, and others can come in between |
# | **`xchg(field, value)`** | store a value and get the old one, in one step that nobody can divide |
# | **`cmpxchg(field, old, new)`** | store `new` only if the field still holds `old`; gives what was there, in one step |
#
# ## 2. One word, many bits
#
# The role is one word with many fields over it, a `union` in C. Here are the words that this lab is
# about, as v5.18 lays them out:

# %%
for word in (0x784, 0xF84, 0x10784):
    print(f"{word:#7x}  {role.describe(word)}")

# %% [markdown]
# The whole word is what a root is *known* by. A vCPU that needs a root takes one from the list only
# if the words are equal. Its own word never has `invalid` set, so an invalid root never matches.
# Nobody needs to look at the bit for that.
#
# (Where the bits lie is not for ever. In v5.18, and still in sources of 2024, `invalid` is bit 11;
# in recent ones it is bit 12.)
#
# ## 3. The old bit
#
# This is what v5.18 does with the last reference to a root (commit efd995dae5eb), told in *kernel
# Python*: Python's syntax, C's meaning.
#
# ```python
# def kvm_tdp_mmu_put_root(kvm, root, shared):
#     if not refcount_dec_and_test(root.tdp_mmu_root_count):
#         return                                          # others still have references
#     if not kvm_tdp_root_mark_invalid(root):             # it was valid: not zapped yet
#         refcount_set(root.tdp_mmu_root_count, 1)        # a reference for the worker
#         tdp_mmu_schedule_zap_root(kvm, root)            # put it on the queue
#         return
#     ...                                                 # else: off the list, free it
# ```
#
# The last put of a root happens twice, so to speak. The first time the root is valid and full: it
# is handed to the worker. The worker zaps it and puts it. That put finds the bit set, and frees the
# root. **The old bit tells the two apart.** Whoever finds it 0 has made the root invalid, and owns
# what comes next. There must be exactly one such owner: with two, the root is queued twice; with
# none, it is never zapped.

# %% [markdown]
# {{question lab05.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown; nobody but you sees it.

# %%
labs.predict("lab05.q1", "")

# %% [markdown]
# ## 4. Exercise 1: two owners
#
# To see what can go wrong, here is a stage of two tasks (in the shape of vCPUs) that mark the same
# root at the same time, by plain read, change and write:
#
# ```python
# def kvm_tdp_root_mark_invalid(root):
#     role = root.role                    # read the word: a copy
#     was_invalid = role.invalid          # what the copy says
#     role.invalid = 1                    # change the copy
#     root.role = role                    # write it back
#     return was_invalid                  # tell the caller
# ```
#
# The first to come makes the root; that takes it four steps. A task that is told "it was valid"
# counts itself as an owner. **You are the scheduler**: **Step** lets a task take one step, the
# double arrow lets it **run** to its end. Run vCPU 0 to its end, then vCPU 1: there is one owner,
# all is well. Then go back to the start and find a way to two owners.

# %%
Interleaver("mark-plain")

# %% [markdown]
# {{exercise lab05.ex1}}

# %% nbgrader={"grade": false, "grade_id": "lab05-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("mark-plain").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab05-ex1-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(schedule)
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %% [markdown]
# Stuck? `ex1.hint()` gives a hint, and a clearer one each time: three in all.

# %%
# ex1.hint()

# %% [markdown]
# Both tasks store the same word, 0xf84, so in the end nothing looks wrong with the root. What is
# wrong is what the two *believe*.
#
# The same bug, put into all of v5.18, is the protocol `xchg-plain-rmw`. There the two vCPUs first
# load a root, map a page, and have two memslot updates beside them:

# %%
check("xchg-plain-rmw")

# %% [markdown]
# ## 5. Exercise 2: plain, under a lock
#
# {{question lab05.q2}}

# %%
labs.predict("lab05.q2", "")

# %% [markdown]
# {{exercise lab05.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab05-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def take_out_of_service(kvm, root):
    """Mark the root invalid; say whether it was so before. Plain, under a lock."""
    ### BEGIN SOLUTION
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    role = root.role
    was_invalid = role.invalid
    role.invalid = 1
    root.role = role
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    return was_invalid
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab05-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(take_out_of_service)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# {{question lab05.q3}}

# %%
labs.predict("lab05.q3", "")

# %% [markdown]
# The put has no such luck. The worker's put runs with `mmu_lock` held for read, beside page faults
# and whoever else holds it for read.
#
# ## 6. Exercise 3: xchg
#
# {{exercise lab05.ex3}}


# %% nbgrader={"grade": false, "grade_id": "lab05-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_root_mark_invalid(root):
    """Set `invalid`; say whether it was set before. Of several callers one is told "no"."""
    role = root.role
    role.invalid = 1
    ### BEGIN SOLUTION
    role.word = xchg(root.role.word, role.word)
    return role.invalid
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab05-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(kvm_tdp_root_mark_invalid)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# The copy is still read plainly, and may be out of date when the exchange comes. That does no harm
# here: if another task has marked the root meanwhile, the exchange stores a word with the bit set
# over a word with the bit set, and brings back a 1.

# %% [markdown]
# ## 7. Exercise 4: compare and exchange
#
# {{question lab05.q4}}

# %%
labs.predict("lab05.q4", "")

# %% [markdown]
# In the next stage vCPU 0 marks the root with v5.18's helper, and vCPU 1 sets another bit of the
# same word, `ad_disabled`. Look for the step in which 0x10784 turns into 0xf84.

# %%
beside = check("mark-beside")
draw(beside)

# %% [markdown]
# In the kernel this cannot happen, and that is **why v5.18 needs no loop**: no other bit of the
# role of a live root ever changes. A role is written once, when the root is made and nobody else
# can see it, and after that only `invalid` changes, from 0 to 1, once. So the word that the
# exchange stores can differ from what is there in that one bit only.
#
# It is a promise, though, and it lies outside the helper. If somebody breaks it one day, the helper
# is wrong without a change of its own. With a *compare and exchange* it would not depend on it:
#
# {{exercise lab05.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab05-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_root_mark_invalid(root):
    """Set `invalid`, and lose nobody's bit; say whether it was set before."""
    word = root.role.word
    ### BEGIN SOLUTION
    while not try_cmpxchg(root.role.word, word, word | 0x800):
        cpu_relax()
    return word & 0x800
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab05-ex4-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(kvm_tdp_root_mark_invalid)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# The three ways side by side, and two that are none:
#
# | how | two tasks mark at once | another bit changes beside it | what it relies on |
# |---|---|---|---|
# | plain, no lock | **two owners** | a bit may be lost | nobody else is there |
# | plain, under a lock | right | right if the other takes the lock too | everybody who writes the word takes that lock |
# | `xchg` | right | **the other bit is lost** | no other bit changes |
# | one `cmpxchg`, not repeated | right | **the root is not marked** | nobody else is there, or all want the same |
# | `cmpxchg` in a loop | right | right | nothing; it may have to try again |
#
# Four of these fields are a stage that you can run:

# %%
for name in ("mark-plain", "mark-xchg", "mark-beside", "mark-one-try"):
    print(f"{name:14} {check(name).status}")
v518 = check("v5.18", scenario="default+markers")
print(f"v5.18's xchg in {v518.states:,} states of v5.18: {v518.status}")

# %% [markdown]
# ## 8. Exercise 5: what the old bit promises
#
# {{exercise lab05.ex5}}


# %% nbgrader={"grade": false, "grade_id": "lab05-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm):
    """Nobody owns a root that is not marked, and nobody owns one together with another."""
    ### BEGIN SOLUTION
    root = kvm.spare_root
    if root is None:
        return True
    return kvm.owners <= root.role.invalid
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab05-ex5-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(invariant)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# ## 9. Exercise 6: ask, then get
#
# Honesty demands a word here. In v5.18 the helper is called in the put only, by the one task that
# has taken the count to zero, and `kvm_tdp_mmu_invalidate_all_roots` holds `mmu_lock` for write. So
# two tasks never mark the same root at the same time; you have needed a stage to see it. What is
# the exchange for, then? The series' cover letter names another reason: an `xchg` is a *full memory
# barrier*. What the processor did before it is visible to everybody before what it does after it.
# The put does three things after one another:
#
# | after | count | bit | to others the root is |
# |---|---|---|---|
# | the decrement | 0 | valid | not to be had: a get fails |
# | the exchange | 0 | invalid | not to be had, twice over |
# | `refcount_set(..., 1)` | 1 | invalid | not to be had: whoever looks for a valid root skips it |
#
# All three must look the same to somebody who wants a root: no. Were the count 1 *before* the bit
# is set, a get would succeed on a root that looks valid and is going to be zapped. (Lab 08 plays
# that one.) A writer sees none of this, because `mmu_lock` is held from the first line to the last.
#
# But a reader could see all of it, if the put too held `mmu_lock` for read only.
#
# {{question lab05.q5}}

# %%
labs.predict("lab05.q5", "")

# %%
slipped = check("check-then-get")
draw(slipped)

# %% [markdown]
# In v5.18 nobody seems to be able to get into this trap: a vCPU puts its root with `mmu_lock` held
# for write, and the walks that take references with `mmu_lock` held for read come one at a time,
# under *`slots_lock`*, which lets one update in at a time. (That is our reading of the code. We have
# found it stated nowhere.) In the stage of this exercise a vCPU holds `mmu_lock` for read when it
# drops its root.
#
# {{exercise lab05.ex6}}


# %% nbgrader={"grade": false, "grade_id": "lab05-ex6", "locked": false, "schema_version": 3, "solution": true, "task": false}
def next_valid_root(kvm):
    """The first valid root, with a reference; None if there is none."""
    found = None
    rcu_read_lock()
    for root in list_for_each_entry_rcu(kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        if kvm_tdp_mmu_get_root(root):
            if root.role.invalid:
                kvm_tdp_mmu_put_root(kvm, root, True)
                continue
            found = root
            break
        ### END SOLUTION
    rcu_read_unlock()
    return found


# %% nbgrader={"grade": true, "grade_id": "lab05-ex6-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report6 = ex6.check(next_valid_root)
### BEGIN HIDDEN TESTS
report6.require()
### END HIDDEN TESTS
report6

# %%
# ex6.hint()

# %% [markdown]
# **What was not checked.** The simulated memory is sequentially consistent: everybody sees all
# stores in one order, so what a barrier is for does not show here. And storing a single bit,
# `root.role.invalid = 1`, is one step in kernel Python that leaves the other bits alone. In C it is
# not: the compiler reads the word, changes it and writes it back.
#
# ## 10. Recap
#
# 1. The old bit says who owns what comes next. It must come out of the same step that sets the new
#    one; a bit that was read before may be out of date.
# 2. A lock makes plain accesses right if it lets one task in at a time, and if everybody who writes
#    the word takes it.
# 3. `xchg` of a whole word is right as long as no other bit of the word changes. v5.18 relies on
#    that, and so needs no loop.
# 4. A `cmpxchg` that fails has done nothing. Either try again with the fresh word, or have a good
#    reason not to.
# 5. To ask and then to get are two steps. Get first: what you learn while you hold a reference
#    stays true.
#
# ## 11. Where to read the real code
#
# All in `arch/x86/kvm/mmu/`, Linux v5.18:
#
# | what | where |
# |---|---|
# | the helper | `tdp_mmu.c`: `kvm_tdp_root_mark_invalid()`, since 8351779ce65f |
# | who asks the old bit | `tdp_mmu.c`: `kvm_tdp_mmu_put_root()`, efd995dae5eb |
# | the plain store | `tdp_mmu.c`: `kvm_tdp_mmu_invalidate_all_roots()` |
# | the walk that asks first | `tdp_mmu.c`: `tdp_mmu_next_root()` |
# | the role word | `arch/x86/include/asm/kvm_host.h`: `union kvm_mmu_page_role` |
#
# It did not stay like this. In v6.4 (April 2023) the helper was deleted: the *TDP MMU* (the part of KVM that keeps these tables) has a
# reference of its own to every root until it is invalidated, so a put that comes to zero finds the
# root invalid always, and never has to mark one. It is a bug if it does not.
