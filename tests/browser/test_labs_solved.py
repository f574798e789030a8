"""
Every lab in JupyterLab in a real browser, and every exercise of it solved there as a learner does.

The student notebook is opened and run as it is. Then each answer is put into its cell and run, the
check is run, and its verdict read off the page. Schedules are played by hand, in the widget that
the lab shows, by clicks and keys, and taken from its foot. The answers are the lab's own reference
answers; the order of a schedule is that of the shortest trace there is.
"""

from __future__ import annotations

import json
import re
import shutil

import lab
import pytest
from test_interleaver_page import expect

from tdplib.labs.breaking import par
from tdplib.labs.build import reference_answers
from tdplib.labs.exercise import lab_names, load_lab
from tdplib.labs.sources import read_source
from tdplib.replay.schedule import read_steps, scenario_text

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def context(chromium):
    """One context for all labs, as one learner has one browser."""
    made = chromium.new_context(viewport={"width": 1280, "height": 1000})
    yield made
    made.close()


@pytest.mark.parametrize("name", lab_names())
def test_a_learner_can_solve_the_whole_lab(name, jupyter, context):
    record = load_lab(name)
    file = f"{record.stem}.ipynb"
    shutil.copy(lab.REPOSITORY / "labs" / file, jupyter.notebooks / file)
    page = context.new_page()
    try:
        book = lab.Notebook(page, jupyter, file)
        book.run_all()
        assert book.errors() == []
        assert not recorded(jupyter, name), "running a notebook as it is must leave no trace"
        predict(book, jupyter, record.questions[0])
        answers = reference_answers(read_source(record))
        for number, exercise in enumerate(record.exercises):
            if exercise.kind == "break":
                solve_by_hand(book, exercise, by_keys=number % 2 == 0)
            else:
                solve(book, exercise, answers[exercise.id].strip("\n"))
            entry = recorded(jupyter, name)[exercise.id]
            assert (entry["attempts"], entry["last"]) == (1, "right")
        assert set(recorded(jupyter, name)) == {each.id for each in record.exercises}
        assert book.errors() == []
    finally:
        book.end()


def recorded(jupyter, name, section="exercises"):
    """What stands in the learner's own progress file about this lab."""
    if not jupyter.progress.exists():
        return {}
    entries = json.loads(jupyter.progress.read_text(encoding="utf-8"))[section]
    return {key: entry for key, entry in entries.items() if key.startswith(f"{name}.")}


def predict(book, jupyter, question):
    """Answer wrongly: what is recorded is what was thought before the truth was shown."""
    cell = book.cell(f'labs.predict("{question.id}", "")')
    wrong = next(letter for letter in question.choices if letter != question.answer)
    reveal = plain(question.reveal)[:40]
    expect(cell.node()).to_contain_text(f"{question.id}: no answer yet")
    assert reveal not in plain(cell.outputs())
    cell.replace(f'labs.predict("{question.id}", "{wrong}")')
    cell.run()
    said = f"Your prediction for {question.id}: {wrong}; the answer is {question.answer}."
    expect(cell.node()).to_contain_text(said)
    assert reveal in plain(cell.outputs())
    name = question.id.partition(".")[0]
    assert recorded(jupyter, name, "questions")[question.id]["answer"] == wrong


def plain(text):
    """Words alone: Markdown and what the page makes of it look the same."""
    return re.sub(r"[\W_]+", " ", text).strip()


def solve(book, exercise, answer):
    cell = book.cell(exercise.grade_id)
    cell.replace(answer)
    cell.run()
    run_check(book, exercise)


def run_check(book, exercise):
    """Run the check, read off the page that it says right; the cell it is in."""
    check = book.cell(f"{exercise.grade_id}-check")
    check.run()
    points = f"{exercise.points} of {exercise.points} points"
    expect(check.node()).to_contain_text(f"{exercise.id}: right ({points})")
    return check


def solve_by_hand(book, exercise, by_keys):
    """Play the shortest schedule in the widget, hand in the code that stands at its foot."""
    case = exercise.cases[0]
    best = par(case)
    player = board(book, exercise)
    player.scroll_into_view_if_needed()
    name = f"{case.base} {scenario_text(case.world(), case.base)}"
    expect(player.locator(".tdp-name")).to_have_text(name)
    expect(player.locator(".tdp-count")).to_have_text("step 0 of 0")
    actors = read_steps(best.code.rpartition(":")[2])
    for number, actor in enumerate(actors, 1):
        lane = player.locator(".tdp-lane").nth(actor)
        if by_keys and number > 1:
            book.page.keyboard.press(lane.locator(".tdp-badge").text_content())
        else:
            lane.locator(".tdp-step").click()
        # Only the kernel's echo says that the step was taken: keys outrun it.
        expect(player.locator(".tdp-count")).to_have_text(f"step {number} of {number}")
    expect(player.locator(".tdp-error")).to_have_text("")
    expect(player.get_by_role("status").first).to_contain_text(" is broken. ")
    code = player.locator(".tdp-schedule code").text_content()
    cell = book.cell(exercise.grade_id)
    cell.replace(f'schedule = "{code}"')
    cell.run()
    check = run_check(book, exercise)
    mine = f"{best.steps} steps and {best.switches} switch{'es' * (best.switches != 1)}"
    expect(check.node()).to_contain_text(f"yours {mine}, par {best.steps} and {best.switches}.")


def board(book, exercise):
    """The Interleaver that the lab shows for an exercise: the last one before its answer."""
    sources = book.sources()
    before = list(sources)[: list(sources).index(exercise.grade_id)]
    shown = [name for name in before if "Interleaver(" in sources[name]]
    assert shown, f"the lab shows nothing to play {exercise.id} with"
    return book.cell(shown[-1]).node().locator(".tdp-il")
