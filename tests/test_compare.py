"""One schedule on two versions: where they first differ, and that an actor that waits is told."""

import contextlib
import re
from html import unescape

import pytest

from tdplib import draw
from tdplib.check import check
from tdplib.cli import main
from tdplib.compare import Compare
from tdplib.draw._svg import escape, text_width
from tdplib.errors import BadValueError
from tdplib.replay import BlockedError, Session
from tdplib.replay.apart import apart


@pytest.fixture(scope="module")
def both():
    return Compare("patch-22-skip-invalid", "v5.18", check("patch-22-skip-invalid").trace)


def test_the_first_difference_is_where_v5_18_queues_what_patch_22_zaps_in_place(both):
    turn = both.difference
    assert (turn.number, turn.actor) == (4, "vCPU 1")
    assert [t.same for t in both.turns] == [True] * 3 + [False] + [True] * 2 + [False] * 2
    first, second = turn.first.effects[turn.agree], turn.second.effects[turn.agree]
    assert first == "reads root 0's tdp_mmu_root_count: 1"
    assert second == "sets root 0's tdp_mmu_async_data: None -> kvm"
    assert turn.first.effects[: turn.agree] == turn.second.effects[: turn.agree]


def test_who_cannot_move_and_what_breaks_are_told(both):
    last = both.turns[-1]
    assert last.first.broken == "zap-complete"
    assert last.second.effects == ()
    assert last.second.reason == "it waits for the work item of root 0 to finish"
    assert both.ends == ("breaks zap-complete", "breaks nothing")
    text = str(both)
    assert text.count("<- the first difference") == 1
    assert "v5.18: cannot move: it waits for the work item" in text
    assert max(map(len, text.splitlines())) <= 100


def test_each_side_is_what_a_session_of_its_own_does(both):
    session = Session("v5.18")
    for turn, step in zip(both.turns, check("patch-22-skip-invalid").trace.steps, strict=True):
        if turn.second.effects:
            taken = session.step(step.actor)
            assert turn.second.effects == tuple(a.effect for a in taken.actions)


def test_a_version_with_itself_does_not_differ():
    same = Compare("v5.18", "v5.18", check("patch-22-skip-invalid").trace)
    assert same.difference is None
    assert "They do the same in all 8 turns." in str(same)


def test_an_actor_that_a_version_does_not_have_is_told():
    """v6.6 has no worker."""
    session = Session("v5.18")
    for actor in range(2):
        session.step(actor)
    names = [a.name for a in session.system.actors]
    while session.board()["actors"][names.index("zap worker")]["status"] != "ready":
        session.step(next(a["index"] for a in session.board()["actors"] if a["status"] == "ready"))
    session.step(names.index("zap worker"))
    pair = Compare("v5.18", "v6.6", session.code())
    assert pair.turns[-1].second.reason == "there is no zap worker in this version"


def test_html_marks_the_difference_in_words_and_escapes(both):
    page = both.html()
    assert page.count("the first difference<") == 1
    assert "✗ breaks zap-complete" in page
    assert "<script" not in page
    assert "0 -&gt; 0x784" in page


def test_the_verb(both, capsys, tmp_path):
    code = check("patch-22-skip-invalid").trace.code
    assert main(["compare", "patch-22-skip-invalid", "v5.18", code]) == 0
    assert "They differ first in turn 4, vCPU 1's." in capsys.readouterr().out
    out = tmp_path / "both.html"
    assert main(["compare", "patch-22-skip-invalid", "v5.18", code, "--html", str(out)]) == 0
    assert "<table>" in out.read_text(encoding="utf-8")
    assert main(["compare", "v5.18", "v5.19", code]) == 2
    with pytest.raises(BadValueError):
        Compare("v5.18", "v9", code)


MINE = """\
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if not root.role.invalid:
            kvm_tdp_mmu_get_root(root)
            root.role.invalid = 1
            tdp_mmu_schedule_zap_root(kvm, root)
"""
"""What patch-22-skip-invalid does to patch 22, in one's own words."""


def test_own_code_on_either_side_is_as_the_protocol_that_is_the_same(both):
    trace = check(MINE, base="patch-22").trace
    mine = Compare(MINE, "v5.18", trace, base="patch-22")
    assert mine.names == ("patch-22+code", "v5.18")
    assert (mine.turns, mine.apart, mine.ends) == (both_turns(mine, both), both.apart, both.ends)
    turned = Compare("v5.18", MINE, trace, base="patch-22")
    assert turned.ends == both.ends[::-1]
    assert [turn.number for turn in turned.turns if not turn.same] == [4, 7, 8]


def said(half):
    return half.effects, half.reason, half.broken


def both_turns(mine, both):
    """The turns of `mine`, if each effect is that of `both`; lines and files may differ."""
    for one, other in zip(mine.turns, both.turns, strict=True):
        assert (one.first.effects, one.second.effects) == (
            other.first.effects,
            other.second.effects,
        )
        assert (one.first.reason, one.second.reason) == (other.first.reason, other.second.reason)
    return mine.turns


def test_own_code_on_both_sides_each_on_a_base_of_its_own():
    trace = check("patch-22-skip-invalid").trace
    pair = Compare(MINE, MINE, trace, base=("patch-22", "v5.18"))
    assert pair.names == ("patch-22+code", "v5.18+code")
    assert pair.ends == ("breaks zap-complete", "breaks nothing")
    same = Compare(MINE, MINE, trace, base="patch-22")
    assert same.names == ("patch-22+code (first)", "patch-22+code (second)")
    assert same.difference is None


def test_what_the_two_systems_differ_in_is_said(both):
    told = [each.sentence(*both.names) for each in both.apart]
    assert told[0] == "in v5.18 root 0 is queued; in patch-22-skip-invalid it is not"
    assert ("in patch-22-skip-invalid root 0 is the root of vCPU 1; "
            "in v5.18 it is the root of no vCPU") in told  # fmt: skip
    text = " ".join(str(both).split())
    assert f"After it the two systems differ. I{told[0][1:]}." in text
    assert "At the end that is still so." in text
    assert "still so" in both.html()


def test_what_is_said_of_two_boards_is_what_their_entries_say():
    """By looking at the entries oneself, after every turn of some pairs."""
    code = check("no-gift").trace.code
    sessions = [Session(name) for name in ("v5.18", "v6.6")]
    seen = set()
    for turn in Compare("v5.18", "v6.6", code).turns:
        for session in sessions:
            known = [a.name for a in session.system.actors]
            with contextlib.suppress(BlockedError, ValueError):
                session.step(known.index(turn.actor))
        boards = [session.board() for session in sessions]
        found = {(each.subject, each.first, each.second) for each in apart(*boards)}
        roots = [{r["index"]: r for r in board["roots"]} for board in boards]
        for index in roots[0].keys() & roots[1].keys():
            one, other = roots[0][index], roots[1][index]
            if "freed" in (one["state"], other["state"]):
                continue
            count = [f"has refcount {root['refcount']}" for root in (one, other)]
            differ = one["refcount"] != other["refcount"]
            assert ((f"root {index}", *count) in found) == differ
            queued = [f"is {'' if root['queued'] else 'not '}queued" for root in (one, other)]
            differ = one["queued"] != other["queued"]
            assert ((f"root {index}", *queued) in found) == differ
            seen |= {"refcount"} if one["refcount"] != other["refcount"] else set()
            seen |= {"queued"} if one["queued"] != other["queued"] else set()
        assert apart(boards[0], boards[0]) == ()
    assert seen == {"refcount", "queued"}


def test_the_picture_has_a_half_for_each_and_one_frame(both):
    picture = draw(both)
    svg = picture.svg
    assert svg == both.svg()
    assert svg.count(">the first difference<") == 1
    assert svg.count(">differs<") == 2
    assert svg.count("<circle") == 2 * len(both.turns)
    assert svg.count('stroke-dasharray="3 2"') == 1
    assert "turn 8: update 0 cannot move" in svg
    assert "After this turn the two systems differ in this:" in svg
    assert "\u2717 breaks zap-complete on this path" in svg
    assert "In v5.18 root 0 is queued; in patch-22-skip-invalid it is not." in picture.alternative
    assert re.search(r'width="900"', svg)
    assert escape(" ".join(str(both).split())) in svg


TEXT = r'<text x="([\d.]+)" y="([\d.]+)"([^>]*)>([^<]*)<'


def test_nothing_in_the_picture_sticks_out():
    for pair in (Compare("v5.18", "load-without-flush", check("load-without-flush").trace),
                 Compare("v5.18", "v6.6", check("v3-list-walk").trace)):  # fmt: skip
        svg = pair.svg()
        height = float(re.search(r'height="([\d.]+)"', svg)[1])
        for x, y, more, words in re.findall(TEXT, svg):
            if "transform" in more or "text-anchor" in more:
                continue
            left, right = float(x), float(x) + text_width(unescape(words))
            assert 0 < left < right < 900, words
            assert 0 < float(y) < height, words


def test_a_file_and_pictures_from_the_command_line(capsys, tmp_path):
    mine, svg, page = (tmp_path / name for name in ("mine.py", "out.svg", "out.html"))
    mine.write_text(MINE, encoding="utf-8")
    code = check("patch-22-skip-invalid").trace.code
    words = ["compare", str(mine), "v5.18", code, "--base", "patch-22"]
    assert main([*words, "--svg", str(svg), "--html", str(page)]) == 0
    assert "patch-22+code" in svg.read_text(encoding="utf-8")
    assert "patch-22+code" in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(words) == 0
    assert "In v5.18 root 0 is queued; in patch-22+code it is not." in capsys.readouterr().out
    assert main(["compare", "v5.17", "v5.18", code, "--base", "patch-22"]) == 2
    assert "--base goes with a file" in capsys.readouterr().err


def test_needed_from_the_command_line(capsys, tmp_path):
    code = check("patch-22-skip-invalid").trace.code
    capsys.readouterr()
    assert main(["replay", code, "--needed"]) == 0
    assert "8 of 8 steps are needed" in capsys.readouterr().out
    assert main(["replay", code, "--needed", "--svg", str(tmp_path / "t.svg")]) == 0
    assert (tmp_path / "t.svg").read_text(encoding="utf-8").startswith("<svg")
