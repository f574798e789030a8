"""Schedule codes, sessions and traces: what was found is told and played again exactly."""

import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest
from engine import make
from random_programs import random_program
from random_tables import random_table_program
from seeded import SEEDS

from tdplib import protocols
from tdplib.check import check
from tdplib.errors import BadValueError
from tdplib.properties import PROPERTIES
from tdplib.replay import BlockedError, ScheduleError, Session, narrate, replay
from tdplib.replay.schedule import read, read_steps, write, write_steps
from tdplib.replay.stepping import peek, take
from tdplib.replay.trace import make_step
from tdplib.scenarios import Scenario, vary
from tdplib.search.shortest import schedule, switches
from tdplib.vm.codes import OPS

VIOLATED = [name for name in protocols.names() if protocols.row(name).expected.status == "violated"]
QUICK = "patch-22-skip-invalid"
OWN = '''
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Marks nothing invalid and queues nothing."""
    lockdep_assert_held_write(kvm.mmu_lock)
'''


@cache
def found(name, scenario=None, reductions=("merge", "lockset", "acquire")):
    return check(name, scenario=scenario, reductions=reductions)


@cache
def own():
    return check(OWN, base="v5.18")


# === schedule codes ===


@pytest.mark.parametrize("name", VIOLATED)
def test_round_trip(name):
    verdict = found(name)
    for what in verdict.properties:
        trace = verdict.traces[what]
        again = replay(trace.code)
        assert (again.code, again.steps, again.broken) == (trace.code, trace.steps, what)
        assert write(read(trace.code)) == trace.code
        assert len(trace.code) <= 120
        assert re.fullmatch(r"[\w.+/=,:-]+", trace.code), "can be typed, and pasted in a shell"


@pytest.mark.parametrize("name", VIOLATED)
def test_steps_and_switches_are_the_shortest(name):
    verdict = found(name)
    for what in verdict.properties:
        path = schedule(verdict.exploration, what)
        trace = verdict.traces[what]
        assert [step.actor for step in trace.steps] == path
        assert len(path) == verdict.exploration.found[what][2]
        assert trace.switches == switches(path)
        assert [step.number for step in trace.steps] == list(range(1, len(path) + 1))


@pytest.mark.parametrize("actions", [(), ("merge",), ("lockset",), ("acquire",)], ids=str)
def test_round_trip_with_reductions_off(actions):
    trace = found(QUICK, "small", actions).trace or found("no-gift", "small", actions).trace
    assert trace is not None
    again = replay(trace.code)
    assert (again.steps, again.broken) == (trace.steps, trace.broken)


def test_round_trip_of_a_scenario_that_has_no_name():
    scenario = vary("default", vcpus=1, updates=1, first_gfn=1, faults=2)
    trace = check("invalid-after-unlock", scenario=scenario).trace
    assert "faults=2" in trace.code
    assert replay(trace.code).steps == trace.steps
    named = check("invalid-after-unlock", scenario=replace(scenario, name="mine")).trace
    assert replay(named.code).steps == named.steps


def test_code_in_a_fresh_process():
    trace = found(QUICK).trace
    program = (
        "import sys, json; from tdplib import replay; trace = replay(sys.argv[1]);"
        "print(json.dumps([trace.broken, str(trace)]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, trace.code], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == [trace.broken, str(trace)]


def test_steps_as_text():
    assert write_steps([0, 0, 3, 0, 2, 2, 2, 2]) == "2ada4c"
    assert read_steps("2ada4c") == (0, 0, 3, 0, 2, 2, 2, 2)
    assert (write_steps([]), read_steps("")) == ("", ())


def test_empty_code_is_the_start():
    session = Session(QUICK)
    trace = replay(session.code())
    assert (trace.steps, trace.broken) == ((), None)


@pytest.mark.parametrize(
    "code",
    ["", "v5.18", "v5.18/default", "v5.18/default/1f3a9c", "v5.18/default/1f3a9:2a",
     "v5.18/default/1F3A9C:2a", "v5.18/default/1f3a9c:2z", "v5.18/default/1f3a9c:a2",
     "v5.18/default/m9-1f3a9c:2a", "v5.18//1f3a9c:2a", "a b/default/1f3a9c:2a", None, 7],
)  # fmt: skip
def test_malformed_codes(code):
    with pytest.raises(ScheduleError, match=r"is not a schedule code; expected protocol/scenario/"):
        replay(code)


def test_codes_of_nothing_that_exists():
    with pytest.raises(BadValueError, match=r"no protocol is called 'v5.81'; did you mean 'v5.18'"):
        replay("v5.81/default/1f3a9c:2a")
    with pytest.raises(BadValueError, match=r"no scenario is called 'defalt'; did you mean 'defau"):
        replay("v5.18/defalt/1f3a9c:2a")
    with pytest.raises(ScheduleError, match=r"'speed=2' is no number of a scenario"):
        replay("v5.18/speed=2/1f3a9c:2a")
    with pytest.raises(BadValueError, match="vcpus is 9"):
        replay("v5.18/vcpus=9/1f3a9c:2a")
    with pytest.raises(ScheduleError, match="more than 100,000 steps"):
        replay("v5.18/default/1f3a9c:999999999999a")


def test_blank_around_a_code_is_forgiven():
    trace = found(QUICK).trace
    assert replay(f"  {trace.code}\n").steps == trace.steps


def changed_text(name, old, new, monkeypatch):
    """Let `name` be loaded with one piece of its own text replaced."""
    from tdplib.lang.source import unit_from

    real = protocols.load(name)
    text = real.units[-1].text
    assert old in text
    unit = unit_from(text.replace(old, new), name=real.file)
    made = replace(real, units=(*real.units[:-1], unit))
    monkeypatch.setattr(protocols, "load", lambda asked: made if asked == name else real)


def test_stale_code_is_refused(monkeypatch):
    trace = found(QUICK).trace
    changed_text(QUICK, "        root.role.invalid = 1\n", "        pass\n", monkeypatch)
    with pytest.raises(ScheduleError) as refused:
        replay(trace.code)
    text = str(refused.value)
    assert re.search(r"step \d+", text)
    assert f"another text of {QUICK}" in text
    assert "Run `check` again" in text


def test_comments_and_docstrings_do_not_make_it_stale(monkeypatch):
    trace = found(QUICK).trace
    line = "def kvm_tdp_mmu_invalidate_all_roots(kvm):"
    changed_text(QUICK, line, f"# A comment.\n{line}", monkeypatch)
    assert [s.actor for s in replay(trace.code).steps] == [s.actor for s in trace.steps]


def test_foreign_scenario_is_refused():
    """More steps than a smaller scenario allows: the step at which it ends, and why."""
    trace = found(QUICK).trace
    foreign = trace.code.replace("/default/", "/two-vcpus/")
    with pytest.raises(ScheduleError, match=r"step \d+.*its actors or its scenario"):
        replay(foreign)


def test_actor_that_does_not_exist():
    head = Session(QUICK, "small").code()
    with pytest.raises(ScheduleError) as refused:
        replay(f"{head}2ap")
    assert "stops at step 3: actor p does not exist in this scenario (a = vCPU 0, b = upd" in str(
        refused.value
    )


def test_blocked_step_says_where_and_on_what():
    head = Session(QUICK, "small").code()
    with pytest.raises(ScheduleError) as refused:
        replay(f"{head}c")
    assert "stops at step 1: zap worker cannot move: it waits for work: nothing is queued" in str(
        refused.value
    )
    with pytest.raises(ScheduleError, match=r"stops at step \d+: vCPU 0 cannot move: it has ended"):
        replay(f"{head}500a")


def test_nothing_follows_a_broken_property():
    trace = found(QUICK).trace
    with pytest.raises(ScheduleError, match=f"stops at step {len(trace.steps) + 1}.*path ends her"):
        replay(trace.code + "a")


def test_own_code_needs_the_code():
    trace = own().trace
    assert trace.code.startswith("v5.18+code/default/")
    with pytest.raises(ScheduleError, match=r"somebody's own code on v5.18; pass that code: repla"):
        replay(trace.code)
    assert replay(trace.code, OWN).steps == trace.steps
    other = OWN + "    kvm.arch.mmu_valid_gen = 1\n"
    with pytest.raises(ScheduleError, match=r"another text of v5\.18"):
        replay(trace.code, other)
    assert replay(trace.code, OWN).protocol == "v5.18"


# === sessions ===


@pytest.fixture
def session():
    made = Session("patch-21", "requeue")
    for actor in (0, 0, 1, 0):
        made.step(actor)
    return made


def test_back_and_forward(session):
    boards = session.all_boards()
    assert [board["step"] for board in boards] == [0, 1, 2, 3, 4]
    session.back()
    assert (session.cursor, session.board()) == (3, boards[3])
    session.forward()
    session.forward()
    assert session.board() == boards[4]
    session.goto(0)
    session.back()
    assert session.board() == boards[0]
    for wrong in (-1, 5):
        with pytest.raises(BadValueError, match=f"step {wrong} does not exist: 4 were taken"):
            session.goto(wrong)


def test_branch_drops_what_came_after(session):
    whole = session.code()
    session.goto(2)
    short = session.code()
    session.step(0)
    assert session.path == [0, 0, 0]
    assert session.board()["steps"] == 3
    assert session.board()["timeline"][-1]["actor"] == 0
    assert whole.startswith(short[:-2])
    assert Session.from_code(whole).path == [0, 0, 1, 0]


def test_a_step_that_cannot_be_keeps_the_path(session):
    session.goto(1)
    with pytest.raises(BlockedError, match="zap worker cannot move: it waits for work"):
        session.step(3)
    assert session.path == [0, 0, 1, 0]
    with pytest.raises(BadValueError, match="actor 9 does not exist: there are actors 0 to 3"):
        session.step(9)
    with pytest.raises(BadValueError):
        session.step("0")


def test_from_trace_is_at_the_start():
    trace = found(QUICK).trace
    session = Session.from_trace(trace)
    assert session.cursor == 0
    assert len(session.steps) == len(trace.steps)
    session.goto(len(trace.steps))
    assert session.broken().name == trace.broken
    assert session.trace().steps == trace.steps
    assert session.all_boards() == trace.boards()


def test_raw_steps_are_finer():
    merged, raw = Session(QUICK, "small"), Session(QUICK, "small", raw=True)
    merged.step(0)
    raw.step(0)
    assert sum(len(step.actions) for step in raw.steps) == 1
    assert raw.board()["actors"][0]["line"] <= merged.board()["actors"][0]["line"] or merged.steps


def test_own_code_in_a_session():
    session = Session("v5.18", code=OWN)
    assert session.board()["protocol"] == "v5.18+code"
    lines = session.board()["sources"]["kvm_tdp_mmu_invalidate_all_roots"]
    assert lines["file"] == "<text>"
    assert lines["lines"][0] == "def kvm_tdp_mmu_invalidate_all_roots(kvm):"


def play(session, steps=400):
    """Let the first actor that can move do so, up to the end."""
    for _ in range(steps):
        ready = [a["index"] for a in session.board()["actors"] if a["status"] == "ready"]
        if not ready:
            return
        session.step(ready[0])


def test_to_the_end():
    session = Session("v5.18", "small")
    play(session)
    board = session.board()
    assert (board["end"], board["broken"]) == ("everybody is done", None)
    assert {a["status"] for a in board["actors"]} <= {"done", "idle"}
    assert board["locks"] == [{**lock, "writer": None, "readers": [], "waiting": []}
                              for lock in board["locks"]]  # fmt: skip


# === boards ===

BOARD = {
    "protocol": str, "scenario": str, "step": int, "steps": int, "code": str, "actors": list,
    "sources": dict, "roots": list, "list": list, "queue": list, "locks": list, "requests": list,
    "rcu": dict, "uses": dict, "kvm": dict, "changed": list, "timeline": list,
}  # fmt: skip
ACTOR = {
    "index": int, "letter": str, "name": str, "kind": str, "status": str, "reason": str,
    "stack": list, "function": str, "file": str, "line": int, "next": str, "locals": dict,
}  # fmt: skip
ROOT = {
    "index": int, "name": str, "state": str, "role": dict, "refcount": int, "listed": bool,
    "queued": bool, "running": bool, "async_data": bool, "sptes": list, "vcpus": list,
    "extra": dict,
}  # fmt: skip
SPTE = {"index": int, "value": int, "present": bool, "text": str}
ROLE = {"word": int, "text": str, "invalid": bool}
LOCK = {"name": str, "kind": str, "readers": list, "waiting": list}
ENTRY = {
    "step": int, "actor": int, "summary": str, "function": str, "line": int, "switch": bool,
    "actions": int,
}  # fmt: skip


def shaped(thing, shape):
    assert set(shape) <= set(thing), set(shape) - set(thing)
    for key, kind in shape.items():
        assert type(thing[key]) is kind, (key, thing[key])


def check_board(board):
    """The schema that widgets, pictures and texts read."""
    assert json.loads(json.dumps(board)) == board, "plain data"
    shaped(board, BOARD)
    names = [actor["name"] for actor in board["actors"]]
    assert len(set(names)) == len(names)
    for number, actor in enumerate(board["actors"]):
        shaped(actor, ACTOR)
        assert (actor["index"], actor["letter"]) == (number, "abcdefghijklmnop"[number])
        assert actor["status"] in ("ready", "blocked", "idle", "done")
        assert bool(actor["reason"]) == (actor["status"] in ("blocked", "idle"))
        assert actor["next"]
        assert actor["stack"][-1] == actor["function"]
        source = board["sources"][actor["function"]]
        assert source["file"] == actor["file"]
        assert source["first"] <= actor["line"] < source["first"] + len(source["lines"])
        assert all(isinstance(value, str) for value in actor["locals"].values())
    for root in board["roots"]:
        shaped(root, ROOT)
        shaped(root["role"], ROLE)
        assert root["state"] in ("allocated", "freeing", "freed")
        assert (root["index"] in board["list"]) == root["listed"]
        assert (root["index"] in board["queue"]) == root["queued"]
        for spte in root["sptes"]:
            shaped(spte, SPTE)
            assert spte["present"] == bool(spte["value"] & 1 << 11)
    for lock in board["locks"]:
        shaped(lock, LOCK)
        assert lock["kind"] in ("rwlock", "mutex", "spinlock")
        assert lock["writer"] is None or lock["writer"] in names
        assert {*lock["readers"], *lock["waiting"]} <= set(names)
        assert not (lock["writer"] and lock["readers"])
    assert len(board["timeline"]) == board["steps"]
    for entry in board["timeline"]:
        shaped(entry, ENTRY)
    for path in board["changed"]:
        assert path.partition(".")[0] in board, path
    assert set(board["rcu"]) == {"readers", "pending"}
    assert board["end"] in (None, "everybody is done")


@pytest.mark.parametrize("name", VIOLATED)
def test_boards_of_what_is_found(name):
    trace = found(name).trace
    boards = trace.boards()
    assert len(boards) == len(trace.steps) + 1
    for number, board in enumerate(boards):
        check_board(board)
        assert board["step"] == number
    *before, last = boards
    assert [board["broken"] for board in before] == [None] * len(before)
    broken = last["broken"]
    assert (broken["property"], broken["step"]) == (trace.broken, len(trace.steps))
    assert broken["sentence"] == trace.sentence
    assert broken["actor"] == trace.steps[-1].actor
    assert boards[0]["changed"] == []


@pytest.mark.parametrize("name", protocols.names())
def test_boards_to_the_end(name):
    """The first that can move moves: each board is in order, and each step changes what it says."""
    session = Session(name, "small")
    play(session)
    boards = session.all_boards()
    for board in boards:
        check_board(board)
    for before, after in itertools.pairwise(boards):
        actor = after["timeline"][after["step"] - 1]["actor"]
        assert before["actors"][actor]["status"] == "ready"
        for part in ("roots", "locks", "requests", "rcu", "kvm", "list", "queue"):
            touched = any(path.partition(".")[0] == part for path in after["changed"])
            assert touched == (before[part] != after[part]), part


def test_why_somebody_is_blocked():
    """Boards name the lock and its holder."""
    session = Session("v5.18", "default")
    reasons = set()
    for name in ("flush-under-mmu-lock", "v3-list-walk", QUICK):
        for board in found(name).trace.boards():
            reasons |= {a["reason"] for a in board["actors"] if a["status"] == "blocked"}
    assert session.board()["actors"][-1]["reason"] == "waits for work: nothing is queued"
    assert any(re.match(r"waits for mmu_lock: held for write by update \d", r) for r in reasons)
    assert any("waits for the work item of root 0 to finish" in r for r in reasons)
    assert not any("cannot move" in r or "it is taken" in r for r in reasons), reasons


# === words ===


def every_step(units, actors, params, most=300):
    """The Steps of a walk through a program, the one who moved longest ago first."""
    system = make(units, actors, params)
    state, previous, turn = system.image.start.copy(), None, 0
    for number in range(1, most):
        for k in range(len(actors)):
            actor = (turn + k) % len(actors)
            taken = take(system, state, actor, 0)
            if taken is not None:
                break
        else:
            return
        node, values = peek(system, state, actor, 0)
        yield (
            make_step(system, number, actor, taken, previous),
            taken,
            narrate.next_text(node, values),
        )
        if taken.state is None:
            return
        state, previous, turn = taken.state, actor, turn + 1


CODES = {op.lower() for op in OPS}


LOOKER = """
def looker(kvm, vcpu):
    root = tdp_mmu_alloc_sp(vcpu)
    a = work_pending(root.tdp_mmu_async_work) + rwlock_is_locked(kvm.mmu_lock)
    WARN_ON(a + rwlock_is_write_locked(kvm.mmu_lock))
"""


def test_every_operation_has_a_sentence():
    """No effect and no announcement is the bare name of an opcode; all kinds turn up."""
    kinds, codes = set(), set()
    programs = [(s.units, s.actors, s.params) for s in SEEDS]
    programs += [(p.units, p.actors, p.params) for p in map(random_program, range(120))]
    programs += [(p.units, p.actors, p.params) for p in map(random_table_program, range(30))]
    waiter = "def f(kvm):\n    wait_until(kvm.users_count, 1)\n"
    programs += [([waiter], [("waiter", "f", ("kvm",))], {})]
    programs += [([LOOKER], [("looker", "looker", ("kvm", "vcpu0"))], {})]
    for program in programs:
        for step, taken, ahead in every_step(*program):
            assert step.actions
            codes |= {h.node.op.code for h in taken.happened}
            kinds |= {action.kind for action in step.actions}
            for words in [ahead, *(action.effect for action in step.actions)]:
                assert words.strip()
                assert words not in CODES, words
    assert kinds >= {"read", "write", "rmw", "lock", "unlock", "rcu", "list", "queue", "request",
                     "alloc", "private", "model", "tlb"}  # fmt: skip
    visible = set(OPS[OPS.index("LOAD") :])
    rare = visible - codes
    assert rare <= {"FLUSHDESTROY", "RCUBARRIER"}, f"not seen: {rare}"


def test_the_table_of_sentences_is_complete():
    """Also for the operations that no program above does."""
    from tdplib.lang.flow import Node

    fields = set(OPS[OPS.index("LOAD") : OPS.index("RLOCK")])
    op = next(h.node.op for _, t, _ in every_step(*_first_seed()) for h in t.happened)
    for code in OPS[OPS.index("RLOCK") :]:
        assert code not in fields
        node = Node(**{**vars(_first_node()), "op": replace(op, code=code, lock="mmu_lock")})
        words = narrate.plain(node, None, 1, None)
        assert words != code.lower(), code
        assert code in narrate.KINDS


def _first_seed():
    return SEEDS[0].units, SEEDS[0].actors, SEEDS[0].params


def _first_node():
    return next(h.node for _, t, _ in every_step(*_first_seed()) for h in t.happened)


def test_a_count_that_cannot_be_changed_is_told():
    def last_effect(trace):
        return trace.steps[-1].actions[-1].effect

    count = "root 0's tdp_mmu_root_count"
    zero = found("roots-plain-inc").trace
    assert last_effect(zero) == f"tries to take a reference: {count} is 0"
    twice = found("v3-list-walk").traces
    assert last_effect(twice["refcount-underflow"]) == (
        f"tries to give a reference back: {count} is 0"
    )


def test_an_atomic_add_is_no_reference():
    code = "def increment(kvm):\n    atomic_inc(kvm.counter)\n"
    board = Session("lost-update", code=code).board()
    assert board["actors"][0]["next"] == "atomic add: counter"


@pytest.mark.parametrize("name", VIOLATED)
def test_trace_as_text(name):
    sentences = {p.name: p.sentence for p in PROPERTIES}
    for what in found(name).properties:
        trace = found(name).traces[what]
        lines = str(trace).splitlines()
        assert max(map(len, lines)) <= 100
        assert trace.code in str(trace)
        assert lines[0].startswith(f"{len(trace.steps)} step")
        flat = " ".join(str(trace).split())
        assert f"broken: {what}. {sentences[what]}" in flat
        for step in trace.steps:
            assert any(line.startswith(f"{step.number}. {step.actor_name}") for line in lines)
            for action in step.actions:
                assert action.source
                assert action.kind in {*narrate.KINDS.values(), "private"}


def test_source_lines_are_the_file_s():
    """The line and text of an action are those in the protocol's file."""
    for step in found(QUICK).trace.steps:
        for action in step.actions:
            text = (protocols.FOLDER / action.file).read_text().splitlines()
            assert text[action.line - 1].strip() == action.source


def test_a_queued_writer_is_told():
    """A writer that must wait says so, and then that it has the lock."""
    session = Session("v5.18", Scenario(vcpus=2, updates=2), raw=True)
    said = []
    for _ in range(600):
        ready = [a["index"] for a in session.board()["actors"] if a["status"] == "ready"]
        if not ready:
            break
        step = session.step(ready[len(session.path) % len(ready)])
        said += [action.effect for action in step.actions]
    assert any(words.startswith("queues for mmu_lock as a writer") for words in said)
    assert any(words == "takes mmu_lock for write, having waited" for words in said)


def test_a_writer_who_finds_a_dead_root_is_told_which():
    trace = check("yield-at-refcount-zero").trace
    last = trace.steps[-1].actions[-1]
    assert last.effect.endswith("finds root 0 on the list with a count of 0")
    assert trace.steps[-1].actor != trace.steps[0].actor, "another than who left it there"


def test_a_null_pointer_is_told_where_an_operation_is_not_on_a_field():
    action = found("unchecked-queue").trace.steps[-1].actions[-1]
    assert action.effect == "follows a NULL pointer to reach tdp_mmu_zap_wq"
