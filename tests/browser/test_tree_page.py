"""Page tables in the Interleaver: what a root's tree of two levels shows, and that it stays put."""

import re

import pytest
from contrast import CONTRAST

from tdplib.widgets import Interleaver

pytestmark = pytest.mark.browser


def expect(thing):
    from playwright.sync_api import expect

    return expect(thing)


def tree_box(page, name):
    return page.get_by_role("group", name="Page tables", exact=True).get_by_role(
        "group", name=re.compile(rf"^{name}(?!\w)")
    )


def one_root_and_its_table():
    """v5.18 with two levels, played until the table that was cut off is free."""
    shown = Interleaver("v5.18", "two-levels")
    shown.run("vCPU 0")
    shown.run("update 0")
    while shown.board["actors"][2]["status"] == "ready":
        shown.step("zap worker")
    return shown


def step_where(shown, what):
    """Go to the first step whose board fulfils `what`."""
    for step in range(shown.board["steps"] + 1):
        shown.goto(step)
        if what(shown.board):
            return step
    raise AssertionError("no such step")


def table(board):
    return next((p for p in board["roots"] if board["shape"]["slots"][p["index"]] == "table"), None)


def has_entry(board, kind):
    return table(board) and any(spte["kind"] == kind for spte in table(board)["sptes"])


def test_a_root_of_two_levels_is_a_tree_whose_links_come_and_go(host):
    shown = one_root_and_its_table()
    page = host.open(shown)
    lines = page.locator(".tdp-tree path")

    def go(what):
        step_where(shown, what)
        host.push(page, shown)

    go(lambda b: has_entry(b, "leaf"))
    expect(tree_box(page, "root 0")).to_contain_text("→\u00a0table 1")
    expect(tree_box(page, "root 0").locator("li").nth(1)).to_have_attribute(
        "title", "gfn 2 to 3: leads to table 1"
    )
    leaf = tree_box(page, "table 1, below root 0\\[1\\]").locator("li").nth(1)
    expect(leaf).to_contain_text("Δ\u00a0pfn 0x4 W (changed)")
    expect(leaf).to_have_attribute("title", re.compile("^gfn 3: 4K leaf, pfn 0x4, W"))
    expect(lines).to_have_count(1)
    line, above, below = (
        where.bounding_box()
        for where in (
            lines,
            tree_box(page, "root 0").locator("li").nth(1),
            tree_box(page, "table 1"),
        )
    )
    assert abs(line["y"] - above["y"] - above["height"] / 2) < 5  # a stroke counts too
    assert abs(line["y"] + line["height"] - below["y"]) < 5
    go(lambda b: has_entry(b, "removed"))
    expect(lines).to_have_count(0)
    expect(tree_box(page, "root 0").locator(".tdp-changed")).to_have_count(0)
    expect(tree_box(page, "table 1, no SPTE leads here")).to_contain_text("REMOVED")
    go(lambda b: table(b) and table(b)["state"] == "freeing")
    expect(tree_box(page, "table 1, cut off, waits for RCU")).to_contain_text("(changed)")
    go(lambda b: table(b) and table(b)["state"] == "freed")
    expect(tree_box(page, "table 1: freed")).to_be_visible()
    expect(page.get_by_role("table", name="Roots")).not_to_contain_text("table 1")
    assert page.problems == []


def test_nothing_of_the_tree_moves_over_all_steps_and_no_button_does(host):
    shown = one_root_and_its_table()
    page = host.open(shown)
    where = """() => [...document.querySelectorAll(".tdp-step, .tdp-page")].map((n) => {
      const at = n.getBoundingClientRect();
      return [Math.round(at.left), Math.round(at.top)];
    })"""
    places = []
    for step in range(shown.board["steps"] + 1):
        shown.goto(step)
        host.push(page, shown)
        places.append(page.evaluate(where))
    assert len(places) > 20
    assert all(place == places[0] for place in places)


HEARD = {
    "leaf": """
- group "Page tables":
  - text: "Page tables: an SPTE of a root leads to a table, an SPTE of a table maps a page."
  - group "root 0, level 2, valid":
    - list:
      - 'listitem "gfn 0 to 1: not present"'
      - 'listitem "gfn 2 to 3: leads to table 1"': /→ table 1/
  - group "table 1, below root 0[1]":
    - list:
      - 'listitem "gfn 2: not present"'
      - 'listitem "gfn 3: 4K leaf, pfn 0x4, W, accessed and dirty clear"': /\\(changed\\)/
  - 'group "page 2: not allocated"'
  - 'group "page 3: not allocated"'
""",
    "removed": """
- group "Page tables":
  - group "root 0, level 2, invalid":
    - list:
      - 'listitem "gfn 0 to 1: not present"'
      - 'listitem "gfn 2 to 3: not present"'
  - group "table 1, no SPTE leads here":
    - list:
      - 'listitem /^REMOVED_SPTE/': /REMOVED \\(changed\\)/
      - listitem "4K leaf, pfn 0x4, W, accessed and dirty clear"
""",
}


def test_what_a_screen_reader_finds_of_the_tree(host):
    shown = one_root_and_its_table()
    page = host.open(shown)
    for what, heard in HEARD.items():
        step_where(shown, lambda b, kind=what: has_entry(b, kind))
        host.push(page, shown)
        expect(page.locator("body")).to_match_aria_snapshot(heard)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tree_has_the_contrast_too(host, scheme):
    shown = one_root_and_its_table()
    page = host.open(shown, scheme=scheme)
    for what in ("leaf", "removed"):
        step_where(shown, lambda b, kind=what: has_entry(b, kind))
        host.push(page, shown)
        assert page.evaluate(CONTRAST)["bad"] == []


@pytest.mark.parametrize(("width", "zoom"), [(900, 1), (700, 1), (450, 2), (320, 1)])
def test_nothing_of_the_tree_is_cut_off_or_overlaps(host, width, zoom):
    shown = Interleaver("v5.18", "two-levels-vcpus")
    for actor in ("vCPU 0", "vCPU 1", "update 0"):
        shown.run(actor)
    step_where(shown, lambda b: has_entry(b, "leaf"))
    page = host.open(shown, width=width, device_scale_factor=zoom)
    cut = """() => [document.documentElement, ...document.querySelectorAll(
      ".tdp-trees, .tdp-tree, .tdp-page, .tdp-page *:not(.tdp-sr)")]
      .filter((n) => n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== "inline")
      .map((n) => `${n.className}: ${n.textContent}`)"""
    assert page.evaluate(cut) == []
    overlap = """() => {
      const boxes = [...document.querySelectorAll(".tdp-page")]
        .map((n) => n.getBoundingClientRect());
      return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right - 1
        && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1));
    }"""
    assert page.evaluate(overlap) is False


def test_a_tree_of_one_level_stays_a_column_of_the_roots(host):
    shown = Interleaver("v5.18", "small")
    shown.run("vCPU 0")
    step_where(shown, lambda b: any(s["present"] for r in b["roots"] for s in r["sptes"]))
    page = host.open(shown)
    roots = page.get_by_role("table", name="Roots")
    expect(roots.get_by_role("row").nth(1)).to_contain_text("present, W")
    expect(page.get_by_role("group", name="Page tables", exact=True)).to_have_count(0)
    expect(roots.get_by_role("row")).to_have_count(1 + len(shown.board["shape"]["slots"]))
