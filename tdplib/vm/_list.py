"""Kernels for the list of roots: a head, and one next pointer a page; called as in `_private`."""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from . import codes
from ._memory import load, load_raw, page_row, pointer_check, store_raw
from ._numbers import (
    FINAL_PUT, LIST_INTACT, OOPS, OP_LISTADD, OP_LISTADDTAIL, OP_LISTDEL, OP_LISTEMPTY,
    OP_LISTFIRST, OP_LISTNEXT,
)  # fmt: skip
from .codes import N_A, N_B, N_DST, N_NEXT, N_OBJ, N_OP, N_PAGEOBJ


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
