"""The benchmark of the search runs, and refuses a wrong answer; nothing is timed here."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def opened(name, monkeypatch):
    """The benchmark of that name, as a module."""
    spec = importlib.util.spec_from_file_location(f"tdplib_bench_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bench(monkeypatch):
    return opened("search", monkeypatch)


def test_a_background_check_is_measured_and_must_not_break(monkeypatch, capsys):
    beside = opened("background", monkeypatch)
    assert beside.main(["--max-states", "300000", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert "incomplete (stopped by: states)" in result["searched"]
    assert 0 < result["waits, ms"]["p50"] <= result["waits, ms"]["max"]
    beside.report(result)
    assert "cancel to verdict, ms" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="nothing ends early, got: violated"):
        beside.measure("no-gift", "default", 1_000_000)


def test_quick_run_is_validated_and_whole(bench, capsys):
    assert bench.main(["--quick", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    sides = {each["side"]: each for each in result["lost_update"]}
    assert {"tdplib", "plain Python"} <= set(sides)
    assert ("SPIN, gcc -O0" in sides) == bool(shutil.which("spin") and shutil.which("gcc"))
    for each in sides.values():
        assert (each["states"], each["transitions"]) == (361_775, 1_225_956)
    assert [each["complete"] for each in result["v5.18"]] == [False]
    assert [len(each["reductions"]) for each in result["reductions"]] == [0, 1, 2, 3, 4]
    assert {each["what"] for each in result["bars"]} == set(bench.BARS)
    bench.report(result)
    assert "what a learner waits for" in capsys.readouterr().out


def test_a_side_that_miscounts_ends_the_run(bench):
    sides = {"tdplib": lambda: (12, 14), "other": lambda: (12, 15)}
    with pytest.raises(SystemExit, match=r"other.*expected \(12, 14\), got \(12, 15\)"):
        bench.compare(sides, (12, 14), 1)


def test_a_protocol_that_breaks_ends_the_run(bench):
    found, _ = bench.searched(bench.system_of("no-gift", None), bench.DEFAULT, 1_000_000)
    assert found.found
    with pytest.raises(SystemExit, match="expected that it holds, got: "):
        bench.holds(found, "no-gift")


def test_the_exercises_of_the_labs_are_judged(bench):
    what, run, expected = bench.judgements()[0]
    assert bench.timed(what, run, expected, 1)["what"] == what
    with pytest.raises(SystemExit, match="expected wrong"):
        bench.timed(what, lambda: expected, "wrong", 1)


def test_plain_python_knows_the_smallest_by_hand(bench, monkeypatch):
    """2 actors, 1 round: 12 states and 14 transitions, see test_oracle."""
    monkeypatch.setattr(bench, "ACTORS", 2)
    monkeypatch.setattr(bench, "TIMES", 1)
    assert bench.plain_python() == (12, 14)


def test_the_interpreter_alone_takes_every_transition(bench):
    system = bench.system_of("v5.18", "small")
    found, _ = bench.searched(system, bench.DEFAULT, 1_000_000)
    assert found.complete
    assert bench.interpreter(system, found)[0] == found.transitions
