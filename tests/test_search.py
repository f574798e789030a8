"""The search itself: toy graphs, bounds, growing arrays, the same answer twice."""

import itertools

import numpy as np
import pytest
import reference
from engine import ALL, NONE, SOME, fast, make, reductions
from seeded import SEEDS

from tdplib.check import check
from tdplib.search import explore as search
from tdplib.search.explore import Arrays, Limits, explore
from tdplib.search.shortest import schedule, switches

UNIT = "class kvm:\n    n: u8\n    m: u8\n    wide: u32\n\n\n"
CLOCK = "while True:\n    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen\n"
ROUNDS = "t = kvm.n\nkvm.n = t + 1\n"


def program(*bodies):
    """Units and actors; actor k runs body k."""
    text, actors = UNIT, []
    for k, body in enumerate(bodies):
        text += f"def f{k}(kvm):\n" + "".join(f"    {line}\n" for line in body.splitlines())
        actors.append((f"actor {k}", f"f{k}", ("kvm",)))
    return [text], actors, {}


def same(count, body):
    """Units and actors; `count` actors run one body, so that they are interchangeable."""
    units, _, params = program(body)
    return units, [(f"actor {k}", "f0", ("kvm",)) for k in range(count)], params


def stopped(program_, names=NONE, progress=None, **limits):
    system = make(*program_)
    made = Limits(**limits)
    return explore(system, reductions=reductions(names), limits=made, progress=progress)


# === graphs known by hand ===


def test_two_state_clock():
    """Test, start of the statement, and the write that is left: three places, two values."""
    found = fast(*program(CLOCK))
    assert (found.states, found.transitions, found.depth, found.complete) == (6, 6, 5, True)


def test_two_state_clock_merged():
    """The start; then before the read or before the write, with either value."""
    found = fast(*program(CLOCK), ("merge",))
    assert (found.states, found.transitions) == (5, 5)


def test_two_clocks_are_a_product_of_places():
    """Places are free of each other, and what was read is live between read and write."""
    one, two = fast(*program(CLOCK)), fast(*program(CLOCK, CLOCK))
    slow = reference.explore(*program(CLOCK, CLOCK)[:2])
    assert (two.states, two.transitions) == (slow.states, slow.transitions)
    assert two.states > one.states
    assert two.transitions == 2 * two.states


@pytest.mark.parametrize("actors", [1, 2, 3])
@pytest.mark.parametrize("lines", [1, 4])
def test_private_lines_are_a_grid(actors, lines):
    found = fast(*program(*["pass\n" * lines] * actors))
    assert found.states == (lines + 1) ** actors
    assert found.transitions == actors * lines * (lines + 1) ** (actors - 1)
    assert found.depth == actors * lines


@pytest.mark.parametrize("names", [NONE, *SOME], ids="+".join)
@pytest.mark.parametrize(
    "loop",
    ["while True:\n    pass", "while 1:\n    t = 3", "while True:\n    if 0:\n        break"],
)
def test_endless_private_loop_is_a_cycle(names, loop):
    """It neither hangs nor deadlocks, and what others do is found beside it."""
    found = fast(*program(loop, "kvm.n = 1\nWARN_ON(kvm.n)"), names)
    assert (found.complete, set(found.found)) == (True, {"no-warn"})
    alone = fast(*program(loop), names)
    assert (alone.complete, alone.found) == (True, {})


def test_waiting_loop_is_left_when_the_flag_comes():
    wait = "while kvm.n == 0:\n    cpu_relax()\nWARN_ON(kvm.n == 1)"
    for names in (NONE, *SOME):
        assert set(fast(*program(wait, "kvm.n = 1"), names).found) == {"no-warn"}
        assert fast(*program(wait, "kvm.n = 2"), names).found == {}


def test_start_state_without_moves():
    """Depth 0: nobody can move, nothing is left over."""
    found = fast(*program("return", "return"), ALL)
    assert found.complete
    assert found.found == {}


def test_deadlock_at_the_start_of_everything():
    """Two locks in turn, each waits for the other's."""
    first = "mutex_lock(kvm.slots_lock)\nkvm.n = 1\nwhile kvm.m == 0:\n    pass\n"
    second = "mutex_lock(kvm.slots_lock)\nkvm.m = 1\nmutex_unlock(kvm.slots_lock)"
    body = first + "mutex_unlock(kvm.slots_lock)"
    for names in (NONE, *SOME):
        found = fast(*program(body, second), names)
        assert "no-deadlock" not in found.found, "a loop is not a deadlock"
    lock = "mutex_lock(kvm.slots_lock)"
    held = fast(*program(lock, lock))
    assert "no-deadlock" in held.found or "lockdep" in held.found


# === bounds ===

LONG = program(*[ROUNDS * 3] * 4)
"""361,775 states."""


def incomplete(found, reason):
    assert not found.complete
    assert reason in found.stopped_by
    assert found.states < 361_775


@pytest.mark.parametrize("most", [1, 50, 20_000, 100_000])
def test_bound_of_states(most):
    """It is looked at between batches: a batch of `most` states at most is expanded beyond it."""
    found = stopped(LONG, states=most)
    incomplete(found, "states")
    assert most <= found.states <= most + 4 * min(search.BATCH, most)


def test_bound_of_seconds():
    incomplete(stopped(LONG, seconds=0.0), "time")


def test_bound_of_memory():
    found = stopped(LONG, memory=2 << 20)
    incomplete(found, "memory")
    assert found.memory <= 2 << 20


def test_exactly_enough_states_is_complete():
    whole = fast(*program(ROUNDS, ROUNDS))
    again = stopped(program(ROUNDS, ROUNDS), states=whole.states + 1)
    assert (again.complete, again.states) == (True, whole.states)


def test_progress_tells_and_interrupts():
    told = []

    def once(now):
        told.append(now)
        return len(told) < 3

    incomplete(stopped(LONG, progress=once), "interrupt")
    assert len(told) == 3
    for before, after in itertools.pairwise(told):
        assert after.states >= before.states
        assert after.expanded >= before.expanded
        assert after.seconds >= before.seconds
    assert all(now.expanded <= now.states for now in told)
    assert all(now.memory > 0 for now in told)


def test_progress_that_gives_nothing_goes_on():
    assert stopped(LONG, progress=lambda now: None).complete


def test_ctrl_c_keeps_what_was_found():
    """The violation lies at depth 1; Ctrl-C comes at the first pause."""

    def ctrl_c(now):
        raise KeyboardInterrupt

    units, actors, params = program("WARN_ON(1)", *[ROUNDS * 3] * 4)
    found = stopped((units, actors, params), progress=ctrl_c)
    incomplete(found, "interrupt")
    assert found.found["no-warn"][2] == 1
    assert schedule(found, "no-warn") == [0]


def test_found_before_the_bound_is_kept():
    units, actors, params = program("WARN_ON(kvm.n == 1)", *[ROUNDS * 3] * 4)
    whole = fast(units, actors, params)
    found = stopped((units, actors, params), states=whole.states // 2)
    assert not found.complete
    assert schedule(found, "no-warn") == schedule(whole, "no-warn")


def test_bounds_of_the_model():
    found = fast(*program("while True:\n    kvm.n += 1"))
    assert (found.complete, found.stopped_by) == (False, ("value",))
    unit = "def f(vcpu):\n    p = tdp_mmu_alloc_sp(vcpu)\n    tdp_mmu_free_sp(p)\n"
    actors = [("a", "f", ("vcpu0",)), ("b", "f", ("vcpu0",))]
    assert fast([unit], actors, {"pages": 1}).stopped_by == ("root slots",)
    assert fast([unit], actors, {"pages": 2}).complete


@pytest.mark.parametrize(
    ("limit", "reason"),
    [({"max_states": 2_000}, "states"), ({"max_seconds": 0.0}, "time"),
     ({"max_memory": 1 << 19}, "memory"), ({"progress": lambda *now: False}, "interrupt")],
)  # fmt: skip
def test_verdict_says_incomplete_first(limit, reason):
    verdict = check("patch-21", reductions=(), **limit)
    assert (verdict.status, verdict.complete, verdict.trace) == ("incomplete", False, None)
    assert reason in verdict.stopped_by
    assert str(verdict).startswith(f"incomplete (stopped by: {reason})")
    assert "proves nothing" in str(verdict).splitlines()[0]


def test_verdict_violated_and_not_complete_says_both():
    whole = check("patch-22-skip-invalid")
    verdict = check("patch-22-skip-invalid", max_states=whole.states - 5)
    assert (verdict.status, verdict.complete) == ("violated", False)
    assert str(verdict).startswith("incomplete (stopped by: states); violated: zap-complete")
    assert verdict.trace.steps == whole.trace.steps


# === arrays that grow, words that widen ===


def test_small_arrays_grow_to_the_same_answer(monkeypatch):
    """Rows and table start tiny, so that every growth happens, many times."""
    whole = fast(*LONG)
    grown = []
    real = search.grow

    def grow(arrays, code, limits):
        grown.append(code)
        return real(arrays, code, limits)

    monkeypatch.setattr(search, "grow", grow)
    monkeypatch.setattr(search, "FIRST_STATES", 8)
    again = fast(*LONG)
    assert (again.states, again.transitions, again.depth) == (361_775, 1_225_956, 24)
    assert (whole.states, whole.transitions, whole.depth) == (361_775, 1_225_956, 24)
    assert len(set(grown)) >= 2, "states and table both grew"
    assert np.array_equal(again.arrays.states[:361_775], whole.arrays.states[:361_775])
    assert np.array_equal(again.arrays.parents[:361_775], whole.arrays.parents[:361_775])


def test_parents_lead_to_the_start():
    found = fast(*LONG)
    parents, layers = found.arrays.parents[: found.states], found.arrays.layers
    assert parents[0] == -1
    assert (parents[1:] < np.arange(1, found.states)).all()
    assert (np.diff(parents) >= 0).all(), "breadth first"
    assert (np.diff(layers[1 : found.depth + 1]) > 0).all()
    rows = found.arrays.states[: found.states]
    assert len(np.unique(rows, axis=0)) == found.states, "no state is there twice"


def wide(values):
    """A program that writes so many distinct wide values."""
    return program(f"for i in range({values}):\n    kvm.wide = i * 65537 + 70000", ROUNDS)


@pytest.mark.parametrize("values", [3, 15, 17, 40, 300])
@pytest.mark.parametrize("names", [NONE, ALL], ids=["none", "all"])
def test_words_widen(values, names):
    """The table of words holds 16 values, then 256, then 4,096."""
    units, actors, params = wide(values)
    system = make(units, actors, params)
    found = explore(system, reductions=reductions(names))
    assert (found.complete, found.found) == (True, {})
    assert system.word_bits == (4 if values < 16 else 8 if values < 256 else 12)
    if names == NONE:
        slow = reference.explore(units, actors)
        assert (found.states, found.transitions) == (slow.states, slow.transitions)


def test_words_widen_on_the_way_to_a_violation():
    text = "for i in range(40):\n    kvm.wide = i * 65537 + 70000\nWARN_ON(1)"
    units, actors, params = program(text, ROUNDS)
    found, slow = fast(units, actors, params), reference.explore(units, actors)
    assert found.found["no-warn"][2] == slow.broken["no-warn"]


# === the same again ===


@pytest.mark.parametrize("names", [NONE, ALL, (*ALL, "symmetry")], ids="+".join)
def test_twice_the_same(names):
    for seed in SEEDS:
        one, two = (fast(seed.units, seed.actors, seed.params, names) for _ in range(2))
        assert (one.states, one.transitions, one.found) == (two.states, two.transitions, two.found)
        for name in one.found:
            assert schedule(one, name) == schedule(two, name)


def test_one_system_searched_twice():
    """The image is shared: nothing of the first search may be left in it."""
    system = make(*program("WARN_ON(kvm.n == 2)", ROUNDS, ROUNDS))
    one, two = explore(system), explore(system)
    assert (one.states, one.transitions, one.found) == (two.states, two.transitions, two.found)


def test_first_only_stops_at_the_shortest():
    units, actors, params = program("WARN_ON(kvm.n == 2)", *[ROUNDS * 2] * 3)
    whole = fast(units, actors, params)
    first = explore(make(units, actors, params), reductions=reductions(NONE), first_only=True)
    assert (first.complete, first.stopped_by) == (False, ("first violation",))
    assert first.states < whole.states
    assert schedule(first, "no-warn") == schedule(whole, "no-warn")


# === symmetry ===


def test_symmetry_groups_only_what_is_alike():
    system = make(*same(3, ROUNDS))
    assert system.groups() == [[0, 1, 2]]
    assert make(*program(ROUNDS, ROUNDS)).groups() == [], "alike in text, but two functions"


@pytest.mark.parametrize("rest", [(), ALL])
def test_symmetry_traces_are_of_real_actors(rest):
    """The path that symmetry finds is followed by the reference, actor by actor."""
    body = ROUNDS * 2 + "kvm.m += 1\nif kvm.m == 3:\n    WARN_ON(kvm.n == 2)"
    units, actors, params = same(3, body)
    plain = fast(units, actors, params, rest)
    found = fast(units, actors, params, (*rest, "symmetry"))
    assert found.states < plain.states / 3
    ways = [schedule(each, "no-warn") for each in (plain, found)]
    assert len(ways[0]) == len(ways[1])
    assert switches(ways[0]) == switches(ways[1])
    assert set(ways[1]) == {0, 1, 2}
    if not rest:
        assert reference.replay(units, actors, ways[1]).broken == "no-warn"


NAMED = {
    "an id is stored": "kvm.n = vcpu.vcpu_id\nt = kvm.n\nWARN_ON(t == 1)",
    "an id is asked for": "if vcpu.vcpu_id:\n    kvm.m = 1\nelse:\n    kvm.n += 1\nWARN_ON(kvm.m)",
    "an id is kept": (
        "t = 0\nif kvm.n == 0:\n    t = vcpu.vcpu_id + 1\n    kvm.n = t\n"
        "WARN_ON(kvm.n == 2 and vcpu.vcpu_id == 0)"
    ),
    "one is named by another": "vcpu.x += 1\nvcpu.x += 1",
    "one is shared with another": "kvm.n = vcpu.x\nvcpu.x = 1\nkvm.m = vcpu.x",
}
"""Programs in which vCPUs that run one text are told apart: to permute them is no symmetry."""


@pytest.mark.parametrize("name", NAMED)
def test_symmetry_permutes_nobody_who_is_told_apart(name):
    body = NAMED[name].splitlines()
    unit = UNIT + "class kvm_vcpu:\n    x: u8\n\n\ndef f(kvm, vcpu):\n"
    unit += "".join(f"    {line}\n" for line in body)
    unit += "def g(kvm, vcpu):\n    t = vcpu.x\n    WARN_ON(t == 2 and kvm.n == 0)\n    kvm.n = 1\n"
    actors = [("a", "f", ("kvm", "vcpu0")), ("b", "f", ("kvm", "vcpu1"))]
    actors += [("c", "g", ("kvm", "vcpu1"))] if name.startswith("one is") else []
    params = {"vcpus": 2}
    plain = fast([unit], actors, params)
    found = fast([unit], actors, params, ("symmetry",))
    assert set(found.found) == set(plain.found)
    assert found.states <= plain.states
    for broken in found.found:
        way = schedule(found, broken)
        assert len(way) == plain.found[broken][2]
        assert reference.replay([unit], actors, way, **params).broken == broken


def test_symmetry_in_check():
    plain, found = (check("patch-22-skip-invalid", reductions=r) for r in (ALL, (*ALL, "symmetry")))
    assert set(found.properties) == set(plain.properties)
    assert found.states < plain.states
    for name in found.properties:
        assert found.traces[name].broken == name
        assert len(found.traces[name].steps) == len(plain.traces[name].steps)
        assert found.traces[name].switches == plain.traces[name].switches


def test_arrays_say_their_memory():
    found = fast(*LONG)
    assert isinstance(found.arrays, Arrays)
    assert found.memory == found.arrays.memory
    assert found.memory / found.states <= 96, "bytes a state, all told"
