"""The atlas of a scenario, told as session and trace tell it; and the pages made of it."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from nasty import OWN

from tdplib import check, offline, replay
from tdplib.atlas import TooLargeError, atlas
from tdplib.cli import main
from tdplib.errors import BadValueError
from tdplib.replay import board as boards
from tdplib.replay import trace as traces
from tdplib.replay.stepping import take
from tdplib.replay.subject import subject
from tdplib.replay.uses import uses
from tdplib.scenarios import vary
from tdplib.search.explore import Limits, explore
from tdplib.widgets._assets import STATIC, VIEW
from tdplib.widgets.offline import PLAYED, POLICY, page

SMALL = [
    ("lost-update", None), ("v5.18", "small"), ("v3-list-walk", "small"),
    ("patch-24-unconditional", "small"), ("flush-under-mmu-lock", "small"),
    ("v5.18", "two-levels"), ("v5.18", "tlb"), ("v6.4", "small-teardown"),
    ("xchg-plain-rmw", "small-markers"), ("shared-map", None),
]  # fmt: skip


def entries(made, row):
    return [actor[row] for actor in made.actors]


@pytest.mark.parametrize(("protocol", "scenario"), SMALL)
def test_an_atlas_tells_each_state_and_step_as_if_it_were_the_only_one(protocol, scenario):
    about = subject(protocol, scenario=scenario)
    made = atlas(about)
    system = about.system
    found = explore(system, limits=Limits(states=30_000))
    assert made.complete
    assert made.states == found.states
    assert len(made.actor) == found.transitions
    rows = range(0, made.states, 1 + made.states // 500)
    for row in rows:
        packed = found.arrays.states[row]
        assert made.shared(row) == boards.state_entries(system, packed)
        told = [boards.actor_entry(system, packed, k, 7, "") for k in range(len(system.actors))]
        assert entries(made, row) == told
        steps = made.steps(row)
        assert list(steps) == [a["index"] for a in told if a["status"] == "ready"]
        for actor, edge in steps.items():
            taken = take(system, packed, actor, 7)
            tale = made.tales[edge]
            assert tale.actions == traces.tell(system, actor, taken, lambda *_: ())
            told = [use for each in taken.happened for use in uses(system, actor, each)]
            assert tale.uses == tuple(dict.fromkeys(told))
            assert tale.advice == taken.advice
            target = made.target[edge]
            assert made.broken[target] == (
                taken.broken.name if taken.broken else made.broken[target]
            )
            if target < made.states:
                assert (found.arrays.states[target] == taken.state).all()
                continue
            before = taken.happened[-1].before
            why = "a property is broken: the path ends here"
            assert made.shared(target) == boards.state_entries(system, before)
            assert entries(made, target) == [
                boards.actor_entry(system, before, k, 7, why) for k in range(len(system.actors))
            ]


def test_a_bound_of_the_model_ends_a_path_in_the_atlas_too():
    made = atlas(subject("v5.18", scenario=vary("small", roots=1)))
    assert not made.complete
    ends = [entries(made, row)[0]["reason"] for row in range(made.states, made.rows)]
    assert ends
    assert {made.broken[row] for row in range(made.states, made.rows)} == {None}
    assert all("a bound of the model is met (root slots)" in reason for reason in ends if reason)


def test_a_scenario_that_is_too_large_is_refused_with_the_number():
    with pytest.raises(TooLargeError, match="more than 100 states"):
        atlas(subject("v5.18", scenario="small"), most=100)


def test_the_page_of_a_large_scenario_says_so_and_shows_the_path():
    verdict = check("patch-22-skip-invalid", scenario="small")
    text = page(verdict, most=100)
    assert "the scenario has 270 states" in text
    assert "only up to 100" in text
    assert "Step 8 of 8" in text
    assert "the scenario has more than 100 states" in page(verdict.trace, most=100)
    with pytest.raises(BadValueError, match="has 363 states, a page carries at most 100"):
        page(check("v5.18", scenario="small"), most=100)
    with pytest.raises(BadValueError, match="cannot make a page of int"):
        page(3)


def test_a_page_of_some_twenty_thousand_states_is_small_and_soon_made():
    verdict = check("roots-emptied")
    assert 15_000 < verdict.states < 20_000
    began = time.process_time()
    text = page(verdict)
    seconds = time.process_time() - began
    print(f"{verdict.states} states, {len(text) / 1000:.0f} kB, {seconds:.1f} s")
    assert len(text) < 500_000
    assert seconds < 20


def test_nothing_that_a_learner_wrote_becomes_markup():
    verdict = check(OWN, base="patch-22", scenario="small")
    assert verdict.status == "violated"
    text = page(verdict)
    assert "<img" not in text
    assert len(re.findall("</script", text)) == 2
    assert "onerror" not in text.replace("&lt;img src=x onerror", "")
    assert "Changed in it: kvm_tdp_mmu_invalidate_all_roots." in text


def test_a_page_asks_for_nothing_and_says_that_it_must_not():
    text = page(check("lost-update"))
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in text
    stripped = text.replace("http://www.w3.org/2000/svg", "")
    for word in ("http:", "https:", "url(", "@import", " src=", " href=", "<link", "fetch("):
        assert word not in stripped


def test_no_two_files_of_the_page_declare_the_same_name():
    """They are joined into one module, where the second would be an error."""
    declared = re.compile(
        r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE
    )
    files = [(STATIC / name).read_text("utf-8") for name in (*VIEW, *PLAYED, "offline.js")]
    names = [name for text in files for name in declared.findall(text)]
    assert len(names) > 50
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_a_page_is_the_same_each_time():
    first, second = (page(check("lost-update")) for _ in range(2))
    assert first == second


def test_a_holding_verdict_has_a_page_without_a_path(tmp_path):
    made = offline(check("v5.18", scenario="small"))
    assert made.title == "v5.18 holds in every interleaving"
    assert "<h2>The path" not in made.html
    assert "carries all 363 states" in made.html
    assert made.save(tmp_path / "x.html").read_text(encoding="utf-8") == made.html
    assert repr(made).startswith("<Page: v5.18 holds in every interleaving, ")


def test_check_and_replay_write_the_page(tmp_path, capsys):
    out = tmp_path / "x.html"
    assert main(["check", "patch-22-skip-invalid", "--scenario", "small", "--html", str(out)]) == 1
    assert "carries all 270 states" in out.read_text(encoding="utf-8")
    code = check("patch-22-skip-invalid", scenario="small").trace.code
    assert main(["replay", code, "--html", str(out)]) == 0
    assert "carries all 270 states" in out.read_text(encoding="utf-8")
    assert main(["check", "v5.18", "--scenario", "small", "--html", str(out)]) == 0
    assert "holds in every interleaving" in out.read_text(encoding="utf-8")
    assert f"wrote {out}" in capsys.readouterr().err


def test_a_page_needs_no_notebook_package():
    code = (
        "import sys\nfrom tdplib import check, offline\noffline(check('lost-update'))\n"
        "print(*[m for m in ('anywidget', 'ipywidgets', 'IPython') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_a_path_on_which_nothing_breaks_has_a_page():
    code = check("patch-22-skip-invalid", scenario="small").trace.code
    made = offline(replay(code.replace(":4a4b", ":4a3b")))
    assert made.title == "patch-22-skip-invalid: a path on which nothing breaks"
