"""
The table of protocols: what each must get with its own scenario, and how many states that takes.

The counts lie in `pins.json`. After a change that is meant to move them, write them anew with
`TDPLIB_PIN=1 pytest tests/test_table.py` and say in the commit why they moved.
"""

import json
import os
from pathlib import Path

import pytest

from tdplib import protocols
from tdplib.check import check
from tdplib.replay import replay

PINS = Path(__file__).with_name("pins.json")
REWRITE = os.environ.get("TDPLIB_PIN") == "1"
NAMES = protocols.names()
COUNTED = ("states", "transitions", "depth")


@pytest.fixture(scope="module")
def verdicts():
    """Name -> Verdict; each protocol is checked once, when first asked for."""
    made = {}

    def verdict(name):
        if name not in made:
            made[name] = check(name)
        return made[name]

    return verdict


def counts(verdict):
    found = {what: getattr(verdict, what) for what in COUNTED}
    if verdict.trace:
        found["steps"] = len(verdict.trace.steps)
        found["switches"] = verdict.trace.switches
    return found


@pytest.mark.parametrize("name", protocols.every_name())
def test_verdict(verdicts, name):
    verdict, expected = verdicts(name), protocols.row(name).expected
    assert verdict.complete
    assert verdict.stopped_by == ()
    assert verdict.status == expected.status
    assert set(expected.properties) <= set(verdict.properties)
    assert bool(verdict.properties) == (expected.status == "violated")
    if expected.wasted_zap is not None:
        assert ("wasted-zap" in verdict.advice) == expected.wasted_zap


@pytest.mark.parametrize("name", protocols.every_name())
def test_counts(verdicts, name):
    pins = json.loads(PINS.read_text()) if PINS.exists() else {}
    found = counts(verdicts(name))
    if REWRITE:
        pins[name] = found
        ordered = {known: pins[known] for known in protocols.every_name() if known in pins}
        lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in ordered.items())
        PINS.write_text("{\n" + lines + "\n}\n")
    assert found == pins.get(name, found if REWRITE else "not pinned")


@pytest.mark.parametrize("name", protocols.every_name())
def test_each_thing_told_has_a_trace_that_replays(verdicts, name):
    verdict = verdicts(name)
    assert list(verdict.traces) == [*verdict.properties, *verdict.advice]
    for what, trace in verdict.traces.items():
        assert trace.broken == what
        assert len(trace.steps) == verdict.exploration.found[what][2]
        again = replay(trace.code)
        assert (again.broken, again.steps) == (what, trace.steps)


def test_soonest_first(verdicts):
    """`property` is the one that breaks after the fewest steps."""
    for name in NAMES:
        steps = [len(verdicts(name).traces[p].steps) for p in verdicts(name).properties]
        assert steps == sorted(steps), name


def test_the_default_scenarios_are_as_large_as_promised():
    """Two vCPUs with a fault each and two updates at least."""
    for name in NAMES:
        s = protocols.load(name).scenario
        assert s.vcpus >= 2, name
        assert s.faults >= 1, name
        assert s.updates >= 2, name


def test_nothing_is_pinned_that_is_gone():
    assert set(json.loads(PINS.read_text())) == set(protocols.every_name())
