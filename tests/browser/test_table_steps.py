"""Page tables step by step: the pictures change, nothing else moves, keys and words do it all."""

import json
import re

import pytest
from contrast import CONTRAST, LAB_DARK

from tdplib.errors import BadValueError
from tdplib.machine.pagetable import PageTables
from tdplib.widgets import TableSteps

LABELS = ("empty", "a page of 1G", "split", "split again", "zapped", "after RCU")


def steps():
    pool = PageTables()
    root = pool.new_root()
    moments = [pool.snapshot(root)]
    for act in (
        lambda: pool.map(root, 0x40000, level=3),
        lambda: pool.split(root, 0x40005),
        lambda: pool.split(root, 0x40005),
        lambda: pool.zap_root(root),
        pool.grace_period,
    ):
        act()
        moments.append(pool.snapshot(root))
    return TableSteps(moments, labels=LABELS)


def expect(thing):
    from playwright.sync_api import expect

    return expect(thing)


@pytest.mark.browser
def test_keys_and_buttons_go_through_the_pictures_and_nothing_moves(host):
    page = host.open(steps())
    count, said = page.locator(".tdp-count"), page.get_by_role("status")
    where = """() => [...document.querySelectorAll("button, .tdp-picture svg")].map((n) => {
      const at = n.getBoundingClientRect();
      return [at.left, at.top, at.width, at.height].map(Math.round);
    })"""
    first = page.evaluate(where)
    expect(count).to_have_text("1 of 6: empty")
    page.get_by_role("button", name="One step forward (Right)").click()
    for number, label in enumerate(LABELS[1:], 2):
        expect(count).to_have_text(f"{number} of 6: {label}")
        assert page.evaluate(where) == first
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="To the end (End)")).to_be_disabled()
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("5 of 6. Page tables below root 1: zapped: 4 levels")
    expect(said).to_contain_text("3 tables were cut off, now waiting for RCU.")
    expect(page.get_by_role("img", name="Page tables below root 1: zapped")).to_be_visible()
    page.keyboard.press("Home")
    expect(count).to_have_text("1 of 6: empty")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="To the end (End)")).to_be_focused()
    page.keyboard.press("Enter")
    expect(count).to_have_text("6 of 6: after RCU")
    assert page.problems == []


@pytest.mark.browser
def test_one_tab_stop_a_narrow_page_that_scrolls_inside_and_two_that_never_meet(host):
    page = host.open(steps(), steps(), width=360)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("button[tabindex='0']").count() == 2
    inner = page.locator(".tdp-picture").first
    assert inner.evaluate("n => n.scrollWidth > n.clientWidth")
    inner.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tdp-count").first).to_have_text("1 of 6: empty")  # it scrolled
    page.get_by_role("button", name="One step forward (Right)").first.press("ArrowRight")
    expect(page.locator(".tdp-count").nth(0)).to_have_text("2 of 6: a page of 1G")
    expect(page.locator(".tdp-count").nth(1)).to_have_text("1 of 6: empty")
    page.evaluate("hosts[0].cleanup()")
    assert page.locator(".tdp-steps-of-tables").count() == 1
    assert page.problems == []


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "body"), [("light", ""), ("dark", ""), ("light", LAB_DARK)])
def test_every_text_has_the_contrast_of_wcag_aa(host, scheme, body):
    page = host.open(steps(), scheme=scheme, body=body)
    for _ in LABELS:
        assert page.evaluate(CONTRAST)["bad"] == []
        page.get_by_role("button", name="One step forward (Right)").press("ArrowRight")


HEARD = {
    "at the start": """
- region "Page tables, step by step":
  - text: "1 of 6: empty"
  - toolbar "Time":
    - button "To the start (Home)" [disabled]
    - button "One step back (Left)" [disabled]
    - button "One step forward (Right)"
    - button "To the end (End)"
  - status: /^1 of 6\\. Page tables below root 1. empty. 4 levels of .* nothing is mapped\\.$/
  - group "Picture":
    - 'img "Page tables below root 1: empty"'
""",
    "at the end": """
- region "Page tables, step by step":
  - text: "6 of 6: after RCU"
  - toolbar "Time":
    - button "To the start (Home)"
    - button "One step back (Left)"
    - button "One step forward (Right)" [disabled]
    - button "To the end (End)" [disabled]
  - status: /^6 of 6\\. Page tables below root 1/
  - group "Picture":
    - 'img "Page tables below root 1: after RCU"'
""",
}


@pytest.mark.browser
def test_what_a_screen_reader_finds(host):
    page = host.open(steps())
    expect(page.locator("body")).to_match_aria_snapshot(HEARD["at the start"])
    page.get_by_role("button", name="To the end (End)").click()
    expect(page.locator("body")).to_match_aria_snapshot(HEARD["at the end"])


def test_without_a_page_all_steps_are_words_and_the_last_is_a_picture():
    shown = steps()
    bundle = shown._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == repr(shown) == shown.text()
    assert len(re.findall(r"^\d of 6\. Page tables below root 1", shown.text(), re.M)) == 6
    assert shown.text().endswith("[0..511] not present")
    assert data["text/html"].startswith('<img alt="Page tables below root 1: after RCU')
    assert "<script" not in data["text/html"]


def test_what_goes_to_the_page_is_bounded():
    shown = steps()
    assert len(json.dumps(shown.frames)) < 25_000 * len(LABELS)
    assert len(shown._esm) < 15_000
    pool = PageTables()
    moment = pool.snapshot(pool.new_root())
    for moments in ([], [moment] * 41):
        with pytest.raises(BadValueError, match="must be 1 to 40"):
            TableSteps(moments)
