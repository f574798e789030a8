"""Exercises of the kinds ``break`` and ``guard`` as data, and the judging of schedules."""

from dataclasses import replace

import pytest

from tdplib import check, labs
from tdplib.labs import progress
from tdplib.labs.breaking import par
from tdplib.labs.detours import longer
from tdplib.labs.exercise import Case, Exercise, LabError, read_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import NOT_ATTEMPTED, NOT_LANGUAGE, NOT_SCHEDULE, RIGHT, WRONG, Score
from tdplib.replay import Session, replay
from tdplib.replay.schedule import write_steps

BROKEN = ("zap-complete",)
CASE = Case("patch-22-skip-invalid", "the skip, too early", "requeue", BROKEN)


def break_exercise(case=CASE, **other):
    """Return a ``break`` exercise with one case."""
    record = {
        "id": "lab07.ex9", "title": "Break it", "kind": "break", "replaces": (),
        "objective": "break it.", "statement": "Break it.", "stub": 'schedule = ""',
        "points": 5, "difficulty": "easy", "minutes": 5, "kernel": "nowhere",
        "hints": ("a", "b", "c"), "cases": (case,),
    }  # fmt: skip
    return Exercise(**{**record, **other})


EXERCISE = break_exercise()


@pytest.fixture(scope="module")
def best():
    return par(CASE)


# --- the record

RECORD = """
[lab]
name = "lab99"
title = "T"
question = "Q?"
stem = "lab99_t"
minutes = 5

[[exercise]]
id = "lab99.ex1"
title = "T"
kind = "break"
replaces = []
objective = "o."
statement = "s"
stub = 'schedule = ""'
points = 5
difficulty = "easy"
minutes = 5
kernel = "k"
hints = ["a", "b", "c"]

[[exercise.case]]
base = "no-gift"
says = "no gift"
properties = ["no-use-after-free"]

[[exercise]]
id = "lab99.ex2"
title = "T"
kind = "guard"
replaces = ["invariant"]
objective = "o."
statement = "s"
stub = 'def invariant(kvm): raise NotImplementedError'
points = 5
difficulty = "easy"
minutes = 5
kernel = "k"
hints = ["a", "b", "c"]

[[exercise.case]]
base = "v5.18"
says = "right"
must = "hold"

[[exercise.case]]
base = "no-gift"
says = "no gift"
must = "break"

[[exercise.case]]
base = "patch-22-skip-invalid"
says = "too early"
must = "break"
"""


def test_records_of_the_kinds_are_read(tmp_path):
    path = tmp_path / "lab99.toml"
    path.write_text(RECORD)
    broken, guard = read_lab(path).exercises
    assert (broken.kind, broken.replaces) == ("break", ())
    assert [case.must for case in guard.cases] == ["hold", "break", "break"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("replaces = []", 'replaces = ["f"]', "a break replaces nothing"),
        ('properties = ["no-use-after-free"]', "", "names the properties to break"),
        ('properties = ["no-use-after-free"]', 'must = "break"', "other cases do not"),
        ('replaces = ["invariant"]', 'replaces = ["other"]', "a guard replaces 'invariant'"),
        ('must = "hold"', 'must = "stand"', "must be one of"),
        ('must = "hold"', "", "must be one of"),
        ('must = "hold"', 'must = "break"', "at least one case that must hold"),
        ('early"\nmust = "break"', 'early"\nmust = "hold"', "two that must break"),
        ('kind = "break"', 'kind = "break"\npar_lines = 1', "for a mend only"),
        ('kind = "break"', 'kind = "mend"', "needs a function to replace"),
    ],
)
def test_records_that_do_not_fit_their_kind_are_refused(tmp_path, old, new, message):
    assert old in RECORD
    path = tmp_path / "lab99.toml"
    path.write_text(RECORD.replace(old, new, 1))
    with pytest.raises(LabError, match=message):
        read_lab(path)


# --- judging


@pytest.mark.parametrize("answer", ["", "  \n", EXERCISE.stub])
def test_no_schedule_is_no_attempt(answer):
    assert judge(EXERCISE, answer).status == NOT_ATTEMPTED


def test_the_shortest_is_right_and_par(best):
    report = judge(EXERCISE, best.code)
    assert report.status == RIGHT, str(report)
    assert report.points == 5
    assert report.score.yours == report.score.par == (best.steps, best.switches)
    assert f"par {best.steps} and {best.switches}" in str(report)
    assert report.trace.broken == "zap-complete"
    assert "What your schedule does" in str(report)
    assert judge(EXERCISE, report.trace).status == RIGHT, "a trace is taken for its code"


def test_par_is_what_a_whole_search_finds(best):
    trace = check(base=CASE.base, scenario=CASE.scenario, properties=BROKEN).trace
    assert (best.steps, best.switches) == (len(trace.steps), trace.switches)


def with_steps(code, path):
    """Return the schedule code with other steps."""
    return f"{code.rpartition(':')[0]}:{write_steps(path)}"


def test_a_detour_is_right_and_scored(best):
    report = judge(EXERCISE, longer(CASE, best))
    assert report.status == RIGHT, str(report)
    assert report.score.yours > report.score.par


def test_a_schedule_that_breaks_nothing_is_wrong(best):
    path = replay(best.code).session.path
    report = judge(EXERCISE, with_steps(best.code, path[:-1]))
    assert report.status == WRONG
    assert report.points == 0
    assert "breaks nothing. Asked for: zap-complete." in str(report)
    assert report.trace is not None


def test_a_schedule_that_breaks_something_else_is_wrong_and_says_what(best):
    other = break_exercise(Case(CASE.base, CASE.says, CASE.scenario, ("no-leak",)))
    report = judge(other, best.code)
    assert report.status == WRONG
    assert "breaks zap-complete, and that is another property. Asked for: no-leak" in str(report)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda code: "2a3b", "is not a schedule code"),
        (lambda code: 7, "A schedule code is text; found int"),
        (lambda code: code.replace(CASE.base, "v5.18"), "is one of 'v5.18'. This exercise is"),
        (lambda code: code.replace("/requeue/", "/default/"), "is one of scenario 'default'"),
        (lambda code: code.replace(CASE.base, CASE.base + "+code"), "code of your own"),
        (lambda code: code + "a", "stops at step"),
        (lambda code: code[: code.index(":") + 1] + "99a", "stops at step"),
    ],
)
def test_what_does_not_fit_is_no_schedule(best, change, message):
    report = judge(EXERCISE, change(best.code))
    assert report.status == NOT_SCHEDULE, str(report)
    assert message in str(report)
    assert report.points == 0


def test_single_actions_are_right_and_not_compared_with_par():
    session = Session(CASE.base, CASE.scenario, raw=True)
    trace = check(base=CASE.base, scenario=CASE.scenario, properties=BROKEN, reductions=()).trace
    for actor in trace.session.path:
        session.step(actor)
    report = judge(EXERCISE, session.code())
    assert report.status == RIGHT
    assert "single actions" in str(report)
    assert "par" not in str(report.score)


def test_advice_can_be_asked_for():
    case = Case("patch-21", "waste", "requeue", ("wasted-zap",))
    best = par(case)
    report = judge(break_exercise(case), best.code)
    assert report.status == RIGHT, str(report)
    assert report.score.yours == (best.steps, best.switches)
    on = Session.from_code(best.code)
    on.step(next(k for k, a in enumerate(on.board()["actors"]) if a["status"] == "ready"))
    assert judge(break_exercise(case), on.code()).score == report.score, "cut where it shows"


def test_a_par_that_does_not_exist_is_a_fault_of_the_record():
    with pytest.raises(LabError, match="nothing breaks zap-complete"):
        par(Case("v5.18", "right", "small", BROKEN))


def test_the_best_score_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TDPLIB_PROGRESS", str(tmp_path / "progress.json"))
    for score in ((9, 4), (6, 3), (6, 2), (12, 1)):
        progress.note_attempt("lab07.ex9", RIGHT, score)
    assert progress.exercise_record("lab07.ex9")["best"] == [6, 2]
    progress.note_attempt("lab07.ex9", WRONG)
    assert progress.exercise_record("lab07.ex9")["best"] == [6, 2]


def test_scores_read_well():
    steps = ("step", "switch")
    assert str(Score(steps, (9, 4), (6, 2))) == "yours 9 steps and 4 switches, par 6 and 2"
    assert str(Score(steps, (1, 1), (1, 1))) == "yours 1 step and 1 switch, par 1 and 1"
    assert str(Score(("line",), (3,), (1,))) == "3 lines changed, par 1"
    assert str(Score(("line",), (1,), (1,))) == "1 line changed, par 1"


def test_changed_lines_are_told_to_who_mends():
    record = labs.exercise("lab07.ex2").record
    mend = replace(record, par_lines=1)
    right = record.stub.replace("if root.role.invalid:", "if root.tdp_mmu_async_data:")
    assert "1 line changed, par 1." in str(judge(mend, right))
    longer = right.replace("if root.tdp", "queued = root.tdp").replace(
        "async_data:\n", "async_data\n        if queued:\n"
    )
    assert "2 lines changed, par 1." in str(judge(mend, longer))


# --- guards

STUB = "def invariant(kvm, vcpu0):\n    raise NotImplementedError\n"
CASES = (
    Case("v5.18", "v5.18", "small", must="hold"),
    Case("no-gift", "no gift for the worker", "small", must="break"),
    Case("request-before-invalidate", "the request too early", "small", must="break"),
)
GUARD = break_exercise(kind="guard", replaces=("invariant",), stub=STUB, cases=CASES)
WHOLE = """
def invariant(kvm, vcpu0):
    root = vcpu0.arch.mmu.root
    if root is None or rwlock_is_write_locked(kvm.mmu_lock):
        return True
    if refcount_read(root.tdp_mmu_root_count) == 0:
        return False
    asked = kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu0)
    return asked or not root.role.invalid
"""


def test_the_stub_of_a_guard_is_no_attempt():
    assert judge(GUARD, STUB).status == NOT_ATTEMPTED


def test_a_guard_must_define_its_function():
    assert judge(GUARD, "def f(kvm):\n    return 1\n").status == NOT_LANGUAGE


def test_a_guard_that_asks_too_much_shows_where_it_is_false():
    report = judge(GUARD, WHOLE.replace("if root is None or", "if root is None and"))
    assert report.status == WRONG
    report = judge(GUARD, WHOLE.replace(" or rwlock_is_write_locked(kvm.mmu_lock)", ""))
    assert report.status == WRONG
    assert "It asks for too much" in str(report)
    assert report.trace.broken == "invariant"
    assert report.play().board["steps"] == len(report.trace.steps)


def test_a_guard_that_asks_too_little_names_the_bug_and_shows_it():
    report = judge(GUARD, "def invariant(kvm):\n    return True\n")
    assert report.status == WRONG
    assert "no gift for the worker: not caught" in str(report)
    assert "your invariant does not see" in str(report)
    assert report.trace.broken == check(base="no-gift", scenario="small").property


def test_a_guard_that_changes_something_is_not_in_the_language():
    text = WHOLE.replace("    asked =", "    root.role.invalid = 0\n    asked =")
    assert judge(GUARD, text).status == NOT_LANGUAGE


def test_a_guard_that_oopses_is_wrong():
    report = judge(GUARD, WHOLE.replace("root is None or", ""))
    assert report.status == WRONG
    assert "your invariant itself breaks no-oops" in str(report)
