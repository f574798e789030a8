"""
Actions remembered.

What an actor does depends on the bits of the state it reads on the way, and on nothing else: the
machine has no other memory. A search takes the same action again and again in states that differ
only elsewhere. So for every place where an actor can stand, `places` holds the bits that any action
from there has read so far, and `entries` what an action came to, found by the values of these bits.
Once an action reads a bit that none from its place has read before, what was remembered of that
place is void: the place's generation goes up.
"""

import numpy as np

from .._jit import bare_kernel as kernel
from . import codes
from ._run import run
from .codes import ACTOR, BLOCKED, BOUND, HOLDS, STOP

_MIX = np.int64(-7046029254386353131)
E_TAG, E_CODE, E_ADVICE, E_KEY = range(4)
"""An entry: its place and generation (0: empty), what came of it, the bits read (a state's width
and what is around), which bits were written, their values."""
SMALLEST = 1 << 11
LARGEST = 1 << 15


def working_state(st: np.ndarray) -> np.ndarray:
    """Return a state with the room behind it that kernels want (see `_memory`)."""
    work = np.zeros(3 * st.size + 2, np.int64)
    work[: st.size] = st
    return work


def scratch(im: np.ndarray) -> np.ndarray:
    """Return a search's scratch: a working state, a key, two numbers an actor, an empty log."""
    return np.zeros(4 * int(im[codes.H_WORDS]) + 5 + 2 * int(im[codes.H_ACTORS]), np.int64)


def entry_size(width: int) -> int:
    """Return how many words an entry takes for states of `width` words."""
    return E_KEY + 3 * width + 1


def empty_places(im: np.ndarray) -> np.ndarray:
    """Return the rows of a search's places: generation, the bits read, what was asked around."""
    return np.zeros(int(im[codes.H_MEMO_ROWS]) * (2 + int(im[codes.H_WORDS])), np.int64)


def empty_entries(im: np.ndarray, slots: int) -> np.ndarray:
    """Return a table of `slots` (a power of two) entries."""
    return np.zeros(slots * entry_size(int(im[codes.H_WORDS])), np.int64)


@kernel
def survey(im, st, states, here):
    """
    Note for each actor, behind the key in `st`, its stop and what is around it.

    states : pointer to the words of all states; here : offset of the state looked at
    """
    actors = im[codes.H_ACTORS]
    stops = 4 * im[codes.H_WORDS] + 3
    held, twice, does = st[0] * 0, st[0] * 0, st[0] * 0
    for actor in range(actors):
        a = im[codes.H_ACTOR] + actor * ACTOR
        number = (states[here + im[a + codes.A_WORD]] >> im[a + codes.A_SHIFT]) & im[
            a + codes.A_STOP_MASK
        ]
        seen = im[im[codes.H_STOP] + (im[a + codes.A_STOPS] + number) * STOP + codes.S_AROUND]
        st[stops + actor] = number
        st[stops + actors + actor] = seen
        twice |= held & seen & HOLDS
        held |= seen & HOLDS
        does |= seen & ~HOLDS
    for actor in range(actors):
        # what the others hold: all that is held, less what this one holds alone
        mine = st[stops + actors + actor] & HOLDS
        st[stops + actors + actor] = does | (held & ~(mine & ~twice))


@kernel
def step(im, mem, st, states, here, actor, mode, log, places, entries, slots):
    """
    Take one action of `actor` from the state at offset `here` of `states`, as `_run.run` does.

    st : a search's scratch, after `survey`; the state after the action at its front, modified
    mem : its advice is set, and the actions not remembered are counted
    places, entries : the memory, modified; slots : of `entries`, a power of two
    """
    width = im[codes.H_WORDS]
    a = im[codes.H_ACTOR] + actor * ACTOR
    key = 3 * width + 2
    number = st[key + width + 1 + actor]
    around = st[key + width + 1 + im[codes.H_ACTORS] + actor]
    mem[codes.M_ADVICE] = 0
    if around & im[im[codes.H_STOP] + (im[a + codes.A_STOPS] + number) * STOP + codes.S_BLOCKS]:
        return np.int64(BLOCKED)
    row = im[a + codes.A_MEMO] + number
    place = row * (2 + width)
    tag = (row + 1) << 32 | places[place]
    asked = around & places[place + 1 + width]
    st[key + width] = asked
    h = (tag ^ (asked << 20)) * _MIX
    for k in range(width):
        read = states[here + k] & places[place + 1 + k]
        st[key + k] = read
        h = (h ^ read) * _MIX
        h ^= (h >> 32) & 0xFFFFFFFF
    entry = (h & (slots - 1)) * (E_KEY + 3 * width + 1)
    if entries[entry + E_TAG] == tag:
        same = True
        for k in range(width + 1):
            same = same and entries[entry + E_KEY + k] == st[key + k]
        if same:
            mem[codes.M_ADVICE] = entries[entry + E_ADVICE]
            at = entry + E_KEY + width + 1
            for k in range(width):
                st[k] = (states[here + k] & ~entries[at + k]) | entries[at + width + k]
            return entries[entry + E_CODE]
    mem[codes.M_MISSED] += 1
    return learn(im, mem, st, states, here, actor, mode, log, places, place, entries, entry, tag)


@kernel
def learn(im, mem, st, states, here, actor, mode, log, places, place, entries, entry, tag):
    """Take the action in earnest and remember it; arguments as for `step`."""
    width = im[codes.H_WORDS]
    for k in range(width):
        st[k] = states[here + k]
        st[width + k] = st[2 * width + k] = 0
    st[3 * width + 1] = 0
    code = run(im, mem, st, actor, mode, log)
    if code == BOUND - 2:
        return code
    grown = st[3 * width + 1] & ~places[place + 1 + width]
    places[place + 1 + width] |= grown
    for k in range(width):
        more = st[width + k] & ~places[place + 1 + k]
        places[place + 1 + k] |= more
        grown |= more
    if grown:
        places[place] += 1
        return code
    entries[entry + E_TAG] = tag
    entries[entry + E_CODE] = code
    entries[entry + E_ADVICE] = mem[codes.M_ADVICE]
    at, key = entry + E_KEY, 3 * width + 2
    for k in range(width + 1):
        entries[at + k] = st[key + k]
    at += width + 1
    for k in range(width):
        entries[at + k] = st[2 * width + k]
        entries[at + width + k] = st[k] & st[2 * width + k]
    return code
