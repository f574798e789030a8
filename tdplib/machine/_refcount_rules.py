"""
The rules of refcount_t, on numbers: what a count becomes, or which bug it is.

One source for both users: a cell of an array (`_refcount_kernels`) and a few bits of an explored
state (`tdplib.vm`). `most` is the largest count that the user's cell can hold.
"""

from __future__ import annotations

from tdplib._jit import bare_kernel as kernel

__all__ = [
    "BUG_ADD_NOT_ZERO_OVF",
    "BUG_ADD_OVF",
    "BUG_ADD_UAF",
    "BUG_SUB_UAF",
    "after_dec",
    "after_inc",
    "after_inc_not_zero",
]

BUG_ADD_NOT_ZERO_OVF = -1
BUG_ADD_OVF = -2
BUG_ADD_UAF = -3
BUG_SUB_UAF = -4


@kernel
def after_inc_not_zero(old, most):
    """Return the count after a get that may fail: 0 if it fails, or BUG_ADD_NOT_ZERO_OVF."""
    if old == 0:
        return old * 0
    if old < 0 or old >= most:
        return old * 0 + BUG_ADD_NOT_ZERO_OVF
    return old + 1


@kernel
def after_inc(old, most):
    """Return the count after a get: BUG_ADD_UAF from zero, BUG_ADD_OVF past `most`."""
    if old == 0:
        return old * 0 + BUG_ADD_UAF
    if old < 0 or old >= most:
        return old * 0 + BUG_ADD_OVF
    return old + 1


@kernel
def after_dec(old):
    """Return the count after a put, or BUG_SUB_UAF if there was no reference to give back."""
    if old <= 0:
        return old * 0 + BUG_SUB_UAF
    return old - 1
