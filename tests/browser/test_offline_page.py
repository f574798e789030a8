"""
The exported page in a real browser: opened from a file, with the network off.

And its stand-in for the kernel against the kernel: on random walks both must publish the same.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re

import pytest
from contrast import CONTRAST
from nasty import OWN
from playwright.sync_api import expect

from tdplib import check, offline
from tdplib.atlas import atlas
from tdplib.widgets import Interleaver
from tdplib.widgets._assets import module
from tdplib.widgets.offline import PLAYED
from tdplib.widgets.packing import pack

WALKS = [
    ("lost-update", None), ("patch-24-unconditional", "requeue"), ("v3-list-walk", "small"),
    ("v5.18", "two-levels"), ("v5.18", "tlb"),
]  # fmt: skip
PLAY = """async ([script, data, path, asked]) => {
  const { unpack, Player } = await import("data:text/javascript;base64," + script);
  const player = new Player(await unpack(data), path);
  const state = () => ({ board: player.get("board"), error: player.get("error"),
    handled: player.get("handled"), sources: player.get("sources"), terms: player.get("terms") });
  const first = state();
  const told = asked.map((message) => { player.answer(message); return state(); });
  return JSON.stringify([first, ...told]);
}"""


def published(widget):
    names = ("board", "error", "handled", "sources", "terms")
    return {name: getattr(widget, name) for name in names}


def asked_of(widget, rng):
    """A message that the page could send; mostly a step that can be taken."""
    board, roll = widget.board, rng.random()
    ready = [actor["index"] for actor in board["actors"] if actor["status"] == "ready"]
    if roll < 0.6 and ready:
        return {"do": "step", "actor": rng.choice(ready)}
    actor = rng.choice(board["actors"])
    if roll < 0.66:
        return {"do": rng.choice(["step", "run"]), "actor": actor["index"]}
    if roll < 0.72:
        function, source = rng.choice([*widget.sources.items()])
        line = source["first"] + rng.randrange(len(source["lines"]))
        return {"do": "run", "actor": actor["index"], "to": [function, line]}
    if roll < 0.86:
        return {"do": "goto", "step": rng.choice([0, "end", rng.randint(0, board["steps"])])}
    if roll < 0.92 and board["branches"]:
        branch = rng.choice(board["branches"])
        step = {"step": rng.randint(0, branch["steps"])} if rng.random() < 0.5 else {}
        return {"do": "restore", "branch": branch["number"], **step}
    return {"do": rng.choice(["back", "back", "forward", "judge", "reset", "restore"])}


def differences(ours, theirs, path=""):
    if type(ours) is not type(theirs):
        return [f"{path}: {ours!r} in Python, {theirs!r} in the page"]
    if isinstance(ours, dict):
        keys = ours.keys() | theirs.keys()
        pairs = [(f"{path}.{k}", ours.get(k, "nothing"), theirs.get(k, "nothing")) for k in keys]
    elif isinstance(ours, list) and len(ours) == len(theirs):
        pairs = [(f"{path}[{k}]", *pair) for k, pair in enumerate(zip(ours, theirs, strict=True))]
    else:
        return [] if ours == theirs else [f"{path}: {ours!r} in Python, {theirs!r} in the page"]
    return [text for name, a, b in pairs for text in differences(a, b, name)]


@pytest.mark.parametrize(("protocol", "scenario"), WALKS)
def test_the_page_publishes_what_the_kernel_does(chromium, protocol, scenario):
    seed = int(os.environ.get("TDPLIB_SEED", random.randrange(1 << 30)))
    print(f"TDPLIB_SEED={seed}")
    rng = random.Random(seed)
    verdict = check(protocol, scenario=scenario)
    widget = Interleaver(protocol, scenario, trace=verdict.trace)
    path = list(verdict.trace.session.path) if verdict.trace else []
    ours, asked = [published(widget)], []
    for _ in range(70):
        asked.append(asked_of(widget, rng))
        widget._on_message(widget, asked[-1], [])
        ours.append(published(widget))
    script = base64.b64encode(module(*PLAYED).encode()).decode()
    data = base64.b64encode(pack(atlas(verdict.subject))).decode()
    page = chromium.new_page()
    theirs = json.loads(page.evaluate(PLAY, [script, data, path, asked]))
    page.close()
    for k, (mine, other) in enumerate(zip(json.loads(json.dumps(ours)), theirs, strict=True)):
        assert differences(mine, other) == [], f"after {asked[:k]}"


class Opened:
    """Pages opened from files, in a browser without a network."""

    def __init__(self, browser, folder):
        self.browser, self.folder, self.contexts = browser, folder, []

    def __call__(self, what, address="", width=1000, height=1000, scheme="light", **context):
        path = offline(what).save(self.folder / "page.html")
        made = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True,
            **context,
        )  # fmt: skip
        self.contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(10_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: page.problems.append(r.url) if "file:" not in r.url else None)
        page.goto(f"file://{path}{address}")
        if context.get("java_script_enabled", True):
            page.wait_for_selector(".tdp-il")
        return page


@pytest.fixture
def opened(chromium, tmp_path):
    made = Opened(chromium, tmp_path)
    yield made
    for context in made.contexts:
        context.close()


def small(name="patch-22-skip-invalid"):
    return check(name, scenario="small")


def told(page):
    return page.locator(".page-path p")


def test_a_reader_leaves_the_failing_path_and_comes_back(opened):
    page = opened(small())
    expect(told(page)).to_have_text("You are on the path that breaks zap-complete, at step 0 of 8.")
    for key in ("ArrowRight", "ArrowRight", "b"):  # no click before: keys work at once
        page.keyboard.press(key)
    expect(told(page)).to_have_text(
        "You left the path that breaks zap-complete at step 3: there it goes on with vCPU 0."
    )
    expect(page.locator(".tdp-status")).to_contain_text("takes slots_lock")
    assert page.url.endswith("#patch-22-skip-invalid/small/942b2c:2ab")
    page.locator(".page-path").get_by_text("Back to the path").click()
    expect(told(page)).to_have_text("You are on the path that breaks zap-complete, at step 2 of 8.")
    page.keyboard.press("End")  # the focus is back on the board
    expect(page.locator(".tdp-status")).to_contain_text("zap-complete is broken")
    page.locator("h1").click()
    page.keyboard.press("ArrowLeft")  # nor does it matter where one clicked last
    expect(page.locator(".tdp-count")).to_contain_text("step 7 of 8")
    assert page.problems == []


def test_every_next_step_is_judged_when_asked_for(opened):
    page = opened(small())
    expect(page.locator(".tdp-leads")).to_have_count(0)
    page.keyboard.press("!")
    step = page.locator(".tdp-step").first
    expect(step).to_contain_text("a violation can still happen: 8 steps, zap-complete")
    for key in ("ArrowRight", "ArrowRight", "b"):
        page.keyboard.press(key)
    expect(page.locator(".tdp-step").nth(1)).to_contain_text("nothing can go wrong from here")


def test_a_link_opens_exactly_that_moment(opened):
    page = opened(small(), "#patch-22-skip-invalid/small/942b2c:2ab")
    count, error = page.locator(".tdp-count"), page.locator(".tdp-error")
    expect(count).to_have_text("step 3 of 3")
    for address, said in {"3a": "step 3 of 8", "4a4b": "step 8 of 8"}.items():
        page.evaluate("address => { location.hash = address; }", address)
        expect(count).to_have_text(said)
    page.evaluate("location.hash = '9c'")
    expect(error).to_contain_text("Only 0 of 9 steps can be taken here.")
    page.evaluate("location.hash = 'v5.18/small/942b2c:2ab'")
    expect(error).to_contain_text("no path of this page")
    page.reload()
    expect(error).to_contain_text("no path of this page")
    assert page.problems == []


def test_who_holds_is_explored_too(opened):
    page = opened(small("v5.18"))
    expect(told(page)).to_contain_text("Nothing breaks in this scenario")
    page.get_by_role("button", name="Run vCPU 0 until it blocks").click()
    expect(page.locator(".tdp-count")).not_to_have_text("step 0 of 0")
    expect(page.get_by_role("button", name="Back to the path")).to_be_hidden()
    assert page.problems == []


def test_every_broken_property_has_its_path(opened):
    page = opened(small("v3-list-walk"))
    expect(told(page)).to_contain_text("the path that breaks no-warn")
    page.get_by_role("button", name="Another path: breaks no-use-after-free").click()
    expect(told(page)).to_contain_text("on the path that breaks no-use-after-free, at step 0")
    page.get_by_role("button", name="To the end").click()
    expect(page.locator(".tdp-status")).to_contain_text("no-use-after-free is broken")
    expect(page.get_by_role("button", name="Another path: breaks no-warn")).to_be_visible()
    assert page.problems == []


def test_what_a_learner_wrote_is_text(opened):
    page = opened(check(OWN, base="patch-22", scenario="small"))
    page.get_by_role("button", name="To the end").click()
    expect(page.locator(".tdp-status")).to_contain_text("is broken")
    page.get_by_role("button", name=re.compile("^Step 6: update 0 takes mmu_lock")).click()
    page.get_by_text("Last step, action by action").click()
    expect(page.locator(".tdp-steps code", has_text="onerror").first).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.problems == []


def test_without_javascript_the_path_shows_as_picture_and_text(opened):
    page = opened(small(), java_script_enabled=False)
    expect(page.get_by_role("img", name="breaks zap-complete")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("broken: zap-complete")
    expect(page.locator(".page-plain")).to_contain_text("Stepping needs JavaScript")
    expect(page.locator(".page-scripted")).to_be_hidden()


AT_THE_START = """
- banner:
  - heading "patch-22-skip-invalid breaks zap-complete" [level=1]
  - paragraph: The fast zap returned, and a root from before it still has a present SPTE.
- main:
  - group "The path":
    - status: You are on the path that breaks zap-complete, at step 0 of 8.
    - button "Copy link to this moment"
  - 'region "Interleaver: patch-22-skip-invalid, scenario small"':
    - toolbar "Time"
    - group "Timeline"
    - status
    - table "Roots"
    - toolbar "Actors"
    - group "Locks, lists, requests"
    - toolbar "To take away":
      - button "Copy the schedule code"
      - group "Copy a line that opens it again"
  - heading "The path as a picture" [level=2]
  - region "The path as a picture":
    - 'img "patch-22-skip-invalid: breaks zap-complete"'
  - heading "The path in words" [level=2]
  - region "The path in words"
"""
AFTER_IT_WAS_LEFT = """
- main:
  - group "The path":
    - status: "You left the path that breaks zap-complete at step 3: there it goes on with vCPU 0."
    - button "Back to the path"
    - button "Copy link to this moment"
  - 'region "Interleaver: patch-22-skip-invalid, scenario small"':
    - group "Timeline":
      - 'button "Step 3: update 0 takes slots_lock"'
    - group "Other branches":
      - 'button /^Go back to branch 1: leaves this one after step 2, 8 steps, breaks zap-complete$/'
"""


def test_what_a_screen_reader_finds(opened):
    page = opened(small())
    expect(page.locator("body")).to_match_aria_snapshot(AT_THE_START)
    expect(page.get_by_role("button", name="Back to the path")).to_have_count(0)
    expect(page.get_by_role("group", name="Save the whole timeline")).to_have_count(0)
    for key in ("ArrowRight", "ArrowRight", "b"):
        page.keyboard.press(key)
    expect(page.locator("body")).to_match_aria_snapshot(AFTER_IT_WAS_LEFT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(opened, scheme):
    page = opened(small(), "#2ab", scheme=scheme)
    page.keyboard.press("!")
    expect(page.locator(".tdp-here-judged")).to_be_visible()
    found = page.evaluate(CONTRAST)
    assert found["bad"] == []
    assert found["count"] > 100


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_window(opened, width):
    page = opened(small(), width=width)
    expect(page.locator(".tdp-il")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_prints_the_board_and_the_path(opened):
    page = opened(small(), "#4a4b")
    expect(page.locator(".tdp-status")).to_contain_text("is broken")
    page.emulate_media(media="print")
    expect(page.locator(".tdp-navs")).to_be_hidden()
    expect(page.locator(".page-path")).to_be_hidden()
    expect(page.locator("pre")).to_be_visible()
    assert re.match(
        "light", page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    )
