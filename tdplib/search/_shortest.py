"""
Kernels that find, among the shortest violations of a property, one with the fewest switches.

Dynamic programming backwards over the layers of a finished breadth-first search: `best[s, b]`
is the least number of switches still to come when actor `b` acts next in state `s`, over the paths
that break the property in as few actions as any.
"""

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from ..vm import codes
from ..vm._run import final_code, run
from ..vm.codes import BROKEN
from ._bfs import C_MODE, C_SYMMETRY, canonical, look, mix

NEVER = 32000
_pointer = pointer_to()


@kernel
def least_after(best, state, last):
    """Return the least switches to come from `state` when `last` acted before it."""
    least = NEVER
    for b in range(best.shape[1]):
        cost = best[state, b] + (0 if b == last else 1)
        least = min(least, cost)
    return least


@kernel
def fewest_switches(
    image, memory, states, table, control, groups, layers, best, prop, depth, scratch, perm
):
    """
    Fill `best` for all states of the layers 0 .. depth - 1.

    best : int16[:, ::1], one row a state of these layers, one column an actor; modified in place
    prop : number of the property (or advice); depth : actions of its shortest violation
    """
    width = states.shape[1]
    im, mem, st, log = (
        _pointer(image),
        _pointer(memory),
        _pointer(scratch),
        _pointer(scratch[scratch.size - 2 :]),
    )
    log[0] = log[1] = 0
    actors = im[codes.H_ACTORS]
    for layer in range(depth - 1, -1, -1):
        for state in range(layers[layer], layers[layer + 1]):
            for actor in range(actors):
                best[state, actor] = NEVER
                for k in range(width):
                    st[k] = states[state, k]
                mem[codes.M_ADVICE] = 0
                code = run(im, mem, st, actor, control[C_MODE], log)
                if layer == depth - 1:
                    if code == BROKEN - prop or (
                        prop == len(codes.PROPERTIES) and code == 0 and mem[codes.M_ADVICE]
                    ):
                        best[state, actor] = 0
                elif code == 0:
                    best[state, actor] = onward(
                        st,
                        states,
                        table,
                        control,
                        groups,
                        best,
                        perm,
                        actor,
                        layers[layer + 1],
                        layers[layer + 2],
                    )


@kernel
def onward(st, states, table, control, groups, best, perm, actor, first, end):
    """
    Return the least switches to come after `actor` led to `st`.

    NEVER if that is not in the next layer (`first` .. `end` - 1).
    """
    for k in range(perm.size):
        perm[k] = k
    if control[C_SYMMETRY]:
        canonical(st, groups, perm)
    width = states.shape[1]
    h = mix(st, 0, width)
    found = look(st, 0, h, _pointer(states), _pointer(table), table.size - 1, width)
    if found < first or found >= end:
        return NEVER
    for k in range(perm.size):
        if perm[k] == actor:
            return least_after(best, found, k)
    return NEVER


@kernel
def stuck(im, mem, states, state, mode, st, log):
    """Return 1 if no actor can move in `state`."""
    for actor in range(im[codes.H_ACTORS]):
        for k in range(states.shape[1]):
            st[k] = states[state, k]
        if run(im, mem, st, actor, mode, log) != codes.BLOCKED:
            return 0
    return 1


@kernel
def fewest_switches_to_end(
    image, memory, states, table, control, groups, layers, best, prop, depth, scratch, perm
):
    """
    As `fewest_switches`, for a property that a state without any step breaks.

    That state is `depth` actions from the start.
    """
    width = states.shape[1]
    im, mem, st, log = (
        _pointer(image),
        _pointer(memory),
        _pointer(scratch),
        _pointer(scratch[scratch.size - 2 :]),
    )
    log[0] = log[1] = 0
    actors = im[codes.H_ACTORS]
    for state in range(layers[depth], layers[depth + 1]):
        goal = stuck(im, mem, states, state, control[C_MODE], st, log)
        for k in range(width):
            st[k] = states[state, k]
        goal = goal and final_code(im, mem, st) == BROKEN - prop
        for actor in range(actors):
            best[state, actor] = 0 if goal else NEVER
    for layer in range(depth - 1, -1, -1):
        for state in range(layers[layer], layers[layer + 1]):
            for actor in range(actors):
                best[state, actor] = NEVER
                for k in range(width):
                    st[k] = states[state, k]
                if run(im, mem, st, actor, control[C_MODE], log) == 0:
                    cost = onward(
                        st,
                        states,
                        table,
                        control,
                        groups,
                        best,
                        perm,
                        actor,
                        layers[layer + 1],
                        layers[layer + 2],
                    )
                    if layer == depth - 1 and cost < NEVER:
                        # the goal needs nobody to act: no switch into it
                        cost = 0
                    best[state, actor] = cost
