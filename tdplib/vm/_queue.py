"""Kernels for the workqueue and its workers; called as those of `_private`."""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from . import codes
from ._memory import (
    around, load_raw, note_read, note_write, page_row, pointer_check, stop_record, store_raw,
)  # fmt: skip
from ._numbers import (
    DOUBLE_QUEUE, OOPS, OP_FLUSHBEGIN, OP_FLUSHDESTROY, OP_FLUSHWAIT, OP_INITWORK, OP_WQDONE,
    OP_WQNEXT, WARNED,
)  # fmt: skip
from .codes import ACTOR, BLOCKED, N_A, N_B, N_DST, N_NEXT, N_OBJ, N_OP, N_PAGEOBJ


@kernel
def queue_length(im, st):
    """
    Return how many items are queued.

    The queue is one field per page slot, oldest first, page + 1 or 0.
    """
    for k in range(im[codes.H_PAGES]):
        if load_raw(im, st, im[codes.H_QUEUE] + k) == 0:
            return k
    return im[codes.H_PAGES]


@kernel
def is_queued(im, st, page):
    """Return 1 if the page's work item is queued."""
    for k in range(im[codes.H_PAGES]):
        if load_raw(im, st, im[codes.H_QUEUE] + k) == page + 1:
            return 1
    return 0


@kernel
def outstanding(im, st):
    """Return what is queued and running: two bits a page."""
    found = st[0] * 0
    for page in range(im[codes.H_PAGES]):
        count = st[0] * 0 + is_queued(im, st, page)
        for other in range(im[codes.H_ACTORS]):
            if around(im, st, codes.R_RUNS) != 0 and running_item(im, st, other) == page + 1:
                count += 1
        found |= min(count, 3) << (2 * page)
    return found


@kernel
def running_item(im, st, actor):
    """Return the item (page + 1) that the worker `actor` runs, or 0."""
    stop = stop_record(im, st, actor)
    shift = im[stop + codes.S_RUNNING]
    if shift < 0:
        return st[0] * 0
    at = im[codes.H_ACTOR] + actor * ACTOR
    note_read(im, st, im[at + codes.A_WORD], im[at + codes.A_SHIFT] + shift, 15)
    return (st[im[at + codes.A_WORD]] >> (im[at + codes.A_SHIFT] + shift)) & 15


@kernel
def item_finished(im, st, actor, page):
    """Tell every flush that waits for `page`'s item that one run of it has finished."""
    if around(im, st, codes.R_FLUSHES) == 0:
        return
    for other in range(im[codes.H_ACTORS]):
        stop = stop_record(im, st, other)
        if other != actor and im[stop + codes.S_NOTE_KIND] == codes.NOTE_FLUSH:
            a = im[codes.H_ACTOR] + other * ACTOR
            shift = im[a + codes.A_SHIFT] + im[stop + codes.S_NOTE] + 2 * page
            note_read(im, st, im[a + codes.A_WORD], shift, 3)
            note_write(im, st, im[a + codes.A_WORD], shift, 3)
            if (st[im[a + codes.A_WORD]] >> shift) & 3:
                st[im[a + codes.A_WORD]] -= (st[0] * 0 + 1) << shift


@kernel
def execute_queue(im, mem, st, at, regs, actor):
    """INIT_WORK, queue_work, flush, the worker's two ends."""
    op, nxt = im[at + N_OP], im[at + N_NEXT]
    kvm = im[at + N_OBJ] if im[at + N_PAGEOBJ] == 0 else im[at + N_B]
    if op != OP_INITWORK and mem[regs + kvm] == 0:
        return OOPS
    if op == OP_FLUSHBEGIN:
        mem[regs + im[at + N_DST]] = outstanding(im, st)
        return nxt
    if op == OP_FLUSHWAIT or op == OP_FLUSHDESTROY:
        if mem[regs + im[at + N_A]] != 0:
            return BLOCKED
        if op == OP_FLUSHDESTROY:
            store_raw(im, st, im[codes.H_DESTROYED], 1)
        return nxt
    if op == OP_WQNEXT:
        item = load_raw(im, st, im[codes.H_QUEUE])
        if item == 0:
            return BLOCKED
        for k in range(im[codes.H_PAGES] - 1):
            store_raw(im, st, im[codes.H_QUEUE] + k, load_raw(im, st, im[codes.H_QUEUE] + k + 1))
        store_raw(im, st, im[codes.H_QUEUE] + im[codes.H_PAGES] - 1, 0)
        mem[regs + im[at + N_DST]] = item
        return nxt
    if op == OP_WQDONE:
        item_finished(im, st, actor, mem[regs + im[at + N_A]] - 1)
        return nxt
    return queue_item(im, mem, st, at, regs)


@kernel
def queue_item(im, mem, st, at, regs):
    """INIT_WORK and queue_work on a page's item."""
    pointer = mem[regs + im[at + N_OBJ]]
    code = pointer_check(im, st, pointer)
    if code != 0:
        return code
    page = pointer - 1
    if is_queued(im, st, page):
        return DOUBLE_QUEUE
    inited = page_row(im, page, codes.P_INITED)
    if im[at + N_OP] == OP_INITWORK:
        store_raw(im, st, inited, 1)
        return im[at + N_NEXT]
    if not load_raw(im, st, inited) or (
        im[codes.H_DESTROYED] >= 0 and load_raw(im, st, im[codes.H_DESTROYED])
    ):
        return WARNED
    store_raw(im, st, im[codes.H_QUEUE] + queue_length(im, st), pointer)
    mem[regs + im[at + N_DST]] = 1
    return im[at + N_NEXT]
