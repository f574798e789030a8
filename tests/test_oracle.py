"""
The lost update: N actors read a counter and write it back one larger, K times each.

With the read and the write an action each, its state graph is known from two other model checkers
(TLC and SPIN agree) but for one transition: they are said to count 88,102,241 for 5 actors and 3
rounds. That cannot be: no actor differs from another, so each takes the same number of them, and
the sum is a multiple of 5. `by_orbits` counts 88,102,240 without exploring the graph.
"""

import collections
import math

import pytest
from engine import fast

UNIT = "class kvm:\n    c: u8\n\n\ndef add(kvm):\n"
ROUND = "t = kvm.c\nkvm.c = t + 1\n"
ORACLE = {
    (3, 2): (904, 1_977, 211),
    (4, 3): (361_775, 1_225_956, 20_432),
    (5, 3): (20_327_529, 88_102_240, 261_811),
}
"""(actors, rounds) -> states, transitions, states under full symmetry."""
SIZES = [(3, 2), (4, 3)]
LARGE = pytest.param(5, 3, marks=pytest.mark.slow)


def by_orbits(actors, rounds):
    """
    States, transitions and orbits, from the orbits alone.

    An orbit is the counter's value and the sorted (actions taken, value read or -1) of the actors;
    it stands for as many states as there are ways to hand these out.
    """
    start = (0, ((0, -1),) * actors)
    seen, todo, states, transitions = {start}, [start], 0, 0
    while todo:
        value, local = todo.pop()
        alike = collections.Counter(local)
        size = math.factorial(actors) // math.prod(map(math.factorial, alike.values()))
        states += size
        for (taken, read), count in alike.items():
            if taken == 2 * rounds:
                continue
            transitions += size * count
            own, after = ((taken + 1, -1), read + 1) if taken % 2 else ((taken + 1, value), value)
            rest = list(local)
            rest.remove((taken, read))
            orbit = (after, tuple(sorted([*rest, own])))
            if orbit not in seen:
                seen.add(orbit)
                todo.append(orbit)
    return states, transitions, len(seen)


@pytest.mark.parametrize(("actors", "rounds"), ORACLE)
def test_the_oracle_is_sound(actors, rounds):
    assert by_orbits(actors, rounds) == ORACLE[actors, rounds]
    assert ORACLE[actors, rounds][1] % actors == 0


def indent(text, by):
    return "".join(" " * by + line + "\n" for line in text.splitlines())


def run(actors, body, *names):
    """Explore `actors` actors that run `body`."""
    who = [(f"actor {k}", "add", ("kvm",)) for k in range(actors)]
    return fast([UNIT + indent(body, 4)], who, {}, names)


def is_counted(found, actors, rounds, states, transitions):
    assert (found.complete, found.found) == (True, {})
    assert (found.states, found.transitions) == (states, transitions)
    assert found.depth == 2 * actors * rounds


@pytest.mark.parametrize(("actors", "rounds"), [*SIZES, LARGE])
def test_unrolled(actors, rounds):
    states, transitions, _ = ORACLE[actors, rounds]
    is_counted(run(actors, ROUND * rounds), actors, rounds, states, transitions)


@pytest.mark.parametrize(("actors", "rounds"), [*SIZES, (5, 3)])
def test_unrolled_under_symmetry(actors, rounds):
    found = run(actors, ROUND * rounds, "symmetry")
    assert (found.complete, found.found) == (True, {})
    assert found.states == ORACLE[actors, rounds][2]
    assert found.depth == 2 * actors * rounds


@pytest.mark.parametrize(("actors", "rounds"), SIZES)
def test_loop_merged(actors, rounds):
    """Merged, a loop's header goes with the write before it: the counter advances there."""
    body = f"for i in range({rounds}):\n{indent(ROUND, 4)}"
    states, transitions, _ = ORACLE[actors, rounds]
    is_counted(run(actors, body, "merge"), actors, rounds, states, transitions)


@pytest.mark.parametrize(("actors", "rounds"), [*SIZES, (5, 3)])
def test_loop_merged_under_symmetry(actors, rounds):
    body = f"for i in range({rounds}):\n{indent(ROUND, 4)}"
    found = run(actors, body, "merge", "symmetry")
    assert found.states == ORACLE[actors, rounds][2]


def test_the_smallest_by_hand():
    """
    Two actors, one round. Each has read nothing, 0 or 1, or is done.

    Before the first write: (-, -), (0, -), (-, 0), (0, 0). After it the counter is 1: one is done,
    the other stands at its start, or holds 0 or 1: 3 states for each order. At the end both are
    done with 2 or, the update lost, with 1: 2 states.
    """
    found = run(2, ROUND)
    assert (found.states, found.transitions, found.depth) == (12, 14, 4)


@pytest.mark.parametrize(("least", "reached"), [(2, True), (1, False)])
def test_least_value_in_the_end(least, reached):
    """Two rounds each: 2 can be what is left, 1 cannot."""
    who = "class kvm:\n    c: u8\n    done: u8\n\n\ndef add(kvm):\n"
    body = ROUND * 2 + f"kvm.done += 1\nif kvm.done == 2:\n    WARN_ON(kvm.c == {least})\n"
    actors = [("a", "add", ("kvm",)), ("b", "add", ("kvm",))]
    assert ("no-warn" in fast([who + indent(body, 4)], actors, {}).found) == reached
