"""The Interleaver's timeline in Chromium, runs to a line, and what can be taken away."""

from __future__ import annotations

import re

import pytest
from contrast import CONTRAST
from fake_session import REQUEUE
from parts import LONG, expect, lane, long_way, stands_at, step_button, widget

from tdplib.replay.schedule import read_steps
from tdplib.widgets import Interleaver

pytestmark = pytest.mark.browser


def test_back_forward_jump_and_a_branch_from_the_past(host):
    shown = widget([0, 0, 0, 2])
    page = host.open(shown)
    page.get_by_role("button", name="One step back").click()
    stands_at(page, 3, 4)
    page.get_by_role("button", name="One step forward").click()
    stands_at(page, 4, 4)
    page.get_by_role("button", name=re.compile("^Step 2: vCPU 0 allocates root 0")).click()
    stands_at(page, 2, 4)
    expect(page.locator(".tdp-tick.tdp-later")).to_have_count(2)
    step_button(page, "update 1").click()
    stands_at(page, 3, 3)
    expect(page.locator(".tdp-schedule code").first).to_have_text("p21:aad")
    page.get_by_role("button", name="Go back to branch 1").click()
    stands_at(page, 2, 4)
    page.get_by_role("button", name="To the end").click()
    page.get_by_role("button", name="Reset").click()
    stands_at(page, 4, 4)  # as it was opened


def test_every_branch_that_was_left_is_drawn_and_can_be_gone_back_to(host):
    shown = long_way()
    page = host.open(shown)
    branches = page.get_by_role("group", name="Other branches")
    expect(branches).to_have_count(0)
    page.locator(".tdp-tick").nth(6).click()
    stands_at(page, 6, 17)
    step_button(page, "vCPU 1").click()
    page.locator(".tdp-tick").nth(2).click()
    stands_at(page, 2, 7)
    step_button(page, "vCPU 0").click()
    label = "Go back to branch 1: leaves this one after step 2, 17 steps, breaks zap-complete"
    expect(branches.get_by_role("button")).to_have_count(2)
    expect(branches.get_by_role("button", name=label)).to_have_text("branch 1")
    expect(page.locator(".tdp-tickrows")).to_contain_text("branch 3")
    # drawn in the columns of the steps above it
    twig, tick = page.locator(".tdp-twig").first, page.locator(".tdp-tick").nth(3)
    assert abs(twig.bounding_box()["x"] - tick.bounding_box()["x"]) <= 3
    page.locator(".tdp-twig[data-branch='2']").last.click()
    stands_at(page, 7, 7)
    page.keyboard.press("Tab")
    branches.get_by_role("button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    stands_at(page, 3, 3)
    expect(branches.get_by_role("button").first).to_be_focused()
    assert page.evaluate(CONTRAST)["bad"] == []
    assert page.problems == []


def test_a_click_on_a_line_runs_the_actor_to_it(host):
    page = host.open(Interleaver("patch-22-skip-invalid"))
    source = page.get_by_role("group", name="Source of memslot_update_thread, at line 129").first
    button = source.get_by_role("button", name="Run update 0 to line 131")
    button.click()
    stands_at(page, 3, 3)
    expect(page.get_by_role("status").first).to_contain_text(
        "update 0 has taken 3 steps and stands at line 131 of memslot_update_thread."
    )
    expect(lane(page, "update 0").locator(".tdp-here")).to_contain_text("model_update_returns")
    expect(lane(page, "update 1").locator("button.tdp-lineno").first).to_be_disabled()
    page.get_by_role("button", name="Reset").click()
    stands_at(page, 0, 0)
    lane(page, "update 0").locator(".tdp-line", has_text="model_update_returns").click()
    stands_at(page, 3, 3)
    # marking code with the mouse runs nothing
    page.get_by_role("button", name="Reset").click()
    lane(page, "update 0").locator(".tdp-line", has_text="mutex_unlock").dblclick()
    expect(page.locator(".tdp-count")).not_to_have_text("step 0 of 0")
    assert page.problems == []


def test_a_line_is_chosen_and_run_to_by_keyboard(host):
    page = host.open(Interleaver("patch-22-skip-invalid"))
    step_button(page, "update 0").focus()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.dataset.actor") != "2":
        page.keyboard.press("Tab")
    chosen = lane(page, "update 0").locator("button:focus")
    expect(chosen).to_have_accessible_name("Run update 0 to line 129")  # where it stands
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_accessible_name("Run update 0 to line 131")
    page.keyboard.press("Enter")
    stands_at(page, 3, 3)
    expect(chosen).to_have_accessible_name("Run update 0 to line 131")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    stands_at(page, 4, 4)
    expect(page.get_by_role("status").first).to_contain_text("went through line 132")


def test_dragging_over_the_timeline_goes_to_any_moment_and_asks_one_thing_at_a_time(host):
    page = host.open(widget(REQUEUE))
    box = page.locator(".tdp-ticks").bounding_box()
    width = page.locator(".tdp-tick").first.bounding_box()["width"]

    def x(step):
        return box["x"] + (step + 0.5) * width

    page.mouse.move(x(30), box["y"] + 40)
    page.mouse.down()
    page.evaluate("hosts[0].held = true")
    page.mouse.move(x(20), box["y"] + 40, steps=20)
    page.mouse.move(x(8), box["y"] + 90, steps=20)
    now = page.locator(".tdp-tick[aria-current]")
    expect(now).to_have_attribute("data-step", "8")  # before the kernel has answered
    assert page.evaluate("hosts[0].sent.length") == 1
    page.evaluate("""() => { const [host] = hosts;
      host.held = false;
      kernel(0, host.sent[0]).then((answer) => host.push(answer.state)); }""")
    stands_at(page, 8, 35)
    page.mouse.move(x(-20), box["y"] + 40, steps=3)
    stands_at(page, 0, 35)
    page.mouse.up()
    assert page.evaluate("hosts[0].sent.every((m) => m.do === 'goto')")
    asked = page.evaluate("hosts[0].sent.length")
    page.mouse.move(x(10), box["y"] + 40)  # the button is up: nothing is asked for
    expect(now).to_have_attribute("data-step", "0")
    page.mouse.click(x(5), box["y"] + 40)
    stands_at(page, 5, 35)
    assert page.evaluate("hosts[0].sent.length") == asked + 1


def test_a_finger_drags_too(host):
    page = host.open(widget(REQUEUE), has_touch=True)
    box = page.locator(".tdp-ticks").bounding_box()
    width = page.locator(".tdp-tick").first.bounding_box()["width"]
    page.evaluate(
        """([x, y, to]) => {
      const ticks = document.querySelector(".tdp-ticks");
      ticks.setPointerCapture = () => {}; // there is no such finger
      const fire = (type, x) => ticks.dispatchEvent(new PointerEvent(type, { pointerId: 7,
        pointerType: "touch", clientX: x, clientY: y, buttons: +(type !== "pointerup"),
        bubbles: true }));
      fire("pointerdown", x); fire("pointermove", to); fire("pointerup", to);
    }""",
        [box["x"] + 30.5 * width, box["y"] + 30, box["x"] + 12.5 * width],
    )
    stands_at(page, 12, 35)
    assert page.locator(".tdp-ticks").evaluate("(n) => getComputedStyle(n).touchAction") == "pan-y"


def test_arrows_join_the_steps_that_must_keep_their_order_and_words_say_why(host):
    shown = long_way(-1)
    page = host.open(shown)
    expect(page.locator(".tdp-arrows path")).to_have_count(0)
    step_button(page, "update 0").click()
    stands_at(page, 17, 17)
    expect(page.locator(".tdp-arrows path")).to_have_count(1)
    before = shown.board["before"]
    assert before
    drawn = page.locator(".tdp-arrows path").get_attribute("d")
    assert drawn.count("H") == len(before)
    page.get_by_text("Steps in words").click()
    for first, then, why in before:
        said = page.locator(".tdp-steps").last.locator("li").nth(then - 1)
        expect(said).to_contain_text(f"after step {first}: {why}")
    page.get_by_role("button", name="To the start").click()
    expect(page.locator(".tdp-arrows path")).to_have_count(1)
    step_button(page, "update 0").click()
    expect(page.locator(".tdp-arrows path")).to_have_count(0)


def test_steps_that_are_not_needed_are_grey_and_said_to_be(host):
    shown = long_way()
    page = host.open(shown)
    expect(page.locator(".tdp-spare")).to_have_count(9)
    name = re.compile("^Step 2: update 1 .*; not needed for what breaks$")
    expect(page.get_by_role("button", name=name)).to_have_count(1)
    expect(page.locator(".tdp-foot")).to_contain_text(
        "not needed for what breaks: steps 2, 3, 4, 5, 7, 8, 10, 11, 13"
    )
    assert page.evaluate(CONTRAST)["bad"] == []


# -- to take away


def test_the_schedule_code_is_shown_and_copied(host):
    page = host.open(widget([0, 0, 2]), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the schedule code").click()
    expect(page.locator(".tdp-copied")).to_have_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == "p21:aac"


def test_lines_that_open_it_again_are_copied_at_one_click(host):
    page = host.open(Interleaver("lost-update"), permissions=["clipboard-read", "clipboard-write"])
    step_button(page, "vCPU 0").click()
    stands_at(page, 1, 1)
    code = page.locator(".tdp-schedule code").text_content()
    for name, text in {
        "Python": f'Interleaver(code="{code}", at="end")',
        "Command": f"tdplib play --code {code}",
    }.items():
        page.get_by_role("button", name=f"Copy as {name}").click()
        expect(page.locator(".tdp-copied")).to_have_text("copied")
        assert page.evaluate("navigator.clipboard.readText()") == text


def test_without_a_clipboard_the_text_is_shown_and_marked(host):
    page = host.open(Interleaver("lost-update"))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator(".tdp-copied")).to_contain_text("press Ctrl+C")
    assert page.evaluate("String(getSelection())").startswith('Interleaver(code="lost-update/')


def test_a_file_is_saved_at_one_click_and_only_where_it_was_asked_for(host):
    shown = Interleaver("patch-22-skip-invalid")
    page = host.open(shown, shown)
    first = page.locator(".tdp-il").first
    button = first.get_by_role("button", name="Save as Picture (SVG)")
    expect(button).to_be_disabled()
    button.click(force=True)
    expect(first.get_by_role("status").first).to_contain_text("nothing to save")
    for actor in read_steps(LONG):
        shown.step(actor)
    host.push(page, shown)
    for kind, ending in {"Picture (SVG)": ".svg", "Page (HTML)": ".html"}.items():
        with page.expect_download() as download:
            first.get_by_role("button", name=f"Save as {kind}").click()
        name = f"patch-22-skip-invalid-default-{LONG}{ending}"
        assert download.value.suggested_filename == name
    expect(first.locator(".tdp-copied")).to_contain_text(f'.save("{name}") of the widget')
    page.evaluate("""() => {
      const message = { file: { name: "x.svg", type: "image/svg+xml", text: "" }, view: "view 7" };
      for (const f of hosts[1].calls["msg:custom"]) f(message, []); }""")
    expect(page.locator(".tdp-il").last.locator(".tdp-copied")).to_have_text("")
    assert page.problems == []
