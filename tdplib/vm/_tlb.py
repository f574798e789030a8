"""
Kernels for the hardware TLB of a vCPU: what the guest uses, and who makes it forget.

A vCPU remembers for each gfn through which root it was translated: page + 1, or 0 for nothing. Two
values above the pages mark a translation that is out of date: left behind by a fast zap that has
returned, or by a notifier. Called as those of `_private`.
"""

from .._jit import bare_kernel as kernel
from . import codes
from ._memory import child_of, load, load_raw, page_row, page_state, store_raw
from ._numbers import NOTIFIER, OOPS, OP_TLBACCESS, OP_TLBFLUSH, TLB_COMPLETE, USE_AFTER_FREE
from .codes import FREED, N_A, N_B, N_DST, N_NEXT, N_OP, PRESENT_BIT

EXITED, DONE_ACCESS, FAULT = 0, 1, 2
"""What an access gives: a request keeps the vCPU out of the guest; it went through; a fault."""


@kernel
def gfns(im):
    """Return how many gfns a root maps."""
    span = 1
    for _ in range(im[codes.H_LEVELS]):
        span *= im[codes.H_ENTRIES]
    return span


@kernel
def execute_tlb(im, mem, st, at, regs):
    """An access by the guest, a flush by the vCPU itself, a flush of all of them."""
    op = im[at + N_OP]
    if op == OP_TLBACCESS:
        found = access(im, mem, st, mem[regs + im[at + N_A]], mem[regs + im[at + N_B]])
        if found < 0:
            return found
        mem[regs + im[at + N_DST]] = found
        return im[at + N_NEXT]
    if op != OP_TLBFLUSH and mem[regs + im[at + N_A]] == 0:
        return OOPS
    for vcpu in range(im[codes.H_VCPUS]):
        if op != OP_TLBFLUSH or vcpu == mem[regs + im[at + N_A]]:
            for gfn in range(gfns(im)):
                store_raw(im, st, im[codes.H_TLB] + gfn * im[codes.H_VCPUS] + vcpu, 0)
    return im[at + N_NEXT]


@kernel
def access(im, mem, st, vcpu, gfn):
    """
    Let the guest of `vcpu` use `gfn`: by what the TLB holds, else by a walk that fills it.

    Return EXITED, DONE_ACCESS, FAULT, or the code of what this breaks.
    """
    if gfn < 0 or gfn >= gfns(im):
        return OOPS
    if im[codes.H_REQUEST] >= 0 and load_raw(im, st, im[codes.H_REQUEST] + vcpu):
        return gfn * 0 + EXITED
    slot = im[codes.H_TLB] + gfn * im[codes.H_VCPUS] + vcpu
    held = load_raw(im, st, slot)
    if held == im[codes.H_PAGES] + 2:
        return gfn * 0 + NOTIFIER
    if held == im[codes.H_PAGES] + 1 or (held > 0 and page_state(im, st, held - 1) == FREED):
        return gfn * 0 + TLB_COMPLETE
    if held > 0:
        return gfn * 0 + DONE_ACCESS
    root = load(im, mem, st, im[codes.H_VROOT] + vcpu) if im[codes.H_VROOT] >= 0 else gfn * 0
    if root == 0:
        return gfn * 0 + OOPS
    found = walk(im, mem, st, root, gfn)
    if found == DONE_ACCESS:
        store_raw(im, st, slot, root)
    return found


@kernel
def walk(im, mem, st, root, gfn):
    """Walk the tables below `root` (page + 1) for `gfn`; return as `access` does."""
    table, span = root, gfns(im)
    for depth in range(im[codes.H_LEVELS]):
        if page_state(im, st, table - 1) == FREED:
            return gfn * 0 + USE_AFTER_FREE
        span = span // im[codes.H_ENTRIES]
        row = page_row(im, table - 1, codes.P_SPT)
        if row < 0:
            return gfn * 0 + FAULT
        spte = load(im, mem, st, row + (gfn // span) % im[codes.H_ENTRIES])
        if not (spte >> PRESENT_BIT) & 1:
            return gfn * 0 + FAULT
        if depth == im[codes.H_LEVELS] - 1:
            return gfn * 0 + DONE_ACCESS
        table = child_of(im, spte)
        if table == 0:
            return gfn * 0 + FAULT
    return gfn * 0 + FAULT


@kernel
def zap_returned(im, st, noted):
    """A fast zap has returned: what is still remembered through a noted page is out of date."""
    for k in range(im[codes.H_VCPUS] * gfns(im)):
        held = load_raw(im, st, im[codes.H_TLB] + k)
        if 0 < held <= im[codes.H_PAGES] and (noted >> (held - 1)) & 1:
            store_raw(im, st, im[codes.H_TLB] + k, im[codes.H_PAGES] + 1)


@kernel
def notifier_returned(im, st, gfn):
    """A notifier has returned: what is still remembered of its gfn is out of date."""
    for vcpu in range(im[codes.H_VCPUS]):
        slot = im[codes.H_TLB] + gfn * im[codes.H_VCPUS] + vcpu
        held = load_raw(im, st, slot)
        if 0 < held <= im[codes.H_PAGES]:
            store_raw(im, st, slot, im[codes.H_PAGES] + 2)
