"""
Kernels for one operation.

Each takes (im, mem, st, node offset, register base, actor) and returns what happens next: the next
node (>= 0), `BLOCKED`, `BROKEN - property` or `BOUND - bound`. An operation that would break a
property changes nothing.

im : int32[::1], the image; mem : int64[::1], words and registers, modified; st : int64[::1], the
    state, modified
"""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from . import codes
from ._memory import (
    around, child_of, free_page, has_present, is_invalid, load, load_raw, new_word, nonleaf_spte,
    note_read, note_write, page_row, page_state, pointer_check, root_is_invalid, stop_record,
    store_raw, store_word,
)  # fmt: skip
from ._numbers import (
    DEAD_SEEN, DOUBLE_QUEUE, FINAL_PUT, FREED_EMPTY, FROM_ZERO, INVALID_LOADED, LIST_INTACT,
    MONOTONE, OOPS, OP_ADD, OP_AND, OP_ATOMICADD, OP_BNZ, OP_BZ, OP_CALLRCU, OP_CHILD, OP_CMPXCHG,
    OP_DIV, OP_END, OP_EQ, OP_FLUSHBEGIN, OP_FLUSHDESTROY, OP_FLUSHWAIT, OP_FREE, OP_GE, OP_GT,
    OP_INITWORK, OP_JMP, OP_LE, OP_LISTADD, OP_LISTADDTAIL, OP_LISTDEL, OP_LISTEMPTY, OP_LISTFIRST,
    OP_LISTNEXT, OP_LOAD, OP_LT, OP_MLOCK, OP_MOD, OP_MOV, OP_MUL, OP_NE, OP_NOT, OP_OR,
    OP_RCUBARRIER, OP_RCULOCK, OP_RCUUNLOCK, OP_REFDEC, OP_REFDECTEST, OP_REFINC, OP_REFINCNZ,
    OP_RLOCK, OP_SHL, OP_SHR, OP_SUB, OP_SYNCBEGIN, OP_SYNCWAIT, OP_TRYCMPXCHG, OP_WARN, OP_WLOCK,
    OP_WLOCK2, OP_WQDONE, OP_WQNEXT, OP_XCHG, OP_XOR, OVERFLOW, UNDERFLOW, UNDER_INVALID,
    USE_AFTER_FREE, WARNED,
)  # fmt: skip
from .codes import (
    ACTOR, ALLOCATED, BLOCKED, BOUND, FREED, FREEING, L_READ, L_WAIT, L_WRITE, N_A, N_AUX, N_B,
    N_DST, N_FIELD, N_FLAGS, N_IDX, N_NEXT, N_OBJ, N_OP, N_PAGEOBJ, N_TARGET, PRESENT_BIT,
    UNALLOCATED,
)  # fmt: skip

SATURATED = 15
DONE = -2
"""The actor's function has ended: `_run` lets it stand at its END."""


@kernel
def execute_private(im, mem, at, regs):
    """Arithmetic, branches, WARN, END."""
    op = im[at + N_OP]
    if op == OP_END:
        return DONE
    if op == OP_WARN:
        return WARNED if mem[regs + im[at + N_A]] != 0 else im[at + N_NEXT]
    if op < OP_MOV or op > OP_BNZ or op == OP_JMP:
        return im[at + N_NEXT]
    a = mem[regs + im[at + N_A]]
    if op == OP_BZ:
        return im[at + N_TARGET] if a == 0 else im[at + N_NEXT]
    if op == OP_BNZ:
        return im[at + N_TARGET] if a != 0 else im[at + N_NEXT]
    if op > OP_GE:
        mem[regs + im[at + N_DST]] = child_of(im, a) if op == OP_CHILD else nonleaf_spte(a)
        return im[at + N_NEXT]
    b = mem[regs + im[at + N_B]]
    if (op == OP_DIV or op == OP_MOD) and b == 0:
        return BOUND - 1
    if (op == OP_SHL or op == OP_SHR) and (b < 0 or b > 62):
        return BOUND - 1
    mem[regs + im[at + N_DST]] = arithmetic(op, a, b)
    return im[at + N_NEXT]


@kernel
def arithmetic(op, a, b):
    """Return the result of a private operation on two numbers (`b` unused by MOV and NOT)."""
    if op == OP_MOV:
        return a
    if op == OP_ADD:
        return a + b
    if op == OP_SUB:
        return a - b
    if op == OP_MUL:
        return a * b
    if op == OP_DIV:
        return a // b
    if op == OP_MOD:
        return a % b
    if op == OP_AND:
        return a & b
    if op == OP_OR:
        return a | b
    if op == OP_XOR:
        return a ^ b
    if op == OP_SHL:
        return a << b
    if op == OP_SHR:
        return a >> b
    return compared(op, a, b)


@kernel
def compared(op, a, b):
    """Return 1 or 0 for a comparison or NOT, as a wide integer."""
    if op == OP_NOT:
        found = a == 0
    elif op == OP_EQ:
        found = a == b
    elif op == OP_NE:
        found = a != b
    elif op == OP_LT:
        found = a < b
    elif op == OP_LE:
        found = a <= b
    elif op == OP_GT:
        found = a > b
    else:
        found = a >= b
    return a * 0 + (1 if found else 0)


# === fields ===


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
    """Refcounts (15 is saturated and stays so) and atomics."""
    op = im[at + N_OP]
    dst = regs + im[at + N_DST]
    old = load(im, mem, st, row)
    if op == OP_ATOMICADD:
        value = old + mem[regs + im[at + N_A]]
        code = store_word(im, mem, st, row, value)
        mem[dst] = value
        return im[at + N_NEXT] if code == 0 else code
    if op == OP_REFINC or op == OP_REFINCNZ:
        if old == 0:
            if op == OP_REFINC:
                return FROM_ZERO
            mem[dst] = 0
            return im[at + N_NEXT]
        if old + 1 >= SATURATED:
            return OVERFLOW
        store_raw(im, st, row, old + 1)
        if op == OP_REFINCNZ:
            mem[dst] = 1
        return im[at + N_NEXT]
    if old == 0:
        return UNDERFLOW
    if op == OP_REFDEC and old == 1:
        return WARNED
    store_raw(im, st, row, old - 1)
    if op == OP_REFDECTEST:
        mem[dst] = old * 0 + (1 if old == 1 else 0)
    return im[at + N_NEXT]


# === locks ===


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


# === RCU, allocation ===


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


# === the list ===


@kernel
def execute_list(im, mem, st, at, regs):
    """
    The list of roots: a head and one next pointer a page.

    A page taken off keeps its next pointer, as RCU walkers need.
    """
    op, head = im[at + N_OP], im[codes.H_HEAD]
    dst = regs + im[at + N_DST]
    if im[at + N_PAGEOBJ] == 0 and mem[regs + im[at + N_OBJ]] == 0:
        return OOPS
    if (op == OP_LISTADD or op == OP_LISTADDTAIL) and mem[regs + im[at + N_B]] == 0:
        return OOPS
    if op == OP_LISTFIRST:
        mem[dst] = load_raw(im, st, head)
        return im[at + N_NEXT]
    if op == OP_LISTEMPTY:
        mem[dst] = load_raw(im, st, head) * 0 + (1 if load_raw(im, st, head) == 0 else 0)
        return im[at + N_NEXT]
    pointer = mem[regs + (im[at + N_A] if op == OP_LISTNEXT else im[at + N_OBJ])]
    code = pointer_check(im, st, pointer)
    if code != 0:
        return code
    page = pointer - 1
    if op == OP_LISTNEXT:
        mem[dst] = load_raw(im, st, page_row(im, page, codes.P_NEXT))
        return im[at + N_NEXT]
    on = load_raw(im, st, page_row(im, page, codes.P_ON))
    if op == OP_LISTDEL:
        if not on:
            return LIST_INTACT
        row = page_row(im, page, codes.P_COUNT)
        if row >= 0 and load(im, mem, st, row) != 0:
            return FINAL_PUT
        unlink(im, st, page)
        return im[at + N_NEXT]
    if on:
        return LIST_INTACT
    link(im, st, page, op == OP_LISTADDTAIL)
    return im[at + N_NEXT]


@kernel
def link(im, st, page, tail):
    """Put `page` on the list, at the head or the tail."""
    head = im[codes.H_HEAD]
    at = head
    if tail:
        while load_raw(im, st, at) != 0:
            at = page_row(im, load_raw(im, st, at) - 1, codes.P_NEXT)
        store_raw(im, st, page_row(im, page, codes.P_NEXT), 0)
    else:
        store_raw(im, st, page_row(im, page, codes.P_NEXT), load_raw(im, st, head))
    store_raw(im, st, at, page + 1)
    store_raw(im, st, page_row(im, page, codes.P_ON), 1)


@kernel
def unlink(im, st, page):
    """Take `page` off the list; it keeps its own next pointer."""
    at = im[codes.H_HEAD]
    for _ in range(im[codes.H_PAGES] + 1):
        here = load_raw(im, st, at)
        if here == page + 1:
            store_raw(im, st, at, load_raw(im, st, page_row(im, page, codes.P_NEXT)))
            break
        if here == 0:
            break
        at = page_row(im, here - 1, codes.P_NEXT)
    store_raw(im, st, page_row(im, page, codes.P_ON), 0)


# === the workqueue ===


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
