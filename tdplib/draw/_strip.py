"""The strip at the side of a trace: how each root's state changes, one column a fact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tdplib.draw._rows import Row
from tdplib.draw._svg import Svg

__all__ = ["Column", "draw_strip", "strip_columns", "strip_width"]

COLUMN = 19
_GAP = 14


@dataclass(frozen=True)
class Column:
    """One fact about one root: a bar while it is true, or a number where it changes."""

    root: int
    title: str
    value: Callable[[dict], object]
    """From the root's part of a board: a truth value, or the number to write."""
    colour: str
    paths: tuple[str, ...]
    """The paths of a board that say that the fact changed."""
    number: bool = False


def strip_columns(boards: list[dict]) -> list[list[Column]]:
    """
    Return the columns of every root that `boards` ever show as allocated, a list a root.

    SPTEs that are never present, and the queue where it is never used, get no column.
    """
    seen: dict[int, list[dict]] = {}
    for board in boards:
        for root in board["roots"]:
            seen.setdefault(root["index"], []).append(root)
    return [_columns_of(index, states) for index, states in sorted(seen.items())]


def _columns_of(index: int, states: list[dict]) -> list[Column]:
    at = f"roots.{index}"
    columns = [
        Column(index, "invalid", _invalid, "--bad", (f"{at}.role.invalid",)),
        Column(index, "refcount", _refcount, "--ink", (f"{at}.refcount",), number=True),
        Column(index, "on the list", _listed, "--soft", (f"{at}.listed",)),
    ]
    if any(_queued(root) for root in states):
        paths = (f"{at}.queued", f"{at}.running")
        columns.append(Column(index, "queued", _queued, "--mutex", paths))
    for spte in sorted({s["index"] for root in states for s in root["sptes"] if s["present"]}):
        paths = (f"{at}.sptes.{spte}", f"{at}.sptes.{spte}.present")
        columns.append(Column(index, f"SPTE {spte} live", _present(spte), "--live", paths))
    return columns


def _invalid(root: dict) -> bool:
    return root["role"]["invalid"]


def _refcount(root: dict) -> int:
    return root["refcount"]


def _listed(root: dict) -> bool:
    return root["listed"]


def _queued(root: dict) -> bool:
    return root["queued"] or root["running"]


def _present(index: int) -> Callable[[dict], bool]:
    return lambda root: any(s["present"] for s in root["sptes"] if s["index"] == index)


def strip_width(groups: list[list[Column]]) -> int:
    """Return the pixels the strip takes."""
    return sum(COLUMN * len(group) + _GAP for group in groups)


def draw_strip(
    svg: Svg, groups: list[list[Column]], boards: list[dict], rows: list[Row], left: float
) -> None:
    """Draw the strip with its left edge at `left`, beside `rows`."""
    for group in groups:
        _draw_group(svg, group, boards, rows, left)
        left += COLUMN * len(group) + _GAP


def _draw_group(
    svg: Svg, group: list[Column], boards: list[dict], rows: list[Row], left: float
) -> None:
    """Draw the box of one root over the time it exists, its heads, and its columns."""
    index = group[0].root
    states = [_root(board, index) for board in boards]
    alive = [state is not None and state["state"] != "freed" for state in states]
    name = next(state["name"] for state in states if state is not None)
    width, top = COLUMN * len(group), rows[0].top
    svg.text(left + width / 2, top - 86, name, "strong small", text_anchor="middle")
    for start, end in _spans(alive):
        y0, y1 = _span_ys(rows, start, end, (f"roots.{index}",))
        svg.rect(left, y0, width, y1 - y0, rx=4, fill="--band", stroke="--faint")
    for place, column in enumerate(group):
        x = left + COLUMN * (place + 0.5)
        svg.text(
            0,
            0,
            column.title,
            "small soft",
            transform=f"translate({x + 4:.1f} {top - 8:.1f}) rotate(-90)",
        )
        values = [
            column.value(state) if ok else None for ok, state in zip(alive, states, strict=True)
        ]
        draw = _draw_numbers if column.number else _draw_bar
        draw(svg, column, values, rows, x)


def _draw_bar(svg: Svg, column: Column, values: list, rows: list[Row], x: float) -> None:
    for start, end in _spans([bool(value) for value in values]):
        y0, y1 = _span_ys(rows, start, end, column.paths)
        svg.rect(x - 4, y0, 8, y1 - y0, rx=3, fill=column.colour)


def _draw_numbers(svg: Svg, column: Column, values: list, rows: list[Row], x: float) -> None:
    """Write a number where it changes, and a thin line down to the next."""
    changes = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    for i, following in zip(changes, [*changes[1:], len(values)], strict=True):
        if values[i] is None:
            continue
        y0, y1 = _span_ys(rows, i, following, column.paths)
        svg.line([(x, y0 + 8), (x, max(y0 + 8, y1 - 8))], stroke="--faint", stroke_width=2)
        svg.text(x, y0 + 4, str(values[i]), "strong small", text_anchor="middle")


def _root(board: dict, index: int) -> dict | None:
    return next((root for root in board["roots"] if root["index"] == index), None)


def _spans(truth: list[bool]) -> list[tuple[int, int]]:
    """Return the runs of true entries as (first board, first board after it)."""
    spans, start = [], None
    for i, holds in enumerate([*truth, False]):
        if holds and start is None:
            start = i
        elif not holds and start is not None:
            spans.append((start, i))
            start = None
    return spans


def _span_ys(rows: list[Row], start: int, end: int, paths: tuple[str, ...]) -> tuple[float, float]:
    """
    Return where a fact that holds on boards `start` to `end` - 1 begins and ends.

    Board i is the state before step i: what first shows on it was done in the row above, by the
    action that changed one of `paths`.
    """
    y0 = rows[start - 1].y_of(*paths) if start else rows[0].top
    y1 = rows[end - 1].y_of(*paths) if end <= len(rows) else rows[-1].bottom
    return y0, max(y1, y0 + 6)
