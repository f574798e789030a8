"""The command line: exit codes, JSON, files written, errors in one block, and a quick start."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_trace import fake_trace

import tdplib
from tdplib import draw
from tdplib.cli import _say as say_module
from tdplib.cli import checking, main
from tdplib.errors import BadValueError

VERBS = (
    "protocols scenarios check replay compare play ladder labs figures bench warm doctor".split()
)


class FakeVerdict(SimpleNamespace):
    def __str__(self):
        return f"{self.status}: {self.property}"


def fake_verdict(status="violated", **changes):
    trace = fake_trace() if status == "violated" else None
    fields = {
        "status": status,
        "property": trace and trace.broken,
        "sentence": trace and trace.sentence,
        "properties": ("zap-complete",) if trace else (),
        "advice": (),
        "states": 34567,
        "transitions": 70000,
        "depth": 41,
        "seconds": 0.0251,
        "complete": status != "incomplete",
        "stopped_by": "states" if status == "incomplete" else None,
        "trace": trace,
        "protocol": "patch-22-skip-invalid",
        "scenario": "default",
    }
    return FakeVerdict(**{**fields, **changes})


@pytest.fixture
def fake_check(monkeypatch):
    """`tdplib.check` replaced; the fixture's value is the list of its calls."""
    calls = []

    def check(code=None, **options):
        calls.append((code, options))
        return check.verdict

    check.verdict = fake_verdict()
    check.calls = calls
    monkeypatch.setitem(vars(tdplib), "check", check)
    return check


# --- with the engine --------------------------------------------------------------------------

OWN = """\
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if not root.role.invalid:
            kvm_tdp_mmu_get_root(root)
            root.role.invalid = 1
            tdp_mmu_schedule_zap_root(kvm, root)
"""


def test_check_finds_the_bug_and_replay_shows_it_again(tmp_path, capsys):
    assert main(["check", "patch-22-skip-invalid", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["property"] == "zap-complete"
    assert record["trace"][-1]["source"] == "model_update_returns(kvm)"
    code = record["schedule"]
    assert main(["replay", code, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["trace"] == record["trace"]
    assert again["schedule"] == code
    assert main(["replay", code]) == 0
    assert "broken: zap-complete" in capsys.readouterr().out
    assert main(["replay", code, "--step", "0"]) == 0
    assert "none allocated" in capsys.readouterr().out
    assert main(["replay", code, "--step", "99"]) == 2
    assert "--step is 99" in capsys.readouterr().err
    assert main(["replay", code[:-1]]) == 2
    assert capsys.readouterr().err.startswith("tdplib: schedule: ")


def test_holds_violated_and_incomplete(capsys):
    assert main(["check", "v5.18", "--scenario", "small"]) == 0
    assert main(["check", "no-gift", "--scenario", "small"]) == 1
    capsys.readouterr()
    assert main(["check", "v5.18", "--max-states", "1000"]) == 3
    assert capsys.readouterr().out.startswith("incomplete")


def regression(tmp_path, text: str) -> subprocess.CompletedProcess:
    """Write `text` as a test file and run it by itself."""
    path = tmp_path / "test_it.py"
    path.write_text(text, encoding="utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    folder = Path(tdplib.__file__).parents[1]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)


def test_a_schedule_becomes_a_regression_test(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text(OWN)
    for arguments in (["patch-22-skip-invalid"], [str(mine), "--base", "patch-22"]):
        assert main(["check", *arguments, "--json"]) == 1
        code = json.loads(capsys.readouterr().out)["schedule"]
        own = ["--source", str(mine)] if "+code" in code else []
        assert main(["replay", code, *own, "--pytest", "-"]) == 0
        text = capsys.readouterr().out
        assert regression(tmp_path, text).returncode == 0
        wrong = regression(tmp_path, text.replace("'zap-complete'", "'no-leak'"))
        assert "1 failed" in wrong.stdout


def test_own_code_is_asked_for(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text(OWN)
    main(["check", str(mine), "--base", "patch-22", "--json"])
    code = json.loads(capsys.readouterr().out)["schedule"]
    assert main(["replay", code]) == 2
    assert "--source FILE" in capsys.readouterr().err


def test_an_error_in_ones_own_code_is_shown_where_it_is(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text("def kvm_mmu_zap_all_fast(kvm):\n    x = [i for i in range(3)]\n")
    assert main(["check", str(mine)]) == 2
    err = capsys.readouterr().err
    assert "mine.py" in err
    assert "2" in err
    assert "^" in err
    assert "Traceback" not in err


def test_the_ten_lines_of_the_readme_find_the_bug(tmp_path):
    folder = Path(tdplib.__file__).parents[1]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    block = readme.partition("```python\n")[2].partition("```")[0]
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
    script = tmp_path / "ten_lines.py"
    script.write_text(block)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("violated: zap-complete")


def test_play_by_hand(monkeypatch, capsys):
    lines = "a\nb\nnonsense\ngoto 1\nback\nforward\nshow\ncode\ngoto 77\nquit\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    assert main(["play", "v5.18", "--scenario", "small"]) == 0
    said = capsys.readouterr().out
    assert "1. vCPU 0: " in said
    assert "2. update 0: takes slots_lock" in said
    assert "goto N" in said
    assert "77" in said
    assert said.rstrip().splitlines()[-1].startswith("> v5.18/small/")


def test_play_judges_and_says_why_when_asked(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("why\njudge\nwhy\njudge\nquit\n"))
    assert main(["play", "lost-update"]) == 0
    plain, judged, after = capsys.readouterr().out.split("\n> ", 2)
    assert "leads to:" not in plain + judged
    assert "Who waits for whom" in judged
    assert after.count("leads to: a violation can still happen: 7 steps, no-warn") == 4
    assert "Still open: no-warn." in after


def played(monkeypatch, capsys, lines, *words):
    """What `tdplib play` says to each of `lines`; the last is what it says at the end."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([*lines, "quit"]) + "\n"))
    assert main(["play", *words]) == 0
    return capsys.readouterr().out.split("\n> ")[1:]


def test_play_runs_to_a_line_and_keeps_every_branch(monkeypatch, capsys):
    lines = ["run a", "run c 131", "run c memslot_update_thread:999", "run c x", "goto 1", "b",
             "branches", "branch 1", "branch 9", "source c", "reset", "branches"]  # fmt: skip
    said = played(monkeypatch, capsys, lines, "patch-22-skip-invalid")
    assert "vCPU 0 has taken 5 steps and is done." in said[0]
    assert "  5. vCPU 0: " in said[0]
    assert "update 0 has taken 3 steps and stands at line 131 of memslot_update_thread." in said[1]
    assert "memslot_update_thread has the lines 127 to 132, not 999" in said[2]
    assert "run to 'x': expected a line such as 57, or f:57" in said[3]
    assert "branch 2 is on show, 2 steps\n  branch 1: leaves it after step 1, 8 steps" in said[6]
    assert "step 1 of 8" in said[7]
    assert "there is no branch 9 to go back to; there is 2" in said[8]
    assert "*  129      mutex_lock(kvm.slots_lock)\n   130      kvm_mmu_zap_all_fast" in said[9]
    assert "step 0 of 0" in said[10]
    assert "branch 1: from the start, 8 steps" in said[11]


def test_play_goes_on_from_a_schedule_and_saves_it(monkeypatch, capsys, tmp_path):
    code = "patch-22-skip-invalid/default/afb9ae:4b3c"
    files = [tmp_path / "a.svg", tmp_path / "a.json"]
    lines = ["code", "c", "branches", "goto 2", *(f"save {file}" for file in files), "save a.png"]
    said = played(monkeypatch, capsys, lines, "--code", code)
    assert said[0].startswith(code)
    assert "zap-complete is broken" in said[1]
    assert [len(file.read_text()) > 1000 for file in files] == [True, True]
    assert f"wrote {files[0]}" in said[4]
    assert "'a.png' ends in '.png'" in said[6]
    assert said[-1] == "patch-22-skip-invalid/default/afb9ae:2b\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "a protocol, --code CODE or --level N: one of them"),
        (["v5.18", "--code", "x"], "a protocol, --code CODE or --level N: one of them"),
        (["--code", "x", "--scenario", "small"], "--code says the scenario too"),
        (["--level", "1", "--source", "x.py"], "--level says the code too"),
    ],
)
def test_play_is_told_once_what_to_play(capsys, words, told):
    assert main(["play", *words]) == 2
    assert told in capsys.readouterr().err


def test_play_ends_with_the_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    assert main(["play", "v5.18", "--scenario", "small"]) == 0


LEVEL_1 = "a\njudge\nreach\nb\nnudge\nb\nb\na\na\na\ntask\nquit\n"


def test_a_level_is_played_and_the_best_is_listed(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TDPLIB_LADDER", str(tmp_path / "ladder.json"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(LEVEL_1))
    assert main(["play", "--level", "1"]) == 0
    said = capsys.readouterr().out
    assert "Level 1: One plus one" in said
    assert "The judge stays away" in said
    assert "leads to:" not in said
    assert "It can still break from here." in said
    assert "your 6 steps and 2 switches, par 7 and 2" in said
    assert "one of the two additions was lost.\n★★☆ good. Your 7 steps and 2 switches: " in said
    assert "that is par, with 1 nudge. Your best so far." in said
    assert main(["ladder"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert " ".join(listed[1].split()) == "1 7, 2 7, 2 ★★☆ no One plus one (lost-update)"
    assert main(["ladder", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"]["nudges"] == 1
    for wrong in (["play"], ["play", "v5.18", "--level", "1"], ["play", "--level", "99"],
                  ["play", "--level", "1", "--scenario", "small"], ["ladder", "0"],
                  ["ladder", "--save", "x.py"], ["ladder", "2", "--save", "x.py"]):  # fmt: skip
        assert main(wrong) == 2


def test_a_level_is_saved_from_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TDPLIB_LADDER", str(tmp_path / "ladder.json"))
    file = tmp_path / "mine.py"
    for text, code, word in (
        ("def increment(kvm):\n    atomic_inc(kvm.counter)\n", 0, "saved: "),
        ("def increment(kvm):\n    kvm.counter = 1\n", 1, "broken: "),
        ("def increment(kvm):\n    kvm.counter =\n", 2, "language: line 2, column "),
    ):
        file.write_text(text)
        assert main(["ladder", "1", "--save", str(file)]) == code
        assert capsys.readouterr().out.startswith(word)
    assert main(["ladder", "1", "--save", str(file), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["line"] == 2
    assert main(["ladder", "1"]) == 0
    assert "Save it: change this" in capsys.readouterr().out


def test_the_figures_are_current(capsys):
    assert main(["figures", "--check"]) == 0, "tdplib figures"


def test_warm_is_idempotent(capsys):
    assert main(["warm"]) == 0
    capsys.readouterr()
    assert main(["warm", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["were_cold"], record["cold"]) == (0, [])


@pytest.mark.slow
def test_warm_reaches_every_kernel(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tdplib", "warm", "--json"],
        env={**os.environ, "TDPLIB_CACHE_DIR": str(tmp_path)},
        cwd=Path(tdplib.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    record = json.loads(done.stdout)
    assert record["were_cold"] > 50
    assert record["cold"] == []


# --- without ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*([verb] if verb else []), "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert f"example:\n  tdplib {verb}".rstrip() in said
    assert all(name in said for name in VERBS if not verb)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from tdplib.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numba', 'numpy', 'ipywidgets', 'anywidget', 'graphviz', 'pygraphviz'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check"], ["check", "v5.18", "--nonsense"]])
def test_wrong_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["protocols", "v5.81"], "did you mean 'v5.18'?"),
        (["check", "v5.18", "--scenario", "smal"], "did you mean 'small'?"),
        (["check", "v5.18", "--vary", "vcpu=3"], "did you mean 'vcpus'?"),
        (["check", "v5.18", "--vary", "vcpus"], "takes FIELD=NUMBER"),
        (["check", "v5.18", "--vary", "vcpus=99"], "scenario: vcpus is 99"),
        (["check", "v5.18", "--base", "v5.17"], "--base goes with a file"),
    ],
)
def test_an_error_is_one_block_without_a_traceback(arguments, said, fake_check, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tdplib: ")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("status", "code"), [("holds", 0), ("violated", 1), ("incomplete", 3)])
def test_exit_code_of_check(status, code, fake_check, capsys):
    fake_check.verdict = fake_verdict(status)
    assert main(["check", "v5.18"]) == code
    assert capsys.readouterr().out.startswith(status)


def test_check_as_json(fake_check, capsys):
    assert main(["check", "patch-22-skip-invalid", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "violated"
    assert record["property"] == "zap-complete"
    assert record["states"] == 34567
    assert record["schedule"] == "v1:7f3a.aaaaacccc"
    last = record["trace"][-1]
    assert last == {
        "step": 9,
        "actor": "update 0",
        "function": "memslot_update",
        "file": "patch-22.py",
        "line": 103,
        "source": "model_update_returns(kvm)",
        "effect": "the fast zap returns: SPTE 1 of root 0 is still present",
        "kind": "model",
    }
    keys = "protocol scenario verdict property states transitions depth seconds schedule trace"
    assert set(keys.split()) <= set(record)
    fake_check.verdict = fake_verdict("holds")
    assert main(["check", "v5.18", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["schedule"], record["trace"], record["complete"]) == (None, [], True)


def test_check_hands_its_options_on(fake_check, tmp_path):
    main(["check", "v5.18", "--scenario", "small", "--max-states", "7", "--property", "no-leak"])
    code, options = fake_check.calls[-1]
    assert code == "v5.18"
    assert options["scenario"].name == "small"
    assert options["max_states"] == 7
    assert options["properties"] == ("no-leak",)
    main(["check", "v5.18", "--vary", "vcpus=3", "updates=0x1"])
    scenario = fake_check.calls[-1][1]["scenario"]
    assert (scenario.vcpus, scenario.updates) == (3, 1)
    assert options["reductions"] == checking.DEFAULT_REDUCTIONS
    main(["check", "v5.18", "--no-lockset", "--symmetry"])
    assert fake_check.calls[-1][1]["reductions"] == ("merge", "acquire", "symmetry")
    mine = tmp_path / "mine.py"
    mine.write_text("def f(kvm):\n    pass\n")
    main(["check", str(mine), "--base", "v6.4"])
    code, options = fake_check.calls[-1]
    assert code == mine
    assert options["base"] == "v6.4"


def test_every_reduction_has_a_switch():
    from tdplib.check import REDUCTIONS

    assert tuple(checking.REDUCTIONS) == REDUCTIONS


def test_check_writes_the_pictures(fake_check, tmp_path, capsys):
    names = {kind: tmp_path / f"t.{kind}" for kind in ("svg", "perfetto")}
    flags = [word for kind, path in names.items() for word in (f"--{kind}", str(path))]
    assert main(["check", "patch-22-skip-invalid", *flags]) == 1
    assert names["svg"].read_text(encoding="utf-8").startswith("<svg")
    assert json.loads(names["perfetto"].read_text(encoding="utf-8"))["traceEvents"]
    assert f"wrote {names['svg']}" in capsys.readouterr().err
    fake_check.verdict = fake_verdict("holds")
    names["svg"].unlink()
    assert main(["check", "v5.18", "--svg", str(names["svg"])]) == 0
    assert not names["svg"].exists()


def test_protocols_are_listed_and_shown(capsys):
    assert main(["protocols"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22
    assert lines[6].startswith("patch-22-skip-invalid")
    assert "violated: zap-complete" in lines[6]
    assert main(["protocols", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 22
    assert main(["protocols", "v5.18"]) == 0
    assert "efd995dae5eb" in capsys.readouterr().out
    assert main(["protocols", "v5.18", "--source"]) == 0
    assert "def kvm_tdp_mmu_put_root(" in capsys.readouterr().out
    assert main(["protocols", "v5.18", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenario"]["vcpus"] == 2


def test_scenarios_are_listed(capsys):
    assert main(["scenarios"]) == 0
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("three-vcpus "))
    assert row.split(maxsplit=1)[1] == ("3 vCPUs, 1 fault each, 2 memslot updates, 3 SPTEs a table")
    assert main(["scenarios", "--json"]) == 0
    assert {"default", "small"} <= {each["name"] for each in json.loads(capsys.readouterr().out)}


def test_bench_outside_a_checkout_is_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tdplib, "__file__", str(tmp_path / "tdplib" / "__init__.py"))
    assert main(["bench", "search"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "part of a checkout" in err


def test_bench_runs_the_file_with_its_arguments(monkeypatch, tmp_path, capsys):
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "search.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"  # looks its own module up
        "class Row:\n"
        "    size: int = 0\n"
        "def main(args):\n"
        "    print(args)\n"
        "    return 0\n"
    )
    monkeypatch.setattr(tdplib, "__file__", str(tmp_path / "tdplib" / "__init__.py"))
    assert main(["bench", "search", "--json", "x"]) == 0
    assert capsys.readouterr().out == "['--json', 'x']\n"


def test_doctor_as_json(capsys):
    main(["doctor", "--json"])
    names = [line["name"] for line in json.loads(capsys.readouterr().out)]
    assert {"python", "core", "kernels"} <= set(names)


@pytest.fixture
def one_figure(monkeypatch):
    from tdplib import figure

    made = figure.Made(draw.Picture("<svg/>\n", "nothing"), "digraph {}\n")
    monkeypatch.setattr(figure, "FIGURES", {"life": lambda: made})
    return made


def test_figures_are_written_once_and_checked(one_figure, tmp_path, capsys):
    where = ["figures", "--into", str(tmp_path)]
    assert main([*where, "--check"]) == 1
    assert "life.svg is stale" in capsys.readouterr().out
    assert not (tmp_path / "life.svg").exists()
    assert main(where) == 0
    assert (tmp_path / "life.dot").read_text() == one_figure.dot
    assert main([*where, "--check"]) == 0
    assert capsys.readouterr().out.endswith("all figures are current\n")
    (tmp_path / "life.dot").write_text("digraph { other }\n")
    assert main([*where, "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["stale"] == ["life.dot"]


def test_figures_outside_a_checkout(one_figure, tmp_path, capsys):
    assert main(["figures", "--into", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_interrupt_and_closed_pipe(monkeypatch, fake_check, capsys):
    def interrupted(code=None, **options):
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(tdplib), "check", interrupted)
    assert main(["check", "v5.18"]) == 130
    assert capsys.readouterr().err == "tdplib: interrupted\n"
    done = subprocess.run(
        f"{sys.executable} -m tdplib protocols v5.18 --source | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_unexpected_errors_keep_their_traceback(monkeypatch):
    def broken(code=None, **options):
        raise ZeroDivisionError

    monkeypatch.setitem(vars(tdplib), "check", broken)
    with pytest.raises(ZeroDivisionError):
        main(["check", "v5.18"])


def test_progress_line_overwrites_itself_and_goes_away(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    line = say_module.ProgressLine()
    line.show("nobody sees this")
    assert stream.getvalue() == ""
    line = say_module.ProgressLine(force=True)
    line.show("12345")
    line.show("12")
    line.clear()
    assert stream.getvalue() == "\r12345\r12   \r  \r"


def test_an_error_of_several_lines_is_one_block(monkeypatch, capsys):
    def refuse(code=None, **options):
        raise BadValueError("mine.py:3: a lambda\n    x = lambda: 1\n        ^\nwrite a def")

    monkeypatch.setitem(vars(tdplib), "check", refuse)
    assert main(["check", "v5.18"]) == 2
    expected = "tdplib: mine.py:3: a lambda\n      x = lambda: 1\n          ^\n  write a def\n"
    assert capsys.readouterr().err == expected
