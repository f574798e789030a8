"""A trace as swim lanes: who moves when, what it holds, and what becomes of the roots."""

from __future__ import annotations

from itertools import pairwise

from tdplib.draw._arrows import arrow_words, draw_arrow_head, draw_arrow_list, draw_arrows
from tdplib.draw._locks import draw_lock, holdings, lock_kinds, lock_names
from tdplib.draw._plan import HEAD, MARGIN, NUMBER, WIDTH, Plan, plan_of, strip_left
from tdplib.draw._rows import Line, Row, cast_words, end_words, kind_of
from tdplib.draw._strip import draw_strip
from tdplib.draw._svg import ACTOR_COLOURS, CODE_SIZE, Svg, fit, text_width, wrap

__all__ = ["swimlanes"]


def swimlanes(
    trace: object,
    *,
    unfold: bool = False,
    needed: tuple[bool, ...] | None = None,
    arrows: tuple = (),
) -> str:
    """
    Return `trace` as an SVG picture, 900 pixels wide.

    A lane per actor that moves, a row per step with function, source line and effect; bars along
    a lane are the locks its actor holds, a dashed lane is blocked. The strip at the right shows
    each root. Of a step that does much only the telling actions are shown.

    Parameters
    ----------
    trace : a `tdplib.replay.Trace`
    unfold : show every action of every step
    needed : of each step whether it is needed (see `tdplib.replay.needed`); the others are grey,
        and say so
    arrows : what `tdplib.replay.needed.arrows` gives: drawn between the steps, in place of the
        lines from turn to turn, and told in words below
    """
    plan = plan_of(trace, unfold, needed)
    svg = Svg()
    _draw_head(svg, plan, arrows)
    if plan.rows:
        _draw_lanes(svg, plan)
        draw_strip(svg, plan.groups, plan.boards, plan.rows, strip_left(plan.groups))
        _draw_turns(svg, plan, joined=not arrows)
        for row in plan.rows:
            _draw_row(svg, plan, row)
        draw_arrows(svg, plan, arrows)
    end = _draw_end(svg, plan, arrows)
    told = " ".join([_description(trace), *(f"Step {words}." for words in arrow_words(arrows))])
    return svg.document(WIDTH, end + MARGIN, _title(trace), told)


# --- head and end ------------------------------------------------------------------------------


def _title(trace: object) -> str:
    return f"{trace.protocol}: {end_words(trace)}"


def _description(trace: object) -> str:
    """Return the trace as sentences, for who cannot see the picture."""
    parts = []
    for step in trace.steps:
        effects = "; ".join(a.effect for a in step.actions if a.kind != "private")
        parts.append(f"Step {step.number}, {step.actor_name}: {effects}.")
    if trace.broken:
        what = "is worth a note" if kind_of(trace) == "advice" else "is broken"
        parts.append(f"Then {trace.broken} {what}: {trace.sentence}")
    return " ".join(parts)


def _draw_head(svg: Svg, plan: Plan, arrows: tuple) -> None:
    trace = plan.trace
    svg.text(MARGIN, 34, fit(_title(trace), WIDTH - 2 * MARGIN, 17), "head")
    switches = sum(bool(step.switch) for step in trace.steps)
    counts = f"{_count(len(trace.steps), 'step')}, {_count(switches, 'switch', 'switches')}"
    svg.text(MARGIN, 56, fit(f"{cast_words(trace)}; {counts}", 860), "soft")
    _draw_legend(svg, plan, arrows)
    for actor in plan.lanes:
        for row, word in enumerate(trace.actors[actor].split(" ", 1)):
            svg.text(
                plan.x(actor),
                HEAD - 27 + 15 * row,
                word,
                "strong",
                text_anchor="middle",
                style=f"fill:var({_colour(actor)})",
            )


def _draw_legend(svg: Svg, plan: Plan, arrows: tuple) -> None:
    """Explain the marks of the lanes, above the text, in as many rows as that takes."""
    x, y = plan.text_left, 84.0
    entries = [(kind, f"holds {name}{mode}") for kind, name, mode in lock_kinds(plan)]
    if any(_blocked(plan, row, actor) for row in plan.rows for actor in plan.lanes):
        entries.append(("blocked", "blocked"))
    if arrows:
        entries.append(("arrow", "must come before"))
    elif any(step.switch for step in plan.trace.steps):
        entries.append(("switch", "switch to another actor"))
    for kind, words in entries:
        width = 34 + text_width(words, 11)
        if x + width > plan.text_left + plan.text_width:
            x, y = plan.text_left, y + 26
        _draw_mark(svg, kind, x + 2, y)
        svg.text(x + 17, y + 12, words, "small soft")
        x += width


def _draw_mark(svg: Svg, kind: str, x: float, y: float) -> None:
    """Draw the mark of a legend's entry, 17 pixels high."""
    if kind == "blocked":
        dashes = {"stroke_dasharray": "2 4"}
        svg.line([(x + 3, y), (x + 3, y + 17)], stroke="--soft", stroke_width=1.6, **dashes)
    elif kind == "arrow":
        svg.line([(x, y + 2), (x + 8, y + 13)], stroke="--ink", stroke_width=1.8)
        draw_arrow_head(svg, (x + 9, y + 15), (8, 11))
    elif kind == "switch":
        path = f"M{x:.1f} {y + 1:.1f} C{x:.1f} {y + 11:.1f} {x + 8:.1f} {y + 5:.1f} "
        svg.curve(f"{path}{x + 8:.1f} {y + 15:.1f}", stroke="--soft", stroke_width=1.4)
    else:
        draw_lock(svg, kind, x, y, y + 17)


def _draw_end(svg: Svg, plan: Plan, arrows: tuple) -> float:
    """Draw the box of the broken property and the last lines; return where they end."""
    trace, y = plan.trace, plan.bottom + 18
    if trace.broken:
        y = _draw_broken(svg, plan, y) + 8
    y = draw_arrow_list(svg, arrows, y)
    still = [name for name in trace.actors if name not in plan.names]
    if still:
        svg.text(MARGIN, y + 16, fit(f"Takes no step: {', '.join(still)}.", 860, 11), "small soft")
        y += 18
    svg.text(MARGIN, y + 18, fit(f"tdplib replay {trace.code}", 860, 12, True), "code soft")
    return y + 20


def _draw_broken(svg: Svg, plan: Plan, y: float) -> float:
    """Draw the box that says what is broken (or, in another colour, worth a note)."""
    trace, kind, last = plan.trace, kind_of(plan.trace), len(plan.trace.steps)
    lines = wrap(trace.sentence or "", WIDTH - 2 * MARGIN - 60)
    words = f"{trace.broken} is broken in step {last}, by {trace.steps[-1].actor_name}"
    if kind == "end":
        words = f"{trace.broken} is broken after step {last}"
        waiting = (a for a in plan.boards[-1]["actors"] if a["status"] == "blocked")
        lines += [f"{a['name']} {a['reason']}" for a in waiting]
    elif kind == "advice":
        words = f"advice, no error: {trace.broken}, in step {last}"
    ink, ground = ("--ink", "--band") if kind == "advice" else ("--bad", "--badbg")
    width, height = WIDTH - 2 * MARGIN, 44 + 18 * len(lines)
    svg.rect(MARGIN, y, width, height, rx=6, fill=ground, stroke=ink, stroke_width=1.6)
    if kind != "advice":
        _draw_cross(svg, MARGIN + 22, y + 23, 7)
    svg.text(MARGIN + 42, y + 28, words, "strong", style=f"fill:var({ink})")
    for place, line in enumerate(lines):
        svg.text(MARGIN + 42, y + 49 + 18 * place, fit(line, width - 60))
    return y + height


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


def _draw_lanes(svg: Svg, plan: Plan) -> None:
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
    for place, name in enumerate(lock_names(plan)):
        for actor in plan.lanes:
            offset = -15 if place == 0 else 5 + 10 * place
            for mode, y0, y1 in holdings(plan, actor, name):
                draw_lock(svg, mode, plan.x(actor) + offset, y0, y1)


def _blocked(plan: Plan, row: Row, actor: int) -> bool:
    return plan.boards[row.index]["actors"][actor]["status"] == "blocked"


# --- rows --------------------------------------------------------------------------------------


def _turns(rows: list[Row]) -> list[list[Row]]:
    """Return the rows in runs of one actor."""
    turns: list[list[Row]] = []
    for row in rows:
        if row.first_of_turn:
            turns.append([])
        turns[-1].append(row)
    return turns


def _draw_turns(svg: Svg, plan: Plan, joined: bool) -> None:
    """Draw every turn, and if they are to be joined the way from one to the next."""
    turns = _turns(plan.rows)
    for here, there in pairwise(turns) if joined else ():
        x0, y0 = plan.x(here[0].actor), _turn_end(here)
        x1, y1 = plan.x(there[0].actor), there[0].dot
        bend = (y1 - y0) * 0.6
        path = f"M{x0:.1f} {y0:.1f} C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} "
        svg.curve(f"{path}{x1:.1f} {y1:.1f}", stroke="--soft", stroke_width=1.4)
    for turn in turns:
        _draw_turn(svg, plan, turn)


def _turn_end(turn: list[Row]) -> float:
    return max(turn[-1].dot, turn[-1].bottom - 12)


def _draw_turn(svg: Svg, plan: Plan, turn: list[Row]) -> None:
    """Draw the ground of a turn, its actor's name, and the actor's line while it runs."""
    actor, left, top = turn[0].actor, plan.text_left, turn[0].top
    colour, height = _colour(actor), turn[-1].bottom - turn[0].top
    svg.rect(left, top, plan.text_width, height, rx=5, fill="--band")
    svg.rect(left, top, 4, height, rx=2, fill=colour)
    name = plan.trace.actors[actor]
    svg.text(left + 14, top + 18, name, "strong", style=f"fill:var({colour})")
    ends = [(plan.x(actor), turn[0].dot), (plan.x(actor), _turn_end(turn))]
    svg.line(ends, stroke=colour, stroke_width=2.5)


def _draw_row(svg: Svg, plan: Plan, row: Row) -> None:
    step = plan.trace.steps[row.index]
    x, y = plan.x(row.actor), row.dot - 8
    svg.open()
    svg.element("title", f"step {step.number}: {step.actor_name}")
    ground, ink = (_colour(row.actor), "--bg") if row.needed else ("--bg", "--soft")
    edge = {} if row.needed else {"stroke": "--soft", "stroke_dasharray": "3 2"}
    svg.element("circle", cx=x, cy=row.dot, r=9.5, fill=ground, **edge)
    number = {"text_anchor": "middle", "style": f"fill:var({ink})"}
    svg.text(x, row.dot + 4, str(step.number), "strong small", **number)
    for line in row.lines:
        _draw_line(svg, plan, line, y, "" if row.needed else " soft")
        y += line.height
    svg.close()


def _draw_line(svg: Svg, plan: Plan, line: Line, y: float, grey: str) -> None:
    """Draw one line of a row with its top at `y`; `grey` is the class of what is not needed."""
    left = plan.text_left + 14
    if line.kind == "where":
        svg.text(left, y + 12, line.text, "small soft")
        right = plan.text_left + plan.text_width - 10
        svg.text(right, y + 12, line.note, "small soft", text_anchor="end")
        return
    bad = " bad strong" if line.bad else grey
    svg.text(left + 20, y + 12.5, line.number, "code soft", text_anchor="end")
    room = plan.text_width - NUMBER - 20
    svg.text(left + NUMBER, y + 12.5, fit(line.text, room, CODE_SIZE, True), "code" + bad)
    x = plan.text_left + plan.code_width + 10 if line.beside else left + NUMBER + 14
    first = y + 12.5 + (0 if line.beside else 15)
    for place, words in enumerate(line.effect):
        svg.text(x, first + 15 * place, words, bad.strip())
