"""One schedule on two versions: where they first differ, and that an actor that waits is told."""

import pytest

from tdplib.check import check
from tdplib.cli import main
from tdplib.compare import Compare
from tdplib.errors import BadValueError
from tdplib.replay import Session


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


def test_needed_from_the_command_line(capsys, tmp_path):
    code = check("patch-22-skip-invalid").trace.code
    capsys.readouterr()
    assert main(["replay", code, "--needed"]) == 0
    assert "8 of 8 steps are needed" in capsys.readouterr().out
    assert main(["replay", code, "--needed", "--svg", str(tmp_path / "t.svg")]) == 0
    assert (tmp_path / "t.svg").read_text(encoding="utf-8").startswith("<svg")
