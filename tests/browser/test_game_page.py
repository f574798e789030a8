"""The ladder's widgets in Chromium on a page without Jupyter: played by mouse and by keyboard."""

from __future__ import annotations

import pytest
from contrast import CONTRAST, LAB_DARK, LAB_LIGHT

from tdplib import ladder
from tdplib.widgets import BreakIt, SaveIt

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("TDPLIB_LADDER", str(tmp_path / "ladder.json"))


def expect(thing):
    from playwright.sync_api import expect

    return expect(thing)


def said(page):
    return page.locator(".tdp-said")


def button(page, name):
    return page.get_by_role("button", name=name)


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


# --- break it


def test_a_level_is_played_by_keyboard_alone(host):
    page = host.open(BreakIt(1))
    expect(said(page)).to_contain_text("you choose who takes the next step")
    page.keyboard.press("Tab")  # the levels
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(button(page, "Nudge")).to_be_focused()
    press(page, ["a", "ArrowDown"])
    expect(button(page, "Ask whether it can still break")).to_be_focused()
    press(page, ["Enter"])
    expect(said(page)).to_have_text("It can still break from here.")
    press(page, "bbba")
    expect(page.locator(".tdp-meter")).to_have_text("your 5 steps and 2 switches, par 7 and 2")
    press(page, "aa")
    expect(said(page)).to_contain_text("✗ no-warn is broken. Both tasks read the same number")
    expect(said(page)).to_contain_text("★★★ as short as can be. Your 7 steps and 2 switches")
    expect(page.locator(".tdp-best")).to_have_text("your best: ★★★ as short as can be, 7 and 2")
    press(page, ["!"])
    expect(page.locator(".tdp-il .tdp-error")).to_contain_text("The judge stays away")
    assert page.problems == []


def test_nothing_judges_and_a_step_is_taken_back(host):
    page = host.open(BreakIt(1))
    expect(button(page, "Judge")).to_have_count(0)
    expect(page.locator(".tdp-keys")).not_to_contain_text("what it leads to")
    undo = button(page, "Undo")
    expect(undo).to_have_attribute("aria-disabled", "true")
    page.get_by_role("group", name="vCPU 0", exact=True).locator("button").first.click()
    expect(page.locator(".tdp-count")).to_contain_text("step 1 of 1")
    undo.click()
    expect(page.locator(".tdp-count")).to_contain_text("step 0 of 0")
    press(page, ["a"])
    expect(page.locator(".tdp-count")).to_contain_text("step 1 of 1")
    press(page, ["Backspace"])
    expect(page.locator(".tdp-count")).to_contain_text("step 0 of 0")
    press(page, ["Backspace"])
    expect(page.locator(".tdp-status").first).to_contain_text("This is the start.")
    expect(page.locator(".tdp-count")).to_contain_text("step 0 of 0")
    expect(page.locator(".tdp-keys")).to_contain_text("Backspaceundo: take the last step back")
    expect(undo).to_have_attribute("aria-disabled", "true")


def test_another_level_by_button_and_by_list(host):
    page = host.open(BreakIt(1))
    button(page, "Next level").click()
    expect(page.locator(".tdp-level")).to_have_text("Break it, level 2 of 16 A breath at zero")
    expect(page.get_by_role("group", name="zap worker", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="update 0", exact=True)).to_be_visible()
    page.get_by_role("combobox", name="Level").select_option("16")
    expect(page.locator(".tdp-level")).to_contain_text("level 16 of 16 Whose reference?")
    expect(button(page, "Next level")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("combobox", name="Level").focus()
    press(page, "a")  # in a list a letter is no actor
    expect(page.locator(".tdp-count")).to_contain_text("step 0 of 0")
    assert page.problems == []


def test_what_a_screen_reader_finds(host):
    page = host.open(BreakIt(1))
    heard = page.get_by_role("region", name="Break it, level 1 of 16").aria_snapshot()
    for line in (
        '- heading "Break it, level 1 of 16 One plus one" [level=3]',
        '- combobox "Level":',
        '- button "Next level"',
        '- toolbar "Level":',
        "- 'button \"Nudge: a hint, which counts\"': Nudge",
        '- button "Ask whether it can still break from here": Can it still break?',
        "- status:",
        "- 'region \"Interleaver: lost-update, scenario two-tasks\"':",
        "- 'button \"Undo: take the last step back (Backspace)\" [disabled]': Undo",
    ):
        assert line in heard, f"{line} not in\n{heard}"


def test_two_copies_do_not_meet(host):
    page = host.open(BreakIt(1), BreakIt(1), SaveIt(1))
    page.locator(".tdp-game").nth(1).get_by_role("button", name="Nudge").click()
    nudge = ladder.level(1).nudge
    expect(said(page).nth(1)).to_contain_text(nudge)
    expect(said(page).nth(0)).not_to_contain_text(nudge)
    press(page, "a")
    expect(page.locator(".tdp-count").nth(1)).to_contain_text("step 1")
    expect(page.locator(".tdp-count").nth(0)).to_contain_text("step 0")
    page.evaluate("window.hosts[1].cleanup()")
    expect(page.locator(".tdp-game")).to_have_count(2)
    assert page.evaluate("Object.values(window.hosts[1].calls).flat().length") == 0


# --- save it


def test_a_wrong_answer_is_opened_and_a_right_one_is_told(host):
    page = host.open(SaveIt(1))
    area = page.get_by_role("textbox", name="The code to change")
    expect(area).to_have_value(ladder.given(1).rstrip())
    area.fill(ladder.given(1).replace("+= 1", "= 1"))
    button(page, "Check").click()
    expect(said(page)).to_contain_text("✗ Broken. A schedule still breaks it: no-warn.")
    expect(page.locator(".tdp-name")).to_contain_text("lost-update+code")
    expect(page.locator(".tdp-lane").first).to_contain_text("vCPU 0")
    area.fill(ladder.given(1).replace("kvm.counter += 1", "kvm.conter += 1"))
    area.press("Control+Enter")
    expect(said(page)).to_contain_text("Not in the language. Line 3, column 5. Found: kvm has no")
    expect(area).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".tdp-code-numbers")).to_contain_text("✗ 3")
    area.fill(ladder.given(1).replace("kvm.counter += 1", "atomic_inc(kvm.counter)"))
    button(page, "Check").click()
    expect(said(page)).to_contain_text("✓ Saved. No schedule breaks it any more. 1 line changed")
    expect(page.locator(".tdp-best")).to_have_text("your best: saved with 1 line changed")
    button(page, "Start over").click()
    expect(area).to_have_value(ladder.given(1).rstrip())
    expect(said(page)).to_have_text("")
    assert page.problems == []


def test_the_text_area_knows_its_keys_and_lets_go_of_the_focus(host):
    page = host.open(SaveIt(1))
    area = page.get_by_role("textbox", name="The code to change")
    area.focus()
    press(page, ["Control+End", "Enter"])
    page.keyboard.type("abc")
    expect(area).to_have_value(ladder.given(1).rstrip() + "\n    abc")
    expect(page.locator(".tdp-count")).to_contain_text("step 0 of 7")
    press(page, ["Enter", "Tab"])
    page.keyboard.type("d")
    expect(area).to_have_value(ladder.given(1).rstrip() + "\n    abc\n        d")
    press(page, ["Shift+Tab"])
    expect(area).to_have_value(ladder.given(1).rstrip() + "\n    abc\n    d")
    press(page, ["Control+z", "Control+z"])
    assert area.input_value() != ladder.given(1).rstrip() + "\n    abc\n    d"
    press(page, ["Escape"])
    expect(button(page, "Check")).to_be_focused()
    press(page, ["ArrowRight"])
    expect(page.locator(".tdp-count")).to_contain_text("step 1 of 7")


HEARD = {
    "start": """
- region "Save it, level 1 of 16":
  - heading "Save it, level 1 of 16 One plus one" [level=3]
  - combobox "Level":
    - option "1 One plus one" [selected]
  - button "Next level"
  - textbox "The code to change": /kvm.counter \\+= 1/
  - toolbar "Level":
    - button "Check in every interleaving (Ctrl+Enter)"
    - 'button "Start over: the code as it was given"'
  - text: /shortest schedule that breaks the code as it was given/
  - status
  - 'region "Interleaver: lost-update, scenario two-tasks"':
    - toolbar "Time"
    - toolbar "Actors"
    - group "What the actors share"
    - toolbar "To take away"
""",
    "broken": """
- textbox "The code to change": /kvm.counter = 1/
- text: /shortest schedule that breaks what you wrote/
- status:
  - paragraph: "Broken. A schedule still breaks it: no-warn. A WARN or BUG in the code fired."
- 'region "Interleaver: lost-update+code, scenario two-tasks"':
  - group "Timeline":
    - 'button /^Step 5: .*; breaks no-warn; not taken yet$/'
""",
    "not in the language": """
- textbox "The code to change" [invalid]: /kvm.conter = 1/
- status:
  - paragraph:
    - text: "Not in the language. Line 3, column 5. Found: kvm has no field"
    - code: conter
    - text: ". Write: did you mean"
    - code: .counter
""",
    "saved": """
- combobox "Level":
  - option "1 One plus one (saved)" [selected]
- textbox "The code to change": /atomic_inc\\(kvm.counter\\)/
- text: "/your best: saved with 1 line changed/"
- status:
  - paragraph: Saved. No schedule breaks it any more. 1 line changed, par 1.
""",
}
"""What must be found of SaveIt after each answer, in this order; more may be there."""

ANSWERS = {
    "broken": "kvm.counter = 1",
    "not in the language": "kvm.conter = 1",
    "saved": "atomic_inc(kvm.counter)",
}


@pytest.mark.parametrize(("scheme", "body"), [("light", LAB_LIGHT), ("dark", LAB_DARK)])
def test_each_answer_is_heard_has_contrast_and_moves_nothing(host, scheme, body):
    mend = SaveIt(1)
    page = host.open(mend, scheme=scheme, body=body)
    places = []
    for state, heard in HEARD.items():
        if state in ANSWERS:
            mend.check(ladder.given(1).rstrip().replace("kvm.counter += 1", ANSWERS[state]))
            host.push(page, mend)
        expect(page.locator("body")).to_match_aria_snapshot(heard)
        assert page.evaluate(CONTRAST)["bad"] == [], state
        places.append([page.locator(where).bounding_box() for where in (".tdp-code", ".tdp-il")])
        assert all(place[0] == places[0][0] for place in places), state
        assert all(at["y"] == places[0][1]["y"] for _, at in places), state
    assert page.problems == []


# --- looks


@pytest.mark.parametrize(("scheme", "body"), [("light", LAB_LIGHT), ("dark", LAB_DARK)])
def test_every_text_has_the_contrast_of_wcag_aa(host, scheme, body):
    play, mend = BreakIt(1), SaveIt(1)
    page = host.open(play, mend, scheme=scheme, body=body)
    play.nudge()
    for actor in "abbbaa":
        play.step(actor)
    host.push(page, play, 0)
    assert page.evaluate(CONTRAST)["bad"] == []
    play.step("a")
    mend.check(mend.source.replace("counter +=", "conter +="))
    host.push(page, play, 0)
    host.push(page, mend, 1)
    expect(page.locator(".tdp-bad-line")).to_be_visible()
    assert page.evaluate(CONTRAST)["bad"] == []
    mend.check(mend.source.replace("kvm.conter += 1", "atomic_inc(kvm.counter)"))
    host.push(page, mend, 1)
    expect(page.locator(".tdp-good-sign")).to_be_visible()
    assert page.evaluate(CONTRAST)["bad"] == []


@pytest.mark.parametrize(("width", "zoom"), [(900, 1), (450, 2), (320, 1)])
def test_nothing_is_cut_off_or_scrolls_sideways_when_it_is_narrow(host, width, zoom):
    page = host.open(BreakIt(14), SaveIt(8), width=width, device_scale_factor=zoom)
    wide = """() => [document.documentElement, ...document.querySelectorAll(
        ".tdp-game, .tdp-game-head, .tdp-score, .tdp-tools, .tdp-editor, .tdp-said, .tdp-il")]
      .filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.className)"""
    assert page.evaluate(wide) == []
