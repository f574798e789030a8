"""The graph of a state space in Chromium, without Jupyter: walked, clicked, heard, seen."""

from __future__ import annotations

import re

import pytest
from contrast import CONTRAST, LAB_DARK, LAB_LIGHT
from parts import expect

from tdplib.widgets import StateSpace

pytestmark = pytest.mark.browser


def states(page):
    return page.get_by_role("group", name=re.compile("^Graph of the states"))


def test_a_click_opens_the_board_at_that_state_and_a_step_there_moves_the_mark(host):
    shown = StateSpace("lost-update")
    page = host.open(shown.graph, shown.board, height=1500)
    page.get_by_role(
        "button", name=re.compile("^State 28, 7 steps from the start, a property")
    ).click()
    expect(page.locator(".tdp-graph-node[aria-current=true]")).to_have_attribute("data-node", "28")
    host.push(page, shown.board, 1)
    expect(page.locator(".out").nth(1)).to_contain_text("no-warn")
    shown.board.back()
    host.push(page, shown.graph, 0)
    here = page.locator(".tdp-graph-node[aria-current=true]")
    assert int(here.get_attribute("data-node")) == shown.graph.at < 28
    assert page.problems == []


def test_arrow_keys_walk_along_the_steps(host):
    shown = StateSpace("lost-update")
    page = host.open(shown.graph)
    line = page.get_by_role("status")
    page.keyboard.press("Tab")
    expect(page.locator(".tdp-graph-node:focus")).to_have_attribute("data-node", "0")
    expect(line).to_contain_text("State 0, 0 steps from the start, the start: vCPU 0 at line")
    expect(line).to_contain_text("Chosen step, 1 of 2: vCPU 0, to state 1.")
    page.keyboard.press("ArrowRight")
    expect(line).to_contain_text("Chosen step, 2 of 2: vCPU 1, to state 2.")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tdp-graph-node:focus")).to_have_attribute("data-node", "2")
    page.keyboard.press("ArrowUp")
    expect(line).to_contain_text("Chosen step, 2 of 2: vCPU 1, to state 2.")
    for _ in range(9):
        page.keyboard.press("ArrowDown")
    expect(line).to_contain_text("7 steps from the start")
    page.keyboard.press("Enter")
    expect(page.locator(".tdp-graph-here:focus")).to_have_count(1)
    page.keyboard.press("Home")
    expect(page.locator(".tdp-graph-node:focus")).to_have_attribute("data-node", "0")
    page.keyboard.press("Tab")  # one tab stop for the whole graph
    expect(page.locator(".tdp-graph-node:focus")).to_have_count(0)
    assert page.problems == []


def test_pointing_tells_a_state_and_two_graphs_never_meet(host):
    shown, other = StateSpace("lost-update"), StateSpace("lost-update")
    page = host.open(shown.graph, other.graph, height=1500)
    page.locator(".out").nth(0).locator("[data-node='3']").hover()
    expect(page.get_by_role("status").nth(0)).to_contain_text("State 3, 2 steps from the start")
    expect(page.get_by_role("status").nth(1)).to_contain_text("State 0,")
    page.locator(".out").nth(0).locator("[data-node='4']").click()
    expect(page.locator(".out").nth(1).locator("[aria-current=true]")).to_have_attribute(
        "data-node", "0"
    )
    page.evaluate("window.hosts[0].cleanup()")
    expect(page.locator(".tdp-space")).to_have_count(1)
    assert page.problems == []


def test_what_goes_wrong_is_said(host):
    shown = StateSpace("lost-update")
    page = host.open(shown.graph)
    page.evaluate("window.hosts[0].model.send({do: 'open', node: 99})")
    expect(page.get_by_role("alert")).to_contain_text("node 99 does not exist")


SNAPSHOT = """
- region "State space of lost-update, scenario two-tasks":
  - 'group /^Graph of the states/':
    - button /^State 0, 0 steps from the start, the start/
    - button /^State 1, 1 step from the start/
  - status: /State 0.*Chosen step/
  - list "What the marks mean":
    - listitem: vCPU 0
    - listitem: vCPU 1
"""


def test_accessibility_tree(host):
    page = host.open(StateSpace("lost-update").graph)
    expect(page.locator("body")).to_match_aria_snapshot(SNAPSHOT)


@pytest.mark.parametrize("name", ["lost-update", "flush-under-mmu-lock"])
@pytest.mark.parametrize(("scheme", "lab"), [("light", LAB_LIGHT), ("dark", LAB_DARK)])
def test_contrast_and_width(host, name, scheme, lab):
    page = host.open(StateSpace(name).graph, scheme=scheme, body=lab, width=320)
    found = page.evaluate(CONTRAST)
    assert found["count"] > 10
    assert found["bad"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
