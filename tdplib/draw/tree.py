"""
Page tables as a tree: each table a box of ranges, whatever its size, root on the left.

>>> from tdplib.machine.pagetable import PageTables
>>> pool = PageTables()
>>> root = pool.new_root()
>>> _ = pool.map(root, 0x12345)
>>> before = pool.snapshot(root)
>>> _ = pool.zap_range(root, 0x12345, 0x12346)
>>> print(tree(pool, was=before, walk=0x12345).alternative)
Page tables below root 1: 4 levels of 512 entries, 4 tables, nothing is mapped. Changed: table \
4[325] not present, was leaf of 4K, RWX. The walk to gfn 0x12345 takes [0], [0], [145], [325], and \
ends at level 1: not present.
"""

from __future__ import annotations

from collections.abc import Sequence

from tdplib.draw._picture import Picture
from tdplib.draw._svg import Svg, fit, text_width, wrap
from tdplib.draw._treeplan import Part, Plan, Row, make_plan
from tdplib.errors import BadValueError, check_int
from tdplib.machine.pagetable import PageTables
from tdplib.machine.tree import Path, Tree, range_words

__all__ = ["tree", "tree_frames"]

LIMIT = 10
"""So many tables are drawn, unless somebody asks for more."""

_WIDTH, _MARGIN = 900, 16
_GAP, _NARROW_GAP, _BELOW = 30, 22, 10
"""Between two columns, and between two boxes of one."""
_HEAD, _LINE, _PAD = 38, 15, 8
_SIZE, _BOLD = 11, 11.8
"""Of small text; bold text is about as wide as plain text of the other size."""
_NARROWEST, _WIDEST = 108, 252
_TOLD = 4
"""So many changes are named in the sentence; the others are counted."""


def tree(
    tables: PageTables | Tree,
    root: int | None = None,
    *,
    was: Tree | None = None,
    walk: int | None = None,
    limit: int = LIMIT,
) -> Picture:
    """
    Return the picture of the tree below a root.

    Parameters
    ----------
    tables : the pool, or one root's tree as `PageTables.snapshot` gave it
    root : which root of the pool; needed only where it has several
    was : the tree at an earlier moment: what differs is marked, and what was cut off shown
    walk : a gfn, to show the way to it: one entry a level
    limit : so many tables are drawn; how many more there are is said in the picture

    Raises
    ------
    BadValueError
        The pool has no root or several, the trees are of different geometries, or a number is out
        of range.
    """
    now = _tree(tables, root)
    moments = [now] if was is None else [was, now]
    return _pictures(moments, walk, limit, ("",) * len(moments))[-1]


def tree_frames(
    moments: Sequence[Tree],
    *,
    walk: int | None = None,
    labels: Sequence[str] = (),
    limit: int = LIMIT,
) -> tuple[Picture, ...]:
    """
    Return a picture of each moment, all laid out alike: a table has the same place in each.

    moments : one root's trees in the order of time; each is compared to the one before
    labels : a few words for each, told above the picture
    walk, limit : as for `tree`
    """
    if labels and len(labels) != len(moments):
        raise BadValueError(f"{len(labels)} labels for {len(moments)} moments")
    return _pictures(list(moments), walk, limit, labels or ("",) * len(moments))


def _tree(tables: PageTables | Tree, root: int | None) -> Tree:
    if isinstance(tables, Tree):
        return tables
    if root is None:
        if len(tables.roots) != 1:
            raise BadValueError(f"the pool has the roots {list(tables.roots)}: say which with root")
        root = tables.roots[0]
    return tables.snapshot(root)


def _pictures(
    moments: list[Tree], walk: int | None, limit: int, labels: Sequence[str]
) -> tuple[Picture, ...]:
    if not moments:
        return ()
    if len({one.geometry for one in moments}) > 1:
        raise BadValueError("the trees have different geometries: they are not of one root")
    if walk is not None:
        walk = moments[0].geometry.check_gfn(walk)
    plan = make_plan(moments, walk, check_int("limit", limit, 1, 200))
    layout = _Layout(plan, moments)
    said = [_sentences(layout, n, walk) for n in range(len(moments))]
    lines = [_wrapped(words) for words in said]
    below = 54.0 + 17 * max(len(one) for one in lines)  # the same in all: nothing jumps
    return tuple(
        _picture(layout, n, (label, " ".join(said[n]), lines[n], below))
        for n, label in enumerate(labels)
    )


def _wrapped(sentences: list[str]) -> list[str]:
    return [line for words in sentences for line in wrap(_signs(words), _WIDTH - 2 * _MARGIN)]


def _signs(text: str) -> str:
    """Return `text` with real arrows, which no line begins or ends with."""
    return text.replace("-> ", "→\u00a0")


# --- words -------------------------------------------------------------------------------------


def _facts(now: Tree) -> str:
    """Return the size of a tree, and what it maps."""
    geometry = now.geometry
    one = now.counts.tables == 1
    levels = "1 level" if geometry.levels == 1 else f"{geometry.levels} levels"
    parts = [f"{levels} of {geometry.entries} entries",
             f"{now.counts.tables} table{'' if one else 's'}"]  # fmt: skip
    for level, count in sorted(now.counts.leaves.items()):
        if count:
            parts.append(f"{count} {'leaf' if count == 1 else 'leaves'} of {geometry.span(level)}")
    frozen = sum(now.counts.frozen.values())
    parts += [f"{frozen} REMOVED"] if frozen else []
    mapped = sum(now.counts.leaves.values()) or frozen
    return ", ".join(parts if mapped else [*parts, "nothing is mapped"])


def _walk_words(now: Tree, gfn: int | None) -> str:
    if gfn is None:
        return ""
    table, index = now.way(gfn)[-1]
    steps = ", ".join(f"[{index}]" for _, index in now.way(gfn))
    end = table.at(index).part(index, index, now.geometry.pages(table.level))
    what = ", ".join(range_words(now.geometry, table, end))
    return (
        f"The walk to gfn {gfn:#x} takes {steps}, and ends at level {table.level}: "
        f"{'a ' if end.kind == 'leaf' else ''}{what}."
    )


def _sentences(layout: _Layout, n: int, walk: int | None) -> list[str]:
    """Return what is said about one moment: its size, what changed, where the walk goes."""
    now = layout.moments[n]
    said = [f"{_facts(now)}.", _changes(layout.plan, layout.moments, n)]
    return [words for words in [*said, _walk_words(now, walk)] if words]


def _changes(plan: Plan, moments: list[Tree], n: int) -> str:
    """Return what changed since the moment before, in a sentence."""
    if n == 0:
        return ""
    told, before, now = [], moments[n - 1], moments[n]
    for path, rows in plan.rows.items():
        for row in rows:
            part = row.parts[n]
            if part.changed:
                was = f", was {part.was}" if part.was else ""
                told.append(f"table {now.tables[path].number}{_entries(row)} {part.lines[0]}{was}")
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    told = told[:_TOLD]
    if gone := [one for path, one in before.tables.items() if path not in now.tables]:
        which = f"{len(gone)} tables were" if len(gone) > 1 else f"table {gone[0].number} was"
        told.append(f"{which} {_gone(now, gone[0].number)}")
    if freed := before.waiting - now.waiting:
        told.append(f"{len(freed)} {'table' if len(freed) == 1 else 'tables'} that waited: freed")
    return f"Changed: {'; '.join(told)}{more}." if told else "Nothing drawn here changed."


def _gone(now: Tree, number: int) -> str:
    """Return what became of a table that the root does not lead to any more."""
    return "cut off, now waiting for RCU" if number in now.waiting else "cut off, now freed"


def _detached(moments: list[Tree], n: int, path: Path) -> tuple[str, str] | None:
    """Return the name of a table that is gone, and its fate, while there is something to say."""
    last = next((one for one in reversed(moments[:n]) if path in one.tables), None)
    if last is None:
        return None
    number = last.tables[path].number
    if last is moments[n - 1]:
        return f"Δ table {number}", _gone(moments[n], number)
    if number in moments[n].waiting:
        return f"table {number}", "waiting for RCU"
    if number in moments[n - 1].waiting:
        return f"Δ table {number}", "freed"
    return None


def _covers(now: Tree, level: int, *, short: bool = False) -> str:
    """Return the level of a table, and what one of its entries covers."""
    span = now.geometry.span(level)
    return f"level {level}, {span} each" if short else f"level {level}, an SPTE covers {span}"


def _entries(row: Row) -> str:
    return f"[{row.first}]" if row.first == row.last else f"[{row.first}..{row.last}]"


# --- layout ------------------------------------------------------------------------------------


class _Layout:
    """Where everything stands, at all moments."""

    def __init__(self, plan: Plan, moments: list[Tree]) -> None:
        self.plan, self.moments = plan, moments
        self.columns = self._columns()
        self.heights: dict[Path, list[float]] = {}
        for path, rows in plan.rows.items():
            width = self.columns[len(path)][1]
            self.heights[path] = [
                max(_PAD + _LINE * len(_lines(row, part, width)) for part in row.parts)
                for row in rows
            ]
        self.tops: dict[Path, float] = {}
        self.bottom = self._place((), 0.0)

    def _columns(self) -> list[tuple[float, float]]:
        """Return left edge and width of each column: as wide as its texts, if all fit."""
        depth = 1 + max(len(path) for path in self.plan.rows)
        widths = [float(_NARROWEST)] * depth
        for path, rows in self.plan.rows.items():
            for row in rows:
                for part in row.parts:
                    first = [f"{_entries(row)} {line}" for line in part.lines[:1]]
                    texts = [*first, *part.lines[1:], *_was(part)]
                    wanted = max((text_width(text, _BOLD) for text in texts), default=0) + 30
                    widths[len(path)] = min(_WIDEST, max(widths[len(path)], wanted))
            level = self.moments[0].geometry.levels - len(path)
            head = text_width(_covers(self.moments[0], level, short=True), _SIZE) + 22
            widths[len(path)] = max(widths[len(path)], head)
        gap = _GAP if depth < 5 else _NARROW_GAP
        room = _WIDTH - 2 * _MARGIN - gap * (depth - 1)
        while sum(widths) > room:
            widths[widths.index(max(widths))] -= 4
        lefts = [_MARGIN + sum(widths[:n]) + gap * n for n in range(depth)]
        return list(zip(lefts, widths, strict=True))

    def _place(self, path: Path, y: float) -> float:
        """Give `path` and all below it their places from `y` on; return where they end."""
        self.tops[path] = y
        below = y
        for child in self.plan.rows:
            if child[:-1] == path and child:
                below = self._place(child, below) + _BELOW
        return max(y + self.height(path), below - _BELOW)

    def height(self, path: Path) -> float:
        return _HEAD + sum(self.heights[path]) + 4

    def row_top(self, path: Path, number: int) -> float:
        return self.tops[path] + _HEAD + sum(self.heights[path][:number])


def _lines(row: Row, part: Part, width: float) -> list[str]:
    """Return the lines of one row, broken where they are too long."""
    if part.kind == "absent":
        return [_entries(row)]
    told = [f"{_entries(row)} {part.lines[0]}", *part.lines[1:]]
    return [line for words in (*told, *_was(part)) for line in _broken(words, width - 28)]


def _was(part: Part) -> list[str]:
    return [f"was {part.was}"] if part.was else []


def _broken(words: str, room: float) -> list[str]:
    """Break a line as if it were bold; a span too long for a line is broken in its middle."""
    kept = _signs(words).replace("gfn ", "gfn\u00a0")
    if any(text_width(word, _BOLD) > room for word in kept.split(" ")):
        kept = _signs(words).replace("\u00a0", " ").replace("..", " .. ")
    return wrap(kept, room, _BOLD)


# --- drawing -----------------------------------------------------------------------------------


def _picture(layout: _Layout, n: int, told: tuple[str, str, list[str], float]) -> Picture:
    """Draw moment `n`; told: its label, what is said of it, the same in lines, and their end."""
    label, said, lines, y = told
    now, title = layout.moments[n], f"Page tables below root {layout.moments[n].root}"
    svg = Svg()
    head = f"{title}: {label}" if label else title
    svg.text(_MARGIN, 32, fit(head, _WIDTH - 2 * _MARGIN, 17), "head")
    for number, line in enumerate(lines):
        svg.text(_MARGIN, 54 + 17 * number, line, "soft")
    svg.open(transform=f"translate(0 {y:.0f})")
    _draw_links(svg, layout, n)
    for path in layout.plan.rows:
        _draw_table(svg, layout, n, path)
    svg.close()
    y += layout.bottom + 22
    hidden = layout.plan.hidden[n]
    if any(layout.plan.hidden):
        words = f"+ {hidden} more table{'' if hidden == 1 else 's'}, not drawn" if hidden else ""
        svg.text(_MARGIN, y, words, "strong")
        y += 10
    sentence = f"{head}: {said}"
    return Picture(svg.document(_WIDTH, y + 6, head, f"{sentence} {now!r}"), sentence, f"{now!r}")


def _draw_links(svg: Svg, layout: _Layout, n: int) -> None:
    """Draw a line from each entry to its table; on the walk and where it is new, a heavy one."""
    for path in layout.plan.rows:
        if not path or path not in layout.moments[n].tables:
            continue
        rows = layout.plan.rows[path[:-1]]
        number = next(k for k, row in enumerate(rows) if row.first == path[-1])
        part = rows[number].parts[n]
        left, width = layout.columns[len(path) - 1]
        x0, x1 = left + width, layout.columns[len(path)][0]
        y0 = layout.row_top(path[:-1], number) + (_PAD + _LINE) / 2
        y1 = layout.tops[path] + 16
        heavy = part.changed or part.walked
        colour = "--a0" if part.walked else "--ink" if heavy else "--soft"
        bend = f"C{x0 + 16:.1f} {y0:.1f} {x1 - 18:.1f} {y1:.1f} {x1 - 7:.1f} {y1:.1f}"
        svg.curve(f"M{x0:.1f} {y0:.1f} {bend}", stroke=colour, stroke_width=2.4 if heavy else 1.4)
        head = f"M{x1:.1f} {y1:.1f} L{x1 - 8:.1f} {y1 - 4:.1f} L{x1 - 8:.1f} {y1 + 4:.1f} Z"
        svg.element("path", d=head, fill=colour)


def _draw_table(svg: Svg, layout: _Layout, n: int, path: Path) -> None:
    now, before = layout.moments[n], layout.moments[n - 1] if n else None
    (x, width), y = layout.columns[len(path)], layout.tops[path]
    table = now.tables.get(path)
    if table is None:
        if told := _detached(layout.moments, n, path):
            box = {"rx": 6, "fill": "--bg", "stroke": "--soft", "stroke_dasharray": "5 4"}
            svg.rect(x, y, width, layout.height(path), **box)
            svg.text(x + 10, y + 16, told[0], "strong")
            for k, line in enumerate(wrap(told[1], width - 20, _SIZE)):
                svg.text(x + 10, y + 32 + _LINE * k, line, "small soft")
        return
    fresh = before is not None and path not in before.tables
    edge = {"stroke": "--ink", "stroke_width": 2} if fresh else {"stroke": "--soft"}
    svg.rect(x, y, width, layout.height(path), rx=6, fill="--bg", **edge)
    name = f"root, table {table.number}" if not path else f"table {table.number}"
    svg.text(x + 10, y + 16, f"Δ {name}, new" if fresh else name, "strong")
    covers = _covers(now, table.level)
    if text_width(covers, _SIZE) > width - 18:
        covers = _covers(now, table.level, short=True)
    svg.text(x + 10, y + 31, fit(covers, width - 16, _SIZE), "small soft")
    for number, row in enumerate(layout.plan.rows[path]):
        _draw_row(svg, layout, (path, number, row.parts[n]), row)


def _draw_row(svg: Svg, layout: _Layout, place: tuple[Path, int, Part], row: Row) -> None:
    path, number, part = place
    (x, width), y = layout.columns[len(path)], layout.row_top(path, number)
    height = layout.heights[path][number]
    box = {
        "rx": 3,
        "fill": "--band" if part.kind in ("leaf", "table", "tables", "removed") else "--bg",
    }
    edge: dict[str, object] = {"stroke": "--faint"}
    if part.changed or part.walked:
        edge = {"stroke": "--a0" if part.walked else "--ink", "stroke_width": 2}
    svg.rect(x + 4, y + 1, width - 8, height - 2, **box, **edge)
    bar = {"leaf": "--live", "removed": "--bad"}.get(part.kind)
    if bar:
        svg.rect(x + 4, y + 1, 4, height - 2, rx=2, fill=bar)
    sign = "Δ" if part.changed else "▸" if part.walked else ""
    cls = "small strong" if sign else "small soft" if part.kind == "nothing" else "small"
    svg.text(x + 11, y + 16, sign, "small strong")
    lines = _lines(row, part, width)
    late = len(lines) - sum(len(_broken(words, width - 28)) for words in _was(part))
    for k, line in enumerate(lines):
        svg.text(x + 22, y + 16 + _LINE * k, line, cls if k < late else "small soft")
