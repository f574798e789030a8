"""The random programs: the same every time, inside the language, of every verdict."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from random_programs import LARGE, SEEDS, random_program
from reference import World, explore, replay

from tdplib.lang.grammar import check_unit
from tdplib.lang.source import unit_from

FEW = SEEDS[:80]


def run(seed, **more):
    program = random_program(seed)
    return program, explore(program.units, program.actors, **program.params, **more)


def test_same_in_another_process():
    """Hashes of strings differ between processes; the programs must not."""
    code = (
        "import random_programs as r; print(''.join(str(r.random_program(s)) for s in range(30)))"
    )
    folder = Path(__file__).parent
    text = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    assert text == "".join(str(random_program(seed)) for seed in range(30)) + "\n"


def test_there_are_300():
    assert len(SEEDS) == 300


def test_are_kernel_python():
    """Grammar, and no local that some path reads before it is set."""
    for seed in [*SEEDS, *LARGE]:
        program = random_program(seed)
        for unit in program.units:
            check_unit(unit_from(unit))
        source = World(program.units, program.actors, **program.params).program
        for name in called(source, {function for _, function, _ in program.actors}):
            given = {parameter.arg for parameter in source.functions[name].args.args}
            assert set(source.entry(name).live) <= given, (name, str(program))


def called(source, names):
    """The functions that are called from some functions, those included."""
    calls = [n for f in names for n in ast.walk(source.functions[f]) if isinstance(n, ast.Call)]
    found = {source.work_function if n.func.id == "run_work" else n.func.id for n in calls}
    more = names | (found & set(source.functions))
    return more if more == names else called(source, more)


def test_mix():
    """All verdicts, many properties, sizes from tens to thousands."""
    results = [run(seed)[1] for seed in FEW]
    assert set(Counter(result.verdict for result in results)) == {
        "holds", "violated", "incomplete",
    }  # fmt: skip
    assert len({name for result in results for name in result.broken}) >= 8
    assert max(result.states for result in results) > 3_000


@pytest.mark.parametrize("seed", FEW)
def test_merging_and_replay(seed):
    """Merging changes no property, and every trace replays."""
    program, full = run(seed)
    _, merged = run(seed, merge=True)
    assert set(full.broken) == set(merged.broken), program
    assert set(full.advice) == set(merged.advice), program
    assert full.bounds == merged.bounds, program
    for name, (steps, _, schedule) in full.traces.items():
        end = replay(program.units, program.actors, schedule, **program.params)
        assert (end.broken, len(schedule)) == (name, steps), program
