"""The fast explorer against its slow twin: seeded bugs, random programs, protocols."""

import pytest
import reference
from engine import SOME, differences, fast, paths, protocol
from random_programs import SEEDS as RANDOM
from random_programs import random_program
from seeded import SEEDS

from tdplib.protocols import names


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
