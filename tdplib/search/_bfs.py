"""
Kernels of the breadth-first search.

States in one array in the order they were found, a hash table of their numbers, a parent each.
"""

import numpy as np

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from ..vm import codes
from ..vm._run import final_code, run
from ..vm.codes import BLOCKED, BOUND, BROKEN

# control record of a search, int64
(
    C_HEAD,
    C_COUNT,
    C_TRANSITIONS,
    C_DEPTH,
    C_LAYER_END,
    C_BOUNDS,
    C_FOUND,
    C_STOP,
    C_SYMMETRY,
    C_MODE,
    C_ADVICE,
    C_LAYERS,
) = range(12)
CONTROL = 16
MAX_LAYERS = 1 << 16
# what a search returns to its driver
FINISHED, PAUSED, NEED_STATES, NEED_TABLE, WORDS_FULL, FIRST_FOUND = range(6)

_pointer = pointer_to()
_MIX = np.int64(-7046029254386353131)
_MIX2 = np.int64(-4417276706812531889)


@kernel
def mix(st, width):
    """Return a 63-bit hash of a state's words, never negative."""
    h = np.int64(width) * _MIX
    for k in range(width):
        h = (h ^ st[k]) * _MIX
        h ^= (h >> 29) & 0x7FFFFFFFF
    h *= _MIX2
    h ^= (h >> 32) & 0xFFFFFFFF
    return h & 0x7FFFFFFFFFFFFFFF


@kernel
def find(st, states, table, width):
    """
    Return the number of state `st`, or -1 - slot where it would go.

    states : int64[:, ::1], one state a row; table : int64[::1], size a power of two, entries tag <<
        32 | number + 1, or 0
    """
    h = mix(st, width)
    mask = table.size - 1
    tag = (h >> 32) & 0x7FFFFFFF
    slot = h & mask
    while True:
        entry = table[slot]
        if entry == 0:
            return -1 - slot
        if entry >> 32 == tag:
            number = (entry & 0xFFFFFFFF) - 1
            same = True
            for k in range(width):
                if states[number, k] != st[k]:
                    same = False
                    break
            if same:
                return number
        slot = (slot + 1) & mask


@kernel
def rehash(states, count, table, width):
    """Fill an empty table with the first `count` states; table is modified in place."""
    mask = table.size - 1
    for number in range(count):
        h = mix(states[number], width)
        slot = h & mask
        while table[slot] != 0:
            slot = (slot + 1) & mask
        table[slot] = ((h >> 32) & 0x7FFFFFFF) << 32 | (number + 1)


@kernel
def insert(st, states, parents, table, control, parent, width):
    """Add state `st` if it is new; return its number. Room must have been made before."""
    found = find(st, states, table, width)
    if found >= 0:
        return found
    number = control[C_COUNT]
    for k in range(width):
        states[number, k] = st[k]
    parents[number] = parent
    table[-1 - found] = ((mix(st, width) >> 32) & 0x7FFFFFFF) << 32 | (number + 1)
    control[C_COUNT] = number + 1
    return number


@kernel
def canonical(st, groups, perm):
    """
    Sort the blocks of interchangeable actors; `perm[i]` tells which actor's block lies at i now.

    groups : int64[:, 4], rows (actor, word, shift, mask) with a row (-1, ...) after each group; st,
        perm : modified in place
    """
    first = 0
    for end in range(groups.shape[0]):
        if groups[end, 0] >= 0:
            continue
        for i in range(first + 1, end):
            k = i
            while k > first:
                a = (st[groups[k - 1, 1]] >> groups[k - 1, 2]) & groups[k - 1, 3]
                b = (st[groups[k, 1]] >> groups[k, 2]) & groups[k, 3]
                if a <= b:
                    break
                st[groups[k - 1, 1]] = (
                    st[groups[k - 1, 1]] & ~(groups[k - 1, 3] << groups[k - 1, 2])
                ) | (b << groups[k - 1, 2])
                st[groups[k, 1]] = (st[groups[k, 1]] & ~(groups[k, 3] << groups[k, 2])) | (
                    a << groups[k, 2]
                )
                x, y = groups[k - 1, 0], groups[k, 0]
                perm[x], perm[y] = perm[y], perm[x]
                k -= 1
        first = end + 1


@kernel
def note(found, prop, number, actor, depth):
    """
    Remember the first violation of a property: found[prop] = (state, actor, depth).

    In breadth-first order the first is a shortest.
    """
    if found[prop, 0] < 0:
        found[prop, 0] = number
        found[prop, 1] = actor
        found[prop, 2] = depth


@kernel
def expand(im, mem, states, parents, table, control, found, groups, number, st, perm, log):
    """
    Take every action from state `number`; return 0, or WORDS_FULL.

    found : int64[:, 3], one row a property then one an advice, modified in place
    """
    width, actors, depth = states.shape[1], im[codes.H_ACTORS], control[C_DEPTH]
    enabled = 0
    for actor in range(actors):
        for k in range(width):
            st[k] = states[number, k]
        mem[codes.M_ADVICE] = 0
        code = run(im, mem, st, actor, control[C_MODE], log)
        if code == BLOCKED:
            continue
        enabled += 1
        control[C_TRANSITIONS] += 1
        if mem[codes.M_ADVICE]:
            note(found, len(codes.PROPERTIES), number, actor, depth + 1)
        if code <= BROKEN:
            note(found, BROKEN - code, number, actor, depth + 1)
        elif code <= BOUND:
            if code == BOUND - 2:
                return WORDS_FULL
            control[C_BOUNDS] |= np.int64(1) << (BOUND - code)
        else:
            if control[C_SYMMETRY]:
                canonical(st, groups, perm)
            insert(st, states, parents, table, control, number, width)
    if enabled == 0:
        for k in range(width):
            st[k] = states[number, k]
        code = final_code(im, mem, st)
        if code <= BROKEN:
            note(found, BROKEN - code, number, -1, depth)
    return 0


@kernel
def search(
    image, memory, states, parents, table, control, found, groups, layers, budget, scratch, perm
):
    """
    Go on with a breadth-first search until it is finished or something is needed.

    states, parents, table : the arrays so far; control : int64[CONTROL]; layers : int64[::1],
        number of the first state of each depth
    budget : how many states to expand before pausing; scratch : int64[width + 2]; perm :
        int64[actors]

    Returns FINISHED, PAUSED, NEED_STATES, NEED_TABLE, WORDS_FULL or FIRST_FOUND.
    """
    width = states.shape[1]
    im, mem, st, log = (
        _pointer(image),
        _pointer(memory),
        _pointer(scratch),
        _pointer(scratch[width:]),
    )
    log[0] = log[1] = 0
    actors = im[codes.H_ACTORS]
    for _ in range(budget):
        number = control[C_HEAD]
        if number >= control[C_COUNT]:
            return FINISHED
        if control[C_COUNT] + actors > states.shape[0]:
            return NEED_STATES
        if (control[C_COUNT] + actors) * 4 > table.size * 3:
            return NEED_TABLE
        if number == control[C_LAYER_END]:
            control[C_DEPTH] += 1
            control[C_LAYER_END] = control[C_COUNT]
            if control[C_DEPTH] < layers.size:
                layers[control[C_DEPTH]] = number
            if control[C_STOP] and shortest_known(found, control[C_DEPTH]):
                return FIRST_FOUND
        if (
            expand(im, mem, states, parents, table, control, found, groups, number, st, perm, log)
            != 0
        ):
            return WORDS_FULL
        control[C_HEAD] += 1
    return PAUSED


@kernel
def shortest_known(found, depth):
    """Return 1 if some property is known to break in at most `depth` actions."""
    for prop in range(found.shape[0] - 1):
        if 0 <= found[prop, 0] and found[prop, 2] <= depth:
            return 1
    return 0
