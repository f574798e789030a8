"""Which steps of a trace are needed, by leaving them out; which come before which."""

import math
import random
import re
from itertools import combinations

import pytest

from tdplib import draw
from tdplib.check import check
from tdplib.draw._svg import escape
from tdplib.errors import BadValueError
from tdplib.replay import BlockedError, Session, replay
from tdplib.replay.needed import arrows, needed
from tdplib.replay.uses import meet, uses

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
    for one, other, _ in found.before:
        assert one < other
        assert say[one][0] != say[other][0]
    pairs = {(one, other): why for one, other, why in found.before}
    crossed = {(r, w) for r in reads for w in writes if r < w and say[r][0] != say[w][0]}
    assert crossed & set(pairs)
    assert not set(combinations(sorted(reads), 2)) & set(pairs)
    for one, other in crossed & set(pairs):
        assert pairs[one, other] == f"counter: read in step {one}, written in step {other}"


def walk(name, seed, steps=150):
    """A random path, an atomic action a step."""
    rng, session = random.Random(seed), Session(name, raw=True)
    while session.cursor < steps and not session.ended():
        ready = [k for k, a in enumerate(session.board()["actors"]) if a["status"] == "ready"]
        if not ready:
            break
        session.step(rng.choice(ready))
    return session.trace()


def another_order(trace, found, rng):
    """The steps in an order that keeps each actor's own and every arrow; the last stays last."""
    before, last = [set() for _ in trace.steps], {}
    for k, step in enumerate(trace.steps):
        before[k].update({last[step.actor]} if step.actor in last else ())
        last[step.actor] = k
    for arrow in found:
        before[arrow.then - 1].add(arrow.first - 1)
    every, end, order = range(len(before)), len(before) - 1, []
    left = set(every)
    while left:
        free = [k for k in every if k in left and not before[k] & left]
        order.append(rng.choice([k for k in free if k != end] or free))
        left.remove(order[-1])
    return order


def outcome(trace, order):
    """What an order breaks, and the state it leads to."""
    session = Session(_subject=trace.session.subject, _mode=trace.session.mode)
    for k in order:
        session.step(trace.steps[k].actor)
    return session.broken(), session.states[-1].tobytes()


WALKED = (
    "v5.17", "patch-21", "patch-22-skip-invalid", "v5.18", "v6.6", "no-gift", "v3-list-walk",
    "delist-at-queue", "lost-update", "teardown", "load-without-flush",
)  # fmt: skip


@pytest.mark.parametrize("name", WALKED)
def test_every_order_that_keeps_the_arrows_comes_to_the_same(name):
    seed = 1 + WALKED.index(name)
    trace = walk(name, seed)
    found, rng = arrows(trace), random.Random(seed)
    want = outcome(trace, range(len(trace.steps)))
    orders = [another_order(trace, found, rng) for _ in range(3)]
    assert any(order != sorted(order) for order in orders), f"{name}, seed {seed}"
    for order in orders:
        assert outcome(trace, order) == want, f"{name}, seed {seed}"


def test_an_arrow_tells_what_joins_its_steps():
    found = arrows(check(NAME).trace)
    assert [arrow[:2] for arrow in found] == [(4, 6)]
    assert found[0].why == (
        "root 0's role: exchanged in step 4, read in step 6; "
        "mmu_lock: released in step 4, taken for write in step 6"
    )
    whys = " ".join(arrow.why for arrow in arrows(check("flush-under-mmu-lock").trace))
    assert "root 0's work item: queued in step 6, taken up in step 8" in whys


def test_arrows_join_needed_steps_only():
    trace = next(t for t in map(wandering, SEEDS) if not all(needed(t).steps))
    found = needed(trace)
    assert found.before
    assert all(found.steps[a.first - 1] and found.steps[a.then - 1] for a in found.before)
    assert {a[:2] for a in arrows(trace)} != {a[:2] for a in found.before}


def test_the_picture_greys_what_is_not_needed_and_says_so():
    trace = next(t for t in map(wandering, SEEDS) if not all(needed(t).steps))
    flags = needed(trace).steps
    picture = draw.swimlanes(trace, needed=flags)
    assert picture.count(">not needed: the same breaks without this step<") == flags.count(False)
    assert "not needed" not in draw.swimlanes(trace)
    assert "not needed" not in draw(trace).svg
    assert picture.count('stroke-dasharray="3 2"') == flags.count(False)


def test_the_picture_joins_the_needed_steps_by_arrows_and_says_why():
    trace = next(t for t in map(wandering, SEEDS) if not all(needed(t).steps))
    found = needed(trace)
    picture = draw(trace, needed=True).svg
    assert picture == draw.swimlanes(trace, needed=found.steps, arrows=found.before)
    plain = draw(trace).svg
    heads = len(found.before) + 1  # one in the legend
    assert (picture.count("<polygon"), plain.count("<polygon")) == (heads, 0)
    assert ">must come before<" in picture
    assert "switch to another actor" in plain
    assert "switch to another actor" not in picture
    description = re.search("<desc>(.*?)</desc>", picture, re.DOTALL)[1]
    for first, then, why in found.before:
        assert picture.count(f"<title>step {first} before step {then}: {escape(why)}</title>") == 1
        assert f"Step {first} before {then}: {escape(why)}." in description
        assert f">{first} \u2192 {then}<" in picture


def test_an_arrow_leaves_one_dot_and_comes_to_another():
    trace = check("load-without-flush").trace
    picture = draw(trace, needed=True).svg
    dots = {
        int(number): (float(x), float(y))
        for x, y, number in re.findall(
            r'<circle cx="([\d.]+)" cy="([\d.]+)" r="9.5"[^>]*/>\n<text[^>]*>(\d+)</text>', picture
        )
    }
    assert len(dots) == len(trace.steps)
    curves = re.findall(r"<title>step (\d+) before step (\d+):.*?M([\d.]+) ([\d.]+) C.*? "
                        r'([\d.]+) ([\d.]+)"', picture, re.DOTALL)  # fmt: skip
    assert len(curves) == len(needed(trace).before)
    for first, then, x0, y0, x1, y1 in curves:
        for number, x, y in ((first, x0, y0), (then, x1, y1)):
            from_middle = math.dist(dots[int(number)], (float(x), float(y)))
            assert 9.5 < from_middle < 16, (first, then)


def test_what_follows_from_others_is_left_out_and_nothing_else():
    """By closing the order over all pairs, and taking away one pair after the other."""
    trace = walk("v5.18", 3)
    count = len(trace.steps)
    each = [
        [use for h in taken.happened for use in uses(trace.session.system, step.actor, h)]
        for step, taken in zip(trace.steps, trace.session.taken, strict=True)
    ]
    ordered = {
        (j, k)
        for j, k in combinations(range(count), 2)
        if trace.steps[j].actor == trace.steps[k].actor
        or any(meet(one, other) for one in each[j] for other in each[k])
    }
    reach = set(ordered)
    for middle in range(count):
        into = {j for j, k in reach if k == middle}
        out = {k for j, k in reach if j == middle}
        reach |= {(j, k) for j in into for k in out}
    steps = range(count)
    cover = {
        (j + 1, k + 1)
        for j, k in ordered
        if trace.steps[j].actor != trace.steps[k].actor
        and not any((j, m) in reach and (m, k) in reach for m in steps)
    }
    assert cover == {arrow[:2] for arrow in arrows(trace)}
    assert len(cover) > 5


def test_no_line_of_what_is_needed_is_too_long():
    text = str(needed(check("flush-under-mmu-lock").trace))
    assert "the order that matters:" in text
    assert max(map(len, text.splitlines())) <= 100
