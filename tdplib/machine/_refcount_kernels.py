"""
refcount_t on one cell of an integer array, as return codes. For the meaning see `refcount`.

A cell holds the count as a signed 32-bit value, whatever the array's integer type. Each function
is what happens in one atomic action. Codes: `NO` and `YES` are the kernel function's answer, a
negative code is a bug caught, after which the cell is REFCOUNT_SATURATED.
"""

from __future__ import annotations

from tdplib._jit import kernel

__all__ = [
    "BUG_ADD_NOT_ZERO_OVF",
    "BUG_ADD_OVF",
    "BUG_ADD_UAF",
    "BUG_SUB_UAF",
    "NO",
    "REFCOUNT_MAX",
    "REFCOUNT_SATURATED",
    "YES",
    "refcount_dec_and_test",
    "refcount_inc",
    "refcount_inc_not_zero",
]

REFCOUNT_MAX = 2**31 - 1
REFCOUNT_SATURATED = -(2**30)

NO = 0
YES = 1
BUG_ADD_NOT_ZERO_OVF = -1
BUG_ADD_OVF = -2
BUG_ADD_UAF = -3
BUG_SUB_UAF = -4


@kernel
def refcount_inc_not_zero(counts, i):
    """
    Take a reference unless there is none left. Return YES, NO or BUG_ADD_NOT_ZERO_OVF.

    counts : any signed integer array of 32 bits or more; counts[i] is modified in place
    i : 0 <= i < len(counts)
    """
    old = counts[i]
    if old == 0:
        return NO
    if old < 0 or old == REFCOUNT_MAX:
        counts[i] = REFCOUNT_SATURATED
        return BUG_ADD_NOT_ZERO_OVF
    counts[i] = old + 1
    return YES


@kernel
def refcount_inc(counts, i):
    """
    Take one more reference. Return YES, BUG_ADD_UAF (there was none) or BUG_ADD_OVF.

    counts : any signed integer array of 32 bits or more; counts[i] is modified in place
    i : 0 <= i < len(counts)
    """
    old = counts[i]
    if old <= 0 or old == REFCOUNT_MAX:
        counts[i] = REFCOUNT_SATURATED
        return BUG_ADD_UAF if old == 0 else BUG_ADD_OVF
    counts[i] = old + 1
    return YES


@kernel
def refcount_dec_and_test(counts, i):
    """
    Put a reference. Return YES if it was the last one, NO if not, or BUG_SUB_UAF.

    counts : any signed integer array of 32 bits or more; counts[i] is modified in place
    i : 0 <= i < len(counts)
    """
    old = counts[i]
    if old <= 0:
        counts[i] = REFCOUNT_SATURATED
        return BUG_SUB_UAF
    counts[i] = old - 1
    return YES if old == 1 else NO
