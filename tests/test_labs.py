"""The labs as data and as text: records, sources, generated notebooks, progress. No search here."""

import ast
import dataclasses
import json
import os
import re
import threading

import nbformat
import pytest

from tdplib import labs
from tdplib.labs import build as building
from tdplib.labs import progress
from tdplib.labs.exercise import (
    DATA,
    HINT_STAGES,
    LabError,
    find_exercise,
    lab_names,
    load_lab,
    read_lab,
)
from tdplib.labs.judge import (
    _protocol_functions,
    judge,
    why_beside_the_point,
    why_not_attempted,
    why_refused,
)
from tdplib.labs.report import NOT_ATTEMPTED, NOT_LANGUAGE, RIGHT, WRONG, Outcome, Report
from tdplib.labs.sources import Region, check_markers, read_source, split_regions
from tdplib.lang.source import unit_from

LABS = lab_names()
EXERCISES = [record for name in LABS for record in load_lab(name).exercises]
QUESTIONS = [record for name in LABS for record in load_lab(name).questions]


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("TDPLIB_PROGRESS", str(tmp_path / "mine" / "progress.json"))


@pytest.fixture
def source():
    return read_source(load_lab("lab07"))


def changed(source, grade_id, change):
    """`source` with the text and metadata of one cell passed through `change`."""
    cells = []
    for cell in source.cells:
        text, metadata = (
            change(cell.text, json.loads(json.dumps(cell.metadata)))
            if cell.grade_id == grade_id
            else (cell.text, cell.metadata)
        )
        cells.append(dataclasses.replace(cell, text=text, metadata=metadata))
    return dataclasses.replace(source, cells=tuple(cells))


# --- generated notebooks


def test_the_notebooks_in_the_checkout_are_current():
    assert building.build(check=True) == []


def test_build_gives_the_same_bytes_and_check_sees_a_stale_file(tmp_path, source, monkeypatch):
    monkeypatch.setattr(building, "lab_names", lambda: (source.lab.name,))
    (tmp_path / "solutions").mkdir()
    copy = tmp_path / "solutions" / source.path.name
    copy.write_text(source.path.read_text(encoding="utf-8"), encoding="utf-8")
    made = tmp_path / "labs" / f"{source.lab.stem}.ipynb"
    name = f"labs{os.sep}{source.lab.stem}.ipynb"
    assert building.build(check=True, root=tmp_path) == [name]
    assert not made.exists()
    assert building.build(root=tmp_path) == [name]
    first = made.read_bytes()
    assert building.build(root=tmp_path) == building.build(check=True, root=tmp_path) == []
    made.write_bytes(first.replace(b"The words", b"The Words"))
    assert building.build(check=True, root=tmp_path) == [name]
    building.build(root=tmp_path)
    assert made.read_bytes() == first
    assert b"\r" not in first
    assert first.endswith(b"}\n")


@pytest.mark.parametrize("student", [True, False])
def test_notebooks_are_valid_and_carry_no_outputs(source, student):
    made = nbformat.reads(building.notebook_text(source, student), as_version=4)
    nbformat.validate(made)
    ids = [cell.id for cell in made.cells]
    assert len(set(ids)) == len(ids)
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert "{{" not in "".join(cell.source for cell in made.cells)


@pytest.mark.parametrize("name", lab_names())
def test_no_line_of_code_in_the_prose_is_broken_by_the_page(name):
    """JupyterLab breaks them, at the margin: at 1280 pixels wide there is room for so many."""
    for cell in building.notebook(read_source(load_lab(name)))["cells"]:
        if cell["cell_type"] == "markdown":
            for block in re.findall(r"^```.*?^```", cell["source"], re.MULTILINE | re.DOTALL):
                assert max(map(len, block.splitlines())) <= 88, block


def test_an_edit_leaves_the_ids_of_other_sections_alone(source):
    before = [cell["id"] for cell in building.notebook(source)["cells"]]
    extra = dataclasses.replace(source.cells[1], text="1 + 1", metadata={})
    more = dataclasses.replace(source, cells=(source.cells[0], extra, *source.cells[1:]))
    after = [cell["id"] for cell in building.notebook(more)["cells"]]
    assert before[2:] == after[3:]


def test_no_word_of_a_solution_is_in_a_student_notebook(source):
    text = building.notebook_text(source)
    assert not re.search("BEGIN|END SOLUTION|HIDDEN|require", text)
    for record in source.lab.exercises:
        cell = next(cell for cell in source.cells if cell.grade_id == record.grade_id)
        (region,) = [part for part in split_regions(cell.text) if isinstance(part, Region)]
        assert "\n".join(region.lines) not in text.replace("\\n", "\n")
    assert "if root.tdp_mmu_async_data" not in text
    assert "if root.tdp_mmu_async_data" in building.notebook_text(source, student=False)


def test_hidden_tests_stay_for_the_grader_only(source):
    assert "require()" not in building.notebook_text(source)
    assert building.notebook_text(source, student=False).count("require()") == len(
        source.lab.exercises
    )


@pytest.mark.parametrize("leak", ["if root.tdp_mmu_async_data:", "report1.require()"])
def test_a_leak_refuses_the_build(source, leak):
    cells = (
        dataclasses.replace(source.cells[0], text=f"```python\n    {leak}\n```"),
        *source.cells[1:],
    )
    with pytest.raises(LabError, match="a student would see"):
        building.notebook(dataclasses.replace(source, cells=cells))


def test_the_student_gets_the_stub_of_the_record(source):
    cells = {cell["id"]: cell["source"] for cell in building.notebook(source)["cells"]}
    for record in source.lab.exercises:
        assert cells[record.grade_id] == record.stub.strip("\n")


def test_nbgrader_metadata(source):
    for made in (building.notebook(source), building.notebook(source, student=False)):
        graded = [cell["metadata"].get("nbgrader") for cell in made["cells"]]
        graded = [entry for entry in graded if entry]
        assert len(graded) == 2 * len(source.lab.exercises)
        for entry in graded:
            assert entry["schema_version"] == 3
            assert entry["task"] is False
            assert re.fullmatch(r"[a-zA-Z0-9_-]+", entry["grade_id"])
            # nbgrader knows a cell to be filled, and a locked cell that gives points
            assert entry["solution"] is not entry["grade"]
            assert entry["locked"] is entry["grade"]
            assert ("points" in entry) is entry["grade"]


# --- sources that do not fit


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x", "### BEGIN SOLUTION", "y"], "lab.py:2: BEGIN SOLUTION has no end"),
        (["x", "### END SOLUTION"], "lab.py:2: END SOLUTION without its BEGIN"),
        (["### BEGIN SOLUTION", "### BEGIN SOLUTION"], "lab.py:2: BEGIN SOLUTION inside"),
        (["### BEGIN SOLUTION", "### END HIDDEN TESTS"], "lab.py:2: END HIDDEN TESTS ends BEGIN"),
        (["### BEGIN SOLUTION", "# %%", "### END SOLUTION"], "lab.py:2: a new cell begins"),
        (["## BEGIN SOLUTION"], "lab.py:1: .* nearly a marker"),
        (["### begin solution"], "lab.py:1: .* nearly a marker"),
        (["### END SOLUTIONS", ""], "lab.py:1: .* nearly a marker"),
        (["### BEGIN HIDDEN_TESTS"], "lab.py:1: .* nearly a marker"),
        (["# ### BEGIN SOLUTION"], "lab.py:1: .* nearly a marker"),
    ],
)
def test_an_unbalanced_marker_names_its_line(lines, message):
    with pytest.raises(LabError, match=message):
        check_markers("lab.py", "\n".join(lines))


def test_balanced_markers_pass():
    check_markers("lab.py", "# the end of a solution\n### BEGIN SOLUTION\n    x\n### END SOLUTION")


def _no_solution(text, metadata):
    return "\n".join(line for line in text.splitlines() if "###" not in line), metadata


def _other_signature(text, metadata):
    return text.replace("(kvm)", "(kvm, extra)"), metadata


def _other_points(text, metadata):
    metadata["nbgrader"]["points"] = 99
    return text, metadata


def _other_name(text, metadata):
    metadata["nbgrader"]["grade_id"] = "nobody"
    return text, metadata


@pytest.mark.parametrize(
    ("grade_id", "change", "message"),
    [
        ("lab07-ex1", _no_solution, "exactly one BEGIN/END SOLUTION pair"),
        ("lab07-ex1", _other_signature, "not those of the stub in lab07.toml"),
        ("lab07-ex1", _other_name, "0 cells with grade_id 'lab07-ex1'"),
        ("lab07-ex1-check", _other_points, "gives 99 points, the record says 10"),
        ("lab07-ex1-check", _other_name, "0 cells with grade_id 'lab07-ex1-check'"),
    ],
)
def test_a_source_that_does_not_fit_its_record_is_refused(source, grade_id, change, message):
    with pytest.raises(LabError, match=message):
        building.notebook(changed(source, grade_id, change))


def test_a_solution_outside_an_exercise_is_refused(source):
    text = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
    cells = (dataclasses.replace(source.cells[1], text=text), *source.cells[1:])
    with pytest.raises(LabError, match="outside an exercise's cell"):
        building.notebook(dataclasses.replace(source, cells=cells))


# --- records


@pytest.mark.parametrize("record", EXERCISES, ids=lambda record: record.id)
def test_an_exercise_is_complete(record):
    assert re.fullmatch(r"lab\d\d\.ex\d+", record.id)
    assert all(text.strip() for text in (record.title, record.statement, record.kernel))
    assert record.objective.endswith(".")
    assert re.search(r"[0-9a-f]{12}", record.kernel), "names the commit"
    defined = {getattr(node, "name", None) for node in ast.parse(record.stub).body}
    assert defined == (set(record.replaces) or {None})
    assert len(set(record.hints)) == len(record.hints) == HINT_STAGES
    from tdplib.properties import PROPERTIES

    names = {item.name for item in PROPERTIES}
    assert set(record.meanings) <= names
    for case in record.cases:
        assert set(case.forbids) <= set(record.meanings), "what is forbidden is explained"


@pytest.mark.parametrize("record", QUESTIONS, ids=lambda record: record.id)
def test_a_question_is_complete(record):
    assert list(record.choices) == list("abcd"[: len(record.choices)])
    assert len(record.choices) >= 3
    assert record.ask.strip()
    assert record.reveal.strip()


def test_the_right_letter_is_not_always_the_same():
    assert len({record.answer for record in QUESTIONS}) > 1


GOOD = (DATA / "lab07.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "write"', 'knd = "write"', "unknown key 'knd'; did you mean 'kind'"),
        ('kind = "write"', 'kind = "guess"', "kind must be one of"),
        ("points = 10", "points = 0", "needs a case"),
        ('answer = "b"', 'answer = "z"', "none of its choices"),
        ('id = "lab07.q2"', 'id = "lab07.q1"', "lab07.q1 is there twice"),
        ('title = "Queue', 'titel = "Queue', "unknown key 'titel'"),
        ('objective = "write', '# "write', "missing .* 'objective'"),
        ("[lab]", "[lab", "not TOML"),
    ],
)
def test_a_record_that_is_not_well_formed_is_refused(tmp_path, old, new, message):
    path = tmp_path / "lab07.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LabError, match=message):
        read_lab(path)


def test_a_missing_hint_is_refused(tmp_path):
    path = tmp_path / "lab07.toml"
    path.write_text(re.sub(r"hints = \[.*?\n\]", "hints = []", GOOD, count=1, flags=re.S))
    with pytest.raises(LabError, match="0 hints, must be 3"):
        read_lab(path)


@pytest.mark.parametrize("ask", [labs.exercise, lambda name: labs.predict(name, "a")])
def test_an_unknown_name_gets_the_nearest(ask):
    with pytest.raises(LabError, match=r"did you mean 'lab07\."):
        ask("lab07.x1")


# --- progress and predictions


def test_progress_is_written_and_read_back():
    assert progress.read_progress()["exercises"] == {}
    progress.note_attempt("lab07.ex1", WRONG)
    progress.note_attempt("lab07.ex1", RIGHT)
    entry = progress.note_attempt("lab07.ex1", WRONG)
    assert entry["attempts"] == 3
    assert entry["last"] == WRONG
    assert entry["right_since"]
    assert progress.exercise_record("lab07.ex1") == entry


def test_a_crash_in_the_middle_of_a_write_leaves_the_old_file(monkeypatch):
    progress.note_attempt("lab07.ex1", RIGHT)
    before = progress.progress_path().read_bytes()

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        progress.note_attempt("lab07.ex1", WRONG)
    assert progress.progress_path().read_bytes() == before


def test_a_damaged_file_is_put_aside():
    path = progress.progress_path()
    path.parent.mkdir()
    path.write_text('{"exercises": {', encoding="utf-8")
    with pytest.warns(UserWarning, match="could not be read"):
        progress.note_attempt("lab07.ex1", RIGHT)
    assert path.with_name("progress.json.damaged").read_text() == '{"exercises": {'
    assert progress.exercise_record("lab07.ex1")["attempts"] == 1
    path.write_text("once more", encoding="utf-8")
    with pytest.warns(UserWarning, match="damaged-2"):
        assert progress.read_progress()["exercises"] == {}
    assert path.with_name("progress.json.damaged").read_text() == '{"exercises": {'
    assert path.with_name("progress.json.damaged-2").read_text() == "once more"


def test_a_place_that_cannot_be_written_is_told_and_the_lab_goes_on(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TDPLIB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    with pytest.warns(UserWarning, match="cannot be written"):
        assert progress.note_attempt("lab07.ex1", RIGHT)["attempts"] == 1


def test_two_writers_lose_nothing():
    def work():
        for _ in range(20):
            progress.note_attempt("lab07.ex1", WRONG)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress.exercise_record("lab07.ex1")["attempts"] == 80


def test_a_prediction_is_recorded_before_it_is_revealed(monkeypatch):
    question = load_lab("lab07").questions[0]
    wrong = next(letter for letter in question.choices if letter != question.answer)
    shown = str(labs.predict(question.id))
    assert question.choices["a"] in shown
    assert question.reveal not in shown
    assert question.reveal not in str(labs.predict(question.id, ""))
    assert question.choices["a"] not in str(labs.predict(question.id, " "))
    assert progress.read_progress()["questions"] == {}
    assert question.reveal not in str(labs.predict(question.id, "q"))
    assert progress.read_progress()["questions"] == {}

    first = str(labs.predict(question.id, f" {wrong.upper()} "))
    assert question.reveal in first
    assert f"the answer is **{question.answer}**" in first
    again = str(labs.predict(question.id, question.answer))
    assert f"**{wrong}**" in again, "the first answer stands"
    entry = progress.read_progress()["questions"][question.id]
    assert (entry["answer"], entry["right"]) == (wrong, False)

    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("tdplib.labs.learner.progress.note_answer", broken)
    with pytest.raises(RuntimeError):
        labs.predict("lab07.q2", "a")


def test_hints_come_one_by_one_and_are_counted():
    task = labs.exercise("lab07.ex1")
    shown = [str(task.hint()) for _ in range(3)]
    for number, (text, hint) in enumerate(zip(shown, task.record.hints, strict=True), 1):
        assert f"Hint {number} of 3" in text
        assert hint.strip() in text
    assert progress.exercise_record("lab07.ex1")["hints"] == 3
    last = str(labs.exercise("lab07.ex1").hint())
    assert "You have had all hints" in last
    assert all(hint.strip() in last for hint in task.record.hints)


def test_the_card_shows_what_is_asked():
    task = labs.exercise("lab07.ex1")
    assert repr(task) == task._repr_markdown_()
    for text in (task.record.title, task.record.statement.strip(), "10 points", "15 minutes"):
        assert text in repr(task)


# --- judging without a search

EX1, EX2, EX3, _EX4 = load_lab("lab07").exercises


@pytest.mark.parametrize("record", EXERCISES, ids=lambda record: record.id)
def test_the_stub_is_not_attempted(record):
    report = judge(record, record.stub)
    assert report.status == NOT_ATTEMPTED
    assert report.points == 0
    assert report.trace is None
    assert "Nothing to check yet" in str(report)


@pytest.mark.parametrize(
    "text",
    [
        EX2.stub.replace("    lockdep", "    # a comment\n\n    lockdep"),
        EX2.stub.replace("Take every", "Something else about every"),
        "from tdplib.lang.kernel import *\n" + EX2.stub,
    ],
)
def test_comments_and_docstrings_are_no_attempt(text):
    assert judge(EX2, text).status == NOT_ATTEMPTED


@pytest.mark.parametrize("body", ["pass", "...", '"""Doc."""', '"""Doc."""\n    pass'])
def test_an_empty_function_is_no_attempt(body):
    text = f"def kvm_tdp_mmu_invalidate_all_roots(kvm):\n    {body}\n"
    assert judge(EX1, text).status == NOT_ATTEMPTED


def test_a_helper_must_not_replace_a_function_of_any_case():
    """The world of the last case is no more the learner's to change than that of the first."""
    record = find_exercise("lab10.ex4")
    code = record.stub.replace("raise NotImplementedError", "kvm = None")
    tree = unit_from(code + "def is_not_urgent(kvm, root):\n    return False\n").tree
    assert "is_not_urgent" not in _protocol_functions(record.cases[0].base)
    assert "`is_not_urgent` is not yours to change" in why_refused(record, tree)


def test_a_left_over_raise_is_told():
    tree = unit_from(EX1.stub.replace("# your code here", "root.role.invalid = 1")).tree
    assert "still there (line 6)" in why_not_attempted(EX1, tree)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def other(kvm):\n    return 1\n", "asks for `kvm_tdp_mmu_invalidate_all_roots`; found"),
        ("X = 1\n", "found no function"),
        (EX2.stub + "def kvm_mmu_zap_all_fast(kvm):\n    return\n", "not yours to change"),
        (EX2.stub + "    model_update_begins(kvm)\n", "belongs to the model"),
        (EX2.stub + "    work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)\n", "belongs to the model"),
    ],
)
def test_what_cannot_stand_for_an_answer_is_refused(text, message):
    assert message in why_refused(EX1, unit_from(text).tree)
    report = judge(EX1, text)
    assert report.status == NOT_LANGUAGE
    assert report.points == 0


@pytest.mark.parametrize("code", [len, 7, lambda kvm: kvm, "def f(:\n"])
def test_what_has_no_source_is_not_in_the_language(code):
    assert judge(EX1, code).status == NOT_LANGUAGE


@pytest.mark.parametrize(
    "line",
    ["tdp_mmu_zap_root(kvm, root, shared)", "root.spt[0] = 0", "zap_gfn_range(kvm, root, 0, 0)"],
)
def test_a_put_that_zaps_misses_the_point(line):
    text = EX3.stub.replace("        tdp_mmu_zap_root(kvm, root, shared)\n", f"        {line}\n")
    text = text.replace("return\n    if", "return\n    x = 1\n    if")
    assert "patch 24" in why_beside_the_point(EX3, unit_from(text).tree) or "spt" in line
    report = judge(EX3, text)
    assert report.status == WRONG
    assert report.meaning == report.message


# --- the report


class FakeVerdict:
    states, seconds, stopped_by = 1234, 0.25, ("states", "time")


class FakeTrace:
    def __str__(self):
        return "1. vCPU 0 <script>alert(1)</script>"


def test_a_report_is_escaped_and_complete(monkeypatch):
    monkeypatch.setattr("tdplib.labs.report._picture", lambda trace: "<img>")
    outcome = Outcome(EX1.cases[0], WRONG, FakeVerdict(), "zap-complete", "S.", FakeTrace())
    report = Report(EX1, WRONG, outcomes=(outcome,))
    assert EX1.meanings["zap-complete"] in str(report)
    assert "zap-complete" in str(report)
    assert "<script>" in str(report)
    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()
    assert report.trace is outcome.trace


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("status", [RIGHT, WRONG, NOT_ATTEMPTED])
def test_a_verdict_has_the_contrast_of_wcag_aa_on_light_and_on_dark(status):
    shown = Report(EX1, status, "Why.")._repr_html_()
    light, dark = re.search(r"color:light-dark\((#\w{6}),(#\w{6})\);font", shown).groups()
    white, black = 1.0, luminance("#212121")  # the lightest ground of JupyterLab's dark theme
    assert (white + 0.05) / (luminance(light) + 0.05) >= 4.5
    assert (luminance(dark) + 0.05) / (black + 0.05) >= 4.5


def test_a_right_report_says_what_was_covered():
    report = Report(EX1, RIGHT, outcomes=(Outcome(EX1.cases[0], RIGHT, FakeVerdict()),))
    assert "right (10 of 10 points)" in str(report)
    assert "1,234 states" in str(report)
    assert EX1.cases[0].says in str(report)
    assert report.require() is report
    assert report.play() == "There is no failing interleaving to play."


def test_an_undecided_report_gives_no_points_and_names_the_bound():
    from tdplib.labs.report import UNDECIDED

    report = Report(EX1, UNDECIDED, outcomes=(Outcome(EX1.cases[0], UNDECIDED, FakeVerdict()),))
    assert report.points == 0
    assert "nothing is proved" in str(report)
    assert "(states, time)" in str(report)
    assert "without end" in str(report)


def test_a_product_in_a_loop_is_told_what_a_local_can_hold():
    record = load_lab("lab01").exercises[0]
    text = record.stub.replace(
        "    # your code here\n    raise NotImplementedError",
        "    size = 1\n    while level > 1:\n        size *= 512\n        level -= 1\n"
        "    return gfn // size % 512",
    )
    assert "no more than 255" in str(judge(record, text))


def test_a_report_is_neither_true_nor_false():
    report = Report(EX1, NOT_ATTEMPTED, "x")
    with pytest.raises(TypeError, match="compare its status"):
        bool(report)
    with pytest.raises(AssertionError, match="not attempted"):
        report.require()
