"""What each step leads to, against a search forward from every state in plain Python."""

import numpy as np
import pytest
from engine import ALL, NONE, make, reductions
from random_programs import random_program

from tdplib import protocols
from tdplib.errors import BadValueError
from tdplib.outlook import judge, outlook
from tdplib.replay import Session
from tdplib.search import graph as graphs
from tdplib.search._edges import FAR
from tdplib.search.explore import Limits, explore
from tdplib.vm import _entry, codes


def successors(system, found, row):
    """(actor, code, packed state after) of every actor that can move, by the machine alone."""
    log = np.zeros(2, np.int64)
    for actor in range(len(system.actors)):
        st = row.copy()
        code = _entry.run(system.image.im, system.image.mem, st, actor, found.reductions.mode, log)
        if code != codes.BLOCKED:
            yield actor, code, st.tobytes()


def distances(system, found):
    """State number -> (least steps to a violation, property), by relaxing until nothing changes."""
    rows = found.arrays.states[: found.states]
    number = {row.tobytes(): k for k, row in enumerate(rows)}
    edges, best = [], {}
    for k, row in enumerate(rows):
        out = list(successors(system, found, row))
        edges.append([number[after] for _, code, after in out if code == 0])
        broken = [codes.BROKEN - code for _, code, _ in out if code <= codes.BROKEN]
        if not out:
            code = _entry.final_code(system.image.im, system.image.mem, row.copy())
            if code <= codes.BROKEN:
                best[k] = (0, codes.BROKEN - code)
        elif broken:
            best[k] = (1, min(broken))
    changed = True
    while changed:
        changed = False
        for k, targets in enumerate(edges):
            for other in targets:
                if other in best:
                    steps, prop = best[other]
                    if (steps + 1, prop) < best.get(k, (FAR, 99)):
                        best[k] = (steps + 1, prop)
                        changed = True
    return best


@pytest.mark.parametrize("names", [NONE, ALL], ids=["none", "all"])
@pytest.mark.parametrize("seed", range(600, 608))
def test_distances_are_those_of_plain_relaxation(seed, names):
    program = random_program(seed)
    system = make(program.units, program.actors, program.params)
    found = explore(system, reductions=reductions(names), limits=Limits(states=3_000))
    if not found.complete:
        return
    made, slow = graphs.graph(found), distances(system, found)
    fast = {
        k: (int(made.steps[k]), int(made.broken[k]))
        for k in range(found.states)
        if made.broken[k] >= 0
    }
    assert fast == slow, f"seed {seed}"
    assert int(made.first[-1]) == found.transitions


@pytest.mark.parametrize("name", ["lost-update", "patch-22-skip-invalid", "flush-under-mmu-lock"])
def test_along_the_shortest_trace_each_step_is_one_nearer(name):
    from tdplib.check import check

    verdict = check(name)
    session = Session.from_trace(verdict.trace)
    judged = outlook(session)
    left = len(verdict.trace.steps)
    assert judged.complete
    for state, actor in zip(session.states, session.path, strict=False):
        assert judged.state(state).steps == left
        assert judged.steps(state)[actor].steps == left
        assert min(n.steps for n in judged.steps(state).values() if n.steps) == left
        left -= 1
    # a deadlock is the state itself; any other violation is a step that ends the path
    assert left == 0


def test_where_nothing_can_go_wrong_it_says_so():
    for name in ("v6.6", "mark-xchg"):
        session = Session(name)
        judged = outlook(session)
        assert judged.complete
        assert judged.state(session.states[0]).steps is None
        assert {n.steps for n in judged.steps(session.states[0]).values()} == {None}
    assert protocols.row("v6.6").expected.status == "holds"


def test_a_property_that_is_not_asked_for_is_not_seen():
    session = Session("lost-update")
    assert outlook(session, properties=("no-oops",)).state(session.states[0]).steps is None


def test_a_search_that_stopped_says_nothing_is_complete(monkeypatch):
    from tdplib import outlook as module

    monkeypatch.setattr(module, "MOST_STATES", 50)
    session = Session("v5.18")
    judged = outlook(session)
    assert not judged.complete
    known = judged.steps(session.states[0])
    assert known
    assert all(n is None or n.steps is None for n in known.values())


def test_symmetry_is_refused():
    system = Session("v5.18", "two-vcpus").system
    found = explore(system, reductions=reductions((*ALL, "symmetry")))
    with pytest.raises(BadValueError, match="symmetry"):
        graphs.graph(found)


# === in words, for the boards ===


def test_each_step_is_told_what_it_leads_to():
    session = Session("lost-update")
    first = judge(session)
    assert first["here"] == "a violation can still happen: 7 steps, no-warn"
    assert (first["danger"], first["open"], first["settled"]) == (True, ("no-warn",), ())
    from tdplib.check import check

    session = Session.from_trace(check("lost-update").trace)
    for step in range(len(session.path)):
        session.goto(step)
        told = judge(session)["steps"][session.path[step]]
        left = len(session.path) - step
        assert (told["steps"], told["danger"]) == (left, True)
        assert ("breaks no-warn" == told["text"]) is (left == 1)
    session.goto(len(session.path))
    assert judge(session)["here"] == "no-warn is broken, and the path ends"
    assert judge(session)["steps"] == {}


def test_one_after_the_other_loses_nothing_and_that_is_said():
    session = Session("lost-update")
    while session.board()["actors"][0]["status"] == "ready":
        session.step(0)
    told = judge(session)
    assert (told["here"], told["danger"]) == ("nothing can go wrong from here", False)
    assert (told["open"], told["settled"]) == ((), ("no-warn",))


@pytest.mark.parametrize("name", ["lost-update", "patch-22-skip-invalid", "flush-under-mmu-lock"])
def test_the_open_properties_are_those_that_some_path_breaks(name):
    session = Session(name)
    judged = outlook(session)
    found, graph = judged._found, judged._graph
    reached = [0] * judged.states
    for _ in range(judged.states):  # plain relaxation, one state after the other
        before = list(reached)
        for state in range(judged.states):
            if graph.steps[state] == 0:
                reached[state] |= 1 << int(graph.broken[state])
            for _, target in graph.edges(state):
                reached[state] |= reached[target] if target >= 0 else 1 << (-1 - target)
        if before == reached:
            break
    assert judged._open.tolist() == reached
    assert judged.open(found.arrays.states[0]) != ()


def test_a_scenario_that_is_too_large_is_not_judged(monkeypatch):
    monkeypatch.setattr("tdplib.outlook.MOST_STATES", 50)
    told = judge(Session("patch-22-skip-invalid"))
    assert told["here"] == "not known: the scenario is too large to visit whole"
    assert {step["text"] for step in told["steps"].values()} == {told["here"]}
    assert told["open"] is None


def test_a_search_that_widens_the_states_leaves_the_session_on_its_path():
    session = Session("patch-22-skip-invalid")
    session.step(0)
    before = session.board()
    session.system.widen()
    judged = judge(session)
    assert judged["danger"]
    assert session.states[0].size == session.system.image.start.size
    after = session.board()
    assert (after["roots"], after["actors"]) == (before["roots"], before["actors"])
