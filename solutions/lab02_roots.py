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
# # Lab 02: Roots
#
# A virtual machine has eight CPUs and one memory. Does it need eight page tables, or will one do?
#
# One will do, as long as all eight mean the same table, and as long as somebody knows when the last
# of them has let go of it. KVM settles the first with a word of 32 bits, the second with a counter.
# Word and counter are what this lab is about, and everything after it builds on them.
#
# **What you will be able to do**
#
# - take a role word apart by hand, and say when two roots are the same one;
# - write how a root is found, got and put, in the form of v5.17;
# - show an interleaving in which a reference is taken from a count of zero, and say what makes that
#   impossible;
# - state an invariant, and have it tried on right versions and wrong ones.
#
# **Time:** about 60 minutes. **Before you start:** lab 00, and you know what a page table is (lab 01
# has it in detail).

# %%
import tdplib
from tdplib import check, draw, figure, labs
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver
from tdplib.words.role import describe, layout, mark_invalid, pack, unpack

ex1 = labs.exercise("lab02.ex1")
ex2 = labs.exercise("lab02.ex2")
ex3 = labs.exercise("lab02.ex3")
ex4 = labs.exercise("lab02.ex4")
ex5 = labs.exercise("lab02.ex5")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The words
#
# | word | meaning |
# |---|---|
# | **guest**, **host** | the virtual machine, and the machine it runs on |
# | **vCPU** | a CPU of the guest |
# | **TDP MMU** | the part of KVM, Linux's hypervisor, that keeps the tables which lead from guest memory to host memory (TDP is *two-dimensional paging*): `arch/x86/kvm/mmu/tdp_mmu.c` |
# | **SPTE** | an entry of such a table; *present* means that it leads somewhere |
# | **root** | the top table. Each vCPU points at one, and several may point at the same |
# | **`struct kvm_mmu_page`** | the kernel's record of one table. Of a root we need `role`, `tdp_mmu_root_count`, and `link`, its place on the list |
# | **role** | a word of 32 bits in that record: what kind of table it is (section 2) |
# | **the list** | `kvm->arch.tdp_mmu_roots`: all roots of this virtual machine |
# | **get**, **put** | take a reference to a root, give it back |
# | **zap** | make SPTEs not present |
# | **`mmu_lock`** | the lock of a virtual machine's tables. Many may hold it for *read*, or one for *write* |
# | **memslot update** | the host's user space changes which memory the guest has; all roots are thrown away then |
# | **RCU** | a way to read without a lock: memory is freed only after everybody who was reading has left |

# %% [markdown]
# ## 2. The role word
#
# What is a root *for*? For how many levels, for which mode of the CPU, with which protection bits?
# All of that stands in its *role*, a C union of bit-fields with one 32-bit `word` laid over all of
# them (`union kvm_mmu_page_role`; the kernel's build checks that it has four bytes). Here are the
# fields as they lie in v5.18:

# %%
for field in layout("v5.18").fields:
    print(f"{field.bits:>6}  {field.name:16} {field.note}")

# %% [markdown]
# *Shadow paging*, which two of the fields belong to, is KVM's older way of doing things and no part
# of this course; those fields are 0 here, and `direct` is 1. The names in capital letters are
# protection bits of the CPU's control registers.
#
# So a root of four levels, with all kinds of access allowed, has this word:

# %%
word = pack(level=4, direct=1, access=7)
print(f"{word:#x} = {word:#014b}")
print(describe(word))
unpack(word)

# %% [markdown]
# Do it by hand once: `level` is bits 0 to 3, so 4; `direct` is bit 7, so `0x80`; `access` is 7, from
# bit 8 on, so `0x700`. Together `0x784`.
#
# Some of its relatives. Take one apart on paper before you run the cell.

# %%
for word in (0x785, 0x3784, 0x0100_0784, 0x2_0784, mark_invalid(0x784)):
    print(f"{word:#09x}  {describe(word)}")

# %% [markdown]
# `smm` says that the CPU is in *system management mode*, a mode for firmware that sees other memory
# than the rest; `guest_mode` that it runs a guest of the guest.
#
# The last one is special. **`invalid`** is not about what a root is for. It says that the root is
# out of service: no vCPU may take it up any more. Once it is set it is never cleared again, and the
# root's SPTEs, its place on the list and its count are as they were. When it is set, and by whom, is
# the subject of labs 04 to 08.

# %% [markdown]
# {{question lab02.q1}}

# %%
labs.predict("lab02.q1", "")

# %% [markdown]
# {{question lab02.q2}}

# %%
labs.predict("lab02.q2", "")

# %% [markdown]
# The same word, read with two layouts. `recent` is a tree of which we know the layout, but not which
# release had it first.

# %%
for version in ("v5.18", "recent"):
    print(f"{version:7} {describe(0x1784, version)}")

# %% [markdown]
# Both layouts, bit by bit, with the word of a four-level root before and after it is made invalid:

# %%
figure("role-word")

# %% [markdown]
# ## 3. Finding a root
#
# A vCPU that has no root asks for one with *its* word. In v5.18 that goes as follows, with `mmu_lock`
# held for write, so that nobody else is at the tables:
#
# 1. walk the list; if a root has the same word, and a reference to it can be had, take it;
# 2. else make a new one: set its role, set its count to 1 (the vCPU's reference), put it on the list.
#
# There are few roots. A patch of April 2023, for v6.4, counts six at most that differ, and therefore
# keeps them for longer than v5.18 does.
#
# The function is `kvm_tdp_mmu_get_vcpu_root_hpa()`. *hpa* is a host physical address: that of the
# table, which is what the CPU wants to know in the end.

# %% [markdown]
# ## 4. Exercise 1: the same root
#
# {{exercise lab02.ex1}}
#
# This is what the function does as you are given it, in the shortest run that goes wrong:

# %%
draw(check(ex1.record.stub, base="roots"))


# %% nbgrader={"grade": false, "grade_id": "lab02-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_get_vcpu_root_hpa(vcpu):
    """Find a listed root with the vCPU's role, or make one; mmu_lock is held for write."""
    lockdep_assert_held_write(vcpu.kvm.mmu_lock)
    role = vcpu.arch.mmu.root_role
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        ### BEGIN SOLUTION
        same = root.role.word == role.word
        ### END SOLUTION
        if same and kvm_tdp_mmu_get_root(root):
            return root
    fresh = tdp_mmu_alloc_sp(vcpu)
    fresh.role = role
    refcount_set(fresh.tdp_mmu_root_count, 1)
    spin_lock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    list_add_rcu(fresh.link, vcpu.kvm.arch.tdp_mmu_roots)
    spin_unlock(vcpu.kvm.arch.tdp_mmu_pages_lock)
    return fresh


# %% nbgrader={"grade": true, "grade_id": "lab02-ex1-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(kvm_tdp_mmu_get_vcpu_root_hpa)
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %% [markdown]
# As in every lab, `ex1.hint()` helps in stages, and `report1.play()` opens the run that breaks a wrong
# answer.

# %%
# ex1.hint()

# %% [markdown]
# The whole word is the identity of a root. And since `invalid` lies in the word, the moment the bit
# is set the root equals no vCPU's word any more; no lookup has to know about it. The kernel uses the
# same test for the three roots that each vCPU remembers from before (`is_root_usable()`).

# %% [markdown]
# ## 5. The life of a root, by hand
#
# The stage of this lab is called `roots`. Its functions are those of v5.17. Its tasks are
#
# - two **vCPUs**. Each finds a root, maps a page in it, and gives it back; then it goes into system
#   management mode and does the same again;
# - an **update**. It marks every root invalid, with `mmu_lock` held for write. Then, with it held for
#   read, it visits each root that is on the list, with a reference of its own, and empties it.
#
# | do this | until you see |
# |---|---|
# | **step** vCPU 0, once | root 0: role `0x784`, count 1 |
# | **step** vCPU 1, once | the same root 0, count 2; no second root |
# | **step** vCPU 0, slowly | one present SPTE; then count 1: vCPU 0 has given its root back |
# | **step** vCPU 0, once or twice more | root 1, with the word of system management mode |
# | **step** vCPU 1, slowly | a second present SPTE; then count **0**. Stop here |
#
# Look at root 0 now. Nobody has a reference to it, and it is still on the list: the next step of
# vCPU 1 takes it off. How long can that moment last? As long as vCPU 1 takes no step.

# %%
Interleaver("roots")

# %% [markdown]
# {{question lab02.q3}}

# %%
labs.predict("lab02.q3", "")

# %% [markdown]
# You can try it. In the widget above, at the moment you stopped at, **step** update 0: it takes
# another lock first (*`slots_lock`*: one update at a time), and then it waits for `mmu_lock`, as a
# writer, until vCPU 1 is through.
#
# When can a *reader* come by? In v5.17 and v5.18 a vCPU drops its root with the lock held for write,
# and nobody does. But the *fast zap* of v5.17 (what an update does with all roots, lab 04) and the
# *worker* of v5.18 (a kernel thread that zaps roots, lab 06) put with the lock held for read, and from
# 6.9 on (576a15de8d29) so do the vCPUs. From 6.6 on (0df9dab891ff) the fast zap walks over
# all roots, the invalid ones too, with the lock held for read, and takes a reference to each before
# it looks further. Our stage has both: puts and a walk, side by side.

# %% [markdown]
# ## 6. Exercise 2: get from zero
#
# In `roots-plain-inc` somebody took the shortest way to take a reference:
#
# ```python
# def kvm_tdp_mmu_get_root(root):
#     refcount_inc(root.tdp_mmu_root_count)
#     return True
# ```
#
# Count zero means that the root is on its way out: the task that took the count there is taking the
# root apart at this moment, and raising the count does not stop it. The kernel's `refcount_t` forbids
# it therefore, and the check has a property of that name, `refcount-from-zero`. One vCPU, one round,
# one update:

# %%
board = Interleaver("roots-plain-inc")
board

# %% [markdown]
# {{exercise lab02.ex2}}

# %% nbgrader={"grade": false, "grade_id": "lab02-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("roots-plain-inc").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab02-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(schedule)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %%
# ex2.hint()

# %% [markdown]
# ## 7. Exercise 3: a get that can fail
#
# {{question lab02.q4}}

# %%
labs.predict("lab02.q4", "")


# %%
def kvm_tdp_mmu_get_root(root):
    """Take a reference, unless the count is zero; say whether one was taken."""
    if refcount_read(root.tdp_mmu_root_count) == 0:
        return False
    refcount_inc(root.tdp_mmu_root_count)
    return True


looked_first = check(kvm_tdp_mmu_get_root, base="roots")
draw(looked_first)

# %% [markdown]
# {{exercise lab02.ex3}}


# %% nbgrader={"grade": false, "grade_id": "lab02-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_get_root(root):
    """Take a reference, unless the count is zero; say whether one was taken."""
    ### BEGIN SOLUTION
    return refcount_inc_not_zero(root.tdp_mmu_root_count)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab02-ex3-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(kvm_tdp_mmu_get_root)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# A get that can fail has a price: everybody who calls it must say what to do when it fails. The walk
# goes on to the next root. The lookup makes a new root. And where it *cannot* fail, because a writer
# never meets a count of zero, the kernel says so with a `WARN` around it.

# %% [markdown]
# ## 8. Exercise 4: the last put
#
# The put of v5.17 is the simplest of the course: whoever gives the last reference back takes
# the root apart on the spot.
#
# {{exercise lab02.ex4}}


# %% nbgrader={"grade": false, "grade_id": "lab02-ex4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kvm_tdp_mmu_put_root(kvm, root, shared):
    """Give a reference back. The last one takes the root off the list, empties it, frees it."""
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    ### BEGIN SOLUTION
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    zap_gfn_range(kvm, root, False, shared)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab02-ex4-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report4 = ex4.check(kvm_tdp_mmu_put_root)
### BEGIN HIDDEN TESTS
report4.require()
### END HIDDEN TESTS
report4

# %%
# ex4.hint()

# %% [markdown]
# Two things of it are worth trying, if you have a minute more. Change `False` to `True`, so that the
# zap may let go of `mmu_lock`: a *notifier*, by which the host takes a page away, then comes in between
# and cannot find the root, since it is off the list. And free the root at once, with
# `tdp_mmu_free_sp(root)` in place of `call_rcu`: the walk still has it in hand.
#
# Here is the life of a root with this put, as v5.17 has it. Each box is a state in which a root can be
# found; all of them were collected from every interleaving of one vCPU and two updates. A dashed box
# is seen only by a task that holds `mmu_lock` for write. You know the boxes with *count 0, listed*:
# in v5.17 it is the update's put, arrow 6, that leaves one of them in plain sight.

# %%
figure("life-v5.17")

# %% [markdown]
# The zap without a pause is what this form was given up for. A root leads to a great many pages, and
# whoever happens to put last, most often a vCPU, walks over all of them. What the kernel did about it
# in v5.18 is told in labs 06 to 08.

# %% [markdown]
# ## 9. Exercise 5: guard the count
#
# The properties of a check are general: no use after free, no count below zero. Some slips break
# none of them. Here a vCPU gives its root back first, and clears its pointer after that, with
# `mmu_lock` held only for read:

# %%
print(check("roots-clear-late"))

# %% [markdown]
# It holds; and yet for a moment a vCPU points at a root that may be gone, and the next one to look
# at that pointer will be sorry. What is wrong there is best said as an *invariant*: a sentence that
# is true in every state. You write it, the kit looks at it in every state it can reach, in right
# versions and wrong ones.
#
# {{exercise lab02.ex5}}


# %% nbgrader={"grade": false, "grade_id": "lab02-ex5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def invariant(kvm, vcpu0, vcpu1):
    """True where every root has at least as many references as there are vCPUs that point at it."""
    ### BEGIN SOLUTION
    if rwlock_is_write_locked(kvm.mmu_lock):
        return True
    first = vcpu0.arch.mmu.root
    second = vcpu1.arch.mmu.root
    need = 1
    if first == second:
        need = 2
    if first is not None and refcount_read(first.tdp_mmu_root_count) < need:
        return False
    return second is None or refcount_read(second.tdp_mmu_root_count) >= need
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab02-ex5-check", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
report5 = ex5.check(invariant)
### BEGIN HIDDEN TESTS
report5.require()
### END HIDDEN TESTS
report5

# %%
# ex5.hint()

# %% [markdown]
# *At least*, not *exactly*: the update has a reference too while it visits a root. To say what a
# count is exactly one would have to know everybody who can have one.

# %% [markdown]
# ## 10. What became of it
#
# | version | a root is born with | found with `mmu_lock` held for | given back by a vCPU with it held for |
# |---|---|---|---|
# | v5.17, v5.18 | count 1: the vCPU's | write | write |
# | v6.4 | count **2**: one is the vCPU's, one belongs to the TDP MMU itself, which keeps the root until it is invalidated | write | write |
# | 6.9 (f5238c2a60f1, dab285e4ec73, 576a15de8d29) | count 2 | read; if there is no match, once more with `tdp_mmu_pages_lock` held, then a new one is made | read |
#
# With two readers at a lookup at the same time, both can find nothing and both want to make a root.
# Hence the second look under the lock that guards the list.
#
# **What was not checked.** `roots` is a stage and no kernel version: it has the functions of v5.17,
# the locking of a later put, and an update that takes no care of the vCPUs on the roots it
# invalidates (that is lab 04). Its roots have one level and two entries. Memory is sequentially
# consistent: everybody sees all writes in one order.

# %% [markdown]
# ## 11. Recap
#
# 1. The role word says what a root is for, and it is the root's identity: equal words, same root.
# 2. `invalid` lies in the word, so that an invalid root matches nobody. It is bit 11 in v5.18, and
#    not everywhere.
# 3. A count of zero is the end: whoever took it there takes the root apart. Nobody may raise it
#    again by a get.
# 4. So a get looks and raises in one step, and it can fail.
# 5. For a moment a root is on the list with a count of zero. A reader can meet it there, a writer
#    cannot.

# %% [markdown]
# ## 12. Where to read the real code
#
# In `arch/x86/`, Linux v5.18:
#
# | what | where |
# |---|---|
# | the role | `include/asm/kvm_host.h`: `union kvm_mmu_page_role` |
# | lookup and birth | `kvm/mmu/tdp_mmu.c`: `kvm_tdp_mmu_get_vcpu_root_hpa()` |
# | get | `kvm/mmu/tdp_mmu.h`: `kvm_tdp_mmu_get_root()` |
# | put | `kvm/mmu/tdp_mmu.c`: `kvm_tdp_mmu_put_root()`; exercise 4's form is that of v5.17 |
# | the walk with references | `kvm/mmu/tdp_mmu.c`: `tdp_mmu_next_root()` |
#
# Here: `tdplib/protocols/worlds/roots.py`, and `tdplib/words/role.py` for the bits of each version.
