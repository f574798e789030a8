"""One schedule on two versions as swim lanes: a half for each, the first difference marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tdplib.draw._rows import scenario_words, telling
from tdplib.draw._svg import ACTOR_COLOURS, Svg, fit, wrap

__all__ = ["describe_halves", "halves"]

WIDTH, MARGIN = 900, 16
LANE, GAP, LINE = 26, 10, 16
HEAD = 160
MIDDLE = WIDTH / 2
MOST = 14
"""Effects of the first difference that are written out; more are counted."""


@dataclass
class _Block:
    """A turn on the picture: what both did, and then each half; lines are (class, text)."""

    turn: object
    shared: list[tuple[str, str]] = field(default_factory=list)
    sides: tuple[list[tuple[str, str]], ...] = ((), ())
    top: float = 0

    @property
    def height(self) -> float:
        """Pixels it takes."""
        return 26 + LINE * (len(self.shared) + max(len(side) for side in self.sides)) + 6


def halves(compare: object) -> str:
    """
    Return a comparison as an SVG picture, 900 pixels wide.

    A row per turn with the turn's dot in both halves; what both did stands across, what only one
    did in its half. A dashed dot could not move. Round the first difference is a frame, and under
    it stands in what the two systems differ then.

    Parameters
    ----------
    compare : a `tdplib.compare.Compare`
    """
    svg = Svg()
    actors = list(dict.fromkeys(turn.actor for turn in compare.turns))
    left = MARGIN + LANE * len(actors) + 12
    _draw_head(svg, compare, actors, left)
    y, tops = float(HEAD), []
    for turn in compare.turns:
        block = _block(turn, left, compare.difference is turn)
        block.top = y
        tops.append(block)
        y += block.height + 4
        if turn is compare.difference:
            y = _draw_apart(svg, compare, "After this turn", compare.apart, left, y)
    _draw_lanes(svg, actors, y)
    for block in tops:
        _draw_block(svg, block, actors, left, compare.difference is block.turn)
    y = _draw_ends(svg, compare, left, y + 6)
    whole = " ".join(str(compare).split())
    return svg.document(WIDTH, y + MARGIN, _title(compare), whole)


def describe_halves(compare: object) -> str:
    """Return a comparison in some sentences, for who cannot see the picture."""
    return " ".join([f"{_title(compare)}.", *compare.sentences()])


def _title(compare: object) -> str:
    first, second = compare.names
    return f"{first} and {second}: the same schedule on both"


def _colour(place: int) -> str:
    return f"--a{place % ACTOR_COLOURS}"


def _places(actors: list[str], actor: str) -> tuple[float, float]:
    """Return the middle of an actor's lane in each half; they mirror each other."""
    x = MARGIN + LANE * (actors.index(actor) + 0.5)
    return x, WIDTH - x


def _draw_head(svg: Svg, compare: object, actors: list[str], left: float) -> None:
    first, second = compare.names
    svg.text(MARGIN, 34, fit(f"{first} and {second}: the same schedule", 860, 17), "head")
    turn = compare.difference
    where = "they do the same in every turn"
    if turn is not None:
        where = f"they differ first in turn {turn.number}, {turn.actor}'s"
    svg.text(MARGIN, 56, fit(f"{scenario_words(compare.scenario)}; {where}", 860), "soft")
    room = MIDDLE - GAP - left
    svg.text(left, HEAD - 14, fit(first, room), "strong")
    svg.text(MIDDLE + GAP, HEAD - 14, fit(second, room), "strong")
    for actor in actors:
        for x in _places(actors, actor):
            spot = f"translate({x + 4:.1f} {HEAD - 14:.1f}) rotate(-90)"
            style = f"fill:var({_colour(actors.index(actor))})"
            svg.text(0, 0, actor, "small strong", transform=spot, style=style)


def _draw_lanes(svg: Svg, actors: list[str], bottom: float) -> None:
    for actor in actors:
        for x in _places(actors, actor):
            svg.line([(x, HEAD), (x, bottom)], stroke="--faint", stroke_width=1.6)


def _block(turn: object, left: float, is_first: bool) -> _Block:
    """Break what a turn did into lines."""
    across, column = WIDTH - 2 * left, MIDDLE - GAP - left
    if turn.same:
        return _Block(turn, _paragraph(turn.first, across))
    agree = turn.agree
    shared = []
    if agree:
        both = "; ".join(_effects(turn.first.actions[:agree]))
        shared = [("soft", line) for line in wrap(f"both: {both}", across)]
    sides = (turn.first, turn.second)
    return _Block(turn, shared, tuple(_side(half, agree, column, is_first) for half in sides))


def _paragraph(half: object, width: float) -> list[tuple[str, str]]:
    """Return what both did, in one paragraph."""
    if not half.actions:
        return [("soft", line) for line in wrap(f"cannot move: {half.reason}", width)]
    lines = [("soft", line) for line in wrap("; ".join(_effects(half.actions)), width)]
    return lines + _broken(half)


def _side(half: object, agree: int, width: float, in_full: bool) -> list[tuple[str, str]]:
    """Return what one version did after what both did, an effect a line."""
    if not half.actions:
        return [("", line) for line in wrap(f"cannot move: {half.reason}", width)]
    rest = half.actions[agree:]
    if not rest:
        return [("soft", "nothing more"), *_broken(half)]
    shown = _effects(rest, range(len(rest)))[:MOST] if in_full else _effects(rest)
    hidden = len(rest) - len(shown)
    lines = [
        ("", line if place == 0 else f"\u2003{line}")
        for effect in shown
        for place, line in enumerate(wrap(effect, width - 12))
    ]
    lines += [("small soft", f"+ {hidden} more")] if hidden else []
    return lines + _broken(half)


def _broken(half: object) -> list[tuple[str, str]]:
    return [("bad strong", f"\u2717 breaks {half.broken}")] if half.broken else []


def _effects(actions: tuple, which: Iterable[int] | None = None) -> list[str]:
    """Return the effects of the actions `which`, or of those that tell the story."""
    shown = telling(actions) if which is None else which
    return [actions[k].effect.replace(" -> ", "\u00a0\u2192\u00a0") for k in shown]


def _draw_block(svg: Svg, block: _Block, actors: list[str], left: float, first: bool) -> None:
    turn, top = block.turn, block.top
    colour = _colour(actors.index(turn.actor))
    frame = {"stroke": "--ink", "stroke_width": 2} if first else {}
    svg.rect(left - 8, top, WIDTH - 2 * left + 16, block.height, rx=5, fill="--band", **frame)
    svg.text(left, top + 18, turn.actor, "strong", style=f"fill:var({colour})")
    word = "the first difference" if first else "" if turn.same else "differs"
    if word:
        cls = "strong" if first else "soft"
        svg.text(WIDTH - left, top + 18, word, cls, text_anchor="end")
    y = top + 36
    for cls, line in block.shared:
        svg.text(left, y, line, cls)
        y += LINE
    for x, side in zip((left, MIDDLE + GAP), block.sides, strict=True):
        for place, (cls, line) in enumerate(side):
            svg.text(x, y + LINE * place, line, cls)
    if not turn.same:
        svg.line([(MIDDLE, y - 11), (MIDDLE, top + block.height - 6)], stroke="--faint")
    for x, half in zip(_places(actors, turn.actor), (turn.first, turn.second), strict=True):
        _draw_dot(svg, x, top + 14, turn, half, colour)


def _draw_dot(svg: Svg, x: float, y: float, turn: object, half: object, colour: str) -> None:
    moved = bool(half.actions)
    edge = {} if moved else {"stroke": "--soft", "stroke_dasharray": "3 2"}
    svg.open()
    svg.element("title", f"turn {turn.number}: {turn.actor}{'' if moved else ' cannot move'}")
    svg.element("circle", cx=x, cy=y, r=9.5, fill=colour if moved else "--bg", **edge)
    ink = "--bg" if moved else "--soft"
    number = {"text_anchor": "middle", "style": f"fill:var({ink})"}
    svg.text(x, y + 4, str(turn.number), "strong small", **number)
    svg.close()


def _draw_apart(svg: Svg, compare: object, when: str, found: tuple, left: float, y: float) -> float:
    """Write in what the two systems differ, each in its half; return where that ends."""
    words = f"the two systems differ in {'this:' if found else 'nothing that the actors share.'}"
    svg.text(left, y + 16, f"{when} {words}", "strong")
    y += 22
    room = MIDDLE - GAP - left
    for each in found:
        columns = [wrap(f"{each.subject} {said}", room) for said in (each.first, each.second)]
        for x, lines in zip((left, MIDDLE + GAP), columns, strict=True):
            for place, line in enumerate(lines):
                svg.text(x, y + 12 + LINE * place, line)
        y += LINE * max(map(len, columns))
    return y + 10


def _draw_ends(svg: Svg, compare: object, left: float, y: float) -> float:
    """Draw how each ends, and in what they differ then; return where that ends."""
    if compare.difference not in (None, compare.turns[-1]):
        if compare.apart and compare.apart == compare.apart_at_end:
            svg.text(left, y + 14, "At the end the two systems still differ in that.", "strong")
            y += 24
        else:
            y = _draw_apart(svg, compare, "At the end", compare.apart_at_end, left, y)
    width = MIDDLE - left + 4
    for x, name, end in zip((left - 8, MIDDLE + 4), compare.names, compare.ends, strict=True):
        bad = end != "breaks nothing"
        ink, ground = ("--bad", "--badbg") if bad else ("--good", "--band")
        svg.rect(x, y, width, 48, rx=6, fill=ground, stroke=ink, stroke_width=1.6)
        svg.text(x + 8, y + 20, fit(name, width - 16), "strong")
        sign = "\u2717 " if bad else ""
        svg.text(x + 8, y + 38, f"{sign}{end} on this path", style=f"fill:var({ink})")
    y += 62
    svg.text(MARGIN, y + 8, fit(f"schedule {compare.code}", 860, 12, True), "code soft")
    return y + 10
