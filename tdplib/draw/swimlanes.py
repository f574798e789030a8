"""A trace as swim lanes: who moves when, what it holds, and what becomes of the roots."""

from __future__ import annotations

from dataclasses import dataclass

from tdplib.draw._rows import Line, Row, rows_of, scenario_text
from tdplib.draw._strip import Column, draw_strip, strip_columns, strip_width
from tdplib.draw._svg import ACTOR_COLOURS, CODE_SIZE, Svg, fit, text_width, wrap

__all__ = ["swimlanes"]

_WIDTH, _MARGIN = 900, 16
_HEAD = 204
"""Where the first row starts: below title, legend and the heads of lanes and columns."""
_NUMBER = 30
"""Pixels for the number of a source line."""


@dataclass
class _Plan:
    """Where everything goes."""

    trace: object
    boards: list[dict]
    lanes: list[int]
    """The actors that are drawn, left to right."""
    lane_width: float
    text_left: float
    text_width: float
    code_width: float
    groups: list[list[Column]]
    rows: list[Row]

    def x(self, actor: int) -> float:
        """The middle of an actor's lane."""
        return _MARGIN + self.lane_width * (self.lanes.index(actor) + 0.5)

    @property
    def bottom(self) -> float:
        """Where the last row ends."""
        return self.rows[-1].bottom if self.rows else _HEAD


def swimlanes(trace: object, *, unfold: bool = False) -> str:
    """
    Return `trace` as an SVG picture, 900 pixels wide.

    A lane per actor that moves, a row per step with function, source line and effect; bars along
    a lane are the locks its actor holds, a dashed lane is blocked. The strip at the right shows
    each root. Of a step that does much only the telling actions are shown.

    Parameters
    ----------
    trace : a `tdplib.replay.Trace`
    unfold : show every action of every step
    """
    plan = _plan(trace, unfold)
    svg = Svg()
    _draw_head(svg, plan)
    if plan.rows:
        _draw_lanes(svg, plan)
        draw_strip(svg, plan.groups, plan.boards, plan.rows, _strip_left(plan.groups))
        _draw_turns(svg, plan)
        for row in plan.rows:
            _draw_row(svg, plan, row)
    end = _draw_end(svg, plan)
    return svg.document(_WIDTH, end + _MARGIN, _title(trace), _description(trace))


def _strip_left(groups: list[list[Column]]) -> float:
    return _WIDTH - strip_width(groups) + 14 - _MARGIN


def _plan(trace: object, unfold: bool) -> _Plan:
    """Measure: widths first, then what the text needs, then where each row lies."""
    boards = trace.boards()
    lanes = sorted({step.actor for step in trace.steps})
    groups = strip_columns(boards)
    lane = 62.0 if len(lanes) <= 4 else 46.0
    left = _MARGIN + lane * len(lanes) + 14
    width = _strip_left(groups) - 14 - left
    # Where both have room the effect stands beside its source line, else below it.
    code = round(width * 0.54) if width >= 470 else _NUMBER
    rows = rows_of(trace, code - _NUMBER - 14, width - code - 24, unfold)
    plan = _Plan(trace, boards, lanes, lane, left, width, code, groups, rows)
    _place_rows(plan)
    return plan


def _place_rows(plan: _Plan) -> None:
    """Give every row its top, its dot and its bottom."""
    y = float(_HEAD)
    for row in plan.rows:
        if row.first_of_turn:
            y += 12 if row.index else 0
        row.top = y
        y += 26 if row.first_of_turn else 7
        row.dot = y + 8
        y += sum(line.height for line in row.lines) + 5
        row.bottom = y


# --- head and end ------------------------------------------------------------------------------


def _title(trace: object) -> str:
    what = f"breaks {trace.broken}" if trace.broken else "a run"
    return f"{trace.protocol}: {what}"


def _description(trace: object) -> str:
    """Return the trace as sentences, for who cannot see the picture."""
    parts = []
    for step in trace.steps:
        effects = "; ".join(a.effect for a in step.actions if a.kind != "private")
        parts.append(f"Step {step.number}, {step.actor_name}: {effects}.")
    if trace.broken:
        parts.append(f"Then {trace.broken} is broken: {trace.sentence}")
    return " ".join(parts)


def _draw_head(svg: Svg, plan: _Plan) -> None:
    trace = plan.trace
    svg.text(_MARGIN, 34, fit(_title(trace), _WIDTH - 2 * _MARGIN, 17), "head")
    switches = sum(bool(step.switch) for step in trace.steps)
    counts = f"{_count(len(trace.steps), 'step')}, {_count(switches, 'switch', 'switches')}"
    svg.text(_MARGIN, 56, fit(f"{scenario_text(trace)}; {counts}", 860), "soft")
    _draw_legend(svg, plan)
    for actor in plan.lanes:
        for row, word in enumerate(trace.actors[actor].split(" ", 1)):
            svg.text(
                plan.x(actor),
                _HEAD - 27 + 15 * row,
                word,
                "strong",
                text_anchor="middle",
                style=f"fill:var({_colour(actor)})",
            )


def _draw_legend(svg: Svg, plan: _Plan) -> None:
    x = float(_MARGIN)
    entries = [(kind, f"holds {name}{mode}") for kind, name, mode in _lock_kinds(plan)]
    if any(_blocked(plan, row, actor) for row in plan.rows for actor in plan.lanes):
        entries.append(("blocked", "blocked"))
    for kind, words in [*entries, ("switch", "switch to another actor")]:
        if kind == "blocked":
            svg.line(
                [(x + 5, 68), (x + 5, 86)],
                stroke="--soft",
                stroke_width=1.6,
                stroke_dasharray="2 4",
            )
        elif kind == "switch":
            svg.curve(
                f"M{x:.1f} 70 C{x:.1f} 80 {x + 10:.1f} 74 {x + 10:.1f} 84",
                stroke="--soft",
                stroke_width=1.4,
            )
        else:
            _draw_lock(svg, kind, x + 2, 69, 86)
        svg.text(x + 17, 82, words, "small soft")
        x += 38 + text_width(words, 11)


def _draw_end(svg: Svg, plan: _Plan) -> float:
    """Draw the box of the broken property and the last lines; return where they end."""
    trace, y = plan.trace, plan.bottom + 18
    if trace.broken:
        lines = wrap(trace.sentence or "", _WIDTH - 2 * _MARGIN - 60)
        height = 44 + 18 * len(lines)
        svg.rect(
            _MARGIN,
            y,
            _WIDTH - 2 * _MARGIN,
            height,
            rx=6,
            fill="--badbg",
            stroke="--bad",
            stroke_width=1.6,
        )
        _draw_cross(svg, _MARGIN + 22, y + 23, 7)
        who = trace.steps[-1].actor_name if trace.steps else "nobody"
        words = f"{trace.broken} is broken by {who} in step {len(trace.steps)}"
        svg.text(_MARGIN + 42, y + 28, words, "strong bad")
        for place, line in enumerate(lines):
            svg.text(_MARGIN + 42, y + 49 + 18 * place, line)
        y += height + 8
    still = [name for i, name in enumerate(trace.actors) if i not in plan.lanes]
    if still:
        svg.text(_MARGIN, y + 16, fit(f"Takes no step: {', '.join(still)}.", 860, 11), "small soft")
        y += 18
    svg.text(_MARGIN, y + 18, fit(f"tdplib replay {trace.code}", 860, 12, True), "code soft")
    return y + 20


def _draw_cross(svg: Svg, x: float, y: float, r: float) -> None:
    for sign in (1, -1):
        svg.line(
            [(x - r, y - sign * r), (x + r, y + sign * r)],
            stroke="--bad",
            stroke_width=3,
            stroke_linecap="round",
        )


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


# --- lanes and locks ---------------------------------------------------------------------------


def _colour(actor: int) -> str:
    return f"--a{actor % ACTOR_COLOURS}"


def _draw_lanes(svg: Svg, plan: _Plan) -> None:
    """Draw every lane: solid while the actor could move, dashed while it is blocked."""
    for actor in plan.lanes:
        for row in plan.rows:
            if plan.boards[row.index]["actors"][actor]["status"] == "done":
                break
            end = plan.rows[row.index + 1].top if row.index + 1 < len(plan.rows) else row.bottom
            dashed = {"stroke_dasharray": "2 4"} if _blocked(plan, row, actor) else {}
            svg.line(
                [(plan.x(actor), row.top), (plan.x(actor), end)],
                stroke="--soft" if dashed else "--faint",
                stroke_width=1.6,
                **dashed,
            )
    for place, name in enumerate(_lock_names(plan)):
        for actor in plan.lanes:
            offset = -15 if place == 0 else 5 + 10 * place
            for mode, y0, y1 in _holdings(plan, actor, name):
                _draw_lock(svg, mode, plan.x(actor) + offset, y0, y1)


def _blocked(plan: _Plan, row: Row, actor: int) -> bool:
    return plan.boards[row.index]["actors"][actor]["status"] == "blocked"


def _draw_lock(svg: Svg, mode: str, x: float, y0: float, y1: float) -> None:
    if mode == "read":
        svg.rect(x + 0.8, y0, 5.4, y1 - y0, rx=2, fill="none", stroke="--read", stroke_width=1.6)
    else:
        svg.rect(x, y0, 7, y1 - y0, rx=2, fill="--write" if mode == "write" else "--mutex")


def _lock_names(plan: _Plan) -> list[str]:
    """Return the locks that some drawn actor holds, `mmu_lock` first."""
    names = [lock["name"] for lock in plan.boards[0]["locks"]]
    names.sort(key=lambda name: name != "mmu_lock")
    return [n for n in names if any(_holdings(plan, actor, n) for actor in plan.lanes)]


def _lock_kinds(plan: _Plan) -> list[tuple[str, str, str]]:
    """Return (mode, lock, words for the mode) of every kind of bar that is drawn."""
    words = {"write": " for write", "read": " for read", "mutex": ""}
    kinds = []
    for name in _lock_names(plan) if plan.rows else []:
        modes = {mode for actor in plan.lanes for mode, _, _ in _holdings(plan, actor, name)}
        kinds += [(mode, name, words[mode]) for mode in words if mode in modes]
    return kinds


def _holdings(plan: _Plan, actor: int, name: str) -> list[tuple[str, float, float]]:
    """Return (mode, from, to) of each time `actor` holds the lock `name`."""
    modes = [_mode(board, name, plan.trace.actors[actor]) for board in plan.boards]
    bars: list[tuple[str, float, float]] = []
    start = None
    for row in plan.rows:
        before, after = modes[row.index], modes[row.index + 1]
        if before is None and after is None:
            within = _within(plan, row, actor, name)
            bars += [(within, row.dot - 8, row.bottom - 4)] if within else []
        if after is not None and before is None:
            start = row.dot - 8
        if before is not None and after is None:
            bars.append((before, plan.rows[0].top if start is None else start, row.bottom - 4))
            start = None
    if modes[-1] is not None:
        bars.append((modes[-1], plan.rows[0].top if start is None else start, plan.bottom))
    return bars


def _mode(board: dict, name: str, holder: str) -> str | None:
    lock = next(lock for lock in board["locks"] if lock["name"] == name)
    if holder in (lock["readers"] or ()):
        return "read"
    if lock["writer"] == holder:
        return "write" if lock["kind"] == "rwlock" else "mutex"
    return None


def _within(plan: _Plan, row: Row, actor: int, name: str) -> str | None:
    """Return the mode of a lock that is taken and released inside one step."""
    if row.actor != actor:
        return None
    for action in plan.trace.steps[row.index].actions:
        for path in action.changed if action.kind == "lock" else ():
            if path.startswith(f"locks.{name}."):
                lock = next(x for x in plan.boards[0]["locks"] if x["name"] == name)
                if path.endswith(".readers"):
                    return "read"
                return "write" if lock["kind"] == "rwlock" else "mutex"
    return None


# --- rows --------------------------------------------------------------------------------------


def _turns(rows: list[Row]) -> list[list[Row]]:
    """Return the rows in runs of one actor."""
    turns: list[list[Row]] = []
    for row in rows:
        if row.first_of_turn:
            turns.append([])
        turns[-1].append(row)
    return turns


def _draw_turns(svg: Svg, plan: _Plan) -> None:
    """Draw the ground of every turn, its actor's name, and the way from turn to turn."""
    last = None
    for turn in _turns(plan.rows):
        actor, x, colour = turn[0].actor, plan.x(turn[0].actor), _colour(turn[0].actor)
        if last is not None:
            middle = (last[1] + turn[0].dot) / 2
            svg.curve(
                f"M{last[0]:.1f} {last[1]:.1f} C{last[0]:.1f} {middle + 14:.1f} "
                f"{x:.1f} {middle - 14:.1f} {x:.1f} {turn[0].dot:.1f}",
                stroke="--soft",
                stroke_width=1.4,
            )
        top, height = turn[0].top, turn[-1].bottom - turn[0].top
        svg.rect(plan.text_left, top, plan.text_width, height, rx=5, fill="--band")
        svg.rect(plan.text_left, top, 4, height, rx=2, fill=colour)
        svg.text(
            plan.text_left + 14,
            top + 18,
            plan.trace.actors[actor],
            "strong",
            style=f"fill:var({colour})",
        )
        svg.line([(x, turn[0].dot), (x, turn[-1].dot)], stroke=colour, stroke_width=2.5)
        last = (x, turn[-1].dot)


def _draw_row(svg: Svg, plan: _Plan, row: Row) -> None:
    step = plan.trace.steps[row.index]
    x, y = plan.x(row.actor), row.dot - 8
    svg.open()
    svg.element("title", f"step {step.number}: {step.actor_name}")
    svg.element("circle", cx=x, cy=row.dot, r=9.5, fill=_colour(row.actor))
    svg.text(
        x,
        row.dot + 4,
        str(step.number),
        "strong small",
        text_anchor="middle",
        style="fill:var(--bg)",
    )
    for line in row.lines:
        _draw_line(svg, plan, line, y)
        y += line.height
    svg.close()


def _draw_line(svg: Svg, plan: _Plan, line: Line, y: float) -> None:
    """Draw one line of a row with its top at `y`."""
    left = plan.text_left + 14
    if line.kind == "where":
        svg.text(left, y + 12, line.text, "small soft")
        return
    if line.kind == "folded":
        svg.text(left + _NUMBER, y + 12, line.text, "small soft")
        return
    bad = " bad strong" if line.bad else ""
    svg.text(left + 20, y + 12.5, line.number, "code soft", text_anchor="end")
    room = plan.text_width - _NUMBER - 20
    svg.text(left + _NUMBER, y + 12.5, fit(line.text, room, CODE_SIZE, True), "code" + bad)
    x = plan.text_left + plan.code_width + 10 if line.beside else left + _NUMBER + 14
    first = y + 12.5 + (0 if line.beside else 15)
    for place, words in enumerate(line.effect):
        svg.text(x, first + 15 * place, words, bad.strip())
