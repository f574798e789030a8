"""
The Interleaver on the real servers, JupyterLab and Notebook 7, in real Chromium.

By mouse, by keyboard, faster than the kernel answers; with the kernel restarted, interrupted, busy;
with an exception in a callback; two in one notebook; saved.
"""

from __future__ import annotations

import os
import re

import lab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from test_interleaver_page import expect, step_button

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
MEGABYTE = 1_000_000
EIGHT = "for _ in range(8):\n    display(Interleaver())"
IMPORTS = "from tdplib import check\nfrom tdplib.widgets import Interleaver\n"


@pytest.fixture(scope="module", params=["jupyter", "notebook7"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def open_cells(server, chromium):
    """Open a notebook of these cells."""
    books = []

    def opened(*sources):
        name = f"servers-{len(list(server.notebooks.iterdir()))}.ipynb"
        cells = [new_code_cell(source) for source in sources]
        nbformat.write(new_notebook(cells=cells, metadata=KERNEL), server.notebooks / name)
        context = chromium.new_context(viewport={"width": 1280, "height": 1000})
        books.append((context, lab.Notebook(context.new_page(), server, name)))
        return books[-1][1]

    yield opened
    for context, book in books:
        book.end()
        context.close()


def stands_at(player, step):
    expect(player.locator(".tdp-count")).to_have_text(f"step {step} of {step}")


def letters(player):
    """The steps of the schedule code at the foot, one letter each."""
    code = player.locator(".tdp-schedule code").first.text_content().rpartition(":")[2]
    return "".join(who * int(count or 1) for count, who in re.findall(r"(\d*)([a-z])", code))


def test_mouse_keys_and_double_speed_and_two_that_never_meet(open_cells):
    shown = (
        IMPORTS + 'one, two = Interleaver("lost-update", raw=True), Interleaver("lost-update")\none'
    )
    book = open_cells(shown, "two", EIGHT)
    book.run_all()
    page = book.page
    one, two = page.locator(".tdp-il").nth(0), page.locator(".tdp-il").nth(1)
    stands_at(one, 0)
    step_button(one, "vCPU 0").click()
    stands_at(one, 1)
    page.keyboard.press("b")
    stands_at(one, 2)
    page.keyboard.press("Home")
    expect(one.locator(".tdp-count")).to_have_text("step 0 of 2")
    page.keyboard.press("End")
    one.get_by_role("button", name="Reset").click()
    stands_at(one, 0)
    # Faster than the kernel answers: nothing is waited for in between.
    step_button(one, "vCPU 1").dblclick(force=True)
    page.keyboard.type("ab")
    step_button(one, "vCPU 0").dblclick(force=True)
    page.keyboard.press("a")
    stands_at(one, 7)
    assert letters(one) == "bbabaaa"
    expect(one.locator(".tdp-error")).to_have_text("")
    stands_at(two, 0)
    step_button(two, "vCPU 1").click()
    stands_at(two, 1)
    assert (letters(one), letters(two)) == ("bbabaaa", "b")
    assert book.errors() == []
    assert book.cells() == ["code"] * 3
    book.command("docmanager:save")
    path = book.server.notebooks / book.name
    assert path.read_text().count("widget-view+json") == 10
    assert path.stat().st_size < MEGABYTE


# A kernel opens sockets of its own, and says so in warnings that are none of ours.
@pytest.mark.filterwarnings("ignore")
def test_ten_widgets_executed_without_a_page_and_saved_with_their_state_are_small(tmp_path):
    from nbclient import NotebookClient

    cells = [new_code_cell(text) for text in (f"{IMPORTS}Interleaver()", "Interleaver()", EIGHT)]
    made = new_notebook(cells=cells, metadata=KERNEL)
    path = os.pathsep.join([str(lab.REPOSITORY), os.environ.get("PYTHONPATH", "")])
    client = NotebookClient(made, timeout=60, store_widget_state=True)
    client.execute(env={**os.environ, "PYTHONPATH": path}, cwd=str(tmp_path))
    text = nbformat.writes(made)
    assert text.count("widget-view+json") == 10
    assert text.count('"_esm"') >= 10
    assert len(text.encode()) < MEGABYTE


WIDGET = IMPORTS + 'Interleaver("lost-update")'


def test_a_restarted_kernel_is_told_and_the_cell_makes_a_new_widget(open_cells):
    book = open_cells(WIDGET)
    book.run_all()
    page, player = book.page, book.page.locator(".tdp-il")
    step_button(player, "vCPU 0").click()
    stands_at(player, 1)
    book.start("kernelmenu:restart")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    page.wait_for_function(IDLE)
    step_button(player, "vCPU 1").click()
    error = player.locator(".tdp-error")
    expect(error).to_contain_text("run this cell again")
    expect(error).to_contain_text("has lost its kernel")
    expect(player.locator(".tdp-count")).to_have_text("step 1 of 1")
    book.cell(WIDGET).start()
    stands_at(player, 0)
    expect(error).to_have_text("")
    step_button(player, "vCPU 1").click()
    stands_at(player, 1)


IDLE = """() => { const { session } = jupyterapp.shell.currentWidget.sessionContext;
  return session && session.kernel && session.kernel.status === "idle"; }"""

LONG = """\
from tdplib.scenarios import Scenario
verdict = check(base="v5.18", scenario=Scenario(name="large", vcpus=3, faults=2, updates=2))
print(verdict)"""
NEXT = 'print(check("lost-update", properties="no-warn"))'


def test_a_check_is_interrupted_and_the_widget_played_meanwhile(open_cells):
    book = open_cells(WIDGET, LONG, NEXT)
    player = book.page.locator(".tdp-il")
    book.command("notebook:run-cell")
    step_button(player, "vCPU 0").click()
    stands_at(player, 1)
    long = book.cell(LONG)
    long.start()
    expect(long.node()).to_contain_text("a second, depth", timeout=30_000)  # it tells how far it is
    step_button(player, "vCPU 1").click()
    stands_at(player, 2)
    book.start("kernelmenu:interrupt")
    expect(long.node()).to_contain_text("incomplete (stopped by: interrupt", timeout=30_000)
    expect(long.node()).to_contain_text("which proves nothing")
    after = book.cell(NEXT)
    after.run()
    expect(after.node()).to_contain_text("violated: no-warn")
    step_button(player, "vCPU 1").click()
    stands_at(player, 3)
    assert book.errors() == []


BROKEN = """\
import fake_session
from tdplib.widgets import Interleaver

class Session(fake_session.FakeSession):
    def step(self, actor):
        if actor == 0:
            raise ZeroDivisionError("division by zero")
        super().step(actor)

Interleaver(session=Session())"""


def test_an_exception_in_a_callback_is_shown_in_the_widget(open_cells):
    book = open_cells(BROKEN)
    book.run_all()
    player = book.page.locator(".tdp-il")
    step_button(player, "vCPU 0").click()
    error = player.locator(".tdp-error")
    expect(error).to_have_text("ZeroDivisionError: division by zero")
    step_button(player, "update 0").click()
    stands_at(player, 1)
    expect(error).to_have_text("")
    assert book.errors() == []
