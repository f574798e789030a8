"""
Kernels that look at what is no field: who holds a lock, whether a work item is queued.

Called as those of `_private`.
"""

from .._jit import bare_kernel as kernel
from . import codes
from ._lock import others_hold
from ._memory import pointer_check
from ._numbers import OOPS, OP_ISWLOCKED, OP_PENDING
from ._queue import is_queued
from .codes import L_READ, L_WRITE, N_AUX, N_DST, N_FIELD, N_NEXT, N_OBJ, N_OP


@kernel
def execute_look(im, mem, st, at, regs):
    """Look at a lock (N_FIELD: how this actor itself holds it there) or at a page's work item."""
    obj = mem[regs + im[at + N_OBJ]]
    if im[at + N_OP] == OP_PENDING:
        code = pointer_check(im, st, obj)
        if code != 0:
            return code
        found = im[codes.H_QUEUE] >= 0 and is_queued(im, st, obj - 1)
        mem[regs + im[at + N_DST]] = st[0] * 0 + (1 if found else 0)
        return im[at + N_NEXT]
    if obj == 0:
        return OOPS
    mask = L_WRITE if im[at + N_OP] == OP_ISWLOCKED else L_READ | L_WRITE
    held = im[at + N_FIELD] & mask or others_hold(im, st, mask << im[at + N_AUX])
    mem[regs + im[at + N_DST]] = st[0] * 0 + (1 if held else 0)
    return im[at + N_NEXT]
