"""
refcount_t on one cell of an integer array, as return codes. For the meaning see `refcount`.

A cell holds the count as a signed 32-bit value, whatever the array's integer type. Each function
is what happens in one atomic action. Codes: `NO` and `YES` are the kernel function's answer, a
negative code is a bug caught, after which the cell is REFCOUNT_SATURATED.
"""

from __future__ import annotations

from tdplib._jit import kernel
from tdplib.machine._refcount_rules import (
    BUG_ADD_NOT_ZERO_OVF,
    BUG_ADD_OVF,
    BUG_ADD_UAF,
    BUG_SUB_UAF,
    after_dec,
    after_inc,
    after_inc_not_zero,
)

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


@kernel
def refcount_inc_not_zero(counts, i):
    """
    Take a reference unless there is none left. Return YES, NO or BUG_ADD_NOT_ZERO_OVF.

    counts : any signed integer array of 32 bits or more; counts[i] is modified in place
    i : 0 <= i < len(counts)
    """
    new = after_inc_not_zero(counts[i], REFCOUNT_MAX)
    if new == 0:
        return NO
    counts[i] = new if new > 0 else REFCOUNT_SATURATED
    return YES if new > 0 else new


@kernel
def refcount_inc(counts, i):
    """
    Take one more reference. Return YES, BUG_ADD_UAF (there was none) or BUG_ADD_OVF.

    counts : any signed integer array of 32 bits or more; counts[i] is modified in place
    i : 0 <= i < len(counts)
    """
    new = after_inc(counts[i], REFCOUNT_MAX)
    counts[i] = new if new > 0 else REFCOUNT_SATURATED
    return YES if new > 0 else new


@kernel
def refcount_dec_and_test(counts, i):
    """
    Put a reference. Return YES if it was the last one, NO if not, or BUG_SUB_UAF.

    counts : any signed integer array of 32 bits or more; counts[i] is modified in place
    i : 0 <= i < len(counts)
    """
    new = after_dec(counts[i])
    if new < 0:
        counts[i] = REFCOUNT_SATURATED
        return new
    counts[i] = new
    return YES if new == 0 else NO
