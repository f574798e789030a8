"""
The kernels that Python calls on arrays; inside, everything works on bare pointers.

im : int32[::1], the image; mem : int64[::1], words and registers, modified; st : int64[::1], the
    state, modified
"""

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from . import _run

_pointer = pointer_to()


@kernel
def run(im, mem, st, actor, mode, log):
    """
    Take one action of `actor` (see `_run.run`).

    log : int64[::1], [count, capacity, nodes ...].
    """
    return _run.run(_pointer(im), _pointer(mem), _pointer(st), actor, mode, _pointer(log))


@kernel
def execute(im, mem, st, at, regs, actor):
    """Execute the operation of the node at offset `at` (see `_run.execute`)."""
    return _run.execute(_pointer(im), _pointer(mem), _pointer(st), at, regs, actor)


@kernel
def unpack(im, mem, st, actor):
    """Load the live registers of `actor` (see `_run.unpack`); return the node where it stands."""
    return _run.unpack(_pointer(im), _pointer(mem), _pointer(st), actor)


@kernel
def final_code(im, mem, st):
    """Return what a state without any step means (see `_run.final_code`)."""
    return _run.final_code(_pointer(im), _pointer(mem), _pointer(st))
