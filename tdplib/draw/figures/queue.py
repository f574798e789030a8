"""The queue at work: a few moments of one run, from the first root queued to the flush's return."""

from __future__ import annotations

from dataclasses import dataclass

from tdplib.draw import Picture
from tdplib.draw._svg import Svg, wrap
from tdplib.draw.dot import state_dot
from tdplib.draw.figures._parts import MARGIN, WIDTH, arrow, heading, mark, notes
from tdplib.errors import BadValueError

__all__ = ["Moment", "queue_figure", "queue_graph"]


@dataclass(frozen=True)
class Moment:
    """A state worth a row: the board after its step, who took that, and what to see in it."""

    board: dict
    actor: str
    says: str


_X = {"says": MARGIN, "else": 282, "queue": 412, "worker": 638, "flush": 764}
_BOX, _TALL, _ROW = 100, 58, 92
_TITLE = "The queue: who waits for what, in a run of v5.18"
_WORDS = (
    "Two roots reach the queue on different ways: the last put of one, and the fast zap of the "
    "other. The flush waits for both, whoever queued them."
)


def queue_figure(moments: tuple[Moment, ...]) -> Picture:
    """Return the moments as rows: roots, queue, worker and flush side by side."""
    svg = Svg()
    y = heading(svg, _TITLE, _WORDS) + 10
    heads = {"says": "what has happened", "else": "in no queue", "queue": "queued, oldest right",
             "worker": "being zapped", "flush": "the fast zap's flush"}  # fmt: skip
    for name, head in heads.items():
        svg.text(_X[name], y, head, "small strong")
    y += 12
    for number, moment in enumerate(moments, 1):
        _draw_moment(svg, number, moment, y)
        y += _ROW
    foot = ("The count is that of references: a vCPU that has loaded the root holds one, and one "
            "is the worker's, the gift it gives back with its own put.")  # fmt: skip
    y = notes(svg, y + 16, (foot,))
    words = " ".join([_WORDS, *(_say(n, m) for n, m in enumerate(moments, 1))])
    return Picture(svg.document(WIDTH, y, _TITLE, words), f"{_TITLE}. {words}")


def queue_graph(moments: tuple[Moment, ...]) -> str:
    """Return as DOT the state in which the most roots are queued."""
    return state_dot(max((m.board for m in moments), key=lambda board: len(board["queue"])))


def _say(number: int, moment: Moment) -> str:
    board = moment.board
    queued = ", ".join(f"root {index}" for index in board["queue"]) or "nothing"
    running = [root["name"] for root in board["roots"] if root["running"]]
    return (f"{number}, after step {board['step']} by {moment.actor}: {moment.says} Queued: "
            f"{queued}. Being zapped: {', '.join(running) or 'nothing'}. {_flush(board)[0]} "
            f"{_flush(board)[1]}.")  # fmt: skip


def _flush(board: dict) -> tuple[str, str]:
    """Return the state of the flush: of the one memslot update, in two short lines."""
    updates = [actor for actor in board["actors"] if actor["kind"] == "update"]
    if len(updates) != 1:
        raise BadValueError(f"the figure of the queue is for one update, not {len(updates)}")
    update = updates[0]
    if update["status"] == "done":
        return update["name"], "has returned"
    if update["status"] == "blocked":
        # "waits for the work item of root 0 and root 1 to finish"
        words = update["reason"].removeprefix("waits for the work item of ")
        return f"{update['name']} waits for", words.removesuffix(" to finish")
    return update["name"], "has not begun"


def _draw_moment(svg: Svg, number: int, moment: Moment, y: float) -> None:
    board = moment.board
    if number % 2:
        svg.rect(MARGIN - 6, y, WIDTH - 2 * MARGIN + 12, _ROW - 4, rx=6, fill="--band")
    mark(svg, _X["says"] + 10, y + 18, str(number), "--soft")
    svg.text(_X["says"] + 28, y + 22, f"step {board['step']}, {moment.actor}", "small strong")
    for place, line in enumerate(wrap(moment.says, 246, 11)):
        svg.text(_X["says"], y + 41 + 14 * place, line, "small")
    top = y + (_ROW - 4 - _TALL) / 2
    roots = {root["index"]: root for root in board["roots"]}
    idle = [r for r in board["roots"] if not (r["queued"] or r["running"])]
    for root in idle[-1:]:  # the latest: a root freed before is no news any more
        _draw_root(svg, root, _X["else"], top)
    right = _X["worker"] - 20 - _BOX
    svg.rect(_X["queue"] - 6, top - 8, right + _BOX + 12 - _X["queue"], _TALL + 16, rx=6,
             fill="none", stroke="--soft", stroke_dasharray="3 3")  # fmt: skip
    if not board["queue"]:
        x = (_X["queue"] + right + _BOX) / 2
        svg.text(x, top + _TALL / 2 + 4, "empty", "small soft", text_anchor="middle")
    for place, index in enumerate(board["queue"]):
        _draw_root(svg, roots[index], right - place * (_BOX + 6), top)
    middle = top + _TALL / 2
    arrow(svg, [(right + _BOX + 6, middle), (_X["worker"] - 2, middle)], "--soft")
    running = [root for root in board["roots"] if root["running"]]
    for root in running:
        _draw_root(svg, root, _X["worker"], top)
    if not running:
        svg.text(_X["worker"] + _BOX / 2, middle + 4, "idle", "small soft", text_anchor="middle")
    first, second = _flush(board)
    waits = "waits" in first
    for place, line in enumerate((first, second)):
        cls = "small strong" if waits else "small soft"
        svg.text(_X["flush"], middle - 3 + 16 * place, line, cls)


def _draw_root(svg: Svg, root: dict, x: float, y: float) -> None:
    """Draw a root: whether it is invalid, its count, whether an SPTE is left."""
    live = any(spte["present"] for spte in root["sptes"])
    freed = root["state"] == "freed"
    invalid = root["role"]["invalid"]
    colour = "--soft" if freed else "--bad" if invalid else "--good"
    dashes = {"stroke_dasharray": "5 4"} if freed else {}
    svg.rect(x, y, _BOX, _TALL, rx=6, fill="--bg", stroke=colour, stroke_width=1.6, **dashes)
    lines = [root["name"], "freed", ""]
    if not freed:
        role = "invalid" if invalid else "valid"
        lines = [root["name"], f"{role}, count {root['refcount']}",
                 "SPTE present" if live else "no SPTE"]  # fmt: skip
    if live:
        svg.rect(x + 4, y + 40, _BOX - 8, 15, rx=4, fill="--bg", stroke="--live")
    for place, line in enumerate(lines):
        cls = "small" if place else "small strong"
        svg.text(x + _BOX / 2, y + 16 + 17.5 * place, line, cls, text_anchor="middle")
