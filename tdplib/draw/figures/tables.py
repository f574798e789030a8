"""Page tables: an address cut into indices, a real tree of tables, and the tiny ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tdplib.draw import Picture
from tdplib.draw._svg import Svg, wrap
from tdplib.draw.dot import new_graph, quoted
from tdplib.draw.figures._parts import MARGIN, WIDTH, arrow, heading
from tdplib.machine.results import WalkStep
from tdplib.words import spte
from tdplib.words.gfn import FIVE_LEVELS, PAGE_SHIFT, Geometry

__all__ = ["Walk", "tables_figure", "tables_graph"]

_BIT = 15
_TABLE, _ROW, _HEAD = 104, 38, 40
"""Width of a table, height of a walk's row, and of a table's head."""
_TITLE = "Page tables: levels, indices, and what one entry maps"
_WORDS = (
    "Each level of the walk takes nine bits of the guest physical address as an index into a "
    "table of 512 entries (SPTEs). An entry leads to a table one level down, or is a leaf and "
    "maps memory."
)
_TINY = ((Geometry(1, 1), "most explorations"), (Geometry(1, 2), "the widest ones"),
         (Geometry(2, 1), "explorations with child tables"))  # fmt: skip


@dataclass(frozen=True)
class Walk:
    """A gfn, and the SPTEs on the way to it, root first, as `PageTables.walk` gives them."""

    gfn: int
    steps: tuple[WalkStep, ...]


def tables_figure(walks: tuple[Walk, ...], geometry: Geometry) -> Picture:
    """
    Return the picture.

    walks : of one table of `geometry` with 512 entries, each ending at a leaf, in order of gfn
    """
    svg = Svg()
    y = heading(svg, _TITLE, _WORDS)
    y = _draw_address(svg, y + 4)
    y = _draw_tree(svg, _boxes(walks), walks, geometry, y + 34)
    y = _draw_tiny(svg, y + 34)
    words = f"{_WORDS} {_say(walks, geometry)}"
    return Picture(svg.document(WIDTH, y + MARGIN, _TITLE, words), f"{_TITLE}. {words}")


def _say(walks: tuple[Walk, ...], geometry: Geometry) -> str:
    levels = range(FIVE_LEVELS.levels, 0, -1)
    parts = [f"Level {level}: {_bits(level)}, one entry maps {FIVE_LEVELS.span(level)}, "
             f"{_leaf_words(level)}." for level in levels]  # fmt: skip
    for walk in walks:
        steps = "; ".join(str(step) for step in walk.steps)
        parts.append(f"The walk of a {geometry.levels}-level table to gfn {walk.gfn:#x}: {steps}.")
    for shape, use in _TINY:
        parts.append(f"Tiny, in {use}: {_tiny_words(shape)}.")
    return " ".join(parts)


def _bits(level: int) -> str:
    low = FIVE_LEVELS.shift(level)
    return f"bits {low}-{low + FIVE_LEVELS.bits - 1}"


def _leaf_words(level: int) -> str:
    if level == 1:
        return "always a leaf"
    return "table or leaf" if level <= FIVE_LEVELS.max_leaf_level else "never a leaf"


# --- the address -------------------------------------------------------------------------------


def _column(level: int) -> float:
    """Return where the column of a level starts; level 0 is the offset, and memory."""
    return MARGIN + _BIT * FIVE_LEVELS.bits * (FIVE_LEVELS.levels - level)


def _draw_address(svg: Svg, y: float) -> float:
    """Draw the bits of an address as the indices they are; return where that ends."""
    width = _BIT * FIVE_LEVELS.bits
    for level in range(FIVE_LEVELS.levels, 0, -1):
        x = _column(level)
        dashes = {"stroke_dasharray": "5 4"} if level == FIVE_LEVELS.levels else {}
        svg.rect(x + 1, y, width - 2, 88, rx=5, fill="--band", stroke="--soft", **dashes)
        low = FIVE_LEVELS.shift(level)
        high = low + FIVE_LEVELS.bits - 1
        lines = (f"index, level {level}", f"bits {high} to {low}",
                 f"an SPTE maps {FIVE_LEVELS.span(level)}", _leaf_words(level))  # fmt: skip
        for place, line in enumerate(lines):
            cls = "small" if place else "strong"
            at = y + 20 + 19 * place
            svg.text(x + width / 2, at, line, cls, text_anchor="middle")
    x, width = _column(0), _BIT * PAGE_SHIFT
    svg.rect(x + 1, y, width - 2, 88, rx=5, fill="--bg", stroke="--soft")
    for place, line in enumerate(("offset", f"bits {PAGE_SHIFT - 1} to 0", "byte in a 4K page")):
        cls = "small" if place else "strong"
        svg.text(x + width / 2, y + 20 + 19 * place, line, cls, text_anchor="middle")
    svg.text(MARGIN, y + 105, "Dashed: only where roots have level 5.", "small soft")
    words = "The gfn is all of it but the offset: 45 bits with five levels, 36 with four."
    svg.text(_column(0) + width, y + 105, words, "small soft", text_anchor="end")
    return y + 105


# --- the tree ----------------------------------------------------------------------------------


@dataclass
class _Box:
    """One table: its number and level, per entry the first row of a walk through it, leaves."""

    table: int
    level: int
    entries: dict[int, int]
    last: int
    leaves: set[int]


def _boxes(walks: tuple[Walk, ...]) -> dict[int, _Box]:
    """Return the tables that the walks pass through."""
    boxes: dict[int, _Box] = {}
    for row, walk in enumerate(walks):
        for step in walk.steps:
            box = boxes.setdefault(step.table, _Box(step.table, step.level, {}, row, set()))
            box.entries.setdefault(step.index, row)
            box.last = row
        box.leaves.add(step.index)
    return boxes


def _rows(boxes: dict[int, _Box], walks: tuple[Walk, ...], top: float) -> list[float]:
    """Return the y of each row: where a table begins there is room for its head."""
    begins = {min(box.entries.values()) for box in boxes.values()}
    rows, y = [], top
    for row in range(len(walks)):
        y += _HEAD if row in begins else 0
        rows.append(y + _ROW / 2)
        y += _ROW
    return rows


def _draw_tree(
    svg: Svg, boxes: dict[int, _Box], walks: tuple[Walk, ...], geometry: Geometry, y: float
) -> float:
    """Draw the tables from left to right, each below its level; return where they end."""
    svg.text(MARGIN, y, f"A page table of {geometry.levels} levels, mapped and walked", "strong")
    rows = _rows(boxes, walks, y + 4)
    said = (f"Each box is a table: {geometry.entries} SPTEs of 8 bytes, one 4K page. Shown are "
            "those present. The root is the table on the left.")  # fmt: skip
    for place, line in enumerate(wrap(said, _BIT * geometry.bits - 14, 11)):
        svg.text(MARGIN, rows[0] - 8 + 15 * place, line, "small soft")
    for box in boxes.values():
        _draw_box(svg, box, rows, geometry)
    for row, walk in enumerate(walks):
        for here, there in pairwise(walk.steps):
            if boxes[here.table].entries[here.index] == row:
                x = _column(here.level) + _TABLE
                arrow(svg, [(x, rows[row]), (_column(there.level), rows[row])], "--soft")
        _draw_leaf(svg, walk, rows[row], geometry)
    return rows[-1] + _ROW / 2


def _draw_box(svg: Svg, box: _Box, rows: list[float], geometry: Geometry) -> None:
    x, first = _column(box.level), rows[min(box.entries.values())]
    top, bottom = first - _ROW / 2 - _HEAD + 8, rows[box.last] + _ROW / 2 - 4
    svg.rect(x, top, _TABLE, bottom - top, rx=6, fill="--band", stroke="--soft")
    svg.text(x + 8, top + 15, f"table {box.table}", "small strong")
    count = f"{len(box.entries)} of {geometry.entries} present"
    svg.text(x + 8, top + 29, count, "small soft")
    for index, row in box.entries.items():
        y = rows[row]
        svg.rect(x + 5, y - 12, _TABLE - 10, 24, rx=4, fill="--bg", stroke="--faint")
        svg.text(x + 12, y + 4, f"[{index}]", "code")
        kind = "leaf" if index in box.leaves else "table"
        svg.text(x + _TABLE - 11, y + 4, kind, "small soft", text_anchor="end")


def _draw_leaf(svg: Svg, walk: Walk, y: float, geometry: Geometry) -> None:
    """Draw the arrow from a walk's leaf to the memory it maps."""
    leaf, x = walk.steps[-1], _column(0)
    arrow(svg, [(_column(leaf.level) + _TABLE, y), (x, y)], "--live")
    width = _BIT * PAGE_SHIFT
    svg.rect(x, y - 16, width, 32, rx=5, fill="--bg", stroke="--live", stroke_width=1.6)
    svg.rect(x, y - 16, 5, 32, rx=2, fill="--live")
    svg.text(x + 14, y - 2, f"{geometry.span(leaf.level)} of memory", "small strong")
    pfn = spte.spte_to_pfn(leaf.spte)
    svg.text(x + 14, y + 12, f"gfn {walk.gfn:#x}, pfn {pfn:#x}", "small soft")


# --- the tiny ones -----------------------------------------------------------------------------


def _tiny_words(shape: Geometry) -> str:
    levels = "1 level" if shape.levels == 1 else f"{shape.levels} levels"
    return f"{levels} of {shape.entries} entries, {shape.gfns} gfns"


def _draw_tiny(svg: Svg, y: float) -> float:
    """Draw the tiny tables side by side; return where they end."""
    svg.text(
        MARGIN, y, "Tiny tables: the same arithmetic, small enough to try everything", "strong"
    )
    third = (WIDTH - 2 * MARGIN) / len(_TINY)
    for place, (shape, use) in enumerate(_TINY):
        x = MARGIN + third * place
        svg.text(x, y + 24, _tiny_words(shape), "small strong")
        svg.text(x, y + 39, f"in {use}", "small soft")
        _draw_level(svg, shape, shape.levels, x, y + 52)
    return y + 52 + 30 + 44


def _draw_level(svg: Svg, shape: Geometry, level: int, x: float, y: float) -> None:
    """Draw a table of `level` as a row of cells, and the tables below it."""
    cell, gap = 30, 22
    below = shape.entries ** (level - 1)
    span = below * cell + (below // shape.entries) * gap * (level > 1)
    left = x + (shape.entries * span - shape.entries * cell) / 2 * (level > 1)
    for index in range(shape.entries):
        at = left + cell * index
        colour = "--live" if level == 1 else "--soft"
        svg.rect(at, y, cell, 22, fill="--band", stroke=colour)
        svg.text(at + cell / 2, y + 15, f"[{index}]", "small", text_anchor="middle")
        if level > 1:
            child = x + index * span
            ends = [(at + cell / 2, y + 22), (child + shape.entries * cell / 2, y + 52)]
            arrow(svg, ends, "--soft")
            _draw_level(svg, shape, level - 1, child, y + 52)


# --- the graph ---------------------------------------------------------------------------------


def tables_graph(walks: tuple[Walk, ...], geometry: Geometry) -> str:
    """Return the same tree as DOT: a node a table and a mapped range, an edge an SPTE."""
    graph = new_graph("tables", rankdir="LR")
    for box in _boxes(walks).values():
        words = f"table {box.table}\\nlevel {box.level} ({geometry.span(box.level)})"
        graph.node(f"t{box.table}", words)
    seen = set()
    for walk in walks:
        for here, there in pairwise(walk.steps):
            if (here.table, here.index) not in seen:
                seen.add((here.table, here.index))
                graph.edge(f"t{here.table}", f"t{there.table}", label=f"[{here.index}]")
        leaf = walk.steps[-1]
        words = f"{geometry.span(leaf.level)} at gfn {walk.gfn:#x}"
        graph.node(f"g{walk.gfn:x}", quoted(words), shape="ellipse")
        graph.edge(f"t{leaf.table}", f"g{walk.gfn:x}", label=f"[{leaf.index}]", style="bold")
    return graph.source
