"""Kernels that keep the edges of a finished search, and walk them backwards."""

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from ..vm import codes
from ..vm._memo import E_KEY, step, survey
from ..vm._run import final_code
from ..vm.codes import BLOCKED, BROKEN
from ._bfs import C_MODE, look, mix

FAR = 1 << 30
"""The distance of a state from which nothing can go wrong."""
BEYOND = -1000
"""Target of an edge that meets a bound of the machine."""

_pointer = pointer_to()


@kernel
def edges(
    image, memory, states, count, table, control, scratch, places, entries, first, actor, target,
    ends,
):  # fmt: skip
    """
    Write down every edge between the first `count` states; return how many there are.

    first : int32[count + 1], number of each state's first edge; actor : int8[edges] who acts;
        target : int32[edges], the state it leads to, -1 - k if property k breaks, BEYOND if a bound
        is met or the state was not visited; ends : int16[count], the property that a state without
        any step breaks, or -1. All modified in place.
    """
    width = states.shape[1]
    im, mem, st, words = _pointer(image), _pointer(memory), _pointer(scratch), _pointer(states)
    log, at = _pointer(scratch[scratch.size - 2 :]), _pointer(table)
    know, known = _pointer(places), _pointer(entries)
    log[0] = log[1] = 0
    slots, edge = entries.size // (E_KEY + 3 * width + 1), 0
    for number in range(count):
        here = number * width
        first[number], ends[number] = edge, -1
        survey(im, st, words, here)
        for who in range(im[codes.H_ACTORS]):
            code = step(im, mem, st, words, here, who, control[C_MODE], log, know, known, slots)
            if code == BLOCKED:
                continue
            to = BEYOND
            if code <= BROKEN:
                to = code - BROKEN - 1
            elif code == 0:
                h = mix(st, 0, width)
                found = look(st, 0, h, words, at, table.size - 1, width)
                to = found if found >= 0 else BEYOND
            actor[edge], target[edge] = who, to
            edge += 1
        if edge == first[number]:
            for k in range(width):
                st[k] = words[here + k]
            code = final_code(im, mem, st)
            if code <= BROKEN:
                ends[number] = BROKEN - code
    first[count] = edge
    return edge


@kernel
def backwards(first, target, into, source):
    """
    Turn the edges around.

    into : int32[count + 1], zeros, becomes the number of the first edge into each state; source :
        int32[edges], becomes the states they come from. Edges that lead to no state are left out.
    """
    count = first.size - 1
    for edge in range(first[count]):
        if target[edge] >= 0:
            into[target[edge] + 1] += 1
    for number in range(count):
        into[number + 1] += into[number]
    for number in range(count):
        for edge in range(first[number], first[number + 1]):
            if target[edge] >= 0:
                source[into[target[edge]]] = number
                into[target[edge]] += 1
    for number in range(count, 0, -1):
        into[number] = into[number - 1]
    into[0] = 0


@kernel
def distances(first, target, ends, wanted, into, source, steps, broken, line):
    """
    Find how far each state is from the nearest violation.

    wanted : bool[properties]; steps : int32[count], becomes the least number of actions to it, or
        FAR; broken : int16[count], becomes the property, of several as near the first by number;
        line : int32[count], scratch
    """
    count, head, tail = first.size - 1, 0, 0
    for number in range(count):
        steps[number], broken[number] = FAR, -1
        if ends[number] >= 0 and wanted[ends[number]]:
            steps[number], broken[number] = 0, ends[number]
            line[tail] = number
            tail += 1
    direct = tail
    for number in range(count):
        for edge in range(first[number], first[number + 1]):
            prop = -1 - target[edge]
            if 0 <= prop < wanted.size and wanted[prop]:
                if broken[number] < 0 or prop < broken[number]:
                    broken[number] = prop
        if broken[number] >= 0 and steps[number] == FAR:
            line[tail] = number
            tail += 1
    # states that end broken are 0 away; those with a breaking action 1; so the line stays in order
    for k in range(direct, tail):
        steps[line[k]] = 1
    while head < tail:
        number = line[head]
        head += 1
        for edge in range(into[number], into[number + 1]):
            other = source[edge]
            if steps[other] == FAR:
                steps[other], broken[other] = steps[number] + 1, broken[number]
                line[tail] = other
                tail += 1
            elif steps[other] == steps[number] + 1 and broken[number] < broken[other]:
                broken[other] = broken[number]


@kernel
def reach_an_end(first, into, source, done, line):
    """
    Mark the states from which one without any step can be reached.

    done : bool[count], modified in place; line : int32[count], scratch
    """
    count, head, tail = first.size - 1, 0, 0
    for number in range(count):
        done[number] = first[number] == first[number + 1]
        if done[number]:
            line[tail] = number
            tail += 1
    while head < tail:
        number = line[head]
        head += 1
        for edge in range(into[number], into[number + 1]):
            if not done[source[edge]]:
                done[source[edge]] = True
                line[tail] = source[edge]
                tail += 1
