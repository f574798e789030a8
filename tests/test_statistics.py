"""Statistics of a check: counts the slow twin agrees with, times that add up, text and picture."""

import json
from collections import Counter

import engine
import pytest
import reference
from random_programs import SEEDS, random_program

from tdplib.check import check
from tdplib.cli import main
from tdplib.search import explore as search
from tdplib.search.cover import census

FEW = SEEDS[40:60]


def counted_slowly(units, actors, params):
    """(states by depth, transitions by actor, states by actors that can move), by the twin."""
    world = reference.World(units, actors, **params)
    whole = reference.Search(world, 200_000)
    whole.run()
    depth, moves, able = {world.start: 0}, Counter(), Counter()
    for state in whole.index:  # in breadth-first order
        free = 0
        for who in range(len(actors)):
            what, *detail = world.act(state, who) if state[who + 1] else ("blocked",)
            free += what != "blocked"
            moves[who] += what != "blocked"
            if what == "moved":
                after = (detail[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
                depth.setdefault(after, depth[state] + 1)
        able[free] += 1
    layers = Counter(depth.values())
    return (
        [layers[k] for k in range(len(layers))],
        [moves[k] for k in range(len(actors))],
        [able[k] for k in range(len(actors) + 1)],
    )


@pytest.mark.parametrize("seed", FEW)
def test_as_the_slow_twin(seed):
    made = random_program(seed)
    found = engine.fast(made.units, made.actors, made.params)
    fast = census(found)
    mine = list(found.layers), fast.moves.tolist(), fast.enabled.tolist()
    assert mine == counted_slowly(made.units, made.actors, made.params), made


@pytest.mark.parametrize(
    "options",
    [{}, {"max_states": 9_000}, {"reductions": (), "scenario": "small"}, {"scenario": "small"},
     {"code": "patch-22-skip-invalid", "first_only": True},
     {"reductions": ("merge", "symmetry"), "scenario": "small"}],
)  # fmt: skip
def test_sums(options):
    """Whatever ends a search, nothing is counted twice or left out."""
    verdict = check(**({"base": "v5.18"} | options))
    told = verdict.statistics()
    assert sum(told.by_depth) == verdict.states
    assert sum(n for _, n in told.by_actor) == verdict.transitions
    assert sum(told.able) == told.expanded
    assert sum(states for _, states, _ in told.pace) == told.expanded
    assert len(told.by_depth) - told.depth in ((1,) if verdict.complete else (1, 2))
    assert (told.expanded == told.states) or not verdict.complete
    assert told.stopped_by == verdict.stopped_by
    parts = dict(told.seconds)
    assert all(spent >= 0 for spent in parts.values())
    assert sum(parts.values()) <= verdict.prepared + verdict.seconds + 1e-3
    assert told.memory == verdict.memory


def test_breaking_steps_are_counted():
    verdict = check("patch-22-skip-invalid", base="v5.18")
    assert verdict.statistics().breaking > 0
    assert check("v5.18", scenario="small").statistics().breaking == 0


def test_looks_at_the_clock_are_few(monkeypatch):
    """At most one in so many states, so that they cost less than a hundredth of the search."""
    looks = len(check("v5.18").exploration.pace.stretches)
    assert 3 <= looks <= 98_929 / search.STRETCH + 8
    monkeypatch.setattr(search, "STRETCH", 1)
    often = check("v5.18").exploration
    assert len(often.pace.stretches) >= often.depth
    assert often.states == 98_929


def test_text_reads_well():
    text = str(check("v5.18").statistics())
    assert "98,929 states (that is every state there is), joined by 240,719 steps" in text
    assert "The farthest: 50 steps." in text
    assert "zap worker  78,577  ####" in text
    assert max(map(len, text.splitlines())) <= 100
    cut = str(check("v5.18", max_states=9_000).statistics())
    assert "(NOT all: stopped by states)" in cut


def test_picture_says_the_same():
    told = check("patch-22-skip-invalid").statistics()
    picture = told.picture()
    assert picture.svg.startswith("<svg")
    for name, moves in told.by_actor:
        assert name in picture.svg
        assert f">{moves:,}<" in picture.svg
    assert f"{told.states:,} states" in picture.alternative
    bundle = told._repr_mimebundle_()
    assert bundle["text/html"].startswith('<img alt="')
    assert bundle["text/plain"] == str(told)


def test_a_search_of_one_state():
    """Nothing can be divided by nothing."""
    told = check(
        "def vcpu_thread(kvm, vcpu, gfn, faults, unload):\n    mutex_lock(kvm.slots_lock)\n"
        "    mutex_lock(kvm.slots_lock)\n", base="v5.18", scenario="small", max_states=1
    ).statistics()  # fmt: skip
    assert told.picture().svg
    assert "states" in str(told)


def test_on_the_command_line(capsys):
    asked = ["check", "v5.18", "--scenario", "small", "--statistics"]
    assert main(asked) == 0
    assert "Who takes the steps:" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert sum(record["statistics"]["by_depth"]) == record["states"]
    assert {row["actor"] for row in record["statistics"]["by_actor"]} >= {"vCPU 0", "zap worker"}
