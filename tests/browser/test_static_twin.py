"""
A widget where no kernel runs: in an untrusted notebook that is opened again, in an exported page.

The notebooks are as a run leaves them: the widget's state is not saved, its bundle is.
"""

from __future__ import annotations

import lab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tdplib.draw import describe_board
from tdplib.replay.schedule import read_steps
from tdplib.widgets import BreakIt, Interleaver

pytestmark = pytest.mark.browser

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
LOADED = "(image) => image.complete && image.naturalWidth > 300"
STEPS = read_steps("4b3c")


def saved():
    """A notebook with two widgets in it, left in the middle of a schedule; and what they show."""
    widgets = [Interleaver("patch-22-skip-invalid"), BreakIt(level=8)]
    for actor in STEPS:
        widgets[0].step(actor)
    widgets[0].goto(6)
    widgets[1].step(0)
    cells = []
    for widget in widgets:
        bundle = widget._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        shown = new_output("display_data", data=data)
        cells.append(new_code_cell("widget", outputs=[shown], execution_count=1))
    said = [describe_board(widget.board) for widget in widgets]
    return new_notebook(cells=cells, metadata=KERNEL), said


def pictures_show(page, said):
    for text in said:
        image = page.get_by_alt_text(text, exact=True).first
        image.wait_for(state="visible", timeout=30_000)
        page.wait_for_function(LOADED, arg=image.element_handle())


@pytest.mark.parametrize("kind", ["jupyter", "notebook7"])
def test_reopened_untrusted_the_saved_step_shows(kind, request, chromium):
    server = request.getfixturevalue(kind)
    book, said = saved()
    name = f"saved-{kind}.ipynb"
    nbformat.write(book, server.notebooks / name)  # nobody has signed it: it is not trusted
    page = chromium.new_page()
    opened = lab.Notebook(page, server, name)
    try:
        pictures_show(page, said)
        assert page.locator(".tdp-il").count() == 0, "the kernel of before is gone"
    finally:
        opened.end()


def test_exported_it_shows_with_no_network(chromium, tmp_path):
    from nbconvert import HTMLExporter

    book, said = saved()
    text, _ = HTMLExporter().from_notebook_node(book)
    path = tmp_path / "saved.html"
    path.write_text(text, encoding="utf-8")
    context = chromium.new_context(offline=True, java_script_enabled=True)
    page = context.new_page()
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    pictures_show(page, said)
    context.close()
