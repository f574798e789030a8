"""Sentences about a state: what they say, and that what can still break is said only when asked."""

from tdplib.check import check
from tdplib.outlook import judge
from tdplib.replay import Session


def test_who_holds_what_and_who_waits_for_whom_in_a_deadlock():
    session = Session.from_trace(check("flush-under-mmu-lock").traces["no-deadlock"])
    session.goto(len(session.path))
    said = session.why()
    update = next(s for s in said.holds if s.startswith("update 0 holds"))
    assert "mmu_lock for write" in update
    assert any(s.startswith("update 0 waits for the work item of root 0") for s in said.waits)
    assert any(s.startswith("zap worker waits for mmu_lock: held for write") for s in said.waits)
    assert said.properties[0].startswith("no-deadlock is broken: Nobody can move")


def test_a_path_that_broke_something_ends():
    session = Session.from_trace(check("lost-update").trace)
    session.goto(len(session.path))
    said = session.why(judge(session))
    assert said.waits[-1] == "Nobody moves any more: the path ends where a property is broken."
    assert said.properties[0].startswith("no-warn is broken: ")


def test_roots_and_readers_are_told():
    session = Session("v5.18")
    said = session.why()
    assert "Nobody holds" in said.holds[0]
    while not session.board()["roots"]:
        session.step(0)
    assert any("root 0 is valid" in s and "1 reference" in s for s in session.why().holds)


def test_what_is_open_is_said_only_with_a_judgement():
    session = Session("lost-update")
    assert "ask for the judgement" in session.why().properties[-1]
    said = session.why(judge(session)).properties
    assert said[1] == "A violation can still happen: 7 steps, no-warn."
    assert said[2] == "Still open: no-warn."
    while session.board()["actors"][0]["status"] == "ready":
        session.step(0)
    said = session.why(judge(session)).properties
    assert said[-1] == ("Open at the start and decided by now: no-warn holds whatever comes.")


def test_the_text_names_its_three_parts():
    text = str(Session("lost-update").why())
    assert "Who holds what\n" in text
    assert "can move; next:" in text
