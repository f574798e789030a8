"""The ladder: every level breaks, its par is the least, every save can be won and not cheated."""

import json
import warnings

import pytest
from ladder_answers import CHEATS, KNOWN_RIGHT, RIGHT, cut_short, replaced

from tdplib import ladder
from tdplib.errors import BadValueError, TdplibError
from tdplib.ladder import saving
from tdplib.ladder.scoring import Par, Score
from tdplib.protocols import load, names
from tdplib.replay import Session

LEVELS = ladder.levels()
SAVES = [each for each in LEVELS if each.save]
NAMES = [each.protocol for each in LEVELS]


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    path = tmp_path / "mine" / "ladder.json"
    monkeypatch.setenv("TDPLIB_LADDER", str(path))
    return path


def by_name(name):
    return LEVELS[NAMES.index(name)]


# --- the levels


def test_every_protocol_that_breaks_has_a_level():
    assert 10 <= len(LEVELS) <= 16
    broken = {name for name in names() if load(name).expected.status == "violated"}
    assert broken <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_the_warm_up_comes_first_and_par_rises_from_then_on():
    assert (ladder.par(1).steps, ladder.par(1).switches) == (7, 2)
    pars = [(ladder.par(each).steps, ladder.par(each).switches) for each in LEVELS[1:]]
    assert pars == sorted(pars)


@pytest.mark.parametrize("level", LEVELS, ids=NAMES)
def test_par_is_a_schedule_that_breaks_it(level):
    best = ladder.par(level)
    session = Session.from_code(best.code)
    assert session.broken().name == best.property == (level.target or best.property)
    made = ladder.score(level, session.board())
    assert (made.steps, made.switches, made.stars) == (best.steps, best.switches, 3)
    assert made.text().endswith(": that is par.")
    session.goto(best.steps - 1)
    assert ladder.score(level, session.board()) is None


@pytest.mark.parametrize("name", ["lost-update", "no-gift", "flush-under-mmu-lock", "lost-flush"])
def test_nothing_shorter_breaks_it(name):
    """The slow twin: every schedule of par's length less one, and of par's with fewer switches."""
    level, best = by_name(name), ladder.par(by_name(name))
    session = Session(level.protocol, level.scenario)
    actors = len(session.system.actors)

    def breaks(steps, switches, last):
        broken = session.broken()
        if broken is not None and broken.name == best.property:
            return True
        if not steps or broken is not None:
            return False
        here = session.cursor
        for actor in range(actors):
            turn = last is not None and actor != last
            if turn and not switches:
                continue
            try:
                session.step(actor)
            except TdplibError:
                continue
            if breaks(steps - 1, switches - turn, actor):
                return True
            session.goto(here)
        return False

    assert not breaks(best.steps - 1, 4, None)
    session.goto(0)
    assert not breaks(best.steps, best.switches - 1, None)
    session.goto(0)
    assert breaks(best.steps, best.switches, None)


@pytest.mark.parametrize("level", LEVELS, ids=NAMES)
def test_the_words_of_a_level(level):
    assert level.task()
    assert level.source.startswith(("A bug put in for this course", "Never merged", "From the rec",
                                    "Nothing of KVM"))  # fmt: skip
    for text in (level.situation, level.nudge, level.source, *level.meanings.values()):
        assert text.count("`") % 2 == 0
        assert text[-1] in ".?", text
        assert "!" not in text
    breaking = ladder.scoring._searched(level).properties
    assert set(level.meanings) <= set(breaking), "a sentence for what never breaks"
    assert set(breaking) <= set(level.meanings) | {"no-use-after-free", "no-leak"}
    if level.target:
        assert level.target in level.meanings


def test_a_level_that_does_not_exist():
    with pytest.raises(BadValueError, match=r"level is 17 .*1\.\.16"):
        ladder.level(17)
    with pytest.raises(TdplibError, match="nothing breaks no-leak"):
        ladder.par(1, "no-leak")


# --- the score


def scored(steps, switches, nudges=0, name="no-warn"):
    return Score(LEVELS[0], name, steps, switches, Par(name, 7, 2, ""), nudges)


@pytest.mark.parametrize(
    ("made", "stars", "text"),
    [
        (scored(7, 2), 3, "Your 7 steps and 2 switches: that is par."),
        (scored(7, 2, 1), 2, "switches: that is par, with 1 nudge."),
        (scored(7, 3), 2, "1 switch over."),
        (scored(10, 2), 2, "3 steps over."),
        (scored(9, 1), 2, "2 steps over and 1 switch fewer."),
        (scored(12, 5, 2), 1, "5 steps and 3 switches over, with 2 nudges."),
        (scored(7, 2, name="no-leak"), 3, ": that is par for no-leak."),
    ],
)
def test_the_score_in_words(made, stars, text):
    assert made.stars == stars
    assert made.text().endswith(text)
    assert made.on_target == (made.property == "no-warn")


def test_the_best_is_kept(mine):
    assert ladder.best(1) is None
    assert ladder.note_score(scored(9, 3))
    assert not ladder.note_score(scored(12, 5))
    assert not ladder.note_score(scored(9, 3))
    assert ladder.note_score(scored(7, 2, 1))
    assert ladder.note_score(scored(7, 2))
    assert ladder.best(1)["stars"] == 3
    ladder.note_save(1, 3)
    ladder.note_save(1, 1)
    ladder.note_save(1, 2)
    assert ladder.saved_lines(1) == 1
    assert json.loads(mine.read_text())["broken"]["lost-update"]["steps"] == 7


@pytest.mark.parametrize("text", ["{", "[]", '{"broken": 3}', '{"broken": {}, "saved": []}'])
def test_a_damaged_file_is_told_and_set_aside(mine, text):
    mine.parent.mkdir()
    mine.write_text(text)
    with pytest.warns(UserWarning, match="kept as"):
        assert ladder.best(1) is None
    assert mine.with_name("ladder.json.damaged").read_text() == text
    assert ladder.note_score(scored(9, 3))


def test_an_entry_that_is_none_is_no_best(mine):
    mine.parent.mkdir()
    mine.write_text('{"broken": {"lost-update": {"steps": "few"}}, "saved": {"lost-update": 1}}')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ladder.best(1) is None
        assert ladder.saved_lines(1) is None
        assert ladder.note_score(scored(9, 3))


# --- one play


def test_nudges_come_in_two_stages_and_count():
    play, session = ladder.Play(1), Session("lost-update")
    session.step(0)
    assert play.nudge(session) == LEVELS[0].nudge
    told = "Of your next steps only that of vCPU 1 keeps the bug within reach."
    assert play.nudge(session) == told
    assert play.nudge(session) == "That was the last nudge of this level."
    assert play.nudges == 2
    session = Session.from_code(ladder.par(1).code)
    assert play.nudge(session).startswith("It is broken already")
    assert play.score(session.board()).nudges == 2
    assert play.score(session.board()).stars == 2


def test_a_dead_end_is_told_when_asked():
    play, session = ladder.Play(1), Session("lost-update")
    assert play.reach(session) == "It can still break from here."
    for _ in range(3):
        session.step(0)
    told = "Nothing can break any more from here. After step 1 it still could."
    assert play.reach(session) == told
    assert session.cursor == 3
    play.nudge(session)
    assert play.nudge(session) == told
    assert play.nudges == 1, "a dead end has no next step to tell"
    assert play.reach(Session.from_code(ladder.par(1).code)) == "It is broken."


# --- save it


def test_there_is_something_to_save_and_what_is_given_breaks():
    assert len(SAVES) >= 10
    assert set(RIGHT) == {each.protocol for each in SAVES}
    for each in SAVES:
        assert ladder.save(each, ladder.given(each)).status == "unchanged"
        spaced = ladder.given(each).replace("\n    ", "\n\n    # a word\n    ")
        assert ladder.save(each, spaced).status == "unchanged", "comments are no change"


@pytest.mark.parametrize("level", SAVES, ids=lambda each: each.protocol)
def test_a_fix_within_par_holds(level):
    least = []
    for lines, pairs in RIGHT[level.protocol]:
        made = ladder.save(level, replaced(ladder.given(level), pairs))
        assert made.ok, made
        assert made.lines == lines
        assert f"{lines} line{'s'[: lines > 1]} changed, par {level.save.par}." in made.message
        least.append(lines)
    assert min(least) == level.save.par


@pytest.mark.parametrize("level", SAVES, ids=lambda each: each.protocol)
def test_what_does_less_does_not_win(level):
    given = ladder.given(level)
    for how, line, text in cut_short(given):
        made = ladder.save(level, text)
        if how == "drop" and line in KNOWN_RIGHT.get(level.protocol, ()):
            assert made.ok
        else:
            assert made.status in ("broken", "beside", "language", "unchanged"), (how, line)
            assert made.message
    for pairs in CHEATS.get(level.protocol, ()):
        made = ladder.save(level, replaced(given, pairs))
        assert made.status in ("broken", "beside", "language"), pairs


def test_a_wrong_answer_brings_its_shortest_trace():
    level = by_name("stale-check-before-lock")
    made = ladder.save(level, replaced(ladder.given(level), [("not stale", "stale")]))
    assert made.status == "broken"
    assert made.trace.broken == made.broken
    assert made.broken in made.message
    assert "direct_page_fault" in str(made)


def test_a_fast_zap_that_returns_at_once_is_refused():
    level = by_name("flush-under-mmu-lock")
    first = "    lockdep_assert_held(kvm.slots_lock)\n"
    for early in ("    return\n", "    if kvm.arch.mmu_valid_gen:\n        return\n"):
        made = ladder.save(level, replaced(ladder.given(level), [(first, first + early)]))
        assert made.status == "language"
        assert "it notes the roots that must be zapped" in made.message


def test_errors_point_into_the_text():
    given = ladder.given(1)
    made = ladder.save(1, given.replace("kvm.counter += 1", "kvm.counter +="))
    assert (made.status, made.line) == ("language", 3)
    assert made.column > 4
    made = ladder.save(1, given.replace("kvm.counter", "kvm.count"))
    assert (made.status, made.line) == ("language", 3)
    assert made.message == "Found: kvm has no field `count`. Write: did you mean `.counter`?"
    made = ladder.save(
        1, given + "\n\ndef vcpu_thread(kvm, vcpu, gfn, faults, unload):\n    pass\n"
    )
    assert (made.status, made.line) == ("beside", 6)
    assert "Only `increment` is yours to change" in made.message
    assert ladder.save(1, "").status == "beside"
    assert ladder.save(1, 3 * given).status in ("language", "beside")


def increment(kvm):
    """Add one to the counter."""
    atomic_inc(kvm.counter)  # noqa: F821


def test_a_function_can_be_handed_in():
    made = ladder.save(1, increment)
    assert made.ok
    assert made.lines == 1


def test_a_loop_without_end_is_no_answer_and_a_bound_is_told(monkeypatch):
    endless = "def increment(kvm):\n    while kvm.counter == 0:\n        cpu_relax()\n"
    made = ladder.save(1, endless)
    assert made.status == "beside"
    assert "vCPU 0" in made.message
    monkeypatch.setattr(saving, "MAX_STATES", 5)
    made = ladder.save(1, ladder.given(1).replace("kvm.counter += 1", "atomic_inc(kvm.counter)"))
    assert made.status == "undecided"
    assert "nothing is proved" in made.message


def test_a_level_without_anything_to_save():
    with pytest.raises(TdplibError, match="Level 2 has nothing to save; these have: 1, 3"):
        ladder.given(2)
