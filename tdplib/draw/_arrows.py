"""The order that matters: arrows between the steps of a picture, and what joins each pair."""

from __future__ import annotations

from math import hypot

from tdplib.draw._plan import MARGIN, WIDTH, Plan
from tdplib.draw._svg import Svg, wrap

__all__ = ["arrow_words", "draw_arrow_head", "draw_arrow_list", "draw_arrows"]

DOT = 11.5
"""An arrow begins and ends so far from the middle of a step's dot."""
HEAD = 8.0


def arrow_words(arrows: tuple) -> list[str]:
    """Return each arrow as a sentence."""
    return [f"{a.first} before {a.then}: {a.why}" for a in arrows]


def draw_arrows(svg: Svg, plan: Plan, arrows: tuple) -> None:
    """Draw each arrow from its first step's dot to its second's, with what joins them as title."""
    dots = {row.index + 1: (plan.x(row.actor), row.dot) for row in plan.rows}
    for arrow in arrows:
        svg.open()
        svg.element("title", f"step {arrow.first} before step {arrow.then}: {arrow.why}")
        _draw_one(svg, dots[arrow.first], dots[arrow.then])
        svg.close()


def _draw_one(svg: Svg, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow that leaves its lane soon, and comes down to its end."""
    (x0, y0), (x1, y1) = start, end
    across = 1 if x1 > x0 else -1
    x0, y0 = x0 + across * DOT * 0.75, y0 + DOT * 0.75
    x1, y1 = x1 - across * DOT * 0.6, y1 - DOT * 0.8
    drop = max(18.0, (y1 - y0) * 0.4)
    c0, c1 = (x0 + (x1 - x0) * 0.5, y0 + drop * 0.4), (x1 - across * 14, y1 - drop)
    path = f"M{x0:.1f} {y0:.1f} C{c0[0]:.1f} {c0[1]:.1f} {c1[0]:.1f} {c1[1]:.1f} {x1:.1f} {y1:.1f}"
    svg.curve(path, stroke="--bg", stroke_width=5.5)
    svg.curve(path, stroke="--ink", stroke_width=1.8)
    draw_arrow_head(svg, (x1, y1), (x1 - c1[0], y1 - c1[1]))


def draw_arrow_head(svg: Svg, tip: tuple[float, float], way: tuple[float, float]) -> None:
    """Draw the head of an arrow that comes the way `way` and ends at `tip`."""
    length = hypot(*way) or 1.0
    ux, uy = way[0] / length, way[1] / length
    back = (tip[0] - HEAD * ux, tip[1] - HEAD * uy)
    left = (back[0] - HEAD * 0.45 * uy, back[1] + HEAD * 0.45 * ux)
    right = (back[0] + HEAD * 0.45 * uy, back[1] - HEAD * 0.45 * ux)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, left, right))
    svg.element("polygon", points=points, fill="--ink")


def draw_arrow_list(svg: Svg, arrows: tuple, y: float) -> float:
    """Write under the picture what joins the steps of each arrow; return where that ends."""
    if not arrows:
        return y
    svg.text(MARGIN, y + 18, "The order that matters, and why", "strong")
    y += 24
    for arrow in arrows:
        label = f"{arrow.first} \u2192 {arrow.then}"
        svg.text(MARGIN, y + 13, label, "strong")
        left = MARGIN + 66
        for line in wrap(arrow.why, WIDTH - MARGIN - left):
            svg.text(left, y + 13, line)
            y += 16
        y += 3
    return y
