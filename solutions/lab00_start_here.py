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
# # Lab 00: Start here
#
# Two tasks add one to the same counter, once each. Afterwards it says 1. How?
#
# You will make this happen by hand, let the machine find every way in which it can happen, and mend
# it. The program is a single line. What you do with it here you will do in ten more labs with a real
# piece of the Linux kernel.
#
# **What you will be able to do**
#
# - say what a *step* is, and run a program step by step in an order that you choose;
# - read a *trace*, the account of one run that goes wrong, and pass it on as a short code;
# - have a function checked in every order there is, and understand each answer you can get.
#
# **Time:** about 35 minutes. **Before you start:** you can read C and a little Python. Go from cell
# to cell with Shift+Enter, which runs the cell you are in. Nothing you type can break anything.

# %%
import tdplib
from tdplib import check, draw, labs, replay
from tdplib.lang.kernel import *
from tdplib.widgets import Interleaver

ex1 = labs.exercise("lab00.ex1")
ex2 = labs.exercise("lab00.ex2")
ex3 = labs.exercise("lab00.ex3")
f"tdplib {tdplib.__version__}: ready"

# %% [markdown]
# ## 1. The course
#
# The memory of a virtual machine is found by way of page tables that the host keeps. Now and then
# the host has to throw all of them away, while the CPUs of the virtual machine are using them. The
# course is about how KVM, Linux's hypervisor, does that: what it does in v5.18 (2022), what it did
# before and after, and why most of what looks simpler is wrong.
#
# | lab | | the question it answers | minutes |
# |---|---|---|---|
# | 00 | [Start here](lab00_start_here.ipynb) | how does a lab work, and what can a check say? | 35 |
# | 01 | [Page tables and SPTEs](lab01_page_tables.ipynb) | how is one page among billions found, and what is in an entry on the way? | 60 |
# | 02 | [Roots](lab02_roots.ipynb) | when may CPUs share a table, and who can still take it up? | 60 |
# | 03 | [The fault path against the zapper](lab03_fault_path.ipynb) | one task fills a table, another empties it: what keeps them apart? | 75 |
# | 04 | [Invalidation](lab04_invalidation.ipynb) | what must be true when all tables have been thrown away? | 70 |
# | 05 | [xchg on the role word](lab05_xchg.ipynb) | two tasks mark the same table: which of them was first? | 60 |
# | 06 | [The workqueue](lab06_workqueue.ipynb) | who does the work, if not the one who has to wait for it? | 75 |
# | 07 | [The re-queue race](lab07_requeue_race.ipynb) | can the same work be queued twice, and does it matter? | 90 |
# | 08 | [Defunct roots](lab08_defunct_roots.ipynb) | what becomes of a good table that nobody uses any more? | 70 |
# | 09 | [Afterwards](lab09_afterwards.ipynb) | which bugs were posted or shipped, and why did the worker go again? | 90 |
# | 10 | [Capstone](lab10_capstone.ipynb) | can you write a protocol of your own that holds? | 120 |
#
# Each builds on the ones before it. Together they are some 13 hours, in pieces of about one.

# %% [markdown]
# ## 2. One line
#
# This is the program. Each task calls it once:
#
# ```python
# def increment(kvm):
#     kvm.counter += 1
# ```
#
# It is written in *kernel Python*: Python's syntax, C's meaning. Python never runs it. It is compiled
# for a small simulated machine, and there
#
# - a field like `kvm.counter` is **shared memory**: all tasks see it;
# - a local variable is private to its task;
# - **each read and each write of shared memory is one step**, and between two steps any other task
#   may take steps of its own.
#
# `kvm.counter += 1` reads the field and writes it. So it is two steps; C promises no more.

# %% [markdown]
# {{question lab00.q1}}
#
# Put your letter between the quotes and run the cell. Your first answer is kept, then the truth is
# shown. There are no marks for it, and nobody but you sees it: what you thought before you knew is
# what you learn from.

# %%
labs.predict("lab00.q1", "")

# %% [markdown]
# ## 3. Play it by hand
#
# Below are the two tasks. They are called vCPU 0 and vCPU 1, as in all labs (a *vCPU* is a CPU of a
# virtual machine). The one who decides whose turn it is, is **you**.
#
# In each task's column you see the line it stands at. **Step** lets it take one step. The double
# arrow beside it lets it **run** until it is done or must wait. Next to the columns stands what the
# tasks share; look at `counter` there.
#
# Each task runs `vcpu_thread` (its parameters belong to later labs). After its `increment` it notes
# that it has arrived; the last to arrive looks whether the counter is right. That is the
# `WARN_ON_ONCE`: it complains if what stands in it is true.
#
# | do this | until you see |
# |---|---|
# | **run** vCPU 0 | it is done, `counter` is 1 |
# | **run** vCPU 1 | it is done, `counter` is 2: nothing lost |
# | **reset** | both stand at their beginning again |
# | **step** vCPU 0, once | it has read the counter, and has not written it |
#
# Go on from there so that the counter ends at 1. You can go back at any time.

# %%
board = Interleaver("lost-update")
board

# %% [markdown]
# When it has gone wrong, the widget says that `no-warn` is broken. `no-warn` is the name of a
# *property*: something that must be true in every run. This one says that no WARN fires.
#
# What you have played has a short name, its **schedule code**. It stands at the foot of the widget,
# and you can have it from here as well:

# %%
board.schedule

# %% [markdown]
# The letters at the end are the steps: `a` is vCPU 0, `b` is vCPU 1, `3b` means three steps of
# vCPU 1. The six digits before the colon make sure that a code is never used on another program
# than its own. Whoever has the code has your run: you can put it into a mail, or into a test.

# %% [markdown]
# ## 4. Exercise 1: lose an update
#
# {{exercise lab00.ex1}}

# %% nbgrader={"grade": false, "grade_id": "lab00-ex1", "locked": false, "schema_version": 3, "solution": true, "task": false}
schedule = ""
### BEGIN SOLUTION
schedule = check("lost-update").trace.code
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lab00-ex1-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
report1 = ex1.check(schedule)
### BEGIN HIDDEN TESTS
report1.require()
### END HIDDEN TESTS
report1

# %% [markdown]
# Stuck? Take the `#` away and run the next cell. It gives a hint, and a clearer one each time: three
# in all.

# %%
# ex1.hint()

# %% [markdown]
# ## 5. Every order there is
#
# By hand you tried a few orders. `check` tries all of them:

# %%
verdict = check("lost-update")
print(verdict)

# %% [markdown]
# How to read it, from the top:
#
# | what it says | what it means |
# |---|---|
# | `violated: no-warn` | the verdict, and the property that is broken. The other verdicts are `holds` (every order was tried, nothing breaks) and `incomplete` (the search had to stop early, so nothing is proved) |
# | `27 states` | all situations that the two tasks can get into |
# | `7 steps, 2 switches` | the trace that follows: the *shortest* one that breaks the property, and how often the turn passes from one task to the other |
# | `schedule ...` | its code |
# | `1. vCPU 0` | the first step, and who takes it |
# | `in increment` | the function it happens in, and the file |
# | `17  kvm.counter += 1` | the line; the same line comes twice, once for the read, once for the write |
# | `reads counter: 0` | what the step did: it read 0. `sets counter: 0 -> 1` is a write |
#
# So look for two reads of the same value, and there you have it: steps 1 and 2. In larger programs a
# step may hold several lines. They are those that nobody else could see or disturb halfway, for
# instance because a lock is held; taking them apart would only make the trace longer.
#
# The same as a picture, time running downwards:

# %%
draw(verdict)

# %% [markdown]
# And here the code becomes a trace again. It can be opened in the widget too, to step through it:

# %%
trace = replay(verdict.trace.code)
Interleaver(trace=trace)

# %% [markdown]
# ## 6. What a check of yours can say
#
# An exercise asks you for a function, and its check has one of four answers. Here you meet three of
# them before you write anything. (`preview` is `check` off the record: these cells do not count as
# tries of yours.)
#
# **Not attempted.** What you hand in is what you were given:


# %%
def increment(kvm):
    """Add one to the counter."""
    kvm.counter += 1


ex2.preview(increment)

# %% [markdown]
# **Not in the language.** Kernel Python is small. What is not in it is pointed at, and you are told
# what to write instead:


# %%
def increment(kvm):
    """Add one to the counter."""
    with kvm.arch.tdp_mmu_pages_lock:
        kvm.counter += 1


ex2.preview(increment)

# %% [markdown]
# **Wrong.** For this one, predict first.
#
# {{question lab00.q2}}

# %%
labs.predict("lab00.q2", "")


# %%
def increment(kvm):
    """Add one to the counter."""
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    n = kvm.counter
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    kvm.counter = n + 1
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)


ex2.preview(increment)

# %% [markdown]
# A wrong answer always comes with the shortest run that shows it, in your own lines. The picture
# leaves out what tells little; *The same as text*, below it, has every line. Look for the two reads
# once more: what stands between the first of them and the write that goes with it?
#
# The fourth answer is **right**, and that one is yours.

# %% [markdown]
# ## 7. Exercise 2: keep both updates
#
# {{exercise lab00.ex2}}


# %% nbgrader={"grade": false, "grade_id": "lab00-ex2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def increment(kvm):
    """Add one to the counter."""
    ### BEGIN SOLUTION
    atomic_inc(kvm.counter)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab00-ex2-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report2 = ex2.check(increment)
### BEGIN HIDDEN TESTS
report2.require()
### END HIDDEN TESTS
report2

# %% [markdown]
# What helps, here and in every lab:
#
# | call | what you get |
# |---|---|
# | `ex2.hint()` | the next hint; after three of them, one that points into your own trace |
# | `report2.play()` | the run that breaks your answer, in the widget |
# | `labs.glossary("role")` | what a short name means |
# | `ex2.solution()` | an answer that is right; it asks once whether you mean it |
#
# In the labs to come an exercise first names its **base** or its **world**. That is the program your
# function is put into, in the place of the one that has its name there. A base is the kernel's
# protocol as of some version, such as `v5.18`, or a piece of it; a world is a small stage made for
# one question, like `lost-update` here.

# %%
# ex2.hint()

# %% [markdown]
# You can play your own function as well. (`raw=True` takes steps apart into single actions.) If you
# used the lock: **step** vCPU 0 twice, so that it has the lock, then vCPU 1 twice. It comes as far as
# the lock, cannot move any more, and says what it waits for.

# %%
Interleaver("lost-update", own=increment, raw=True)

# %% [markdown]
# ## 8. Exercise 3: take a number
#
# So far no task looked at what its step had made of the counter. Now it must: what you return is what
# the step was for.
#
# {{exercise lab00.ex3}}


# %% nbgrader={"grade": false, "grade_id": "lab00-ex3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def take_number(kvm):
    """A number that nobody else gets: 1, 2, 3, ..."""
    ### BEGIN SOLUTION
    return atomic_inc_return(kvm.counter)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lab00-ex3-check", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
report3 = ex3.check(take_number)
### BEGIN HIDDEN TESTS
report3.require()
### END HIDDEN TESTS
report3

# %%
# ex3.hint()

# %% [markdown]
# {{question lab00.q3}}

# %%
labs.predict("lab00.q3", "")

# %% [markdown]
# **What was not checked.** In the simulated machine all tasks see all writes in one order (it is
# *sequentially consistent*). Real CPUs may reorder plain reads and writes; the kernel's locks and
# atomic operations are there to order them too. This holds for all labs.

# %% [markdown]
# ## 9. Recap
#
# 1. A read or a write of shared memory is a step; between two steps anybody may come in.
# 2. `x += 1` is two steps. A lock around each of them does not help, a lock around both does; and
#    what you need to know of a step must come from that step.
# 3. A check tries every order. Wrong comes with the shortest run that goes wrong, right with what
#    was covered.
# 4. A schedule code is a run in a few letters: it can be replayed, played, mailed and tested.
# 5. Predict, play, write, check; and take a hint before you take a guess.

# %% [markdown]
# ## 10. Where to read on
#
# | what | where |
# |---|---|
# | the two stages of this lab, a page each | `lost_update.py` and `take_number.py` in `tdplib/protocols/worlds/` |
# | kernel Python, all of it | `tdplib/lang/REFERENCE.md` |
# | the same without a notebook | `tdplib play lost-update`, `tdplib check lost-update` in a terminal |
#
# Next is lab 01, *Page tables and SPTEs*. If you know what a page-table entry looks like, you may go
# on with lab 02, *Roots*. And `tdplib.progress()`, in any lab, shows what you have done and what comes
# next. It is kept in a file on your own machine, and goes nowhere else.

# %%
# tdplib.progress()
