"""The slow twin against known answers: counts done by hand, seeded bugs, all schedules tried."""

import itertools

import pytest
from reference import World, explore, replay
from reference_memory import ADVICE, ORDER
from seeded import SEEDS

UNIT = "class kvm:\n    n: u8\n    m: u8\n"
L = "kvm.mmu_lock"
RED = [(seed.property, seed) for seed in SEEDS]
NAMES = [f"{seed.property}: {seed.name}" for seed in SEEDS]


def program(body, actors=2, args="kvm"):
    """Actors that all run one function `f` of this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    unit = f"{UNIT}def f({args}):\n{lines}"
    return (unit,), [(f"actor {i}", "f", tuple(args.split(", "))) for i in range(actors)]


def counts(body, actors=2, **params):
    result = explore(*program(body, actors), **params)
    assert result.verdict == "holds", result
    return result.states, result.transitions, result.depth


@pytest.mark.parametrize(
    ("actors", "times", "states", "transitions"), [(2, 1, 12, 14), (3, 2, 904, 1977)]
)
def test_lost_update(actors, times, states, transitions):
    body = "t = kvm.n\nkvm.n = t + 1\n" * times
    assert counts(body, actors) == (states, transitions, actors * times * 2)


@pytest.mark.slow
def test_lost_update_large():
    body = "t = kvm.n\nkvm.n = t + 1\n" * 3
    assert counts(body, 4, max_states=400_000) == (361_775, 1_225_956, 24)


def test_lost_update_shows():
    """The least value after 2 actors with 2 rounds each is 2, and 1 cannot be."""
    body = "t = kvm.n\nkvm.n = t + 1\n" * 2 + "kvm.m += 1\nif kvm.m == 2:\n    WARN_ON(kvm.n {})"
    units, actors = program(body.format("== 2"))
    assert explore(units, actors).shortest[0] == 6 * 2 + 2
    units, actors = program(body.format("== 1"))
    assert explore(units, actors).verdict == "holds"


def test_two_state_clock():
    """Test, statement start, and the write that is left: three places, two values."""
    body = "while True:\n    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen"
    assert counts(body, 1) == (6, 6, 5)


def test_private_statements_are_actions():
    """A line of k statements is k + 1 places; two actors are a grid."""
    assert counts("pass\npass\npass") == (16, 24, 6)


@pytest.mark.parametrize(
    ("body", "states"),
    [
        ("kvm.n = 1", 2),
        ("kvm.n += 1", 3),
        ("kvm.n = kvm.m", 3),
        ("if kvm.n and kvm.m:\n    pass", 2),  # short-circuit: m is not read
        ("if kvm.n or kvm.m:\n    pass", 3),
        ("kvm.n = kvm.arch.mmu_valid_gen + kvm.m * kvm.n", 5),
        ("t = 1\nif t and kvm.n:\n    pass", 3),
        ("for i in range(2):\n    pass", 7),  # at the range; 3 headers, 2 bodies; done
        ("for i in range(kvm.n):\n    pass", 3),  # the read; the header; done
        ("return", 2),
        ("t = 0\nwhile t < 1:\n    t = 1\n    continue", 6),
        ("read_lock(kvm.mmu_lock)\nread_unlock(kvm.mmu_lock)", 3),
        (f"read_lock({L})\ncond_resched_rwlock_read({L})\nread_unlock({L})", 5),
        (f"write_lock({L})\ncond_resched_rwlock_write({L})\nwrite_unlock({L})", 5),
        ("synchronize_rcu()", 3),
        ("flush_workqueue(kvm.arch.tdp_mmu_zap_wq)", 3),
        ("for x in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n    pass", 2),
    ],
)  # fmt: skip
def test_actions_of_one_actor(body, states):
    """One actor alone: every action is one more state."""
    assert counts(body, 1) == (states, states - 1, states - 1)


def test_calls():
    """Arguments, then the callee's statements; its return goes on in the caller's statement."""
    unit = UNIT + (
        "def f(kvm):\n    kvm.n = g(kvm.m, kvm.n)\n"
        "def g(a, b):\n    c = a + b\n    return c\n"
        "def h(kvm):\n    t = g(1, 2)\n    v(t)\n"
        "def v(t):\n    pass\n"
    )
    # m read | n read, in g | c = ... | return c and the write
    assert explore([unit], [("a", "f", ("kvm",))]).states == 5
    # in g | c = ... | return and t = ... | in v | pass, end of v, end of h
    assert explore([unit], [("a", "h", ("kvm",))]).states == 6


def test_dead_locals_do_not_count():
    """What was read is dead after its last use: two reads of different values meet again."""
    body = "t = kvm.n\nkvm.m = t & 0\nkvm.n = 1"
    live = "t = kvm.n\nkvm.m = t & 0\nkvm.n = 1\nt = t + 1"
    assert counts(body)[0] < counts(live)[0]


def test_counter_lives_in_its_loop():
    """At `break` the round still tells two states apart; the places are 7 and, with n set, 2."""
    unit = UNIT + (
        "def f(kvm):\n    for i in range(2):\n        if kvm.n:\n            break\n"
        "def w(kvm):\n    kvm.n = 1\n"
    )
    result = explore([unit], [("f", "f", ("kvm",)), ("w", "w", ("kvm",))])
    assert (result.verdict, result.states) == ("holds", 7 * 2 + 2)


def test_exclusion():
    body = "mutex_lock(kvm.slots_lock)\nWARN_ON(kvm.n)\nkvm.n = 1\nkvm.n = 0\nmutex_unlock({})"
    held = explore(*program(body.format("kvm.slots_lock"), 3))
    assert held.verdict == "holds"
    open_ = explore(*program(body.replace("mutex_lock", "#").replace("mutex_unlock({})", "pass")))
    assert set(open_.broken) == {"no-warn"}


def test_contended_write_lock():
    """
    Two writers: taken at once by the first, the second queues (one action) and takes it (another).

    A writer stands before, waiting, inside or done; the pairs that can be: 4 with nobody inside
    and nobody waiting; 2 x 3 with one inside and the other before, waiting or done; and with one
    waiting the other is also found done, or before again only if it never was inside: 2 more.
    """
    body = "write_lock(kvm.mmu_lock)\nwrite_unlock(kvm.mmu_lock)"
    assert counts(body)[0] == 4 + 2 * 3 + 2


def test_waiting_writer_keeps_new_readers_out():
    unit = UNIT + (
        "def r(kvm):\n    read_lock(kvm.mmu_lock)\n    read_unlock(kvm.mmu_lock)\n"
        "def w(kvm):\n    write_lock(kvm.mmu_lock)\n    write_unlock(kvm.mmu_lock)\n"
    )
    actors = [("r0", "r", ("kvm",)), ("w", "w", ("kvm",)), ("r1", "r", ("kvm",))]
    assert replay([unit], actors, [0, 2]).stopped is None
    behind = replay([unit], actors, [0, 1, 2])
    assert behind.stopped == "step 2: actor 2 waits at read_lock"
    assert behind.blocked == {1: "write_lock", 2: "read_lock"}
    assert behind.enabled == [0]


def test_rcu_waits_for_those_inside_only():
    unit = (
        "def r(kvm):\n    rcu_read_lock()\n    rcu_read_unlock()\n"
        "def f(kvm, vcpu):\n    p = tdp_mmu_alloc_sp(vcpu)\n"
        "    call_rcu(p.rcu_head, tdp_mmu_free_sp_rcu_callback)\n    rcu_barrier()\n    q = p.gfn\n"
    )
    actors = [("r0", "r", ("kvm",)), ("r1", "r", ("kvm",)), ("f", "f", ("kvm", "vcpu0"))]
    assert replay([unit], actors, [0, 2, 2, 2]).blocked[2] == "rcu_barrier"
    assert replay([unit], actors, [0, 2, 2, 1, 0, 2]).taken == 6
    assert replay([unit], actors, [0, 2, 2, 0, 2, 2]).broken == "no-use-after-free"


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        ("kvm.n = 256", "value"),
        ("kvm.n = kvm.n - 1", "value"),
        ("while True:\n    kvm.n += 1", "value"),
        ("t = 0\nwhile True:\n    t = t + 1", "value"),
    ],
)
def test_bounds_make_it_incomplete(body, bound):
    result = explore(*program(body, 1))
    assert (result.verdict, result.bounds, result.complete) == ("incomplete", {bound}, False)


def test_root_slots_run_out():
    unit = "def f(vcpu):\n    p = tdp_mmu_alloc_sp(vcpu)\n    tdp_mmu_free_sp(p)\n"
    actors = [("a", "f", ("vcpu0",)), ("b", "f", ("vcpu0",))]
    assert explore([unit], actors, pages=1).bounds == {"root slots"}
    assert explore([unit], actors, pages=2).verdict == "holds"


def test_bound_of_states():
    result = explore(*program("t = kvm.n\nkvm.n = t + 1\n" * 2), max_states=20)
    assert (result.verdict, result.bounds, result.states) == ("incomplete", {"states"}, 20)


def test_every_property_has_a_seed():
    assert {seed.property for seed in SEEDS} == {*ORDER, ADVICE}


@pytest.mark.parametrize(("name", "seed"), RED, ids=NAMES)
@pytest.mark.parametrize("merge", [False, True])
def test_seed_is_red_and_its_twin_green(name, seed, merge):
    red = explore(seed.units, seed.actors, merge=merge, **seed.params)
    assert name in {**red.broken, **red.advice}
    green = explore(seed.mended, seed.actors, merge=merge, **seed.params)
    assert (green.verdict, green.advice) == ("holds", {})


@pytest.mark.parametrize(("name", "seed"), RED, ids=NAMES)
def test_traces_replay(name, seed):
    found = explore(seed.units, seed.actors, **seed.params)
    for broken, (steps, switches, schedule) in found.traces.items():
        assert len(schedule) == steps
        assert sum(a != b for a, b in itertools.pairwise(schedule)) == switches
        assert replay(seed.units, seed.actors, schedule, **seed.params).broken == broken


@pytest.mark.parametrize(("name", "seed"), RED, ids=NAMES)
def test_merging_changes_no_property(name, seed):
    found = [explore(seed.units, seed.actors, merge=m, **seed.params) for m in (False, True)]
    assert set(found[0].broken) == set(found[1].broken)
    assert set(found[0].advice) == set(found[1].advice)
    assert found[1].states <= found[0].states


def by_brute_force(units, actors, steps, **params):
    """(steps, switches) of the best violation within `steps`, trying every schedule."""
    world, best = World(units, actors, **params), None
    ways = [(world.start, 0, None)]
    for taken in range(1, steps + 1):
        following = []
        for (state, switches, last), who in itertools.product(ways, range(len(actors))):
            what, *after = world.act(state, who) if state[who + 1] else ("blocked",)
            cost = switches + (last is not None and last != who)
            if what == "broken":
                best = min(best or (taken, cost), (taken, cost))
            elif what == "moved":
                state_after = (after[0], *state[1 : who + 1], after[1], *state[who + 2 :])
                following.append((state_after, cost, who))
        if best:
            return best
        ways = following
    return None


@pytest.mark.parametrize(
    "seed", [s for s in SEEDS if s.name in ("look, then put", "a lost update", "pointer read twice",
                                            "kept at the end", "get of what may be gone")],
    ids=lambda seed: seed.name,
)  # fmt: skip
def test_shortest_is_shortest(seed):
    found = explore(seed.units, seed.actors, **seed.params).shortest[:2]
    assert by_brute_force(seed.units, seed.actors, found[0], **seed.params) == found


def test_later_units_replace_functions_and_constants():
    units = [
        UNIT + "LIMIT = 1\ndef f(kvm):\n    WARN_ON(g(kvm))\ndef g(kvm):\n    return LIMIT\n",
        "LIMIT = 0\n",
        "def g(kvm):\n    return 2\n",
    ]
    actors = [("a", "f", ("kvm",))]
    assert explore(units[:1], actors).broken == {"no-warn": 2}
    assert explore(units[:2], actors).verdict == "holds"
    assert explore(units, actors).verdict == "violated"
