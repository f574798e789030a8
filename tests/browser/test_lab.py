"""Real JupyterLab in real Chromium: the widget in a notebook, and the first lab top to bottom."""

from __future__ import annotations

import os
import pathlib

import lab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_interleaver_page import expect, step_button

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = os.environ.get("TDPLIB_SCREENSHOTS")
"""A folder in which the screenshots are kept; without it they go where pytest keeps its files."""

BOTH = """\
import fake_session
from tdplib.widgets import Interleaver
one = Interleaver(session=fake_session.FakeSession())
one"""


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory, chromium):
    notebooks = tmp_path_factory.mktemp("notebooks")
    with lab.server(tmp_path_factory.mktemp("jupyter"), notebooks) as (address, token):
        yield address, token, notebooks


@pytest.fixture
def shots(tmp_path):
    folder = pathlib.Path(SHOTS or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def notebook(jupyter, chromium):
    """Write cells to a notebook, open it; the page is closed at the end."""
    address, token, folder = jupyter
    contexts = []

    def opened(name, cells=None, width=1280, height=1000):
        if cells is not None:
            nbformat.write(new_notebook(cells=cells, metadata=KERNEL), folder / name)
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}))
        return lab.Notebook(contexts[-1].new_page(), address, token, name)

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
