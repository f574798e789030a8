"""What helps a learner: hints from their own trace, the solution, the progress page, the words."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tdplib
from tdplib import labs
from tdplib.errors import BadValueError
from tdplib.labs import progress
from tdplib.labs.exercise import LabError, lab_names, load_lab
from tdplib.labs.page import Page
from tdplib.labs.report import RIGHT, WRONG
from tdplib.words import glossary

ROOT = Path(__file__).parents[1]
EXERCISES = [record for name in lab_names() for record in load_lab(name).exercises]


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    path = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("TDPLIB_PROGRESS", str(path))
    return path


# --- hints


def own_stub(task):
    """The skip of exercise 2 in another spelling: wrong, and not the stub."""
    return task.record.stub.replace("if root.role.invalid:", "if root.role.invalid and True:")


def test_each_stage_comes_with_a_pointer_that_shows_more():
    task = labs.exercise("lab07.ex2")
    report = task.check(own_stub(task))
    shown = [str(task.hint()) for _ in range(4)]
    for number, text in enumerate(shown[:3], 1):
        assert task.record.hints[number - 1].strip() in text
    number = int(re.search(r"Look at step (\d+)", shown[0])[1])
    step = report.trace.steps[number - 1]
    assert any(action.function in task.record.replaces for action in step.actions)
    before = [s for s in report.trace.steps[: number - 1] if s.actor != step.actor][-1]
    assert f"{before.actor_name}, in step {before.number}" in shown[0]
    assert "reads root 0's role.invalid" not in shown[0]
    assert "reads root 0's role.invalid" in shown[1]
    assert "the board shows" not in shown[1]
    assert "root 0: invalid, count 1" in shown[2]
    assert "Hint" not in shown[3], "after the stages the pointer alone"
    assert "root 0: invalid, count 1" in shown[3]


def test_a_pointer_tells_only_what_there_is():
    """A freed root has no fields, and lab 04 has no queue to speak of."""
    task = labs.exercise("lab04.ex6")
    task.check(
        task.record.stub + "    if vcpu.arch.mmu.root is None:\n        flush_tlb_current(vcpu)\n"
    )
    assert "- root 0: freed" in [str(task.hint()) for _ in range(3)][-1]
    task = labs.exercise("lab04.ex1")
    task.check(task.record.stub.replace("raise NotImplementedError", "root.role.invalid = 1"))
    shown = [str(task.hint()) for _ in range(3)][-1]
    assert "- root 0:" in shown
    assert "async_data" not in shown
    assert "queue" not in shown


def test_without_a_wrong_answer_the_stage_stands_alone():
    task = labs.exercise("lab07.ex2")
    assert "your own trace" not in str(task.hint())


def test_a_helper_of_the_learner_is_their_code_too():
    task = labs.exercise("lab07.ex2")
    text = own_stub(task).replace("if root.role.invalid and True:", "if skip(root):")
    task.check(text + "\n\ndef skip(root):\n    return root.role.invalid\n")
    task.hint()
    assert "`return root.role.invalid`" in str(task.hint())


def test_a_wrong_schedule_is_pointed_at_its_end():
    from tdplib.labs.breaking import par
    from tdplib.replay.schedule import read_steps, write_steps

    record = next(each for each in EXERCISES if each.kind == "break")
    head, _, steps = par(record.cases[0]).code.rpartition(":")
    task = labs.exercise(record.id)
    report = task.check(f"{head}:{write_steps(read_steps(steps)[:-1])}")
    assert report.status == WRONG
    first, second = (str(task.hint()) for _ in range(2))
    assert f"It ends with step {len(report.trace.steps)}" in first
    assert "Where everybody stands" not in first
    assert "Where everybody stands" in second


def test_a_wrong_invariant_is_pointed_at_the_state():
    task = labs.exercise("lab07.ex4")
    report = task.check(
        "def invariant(kvm):\n    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n"
        "        if root.role.invalid:\n            return False\n    return True\n"
    )
    shown = [str(task.hint()) for _ in range(3)]
    assert f"Look at step {len(report.trace.steps)}" in shown[0]
    assert "Who holds what:\n\n- mmu_lock: " in shown[2]
    task.check("def invariant(kvm):\n    return True\n")
    assert "does your invariant look there" in str(task.hint())


# --- the solution


@pytest.mark.parametrize("record", EXERCISES, ids=lambda record: record.id)
def test_the_solution_is_asked_for_twice_and_recorded(record):
    task = labs.exercise(record.id)
    first = str(task.solution())
    assert "call `solution()` again" in first
    assert "3 hints you have not seen" in first
    assert "solution" not in progress.exercise_record(record.id)
    shown = str(task.solution())
    assert "```python" in shown
    assert "BEGIN" not in shown
    assert all(name in shown for name in record.replaces)
    assert progress.exercise_record(record.id)["solution"]
    assert str(labs.exercise(record.id).solution()) == shown, "who has seen it need not ask again"


def test_after_a_right_answer_the_solution_is_no_help():
    progress.note_attempt("lab07.ex1", RIGHT)
    assert "```python" in str(labs.exercise("lab07.ex1").solution())
    assert "solution" not in progress.exercise_record("lab07.ex1")


def test_without_the_sources_it_says_what_to_do(monkeypatch):
    def nowhere(root=None):
        raise LabError("no folder")

    monkeypatch.setattr("tdplib.labs.sources.solutions_folder", nowhere)
    task = labs.exercise("lab07.ex1")
    task.solution()
    assert "the folder `solutions/` is missing" in str(task.solution())
    assert "solution" not in progress.exercise_record("lab07.ex1")


# --- the progress page


def test_the_page_tells_what_is_done_and_what_is_next():
    first = EXERCISES[0]
    page = tdplib.progress()
    assert f"0 of {len(EXERCISES)} exercises are right" in str(page)
    assert f"Next: {first.id}" in str(page)

    progress.note_attempt(first.id, WRONG)
    progress.note_attempt(first.id, RIGHT, (9, 4))
    progress.note_hint(first.id, 2)
    progress.note_solution("lab07.ex3")
    question = load_lab("lab07").questions[0]
    labs.predict(question.id, question.answer)
    page = tdplib.progress()
    total = sum(record.points for record in EXERCISES)
    assert f"1 of {len(EXERCISES)} exercises are right, {first.points} of {total} points" in str(
        page
    )
    assert "1 right" not in str(page).splitlines()[1]
    assert f"Next: {EXERCISES[1].id}" in str(page)
    row = next(line for line in str(page).splitlines() if f"{first.id} " in line)
    assert re.search(r"^ +done +.* 2 +2 +9 and 4$", row), row
    seen = next(line for line in str(page).splitlines() if "lab07.ex3" in line)
    assert "seen" in seen
    assert "1 of 1 predictions right" in str(page)


def test_the_page_reads_the_same_in_every_form():
    progress.note_attempt("lab07.ex1", RIGHT)
    page = Page()
    for text in (str(page), page._repr_markdown_(), page._repr_html_()):
        assert all(record.id in text for record in EXERCISES)
        assert f"1 of {len(EXERCISES)} exercises are right" in text
    assert "<script" not in page._repr_html_()


def test_when_all_is_done_nothing_is_next():
    record = {"exercises": {each.id: {"right_since": "x"} for each in EXERCISES}, "questions": {}}
    page = Page(record)
    assert page.next_exercise is None
    assert "nothing is left" in str(page)
    won, total = page.points()
    assert won == total


WRITER = """
import os, sys
from tdplib.labs import progress
slow = os.fsync
def fsync(file):
    slow(file)
    print("written", flush=True)   # the new file is there, the old one not yet replaced
    import time; time.sleep(float(sys.argv[1]))
os.fsync = fsync
n = 0
while True:
    n += 1
    progress.note_attempt("lab07.ex1", "wrong")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("pause", ["5", "0.0"])
def test_a_writer_that_is_killed_in_the_middle_of_a_write_leaves_a_whole_file(mine, pause):
    progress.note_attempt("lab07.ex1", RIGHT)
    before = json.loads(mine.read_text())
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, pause], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        for _ in range(1 if pause == "5" else 20):
            child.stdout.readline()
        if pause != "5":
            time.sleep(0.003)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    after = json.loads(mine.read_text())
    assert after["exercises"]["lab07.ex1"]["right_since"]
    if pause == "5":
        assert after == before, "the write that was cut off has changed nothing"
    entry = progress.note_attempt("lab07.ex1", WRONG)
    assert entry["attempts"] == after["exercises"]["lab07.ex1"]["attempts"] + 1, "no lock is left"


# --- the words


def test_every_word_is_explained_once_and_leads_to_words_that_exist():
    entries = glossary.entries()
    spelt = [name.lower() for entry in entries for name in (entry.word, *entry.also)]
    assert len(set(spelt)) == len(spelt)
    for entry in entries:
        assert entry.meaning.endswith(".")
        assert entry.word not in entry.see
        for other in entry.see:
            assert glossary.find(other).word == other


@pytest.mark.parametrize(
    "word",
    ["gfn", "spte", "role", "root", "sp", "as_id", "mmu_lock", "memslot", "zap", "invalid",
     "defunct", "vcpu", "tdp", "tlb", "rcu", "xchg"],
)  # fmt: skip
def test_the_short_names_of_the_course_are_there(word):
    assert word.lower() in str(labs.glossary(word)).lower()
    assert str(labs.glossary(word)) in str(labs.glossary())


def test_an_unknown_word_gets_the_nearest():
    with pytest.raises(BadValueError, match="did you mean 'memslot'"):
        labs.glossary("memslots")
