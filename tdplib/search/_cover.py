"""Kernels that take every step of a finished search once more, and count what it does."""

from .._jit import bare_kernel as kernel
from .._jit import pointer_to
from ..vm import codes
from ..vm._memo import E_KEY, step, survey
from ..vm._memory import stop_record
from ..vm._numbers import OP_BNZ, OP_BZ
from ..vm._private import execute_private
from ..vm._run import run
from ..vm.codes import BLOCKED, BROKEN, N_FLAGS, N_NEXT, N_OP, N_TARGET, NODE
from .cover import UNKNOWN

_pointer = pointer_to()


@kernel
def follows(im, mem, node, regs):
    """Return the node after `node`, which was executed last; its registers are as it left them."""
    at = im[codes.H_NODE] + node * NODE
    if im[at + N_OP] == OP_BZ or im[at + N_OP] == OP_BNZ:
        return execute_private(im, mem, at, regs)
    return im[at + N_NEXT]


@kernel
def decide(im, node, after, tests, fixed, taken):
    """Note which way the condition of `node` went; `after` is the node that came next."""
    test = tests[node]
    if test < 0:
        return
    outcome = fixed[node]
    if outcome < 0:
        outcome = 0 if after == im[im[codes.H_NODE] + node * NODE + N_TARGET] else 1
    if outcome < UNKNOWN:
        taken[2 * test + outcome] += 1


@kernel
def at_line(line, which, stamp, counts, stamps):
    """Count a line once for each `stamp`, which grows; which : its column, see `cover`."""
    if line >= 0 and stamps[3 * line + which] != stamp:
        stamps[3 * line + which] = stamp
        counts[3 * line + which] += 1


@kernel
def cover(
    image, memory, states, begin, end, mode, scratch, steps, nodes, counts, taken, stamps, totals
):
    """
    Take every step from the states `begin` .. `end` - 1 and count which lines it comes by.

    states : int64[:, ::1]; scratch : that of `vm._memo`; steps : int64[::1], a log for `run`
    nodes : int32[3, nodes]: of each the line it belongs to and the condition it decides, or -1; the
        outcome if that is known beforehand, -1 if not, or UNKNOWN
    counts : int64[lines * 3], of each line the states from which somebody gets to it, those in
        which somebody stands there, and the transitions that begin it
    taken : int64[conditions * 2], how often the outcome was false, true
    stamps : int64[lines * 3], zeros at the start; totals : int64[2], states and transitions so far
    All from scratch on are modified in place, but `nodes`.
    """
    im, mem, st, log = _pointer(image), _pointer(memory), _pointer(scratch), _pointer(steps)
    lines, tests, fixed = _pointer(nodes[0]), _pointer(nodes[1]), _pointer(nodes[2])
    count, went, seen = _pointer(counts), _pointer(taken), _pointer(stamps)
    width = states.shape[1]
    for number in range(begin, end):
        totals[0] += 1
        for actor in range(im[codes.H_ACTORS]):
            for k in range(width):
                st[k] = states[number, k]
            here = im[stop_record(im, st, actor) + codes.S_NODE] + 0
            regs = im[im[codes.H_ACTOR] + actor * codes.ACTOR + codes.A_REGS]
            log[0] = 0
            code = run(im, mem, st, actor, mode, log)
            at_line(lines[here], 0, totals[0], count, seen)
            at_line(lines[here], 1, totals[0], count, seen)
            moves = code != BLOCKED
            if moves:
                totals[1] += 1
            for k in range(log[0]):
                node = log[2 + k]
                last = k + 1 == log[0]
                here = follows(im, mem, node, regs) if last else log[3 + k]
                decide(im, node, here, tests, fixed, went)
                at_line(lines[node], 0, totals[0], count, seen)
                if moves and im[im[codes.H_NODE] + node * NODE + N_FLAGS] & codes.STARTS:
                    at_line(lines[node], 2, totals[1], count, seen)
            if code < 0 and log[0] < log[1]:
                at_line(lines[here], 0, totals[0], count, seen)
                if moves and im[im[codes.H_NODE] + here * NODE + N_FLAGS] & codes.STARTS:
                    at_line(lines[here], 2, totals[1], count, seen)


@kernel
def census(image, memory, states, begin, end, mode, scratch, places, entries, moves, enabled, ends):
    """
    Take every step from the states `begin` .. `end` - 1 and count who takes it.

    scratch, places, entries : those of `vm._memo`
    moves : int64[actors], the transitions of each; enabled : int64[actors + 1], the states in which
        so many actors can move; ends : int64[2], transitions that break something, and that meet a
        bound. All modified in place.
    """
    im, mem, st, words = _pointer(image), _pointer(memory), _pointer(scratch), _pointer(states)
    log, know, known = _pointer(scratch[scratch.size - 2 :]), _pointer(places), _pointer(entries)
    log[0] = log[1] = 0
    width = states.shape[1]
    slots = entries.size // (E_KEY + 3 * width + 1)
    for number in range(begin, end):
        survey(im, st, words, number * width)
        able = 0
        for actor in range(im[codes.H_ACTORS]):
            code = step(im, mem, st, words, number * width, actor, mode, log, know, known, slots)
            if code == BLOCKED:
                continue
            able += 1
            moves[actor] += 1
            if code < 0:
                ends[0 if code <= BROKEN else 1] += 1
        enabled[able] += 1
