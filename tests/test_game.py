"""The widgets of the ladder: what they tell, without a page."""

import json
import re

import pytest

from tdplib import ladder
from tdplib.errors import BadValueError, TdplibError
from tdplib.widgets import BreakIt, Interleaver, SaveIt


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    path = tmp_path / "ladder.json"
    monkeypatch.setenv("TDPLIB_LADDER", str(path))
    return path


def played(level=1, actors="abbbaaa"):
    made = BreakIt(level)
    for actor in actors:
        made.step(actor)
    return made


def send(widget, **message):
    widget._on_message(widget, message, [])
    return widget.error


def test_a_level_is_an_interleaver_with_a_task_above_it():
    made = BreakIt(3)
    assert isinstance(made, Interleaver)
    assert made.board["protocol"] == "flush-without-slots-lock"
    told = made.game
    assert told["head"] == "Break it, level 3 of 16"
    assert told["task"] == ladder.level(3).task()
    assert told["meter"] == "your 0 steps and 0 switches, par 6 and 2"
    assert told["said"].startswith("Play on the board below")
    assert (told["done"], told["hint"], told["best"]) == (None, "", None)
    assert len(told["levels"]) == len(ladder.levels())


def test_what_breaks_is_scored_and_the_best_is_kept(mine):
    made = played(actors="abbbaa")
    assert made.game["meter"] == "your 6 steps and 2 switches, par 7 and 2"
    assert not mine.exists()
    made.step("a")
    done = made.game["done"]
    assert done["stars"] == "★★★ as short as can be"
    assert (
        done["happened"] == "Both tasks read the same number, so one of the two additions was lost."
    )
    assert done["is_best"]
    assert done["mend"] == "Can you save it, too? `SaveIt(1)` has the code."
    assert made.game["best"] == "★★★ as short as can be, 7 and 2"
    before = mine.read_bytes()
    made.goto(3)
    assert made.game["done"] is None
    made.goto(7)
    assert made.game["done"] == done, "a board that is shown again is no new play"
    assert mine.read_bytes() == before
    assert BreakIt(1).game["levels"][0][2] == "★★★"


def test_a_longer_way_is_told_what_was_not_needed_and_a_safe_one_that_it_is():
    made = played(7, "aabbbcc")
    assert made.game["done"]["spare"] == 0
    made = played(3, "aaabbcc")  # the fault at the third step
    assert made.game["done"]["spare"] == (
        "The dashed step of the timeline was not needed: there is a shorter way."
    )
    made = played(1, "aaabbbb")
    assert made.game["said"].startswith("Everybody is done and nothing broke.")
    assert made.game["done"] is None


def test_another_property_counts_and_is_told_as_such():
    made = played(5, "aabbb")  # the fast zap takes the root off while the vCPU has it
    done = made.game["done"]
    assert done["property"] == "delist-at-final-put"
    assert done["other"].startswith("That is not the property that was asked for")
    assert (
        "that is par for delist-at-final-put" in done["score"] or "par for delist" in done["score"]
    )
    assert ladder.best(5)["property"] == "delist-at-final-put"


def test_undo_takes_a_step_back_and_forgets_it():
    made = played(actors="abb")
    made.undo()
    assert (made.board["step"], made.board["steps"]) == (2, 2)
    assert send(made, do="undo") == ""
    assert made.board["step"] == 1
    made.goto(0)
    made.undo()
    assert (made.board["step"], made.board["steps"]) == (0, 0)
    made.reset()
    assert made.board["branches"] == []


def test_no_step_is_judged_in_a_level():
    made = played(actors="a")
    assert send(made, do="judge") == "The judge stays away from a level. Ask for a nudge instead."
    with pytest.raises(TdplibError):
        made.judge()
    made.judge(False)
    assert made.board["judge"] is None
    assert all(actor["leads_to"] is None for actor in made.board["actors"])
    assert "danger" not in json.dumps(made.game)


def test_the_nudge_stays_and_what_was_asked_goes_with_the_next_step():
    made = played(actors="ab")
    send(made, do="reach")
    assert made.game["said"] == "It can still break from here."
    made.step("b")
    assert made.game["said"] == ""
    assert made.nudge() == ladder.level(1).nudge == made.game["hint"]
    made.goto(1)
    assert made.nudge() == "Of your next steps only that of vCPU 1 keeps the bug within reach."
    made.step("b")
    assert (made.game["hint"], made.game["said"]) == (ladder.level(1).nudge, "")
    for actor in "bbaaa":
        made.step(actor)
    assert made.game["done"]["score"].endswith("that is par, with 2 nudges.")
    assert made.game["hint"] == ""
    made.reset()
    assert made.game["nudges"] == 2, "what was told is known"


def test_going_to_another_level():
    made = played()
    made.nudge()
    assert send(made, do="level", level=8) == ""
    assert made.board["protocol"] == "patch-22-skip-invalid"
    assert made.board["steps"] == made.game["nudges"] == 0
    assert "kvm_tdp_mmu_put_root" in made.sources
    assert "level is 99" in send(made, do="level", level=99)
    assert "level is 'x'" in send(made, do="level", level="x")
    assert made.game["number"] == 8
    with pytest.raises(BadValueError):
        BreakIt(0)


def test_the_text_and_the_static_twin_have_the_level_too():
    made = played()
    bundle = made._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    for text in (data["text/plain"], re.sub(r"<[^>]+>", "", data["text/html"])):
        for part in ("Break it, level 1 of 16: One plus one", "Two tasks each add one",
                     "7 steps and 2 switches, par 7 and 2", "as short as can be"):  # fmt: skip
            assert part in text
    assert "<script" not in data["text/html"]


# --- save it


def test_the_breaking_schedule_is_on_the_board_and_the_code_in_the_text():
    mend = SaveIt(8)
    assert (mend.board["step"], mend.board["steps"]) == (0, 8)
    assert mend.board["ahead"]["property"] == "zap-complete"
    assert mend.game["text"] == ladder.given(8).rstrip() == mend.source
    assert mend.game["result"] is None
    assert [number for number, _, _ in mend.game["levels"]] == [
        each.number for each in ladder.levels() if each.save
    ]
    with pytest.raises(TdplibError, match="nothing to save"):
        SaveIt(2)
    assert "nothing to save" in send(mend, do="level", level=2)
    assert mend.game["number"] == 8


def test_a_wrong_answer_is_opened_in_the_board_and_a_right_one_is_kept():
    mend = SaveIt(1)
    wrong = mend.source.replace("kvm.counter += 1", "kvm.counter = 1")
    assert send(mend, do="check", source=wrong) == ""
    result = mend.game["result"]
    assert (result["status"], result["ok"]) == ("broken", False)
    assert mend.board["protocol"] == "lost-update+code"
    assert "kvm.counter = 1" in " ".join(filter(None, mend.sources["increment"]["lines"]))
    assert mend.game["meter"].startswith("The board shows the shortest schedule that breaks what")
    made = mend.check(wrong.replace("kvm.counter = 1", "atomic_inc(kvm.counter)"))
    assert made.ok
    assert mend.game["meter"] == "The board shows what was wrong with an earlier answer of yours."
    assert mend.game["best"] == "saved with 1 line changed"
    assert ladder.saved_lines(1) == 1
    mend.again()
    assert mend.source == ladder.given(1).rstrip()
    assert mend.board["protocol"] == "lost-update"
    assert mend.game["meter"].startswith("The board shows the shortest schedule that breaks the co")
    assert mend.check().status == "unchanged"
    assert mend.game["meter"].startswith("The board shows the shortest schedule that breaks the co")
    old = (
        "    old = kvm.counter\n    atomic_inc(kvm.counter)\n    while old:\n        cpu_relax()\n"
    )
    assert mend.check(f"def increment(kvm):\n{old}").status == "beside"
    assert mend.game["meter"].startswith("The board shows how to come to where not everybody can")


def test_an_error_of_the_language_has_its_place_in_the_text():
    mend = SaveIt(1)
    send(mend, do="check", source=mend.source.replace("counter +=", "counter =="))
    result = mend.game["result"]
    assert (result["status"], result["line"]) == ("language", 3)
    assert "language: " in mend.text()
    assert "must be text" in send(mend, do="check", source=3)


def test_the_judge_may_look_at_a_schedule_that_breaks():
    mend = SaveIt(1)
    mend.judge()
    assert mend.board["judge"]["danger"]


@pytest.mark.parametrize("kind", [BreakIt, SaveIt])
def test_the_module_stays_small(kind):
    assert len(kind._esm.encode()) < 80_000
    assert "innerHTML" not in kind._esm
