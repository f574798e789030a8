"""
Kernels of the breadth-first search.

States in one array in the order they were found, a hash table of their numbers, a parent each.
A table of a hundred megabytes is met at random places, and each look waits for memory. So the
states an expansion leads to are put off (`postpone`), what they will need is asked for, and they
are looked up in a bunch, in the same order (`settle`).
"""

import numpy as np

from .._jit import bare_kernel as kernel
from .._jit import pointer_to, prefetch
from ..vm import codes
from ..vm._memo import E_KEY, step, survey
from ..vm._run import final_code
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
    C_PENDING,
) = range(13)
CONTROL = 16
MAX_LAYERS = 1 << 16
PENDING = 48
"""States that may be put off before they are looked up."""
# what a search returns to its driver
FINISHED, PAUSED, NEED_STATES, NEED_TABLE, WORDS_FULL, FIRST_FOUND = range(6)

_pointer = pointer_to()
_prefetch = prefetch()
_MIX = np.int64(-7046029254386353131)
_MIX2 = np.int64(-4417276706812531889)


@kernel
def mix(st, at, width):
    """Return a 63-bit hash of the words of a state from offset `at`, never negative."""
    h = np.int64(width) * _MIX
    for k in range(width):
        h = (h ^ st[at + k]) * _MIX
        h ^= (h >> 29) & 0x7FFFFFFFF
    h *= _MIX2
    h ^= (h >> 32) & 0xFFFFFFFF
    return h & 0x7FFFFFFFFFFFFFFF


@kernel
def slot_of(tag, mask):
    """
    Return where in a table an entry with this tag belongs.

    By its highest bits: then a larger table is filled from a smaller one in one pass through both.
    """
    return (tag * (mask + 1)) >> 31


@kernel
def look(st, at, h, states, table, mask, width):
    """
    Return the number of the state at offset `at` of `st`, or -1 - slot where it would go.

    h : its hash; states : pointer to the words of all; table : pointer to mask + 1 (a power of two)
        entries tag << 32 | number + 1, or 0
    """
    tag = h >> 32
    slot = slot_of(tag, mask)
    while True:
        entry = table[slot]
        if entry == 0:
            return -1 - slot
        if entry >> 32 == tag:
            number = (entry & 0xFFFFFFFF) - 1
            same = True
            for k in range(width):
                if states[number * width + k] != st[at + k]:
                    same = False
                    break
            if same:
                return number
        slot = (slot + 1) & mask


@kernel
def find(st, states, table, width):
    """Return the number of state `st`, negative if it is unknown; states : int64[:, ::1]."""
    found = _pointer(st)
    h = mix(found, 0, width)
    return look(found, 0, h, _pointer(states), _pointer(table), table.size - 1, width)


@kernel
def rehash(old, table):
    """Fill an empty table with the entries of a smaller one; table is modified in place."""
    mask = table.size - 1
    for k in range(old.size):
        if old[k] != 0:
            slot = slot_of(old[k] >> 32, mask)
            while table[slot] != 0:
                slot = (slot + 1) & mask
            table[slot] = old[k]


@kernel
def insert(st, at, h, states, parents, table, mask, control, parent, width):
    """Add the state at offset `at` of `st` if it is new. Room must have been made before."""
    found = look(st, at, h, states, table, mask, width)
    if found < 0:
        number = control[C_COUNT]
        for k in range(width):
            states[number * width + k] = st[at + k]
        parents[number] = parent
        table[-1 - found] = (h >> 32) << 32 | (number + 1)
        control[C_COUNT] = number + 1


@kernel
def add_first(st, states, parents, table, control, width):
    """Put the start state into empty arrays."""
    first, mask = _pointer(st), table.size - 1
    h = mix(first, 0, width)
    words, to = _pointer(states), _pointer(control)
    insert(first, 0, h, words, _pointer(parents), _pointer(table), mask, to, -1, width)


@kernel
def postpone(st, parent, table, mask, control, pending, width):
    """Put a state off, and ask for the place in the table where it will be looked for."""
    at = control[C_PENDING] * (width + 2)
    for k in range(width):
        pending[at + k] = st[k]
    h = mix(st, 0, width)
    pending[at + width] = h
    pending[at + width + 1] = parent
    _prefetch(table, slot_of(h >> 32, mask))
    control[C_PENDING] += 1


@kernel
def settle(states, parents, table, mask, control, pending, width):
    """Look up what was put off, in its order; first ask for the states it may be equal to."""
    size = width + 2
    for i in range(control[C_PENDING]):
        h = pending[i * size + width]
        entry = table[slot_of(h >> 32, mask)]
        if entry >> 32 == h >> 32:
            _prefetch(states, ((entry & 0xFFFFFFFF) - 1) * width)
    for i in range(control[C_PENDING]):
        at = i * size
        h, parent = pending[at + width], pending[at + width + 1]
        insert(pending, at, h, states, parents, table, mask, control, parent, width)
    control[C_PENDING] = 0


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
def expand(
    im, mem, states, table, mask, control, found, groups, number, st, perm, log, places, entries,
    slots, pending,
):  # fmt: skip
    """
    Take every action from state `number`; return 0, or WORDS_FULL.

    found : int64[:, 3], one row a property then one an advice, modified in place
    """
    width, actors, depth = im[codes.H_WORDS], im[codes.H_ACTORS], control[C_DEPTH]
    here, enabled = number * width, 0
    survey(im, st, states, here)
    for actor in range(actors):
        code = step(im, mem, st, states, here, actor, control[C_MODE], log, places, entries, slots)
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
            postpone(st, number, table, mask, control, pending, width)
    if enabled == 0:
        for k in range(width):
            st[k] = states[here + k]
        code = final_code(im, mem, st)
        if code <= BROKEN:
            note(found, BROKEN - code, number, -1, depth)
    return 0


@kernel
def search(
    image, memory, states, parents, table, control, found, groups, layers, budget, scratch, perm,
    places, entries, pending,
):  # fmt: skip
    """
    Go on with a breadth-first search until it is finished or something is needed.

    states, parents, table : the arrays so far; control : int64[CONTROL]; layers : int64[::1],
        number of the first state of each depth
    budget : how many states to expand before pausing; perm : int64[actors]; scratch, places,
        entries : those of `vm._memo`; pending : int64[PENDING, width + 2]

    Returns FINISHED, PAUSED, NEED_STATES, NEED_TABLE, WORDS_FULL or FIRST_FOUND.
    """
    width = states.shape[1]
    im, mem, st, words = _pointer(image), _pointer(memory), _pointer(scratch), _pointer(states)
    log = _pointer(scratch[scratch.size - 2 :])
    to, at, mask, late = _pointer(control), _pointer(table), table.size - 1, _pointer(pending)
    up, slots = _pointer(parents), entries.size // (E_KEY + 3 * width + 1)
    know, known = _pointer(places), _pointer(entries)
    actors, why = im[codes.H_ACTORS], PAUSED
    for _ in range(budget):
        number = to[C_HEAD]
        if number == to[C_LAYER_END] or to[C_PENDING] + actors > PENDING:
            settle(words, up, at, mask, to, late, width)
        if number >= to[C_COUNT]:
            settle(words, up, at, mask, to, late, width)
        if number >= to[C_COUNT]:
            why = FINISHED
            break
        if to[C_COUNT] + PENDING > states.shape[0]:
            why = NEED_STATES
            break
        if (to[C_COUNT] + PENDING) * 4 > table.size * 3:
            why = NEED_TABLE
            break
        if number == to[C_LAYER_END]:
            to[C_DEPTH] += 1
            to[C_LAYER_END] = to[C_COUNT]
            if to[C_DEPTH] < layers.size:
                layers[to[C_DEPTH]] = number
            if to[C_STOP] and shortest_known(found, to[C_DEPTH]):
                return FIRST_FOUND
        if expand(
            im, mem, words, at, mask, to, found, groups, number, st, perm, log, know, known, slots,
            late,
        ):  # fmt: skip
            return WORDS_FULL
        to[C_HEAD] += 1
    settle(words, up, at, mask, to, late, width)
    return why


@kernel
def shortest_known(found, depth):
    """Return 1 if some property is known to break in at most `depth` actions."""
    for prop in range(found.shape[0] - 1):
        if 0 <= found[prop, 0] and found[prop, 2] <= depth:
            return 1
    return 0
