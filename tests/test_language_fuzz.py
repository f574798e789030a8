"""
Mutated sources never crash the front end, never hang it, and never run.

The sources go through it in a process of its own (`fuzz_language.py`): not even a crash of the
interpreter loses the seed. `python tests/fuzz_language.py SEED` shows the source of a seed.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fuzz_language
import pytest

from tdplib.lang.errors import LanguageError

TESTS = Path(__file__).parent


def python(folder, *arguments):
    """Run Python in an empty folder, with the package and the tests in reach."""
    path = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def fuzz(folder, first, count):
    """Return the outcomes of the seeds; fail with the seed of the first that is none."""
    run = python(folder, str(TESTS / "fuzz_language.py"), str(first), str(count))
    lines = run.stdout.splitlines()
    last = lines[-1] if lines else "no seed at all"
    assert run.returncode == 0, f"died or hung at seed {last}\n{run.stderr}"
    faults = [line for line in lines if " FAULT " in line]
    assert not faults, "\n".join(["seed, fault:", *faults[:5]])
    assert len(lines) == count
    assert list(folder.iterdir()) == [], "a source has left a file behind"
    return Counter(line.partition(" ")[2] for line in lines)


def test_two_hundred_mutated_sources(tmp_path):
    fuzz(tmp_path, 0, 200)


@pytest.mark.slow
def test_two_thousand_mutated_sources(tmp_path):
    outcomes = fuzz(tmp_path, 200, 2000)
    # The fuzz is worth nothing if all of it ends at the first check, or none of it.
    assert 100 < outcomes["accepted"] < 1000
    assert len(outcomes) > 80


# --- the fuzz sees what it is there for


def test_the_sources_of_a_seed_are_always_the_same():
    texts = fuzz_language.functions()
    assert len(texts) > 50
    assert [fuzz_language.source(s, texts) for s in range(20)] == [
        fuzz_language.source(s, texts) for s in range(20)
    ]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (KeyError("x"), "KeyError"),
        (RecursionError(), "RecursionError"),
        (SystemExit(), "SystemExit"),
        (LanguageError("<text>", 1, 1, "", "y", "x = 1"), "found is empty"),
        (LanguageError("<text>", 1, 1, "x", "", "x = 1"), "write is empty"),
        (LanguageError("<text>", 1, 9, "x", "y", "x = 1"), "the column is beside"),
        (LanguageError("<text>", 2, 1, "x", "y", "x = 1"), "the line is another"),
    ],
)
def test_a_fault_is_seen(monkeypatch, raised, seen):
    def front_end(text):
        raise raised

    monkeypatch.setattr(fuzz_language, "front_end", front_end)
    assert re.match(rf"FAULT .*{seen}", fuzz_language.outcome("x = 1\ny = 2"))


@pytest.mark.parametrize(
    "what", ["exec('1')", "open('x', 'w')", "os.system('true')", "os.mkdir('d')"]
)
def test_a_source_that_runs_is_seen(tmp_path, what):
    program = f"""
import fuzz_language, os
fuzz_language.functions = lambda: ["def f():\\n    pass"]
calls = iter(range(9))
def front_end(text):
    if next(calls) == 2:
        {what}
fuzz_language.front_end = front_end
fuzz_language.main(0, 3)
"""
    lines = python(tmp_path, "-c", program).stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["accepted", "FAULT", "accepted"]


def test_a_hang_is_seen(tmp_path):
    program = """
import fuzz_language, time
fuzz_language.SECONDS = 1
fuzz_language.functions = lambda: ["def f():\\n    pass"]
calls = iter(range(9))
def front_end(text):
    if next(calls) == 2:
        time.sleep(100)
fuzz_language.front_end = front_end
fuzz_language.main(7, 3)
"""
    run = python(tmp_path, "-c", program)
    assert run.returncode != 0
    assert run.stdout.splitlines()[-1].split() == ["8"]
    assert "Timeout" in run.stderr
