"""The Interleaver in Chromium on a page without Jupyter: what is seen, clicked, typed, heard."""

from __future__ import annotations

import re

import pytest
from contrast import CONTRAST, LAB_DARK, LAB_LIGHT
from fake_session import CAST, REQUEUE
from parts import expect, lane, root_row, stands_at, step_button, widget

from tdplib.widgets import Interleaver
from tdplib.widgets._assets import STATIC
from tdplib.words.glossary import find

pytestmark = pytest.mark.browser


# -- clicks


def test_a_click_takes_a_step_and_the_page_shows_what_it_did(host):
    page = host.open(widget())
    step_button(page, "vCPU 0").click()
    stands_at(page, 1, 1)
    status = page.get_by_role("status").first
    expect(status).to_contain_text("vCPU 0: takes mmu_lock for write (kvm_mmu_load, line 14).")
    row = page.locator(".tdp-row", has_text=re.compile("^mmu_lock"))
    expect(row).to_contain_text("write: vCPU 0 (changed)")
    step_button(page, "vCPU 0").click()
    expect(root_row(page, 0)).to_contain_text(re.compile("^root 0.*allocated"))
    expect(lane(page, "vCPU 0").locator("[aria-current]")).to_contain_text("root.role =")
    assert page.problems == []


def test_the_changed_bit_of_the_role_word_is_marked_and_no_other(host):
    page = host.open(widget(REQUEUE, 15))
    register = page.get_by_role("group", name=re.compile("role word of root 0"))
    expect(register.locator(".tdp-changed")).to_have_count(1)
    expect(register.locator(".tdp-changed")).to_contain_text("invalid 1 (changed)")
    expect(root_row(page, 0)).to_contain_text("was 0x784, now  0xf84 (changed)")
    expect(root_row(page, 0)).to_contain_text("bit 11: invalid")


def test_short_names_say_what_they_mean_to_who_points_at_them(host):
    page = host.open(Interleaver("patch-21", "small"))
    table = page.get_by_role("table", name="Roots")
    for name, word in {"role": "role", "SPTEs": "SPTE", "refcount": "reference count"}.items():
        head = table.get_by_role("columnheader", name=name, exact=True)
        expect(head).to_have_attribute("title", find(word).meaning)
    for label, word in {"zap queue": "workqueue", "vCPU 0 requests": "request"}.items():
        term = page.locator("dt", has_text=label)
        expect(term).to_have_attribute("title", find(word).meaning)
    lock = page.locator("dt span[title]", has_text="slots_lock")
    expect(lock).to_have_attribute("title", f"mutex. {find('slots_lock').meaning}")
    step_button(page, "vCPU 0").click()
    step_button(page, "vCPU 0").click()
    bit = root_row(page, 0).locator(".tdp-field", has_text="invalid")
    expect(bit).to_have_attribute("title", f"bit 11: 0. {find('invalid').meaning}")


def test_a_program_without_roots_shows_neither_their_table_nor_queue_nor_rcu(host):
    page = host.open(Interleaver("lost-update"))
    expect(page.get_by_role("table", name="Roots")).to_have_count(0)
    shared = page.get_by_role("group", name="What the actors share")
    expect(shared).to_contain_text("counter")
    for word in ("tdp_mmu_roots", "zap queue", "RCU"):
        expect(shared).not_to_contain_text(word)
    assert page.problems == []


def test_a_blocked_actor_has_a_disabled_button_with_the_reason_and_a_click_says_it(host):
    shown = widget([0])
    page = host.open(shown)
    button = step_button(page, "vCPU 1")
    reason = "mmu_lock is held for write by vCPU 0"
    expect(button).to_be_disabled()
    expect(button).to_contain_text(reason)
    expect(button).to_have_accessible_name(f"vCPU 1 cannot move: {reason}")
    button.click(force=True)
    expect(page.get_by_role("status").first).to_contain_text("vCPU 1 cannot move: mmu_lock is held")
    assert (shown.handled, shown.board["steps"]) == (0, 1)


def test_an_actor_that_is_done_says_so(host):
    page = host.open(widget(REQUEUE))
    expect(step_button(page, "update 0")).to_have_accessible_name(
        "update 0 cannot move: its function has returned"
    )


def test_run_goes_on_until_the_actor_blocks(host):
    shown = widget([0] * 10)
    page = host.open(shown)
    page.get_by_role("button", name="Run update 0 until it blocks").click()
    stands_at(page, 19, 19)
    expect(step_button(page, "update 0")).to_contain_text("waits for the zap worker")


def test_the_broken_property_is_shown_where_it_broke(host):
    page = host.open(widget(REQUEUE[:-1]))
    expect(page.locator(".tdp-broken-note")).to_have_count(0)
    step_button(page, "update 1").click()
    note = lane(page, "update 1").locator(".tdp-broken-note")
    expect(note).to_contain_text("wasted-zap")
    expect(note).to_contain_text("queued a second time")
    expect(note).to_be_in_viewport()
    expect(lane(page, "update 1").locator(".tdp-line.tdp-bad")).to_contain_text("queue_work")
    expect(page.get_by_role("status").first).to_contain_text(
        "wasted-zap is broken. A root that had been zapped"
    )
    tick = page.get_by_role("button", name=re.compile("^Step 35: .*; breaks wasted-zap$"))
    expect(tick).to_contain_text("✗")
    page.get_by_role("button", name="To the start").click()
    expect(page.get_by_role("status").first).to_contain_text(
        "This path breaks wasted-zap at step 35"
    )
    expect(page.locator(".tdp-broken-note")).to_have_count(0)


def test_the_current_line_is_in_sight_in_every_lane(host):
    shown = widget(REQUEUE)
    page = host.open(shown)
    hidden = """() => [...document.querySelectorAll(".tdp-source")].filter((pane) => {
      const line = pane.querySelector(".tdp-here"), box = pane.getBoundingClientRect();
      if (!line) return false;
      const at = line.getBoundingClientRect();
      return at.top < box.top - 1 || at.bottom > box.bottom + 1;
    }).map((pane) => pane.getAttribute("aria-label"))"""
    for step in range(len(REQUEUE) + 1):
        shown.goto(step)
        host.push(page, shown)
        assert page.evaluate(hidden) == []


# -- keys


def test_letters_digits_and_arrows_do_it_all(host):
    shown = widget()
    page = host.open(shown)
    page.keyboard.press("Tab")
    page.keyboard.press("a")
    stands_at(page, 1, 1)
    page.keyboard.press("3")  # the third column: update 0
    stands_at(page, 2, 2)
    page.keyboard.press("Shift+A")
    expect(step_button(page, "vCPU 0")).to_be_disabled()
    steps = shown.board["steps"]
    page.keyboard.press("ArrowLeft")
    stands_at(page, steps - 1, steps)
    page.keyboard.press("Home")
    stands_at(page, 0, steps)
    page.keyboard.press("ArrowRight")
    stands_at(page, 1, steps)
    page.keyboard.press("End")
    stands_at(page, steps, steps)
    handled = shown.handled
    for key in ("Control+a", "Alt+b", "z", "9"):
        page.keyboard.press(key)
    assert shown.handled == handled


def test_what_a_step_leads_to_stands_in_its_button_and_can_be_switched_by_key(host):
    shown = Interleaver("lost-update")
    page = host.open(shown)
    button = page.locator(".tdp-step").first
    expect(button).not_to_contain_text("violation")
    button.focus()
    page.keyboard.press("!")
    host.push(page, shown)
    expect(button).to_contain_text("!a violation can still happen: 7 steps, no-warn")
    expect(button).to_have_accessible_name(re.compile("; a violation can still happen: 7 steps"))
    switch = page.get_by_role("button", name="Judge every next step (!)")
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+A")
    expect(page.locator(".tdp-here-judged")).to_contain_text("From here: nothing can go wrong.")
    switch.click()
    expect(page.locator(".tdp-here-judged")).to_be_hidden()
    expect(page.locator(".tdp-leads")).to_have_count(0)
    assert page.problems == []


def test_why_opens_by_button_and_key_and_follows_the_steps(host):
    page = host.open(widget([0]))
    button = page.get_by_role("button", name="Why: the state in sentences (?)")
    region = page.get_by_role("group", name="Why", exact=True)
    expect(region).to_have_count(0)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(region).to_contain_text("vCPU 0 holds mmu_lock for write.")
    page.keyboard.press("ArrowLeft")
    expect(region).to_contain_text("Nobody holds")
    page.keyboard.press("?")
    expect(region).to_have_count(0)


REGION = """(at => at.closest('[data-region]')?.dataset.region || at.tagName)
  (document.activeElement)"""


def test_keys_faster_than_the_kernel_are_all_sent(host):
    """What the page shows is behind then, so that it may not judge what can be done."""
    page = host.open(widget())
    page.evaluate("hosts[0].held = true")
    step_button(page, "vCPU 0").focus()
    for key in ("a", "ArrowLeft", "ArrowRight", "End"):
        page.keyboard.press(key)
    assert page.evaluate("hosts[0].sent") == [
        {"do": "step", "actor": 0},
        {"do": "back"},
        {"do": "forward"},
        {"do": "goto", "step": "end"},
    ]
    region = page.get_by_role("region", name=re.compile("^Interleaver"))
    page.evaluate("hosts[0].push({handled: 3})")
    expect(region).to_have_attribute("aria-busy", "true")
    page.evaluate("hosts[0].push({handled: 4})")
    expect(region).not_to_have_attribute("aria-busy", "true")


def test_one_tab_stop_a_region_and_arrows_inside_it(host):
    page = host.open(widget([0]))
    stops = []
    for _ in range(10):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(REGION))
    movable = ["source"] * 3  # of vCPU 0, update 0 and update 1; the others cannot be run
    assert stops == ["nav", "timeline", "lanes", *movable, "take", *["SUMMARY"] * 3]
    step_button(page, "vCPU 0").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(step_button(page, "vCPU 1")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Run vCPU 0 until it blocks")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run vCPU 0 until it blocks")).to_be_focused()


def test_the_focus_stays_through_steps_and_follows_the_timeline(host):
    page = host.open(widget())
    step_button(page, "vCPU 0").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    stands_at(page, 2, 2)
    expect(step_button(page, "vCPU 0")).to_be_focused()
    page.locator(".tdp-tick").nth(2).focus()
    page.keyboard.press("ArrowLeft")
    stands_at(page, 1, 2)
    expect(page.locator(".tdp-tick").nth(1)).to_be_focused()


OUTLINE = """(style => [style.outlineStyle, parseFloat(style.outlineWidth)])
  (getComputedStyle(document.activeElement))"""


def test_the_focus_is_seen(host):
    page = host.open(widget([0]))
    for _ in range(6):
        page.keyboard.press("Tab")
        style = page.evaluate(OUTLINE)
        assert style[0] == "solid"
        assert style[1] >= 2


def test_keys_that_mean_something_do_not_reach_the_notebook(host):
    page = host.open(widget())
    page.evaluate("""() => { window.heard = [];
      document.addEventListener("keydown", (e) => window.heard.push(e.key)); }""")
    step_button(page, "vCPU 0").focus()
    for key in ("a", "1", "ArrowLeft", "Home", "x", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("window.heard") == ["x", "Escape"]
    assert page.locator("[data-lm-suppress-shortcuts]").count() == 1


# -- what goes wrong


def test_an_error_of_the_kernel_is_a_line_in_the_widget_and_goes_with_the_next_step(host):
    shown = widget()
    page = host.open(shown)
    page.evaluate("hosts[0].model.send({do: 'step', actor: 77})")
    error = page.get_by_role("alert").first
    expect(error).to_have_text("actor is 77 (0x4d), must be in 0..4")
    step_button(page, "vCPU 0").click()
    expect(error).to_be_hidden()


def test_a_kernel_that_does_not_answer_is_reported(host):
    page = host.open(widget())
    page.clock.install()
    page.evaluate("hosts[0].held = true")
    step_button(page, "vCPU 0").click()
    region = page.get_by_role("region", name=re.compile("^Interleaver"))
    expect(region).to_have_attribute("aria-busy", "true")
    page.clock.fast_forward(5000)
    expect(page.get_by_role("alert").first).to_contain_text("The kernel has not answered")


def test_text_from_the_kernel_never_becomes_markup(host):
    shown = widget([0, 0])
    page = host.open(shown)
    evil = "<img src=x onerror='window.hit=1'>"
    board = {**shown.board, "protocol": evil, "scenario": evil}
    board["actors"] = [{**a, "name": evil, "next": evil, "reason": evil} for a in board["actors"]]
    board["roots"] = [{**r, "name": evil, "extra": {evil: evil}} for r in board["roots"]]
    board["broken"] = {"property": evil, "sentence": evil, "step": 2, "actor": 0}
    sources = {k: {**s, "lines": [evil] * 3} for k, s in shown.sources.items()}
    page.evaluate("([b, s]) => hosts[0].push({board: b, sources: s})", [board, sources])
    expect(page.locator(".tdp-name")).to_contain_text(evil)
    assert page.locator(".tdp-il img").count() == 0
    assert page.evaluate("window.hit") is None


def test_a_board_that_has_not_come_yet_is_no_error(host):
    page = host.open(widget())
    page.evaluate("hosts[0].push({board: {}})")
    expect(page.get_by_role("status").first).to_contain_text("Waiting for the kernel")
    page.keyboard.press("a")
    assert page.problems == []


def test_the_plain_functions_of_the_module(host):
    """What they do at their edges; the rest is seen in the page."""
    page = host.open(widget())
    page.evaluate("import('/Interleaver.js').then((module) => { window.m = module; })")
    page.wait_for_function("window.m")
    assert page.evaluate("m.tokens('if x.notes:  # not this')") == [
        ["kw", "if"], ["", " x.notes:  "], ["note", "# not this"],
    ]  # fmt: skip
    doc = [
        "def f():",
        '    """One',
        "    two.",
        '    """',
        "    x = 1",
        '    """Whole."""',
        "    y",
    ]
    assert page.evaluate("(lines) => m.docstringLines(lines)", doc) == [
        False, True, True, True, False, True, False,
    ]  # fmt: skip
    assert page.evaluate("m.isChanged({changed: ['list']}, 'lis')") is False
    assert page.evaluate("m.isChanged({changed: ['rcu.pending.0']}, 'rcu.pending')") is True
    key = "([key, more]) => m.keyMeaning({key, ...more}, hosts[0].state.board)"
    assert page.evaluate(key, ["e", {}]) == {"do": "step", "actor": 4}
    assert page.evaluate(key, ["E", {"shiftKey": True}]) == {"do": "run", "actor": 4}
    for nothing in (["f", {}], ["0", {}], ["6", {}], ["Enter", {}], ["a", {"metaKey": True}]):
        assert page.evaluate(key, nothing) is None


def test_each_file_is_a_module_by_itself(chromium):
    """The package joins them; what they import from each other must be there all the same."""
    page = chromium.new_page()

    def serve(route):
        name = route.request.url.rsplit("/", 1)[1]
        kind = "text/javascript" if name else "text/html"
        route.fulfill(content_type=kind, body=(STATIC / name).read_text() if name else "")

    page.route("**/*", serve)
    page.goto("http://localhost:9/")
    for file in set(STATIC.glob("*.js")) - {STATIC / "offline.js"}:  # that one starts its page
        page.evaluate(f"import('/{file.name}').then(() => true)")
    page.close()


# -- two of them, and after them


def test_two_copies_do_not_affect_each_other(host):
    one, two = widget(), widget([2])
    page = host.open(one, two)
    first, second = page.locator(".tdp-il").nth(0), page.locator(".tdp-il").nth(1)
    step_button(first, "vCPU 0").click()
    page.keyboard.press("a")
    expect(first.locator(".tdp-count")).to_have_text("step 2 of 2")
    expect(second.locator(".tdp-count")).to_have_text("step 1 of 1")
    step_button(second, "update 0").click()
    page.keyboard.press("ArrowLeft")
    expect(second.locator(".tdp-count")).to_have_text("step 1 of 2")
    expect(first.locator(".tdp-count")).to_have_text("step 2 of 2")
    assert (one.schedule, two.schedule) == ("p21:aa", "p21:c")
    assert page.evaluate("document.querySelectorAll('.tdp-il [id], .tdp-il[id]').length") == 0


def test_one_widget_shown_twice_stays_the_same_in_both(host):
    shown = widget()
    page = host.open(shown, shown)
    step_button(page.locator(".tdp-il").nth(0), "vCPU 0").click()
    host.push(page, shown, 1)  # Jupyter tells every view of a model
    for i in range(2):
        expect(page.locator(".tdp-il").nth(i).locator(".tdp-count")).to_have_text("step 1 of 1")


def test_clean_up_leaves_nothing_behind(host):
    shown = widget([0])
    page = host.open(shown)
    page.evaluate("""() => { const host = hosts[0]; window.old = host.el.firstChild;
      host.cleanup(); host.sent.length = 0; document.body.append(window.old); }""")
    assert page.evaluate("Object.values(hosts[0].calls).flat().length") == 0
    page.locator(".tdp-step").first.click(force=True)
    page.keyboard.press("b")
    assert page.evaluate("hosts[0].sent.length") == 0
    shown.step(0)
    host.push(page, shown)
    expect(page.locator(".tdp-count")).to_have_text("step 1 of 1")
    assert page.problems == []


# -- for everybody


def test_what_a_screen_reader_finds(host):
    page = host.open(widget([0]))
    heard = page.get_by_role(
        "region", name="Interleaver: patch-21, scenario lab-requeue"
    ).aria_snapshot()
    for line in (
        '- toolbar "Time":',
        '- group "Timeline":',
        '- toolbar "Actors":',
        '- group "vCPU 0":',
        "- 'button \"Step vCPU 0: allocates root 0\"'",
        "- 'button \"vCPU 1 cannot move: mmu_lock is held for write by vCPU 0\" [disabled]'",
        "- 'button \"zap worker cannot move: idle: nothing is queued\" [disabled]'",
        '- group "Source of kvm_mmu_load, at line 20"',
        '- table "Roots":',
        '- columnheader "refcount"',
        '- row "root 0 not allocated":',
        '- group "Locks, lists, requests":',
        "- term: mmu_lock (rwlock)",
        '- definition: "write: vCPU 0 (changed)',
        "- status:",
    ):
        assert line in heard, f"{line} not in\n{heard}"


def test_the_last_step_is_narrated_politely_and_nothing_else_is(host):
    page = host.open(widget())
    live = page.locator(".tdp-il [aria-live], .tdp-il [role=status], .tdp-il [role=alert]")
    assert live.evaluate_all("all => all.map((n) => n.className)") == [
        "tdp-status",
        "tdp-error",
        "tdp-copied",
    ]
    assert live.first.get_attribute("aria-live") == "polite"


@pytest.mark.parametrize(
    ("scheme", "body"),
    [("light", ""), ("dark", ""), ("light", LAB_DARK), ("dark", LAB_LIGHT)],
    ids=["light", "dark", "JupyterLab dark", "JupyterLab light"],
)
def test_every_text_has_the_contrast_of_wcag_aa(host, scheme, body):
    cast = (*CAST, *[(f"extra {i}", "vcpu", CAST[0][2]) for i in range(3)])
    shown = widget(REQUEUE, cast=cast)
    page = host.open(shown, scheme=scheme, body=body)
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    for step in (0, 2, 15, 34, 35):
        shown.goto(step)
        host.push(page, shown)
        found = page.evaluate(CONTRAST)
        assert found["count"] > 100
        assert found["bad"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_judgement_has_the_contrast_too(host, scheme):
    shown = Interleaver("patch-22-skip-invalid", judge=True)
    page = host.open(shown, scheme=scheme)
    expect(page.locator(".tdp-danger").first).to_be_visible()
    assert page.evaluate(CONTRAST)["bad"] == []


@pytest.mark.parametrize(("width", "zoom"), [(900, 1), (450, 2), (320, 1)])
def test_nothing_is_cut_off_or_scrolls_sideways_when_it_is_narrow(host, width, zoom):
    page = host.open(widget(REQUEUE), width=width, device_scale_factor=zoom)
    page.get_by_role("button", name="Why: the state in sentences (?)").click()
    wide = """() => [document.documentElement,
        ...document.querySelectorAll(".tdp-il, .tdp-lane, .tdp-roots, .tdp-shared, .tdp-source")]
      .filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.className)"""
    assert page.evaluate(wide) == []


def test_nothing_moves_where_less_motion_is_asked_for(host):
    for motion, moving in (("reduce", False), ("no-preference", True)):
        page = host.open(widget([0]), reduced_motion=motion)
        durations = page.evaluate("""[...document.querySelectorAll('.tdp-il *')]
            .map((n) => getComputedStyle(n).transitionDuration)""")
        assert any(d != "0s" for d in durations) is moving


def test_buttons_do_not_move_under_the_pointer_while_stepping(host):
    shown = widget()
    page = host.open(shown)
    where = "[...document.querySelectorAll('.tdp-step')].map((n) => n.getBoundingClientRect().top)"
    first = page.evaluate(where)
    for actor in REQUEUE[:-1]:  # after the last, which breaks something, nobody can move
        shown.step(actor)
        host.push(page, shown)
        assert page.evaluate(where) == first
