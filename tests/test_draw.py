"""The pictures: what they say, well-formed whatever the text, the same every time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from fake_trace import fake_trace

from tdplib import draw
from tdplib.draw import _svg, board_svg, life_dot, render_dot, state_dot, swimlanes, to_perfetto
from tdplib.draw import to_html as page_of
from tdplib.draw.dot import NoGraphvizError
from tdplib.draw.page import POLICY
from tdplib.errors import BadValueError

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "</script><b a=\"'&\u0001\udc80]]>"


def texts(svg: str) -> list[str]:
    return ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def rects(svg: str) -> list[dict]:
    return [e.attrib for e in ElementTree.fromstring(svg).iter(f"{SVG}rect")]


def nasty_trace():
    """The fake trace with text in every place that could break out of the markup."""
    trace = fake_trace()
    trace.steps = [
        dataclasses.replace(
            step,
            actions=tuple(
                dataclasses.replace(a, source=NASTY, effect=NASTY, function=NASTY)
                for a in step.actions
            ),
        )
        for step in trace.steps
    ]
    trace.sentence = trace.code = trace.scenario = trace.protocol = NASTY
    for board in trace.states:
        board["actors"][0]["reason"] = board["actors"][0]["next"] = NASTY
    return trace


def test_the_tasks_of_a_world_are_named_and_not_counted():
    trace = fake_trace()
    trace.protocol = "lost-update"
    for picture in (swimlanes(trace), page_of(trace)):
        assert "vCPU 0, vCPU 1, update 0, update 1, zap worker" in picture
        assert "1 fault each" not in picture


def test_what_is_done_under_a_spinlock_is_shown_before_the_lock():
    from tdplib.check import check

    lock, unlock = (
        f"    spin_{word}(kvm.arch.tdp_mmu_pages_lock)\n" for word in ("lock", "unlock")
    )
    code = f"def increment(kvm):\n{lock}    n = kvm.counter\n{unlock}"
    code += f"{lock}    kvm.counter = n + 1\n{unlock}"
    said = texts(swimlanes(check(code, base="lost-update").trace))
    assert said.count("reads counter: 0") == 2
    assert not [text for text in said if text.startswith("takes tdp_mmu_pages_lock")]


def test_swimlanes_tell_the_story():
    said = texts(swimlanes(fake_trace()))
    assert "patch-22-skip-invalid: breaks zap-complete" in said
    assert "zap-complete is broken in step 9, by update 0" in said
    assert "kvm_tdp_mmu_invalidate_all_roots" in said
    assert "if root.role.invalid:" in said
    assert "reads invalid of root 0: 1, so it is" in said
    assert "SPTE 1 live" in said
    assert "tdplib replay v1:7f3a.aaaaacccc" in said
    assert {str(n) for n in range(1, 10)} <= set(said)


def test_an_actor_without_a_step_has_no_lane_but_is_named():
    said = texts(swimlanes(fake_trace()))
    assert "Takes no step: vCPU 1, update 1, zap worker." in said
    assert "worker" not in said


def test_text_alternative_has_every_step_and_the_end():
    root = ElementTree.fromstring(swimlanes(fake_trace()))
    assert root.attrib["role"] == "img"
    description = root.find(f"{SVG}desc").text
    assert root.find(f"{SVG}title").text == "patch-22-skip-invalid: breaks zap-complete"
    assert all(f"Step {n}, " in description for n in range(1, 10))
    assert "Then zap-complete is broken" in description


def test_private_actions_are_folded_and_unfolded_on_demand():
    folded, unfolded = swimlanes(fake_trace()), swimlanes(fake_trace(), unfold=True)
    assert "returns root 0" not in texts(folded)
    assert "+ 3 more" in texts(folded)  # the list is read twice, and the return
    assert "+ 1 more" in texts(folded)
    assert "returns root 0" in texts(unfolded)
    assert not any(text.startswith("+ ") for text in texts(unfolded))


def test_lock_bars_cover_the_steps_that_hold():
    svg = swimlanes(fake_trace())
    width, filled = "7", [r for r in rects(svg) if "--write" in r.get("style", "")]
    bars = [r for r in filled if r["width"] == width]
    assert len(bars) == 4  # the legend, vCPU 0 twice, update 0 once
    mutex = [r for r in rects(svg) if "--mutex" in r.get("style", "") and r["width"] == width]
    assert len(mutex) == 2
    ground = max(
        rects(svg), key=lambda r: float(r["y"]) if r.get("fill") is None and "y" in r else 0
    )
    held = max(mutex, key=lambda r: float(r["y"]))
    assert float(held["y"]) + float(held["height"]) <= float(ground["y"]) + float(ground["height"])
    # slots_lock is held from step 6 to the end, mmu_lock inside it
    assert float(held["height"]) > max(float(r["height"]) for r in bars[-1:])


def test_strip_shows_when_the_root_turns_invalid():
    svg = swimlanes(fake_trace())
    bars = [r for r in rects(svg) if r["width"] == "8" and "--bad" in r["style"]]
    live = [r for r in rects(svg) if r["width"] == "8" and "--live" in r["style"]]
    assert len(bars) == len(live) == 1
    assert float(live[0]["y"]) < float(bars[0]["y"])
    end = {float(r["y"]) + float(r["height"]) for r in bars + live}
    assert len(end) == 1  # both still hold when the property breaks: that is the bug


def test_a_fact_that_ends_has_a_bar_from_step_to_step():
    trace = fake_trace()
    for board in trace.states[3:6]:  # queued by step 3, not queued any more after step 6
        board["roots"][0]["queued"] = True
    svg = swimlanes(trace)
    dots = [float(e.attrib["cy"]) for e in ElementTree.fromstring(svg).iter(f"{SVG}circle")]
    (bar,) = [r for r in rects(svg) if r["width"] == "8" and "--mutex" in r["style"]]
    assert float(bar["y"]) == dots[2]
    assert float(bar["y"]) + float(bar["height"]) == dots[5]


@pytest.mark.parametrize("picture", [swimlanes, lambda t: board_svg(t.boards()[-1])])
def test_hostile_text_stays_text(picture):
    svg = picture(nasty_trace())
    ElementTree.fromstring(svg)
    assert "<b " not in svg


def test_hostile_text_stays_text_in_the_page():
    page = page_of(nasty_trace())
    assert "<b " not in page
    assert page.count("</script>") == 1


def test_hostile_text_stays_text_in_dot():
    trace = nasty_trace()
    assert "svg" in render_dot(life_dot(trace))
    board = fake_trace().boards()[-1]
    board["roots"][0]["name"] = 'root "0"\\'
    assert "root &quot;0&quot;\\" in render_dot(state_dot(board))


def test_nothing_runs_over_the_right_edge():
    for svg in (swimlanes(fake_trace(), unfold=True), board_svg(fake_trace().boards()[-1])):
        for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
            if "transform" in element.attrib or "text-anchor" in element.attrib:
                continue
            mono = "code" in element.attrib.get("class", "")
            # DejaVu's mono letters are 0.602 em, its sans letters 0.6 em and less on average.
            size = 11.5 if mono else 11.2
            assert float(element.attrib["x"]) + 0.6 * size * len(element.text) < 905, element.text


def test_same_trace_same_bytes():
    first = [f(fake_trace()) for f in (swimlanes, page_of, to_perfetto, life_dot)]
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from fake_trace import fake_trace\n"
        "from tdplib.draw import swimlanes, to_html, to_perfetto, life_dot\n"
        "import hashlib\n"
        "for f in (swimlanes, to_html, to_perfetto, life_dot):\n"
        "    print(hashlib.sha256(f(fake_trace()).encode()).hexdigest())\n"
    )
    mine = [hashlib.sha256(text.encode()).hexdigest() for text in first]
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == mine


def test_dark_and_light_have_the_same_colours():
    assert _svg._LIGHT.keys() == _svg._DARK.keys()
    used = set(re.findall(r"var\(--(\w+)\)", swimlanes(fake_trace())))
    assert used <= _svg._LIGHT.keys()


def test_no_picture_asks_for_anything_from_outside():
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page = page_of(fake_trace())
    assert policy in page.partition("<title>")[0]  # said before anything could be loaded
    for text in (swimlanes(fake_trace()), page.replace(policy, "")):
        stripped = text.replace("http://www.w3.org/2000/svg", "")
        assert "http" not in stripped
        assert "url(" not in stripped
        assert "@import" not in stripped


def test_a_trace_without_steps_can_be_drawn():
    trace = fake_trace()
    trace.steps, trace.states, trace.broken = [], trace.states[:1], None
    assert "patch-22-skip-invalid: a run" in texts(swimlanes(trace))
    page_of(trace)
    json.loads(to_perfetto(trace))


def test_board_shows_state_and_what_changed():
    board = fake_trace().boards()[7]
    said = texts(board_svg(board))
    assert "patch-22-skip-invalid, after step 7" in said
    assert {"invalid", "refcount 1", "SPTE 1", "present", "not present"} <= set(said)
    heavy = [r for r in rects(board_svg(board)) if r.get("stroke-width") == "2"]
    assert len(heavy) == 2  # mmu_lock and the requests; the root is as it was
    board["changed"] = ["roots.0.sptes.1"]
    assert len([r for r in rects(board_svg(board)) if r.get("stroke-width") == "2"]) == 2


def test_a_freed_root_shows_no_state():
    board = fake_trace().boards()[7]
    board["roots"][0]["state"] = "freed"
    said = texts(board_svg(board))
    assert "freed" in said
    assert not {"invalid", "refcount 1", "SPTE 1"} & set(said)


def test_advice_is_drawn_as_a_note():
    trace = fake_trace()
    trace.broken, trace.sentence = "wasted-zap", "A root was zapped twice."
    svg = swimlanes(trace)
    assert "patch-22-skip-invalid: shows wasted-zap" in texts(svg)
    assert "advice, no error: wasted-zap, in step 9" in texts(svg)
    assert "--badbg:" in svg
    assert "fill:var(--badbg)" not in svg
    assert 'class="code bad' not in svg


def test_a_deadlock_says_who_waits_for_what():
    trace = fake_trace()
    trace.broken, trace.sentence = "no-deadlock", "Nobody can move."
    trace.states[-1]["actors"][0] |= {"status": "blocked", "reason": "waits for mmu_lock"}
    svg = swimlanes(trace)
    assert "no-deadlock is broken after step 9" in texts(svg)
    assert "vCPU 0 waits for mmu_lock" in texts(svg)
    assert 'class="code bad' not in svg  # the last action did not break it


def test_board_in_words():
    words = draw.describe_board(fake_trace().boards()[6])
    assert "slots_lock: update 0." in words
    assert "root 0: invalid, refcount 1, listed, loaded by vCPU 0; live SPTEs: 1." in words


def test_perfetto_slices_nest_and_locks_have_their_length():
    data = json.loads(to_perfetto(fake_trace()))
    slices = [e for e in data["traceEvents"] if e["ph"] == "X"]
    steps = [e for e in slices if e["pid"] == 1 and not e["args"]]
    assert [e["ts"] for e in steps] == [1000 * k for k in range(9)]
    for event in (e for e in slices if e["pid"] == 1 and e["args"]):
        step = steps[event["ts"] // 1000]
        assert step["tid"] == event["tid"]
        assert event["ts"] + event["dur"] <= step["ts"] + step["dur"]
    locks = {e["name"]: e for e in slices if e["pid"] == 2}
    assert locks["mmu_lock read"]["dur"] == 2000  # taken in step 2, released in step 4
    assert locks["slots_lock held"]["args"]["holder"] == "update 0"
    assert data["otherData"]["schedule"] == "v1:7f3a.aaaaacccc"
    assert [e["name"] for e in data["traceEvents"] if e["ph"] == "i"] == ["zap-complete is broken"]


def test_life_of_a_root_as_dot():
    dot = life_dot(fake_trace())
    assert dot.count("->") == 4
    assert "invalid, refcount 1\\nlisted\\n1 live SPTE" in dot
    assert "step 5, vCPU 0" in dot
    assert "kvm_tdp_mmu_put_root:73" in dot


def test_state_as_dot_draws():
    svg = render_dot(state_dot(fake_trace().boards()[-1]))
    assert "tdp_mmu_roots" in svg
    assert "slots_lock" in svg


def test_render_dot_without_graphviz_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NoGraphvizError, match="pip install pygraphviz"):
        render_dot("digraph {}")


def test_render_dot_falls_back_to_the_program(monkeypatch):
    if shutil.which("dot") is None:
        # .ci/run installs Graphviz and sets this: there a missing program is a failure.
        assert os.environ.get("TDPLIB_REQUIRE_BROWSER") != "1", "no program dot"
        pytest.skip("no program dot here; pygraphviz draws")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert "<svg" in render_dot("digraph { a -> b }")
    with pytest.raises(NoGraphvizError, match="syntax error"):
        render_dot("digraph { a -> ")


def test_draw_takes_trace_verdict_and_board():
    trace = fake_trace()

    class Verdict:
        status = "violated"

    verdict = Verdict()
    verdict.trace = trace
    assert draw(verdict).svg == draw(trace).svg == swimlanes(trace)
    assert draw(trace.boards()[0]).svg.startswith("<svg")
    bundle = draw(trace)._repr_mimebundle_()
    assert bundle["text/html"].startswith("<img alt=")
    verdict.trace, verdict.status = None, "holds"
    with pytest.raises(BadValueError, match="'holds' has no trace"):
        draw(verdict)
    with pytest.raises(BadValueError, match="cannot draw int"):
        draw(3)


def test_picture_is_saved(tmp_path):
    path = draw(fake_trace()).save(tmp_path / "a.svg")
    assert path.read_text(encoding="utf-8") == swimlanes(fake_trace())
