"""Kernels for operations on one field: loads, stores, exchanges, counts. Called as `_private`."""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from ..machine._refcount_rules import (
    BUG_ADD_UAF, BUG_SUB_UAF, after_dec, after_inc, after_inc_not_zero,
)  # fmt: skip
from . import codes
from ._memory import (
    is_invalid, load, new_word, page_row, page_state, pointer_check, root_is_invalid, store_raw,
    store_word,
)  # fmt: skip
from ._numbers import (
    FROM_ZERO, INVALID_LOADED, MONOTONE, OOPS, OP_ATOMICADD, OP_CMPXCHG, OP_LOAD, OP_REFDEC,
    OP_REFDECTEST, OP_REFINC, OP_REFINCNZ, OP_TRYCMPXCHG, OP_WAITUNTIL, OP_XCHG, OVERFLOW,
    UNDERFLOW, UNDER_INVALID, WARNED,
)  # fmt: skip
from .codes import (
    BLOCKED, FREED, N_A, N_AUX, N_B, N_DST, N_FIELD, N_IDX, N_NEXT, N_OBJ, N_OP, N_PAGEOBJ,
    PRESENT_BIT,
)  # fmt: skip

MOST = 14
"""The largest count a state holds; one more would saturate."""


@kernel
def locate(im, mem, st, at, regs):
    """Return the field number a place means now, or the code of what reaching it breaks."""
    row = im[at + N_FIELD]
    obj = mem[regs + im[at + N_OBJ]]
    kind = im[at + N_PAGEOBJ]
    if kind != 2 and obj == 0:
        return OOPS
    idx = obj * 0
    if im[at + N_IDX] >= 0:
        idx = mem[regs + im[at + N_IDX]]
        if idx < 0 or idx >= im[codes.H_ENTRIES]:
            return OOPS
    if kind == 1:
        code = pointer_check(im, st, obj)
        if code != 0:
            return code
        return page_row(im, obj - 1, row) + idx
    if kind == 2:
        row += obj * im[at + N_AUX]
    return row


@kernel
def watch_write(im, mem, st, at, regs, row, word):
    """Return 0, or the code of the property that writing a whole word into a field breaks."""
    kind = im[im[codes.H_FIELD] + row * codes.FIELD + codes.F_KIND]
    if kind == codes.K_ROLE:
        page = mem[regs + im[at + N_OBJ]] - 1
        if (
            im[at + N_PAGEOBJ] == 1
            and is_invalid(im, mem, st, page)
            and not (word >> im[codes.H_INVALID_SHIFT]) & 1
        ):
            return MONOTONE
    elif kind == codes.K_SPT:
        old = load(im, mem, st, row)
        if (word >> PRESENT_BIT) & 1 and not (old >> PRESENT_BIT) & 1:
            if root_is_invalid(im, mem, st, mem[regs + im[at + N_OBJ]] - 1):
                return UNDER_INVALID
    elif kind == codes.K_VCPU_ROOT:
        if word > 0 and page_state(im, st, word - 1) != FREED and is_invalid(im, mem, st, word - 1):
            return INVALID_LOADED
    return 0


@kernel
def put(im, mem, st, at, regs, row, value):
    """Watch and store `value` into field `row`; return 0 or a code."""
    word = new_word(im, mem, st, row, value)
    code = watch_write(im, mem, st, at, regs, row, word)
    if code != 0:
        return code
    return store_word(im, mem, st, row, word)


@kernel
def execute_field(im, mem, st, at, regs):
    """Loads, stores, exchanges."""
    row = locate(im, mem, st, at, regs)
    if row < 0:
        return row
    op = im[at + N_OP]
    dst = regs + im[at + N_DST]
    if op == OP_LOAD:
        mem[dst] = load(im, mem, st, row)
        return im[at + N_NEXT]
    if op == OP_WAITUNTIL:
        arrived = load(im, mem, st, row) == mem[regs + im[at + N_A]]
        return im[at + N_NEXT] if arrived else BLOCKED
    if op >= OP_ATOMICADD:
        return execute_count(im, mem, st, at, regs, row)
    old = load(im, mem, st, row)
    value = mem[regs + im[at + N_A]]
    if op == OP_CMPXCHG or op == OP_TRYCMPXCHG:
        expected = regs + im[at + N_B]
        if old != mem[expected]:
            if op == OP_TRYCMPXCHG:
                mem[dst] = 0
                mem[expected] = old
            else:
                mem[dst] = old
            return im[at + N_NEXT]
    code = put(im, mem, st, at, regs, row, value)
    if code != 0:
        return code
    if op == OP_XCHG or op == OP_CMPXCHG:
        mem[dst] = old
    elif op == OP_TRYCMPXCHG:
        mem[dst] = 1
    return im[at + N_NEXT]


@kernel
def execute_count(im, mem, st, at, regs, row):
    """Refcounts and atomics."""
    op = im[at + N_OP]
    dst = regs + im[at + N_DST]
    old = load(im, mem, st, row)
    if op == OP_ATOMICADD:
        value = old + mem[regs + im[at + N_A]]
        code = store_word(im, mem, st, row, value)
        mem[dst] = value
        return im[at + N_NEXT] if code == 0 else code
    if op == OP_REFINC:
        new = after_inc(old, MOST)
    elif op == OP_REFINCNZ:
        new = after_inc_not_zero(old, MOST)
        mem[dst] = 1 if new > 0 else 0
    else:
        new = after_dec(old)
        if op == OP_REFDEC and new == 0:
            return WARNED
        if op == OP_REFDECTEST:
            mem[dst] = 1 if new == 0 else 0
    if new < 0:
        return FROM_ZERO if new == BUG_ADD_UAF else UNDERFLOW if new == BUG_SUB_UAF else OVERFLOW
    store_raw(im, st, row, new)
    return im[at + N_NEXT]
