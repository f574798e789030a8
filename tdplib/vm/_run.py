"""
Kernels that run an actor.

Unpack its live registers, execute, stop where an action ends, pack again.
"""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from ..lang.flow import LOOP_RANGE
from . import codes
from ._field import execute_field
from ._list import execute_list
from ._lock import execute_lock
from ._look import execute_look
from ._memory import (
    around, intern_word, is_invalid, load, load_raw, look_around, note_read, note_write, page_row,
    page_state, parent_of, stop_record,
)  # fmt: skip
from ._model import execute_model
from ._numbers import (
    LEAK, OP_ALLOC, OP_END, OP_FLUSHWAIT, OP_FREE, OP_ISLOCKED, OP_LISTEMPTY, OP_MUNLOCK,
    OP_REFDECTEST, OP_TLBACCESS, OP_WQDONE, OP_WQNEXT, OP_ZAPBEGIN,
)  # fmt: skip
from ._private import DONE, execute_private
from ._queue import execute_queue, is_queued, running_item
from ._rcu import execute_rcu
from ._tlb import execute_tlb
from .codes import (
    ACTOR,
    BLOCKED,
    BOUND,
    BROKEN,
    M_WORDS,
    N_AUX,
    N_FLAGS,
    N_OP,
    N_STOP,
    NODE,
    REG,
    STOP,
)

MERGE, LOCKSET, ACQUIRE = 1, 2, 4
LOOP_LOW, LOOP_HIGH = LOOP_RANGE
LONG_RUN = 4000
"""
Operations after which a reduced action ends at the next statement.

Thus an endless private loop is a cycle of states, not a hang.
"""


@kernel
def execute(im, mem, st, at, regs, actor):
    """
    Execute the operation of the node at offset `at`.

    Return the next node, BLOCKED, DONE, or a BROKEN or BOUND code.
    """
    if im[at + N_FLAGS] & codes.BREAKS:
        return BROKEN - im[at + N_AUX]
    op = im[at + N_OP]
    if op <= OP_END:
        return execute_private(im, mem, at, regs)
    if op <= OP_REFDECTEST:
        return execute_field(im, mem, st, at, regs)
    if op <= OP_MUNLOCK:
        return execute_lock(im, mem, st, at, regs)
    if op <= OP_ALLOC:
        return execute_rcu(im, mem, st, at, regs, actor)
    if op <= OP_LISTEMPTY:
        return execute_list(im, mem, st, at, regs)
    if op <= OP_WQDONE:
        return execute_queue(im, mem, st, at, regs, actor)
    if op < OP_TLBACCESS:
        return execute_model(im, mem, st, at, regs)
    if op < OP_ISLOCKED:
        return execute_tlb(im, mem, st, at, regs)
    return execute_look(im, mem, st, at, regs)


@kernel
def unpack(im, mem, st, actor):
    """
    Load the live registers of `actor` from the state into mem.

    Return the node where it stands.
    """
    a = im[codes.H_ACTOR] + actor * ACTOR
    stop = stop_record(im, st, actor)
    word, base, regs = im[a + codes.A_WORD], im[a + codes.A_SHIFT], im[a + codes.A_REGS]
    at = im[codes.H_REG] + im[stop + codes.S_REGS] * REG
    for k in range(im[stop + codes.S_COUNT]):
        r = at + k * REG
        note_read(
            im, st, word + im[r + codes.R_WORD], base + im[r + codes.R_SHIFT], im[r + codes.R_MASK]
        )
        value = (st[word + im[r + codes.R_WORD]] >> (base + im[r + codes.R_SHIFT])) & im[
            r + codes.R_MASK
        ]
        if im[r + codes.R_INTERNED]:
            value = mem[M_WORDS + value]
        mem[regs + im[r + codes.R_SLOT]] = value + im[r + codes.R_BIAS]
    return im[stop + codes.S_NODE]


@kernel
def pack(im, mem, st, actor, node):
    """
    Let `actor` stand at `node` (a stop).

    Write its place and live registers into its block of the state. Return 0, or a BOUND code.
    """
    a = im[codes.H_ACTOR] + actor * ACTOR
    word, base, regs = im[a + codes.A_WORD], im[a + codes.A_SHIFT], im[a + codes.A_REGS]
    number = im[im[codes.H_NODE] + node * NODE + N_STOP]
    stop = im[codes.H_STOP] + (im[a + codes.A_STOPS] + number) * STOP
    for k in range(im[a + codes.A_WORDS]):
        note_write(im, st, word + k, 0, ~mem[im[a + codes.A_ENTRY] + k])
        st[word + k] &= mem[im[a + codes.A_ENTRY] + k]
    st[word] |= (st[0] * 0 + number) << base
    at = im[codes.H_REG] + im[stop + codes.S_REGS] * REG
    for k in range(im[stop + codes.S_COUNT]):
        r = at + k * REG
        value = mem[regs + im[r + codes.R_SLOT]] - im[r + codes.R_BIAS]
        if im[r + codes.R_INTERNED]:
            value = intern_word(mem, value)
            if value < 0:
                return value
        elif value < 0 or value > im[r + codes.R_MASK]:
            return BOUND - 1
        st[word + im[r + codes.R_WORD]] |= value << (base + im[r + codes.R_SHIFT])
    return 0


@kernel
def is_free(im, mem, st, at, regs, actor):
    """Return True if the operation at `at` is owned: see `lang.independence`."""
    flags, op = im[at + N_FLAGS], im[at + N_OP]
    if flags & codes.OWNED:
        return True
    if op == OP_FLUSHWAIT:
        return mem[regs + im[at + codes.N_A]] == 0
    if not flags & codes.IDLE_OWNED:
        return False
    pointer = mem[
        regs + (im[at + codes.N_OBJ] if op < OP_ZAPBEGIN and op != OP_FREE else im[at + codes.N_A])
    ]
    if pointer == 0 or is_queued(im, st, pointer - 1):
        return False
    if around(im, st, codes.R_RUNS) == 0:
        return True
    for other in range(im[codes.H_ACTORS]):
        if other != actor and running_item(im, st, other) == pointer:
            return False
    return True


@kernel
def run(im, mem, st, actor, mode, log):
    """
    Take one action of `actor`.

    Return 0 and the state after it in `st`, or BLOCKED, BROKEN - k, BOUND - k with `st` spoilt.

    mode : MERGE | LOCKSET | ACQUIRE bits; log : [count, capacity, node, node, ...], filled with the
        nodes executed
    """
    look_around(im, st, actor)
    node = unpack(im, mem, st, actor)
    regs = im[im[codes.H_ACTOR] + actor * ACTOR + codes.A_REGS]
    nodes = im[codes.H_NODE]
    seen, seen_here, acted, passed, count = 0 > 1, False, False, False, 0
    while True:
        at = nodes + node * NODE
        flags = im[at + N_FLAGS]
        if count > 0 and (flags & codes.STARTS or (flags & codes.VISIBLE and seen_here)):
            if mode == 0 or (count > LONG_RUN and flags & codes.STARTS):
                return pack(im, mem, st, actor, node)
            passed, seen_here = True, False
        free, acted_before = False, acted
        if flags & codes.VISIBLE:
            free = mode & LOCKSET and is_free(im, mem, st, at, regs, actor)
            if passed and not free and (seen or (flags & codes.BLOCKING and acted)):
                return pack(im, mem, st, actor, node)
            seen_here = acted = True
        after = execute(im, mem, st, at, regs, actor)
        if flags & codes.BOUNDED and after >= 0:
            value = mem[regs + im[at + codes.N_DST]]
            if value < LOOP_LOW or value > LOOP_HIGH:
                after = BOUND - 1
        if after < 0:
            if after == DONE and count == 0:
                return BLOCKED
            if after == DONE:
                return pack(im, mem, st, actor, node)
            if passed and (acted_before or after != BLOCKED):
                return pack(im, mem, st, actor, node)
            return after
        if flags & codes.VISIBLE:
            # taking a lock can be put off, releasing one can be brought forward: one other
            # operation may stand between the two, none after
            taken = mode & ACQUIRE and flags & codes.ACQUIRES and after == im[at + codes.N_NEXT]
            seen = seen or flags & codes.RELEASES or not (free or taken)
        if log[0] < log[1]:
            log[2 + log[0]] = node
            log[0] += 1
        node = after
        count += 1


@kernel
def is_done(im, mem, st, actor):
    """Return 1 if `actor` has ended, or is a worker that waits for work while nothing is queued."""
    if im[stop_record(im, st, actor) + codes.S_END]:
        return 1
    if im[codes.H_QUEUE] < 0 or load_raw(im, st, im[codes.H_QUEUE]) != 0:
        return 0
    node = unpack(im, mem, st, actor)
    regs = im[im[codes.H_ACTOR] + actor * ACTOR + codes.A_REGS]
    for _ in range(LONG_RUN):
        at = im[codes.H_NODE] + node * NODE
        if im[at + N_FLAGS] & (codes.VISIBLE | codes.BREAKS):
            return 1 if im[at + N_OP] == OP_WQNEXT else 0
        node = execute_private(im, mem, at, regs)
        if node < 0:
            return 0
    return 0


@kernel
def final_code(im, mem, st):
    """
    Return what a state without any step means.

    0 (everybody is done, nothing leaked) or a BROKEN code.
    """
    for actor in range(im[codes.H_ACTORS]):
        if not is_done(im, mem, st, actor):
            return BROKEN - DEADLOCK
    if im[codes.H_QUEUE] >= 0 and load_raw(im, st, im[codes.H_QUEUE]) != 0:
        return LEAK
    if page_row(im, 0, codes.P_COUNT) < 0:
        return 0
    for page in range(im[codes.H_PAGES]):
        if page_state(im, st, page) == codes.ALLOCATED and leaked(im, mem, st, page):
            return LEAK
    return 0


DEADLOCK = codes.PROPERTY["no-deadlock"]


@kernel
def leaked(im, mem, st, page):
    """
    Return 1 if the page's count is not what its users account for, or it has no user.

    A table to which an SPTE leads is its root's to free.
    """
    if im[codes.H_LEVELS] > 1 and parent_of(im, mem, st, page) >= 0:
        return 0
    users = 0
    if im[codes.H_VROOT] >= 0:
        for vcpu in range(im[codes.H_VCPUS]):
            if load(im, mem, st, im[codes.H_VROOT] + vcpu) == page + 1:
                users += 1
    if not is_invalid(im, mem, st, page):
        users += im[codes.H_OWNS_ROOT]
    count = load(im, mem, st, page_row(im, page, codes.P_COUNT))
    return 1 if users == 0 or count != users else 0
