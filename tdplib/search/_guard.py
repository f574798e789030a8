"""
Kernels that run a watcher's code on states: as one look, in which nobody else moves.

A watcher only reads; what it gives is told by the property that its code breaks.
"""

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from ..vm import codes
from ..vm._memory import look_around
from ..vm._private import DONE
from ..vm._run import execute, unpack
from ..vm.codes import ACTOR, NODE

LONGEST = 10_000
"""Operations of one look; more is a loop without end."""
ENDLESS = -2000
"""What `look` returns for that."""

_pointer = pointer_to()


@kernel
def look(im, mem, st, watcher):
    """Return 0 if the code of `watcher` runs to its end on `st`, else the code of what it meets."""
    look_around(im, st, watcher)
    node = unpack(im, mem, st, watcher)
    regs = im[im[codes.H_ACTOR] + watcher * ACTOR + codes.A_REGS]
    for _ in range(LONGEST):
        node = execute(im, mem, st, im[codes.H_NODE] + node * NODE, regs, watcher)
        if node == DONE:
            return 0
        if node < 0:
            return node
    return ENDLESS


@kernel
def first_unlike(image, memory, states, first, end, watcher, wanted, scratch):
    """
    Return the number of the first state, from `first` on, in which the watcher meets something.

    `end` if there is none. What it met is left in `scratch[0]`.

    wanted : the code of what it is to meet; 0 for whatever it meets
    states : int64[:, ::1]; scratch : that of `vm._memo`, modified in place
    """
    im, mem, st = _pointer(image), _pointer(memory), _pointer(scratch)
    for number in range(first, end):
        for k in range(states.shape[1]):
            st[k] = states[number, k]
        met = look(im, mem, st, watcher)
        if met != 0 and (wanted == 0 or met == wanted):
            scratch[0] = met
            return number
    return end
