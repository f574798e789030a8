"""Stubs: single accesses to a field, refcounts, atomics, barriers."""

from __future__ import annotations

from ._stub import not_executed

__all__ = [
    "READ_ONCE",
    "WRITE_ONCE",
    "atomic_dec",
    "atomic_dec_and_test",
    "atomic_inc",
    "atomic_inc_return",
    "atomic_read",
    "atomic_set",
    "barrier",
    "cmpxchg",
    "refcount_dec",
    "refcount_dec_and_test",
    "refcount_inc",
    "refcount_inc_not_zero",
    "refcount_read",
    "refcount_set",
    "smp_mb",
    "smp_rmb",
    "smp_wmb",
    "try_cmpxchg",
    "xchg",
]


def READ_ONCE(f):
    """
    Read the field `f`, like a plain read of it.

    Visible. In C it keeps the compiler from reading twice or not at all; here nothing would.
    """
    raise not_executed("READ_ONCE")


def WRITE_ONCE(f, v):
    """
    Store `v` in the field `f`, like a plain assignment to it.

    Visible. In C it keeps the compiler from tearing or dropping the store; here nothing would.
    """
    raise not_executed("WRITE_ONCE")


def xchg(f, v):
    """
    Store `v` in the field `f` and give the value it had, in one step.

    Visible. v5.18: kvm_tdp_root_mark_invalid() swaps the whole role word of a root this way, so
    that of several callers one alone finds `invalid` clear.
    """
    raise not_executed("xchg")


def cmpxchg(f, old, new):
    """
    Store `new` in the field `f` if it holds `old`; give the value seen, in one step.

    Visible. It stored if the value seen is `old`. The TDP MMU changes SPTEs with it while
    mmu_lock is held for read.
    """
    raise not_executed("cmpxchg")


def try_cmpxchg(f, local, new):
    """
    Store `new` in the field `f` if it holds what `local` holds, and give True.

    Otherwise give False, and `local` becomes the value seen. One step either way. Visible.
    """
    raise not_executed("try_cmpxchg")


def refcount_read(f):
    """
    Give the count in the refcount field `f`.

    Visible. It may have changed by the time it is used.
    """
    raise not_executed("refcount_read")


def refcount_set(f, n):
    """
    Set the refcount field `f` to `n`, whatever it was.

    Visible. Right only where nobody else can get at the object. v5.18: the put sets the count of
    a root that was valid from 0 to 1, a gift to the worker; an increment from 0 is not allowed.
    """
    raise not_executed("refcount_set")


def refcount_inc(f):
    """
    Add one to the refcount field `f`; the caller already holds a reference.

    Visible. From 0 it breaks `refcount-from-zero`: the object is on its way out.
    """
    raise not_executed("refcount_inc")


def refcount_inc_not_zero(f):
    """
    Take a reference unless there is none left: give False at 0, else add one and give True.

    Visible, one step. v5.18: all that kvm_tdp_mmu_get_root() does.
    """
    raise not_executed("refcount_inc_not_zero")


def refcount_dec(f):
    """
    Give a reference back that cannot be the last.

    Visible. At 0 it breaks `refcount-underflow`; reaching 0 it breaks `no-warn`.
    """
    raise not_executed("refcount_dec")


def refcount_dec_and_test(f):
    """
    Give a reference back; give True if it was the last.

    Visible, one step. At 0 it breaks `refcount-underflow`. Whoever gets True has the object for
    itself. v5.18: the first thing kvm_tdp_mmu_put_root() does.
    """
    raise not_executed("refcount_dec_and_test")


def atomic_read(f):
    """
    Give the number in the field `f` (an atomic_t or an unsigned field).

    Visible.
    """
    raise not_executed("atomic_read")


def atomic_set(f, v):
    """
    Store `v` in the field `f` (an atomic_t or an unsigned field).

    Visible.
    """
    raise not_executed("atomic_set")


def atomic_inc(f):
    """
    Add one to the field `f`, in one step (`f += 1` is two: a read, then a write).

    Visible.
    """
    raise not_executed("atomic_inc")


def atomic_dec(f):
    """
    Take one from the field `f`, in one step.

    Visible.
    """
    raise not_executed("atomic_dec")


def atomic_inc_return(f):
    """
    Add one to the field `f` and give the new value, in one step.

    Visible.
    """
    raise not_executed("atomic_inc_return")


def atomic_dec_and_test(f):
    """
    Take one from the field `f` and give True if it is now 0, in one step.

    Visible.
    """
    raise not_executed("atomic_dec_and_test")


def smp_mb():
    """
    Do nothing: the model is sequentially consistent, so a barrier between CPUs orders nothing more.

    Private. Code that is right here may still need the barrier on a real machine.
    """
    raise not_executed("smp_mb")


def smp_rmb():
    """
    Do nothing, as `smp_mb`; in the kernel it orders reads before it with reads after it.

    Private.
    """
    raise not_executed("smp_rmb")


def smp_wmb():
    """
    Do nothing, as `smp_mb`; in the kernel it orders writes before it with writes after it.

    Private.
    """
    raise not_executed("smp_wmb")


def barrier():
    """
    Do nothing; in the kernel it keeps the compiler from moving accesses across it.

    Private.
    """
    raise not_executed("barrier")
