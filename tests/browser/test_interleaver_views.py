"""Each view of the Interleaver: what a screen reader finds, contrast, and room when narrow."""

from __future__ import annotations

import pytest
from contrast import CONTRAST
from fake_session import REQUEUE
from parts import expect, long_way, step_button, widget

from tdplib.widgets import Interleaver

pytestmark = pytest.mark.browser


def board(host, **context):
    return host.open(widget([0, 0]), **context)


def judged(host, **context):
    return host.open(Interleaver("lost-update", judge=True), **context)


def explained(host, **context):
    page = host.open(widget([0]), **context)
    page.get_by_role("button", name="Why: the state in sentences (?)").click()
    return page


def broken(host, **context):
    return host.open(widget(REQUEUE), **context)


def branched(host, **context):
    shown = long_way()
    shown.goto(6)
    shown.step(1)
    shown.restore()
    return host.open(shown, **context)


def copied(host, **context):
    page = host.open(Interleaver("lost-update"), **context)
    step_button(page, "vCPU 0").click()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy as Python").click()
    return page


def refused(host, **context):
    page = host.open(widget([0, 0]), **context)
    page.evaluate("hosts[0].model.send({do: 'step', actor: 77})")
    expect(page.get_by_role("alert").first).to_be_visible()
    return page


VIEWS = [board, judged, explained, broken, branched, copied, refused]

HEARD = {
    board: """
- 'region "Interleaver: patch-21, scenario lab-requeue"':
  - toolbar "Time":
    - button "To the start (Home)"
    - button "One step back (Left)"
    - button "One step forward (Right)" [disabled]
    - button "To the end (End)" [disabled]
    - 'button "Reset: as it was opened"'
    - button "Judge every next step (!)"
    - 'button "Why: the state in sentences (?)"'
  - group "Timeline":
    - button "The start"
    - 'button "Step 1: vCPU 0 takes mmu_lock for write"'
    - 'button "Step 2: vCPU 0 allocates root 0"'
  - status:
    - paragraph: /^2 vCPU 0/
    - paragraph: /^changed/
  - table "Roots"
  - toolbar "Actors":
    - group "vCPU 0":
      - button /^Step vCPU 0/
      - button "Run vCPU 0 until it blocks"
      - group /^Source of kvm_mmu_load, at line/:
        - button /^Run vCPU 0 to line/
    - group "vCPU 1"
    - group "update 0"
    - group "update 1"
    - group "zap worker"
  - group "Locks, lists, requests"
  - toolbar "To take away":
    - code
    - button "Copy the schedule code"
    - group "Copy a line that opens it again":
      - button /^Copy as Python/
      - button /^Copy as Command/
    - group "Save the whole timeline":
      - button "Save as Picture (SVG)"
      - button "Save as Page (HTML)"
      - button "Save as Perfetto trace"
    - status
""",
    judged: """
- toolbar "Time":
  - button "Judge every next step (!)" [pressed]
- paragraph: "/From here: a violation can still happen: 7 steps, no-warn/"
- toolbar "Actors":
  - group "vCPU 0":
    - 'button "Step vCPU 0: reads counter; a violation can still happen: 7 steps, no-warn"'
""",
    explained: """
- toolbar "Time":
  - 'button "Why: the state in sentences (?)" [expanded]'
- group "Why":
  - heading "Who holds what" [level=4]
  - list:
    - listitem: vCPU 0 holds mmu_lock for write.
  - heading "Who waits for whom" [level=4]
  - list
  - heading "Properties" [level=4]
  - list
""",
    broken: """
- group "Timeline":
  - 'button /^Step 35: update 1 .*; breaks wasted-zap$/'
- status:
  - paragraph: /^35 update 1/
  - paragraph: /wasted-zap is broken/
- toolbar "Actors":
  - group "vCPU 0":
    - button /^vCPU 0 cannot move/ [disabled]
""",
    branched: """
- group "Timeline":
  - 'button /^Step 17: .*; breaks zap-complete; not taken yet$/'
- group "Other branches":
  - 'button "Go back to branch 2: leaves this one after step 6, 7 steps"'
""",
    copied: """
- toolbar "To take away":
  - status: /press Ctrl\\+C/
  - code: /^Interleaver/
""",
    refused: """
- alert: actor is 77 (0x4d), must be in 0..4
""",
}
"""What must be found in each view, in this order; what is not named may be there too."""


WIDE = """() => [document.documentElement, ...document.querySelectorAll(
    ".tdp-il, .tdp-lane, .tdp-roots, .tdp-shared, .tdp-source, .tdp-taking, .tdp-head, .tdp-why")]
  .filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.className)"""

OVER = """() => {
  const parts = [...document.querySelectorAll(
    ".tdp-il button:not(.tdp-tick, .tdp-back), .tdp-timeline, .tdp-status, .tdp-where, .tdp-name")]
    .filter((n) => !n.closest(".tdp-source")).map((n) => [n, n.getBoundingClientRect()]);
  const over = [];
  for (const [i, [a, p]] of parts.entries()) {
    for (const [b, q] of parts.slice(i + 1)) {
      const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (wide > 1 && high > 1) over.push([a.className, b.className]);
    }
  }
  return over;
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_is_heard_read_and_has_room(host, view):
    """Light; heard by a screen reader; then 900 pixels, half of that (200 % zoom), and 320."""
    page = view(host)
    expect(page.locator("body")).to_match_aria_snapshot(HEARD[view])
    found = page.evaluate(CONTRAST)
    assert found["count"] > 40
    assert found["bad"] == []
    for width in (900, 450, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(WIDE) == [], width
        assert page.evaluate(OVER) == [], width
    assert page.problems == []


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_is_read_in_the_dark_and_magnified(host, view):
    page = view(host, width=450, scheme="dark", device_scale_factor=2)
    assert page.evaluate(CONTRAST)["bad"] == []
    assert page.evaluate(WIDE) == []
