"""Playing by hand: which timelines are kept, and how far an actor runs."""

from __future__ import annotations

import random

import pytest
from fake_session import REQUEUE, FakeSession

from tdplib import export
from tdplib.errors import BadValueError, TdplibError
from tdplib.player import Player
from tdplib.replay import Session
from tdplib.replay.schedule import read_steps


def opened(protocol="patch-22-skip-invalid"):
    return Player(Session(protocol))


def kept(player):
    """Every timeline there is: the one on show and those that were left."""
    left = {tuple(player.path()[: b["fork"]]) + tuple(b["actors"]) for b in player.branches()}
    return left | {player.path()}


def test_no_step_that_was_ever_taken_is_lost():
    """Random play; the twin keeps every path in a set, and forgets those that others begin with."""
    seed = random.randrange(10**6)
    rng, player, seen = random.Random(seed), opened("lost-update"), set()
    for _ in range(150):
        board = player.board()
        ready = [a["index"] for a in board["actors"] if a["status"] == "ready"]
        what = rng.choice(["step"] * 5 + ["goto", "restore", "reset"])
        if what == "step" and ready:
            player.step(rng.choice(ready))
        elif what == "goto":
            player.goto(rng.randint(0, board["steps"]))
        elif what == "restore" and player.branches():
            player.restore(rng.choice(player.branches())["number"])
        elif what == "reset":
            player.reset()
        seen.add(player.path())
        for path in seen:
            assert any(longer[: len(path)] == path for longer in kept(player)), f"seed {seed}"
        paths = [b["number"] for b in player.branches()]
        assert player.number not in paths, f"seed {seed}"


def test_branches_say_where_they_leave_the_one_on_show_and_how_they_end():
    player = opened()
    for actor in read_steps("b4db2ab2acab3c"):
        player.step(actor)
    player.goto(6)
    player.step(1)
    player.goto(2)
    player.step(0)
    one, two = player.branches()
    assert (one["number"], one["fork"], one["steps"]) == (1, 2, 17)
    assert one["ends"] == "breaks zap-complete"
    assert (two["number"], two["fork"], two["steps"], two["ends"]) == (2, 2, 7, "")
    assert two["actors"] == [3, 3, 3, 1, 1]
    player.restore(2)
    assert (player.number, player.board()["step"]) == (2, 2)
    assert [(b["number"], b["fork"]) for b in player.branches()] == [(1, 6), (3, 2)]


def test_what_is_played_again_takes_its_number_back():
    player = opened("lost-update")
    player.step(0)
    player.step(1)
    player.goto(1)
    player.step(0)
    assert player.number == 2
    player.goto(1)
    player.step(1)
    assert player.number == 1
    assert [b["number"] for b in player.branches()] == [2]


def test_a_branch_that_does_not_exist_is_refused_with_those_that_do():
    player = opened("lost-update")
    with pytest.raises(TdplibError, match="none has been left yet"):
        player.restore()
    player.step(0)
    player.reset()
    with pytest.raises(BadValueError, match="no branch 7 to go back to; there is 1"):
        player.restore(7)
    with pytest.raises(BadValueError, match=r"step is 9 .*, must be in 0\.\.1"):
        player.restore(1, 9)
    assert [b["number"] for b in player.branches()] == [1]


def test_running_on_in_the_past_keeps_what_came_after():
    """The first step of the run is the one that was taken before, the second is another."""
    player = opened("lost-update")
    for actor in (0, 1, 1, 1):
        player.step(actor)
    player.goto(0)
    player.run("vCPU 0")
    assert player.path() == (0, 0, 0)
    assert [b["steps"] for b in player.branches()] == [4]


@pytest.mark.parametrize("to", [("memslot_update_thread", 131), 131])
def test_a_run_to_a_line(to):
    player = opened()
    said = player.run("update 0", to)
    assert said == "update 0 has taken 3 steps and stands at line 131 of memslot_update_thread."
    now = player.board()["actors"][2]
    assert (now["function"], now["line"]) == ("memslot_update_thread", 131)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (("memslot_update", 131), "no function 'memslot_update'; did you mean 'memslot_update_"),
        (("memslot_update_thread", 999), "memslot_update_thread has the lines 127 to 132, not 999"),
        (("memslot_update_thread", "x"), "memslot_update_thread has the lines 127 to 132, not 'x'"),
    ],
)
def test_a_line_that_does_not_exist_is_refused(to, said):
    player = opened()
    with pytest.raises(BadValueError, match=said):
        player.run("update 0", to)
    assert player.path() == ()


def test_a_run_to_the_line_it_stands_at_goes_round():
    player, line = opened("v5.18"), ("tdp_mmu_zap_root_work", 84)
    for actor in ("vCPU 0", "vCPU 1", "update 0"):
        player.run(actor)
    steps = []
    for _ in range(2):
        before = player.board()["step"]
        assert player.run("zap worker", line).endswith(
            "stands at line 84 of tdp_mmu_zap_root_work."
        )
        steps.append(player.board()["step"] - before)
    assert steps == [1, 8]


def test_a_line_inside_a_step_is_gone_through():
    """Each raw action is told by its line; a run with larger steps stops where its step has it."""
    player = opened("v5.18")
    for actor in read_steps("2a"):
        player.step(actor)
    inner = player.session.steps[-1].actions[-1]
    player = opened("v5.18")
    said = player.run("vCPU 0", (inner.function, inner.line))
    assert said == (
        f"vCPU 0 has taken 2 steps and went through line {inner.line} of {inner.function} "
        "within the last one."
    )


def test_a_run_that_does_not_come_to_its_line_says_why():
    player = opened()
    player.step("update 0")
    with pytest.raises(TdplibError, match="cannot move"):
        player.run("update 1", ("memslot_update_thread", 132))
    said = player.run("vCPU 0", ("kvm_tdp_mmu_put_root", 57))
    assert re_words(said) == "did not come to line 57 of kvm_tdp_mmu_put_root: it is done."


def re_words(said):
    return said.partition(" steps and ")[2]


def test_a_run_over_a_violation_says_what_broke():
    player = opened()
    for actor in read_steps("4b3c"):
        player.step(actor)
    assert player.run("update 0") == "update 0 has taken 1 step and zap-complete is broken."


def test_the_fake_runs_until_it_blocks_too():
    session = FakeSession()
    for actor in REQUEUE[:10]:
        session.step(actor)
    said = Player(session).run("update 0")
    assert "and is blocked: waits for the zap worker" in said


# -- files and links


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("v5.18/default/0df145:2a3b", "v5.18-default-2a3b.svg"),
        ("x+code/vcpus=3,updates=1/raw-0df145:", "x+code-vcpus3-updates1.svg"),
        ("x/y/0df145:" + "ab" * 40, "x-y-" + "ab" * 24 + ".svg"),
    ],
)
def test_a_file_is_named_after_protocol_scenario_and_steps(code, name):
    assert export.file_name(code, ".svg") == name


def test_somebodys_own_code_is_named_in_the_line_that_opens_it_again():
    own = "def helper(kvm):\n    return 1\n\n\ndef increment(kvm):\n    helper(kvm)\n"
    session = Session("lost-update", code=own)
    assert export.links("C", session.subject.own) == [
        ["Python", 'Interleaver(code="C", at="end", own=[helper, increment])'],
        ["Command", "tdplib play --code C --source FILE"],
    ]
