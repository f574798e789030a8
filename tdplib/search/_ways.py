"""A kernel that finds, forwards, the ways to all states with the fewest switches between actors."""

from .._jit import bare_kernel as kernel

NEVER = 32000


@kernel
def least_before(best, state, actor):
    """Return who acts last on the best way to `state` if `actor` acts next: (actor, switches)."""
    chosen, least = 0, NEVER
    for b in range(best.shape[1]):
        cost = best[state, b] + (0 if b == actor else 1)
        if cost < least:
            chosen, least = b, cost
    return chosen, least


@kernel
def fewest_switches(first, actor, target, layers, best, before, last):
    """
    Find for each state and each actor the shortest way there that ends with the actor's action.

    first, actor, target : the edges, as in `graph.Graph`; layers : int64[depths + 1], the first
        state of each depth, then the number of states
    best : int16[states, actors], becomes the least switches of such a way, or NEVER; before :
        int32[states, actors], the state it comes from; last : int8[states, actors], who acted last
        on the way to that, -1 at the start. All modified in place.
    """
    for state in range(best.shape[0]):
        for b in range(best.shape[1]):
            best[state, b] = NEVER
    for depth in range(layers.size - 2):
        for state in range(layers[depth], layers[depth + 1]):
            for edge in range(first[state], first[state + 1]):
                to, who = target[edge], actor[edge]
                if to < layers[depth + 1] or to >= layers[depth + 2]:
                    continue
                came, cost = -1, 0
                if depth > 0:
                    came, cost = least_before(best, state, who)
                if cost < best[to, who]:
                    best[to, who], before[to, who], last[to, who] = cost, state, came
