"""Another one: a different violation, and what is none; the ways to all violations are the best."""

import json
import random
from collections import Counter

import engine
import pytest
import reference
from random_programs import SEEDS, random_program
from test_needed import another_order

from tdplib.another import along, circle, violation
from tdplib.check import check
from tdplib.cli import main
from tdplib.errors import BadValueError
from tdplib.replay.needed import arrows, needed
from tdplib.replay.session import BlockedError, Session
from tdplib.search.shortest import switches
from tdplib.search.ways import ways
from tdplib.vm import codes

BROKEN = ("no-gift", "flush-under-mmu-lock", "delist-at-queue", "patch-22-skip-invalid")
FEW = SEEDS[60:90]


@pytest.fixture(scope="module")
def verdicts():
    return {name: check(name) for name in BROKEN}


class EveryWay(reference.Search):
    """The slow twin, which keeps (property, steps, switches) of every violation it meets."""

    def _broken(self, name, steps, here, who):
        self.met.append((name, steps, here, who))
        super()._broken(name, steps, here, who)


@pytest.mark.parametrize("seed", FEW)
def test_best_ways_as_the_slow_twin(seed):
    made = random_program(seed)
    search = EveryWay(reference.World(made.units, made.actors, **made.params), 200_000)
    search.met = []
    search.run()
    slow = Counter(
        (name, steps, search._way(here, who)[0]) for name, steps, here, who in search.met
    )
    found = ways(engine.fast(made.units, made.actors, made.params))
    names = [codes.PROPERTIES[k] for k in found.broken]
    fast = Counter(zip(names, found.depth.tolist(), found.switches.tolist(), strict=True))
    assert fast == slow, made
    assert (found.depth[1:] >= found.depth[:-1]).all()
    for k in range(0, len(found), 1 + len(found) // 5):
        path = found.path(k)
        assert (len(path), switches(path)) == (found.depth[k], found.switches[k])
        told = reference.replay(made.units, made.actors, path, **made.params)
        assert told.broken == names[k]


def taken(verdict, path):
    """The trace of a path, or None if it cannot be taken."""
    try:
        return along(verdict.subject, verdict.exploration.reductions.mode, path)
    except BlockedError:
        return None


@pytest.mark.parametrize("name", BROKEN)
def test_independent_steps_in_another_order_are_no_other_violation(name, verdicts):
    verdict, rng = verdicts[name], random.Random(5)
    for trace in [verdict.trace, verdict.another().trace]:
        known, path = violation(trace), [step.actor for step in trace.steps]
        for _ in range(4):
            order = another_order(trace, arrows(trace), rng)
            other = taken(verdict, [path[k] for k in order])
            assert other.broken == trace.broken
            assert violation(other) == known


def test_renamed_actors_are_no_other_violation():
    """Also where both of two actors that do the same take part, each in its own way."""
    verdict, both = check("patch-22-skip-invalid"), 0
    traces = [verdict.trace, *(verdict.another().trace for _ in range(4))]
    for trace in traces:
        path = [step.actor for step in trace.steps]
        for group in verdict.exploration.system.groups():
            swap = dict(zip(group, group[1:] + group[:1], strict=True))
            renamed = taken(verdict, [swap.get(actor, actor) for actor in path])
            assert violation(renamed) == violation(trace)
            both += set(group) <= set(path)
    assert both


def test_steps_that_are_not_needed_are_no_other_violation(verdicts):
    """Steps of others put in wherever they change nothing of what breaks."""
    verdict, rng, tried = verdicts["patch-22-skip-invalid"], random.Random(3), 0
    path = [step.actor for step in verdict.trace.steps]
    for _ in range(60):
        longer = list(path)
        for _ in range(rng.randint(1, 3)):
            longer.insert(rng.randrange(len(longer)), rng.randrange(5))
        other = taken(verdict, longer)
        if other is None or other.broken != verdict.property:
            continue
        if list(needed(other).path) == path:
            assert violation(other) == violation(verdict.trace)
            tried += 1
    assert tried >= 3


def test_each_answer_is_another_one_and_none_is_shorter_than_the_one_before(verdicts):
    for name in BROKEN[:3]:
        verdict = check(name)
        found = [verdict.another() for _ in range(2)]
        traces = [verdict.trace, *(a.trace for a in found if a.trace is not None)]
        assert len(traces) > 1
        assert len({violation(trace) for trace in traces}) == len(traces)
        lengths = [(len(trace.steps), trace.switches) for trace in traces]
        assert lengths == sorted(lengths)
        for trace in traces:
            assert all(needed(trace).steps)
            assert Session.from_code(trace.code).broken().name == trace.broken


def test_every_broken_property_is_among_them():
    """And each by its shortest trace."""
    verdict, soonest = check("no-gift"), {}
    soonest[verdict.property] = len(verdict.trace.steps)
    while (found := verdict.another()).trace is not None and len(soonest) < 2:
        soonest.setdefault(found.trace.broken, len(found.trace.steps))
    assert soonest == {name: len(verdict.traces[name].steps) for name in verdict.properties}


def test_where_there_is_no_other_the_reason_is_said():
    none = check("lost-update").another()
    assert none.trace is None
    assert none.complete
    assert str(none) == (
        "No other violation: each of the 2 breaking steps there are is the one already seen."
    )
    assert none._repr_mimebundle_() == {"text/plain": str(none)}
    holds = check("v5.18", scenario="small").another()
    assert holds.trace is None
    assert "nothing is broken" in holds.reason


def test_a_bound_is_said():
    cut = check("lost-update", first_only=True).another()
    assert cut.trace is None
    assert not cut.complete
    assert "not every interleaving was visited (stopped by: first violation)" in cut.reason
    verdict = check("delist-at-queue")
    few = verdict._others.next(most=3)
    assert few.trace is None
    assert not few.complete
    assert "3 of the 6,264 breaking steps were looked at" in few.reason
    assert verdict.another().trace is not None


def test_what_was_seen_elsewhere_is_not_given_again():
    first = check("no-gift").another().trace
    again = check("no-gift")
    given = again.another(seen=first)
    assert violation(given.trace) != violation(first)
    assert given.trace.code == check("no-gift").another([first]).trace.code


def test_a_deadlock_is_told_by_who_waits_in_a_circle(verdicts):
    trace = verdicts["flush-under-mmu-lock"].trace
    session = trace.session
    names = {session.system.actors[k].kind for k in circle(session.system, session.states[-1], 7)}
    assert names == {"update", "worker"}
    assert {kind for kind, _, _ in violation(trace).place} == {"update", "worker"}


def test_refused():
    with pytest.raises(BadValueError, match="used symmetry"):
        check("no-gift", reductions=("merge", "symmetry")).another()
    session = Session("no-gift")
    session.step(0)
    with pytest.raises(BadValueError, match="breaks nothing"):
        violation(session.trace())


def test_in_a_notebook_it_is_a_picture(verdicts):
    found = check("no-gift").another()
    bundle = found._repr_mimebundle_()
    assert bundle["text/html"].startswith("<p>Another violation: it breaks another property")
    assert "<img " in bundle["text/html"]
    assert bundle["text/plain"].startswith("Another violation: it breaks another property")


def test_on_the_command_line(capsys):
    assert main(["check", "no-gift", "--another", "2"]) == 1
    out = capsys.readouterr().out
    assert out.count("Another violation: ") == 2
    assert main(["check", "lost-update", "--another", "0", "--json"]) == 1
    (record,) = json.loads(capsys.readouterr().out)["another"]
    assert record["schedule"] is None
    assert "already seen" in record["reason"]
