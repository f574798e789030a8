"""A check in the background in Chromium, on a page without Jupyter."""

from __future__ import annotations

import time

import pytest
from contrast import CONTRAST, LAB_DARK, LAB_LIGHT
from test_interleaver_page import expect

from tdplib.widgets import Check

pytestmark = pytest.mark.browser

BROKEN = "patch-22-skip-invalid"


@pytest.fixture
def panel():
    """Make a check and give its panel; the checks are ended with the test."""
    made = []

    def make(*args, wait=True, **options):
        widget = Check(*args, **options)
        made.append(widget)
        if wait:
            widget.wait()
        else:
            while not widget.children[0].picture["numbers"]:
                time.sleep(0.005)
        return widget.children[0]

    make.made = made
    yield make
    for widget in made:
        widget.close()


def test_numbers_come_and_cancel_ends_it(host, panel):
    shown = panel("v5.18", scenario="three-vcpus", wait=False)
    page = host.open(shown)
    region = page.get_by_role("region", name="Check of v5.18, scenario three-vcpus")
    expect(region.get_by_role("status")).to_contain_text("running every interleaving")
    numbers = region.locator(".tdp-numbers")
    expect(numbers).to_contain_text("states a second")
    expect(page.get_by_role("button", name="Step through")).to_have_count(0)
    page.get_by_role("button", name="Cancel the check").focus()
    page.keyboard.press("Enter")
    panel.made[0].wait()
    host.push(page, shown)
    expect(region.get_by_role("status")).to_have_text(
        "incomplete, nothing is proved (cancelled): nothing broke in what was visited"
    )
    expect(page.get_by_role("button", name="Cancel the check")).to_have_count(0)
    # the button that went had the focus: it is not lost to the page
    assert page.evaluate("document.querySelector('.tdp-run').contains(document.activeElement)")
    assert page.problems == []


def test_a_violation_shows_its_trace_and_opens_it(host, panel):
    shown = panel(BROKEN)
    page = host.open(shown)
    status = page.get_by_role("status")
    expect(status).to_contain_text("violated: zap-complete")
    expect(status).to_contain_text("a root from before it still has a present SPTE")
    expect(page.get_by_role("region", name="The trace, step by step")).to_contain_text("8. update")
    page.get_by_role("button", name="Step through the trace").click()
    page.wait_for_function("hosts[0].state.handled === 1")
    assert len(panel.made[0].children) == 2
    assert page.problems == []


def test_a_kernel_that_does_not_answer_is_told(host, panel):
    page = host.open(panel(BROKEN))
    page.clock.install()
    page.evaluate("hosts[0].held = true")
    page.get_by_role("button", name="Step through the trace").click()
    page.clock.run_for(5000)
    expect(page.get_by_role("alert")).to_contain_text("The kernel does not answer.")


@pytest.mark.parametrize(("scheme", "body"), [("light", LAB_LIGHT), ("dark", LAB_DARK)])
def test_every_text_has_its_contrast_and_nothing_sticks_out(host, panel, scheme, body):
    shown = [panel(BROKEN), panel("v6.6"), panel("v5.18", max_states=20_000)]
    page = host.open(*shown, scheme=scheme, body=body, width=900)
    found = page.evaluate(CONTRAST)
    assert found["bad"] == []
    assert found["count"] > 40
    for width in (320, 900):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width


TREE = """\
- region "Check of v6.6, scenario default":
  - text: v6.6, scenario default
  - status:
    - paragraph: holds in every interleaving
  - term: states
  - definition: /26,184/
"""


def test_the_accessibility_tree(host, panel):
    page = host.open(panel("v6.6"))
    expect(page.locator("body")).to_match_aria_snapshot(TREE)
    said = "New states at each depth so far; the search ends when a depth brings none. 32 bars,"
    expect(page.get_by_role("img", name=f"{said} the highest is number 18.")).to_have_count(1)


RUNNING = """\
- region "Check of v5.18, scenario three-vcpus":
  - text: v5.18, scenario three-vcpus
  - button "Cancel the check"
  - status:
    - paragraph: running every interleaving
  - term: states
  - definition: /^[0-9,]+$/
  - term: states a second
  - definition
  - term: depth
  - definition: /^[0-9]+$/
  - term: memory
  - definition: /MiB/
  - term: seconds
  - definition
"""
CANCELLED = """\
- region "Check of v5.18, scenario three-vcpus":
  - text: v5.18, scenario three-vcpus
  - status:
    - paragraph: "/^incomplete, nothing is proved \\\\(cancelled\\\\): nothing broke/"
  - term: states
  - definition: /^[0-9,]+$/
  - term: memory
  - definition: /freed$/
"""
VIOLATED = """\
- region "Check of patch-22-skip-invalid, scenario default":
  - button "Step through the trace in an Interleaver below"
  - status:
    - paragraph: "violated: zap-complete"
    - paragraph: The fast zap returned, and a root from before it still has a present SPTE.
  - term: states
  - definition: /^[0-9,]+$/
  - figure /^New states at each depth so far/:
    - img /bars, the highest is number/
  - group:
    - region "The trace, step by step": /^8 steps, 1 switch between actors/
"""


@pytest.mark.parametrize(("scheme", "body"), [("light", LAB_LIGHT), ("dark", LAB_DARK)])
def test_running_cancelled_and_violated_are_heard_and_have_contrast(host, panel, scheme, body):
    shown = panel("v5.18", scenario="three-vcpus", wait=False)
    page = host.open(shown, scheme=scheme, body=body)
    expect(page.locator("body")).to_match_aria_snapshot(RUNNING)
    assert page.evaluate(CONTRAST)["bad"] == []
    panel.made[0].cancel()
    panel.made[0].wait()
    host.push(page, shown)
    expect(page.locator("body")).to_match_aria_snapshot(CANCELLED)
    assert page.evaluate(CONTRAST)["bad"] == []
    page = host.open(panel(BROKEN), scheme=scheme, body=body)
    expect(page.locator("body")).to_match_aria_snapshot(VIOLATED)
    assert page.evaluate(CONTRAST)["bad"] == []
