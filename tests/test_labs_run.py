"""The labs for real: every answer judged by the search, every notebook run through a kernel."""

import os
import pathlib
import sys
from datetime import datetime

import nbformat
import pytest

from tdplib import labs
from tdplib.labs import build as building
from tdplib.labs.exercise import lab_names, load_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import NOT_ATTEMPTED, NOT_LANGUAGE, RIGHT, UNDECIDED, WRONG
from tdplib.labs.sources import read_source
from tdplib.labs.verify import Result, verify

ROOT = pathlib.Path(__file__).parents[1]
EX1, EX2, EX3, _EX4 = load_lab("lab07").exercises
SLOWEST_CELL = 10.0
"""Seconds, on two cores; compiling is paid before, by `make lab`."""


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("TDPLIB_PROGRESS", str(tmp_path / "progress.json"))


def walk(*lines):
    """An answer to exercises 1 and 2 with this loop body."""
    body = "\n".join(f"        {line}" for line in lines)
    return (
        "def kvm_tdp_mmu_invalidate_all_roots(kvm):\n"
        "    lockdep_assert_held_write(kvm.mmu_lock)\n"
        f"    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n{body}\n"
    )


GET = "WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))"
MARK = "root.role.invalid = 1"
QUEUE = "tdp_mmu_schedule_zap_root(kvm, root)"


def skip(condition):
    return f"if {condition}:", "    continue"


def put(*lines, rest=True):
    """An answer to exercise 3: these lines after the count has come to zero."""
    body = "\n".join(f"    {line}" for line in lines)
    free = (
        "    spin_lock(kvm.arch.tdp_mmu_pages_lock)\n"
        "    list_del_rcu(root.link)\n"
        "    spin_unlock(kvm.arch.tdp_mmu_pages_lock)\n"
        "    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)\n"
    )
    return (
        "def kvm_tdp_mmu_put_root(kvm, root, shared):\n"
        "    kvm_lockdep_assert_mmu_lock_held(kvm, shared)\n"
        "    if not refcount_dec_and_test(root.tdp_mmu_root_count):\n"
        f"        return\n{body}\n" + (free if rest else "")
    )


VALID = "if not kvm_tdp_root_mark_invalid(root):"
SET = "    refcount_set(root.tdp_mmu_root_count, 1)"
HAND = "    tdp_mmu_schedule_zap_root(kvm, root)"
BACK = "    return"


def test_verify_proves_every_exercise():
    results = verify()
    assert len(results) == 2 * sum(len(load_lab(name).exercises) for name in lab_names())
    for result in results:
        assert result.ok, f"{result}\n{result.text}"
    assert {result.expected for result in results} == {RIGHT, NOT_ATTEMPTED}


def test_a_failed_proof_is_seen():
    result = Result("lab07.ex1", "stub", NOT_ATTEMPTED, RIGHT, 0.1, "")
    assert not result.ok
    assert "FAILED (must be 'not attempted')" in str(result)


WRONG_1 = {
    "every root each time": (walk(GET, MARK, QUEUE), {"wasted-zap"}),
    "none at all": (walk("root.role.invalid = 0"), None),
    "no reference": (walk(*skip("root.tdp_mmu_async_data"), MARK, QUEUE), None),
    "never invalid": (walk(*skip("root.tdp_mmu_async_data"), GET, QUEUE), None),
    "never queued": (walk(*skip("root.role.invalid"), GET, MARK), None),
    "the wrong way round": (walk(*skip("not root.tdp_mmu_async_data"), GET, MARK, QUEUE), None),
    "a guess from the count": (
        walk(*skip("refcount_read(root.tdp_mmu_root_count) > 1"), GET, MARK, QUEUE),
        None,
    ),
    "two references": (walk(*skip("root.role.invalid"), GET, GET, MARK, QUEUE), {"no-leak"}),
    "queued twice": (walk(*skip("root.role.invalid"), GET, MARK, QUEUE, QUEUE), None),
}
WRONG_2 = {
    "every root each time": (walk(GET, MARK, QUEUE), {"wasted-zap"}),
    "another way to write the stub": (
        walk("if not root.role.invalid:", f"    {GET}", f"    {MARK}", f"    {QUEUE}"),
        {"zap-complete"},
    ),
    "either": (
        walk(*skip("root.role.invalid or root.tdp_mmu_async_data"), GET, MARK, QUEUE),
        {"zap-complete"},
    ),
}
WRONG_3 = {
    "no reference for the worker": (put(VALID, HAND, BACK), None),
    "two references": (put(VALID, SET.replace("1)", "2)"), HAND, BACK), {"no-leak"}),
    "raised from zero": (
        put(VALID, "    refcount_inc(root.tdp_mmu_root_count)", HAND, BACK),
        {"refcount-from-zero"},
    ),
    "never queued": (put(VALID, SET, BACK), None),
    "queued and freed": (put(VALID, SET, HAND), None),
    "the wrong way round": (put("if kvm_tdp_root_mark_invalid(root):", SET, HAND, BACK), None),
    "never marked": (put("if not root.role.invalid:", SET, HAND, BACK), None),
    "freed at once": (put("kvm_tdp_root_mark_invalid(root)"), None),
}


def wrong_answers():
    for record, answers in ((EX1, WRONG_1), (EX2, WRONG_2), (EX3, WRONG_3)):
        for name, (text, expected) in answers.items():
            yield pytest.param(record, text, expected, id=f"{record.id}: {name}")


@pytest.mark.parametrize(("record", "text", "expected"), list(wrong_answers()))
def test_wrong_answers_are_wrong_and_explained(record, text, expected):
    report = judge(record, text)
    assert report.status == WRONG, str(report)
    assert report.points == 0
    broken = report.outcomes[-1].broken
    assert expected is None or broken in expected
    assert broken in record.meanings, f"{broken} needs a sentence of its own in {record.id}"
    assert report.trace is not None
    assert report.meaning in str(report)
    assert str(report.trace) in str(report)


def test_what_is_not_in_the_language_points_at_the_line():
    text = walk("try:", "    root.role.invalid = 1", "finally:", "    pass")
    report = judge(EX1, text)
    assert report.status == NOT_LANGUAGE
    assert report.error.line == 4
    assert "try" in str(report)


def test_a_name_that_does_not_exist_is_not_in_the_language():
    report = judge(EX1, walk(GET, MARK, "tdp_mmu_shedule_zap_root(kvm, root)"))
    assert report.status == NOT_LANGUAGE
    assert "tdp_mmu_schedule_zap_root" in str(report)


def test_a_value_without_bound_is_not_decided(monkeypatch):
    monkeypatch.setattr("tdplib.labs.judge.MAX_SECONDS", 3.0)
    text = walk("n = 0", "while True:", "    n = n + 1")
    report = judge(EX1, text)
    assert report.status == UNDECIDED, str(report)
    assert report.points == 0


@pytest.mark.parametrize(
    "lines",
    [
        ("while True:", "    root.role.invalid = 1"),
        ("while root.role.invalid == 0:", "    cpu_relax()"),
    ],
)
def test_an_answer_that_never_ends_is_wrong_though_nothing_breaks(lines):
    report = judge(EX1, walk(*lines))
    assert report.status == WRONG, str(report)
    assert report.outcomes[-1].broken == "never ends"
    assert "not everybody can end" in str(report)
    assert "`kvm_tdp_mmu_invalidate_all_roots`, line" in str(report)


def test_after_the_stages_the_hint_points_into_the_learners_own_trace():
    task = labs.exercise("lab07.ex1")
    report = task.check(WRONG_1["every root each time"][0])
    for _ in range(3):
        task.hint()
    hint = str(task.hint())
    steps = {step.number: step for step in report.trace.steps}
    number = int(hint.split("Look at step ")[1].split(",")[0])
    assert any(action.function in EX1.replaces for action in steps[number].actions)
    assert "root 0: invalid, count 1, 0 present SPTEs, not in the queue" in hint
    assert "line " in hint


def test_a_check_is_recorded():
    task = labs.exercise("lab07.ex1")
    task.check(EX1.stub)
    assert task.check(walk(*skip("root.role.invalid"), GET, MARK, QUEUE)).status == RIGHT
    from tdplib.labs.progress import exercise_record

    entry = exercise_record("lab07.ex1")
    assert (entry["attempts"], entry["last"]) == (1, RIGHT), "the stub is no attempt"


def test_a_wrong_report_opens_in_the_widget():
    report = judge(EX1, WRONG_1["every root each time"][0])
    widget = report.play()
    assert widget.board["steps"] == len(report.trace.steps)


# --- what the lab tells


def until(session, actor, seen):
    """Step `actor` until `seen(board)`; the board then."""
    names = [each["name"] for each in session.board()["actors"]]
    while not seen(session.board()):
        session.step(names.index(actor))
    return session.board()


def root_0(board):
    root = board["roots"][0]
    live = sum(spte["present"] for spte in root["sptes"])
    return root["refcount"], live, root["role"]["invalid"], root["queued"]


def stands(board, actor):
    return next(each for each in board["actors"] if each["name"] == actor)


def test_the_requeue_can_be_played_by_hand_as_the_lab_tells():
    from tdplib.replay import Session

    session = Session("patch-21")
    loaded = until(session, "vCPU 0", lambda b: b["roots"] and root_0(b)[1] == 1)
    assert root_0(loaded) == (1, 1, False, False)
    assert loaded["steps"] <= 4, "the lab says: a few times"
    flush = until(session, "update 0", lambda b: stands(b, "update 0")["status"] == "blocked")
    assert root_0(flush) == (2, 1, True, True)
    assert stands(flush, "update 0")["function"] == "kvm_tdp_mmu_zap_invalidated_roots"
    idle = until(session, "zap worker", lambda b: stands(b, "zap worker")["status"] == "idle")
    assert root_0(idle) == (1, 0, True, False)
    until(session, "update 0", lambda b: stands(b, "update 0")["status"] == "done")
    again = until(session, "update 1", lambda b: root_0(b)[3])
    assert root_0(again) == (2, 0, True, True)
    assert again["broken"] is None


def test_the_traces_are_as_the_lab_tells():
    from tdplib import check

    waste = check(base="patch-21").traces["wasted-zap"]
    boards = waste.boards()
    assert all(root_0(board)[1] == 0 for board in boards if board["roots"])
    early = check(EX2.stub, base="patch-22").trace
    own = [s for s in early.steps if any(a.function in EX2.replaces for a in s.actions)]
    assert len(own) == 1
    marked = [
        step.actor_name
        for step in early.steps
        for action in step.actions
        if action.function == "kvm_tdp_root_mark_invalid" and action.kind == "rmw"
    ]
    assert len(marked) == 1
    assert marked[0].startswith("vCPU"), "the answer to question 4"
    twice = check(base="patch-24-unconditional")
    assert twice.property == "no-double-queue", "the answer to question 5"


def test_the_table_at_the_end_is_that_of_the_protocols():
    from tdplib.protocols import row

    expected = {
        "patch-21": "holds",
        "patch-21-skip-invalid": "holds",
        "patch-21-sentinel": "holds",
        "patch-22": "holds",
        "patch-22-skip-invalid": "violated",
        "patch-22-sentinel": "holds",
        "patch-24-unconditional": "violated",
        "v5.18": "holds",
        "patch-24-sentinel": "holds",
    }
    assert {name: row(name).expected.status for name in expected} == expected


# --- the notebooks, through a real kernel


def run_notebook(source, student, tmp_path):
    """Execute the notebook of `source`; return it, with times and outputs in its cells."""
    from nbclient import NotebookClient

    made = nbformat.reads(building.notebook_text(source, student), as_version=4)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "TDPLIB_PROGRESS": str(tmp_path / "progress.json"),
    }
    client = NotebookClient(
        made,
        timeout=120,
        kernel_name="python3",
        record_timing=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env=env)
    return made


def seconds(cell):
    times = cell.metadata.execution
    start, end = (
        datetime.fromisoformat(times[key]) for key in ("iopub.execute_input", "shell.execute_reply")
    )
    return (end - start).total_seconds()


def shown(made, grade_id):
    cell = next(cell for cell in made.cells if cell.id == grade_id)
    return "\n".join(
        output.data.get("text/plain", "") for output in cell.outputs if "data" in output
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", lab_names())
@pytest.mark.parametrize("student", [True, False], ids=["student", "solution"])
# A kernel opens sockets of its own, and says so in warnings that are none of ours.
@pytest.mark.filterwarnings("ignore")
def test_notebooks_run_from_top_to_bottom(name, student, tmp_path):
    source = read_source(load_lab(name))
    made = run_notebook(source, student, tmp_path)
    expected = NOT_ATTEMPTED if student else RIGHT
    for record in source.lab.exercises:
        assert f"{record.id}: {expected}" in shown(made, f"{record.grade_id}-check")
    if student:
        assert not (tmp_path / "progress.json").exists(), "running a whole notebook is no attempt"
    times = {cell.id: seconds(cell) for cell in made.cells if cell.cell_type == "code"}
    slowest = max(times, key=times.get)
    sys.stderr.write(f"\n{name}: slowest cell {slowest}, {times[slowest]:.2f} s\n")
    assert times[slowest] < SLOWEST_CELL, f"{slowest} took {times[slowest]:.1f} s"
