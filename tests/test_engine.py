"""The fast explorer against its slow twin: seeded bugs, random programs, protocols."""

import numpy as np
import pytest
import reference
from engine import ALL, NONE, SOME, differences, fast, make, paths, protocol, reductions
from random_programs import SEEDS as RANDOM
from random_programs import random_program
from random_tables import SEEDS as TABLES
from random_tables import random_table_program
from seeded import SEEDS

from tdplib.protocols import names
from tdplib.search.explore import Limits, explore
from tdplib.vm import _entry, _memo, codes


def agree(units, actors, params):
    """Fail with one line for each difference."""
    __tracebackhide__ = True
    wrong = differences(units, actors, params)
    assert not wrong, "\n".join(wrong)


CHUNK = 20
CHUNKS = [RANDOM[k : k + CHUNK] for k in range(0, len(RANDOM), CHUNK)]
SMALL = [
    *[(name, "small") for name in names()],
    ("xchg-plain-rmw", "small-markers"),
    ("v5.18", "small-markers"),
    ("patch-22", "small-markers"),
    *[(name, "two-levels") for name in names()],
    *[(name, "tlb") for name in ("v5.17", "v5.18", "v6.6", "request-before-invalidate")],
    *[(name, "small-teardown") for name in ("v5.17", "v5.18", "v6.4", "v6.6")],
    ("v5.17", "tlb-notifier"),
    ("v5.17", "tlb-two-levels"),
    ("load-without-flush", "tlb"),
    *[(name, "two-levels-notifier") for name in ("v5.18", "v6.6", "delist-at-queue")],
]
"""Protocols with scenarios small enough for the reference."""


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.property}: {seed.name}")
@pytest.mark.parametrize("which", ["units", "mended"])
def test_seeded(seed, which):
    agree(getattr(seed, which), seed.actors, seed.params)


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: f"{chunk[0]}-{chunk[-1]}")
def test_random(chunk):
    wrong = {}
    for program in map(random_program, chunk):
        found = differences(program.units, program.actors, program.params)
        if found:
            wrong[program.seed] = found
    assert not wrong, f"seeds {[*wrong]}: {wrong}"


@pytest.mark.parametrize("chunk", [TABLES[k : k + CHUNK] for k in range(0, len(TABLES), CHUNK)])
def test_random_tables(chunk):
    wrong = {}
    for program in map(random_table_program, chunk):
        found = differences(program.units, program.actors, program.params)
        if found:
            wrong[program.seed] = found
    assert not wrong, f"seeds {[*wrong]} of random_table_program: {wrong}"


@pytest.mark.parametrize(("name", "scenario"), SMALL)
def test_protocols(name, scenario):
    agree(*protocol(name, scenario))


@pytest.mark.parametrize("name", ["delist-at-queue", "v5.18", "v6.6"])
def test_protocols_with_notifier(name):
    agree(*protocol(name, "small-notifier"))


@pytest.mark.parametrize("names", SOME, ids="+".join)
def test_reductions_find_the_seeds(names):
    """Every seed is red with each reduction, and its path has the steps the search counted."""
    for seed in SEEDS:
        found = fast(seed.units, seed.actors, seed.params, names)
        assert seed.property in found.found, seed.name
        for name, (steps, _, _) in paths(found).items():
            assert steps == found.found[name][2], (seed.name, name)


def test_merging_is_the_reference_s():
    """The reference merges too, and breaks the same."""
    for seed in SEEDS:
        slow = reference.explore(seed.units, seed.actors, merge=True, **seed.params)
        found = fast(seed.units, seed.actors, seed.params, ("merge",))
        assert {*slow.broken, *slow.advice} == {*found.found}, seed.name


NO_RESULT = """
def reader(kvm):
    rcu_read_lock()
    page = kvm.page
    cmpxchg(kvm.n, 0, 1)
    kvm.n = 2
    rcu_read_unlock()
def freer(kvm, vcpu):
    kvm.page = tdp_mmu_alloc_sp(vcpu)
    call_rcu(kvm.page.rcu_head, tdp_mmu_free_sp_rcu_callback)
    rcu_barrier()
"""


def test_a_result_nobody_wants_changes_nothing():
    """The old value of a `cmpxchg` must not become the pages a reader holds up."""
    units = ["class kvm:\n    n: u8\n    page: page\n" + NO_RESULT]
    agree(units, (("r", "reader", ("kvm",)), ("f", "freer", ("kvm", "vcpu0"))), {"vcpus": 1})


def remembered_and_taken(system, found):
    """What a search remembers of each action, taken again in earnest: the first difference."""
    image, width = system.image, system.image.words
    rows = found.arrays.states[: found.states]
    known = {row.tobytes() for row in rows}
    log, transitions = np.zeros(2, np.int64), 0
    for number, row in enumerate(rows):
        for actor in range(len(system.actors)):
            st = row.copy()
            code = _entry.run(image.im, image.mem, st, actor, found.reductions.mode, log)
            transitions += code != codes.BLOCKED
            if code == 0 and st.tobytes() not in known:
                return f"state {number}: actor {actor} leads to a state of {width} words not found"
            broken = codes.PROPERTIES[codes.BROKEN - code] if code <= codes.BROKEN else None
            if broken is not None and broken not in found.found:
                return f"state {number}: actor {actor} breaks {broken}"
    same = transitions == found.transitions
    return None if same else f"{transitions} transitions, not {found.transitions}"


@pytest.mark.parametrize("names", [NONE, ALL], ids=["none", "all"])
@pytest.mark.parametrize("seed", range(500, 520))
def test_remembered_actions_are_those_of_the_machine(seed, names):
    program = random_program(seed)
    system = make(program.units, program.actors, program.params)
    found = explore(system, reductions=reductions(names), limits=Limits(states=4_000))
    if found.complete:
        assert remembered_and_taken(system, found) is None, f"seed {seed}"


def test_a_small_memory_remembers_as_well(monkeypatch):
    """Entries that push each other out, and a memory that grows, change no count."""
    units, actors, params = protocol("v5.18", "two-vcpus")
    counts = []
    for slots in (1, 8, _memo.SMALLEST):
        monkeypatch.setattr(_memo, "SMALLEST", slots)
        found = fast(units, actors, params, ALL)
        counts.append((found.states, found.transitions, found.depth))
    assert len(set(counts)) == 1, counts
