"""
The machine as Python calls it, on arrays; inside, everything works on bare pointers.

im : int32[::1], the image; mem : int64[::1], words and registers, modified; st : int64[::1], the
    state, modified
"""

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from . import _run
from ._memo import working_state

_pointer = pointer_to()


def run(im, mem, st, actor, mode, log):
    """
    Take one action of `actor` (see `_run.run`).

    log : int64[::1], [count, capacity, nodes ...].
    """
    work = working_state(st)
    code = _take(im, mem, work, actor, mode, log)
    st[:] = work[: st.size]
    return code


def execute(im, mem, st, at, regs, actor):
    """Execute the operation of the node at offset `at` (see `_run.execute`)."""
    work = working_state(st)
    after = _execute(im, mem, work, at, regs, actor)
    st[:] = work[: st.size]
    return after


def unpack(im, mem, st, actor):
    """Load the live registers of `actor` (see `_run.unpack`); return the node where it stands."""
    return _unpack(im, mem, working_state(st), actor)


def final_code(im, mem, st):
    """Return what a state without any step means (see `_run.final_code`)."""
    return _final_code(im, mem, working_state(st))


@kernel
def _take(im, mem, st, actor, mode, log):
    """`_run.run` on arrays; st : as `working_state` makes it."""
    return _run.run(_pointer(im), _pointer(mem), _pointer(st), actor, mode, _pointer(log))


@kernel
def _execute(im, mem, st, at, regs, actor):
    """`_run.execute` on arrays; st as for `_take`."""
    _run.look_around(_pointer(im), _pointer(st), actor)
    return _run.execute(_pointer(im), _pointer(mem), _pointer(st), at, regs, actor)


@kernel
def _unpack(im, mem, st, actor):
    """`_run.unpack` on arrays; st as for `_take`."""
    return _run.unpack(_pointer(im), _pointer(mem), _pointer(st), actor)


@kernel
def _final_code(im, mem, st):
    """`_run.final_code` on arrays; st as for `_take`."""
    return _run.final_code(_pointer(im), _pointer(mem), _pointer(st))
