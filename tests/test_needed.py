"""Which steps of a trace are needed, by leaving them out; which come before which."""

import random
from itertools import combinations

import pytest

from tdplib import draw
from tdplib.check import check
from tdplib.errors import BadValueError
from tdplib.replay import BlockedError, Session, replay
from tdplib.replay.needed import needed

NAME = "patch-22-skip-invalid"


def wandering(seed, name=NAME, broken="zap-complete", steps=60):
    """A random path that breaks `broken`, or None."""
    rng, session = random.Random(seed), Session(name)
    while not session.ended() and session.cursor < steps:
        order = list(range(len(session.system.actors)))
        rng.shuffle(order)
        for actor in order:
            try:
                session.step(actor)
            except BlockedError:
                continue
            break
        else:
            break
    found = session.broken()
    return session.trace() if found and found.name == broken else None


def breaks(path, broken, name=NAME):
    """Whether a path breaks `broken` with its last step, by a session of its own."""
    session = Session(name)
    for actor in path:
        try:
            session.step(actor)
        except BlockedError:
            return False
    return session.broken() is not None and session.broken().name == broken


SEEDS = (13, 26, 275, 280)
"""Paths that break it: of the last two more can go than whole actors, of 275 single steps too."""


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_left_breaks_the_same_and_no_step_of_it_can_go(seed):
    trace = wandering(seed)
    found = needed(trace)
    path = [step.actor for step, need in zip(trace.steps, found.steps, strict=True) if need]
    assert tuple(path) == found.path, f"seed {seed}"
    assert breaks(path, trace.broken)
    for out in range(len(path) - 1):
        assert not breaks(path[:out] + path[out + 1 :], trace.broken), f"seed {seed}, {out}"
    assert replay(found.code).broken == trace.broken
    assert found.steps[-1]


def test_a_long_schedule_has_steps_that_do_not_matter_and_a_shortest_one_none():
    assert any(not all(needed(wandering(seed)).steps) for seed in SEEDS)
    for name in (NAME, "lost-update"):
        assert all(needed(check(name).trace).steps)


def test_a_deadlock_needs_what_leads_to_it():
    trace = check("flush-under-mmu-lock").traces["no-deadlock"]
    found = needed(trace)
    assert found.steps[-1]
    assert breaks(found.path, "no-deadlock", "flush-under-mmu-lock")


def test_a_trace_that_breaks_nothing_is_refused():
    session = Session(NAME)
    session.step(0)
    with pytest.raises(BadValueError, match="breaks nothing"):
        needed(session.trace())


def test_steps_that_use_the_same_field_keep_their_order():
    """The lost update: each read comes before the other's write, and nothing else is told."""
    trace = check("lost-update").trace
    found = needed(trace)
    say = {s.number: (s.actor, [a.effect for a in s.actions]) for s in trace.steps}
    reads = {n for n, (_, e) in say.items() if "reads counter" in e[0]}
    writes = {n for n, (_, e) in say.items() if "sets counter" in e[0]}
    assert found.before
    for one, other in found.before:
        assert one < other
        assert say[one][0] != say[other][0]
    crossed = {(r, w) for r in reads for w in writes if r < w and say[r][0] != say[w][0]}
    assert crossed & set(found.before)
    assert not set(combinations(sorted(reads), 2)) & set(found.before)


def test_the_picture_greys_what_is_not_needed_and_says_so():
    trace = next(t for t in map(wandering, SEEDS) if not all(needed(t).steps))
    flags = needed(trace).steps
    picture = draw.swimlanes(trace, needed=flags)
    assert picture.count(">not needed: the same breaks without this step<") == flags.count(False)
    assert "not needed" not in draw.swimlanes(trace)
    assert draw(trace, needed=True).svg == picture
    assert "not needed" not in draw(trace).svg
    assert picture.count('stroke-dasharray="3 2"') == flags.count(False)
