"""The versions in time: what changed in the life of a root, and who zapped since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdplib.draw import Picture
from tdplib.draw._svg import Svg, text_width, wrap
from tdplib.draw.figures._parts import MARGIN, WIDTH, heading, notes
from tdplib.draw.figures.life import ACTORS

__all__ = ["EVENTS", "Event", "versions_figure"]


@dataclass(frozen=True)
class Event:
    """
    One step of the history.

    when : as exactly as it is known, or empty; release : the first with it, empty for a posting
    commits : their short ids, empty where they are not known
    says : what changed; protocol : its name where tdplib has it
    """

    when: str
    release: str
    commits: tuple[str, ...]
    says: str
    protocol: str = ""


EVENTS = (
    Event("", "v5.17", (), "Whoever puts the last reference to a root takes it off the list and "
          "zaps it at once, without yielding. The fast zap walks the list for invalid roots.",
          "v5.17"),
    Event("26 Feb 2022", "", (), "Posted (v3), not merged: the last put queues a zap, the list "
          "walk stays. One reference can be given back twice.", "v3-list-walk"),
    Event("3 Mar 2022", "v5.18", ("614f6970aa70",), "The series is posted as v4. Readers no "
          "longer take references to invalid roots."),
    Event("", "v5.18", ("22b94c4b63eb",), "A worker zaps what the fast zap has invalidated; the "
          "fast zap flushes its queue.", "patch-21"),
    Event("", "v5.18", ("8351779ce65f",), "The last put marks the root invalid and zaps it in "
          "place while it is listed, yielding.", "patch-22"),
    Event("", "v5.18", ("1b6043e8e584",), "A root is zapped in two passes, first 1G by 1G."),
    Event("", "v5.18", ("efd995dae5eb",), "The last put queues the root too, so that only the "
          "worker zaps. The fast zap skips what is invalid.", "v5.18"),
    Event("Mar 2022", "v5.18", ("a1a39128faab",), "Where the queue cannot be allocated that is an "
          "error now; before, it was used all the same."),
    Event("June 2022", "", ("cf4a8693d97a",), "Stale roots in a vCPU's cache of previous roots are "
          "dropped; v5.18.0 came out without it."),
    Event("Apr 2023", "v6.4", (), "The TDP MMU holds a reference of its own: a root lives until it "
          "is invalidated. No put zaps or queues.", "v6.4"),
    Event("Sep 2023", "v6.6", ("0df9dab891ff",), "Worker and queue are gone: the fast zap zaps by "
          "itself what it has noted.", "v6.6"),
    Event("early 2024", "v6.9", ("8ca983631f3c",), "A root is zapped 4K by 4K first, to yield "
          "sooner."),
    Event("early 2024", "v6.9", ("f5238c2a60f1", "dab285e4ec73", "576a15de8d29"), "Roots are "
          "found, made and put with mmu_lock held for read."),
)  # fmt: skip
"""The history, oldest first."""

_SPINE, _TEXT, _LANES, _LANE = 176, 198, 708, 58
_COLOURS = {"vcpu": "--a0", "update": "--a2", "worker": "--a3"}
_TITLE = "From v5.17 to v6.9: who zaps a root, and since when"
_WORDS = (
    "Time runs down. A full disc is a state of the code that tdplib holds as a protocol, under the "
    "name beside it. The bars at the right are found by running those protocols in every "
    "interleaving: who takes the present SPTEs out of a root."
)


def versions_figure(zappers: Mapping[str, frozenset[str]]) -> Picture:
    """
    Return the timeline.

    zappers : the kinds of actors that zap, by protocol, for the protocols that were released or
        lie between two releases
    """
    svg = Svg()
    y = heading(svg, _TITLE, _WORDS)
    tops = _draw_heads(svg, y + 10)
    rows = []
    for event in EVENTS:
        rows.append(tops)
        tops += _height(event)
    _draw_releases(svg, rows, tops)
    _draw_lanes(svg, rows, tops, zappers)
    for event, top in zip(EVENTS, rows, strict=True):
        _draw_event(svg, event, top)
    foot = ("Dashed: later than the newest protocol here; the source of v6.9 says the same. Of the "
            "commits of v5.18 only the order is shown, not the days.")  # fmt: skip
    end = notes(svg, tops + 22, (foot,))
    words = " ".join([_WORDS, *map(_say, EVENTS), *_say_zappers(zappers)])
    return Picture(svg.document(WIDTH, end, _TITLE, words), f"{_TITLE}. {words}")


def _say(event: Event) -> str:
    where = ", ".join(filter(None, (event.when, event.release, *event.commits)))
    return f"{where}: {event.says}" + (f" (protocol {event.protocol})" if event.protocol else "")


def _say_zappers(zappers: Mapping[str, frozenset[str]]) -> list[str]:
    return [f"In {name} this zaps: {_names(kinds)}." for name, kinds in zappers.items()]


def _names(kinds: frozenset[str]) -> str:
    return ", ".join(name for kind, name in ACTORS.items() if kind in kinds)


def _lines(event: Event) -> list[str]:
    return wrap(event.says, _LANES - _TEXT - 30)


def _height(event: Event) -> float:
    return 30 + 16 * len(_lines(event))


def _draw_heads(svg: Svg, y: float) -> float:
    """Draw the heads of the lanes; return where the first row starts."""
    middle = _LANES + _LANE * len(ACTORS) / 2
    svg.text(middle, y, "who zaps", "small strong", text_anchor="middle")
    for place, name in enumerate(ACTORS.values()):
        x = _LANES + _LANE * (place + 0.5)
        for line, word in enumerate(name.split()):
            svg.text(x, y + 18 + 13 * line, word, "small soft", text_anchor="middle")
    return y + 44


def _draw_releases(svg: Svg, rows: list[float], end: float) -> None:
    """Draw the spine, and the name of each release where it begins."""
    svg.line([(_SPINE, rows[0] + 10), (_SPINE, end)], stroke="--soft", stroke_width=2)
    last = ""
    for event, top in zip(EVENTS, rows, strict=True):
        if event.release and event.release != last:
            last = event.release
            svg.line([(MARGIN, top - 5), (_LANES - 20, top - 5)], stroke="--faint")
            svg.text(MARGIN, top + 16, event.release, "strong")
        svg.text(_SPINE - 16, top + 16, event.when, "small soft", text_anchor="end")


def _draw_event(svg: Svg, event: Event, top: float) -> None:
    ink = "--ink" if event.protocol else "--soft"
    fill = ink if event.protocol else "--bg"
    svg.element("circle", cx=_SPINE, cy=top + 12, r=6, fill=fill, stroke=ink, stroke_width=2)
    x = float(_TEXT)
    head = event.protocol or ("" if event.commits else "posted")
    if head:
        svg.text(x, top + 16, head, "strong")
        x += text_width(head) * 1.07 + 12
    svg.text(x, top + 16, "  ".join(event.commits), "code soft")
    for place, line in enumerate(_lines(event)):
        svg.text(_TEXT, top + 33 + 16 * place, line)


def _draw_lanes(
    svg: Svg, rows: list[float], end: float, zappers: Mapping[str, frozenset[str]]
) -> None:
    """Draw a bar in an actor's lane for as long as the protocols in force let it zap."""
    places = zip(EVENTS, rows, strict=True)
    turns = [(top + 6, zappers[e.protocol]) for e, top in places if e.protocol in zappers]
    later = rows[max(k for k, event in enumerate(EVENTS) if event.protocol in zappers) + 1]
    ends = [*(top for top, _ in turns[1:]), later]
    for place, kind in enumerate(ACTORS):
        x, start = _LANES + _LANE * (place + 0.5), None
        svg.line([(x, rows[0]), (x, end)], stroke="--faint")
        for (top, kinds), bottom in zip(turns, ends, strict=True):
            if kind not in kinds:
                start = None
                continue
            # One bar as long as it goes on: drawn again, longer, over itself.
            start = top if start is None else start
            svg.rect(x - 9, start, 18, bottom - start, rx=4, fill=_COLOURS[kind])
        if start is not None:
            dashes = {"stroke_dasharray": "6 5"}
            svg.line([(x, later), (x, end)], stroke=_COLOURS[kind], stroke_width=8, **dashes)
