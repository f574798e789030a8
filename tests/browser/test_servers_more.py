"""What only a real server shows of the timeline and the files: JupyterLab and Notebook 7."""

from __future__ import annotations

import pytest
from parts import LONG, expect, lane
from test_servers import IMPORTS, open_cells, server  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG_WAY = f"""{IMPORTS}from tdplib.replay import Session
from tdplib.replay.schedule import read_steps
session = Session("patch-22-skip-invalid")
for actor in read_steps("{LONG}"):
    session.step(actor)
shown = Interleaver(session=session)
shown"""


def test_a_drag_a_line_a_branch_and_a_file(open_cells):  # noqa: F811
    book = open_cells(LONG_WAY)
    book.run_all()
    page, player = book.page, book.page.locator(".tdp-il")
    count = player.locator(".tdp-count")
    expect(count).to_have_text("step 17 of 17")
    expect(player.locator(".tdp-arrows path")).to_have_count(1)
    player.scroll_into_view_if_needed()
    ticks = player.locator(".tdp-ticks").bounding_box()
    width = player.locator(".tdp-tick").first.bounding_box()["width"]
    page.mouse.move(ticks["x"] + 16.5 * width, ticks["y"] + 30)
    page.mouse.down()
    page.mouse.move(ticks["x"] + 2.5 * width, ticks["y"] + 50, steps=40)
    page.mouse.up()
    expect(count).to_have_text("step 2 of 17")
    lane(player, "vCPU 0").get_by_role("button", name="Run vCPU 0 until it blocks").click()
    expect(player.get_by_role("group", name="Other branches").get_by_role("button")).to_have_count(
        1
    )
    lane(player, "update 1").get_by_role("button", name="Run update 1 to line").first.click()
    expect(player.get_by_role("status").first).to_contain_text("update 1 has taken")
    player.get_by_role("button", name="Go back to branch 1").click()
    expect(count).to_have_text("step 2 of 17")
    for title, ending in {"Picture (SVG)": "svg", "Page (HTML)": "html"}.items():
        with page.expect_download() as download:
            player.get_by_role("button", name=f"Save as {title}").click()
        name = download.value.suggested_filename
        assert name == f"patch-22-skip-invalid-default-{LONG}.{ending}"
        assert download.value.path().read_text().startswith(("<svg", "<!doctype html>"))
    expect(player.locator(".tdp-error")).to_have_text("")
    assert book.errors() == []
