"""The figures: true to the runs they come from, legible, the same for who cannot see them."""

from __future__ import annotations

import itertools
import re
from functools import cache
from xml.etree import ElementTree

import pytest
from engine import protocol
from reference import World
from reference_memory import COUNT, INVALID, PRESENT, ROLE, STATE, UNALLOCATED

from tdplib import figure, protocols, replay
from tdplib.draw import _svg, render_dot
from tdplib.draw.figures import life as life_module
from tdplib.draw.figures.life import State
from tdplib.draw.figures.locks import CHART, agrees
from tdplib.draw.figures.versions import EVENTS
from tdplib.errors import BadValueError, TdplibError
from tdplib.figure import queueing
from tdplib.figure.holds import holds_of
from tdplib.figure.lives import life_of, zappers
from tdplib.figure.queueing import moments
from tdplib.words import role
from tdplib.words.gfn import FOUR_LEVELS

SVG = "{http://www.w3.org/2000/svg}"
ALL = pytest.mark.parametrize("name", figure.names())


@cache
def made(name):
    return figure.FIGURES[name]()


def life(protocol_name, scenario="requeue"):
    return life_of(protocol_name, scenario)


def texts(svg):
    return ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def boxes(svg):
    """(text, left, top, right, bottom) of every line of text that is not turned, a bit inside."""
    for e in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        if "transform" in e.attrib:
            continue
        said, kind = "".join(e.itertext()), e.attrib.get("class", "")
        size = 17 if "head" in kind else 11 if "small" in kind else 11.5 if "code" in kind else 12.5
        # DejaVu's mono letters are 0.602 em; of its others two thirds of the wide estimate.
        width = _svg.text_width(said, size, "code" in kind) * (1 if "code" in kind else 0.92)
        x, y = float(e.attrib["x"]), float(e.attrib["y"])
        left = x - width * {"middle": 0.5, "end": 1}.get(e.attrib.get("text-anchor", ""), 0)
        yield said, left, y - size * 0.75, left + width, y + size * 0.2


# --- all of them -------------------------------------------------------------------------------


@ALL
def test_a_figure_says_what_it_shows(name):
    root = ElementTree.fromstring(made(name).picture.svg)
    title, description = root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text
    assert root.attrib["role"] == "img"
    assert len(title) > 10
    assert len(description) > 200
    assert made(name).picture.alternative


@ALL
def test_no_text_leaves_the_picture_or_meets_another(name):
    svg = made(name).picture.svg
    width, height = (float(ElementTree.fromstring(svg).attrib[k]) for k in ("width", "height"))
    assert width == 900
    found = list(boxes(svg))
    for said, left, top, right, bottom in found:
        assert left >= 0, said
        assert right <= width, said
        assert 0 <= top < bottom <= height, said
    for a, b in itertools.combinations(found, 2):
        apart = a[3] <= b[1] or b[3] <= a[1] or a[4] <= b[2] or b[4] <= a[2]
        assert apart, f"{a[0]!r} meets {b[0]!r}"


@ALL
def test_nothing_is_cut(name):
    if name != "requeue-race":  # its source lines are as long as they are
        assert not [text for text in texts(made(name).picture.svg) if text.endswith("\u2026")]


@ALL
def test_a_figure_has_both_sets_of_colours_and_needs_nothing(name):
    svg = made(name).picture.svg
    assert set(re.findall(r"var\(--(\w+)\)", svg)) <= _svg._LIGHT.keys()
    assert "prefers-color-scheme:dark" in svg
    stripped = svg.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"http|url\(|@import", stripped)
    assert not re.search(r'(fill|stroke)="#', svg), "a colour that knows no dark"


@ALL
def test_the_graph_of_a_figure_can_be_drawn(name):
    if made(name).dot:
        assert "<svg" in render_dot(made(name).dot)


def test_a_figure_by_name():
    assert figure("role-word").svg == made("role-word").picture.svg
    assert "<img alt=" in figure("role-word")._repr_mimebundle_()["text/html"]
    with pytest.raises(BadValueError, match="did you mean 'role-word'"):
        figure.figure("role-wrd")
    assert figure.stem("life-v5.18") == "life_v5_18"


# --- page tables -------------------------------------------------------------------------------


def test_the_tables_are_walked_as_the_arithmetic_says():
    dot, said = made("tables").dot, set(texts(made("tables").picture.svg))
    for gfn in (0x12345, 0x12346, 0x12400, 0x40000, 0x8000000):
        way, at = FOUR_LEVELS.indices(gfn), "t1"
        for index in way:
            (there,) = re.findall(rf'{at} -> (\w+) \[label="\[{index}\]"', dot)
            assert f"[{index}]" in said
            at = there
            if not at.startswith("t"):
                break
        assert at == f"g{gfn:x}", "the walk ends at the memory it is for"
    assert {"4K of memory", "2M of memory", "1G of memory"} <= said
    assert {"bits 56 to 48", "bits 20 to 12", "an SPTE maps 512G"} <= said
    assert "2 levels of 2 entries, 4 gfns" in said


# --- the role word -----------------------------------------------------------------------------


def test_the_role_word_is_that_of_the_layouts():
    said = texts(made("role-word").picture.svg)
    assert "invalid: bit 11.  0x784 becomes 0xf84" in said
    assert "invalid: bit 12.  0x784 becomes 0x1784" in said
    joined = "".join(said)
    for layout in (role.LAYOUTS["v5.18"], role.LAYOUTS["recent"]):
        for field in layout.fields:
            assert field.name in joined, "a name is broken only after an underscore"
    assert said.count("was 11") == said.count("was 12") == said.count("was 13") == 1
    assert said.count("new") == 3
    assert {"7 \u2192 f", "0 \u2192 1", "4 bits, before 3"} <= set(said)


# --- locks -------------------------------------------------------------------------------------


PLACES = tuple(row.place for row in CHART if row.place)


def disagreeing(protocol_name):
    """The rows of the chart that the code of a protocol contradicts."""
    seen = holds_of(protocol_name, PLACES)
    return [row.what for row in CHART if row.place and not agrees(row, seen[row.place])]


def test_the_chart_of_locks_is_what_v518_does():
    assert disagreeing("v5.18") == []
    assert "differs" not in texts(made("locks").picture.svg)
    assert len(PLACES) == 9


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("flush-under-mmu-lock", "a fast zap waits for the queue"),
        ("invalid-after-unlock", "a fast zap waits for the queue"),
        ("patch-22", "a vCPU drops its root"),  # it zaps there, and yields
    ],
)
def test_another_protocol_contradicts_the_chart(name, what):
    assert what in disagreeing(name)


# --- the queue ---------------------------------------------------------------------------------


def test_the_queue_is_that_of_its_run():
    run = moments()
    assert [m.board["queue"] for m in run] == [[0], [0, 1], [1], [], []]
    assert [[r["index"] for r in m.board["roots"] if r["running"]] for m in run] == [
        [], [], [0], [1], [],
    ]  # fmt: skip
    counts = [[r["refcount"] for r in m.board["roots"]] for m in run]
    assert counts == [[1], [1, 2], [1, 2], [0, 2], [0, 1]]
    said = texts(made("queue").picture.svg)
    assert said.count("root 0 and root 1") == 2
    assert "has returned" in said
    replayed = replay(run[-1].board["code"]).boards()
    for moment in run:
        assert replayed[moment.board["step"]]["roots"] == moment.board["roots"]


def test_a_run_that_goes_another_way_is_an_error(monkeypatch):
    monkeypatch.setattr(queueing, "_MOST", 3)
    with pytest.raises(TdplibError, match="is lost before: vCPU 0"):
        moments()


# --- the lives ---------------------------------------------------------------------------------


def pairs(name, scenario):
    """What a life says happens to invalid, count, list, queue and SPTEs, whoever does it."""

    def plain(state):
        if state.stage != "alive":
            return state.stage
        queued = state.place == "queued"
        return state.invalid, state.counted, state.listed, queued, state.mapped

    changes = ((plain(c.before), plain(c.after)) for c in life(name, scenario).changes)
    return {(a, b) for a, b in changes if a != b}


def slow_pairs(name, scenario):
    """The same by the explorer in plain Python."""
    units, actors, params = protocol(name, scenario)
    world = World(units, actors, merge=True, **params)
    memory = world.memory

    def look(number):
        mem = world.memories[number]
        page = mem[memory.base["page"] : memory.base["page"] + memory.size["page"]]
        if page[STATE] == UNALLOCATED:
            return None
        if page[STATE] != 1 or page[1]:
            return "waiting" if page[1] else "freed"
        spt = page[memory.spt : memory.spt + memory.entries]
        return (
            bool(page[ROLE] & INVALID),
            bool(page[COUNT]),
            0 in mem[memory.roots],
            0 in mem[memory.queue][0],
            any(entry & PRESENT for entry in spt),
        )

    start = (world.start, 0)
    todo, seen, found = [start], {start}, set()
    while todo:
        state, past = todo.pop()
        here = look(state[0])
        for who in range(len(actors)):
            if not state[who + 1]:
                continue
            what, *detail = world.act(state, who)
            if what != "moved":
                continue
            after = (detail[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
            there = look(after[0])
            alive = isinstance(there, tuple)
            then = max(past, 2 if alive and there[4] else 1 if alive and there[2] else 0)
            if here is not None and here != there:
                before = "made" if past == 0 else here
                if then == 2 or (before, there) == ("made", (False, True, True, False, False)):
                    found.add((before, there if then else "made"))
            if (after, then) not in seen:
                seen.add((after, then))
                todo.append((after, then))
    return {(a, b) for a, b in found if a != b}


@pytest.mark.parametrize("name", ["v5.17", "v5.18", "v6.6"])
def test_a_life_is_that_of_the_slow_explorer(name):
    assert pairs(name, "small") == slow_pairs(name, "small")


def test_who_zaps_in_which_version():
    assert {name: zappers(life(name)) for name in figure.LIVES} == {
        "v5.17": {"vcpu", "update"},
        "patch-22": {"vcpu", "worker"},
        "v5.18": {"worker"},
        "v6.4": {"worker"},
        "v6.6": {"update"},
    }


def test_what_the_versions_differ_in():
    again = State("alive", True, True, True, "queued", False)
    defunct = State("alive", False, False, True, "", True)
    hidden = State("alive", False, False, False, "", True)
    assert [name for name in figure.LIVES if again in life(name).states] == ["patch-22"]
    assert [name for name in figure.LIVES if defunct in life(name).states] == [
        "v5.17",
        "patch-22",
        "v5.18",
    ]
    assert [name for name in figure.LIVES if hidden in life(name).states] == ["v5.17"]
    for name in figure.LIVES:
        ends = [c for c in life(name).changes if c.after.stage == "freed"]
        assert ends, name
        assert not any(c.before.mapped for c in ends), name


def test_a_state_with_count_zero_and_spte_is_seen_by_nobody_else():
    for name in figure.LIVES:
        dead = {s for s in life(name).states if s.stage == "alive" and not s.counted and s.mapped}
        assert dead <= life(name).alone, name


def test_which_states_are_seen_by_the_writer_alone():
    half = State("alive", True, True, True, "", True)  # invalid, count set, not queued yet
    seen = {name: half in life(name).alone for name in figure.LIVES}
    assert seen == {"v5.17": False, "patch-22": False, "v5.18": True, "v6.4": True, "v6.6": False}
    used = State("alive", False, True, True, "", True)
    assert not any(used in life(name).alone for name in figure.LIVES)
    assert all(State("made") in life(name).alone for name in figure.LIVES)


def test_a_state_without_a_place_is_an_error(monkeypatch):
    monkeypatch.setattr(life_module, "_PLACES", {})
    with pytest.raises(BadValueError, match="no place for State"):
        life_module.life_figure(life("v6.6"))


# --- the versions ------------------------------------------------------------------------------


def test_the_history_is_that_of_the_protocols():
    for event in (event for event in EVENTS if event.protocol):
        text = protocols.load(event.protocol).units[-1].text
        assert all(commit in text for commit in event.commits), event.protocol
    told = [event.protocol for event in EVENTS if event.protocol]
    assert told == [row.name for row in protocols.TABLE if row.name in told], "in their order"
    assert [name for name in told if name in figure.HISTORY] == list(figure.HISTORY)


def test_the_bars_say_who_zaps():
    root = ElementTree.fromstring(made("versions").picture.svg)
    bars = [e.attrib for e in root.iter(f"{SVG}rect") if e.attrib["width"] == "18"]
    ends = {}
    for bar in bars:
        lane = bar["style"][-4:-1]
        ends.setdefault((lane, float(bar["y"])), []).append(float(bar["y"]) + float(bar["height"]))
    vcpu, worker = (min(y for lane, y in ends if lane == name) for name in ("-a0", "-a3"))
    first, second = sorted(y for lane, y in ends if lane == "-a2")
    assert first == vcpu < worker, "vCPU and update zap at first"
    assert max(ends["-a2", first]) == worker, "the worker comes, the update stops"
    assert worker < max(ends["-a0", vcpu]) < second, "then the vCPU stops"
    assert max(ends["-a3", worker]) == second, "the worker goes, the update zaps again"
