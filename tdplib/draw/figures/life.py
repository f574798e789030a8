"""The life of a root in one version: every state it can be in, and who takes it to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from tdplib.draw import Picture
from tdplib.draw._svg import Svg, fit, text_width, wrap
from tdplib.draw.dot import new_graph, quoted
from tdplib.draw.figures._parts import MARGIN, WIDTH, arrow, heading, mark, notes
from tdplib.errors import BadValueError

__all__ = ["Change", "Life", "State", "Way", "life_figure", "life_graph", "state_words"]


@dataclass(frozen=True, order=True)
class State:
    """
    What can be said of a root at one moment.

    stage : ``made`` (not on the list yet), ``alive``, ``waiting`` (handed to RCU) or ``freed``;
        the rest counts for ``alive`` only
    invalid : the role bit; counted : the reference count is not zero; listed : on the VM's list
    place : ``queued``, ``running`` (the worker zaps it), ``noted`` (v6.6's flag) or empty
    mapped : some SPTE is present
    """

    stage: str
    invalid: bool = False
    counted: bool = False
    listed: bool = False
    place: str = ""
    mapped: bool = False


@dataclass(frozen=True, order=True)
class Way:
    """Who does it, and with which line: kind of actor, function, source line."""

    actor: str
    function: str
    source: str


@dataclass(frozen=True)
class Change:
    """A step from one state to another, and all the ways it is taken."""

    before: State
    after: State
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Life:
    """
    All lives of one root, over every interleaving of a scenario.

    protocol, scenario : their names; about : the protocol in a few words
    explored : the number of states of the whole machine
    states : in the order in which they are first met
    alone : those in which a root is only ever found while somebody holds mmu_lock for write
    changes : the steps between them
    """

    protocol: str
    about: str
    scenario: str
    explored: int
    states: tuple[State, ...]
    alone: frozenset[State]
    changes: tuple[Change, ...]


ACTORS = {"vcpu": "vCPU", "update": "memslot update", "worker": "zap worker"}
"""Kind of actor -> what it is called."""
_COLOURS = {"vcpu": "--a0", "update": "--a2", "worker": "--a3"}


def _alive(word: str, place: str = "") -> State:
    """Return a state from four letters: v or I, count 1 or 0, L or -, P or -."""
    return State("alive", word[0] == "I", word[1] == "1", word[2] == "L", place, word[3] == "P")


_PLACES = {
    State("made"): (0, 0), _alive("v1L-"): (0, 1),
    _alive("v1LP"): (1, 1), _alive("v0LP"): (1, 2), _alive("v0-P"): (1, 3),
    _alive("v1LP", "noted"): (1, 0),
    _alive("I1LP"): (2, 1), _alive("I0LP"): (2, 2), _alive("v0--"): (2, 3),
    _alive("I1LP", "queued"): (2, 0), _alive("I1LP", "noted"): (2, 0),
    _alive("I1LP", "running"): (3, 0), _alive("I1L-"): (3, 1), _alive("I0L-"): (3, 2),
    _alive("I0--"): (3, 3),
    _alive("I1L-", "queued"): (4, 1), State("waiting"): (4, 2), State("freed"): (4, 3),
}  # fmt: skip
"""State -> column and row; the same state stands at the same place in every version."""

_COLUMN = (WIDTH - 2 * MARGIN + 34) / 5
_BOX, _TALL, _ROW = _COLUMN - 34, 66, 108


def state_words(state: State) -> tuple[str, str, str]:
    """Return a state as three short lines: role and count, where it is, what it leads to."""
    if state.stage == "made":
        return "being made", "on no list yet", ""
    if state.stage == "waiting":
        return "handed to RCU", "freed when readers leave", ""
    if state.stage == "freed":
        return "freed", "", ""
    role = "invalid" if state.invalid else "valid"
    count = "\u2265 1" if state.counted else "0"
    where = "listed" if state.listed else "off the list"
    place = {"running": "being zapped", "noted": "noted for zap"}.get(state.place, state.place)
    where += f", {place}" if place else ""
    return (
        f"{role}, count {count}",
        where,
        "SPTEs present" if state.mapped else "no SPTE present",
    )


def change_words(change: Change) -> str:
    """Say what a change is, from its two states alone."""
    old, new = change.before, change.after
    if new.stage == "freed":
        return "freed once no reader is inside"
    if new.stage == "waiting":
        return "handed to RCU"
    if old.stage == "made":
        return "put on the list"
    said = [
        (new.mapped and not old.mapped, "a fault maps a page"),
        (old.mapped and not new.mapped, "its last present SPTE is zapped"),
        (old.counted and not new.counted, "the last reference is put"),
        (new.counted and not old.counted, "the count is set to 1"),
        (new.invalid and not old.invalid, "marked invalid"),
        (old.listed and not new.listed, "taken off the list"),
        (new.place == "queued" != old.place, "queued for the worker"),
        (old.place == "queued" != new.place, "the worker takes it"),
        (new.place == "noted" != old.place, "noted for the zap"),
        (old.place == "noted" != new.place, "the note is cleared, the zap begins"),
    ]
    return ", ".join(words for true, words in said if true)


def actor_words(change: Change) -> str:
    """Name the kinds of actors that make a change."""
    kinds = sorted({way.actor for way in change.ways}, key=list(ACTORS).index)
    return " or ".join(ACTORS[kind] for kind in kinds)


# --- the graph ---------------------------------------------------------------------------------


def life_graph(life: Life) -> str:
    """Return the life as DOT: a node a state, an edge a change with everything that makes it."""
    graph = new_graph(f"life {life.protocol}")
    names = {state: f"s{place}" for place, state in enumerate(life.states)}
    for state, name in names.items():
        words = [word for word in state_words(state) if word]
        style = {"style": "rounded,dashed"} if state in life.alone else {}
        graph.node(name, "\\n".join(map(quoted, words)), **style)
    for change in life.changes:
        lines = [change_words(change)]
        lines += [f"{ACTORS[w.actor]}: {w.function}: {w.source}" for w in change.ways]
        label = "".join(f"   {quoted(line)}   \\l" for line in lines)
        graph.edge(names[change.before], names[change.after], label=label)
    return graph.source


# --- the picture -------------------------------------------------------------------------------


def life_figure(life: Life) -> Picture:
    """
    Return the life of a root as a picture.

    Raises
    ------
    BadValueError
        The life has a state that this figure has no place for.
    """
    svg = Svg()
    title = f"The life of a root in {life.protocol}"
    words = (
        f"{life.about[0].upper()}{life.about[1:]}. "
        "Each box is a state in which a root can be found, each numbered arrow the one memory "
        f"operation that leads on. From all {life.explored:,} states of one vCPU beside two "
        "memslot updates, for a root that a vCPU has mapped a page in."
    )
    top = heading(svg, title, words)
    for change in life.changes:
        _draw_change(svg, life, change, top)
    for state in life.states:
        _draw_state(svg, life, state, top)
    for number, change in enumerate(life.changes, 1):
        x, y = _middle(life, change, top)
        mark(svg, x, y, str(number), _colour(change))
    rows = 1 + max(_place(state)[1] for state in life.states)
    y = _draw_list(svg, life, top + rows * _ROW + 4)
    y = notes(svg, y + 12, ("Dashed box: only ever seen by whoever holds mmu_lock for write.",))
    said = f"{words} {_say(life)}"
    return Picture(svg.document(WIDTH, y, title, said), f"{title}. {said}")


def _say(life: Life) -> str:
    """Return the life as sentences."""
    parts = []
    for number, change in enumerate(life.changes, 1):
        old, new = (", ".join(filter(None, state_words(s))) for s in (change.before, change.after))
        parts.append(f"{number}: {change_words(change)}, by {actor_words(change)}; from {old} "
                     f"to {new}.")  # fmt: skip
    return " ".join(parts)


def _place(state: State) -> tuple[int, int]:
    if state not in _PLACES:
        raise BadValueError(f"the figure of a root's life has no place for {state}")
    return _PLACES[state]


def _corner(state: State, top: float) -> tuple[float, float]:
    """Return the upper left corner of a state's box."""
    column, row = _place(state)
    return MARGIN + column * _COLUMN, top + row * _ROW + 8


def _colour(change: Change) -> str:
    kinds = {way.actor for way in change.ways}
    return _COLOURS[kinds.pop()] if len(kinds) == 1 else "--soft"


def _draw_state(svg: Svg, life: Life, state: State, top: float) -> None:
    x, y = _corner(state, top)
    colour = "--bad" if state.invalid else "--soft" if state.stage != "alive" else "--good"
    dashes = {"stroke_dasharray": "5 4"} if state in life.alone else {}
    svg.rect(x, y, _BOX, _TALL, rx=7, fill="--band", stroke=colour, stroke_width=1.8, **dashes)
    if state.mapped:
        svg.rect(x + 5, y + 46, _BOX - 10, 16, rx=4, fill="--bg", stroke="--live")
    lines = state_words(state)
    shift = 19 * lines.count("") / 2
    for place, (line, cls) in enumerate(
        zip(lines, ("small strong", "small", "small"), strict=True)
    ):
        at = y + 20 + 19 * place + shift
        svg.text(x + _BOX / 2, at, fit(line, _BOX - 6, 11), cls, text_anchor="middle")


def _twin(life: Life, change: Change) -> bool:
    """Tell whether the life has the same step backwards too."""
    return any((c.before, c.after) == (change.after, change.before) for c in life.changes)


def _points(life: Life, change: Change, top: float) -> list[tuple[float, float]]:
    """Return the corners of the line from one box to another."""
    (c0, r0), (c1, r1) = _place(change.before), _place(change.after)
    x0, y0 = _corner(change.before, top)
    x1, y1 = _corner(change.after, top)
    twin = _twin(life, change)
    middle, half = _TALL / 2, _BOX / 2
    if r0 == r1 and abs(c1 - c0) == 1:
        y = y0 + middle + (0 if not twin else -16 if c1 > c0 else 16)
        return [(x0 + _BOX, y), (x1, y)] if c1 > c0 else [(x0, y), (x1 + _BOX, y)]
    if c0 == c1 and abs(r1 - r0) == 1:
        x = x0 + half + (0 if not twin else -16 if r1 > r0 else 16)
        return [(x, y0 + _TALL), (x, y1)] if r1 > r0 else [(x, y0), (x, y1 + _TALL)]
    if r0 == r1:
        y = y0 + _TALL + 24
        return [(x0 + half, y0 + _TALL), (x0 + half, y), (x1 + half, y), (x1 + half, y1 + _TALL)]
    y = min(y0, y1) - 14
    return [(x0 + half, y0), (x0 + half, y), (x1 + half, y), (x1 + half, y1)]


def _draw_change(svg: Svg, life: Life, change: Change, top: float) -> None:
    arrow(svg, _points(life, change, top), _colour(change))


def _middle(life: Life, change: Change, top: float) -> tuple[float, float]:
    """Return where a change's number stands: the middle of the longest part of its line."""
    points = _points(life, change, top)
    (x0, y0), (x1, y1) = max(
        pairwise(points),
        key=lambda ends: abs(ends[0][0] - ends[1][0]) + abs(ends[0][1] - ends[1][1]),
    )
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    if len(points) > 2 or x0 == x1:
        return x, y
    # The gap between two columns is narrow: beside the line, so that its head is seen.
    return x, y + (14 if _twin(life, change) and x1 < x0 else -14)


def _draw_list(svg: Svg, life: Life, top: float) -> float:
    """Draw what each number means, in two columns; return where the list ends."""
    width, half = (WIDTH - 2 * MARGIN) / 2, (len(life.changes) + 1) // 2
    y, end = top, top
    for place, change in enumerate(life.changes):
        if place == half:
            y = top
        x = MARGIN + width * (place // half)
        mark(svg, x + 10, y + 11, str(place + 1), _colour(change))
        words = change_words(change)
        svg.text(x + 28, y + 15, words, "strong")
        svg.text(x + 28 + text_width(words) * 1.07 + 8, y + 15, actor_words(change), "soft")
        for line in _sources(change.ways):
            for part in wrap(line, width - 46, 11.5, mono=True):
                y += 15
                svg.text(x + 28, y + 16, part, "code soft")
        y += 26
        end = max(end, y)
    return end


def _sources(ways: Iterable[Way]) -> tuple[str, ...]:
    """Return the source lines of all ways, each once."""
    return tuple(dict.fromkeys(way.source for way in ways))
