"""What the figures share: width, heading, arrows, numbered marks, notes."""

from __future__ import annotations

import math

from tdplib.draw._svg import Svg, wrap

__all__ = ["MARGIN", "WIDTH", "arrow", "heading", "mark", "notes", "paragraph"]

WIDTH, MARGIN = 900, 18
LINE = 17
"""Pixels from one line of prose to the next."""


def heading(svg: Svg, title: str, words: str) -> float:
    """Write a title and a sentence or two below it; return where the figure may start."""
    svg.text(MARGIN, 34, title, "head")
    return paragraph(svg, MARGIN, 57, words, WIDTH - 2 * MARGIN, "soft") + 8


def paragraph(svg: Svg, x: float, y: float, words: str, width: float, cls: str = "") -> float:
    """Write `words` in lines of `width` pixels, the first on baseline `y`; return the next one."""
    for line in wrap(words, width):
        svg.text(x, y, line, cls)
        y += LINE
    return y


def notes(svg: Svg, y: float, lines: tuple[str, ...]) -> float:
    """Write the notes at a figure's foot, a paragraph each; return where they end."""
    for words in lines:
        y = paragraph(svg, MARGIN, y, words, WIDTH - 2 * MARGIN, "soft")
    return y


def arrow(svg: Svg, points: list[tuple[float, float]], colour: str, **attributes: object) -> None:
    """Draw a line through `points` with a head at its end."""
    (x0, y0), (x1, y1) = points[-2:]
    length = math.hypot(x1 - x0, y1 - y0) or 1
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    shaft = [*points[:-1], (x1 - 6 * dx, y1 - 6 * dy)]
    svg.line(shaft, stroke=colour, stroke_width=1.6, **attributes)
    left = (x1 - 9 * dx - 4.5 * dy, y1 - 9 * dy + 4.5 * dx)
    right = (x1 - 9 * dx + 4.5 * dy, y1 - 9 * dy - 4.5 * dx)
    path = " L".join(f"{x:.1f} {y:.1f}" for x, y in ((x1, y1), left, right))
    svg.element("path", d=f"M{path} Z", fill=colour)


def mark(svg: Svg, x: float, y: float, words: str, colour: str) -> None:
    """Draw a filled disc with a number (or letter) in it, its middle at (`x`, `y`)."""
    svg.element("circle", cx=x, cy=y, r=9.5, fill=colour)
    at = {"text_anchor": "middle", "style": "fill:var(--bg)"}
    svg.text(x, y + 4, words, "strong small", **at)
