"""Kernels for RCU and the life of a page; called as those of `_private`."""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from . import codes
from ._memory import (
    around, free_page, has_present, note_read, note_write, page_row, page_state, pointer_check,
    stop_record, store_raw,
)  # fmt: skip
from ._numbers import (
    FREED_EMPTY, OP_CALLRCU, OP_FREE, OP_RCUBARRIER, OP_RCULOCK, OP_RCUUNLOCK, OP_SYNCBEGIN,
    OP_SYNCWAIT, USE_AFTER_FREE,
)  # fmt: skip
from .codes import (
    ACTOR, ALLOCATED, BLOCKED, BOUND, FREEING, N_A, N_DST, N_FLAGS, N_NEXT, N_OBJ, N_OP,
    UNALLOCATED,
)  # fmt: skip


@kernel
def grace_bits(im, st, actor):
    """Return the pages whose grace period `actor` holds up, as bits."""
    stop = stop_record(im, st, actor)
    shift = im[stop + codes.S_GRACE]
    if shift < 0:
        return st[0] * 0
    at = im[codes.H_ACTOR] + actor * ACTOR
    word, shift = im[at + codes.A_WORD], im[at + codes.A_SHIFT] + shift
    mask = (st[0] * 0 + 1 << im[codes.H_PAGES]) - 1
    note_read(im, st, word, shift, mask)
    return (st[word] >> shift) & mask


@kernel
def others_block(im, st, actor, page):
    """Return 1 if another reader holds up the grace period of `page`."""
    if around(im, st, codes.R_GRACE) == 0:
        return 0
    for other in range(im[codes.H_ACTORS]):
        if other != actor and (grace_bits(im, st, other) >> page) & 1:
            return 1
    return 0


@kernel
def call_rcu(im, mem, st, at, actor, page, own):
    """
    Hand `page` to RCU; `own` is the actor's own slot for grace bits, or -1 outside a reader.

    Return 0 or a code.
    """
    if page_state(im, st, page) == FREEING:
        return USE_AFTER_FREE
    readers = 0
    if around(im, st, codes.R_READS) != 0:
        for other in range(im[codes.H_ACTORS]):
            if other != actor and im[stop_record(im, st, other) + codes.S_RCU] > 0:
                readers += 1
    if own >= 0:
        readers += 1
    if readers == 0:
        if has_present(im, mem, st, page):
            return FREED_EMPTY
        free_page(im, st, page)
        return 0
    store_raw(im, st, page_row(im, page, codes.P_STATE), FREEING)
    for other in range(im[codes.H_ACTORS]):
        if other != actor and around(im, st, codes.R_READS) != 0:
            stop = stop_record(im, st, other)
            if im[stop + codes.S_RCU] > 0:
                a = im[codes.H_ACTOR] + other * ACTOR
                shift = im[a + codes.A_SHIFT] + im[stop + codes.S_GRACE] + page
                note_write(im, st, im[a + codes.A_WORD], shift, 1)
                st[im[a + codes.A_WORD]] |= (st[0] * 0 + 1) << shift
    if own >= 0:
        mem[own] |= (mem[own] * 0 + 1) << page
    return 0


@kernel
def leave_reader(im, mem, st, actor, own):
    """
    End the actor's outermost reader: free what only it held up, let `synchronize_rcu` go on.

    Return 0 or a code.
    """
    mine = mem[own]
    for page in range(im[codes.H_PAGES]):
        if (
            (mine >> page) & 1
            and not others_block(im, st, actor, page)
            and has_present(im, mem, st, page)
        ):
            return FREED_EMPTY
    for page in range(im[codes.H_PAGES]):
        if (mine >> page) & 1 and not others_block(im, st, actor, page):
            free_page(im, st, page)
    mem[own] = 0
    if around(im, st, codes.R_SYNCS) == 0:
        return 0
    for other in range(im[codes.H_ACTORS]):
        stop = stop_record(im, st, other)
        if other != actor and im[stop + codes.S_NOTE_KIND] == codes.NOTE_SYNC:
            a = im[codes.H_ACTOR] + other * ACTOR
            shift = im[a + codes.A_SHIFT] + im[stop + codes.S_NOTE] + actor
            note_write(im, st, im[a + codes.A_WORD], shift, 1)
            st[im[a + codes.A_WORD]] &= ~((st[0] * 0 + 1) << shift)
    return 0


@kernel
def readers_now(im, st, actor, inside):
    """Return who is inside a reader, as bits over actors; `inside` tells about `actor` itself."""
    found = st[0] * 0
    for other in range(im[codes.H_ACTORS]):
        there = inside if other == actor else im[stop_record(im, st, other) + codes.S_RCU]
        if there > 0:
            found |= (st[0] * 0 + 1) << other
    return found


@kernel
def execute_rcu(im, mem, st, at, regs, actor):
    """RCU and the life of a page."""
    op, nxt = im[at + N_OP], im[at + N_NEXT]
    grace = regs
    if op == OP_RCULOCK:
        if im[at + N_FLAGS] & codes.OUTERMOST:
            mem[grace] = 0
        return nxt
    if op == OP_RCUUNLOCK:
        if im[at + N_FLAGS] & codes.OUTERMOST:
            code = leave_reader(im, mem, st, actor, grace)
            return nxt if code == 0 else code
        return nxt
    if op == OP_CALLRCU or op == OP_FREE:
        pointer = mem[regs + (im[at + N_OBJ] if op == OP_CALLRCU else im[at + N_A])]
        code = pointer_check(im, st, pointer)
        if code != 0:
            return code
        if op == OP_FREE:
            if page_state(im, st, pointer - 1) == FREEING:
                return USE_AFTER_FREE
            if has_present(im, mem, st, pointer - 1):
                return FREED_EMPTY
            free_page(im, st, pointer - 1)
            return nxt
        code = call_rcu(
            im, mem, st, at, actor, pointer - 1, grace if im[at + N_FLAGS] & codes.IN_RCU else -1
        )
        return nxt if code == 0 else code
    if op == OP_SYNCBEGIN:
        mem[regs + im[at + N_DST]] = readers_now(im, st, actor, im[at + N_FLAGS] & codes.IN_RCU)
        return nxt
    if op == OP_SYNCWAIT:
        return nxt if mem[regs + im[at + N_A]] == 0 else BLOCKED
    if op == OP_RCUBARRIER:
        for page in range(im[codes.H_PAGES]):
            if page_state(im, st, page) == FREEING:
                return BLOCKED
        return nxt
    return allocate(im, mem, st, at, regs)


@kernel
def allocate(im, mem, st, at, regs):
    """Hand out the next page slot."""
    for page in range(im[codes.H_PAGES]):
        if page_state(im, st, page) == UNALLOCATED:
            store_raw(im, st, page_row(im, page, codes.P_STATE), ALLOCATED)
            first, count = page_row(im, page, codes.P_SETS), page_row(im, page, codes.P_SETS_N)
            for k in range(count):
                store_raw(im, st, im[first + 2 * k], im[first + 2 * k + 1])
            mem[regs + im[at + N_DST]] = page + 1
            return im[at + N_NEXT]
    return BOUND
