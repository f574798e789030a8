"""The state space as a graph: the twin's states and steps, a cut that says so, a fixed layout."""

from itertools import pairwise

import pytest
import reference
from engine import protocol

from tdplib.check import check
from tdplib.draw.space import layout, space_picture
from tdplib.errors import BadValueError
from tdplib.statespace import MOST, statespace
from tdplib.widgets import StateSpace


@pytest.mark.parametrize("name", ["lost-update", "map-alone", "spte-kind"])
def test_all_states_and_steps_of_the_slow_twin(name):
    """Without reductions: as many of each kind at each depth, as many steps of each actor."""
    space = statespace(check(name, reductions=()), cut=None)
    units, actors, params = protocol(name, None)
    world = reference.World(units, actors, **params)
    search = reference.Search(world, 10_000)
    search.run()
    assert len(search.index) <= MOST
    inner = [node for node in space.nodes if node.kind != "broken"]
    assert len(inner) == len(search.index) == space.total
    moves = [0] * len(actors)
    for state in search.index:
        for who in range(len(actors)):
            if state[who + 1] and world.act(state, who)[0] in ("moved", "broken"):
                moves[who] += 1
    drawn = [sum(1 for *_, actor in space.edges if actor == k) for k in range(len(actors))]
    assert drawn == moves
    assert not any(node.hidden for node in space.nodes)


def test_every_node_is_where_its_way_leads():
    for name in ("lost-update", "flush-under-mmu-lock"):
        space = statespace(name)
        for place in range(0, len(space.nodes), 7):
            node, session = space.nodes[place], space.session(place)
            assert session.cursor == len(node.way) == node.depth
            assert space.place(session) == place
            broken = session.broken()
            assert (broken is not None) == (node.kind in ("broken", "stuck"))
            assert broken is None or broken.name in node.told


def test_edges_go_where_the_actor_leads():
    space = statespace("lost-update")
    for a, b, actor in space.edges:
        session = space.session(a)
        session.step(actor)
        assert space.place(session) == b


def test_a_large_one_is_cut_and_says_so():
    space = statespace("patch-22-skip-invalid")
    assert space.total == 77_258
    assert len(space.nodes) <= MOST
    assert "drawn are the 311 on the shortest ways to the 87 soonest violations" in space.note
    assert any(node.hidden for node in space.nodes)
    near = statespace("patch-22-skip-invalid", cut=3)
    assert max(node.depth for node in near.nodes) == 3
    assert 'cut="violations"' in near.note
    holds = statespace("v5.18")
    assert "that are at most 6 steps from the start" in holds.note
    assert statespace("v5.18", "small").note == ""


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"cut": 30}, "leaves [0-9,]* states, and at most 400 can be drawn; cut=6 draws all"),
     ({"cut": "violations"}, "nothing breaks"), ({"cut": "vilations"}, "cut is 'vilations'"),
     ({"what": 3}, "int is neither"), ({"scenario": "smal"}, "no scenario is called 'smal'")],
)  # fmt: skip
def test_refused(asked, message):
    with pytest.raises(BadValueError, match=message):
        statespace(**({"what": "v5.18"} | asked))


def test_layout_is_the_same_each_time_and_nothing_overlaps():
    space = statespace("patch-22-skip-invalid")
    asked = [n.depth for n in space.nodes], [(a, b) for a, b, _ in space.edges]
    places, width, height = layout(*asked)
    assert layout(*asked) == (places, width, height)
    assert len(set(places)) == len(places)
    rows = {}
    for x, y in places:
        rows.setdefault(y, []).append(x)
        assert 0 < x < width
        assert 0 < y < height
    for row in rows.values():
        row.sort()
        assert all(b - a >= 20 for a, b in pairwise(row))


def test_picture_and_text_tell_the_kinds():
    text = str(statespace("lost-update"))
    assert "27 states, 29 nodes and 38 steps drawn" in text
    assert "✗ a property is broken: 2, the soonest after 7 steps" in text
    picture = space_picture(statespace("flush-under-mmu-lock"))
    assert "! nobody can move, wrongly" in picture.alternative
    assert picture.svg.count("<path") >= 400


# --- the widget, without a page


def test_the_board_follows_the_graph_and_the_graph_the_board():
    shown = StateSpace("lost-update")
    assert shown.graph.at == 0
    shown.show(28)
    assert shown.board.board["broken"]["property"] == "no-warn"
    assert shown.graph.at == 28
    shown.board.back()
    assert shown.graph.at in {a for a, b, _ in shown.space.edges if b == 28}
    shown.board.reset()
    shown.board.goto(0)
    assert shown.graph.at == 0
    shown.graph._on_message(None, {"do": "open", "node": 5}, [])
    assert (shown.graph.at, shown.graph.error, shown.graph.handled) == (5, "", 1)
    shown.graph._on_message(None, {"do": "open", "node": 99}, [])
    assert "node 99 does not exist: there are 0 to 28" in shown.graph.error
    shown.graph._on_message(None, {"do": "opne"}, [])
    assert "did you mean 'open'" in shown.graph.error


def test_a_verdict_of_code_of_one_s_own():
    code = "def kvm_tdp_mmu_zap_invalidated_roots(kvm):\n    return\n"
    shown = StateSpace(check(code, base="v5.18", scenario="small"))
    assert "v5.18+code" in shown.space.title
    assert any(node.kind == "broken" for node in shown.space.nodes)
    with pytest.raises(BadValueError, match="leave `scenario` out"):
        StateSpace(check("lost-update"), "two-tasks")


def test_static_twin_and_size():
    shown = StateSpace("zap-race")
    bundle = shown._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/html"].startswith('<img alt="state space of zap-race')
    assert "state space of zap-race, scenario race: 216 states" in data["text/plain"]
    assert len(shown.graph._esm) < 80_000
