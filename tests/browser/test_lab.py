"""Real JupyterLab in real Chromium: the widget in a notebook, and the first lab top to bottom."""

from __future__ import annotations

import io
import os
import pathlib
import re
import shutil

import lab
import nbformat
import pytest
from fake_session import REQUEUE, FakeSession
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from test_interleaver_page import expect, step_button

from tdplib.widgets import Interleaver

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = os.environ.get("TDPLIB_SCREENSHOTS")
"""A folder in which the screenshots are kept; without it they go where pytest keeps its files."""

LAB = "lab07_requeue_race.ipynb"

BOTH = """\
import fake_session
from tdplib.widgets import Interleaver
one = Interleaver(session=fake_session.FakeSession())
one"""


@pytest.fixture
def shots(tmp_path):
    folder = pathlib.Path(SHOTS or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def notebook(jupyter, chromium):
    """Write cells to a notebook, open it; the page is closed at the end."""
    contexts = []

    def opened(name, cells=None, width=1280, height=1000):
        if cells is not None:
            nbformat.write(new_notebook(cells=cells, metadata=KERNEL), jupyter.notebooks / name)
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}))
        return lab.Notebook(contexts[-1].new_page(), jupyter, name)

    yield opened
    for context in contexts:
        context.close()


KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def test_the_widget_in_jupyterlab(notebook, shots):
    book = notebook(
        "widget.ipynb", [new_code_cell(BOTH), new_code_cell("one"), new_markdown_cell("after")]
    )
    book.run_all()
    page = book.page
    first, second = page.locator(".tdp-il").nth(0), page.locator(".tdp-il").nth(1)
    step_button(first, "vCPU 0").click()
    for view in (first, second):  # two views of one model
        expect(view.locator(".tdp-count")).to_have_text("step 1 of 1")
    # Keys that JupyterLab would take for commands: insert a cell (a, b), make it a heading (3).
    # vCPU 0 and update 0 take one step each; b and 3 are refused, vCPU 0 holds the lock.
    for key in ("a", "b", "c", "3", "ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
    expect(first.locator(".tdp-count")).to_have_text("step 3 of 3")
    assert book.cells() == ["code", "code", "markdown"]
    assert book.errors() == []
    page.screenshot(path=shots / "widget-light.png")
    book.theme("JupyterLab Dark")
    page.screenshot(path=shots / "widget-dark.png")


def test_the_first_lab_from_top_to_bottom(notebook, jupyter, shots):
    """Every cell of the lab as a learner gets it, then the re-queue played by clicks."""
    shutil.copy(lab.REPOSITORY / "labs" / LAB, jupyter.notebooks / LAB)
    book = notebook(LAB, height=1100)
    book.theme("JupyterLab Light")
    book.run_all()
    assert book.errors() == []
    page = book.page
    player = page.locator(".tdp-il").first
    player.scroll_into_view_if_needed()
    expect(player.locator(".tdp-name")).to_have_text("patch-21 default")
    page.screenshot(path=shots / "lab-start.png")

    click_until(player, "vCPU 0", root(player, 0), "vCPU 0")
    expect(root(player, 0).locator("td").nth(1)).to_have_text("1")
    page.screenshot(path=shots / "lab-loaded.png")
    click_until(player, "update 0", step_button(player, "update 0"), "waits for the work item")
    expect(root(player, 0)).to_contain_text("invalid 1")
    expect(root(player, 0)).to_contain_text("queued")
    expect(step_button(player, "update 0")).to_be_disabled()
    click_until(player, "zap worker", step_button(player, "zap worker"), "nothing is queued")
    expect(root(player, 0).locator("td").nth(1)).to_have_text("1")
    click_until(player, "update 0", step_button(player, "update 0"), "Done")
    expect(root(player, 0).locator("td").nth(4)).to_have_text("–")
    click_until(player, "update 1", root(player, 0), "queued (changed)")
    expect(player.get_by_role("status").first).to_contain_text("root 0 queued")
    expect(root(player, 0).locator("td").nth(1)).to_contain_text("2")
    player.scroll_into_view_if_needed()
    page.screenshot(path=shots / "lab-requeue.png")

    click_until(player, "zap worker", player.get_by_role("status").first, "Advice, wasted-zap")
    page.screenshot(path=shots / "lab-wasted-zap.png")
    assert book.errors() == []
    book.theme("JupyterLab Dark")
    player.scroll_into_view_if_needed()
    page.screenshot(path=shots / "lab-requeue-dark.png")


def root(player, index):
    """The row of a root in the widget's table."""
    return player.get_by_role("table", name="Roots").get_by_role("row").nth(index + 1)


def click_until(player, actor, where, text, limit=30):
    """Step an actor by clicks until `text` shows; each click is one step on the counter."""
    button, count = step_button(player, actor), player.locator(".tdp-count")
    for _ in range(limit):
        if text in where.text_content():
            return
        step = int(count.text_content().split()[1])
        button.click()
        expect(count).to_have_text(f"step {step + 1} of {step + 1}", timeout=20_000)
    raise AssertionError(f"{actor} took {limit} steps and {text!r} did not show")


def test_without_a_kernel_the_notebook_shows_the_picture(notebook, shots):
    """As after an export, or when somebody reopens a notebook that they have not run."""
    session = FakeSession()
    for actor in REQUEUE[:15]:
        session.step(actor)
    bundle = Interleaver(session=session)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    cell = new_code_cell("one", outputs=[new_output("display_data", data=data)])
    book = notebook("reopened.ipynb", [cell])
    picture = book.page.locator(".jp-OutputArea img")
    expect(picture).to_be_visible(timeout=60_000)
    expect(picture).to_have_attribute("alt", re.compile("root 0"))
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 100
    expect(book.page.locator(".tdp-il")).to_have_count(0)
    book.page.screenshot(path=shots / "reopened.png")
    for theme, ground in {"Light": range(192, 256), "Dark": range(64)}.items():
        book.theme(f"JupyterLab {theme}")  # the browser's own scheme stays: light
        shown = Image.open(io.BytesIO(picture.screenshot())).convert("L")
        assert shown.getpixel((4, 4)) in ground, f"the picture in the theme {theme}"


CHECKING = """\
from tdplib import check
from tdplib.scenarios import SCENARIOS, vary
from tdplib.widgets import Check
long = {"code": "v5.18", "scenario": vary(SCENARIOS["three-vcpus"], name="four", vcpus=4)}
beside = Check(**long)
beside"""
MEANWHILE = """\
print(beside.running, beside.verdict)
broken = Check("patch-22-skip-invalid")
broken"""
INTERRUPTED = """\
found = check(**long)
print(found)"""


def test_a_long_check_runs_beside_other_cells_and_is_cancelled_and_interrupted(notebook, shots):
    """The page's clicks are dealt with while a cell searches, of each of three widgets."""
    cells = [CHECKING, MEANWHILE, INTERRUPTED]
    book = notebook("running.ipynb", [new_code_cell(source) for source in cells])
    page = book.page
    book.start("notebook:run-all-cells")
    panel, other = page.locator(".tdp-run").nth(0), page.locator(".tdp-run").nth(1)
    expect(panel.get_by_role("status")).to_contain_text("running every interleaving")
    expect(panel.locator(".tdp-numbers")).to_contain_text("states a second")
    line = page.locator(".jp-OutputArea", has_text="million a second, depth")
    expect(line.last).to_be_visible()  # the third cell is searching
    panel.get_by_role("button", name="Cancel the check").click()
    expect(panel.get_by_role("status")).to_contain_text("incomplete, nothing is proved (cancelled)")
    expect(page.get_by_text("True None")).to_be_visible()
    expect(other.get_by_role("status")).to_contain_text("violated: zap-complete")
    other.get_by_role("button", name="Step through the trace").click()
    player = page.locator(".tdp-il")
    step_button(player, "vCPU 1").click()
    expect(player.locator(".tdp-count")).to_contain_text("step 1 of")
    page.screenshot(path=shots / "running.png")
    expect(line.last).to_be_visible()
    page.evaluate("jupyterapp.commands.execute('notebook:interrupt-kernel')")
    told = page.get_by_text("incomplete (stopped by: interrupt); nothing broke")
    expect(told.last).to_be_visible()
    page.wait_for_function(lab.IDLE)
    assert book.errors() == []
    page.screenshot(path=shots / "interrupted.png")
