"""
The page tables of a board with two levels: roots above, tables below, a line for each link.

Each page slot has a column, and each kind a row, so that a page has its place over all steps.
"""

from __future__ import annotations

from tdplib.draw._svg import Svg, fit

__all__ = ["draw_page_tables"]

_HEAD, _ROW, _GUTTER, _LANES = 36, 19, 26, 4


def draw_page_tables(svg: Svg, board: dict, room: tuple[float, float, float]) -> float:
    """
    Draw the tree of a board's pages; return where it ends.

    room : left edge, top and width
    """
    left, top, width = room
    shape = board["shape"]
    column = width / len(shape["slots"])
    upper = _HEAD + _ROW * shape["entries"] + 4
    svg.text(left, top + 14, "Page tables: an SPTE of a root leads to a table, an SPTE of a table "
             "maps a page.", "soft")  # fmt: skip
    top += 24
    pages = {page["index"]: page for page in board["roots"]}
    places = {}
    for slot, kind in enumerate(shape["slots"]):
        y = {"root": top, "table": top + upper + _GUTTER}.get(kind, top + (upper + _GUTTER) / 2)
        places[slot] = (left + column * slot, y, column * 0.9, upper)
        _draw_page(svg, board, (slot, kind, pages.get(slot)), places[slot])
    for page in pages.values():
        for spte in page["sptes"] if page["state"] != "freed" else ():
            if spte.get("child") in places and not page["is_table"]:
                _draw_link(svg, board, (page, spte), (places[page["index"]], places[spte["child"]]))
    return top + 2 * upper + _GUTTER


def _changed(board: dict, path: str) -> bool:
    return any(each == path or each.startswith(f"{path}.") for each in board["changed"])


def _standing(board: dict, page: dict) -> str:
    """Return where a page hangs, or why nothing leads to it."""
    if page["state"] == "freeing":
        return "cut off, waits for RCU" if page["is_table"] else "waits for RCU"
    if not page["is_table"]:
        return "level 2, invalid" if page["role"]["invalid"] else "level 2, valid"
    for above in board["roots"]:
        for spte in above["sptes"] if above["index"] == page["parent"] else ():
            if spte["child"] == page["index"]:
                return f"below {above['name']}[{spte['index']}]"
    return "no SPTE leads here"


def _draw_page(
    svg: Svg, board: dict, what: tuple[int, str, dict | None], box: tuple[float, ...]
) -> None:
    slot, kind, page = what
    x, y, width, height = box
    name, at = f"{kind or 'page'} {slot}", f"roots.{slot}"
    alive = page is not None and page["state"] != "freed"
    loose = alive and page["is_table"] and page["parent"] is None
    fresh = _changed(board, f"{at}.state") or f"{at}" in board["changed"]
    edge = {"stroke": "--ink" if fresh else "--soft" if alive else "--faint",
            "stroke_width": 2 if fresh else 1}  # fmt: skip
    if loose or not alive:
        edge["stroke_dasharray"] = "5 4"
    svg.rect(x, y, width, height, rx=6, fill="--bg", **edge)
    svg.text(x + 10, y + 16, f"Δ {name}" if fresh else name, "strong" if alive else "soft")
    said = _standing(board, page) if alive else page["state"] if page else "not allocated"
    svg.text(x + 10, y + 31, fit(said, width - 14, 11), "small soft")
    for spte in page["sptes"] if alive and kind else ():
        _draw_spte(svg, board, (page, spte), (x, y + _HEAD + _ROW * spte["index"], width))


def _draw_spte(
    svg: Svg, board: dict, what: tuple[dict, dict], row: tuple[float, float, float]
) -> None:
    page, spte = what
    x, y, width = row
    changed = _changed(board, f"roots.{page['index']}.sptes.{spte['index']}")
    edge = {"stroke": "--ink", "stroke_width": 2} if changed else {"stroke": "--faint"}
    held = spte["kind"] != "nothing"
    svg.rect(x + 4, y + 1, width - 8, _ROW - 2, rx=3, fill="--band" if held else "--bg", **edge)
    bar = {"leaf": "--live", "removed": "--bad"}.get(spte["kind"])
    if bar:
        svg.rect(x + 4, y + 1, 4, _ROW - 2, rx=2, fill=bar)
    sign = "Δ " if changed else ""
    words = f"{sign}[{spte['index']}] {spte['short'].replace('->', '→')}"
    cls = "small strong" if changed else "small" if held else "small soft"
    svg.text(x + 12, y + 14, fit(words, width - 18, 11), cls)


def _draw_link(
    svg: Svg, board: dict, what: tuple[dict, dict], boxes: tuple[tuple[float, ...], ...]
) -> None:
    """Draw the line from an entry to its table: beside the root's box, then between the rows."""
    page, spte = what
    (x, y, width, height), (below, top, wide, _) = boxes
    many, index = len(page["sptes"]), spte["index"]
    aside = x + width + width / 9 * (index + 1) / (many + 1)
    lane = y + height + 5 + 4 * ((page["index"] * many + index) % _LANES)
    start, middle = y + _HEAD + _ROW * (index + 0.5), below + wide / 2
    changed = _changed(board, f"roots.{page['index']}.sptes.{index}")
    colour = "--ink" if changed else "--soft"
    line = [(x + width, start), (aside, start), (aside, lane), (middle, lane), (middle, top - 6)]
    svg.line(line, stroke=colour, stroke_width=2.4 if changed else 1.4)
    head = (
        f"M{middle:.1f} {top:.1f} L{middle - 4:.1f} {top - 8:.1f} L{middle + 4:.1f} {top - 8:.1f} Z"
    )
    svg.element("path", d=head, fill=colour)
