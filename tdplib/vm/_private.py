"""
Kernels for one operation that nobody else can see: arithmetic, branches, WARN, END.

Each kernel for one operation, here and in the modules beside, takes (im, mem, st, node offset,
register base, actor), or what it needs of them, and returns what happens next: the next node, >= 0,
or `BLOCKED`, `BROKEN - property` or `BOUND - bound`. An operation that would break a property
changes nothing.

im : int32[::1], the image; mem : int64[::1], words and registers, modified; st : int64[::1], the
    state, modified
"""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from ._memory import child_of, nonleaf_spte
from ._numbers import (
    OP_ADD, OP_AND, OP_BNZ, OP_BZ, OP_CHILD, OP_DIV, OP_END, OP_EQ, OP_GE, OP_GT, OP_JMP, OP_LE,
    OP_LT, OP_MOD, OP_MOV, OP_MUL, OP_NE, OP_NOT, OP_OR, OP_SHL, OP_SHR, OP_SUB, OP_WARN, OP_XOR,
    WARNED,
)  # fmt: skip
from .codes import BOUND, N_A, N_B, N_DST, N_NEXT, N_OP, N_TARGET

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
