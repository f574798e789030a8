"""Kernels for requests, and for what only the checker watches; called as those of `_private`."""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from . import codes
from ._lock import others_hold
from ._memory import (
    has_present, is_invalid, load, load_raw, page_row, page_state, store_raw,
)  # fmt: skip
from ._numbers import (
    INVALID_LOADED, NOTIFIER, ONE_WINNER, OOPS, OP_MARKED, OP_NOTRETURN, OP_REQALL, OP_REQCHECK,
    OP_REQMAKE, OP_REQTEST, OP_UPDBEGIN, OP_UPDRETURN, OP_ZAPEND, ZAP_COMPLETE,
)  # fmt: skip
from ._tlb import gfns, notifier_returned, zap_returned
from .codes import ALLOCATED, FREED, FREEING, L_WRITE, N_A, N_AUX, N_DST, N_NEXT, N_OP, PRESENT_BIT


@kernel
def left_on_invalid_root(im, mem, st, vcpu):
    """Return 1 if the vCPU's root is live but invalid, and nobody holds mmu_lock for write."""
    if im[codes.H_VROOT] < 0:
        return 0
    root = load(im, mem, st, im[codes.H_VROOT] + vcpu)
    if root == 0 or page_state(im, st, root - 1) == FREED or not is_invalid(im, mem, st, root - 1):
        return 0
    return 0 if others_hold(im, st, L_WRITE << im[codes.H_MMU_LOCK]) else 1


@kernel
def execute_model(im, mem, st, at, regs):
    """Requests, and the watchers of the harness."""
    op, nxt = im[at + N_OP], im[at + N_NEXT]
    request = im[codes.H_REQUEST]
    if op == OP_REQALL:
        if mem[regs + im[at + N_A]] == 0:
            return OOPS
        for vcpu in range(im[codes.H_VCPUS]):
            store_raw(im, st, request + vcpu, 1)
        return nxt
    if op == OP_REQMAKE:
        store_raw(im, st, request + mem[regs + im[at + N_A]], 1)
        return nxt
    if op == OP_REQTEST:
        mem[regs + im[at + N_DST]] = load_raw(im, st, request + mem[regs + im[at + N_A]])
        return nxt
    if op == OP_REQCHECK:
        vcpu = mem[regs + im[at + N_A]]
        pending = load_raw(im, st, request + vcpu)
        if not pending and im[at + N_AUX] == 0 and left_on_invalid_root(im, mem, st, vcpu):
            return INVALID_LOADED
        store_raw(im, st, request + vcpu, 0)
        mem[regs + im[at + N_DST]] = pending
        return nxt
    return watch(im, mem, st, at, regs)


@kernel
def watch(im, mem, st, at, regs):
    """The model_* primitives."""
    op, nxt = im[at + N_OP], im[at + N_NEXT]
    if op == OP_UPDBEGIN:
        found = st[0] * 0
        for page in range(im[codes.H_PAGES]):
            if page_state(im, st, page) == ALLOCATED or page_state(im, st, page) == FREEING:
                found |= (st[0] * 0 + 1) << page
        mem[regs + im[at + N_DST]] = found
        return nxt
    if op == OP_UPDRETURN:
        noted = mem[regs + im[at + N_A]]
        for page in range(im[codes.H_PAGES]):
            if (
                (noted >> page) & 1
                and page_state(im, st, page) != FREED
                and has_present(im, mem, st, page)
            ):
                return ZAP_COMPLETE
        if im[codes.H_TLB] >= 0:
            zap_returned(im, st, noted)
        return nxt
    if op == OP_NOTRETURN:
        gfn = mem[regs + im[at + N_A]]
        code = still_mapped(im, mem, st, gfn)
        if code == 0 and im[codes.H_TLB] >= 0:
            notifier_returned(im, st, gfn)
        return nxt if code == 0 else code
    pointer = mem[regs + im[at + N_A]]
    if pointer == 0:
        return OOPS
    if page_state(im, st, pointer - 1) == FREED:
        # a note is no access: on a freed page nothing happens
        return nxt
    return watch_page(im, mem, st, op, nxt, pointer - 1)


@kernel
def still_mapped(im, mem, st, gfn):
    """Return a code if some leaf table, not freed, has a present SPTE for `gfn`, else 0."""
    if gfn < 0 or gfn >= gfns(im):
        return OOPS
    for page in range(im[codes.H_PAGES]):
        row = page_row(im, page, codes.P_SPT)
        if (
            row >= 0
            and page_state(im, st, page) != FREED
            and covers(im, mem, st, page, gfn)
            and (load(im, mem, st, row + gfn % im[codes.H_ENTRIES]) >> PRESENT_BIT) & 1
        ):
            return NOTIFIER
    return 0


@kernel
def covers(im, mem, st, page, gfn):
    """Return 1 if the page is a leaf table with an entry for `gfn` (role.level 1, and its gfn)."""
    if im[codes.H_LEVELS] == 1:
        return 1
    role, base = page_row(im, page, codes.P_ROLE), page_row(im, page, codes.P_GFN)
    if role < 0 or (load(im, mem, st, role) >> codes.LEVEL_SHIFT) & codes.LEVEL_MASK != 1:
        return 0
    first = load(im, mem, st, base) if base >= 0 else gfn * 0
    return 1 if first == gfn - gfn % im[codes.H_ENTRIES] else 0


@kernel
def watch_page(im, mem, st, op, nxt, page):
    """Zap begin and end, and who marked the page invalid."""
    if op == OP_MARKED:
        row = page_row(im, page, codes.P_MARKED)
        if load_raw(im, st, row):
            return ONE_WINNER
        store_raw(im, st, row, 1)
        return nxt
    row = page_row(im, page, codes.P_ZAPPED)
    if op == OP_ZAPEND:
        store_raw(im, st, row, 1)
    elif load_raw(im, st, row):
        mem[codes.M_ADVICE] |= 1
    return nxt
