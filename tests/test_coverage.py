"""Coverage: the same as the slow twin's, in sentences that are true, and nothing runs as HTML."""

import json

import coverage_twin as twin
import engine
import pytest
from random_programs import SEEDS, random_program
from seeded import SEEDS as BUGS

from tdplib.check import check
from tdplib.cli import main
from tdplib.errors import BadValueError

NAME = "kvm_tdp_mmu_zap_invalidated_roots"
HEAD = f"def {NAME}(kvm):\n"
FLUSH = "    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)\n"
FEW = SEEDS[:32]
WHAT = ("reached", "states", "begun", "outcomes", "transitions")


def unlike(program, names=engine.NONE, what=WHAT):
    """What the twin and the machine count differently, each as (twin, machine)."""
    units, actors, params = program
    slow = twin.slow(units, actors, **params)
    fast = twin.fast(engine.fast(units, actors, params, names))
    pairs = {name: (getattr(slow, name), getattr(fast, name)) for name in what}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("seed", FEW)
def test_random_programs_as_the_slow_twin(seed):
    """Without reductions every count is the same; with them, what is reached and decided."""
    made = random_program(seed)
    program = made.units, made.actors, made.params
    assert unlike(program) == {}, made
    for names in engine.SOME[seed % 2 :: 2]:
        assert unlike(program, names, ("reached", "decided")) == {}, (names, made)


@pytest.mark.parametrize("bug", BUGS[::4], ids=lambda bug: bug.name)
def test_seeded_bugs_as_the_slow_twin(bug):
    """Paths that end where they break."""
    program = bug.units, bug.actors, bug.params
    assert unlike(program) == {}
    assert unlike(program, engine.ALL, ("reached", "decided")) == {}


def test_a_protocol_as_the_slow_twin():
    program = engine.protocol("v5.18", "small")
    assert unlike(program) == {}
    assert unlike(program, engine.ALL, ("reached", "decided")) == {}


def told(body, **options):
    """Coverage of the flush with this body, on v5.18 in its smallest scenario."""
    options = {"base": "v5.18", "scenario": "small"} | options
    return check(HEAD + body, **options).coverage()


def test_a_line_behind_a_condition_that_is_never_true():
    found = told(FLUSH + "    if kvm.users_count == 0:\n        kvm.users_count = 1\n")
    assert found.never == {NAME: (4,)}
    why = "the condition in line 3, `kvm.users_count == 0`, was never true"
    assert found.remarks == (f"line 4 never runs: {why}, in all {found.states:,} states.",)
    line = found.functions[0].lines[2]
    assert line.one_way is False
    assert line.condition[0] > 0
    text = str(found)
    assert "2 of 3 lines run" in text
    assert "never" in next(row for row in text.splitlines() if "users_count = 1" in row)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("    n = 1\n    if n:\n        n = 2\n    else:\n        n = 3\n",
         "line 6 never runs: the condition in line 3, `n`, was never false"),
        ("    n = 1\n    if n:\n        n = 2\n", "the condition in line 3, `n`, was never false"),
        ("    return\n    kvm.users_count = 3\n    kvm.users_count = 4\n",
         "lines 3 to 4 never run: line 2 leads away before it"),
        ("    while True:\n        return\n    kvm.users_count = 2\n",
         "line 4 never runs: no path goes on after the loop in line 2"),
        ("    for n in range(0):\n        kvm.users_count = n\n",
         "line 3 never runs: the loop in line 2 never has a round"),
        ("    if kvm.users_count:\n        return\n    else:\n        return\n    n = 2\n",
         "line 5 never runs: the condition in line 2, `kvm.users_count`, was never false"),
        ("    mutex_lock(kvm.slots_arch_lock)\n    mutex_lock(kvm.slots_arch_lock)\n    n = 1\n",
         "line 4 never runs: no path comes past line 3"),
    ],
)  # fmt: skip
def test_why_a_line_never_runs(body, says):
    """The first sentence; it ends with where that was looked for."""
    assert told(body).remarks[0].startswith(says + ", in ")


def test_all_that_is_taken_leaves_no_remark():
    assert told(FLUSH).remarks == ()
    assert told(FLUSH).never == {}


def test_a_function_that_nobody_calls_is_one_sentence():
    found = told(FLUSH + "\ndef spare(kvm):\n    kvm.users_count = 2\n    return 1\n")
    assert found.never == {"spare": (5, 6)}
    assert found.remarks == (f"`spare` is never called, in all {found.states:,} states.",)
    assert "    return 1" not in str(found)


def test_a_violation_and_a_bound_are_said():
    broken = told("    return\n")
    assert broken.violated == "zap-complete"
    assert "A path ends where it breaks a property, here zap-complete" in str(broken)
    cut = check("v5.18", max_states=300).coverage()
    assert not cut.complete
    assert "Not every interleaving was visited" in str(cut)
    where = f" in the {cut.states:,} states that were visited."
    assert cut.remarks
    assert all(where in remark for remark in cut.remarks)
    assert check("v5.18", scenario="small").coverage().notes == ()


def test_which_functions():
    verdict = check(HEAD + FLUSH, base="v5.18", scenario="small")
    assert [f.name for f in verdict.coverage().functions] == [NAME]
    every = [f.name for f in verdict.coverage("all").functions]
    assert {"vcpu_thread", NAME, "tdp_mmu_zap_root"} <= set(every)
    assert [f.name for f in verdict.coverage("vcpu_thread").functions] == ["vcpu_thread"]
    lines = {line.kind for line in verdict.coverage("vcpu_thread").functions[0].lines}
    assert lines == {"", "statement", "left out"}
    with pytest.raises(BadValueError, match="no function is called 'vcpu_tread'"):
        verdict.coverage("vcpu_tread")
    own = [f.name for f in check("v5.18", scenario="small").coverage().functions]
    assert own[0] == "kvm_tdp_mmu_get_vcpu_root_hpa"
    assert "vcpu_thread" not in own


def test_symmetry_and_other_reductions_change_no_mark():
    options = {"scenario": "small", "base": "v5.18"}
    plain = check(HEAD + FLUSH, reductions=(), **options).coverage("all")
    for names in (("merge",), ("merge", "lockset", "acquire", "symmetry")):
        other = check(HEAD + FLUSH, reductions=names, **options).coverage("all")
        assert other.never == plain.never
        ways = [[line.one_way for f in c.functions for line in f.lines] for c in (plain, other)]
        assert ways[0] == ways[1]


def test_html_says_the_same_and_escapes():
    found = told("    n = 1\n    if n < 2:  # <script>alert(1)</script>\n        n = 2\n")
    html = found._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "never false" in html
    assert html.count("<tr") == 1 + len(found.functions[0].lines)


def test_on_the_command_line(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(HEAD + FLUSH + "    if kvm.users_count == 0:\n        kvm.users_count = 1\n")
    asked = ["check", str(file), "--scenario", "small", "--coverage"]
    assert main(asked) == 0
    assert "line 4 never runs" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["coverage"]["functions"][0]["never"] == [4]
