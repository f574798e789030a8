"""Kernels for locks; called as those of `_private`."""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from . import codes
from ._memory import around, load, load_raw, page_row, page_state
from ._numbers import DEAD_SEEN, OOPS, OP_MLOCK, OP_RLOCK, OP_WLOCK, OP_WLOCK2
from .codes import (
    BLOCKED, FREED, L_READ, L_WAIT, L_WRITE, N_AUX, N_FLAGS, N_NEXT, N_OBJ, N_OP, N_TARGET,
)  # fmt: skip


@kernel
def others_hold(im, st, mask):
    """Return 1 if another actor holds or awaits a lock in a mode of `mask` (bits of S_HOLD)."""
    return 1 if around(im, st, mask) != 0 else 0


@kernel
def execute_lock(im, mem, st, at, regs):
    """
    Locks.

    Who holds what follows from where the actors stand, so taking one only asks the others.
    """
    op, base = im[at + N_OP], im[at + N_AUX]
    if mem[regs + im[at + N_OBJ]] == 0:
        return OOPS
    if op == OP_RLOCK:
        return BLOCKED if others_hold(im, st, (L_WAIT | L_WRITE) << base) else im[at + N_NEXT]
    if op == OP_MLOCK:
        return BLOCKED if others_hold(im, st, L_WRITE << base) else im[at + N_NEXT]
    if op == OP_WLOCK or op == OP_WLOCK2:
        taken = im[at + N_FLAGS] & codes.SELF_READS or others_hold(
            im, st, (L_READ | L_WRITE) << base
        )
        if taken:
            return im[at + N_TARGET] if op == OP_WLOCK else BLOCKED
        # who takes it again after a yield knows what it left behind
        news = base == im[codes.H_MMU_LOCK] and not im[at + N_FLAGS] & codes.AGAIN
        if news and dead_root_listed(im, mem, st):
            return DEAD_SEEN
        return im[at + N_NEXT]
    return im[at + N_NEXT]


@kernel
def dead_root_listed(im, mem, st):
    """Return 1 if a page on the list, not freed, has count 0."""
    if page_row(im, 0, codes.P_ON) < 0 or page_row(im, 0, codes.P_COUNT) < 0:
        return 0
    for page in range(im[codes.H_PAGES]):
        if load_raw(im, st, page_row(im, page, codes.P_ON)) and page_state(im, st, page) != FREED:
            if load(im, mem, st, page_row(im, page, codes.P_COUNT)) == 0:
                return 1
    return 0
