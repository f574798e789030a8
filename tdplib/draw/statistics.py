"""Statistics of a check as text and as a picture of bars."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from tdplib.draw import Picture
from tdplib.draw._svg import ACTOR_COLOURS, Svg, text_width

__all__ = ["statistics_picture", "statistics_text"]

ROWS = 16
"""Rows of the table of depths, at most."""
BAR = 40
"""Letters of the longest bar."""


def statistics_text(told: dict) -> str:
    """Return statistics (as `Statistics.to_dict` gives them) as plain text."""
    lines = [*_head(told), "", *_depths(told), "", *_actors(told), "", *_able(told), "",
             *_time(told)]  # fmt: skip
    return "\n".join(part for line in lines for part in textwrap.wrap(line, 100) or [""])


def _head(told: dict) -> list[str]:
    bound = ", ".join(told["stopped_by"])
    whole = f"NOT all: stopped by {bound}" if bound else "that is every state there is"
    return [
        f"{told['protocol']}, scenario {told['scenario']}: {told['verdict']}",
        f"{told['states']:,} states ({whole}), joined by {told['transitions']:,} steps",
    ]


def binned(by_depth: list[int], most: int) -> list[tuple[int, int, int]]:
    """Return (first depth, last depth, states) of at most `most` stretches of equal length."""
    size = -(-len(by_depth) // most)
    return [
        (at, min(at + size, len(by_depth)) - 1, sum(by_depth[at : at + size]))
        for at in range(0, len(by_depth), size)
    ]


def _depths(told: dict) -> list[str]:
    rows = [
        (f"{first}" if first == last else f"{first} to {last}", states)
        for first, last, states in binned(told["by_depth"], ROWS)
    ]
    widest = (
        f"The most at one distance: {told['by_depth'][told['widest']]:,} states, "
        f"{told['widest']} steps from the start. The farthest: {told['depth']} steps."
    )
    return [
        "How many steps it takes to get to a state, at least:",
        *_bars(rows, "steps", "states"),
        widest,
    ]


def _actors(told: dict) -> list[str]:
    rows = [(each["actor"], each["transitions"]) for each in told["by_actor"]]
    return ["Who takes the steps:", *_bars(rows, "actor", "steps")]


def _able(told: dict) -> list[str]:
    rows = [(f"{k}", n) for k, n in enumerate(told["able"])]
    lines = [
        f"How many actors can move in a state: {told['branching']:.1f} on average",
        *_bars(rows, "actors", "states"),
        "Where nobody can move, all is done or everybody waits.",
    ]
    if told["breaking"]:
        lines.append(f"{told['breaking']:,} steps break a property; the path ends there.")
    if told["bounded"]:
        lines.append(f"{told['bounded']:,} steps meet a bound of the model; the path ends there.")
    return lines


def _time(told: dict) -> list[str]:
    rows = [(what, spent) for what, spent in told["seconds"].items()]
    total = sum(spent for _, spent in rows)
    width = max(len(what) for what, _ in rows)
    lines = [f"Where the time went: {total:.2f} seconds in all"]
    for what, spent in rows:
        share = spent / total if total else 0
        lines.append(f"  {what:{width}}  {spent:8.3f} s  {'#' * round(BAR * share)}".rstrip())
    lines.append(
        f"While it searched: {told['states_a_second']:,.0f} states a second. Memory: "
        f"{told['memory'] / 2**20:,.1f} MiB, {told['memory'] // max(told['states'], 1):,} bytes a "
        f"state, {told['state_bytes']} of them the state itself."
    )
    lines.append(
        "Taking the steps was measured afterwards, apart; looking states up (has it been seen "
        "before?) and keeping the new ones is what then remains."
    )
    if len(told["pace"]) > 1:
        lines.append(f"It {_pace(told)}.")
    on = ", ".join(told["reductions"]) or "none"
    return [*lines, f"Reductions that were on: {on}."]


def _pace(told: dict) -> str:
    """Say how even the search went."""
    rates = [(row["states"] / row["seconds"], row["depth"]) for row in told["pace"]
             if row["seconds"] > 0]  # fmt: skip
    slow, fast = min(rates), max(rates)
    return (
        f"was fastest before depth {fast[1]} ({fast[0]:,.0f} states a second), "
        f"and slowest before depth {slow[1]} ({slow[0]:,.0f})"
    )


def _bars(rows: list[tuple[str, int]], name: str, unit: str) -> list[str]:
    longest = max((n for _, n in rows), default=0) or 1
    width = max(len(name), *(len(label) for label, _ in rows))
    numbers = max(len(unit), *(len(f"{n:,}") for _, n in rows))
    lines = [f"  {name:>{width}}  {unit:>{numbers}}"]
    for label, n in rows:
        bar = "#" * (max(1, round(BAR * n / longest)) if n else 0)
        lines.append(f"  {label:>{width}}  {n:>{numbers},}  {bar}".rstrip())
    return lines


# --- the picture

WIDTH, EDGE, LABEL, ROW, COLUMN_HEIGHT, COLUMNS = 720, 16, 160, 20, 96, 80


def statistics_picture(told: dict) -> Picture:
    """Return statistics (as `Statistics.to_dict` gives them) as a picture."""
    svg, words = Svg(), _alternative(told)
    head = _head(told)
    svg.text(EDGE, 26, head[0], "strong")
    svg.text(EDGE, 44, head[1], "soft")
    y = _draw_depths(svg, told, 66)
    y = _draw_rows(svg, y, "Who takes the steps", [
        (each["actor"], each["transitions"], f"{each['transitions']:,}", f"--a{k % ACTOR_COLOURS}")
        for k, each in enumerate(told["by_actor"])
    ])  # fmt: skip
    mean = f"How many actors can move in a state: {told['branching']:.1f} on average"
    y = _draw_rows(svg, y, mean, [
        (str(k), n, f"{n:,} states", "--write") for k, n in enumerate(told["able"])
    ])  # fmt: skip
    total = sum(told["seconds"].values())
    y = _draw_rows(svg, y, f"Where the time went: {total:.2f} seconds in all", [
        (what, spent, f"{spent:.3f} s", "--mutex") for what, spent in told["seconds"].items()
    ])  # fmt: skip
    return Picture(svg.document(WIDTH, y, head[0], words), words)


def _alternative(told: dict) -> str:
    busy = max(told["by_actor"], key=lambda each: each["transitions"])
    return (
        f"{told['states']:,} states and {told['transitions']:,} steps; the most at one "
        f"distance are {told['widest']} steps from the start, the farthest {told['depth']}; "
        f"{busy['actor']} takes the most steps, {busy['transitions']:,}; "
        f"{sum(told['seconds'].values()):.2f} seconds in all"
    )


def _draw_depths(svg: Svg, told: dict, y: float) -> float:
    """Draw the states by depth as columns; return where the next part begins."""
    columns = binned(told["by_depth"], COLUMNS)
    most = max(n for *_, n in columns)
    step = (WIDTH - 2 * EDGE) / len(columns)
    svg.text(EDGE, y, "States by the least number of steps it takes to get there", "strong")
    base = y + 30 + COLUMN_HEIGHT
    for k, (_, _, n) in enumerate(columns):
        height = COLUMN_HEIGHT * n / most
        svg.rect(EDGE + k * step, base - height, max(step - 1.5, 0.5), height, fill="--a0")
    svg.line([(EDGE, base), (WIDTH - EDGE, base)], stroke="--soft")
    wide = next(k for k, (a, b, _) in enumerate(columns) if a <= told["widest"] <= b)
    said = f"{told['by_depth'][told['widest']]:,} states at {told['widest']} steps"
    at = min(max(EDGE + (wide + 0.5) * step, EDGE + 90), WIDTH - EDGE - 90)
    svg.text(at, y + 24, said, "small soft", text_anchor="middle")
    svg.text(EDGE, base + 14, "0 steps", "small soft")
    svg.text(WIDTH - EDGE, base + 14, f"{told['depth']} steps", "small soft", text_anchor="end")
    return base + 42


def _draw_rows(
    svg: Svg, y: float, title: str, rows: Iterable[tuple[str, float, str, str]]
) -> float:
    """Draw labelled bars; return where the next part begins."""
    rows = list(rows)
    most = max((n for _, n, _, _ in rows), default=0) or 1
    room = WIDTH - 2 * EDGE - LABEL - 10 - max(text_width(said) for *_, said, _ in rows)
    svg.text(EDGE, y, title, "strong")
    for k, (label, n, said, colour) in enumerate(rows):
        base = y + (k + 1) * ROW
        length = room * n / most
        svg.text(EDGE + LABEL - 8, base, label, text_anchor="end")
        svg.rect(EDGE + LABEL, base - 11, max(length, 1), 13, rx=2, fill=colour)
        svg.text(EDGE + LABEL + length + 6, base, said, "soft")
    return y + len(rows) * ROW + 30
