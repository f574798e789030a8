"""
Which tables of a tree are drawn, and in which rows, so that several moments fit one layout.

A row is a run of entries that lie in one range at each of the moments. So a table has the same rows
in all pictures, and what changes between two of them changes inside its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tdplib.machine.tree import Path, Table, Tree, range_words

__all__ = ["Part", "Plan", "Row", "make_plan"]

MOST_ROWS = 14
"""Rows of one table; beyond, neighbours that nothing happens to share one."""
FEW = 3
"""So many tables below one table are drawn, if no walk goes through them."""


@dataclass(frozen=True)
class Part:
    """What a row shows at one moment."""

    kind: str
    """A range's kind, "tables" (several, not drawn), "mixed" (several ranges), or "absent"."""
    lines: tuple[str, ...]
    key: object
    """Equal at two moments if the entries are."""
    was: str = ""
    """What the entries held one moment earlier, if that was something else and not nothing."""
    changed: bool = False
    walked: bool = False


@dataclass(frozen=True)
class Row:
    """Entries `first` to `last` of a table, with a part for each moment."""

    first: int
    last: int
    parts: tuple[Part, ...]
    fixed: bool
    """It leads to a table that is drawn, or a walk goes through it: it stays a row of its own."""

    @property
    def changes(self) -> bool:
        """Whether it changes at some moment."""
        return any(part.changed for part in self.parts)


@dataclass(frozen=True)
class Plan:
    """The tables drawn, parents before their children, and the rows of each."""

    rows: dict[Path, list[Row]]
    hidden: tuple[int, ...]
    """Of each moment, how many tables are not drawn."""


def make_plan(trees: Sequence[Tree], walk: int | None, limit: int) -> Plan:
    """
    Choose what is drawn of the moments `trees`, which are of one geometry.

    walk : a gfn whose way through the tables is drawn in any case
    limit : so many tables at most, 1 or more
    """
    way = trees[0].geometry.indices(walk) if walk is not None else ()
    chosen = _choose(trees, way, limit)
    rows = {path: _rows(trees, path, chosen, way) for path in sorted(chosen)}
    shown = [sum(path in tree.tables for path in chosen) for tree in trees]
    hidden = (tree.counts.tables - n for tree, n in zip(trees, shown, strict=True))
    return Plan(rows, tuple(hidden))


def _choose(trees: Sequence[Tree], way: Path, limit: int) -> set[Path]:
    """Take first the tables on the way, then those that change, then those near the root."""
    everything = dict.fromkeys(path for tree in trees for path in tree.tables)
    walked = [way[:n] for n in range(len(way)) if way[:n] in everything]
    changing = [path for path in everything if any(_differs(*two, path) for two in pairwise(trees))]
    chosen: set[Path] = {()}
    siblings: dict[Path, int] = {}
    for path in [*walked, *sorted(changing, key=lambda p: (len(p), p)), *everything]:
        if path in chosen or (siblings.get(path[:-1], 0) >= FEW and path not in walked):
            continue
        if path[:-1] not in chosen or len(chosen) >= limit:
            continue
        chosen.add(path)
        siblings[path[:-1]] = siblings.get(path[:-1], 0) + 1
    return chosen


def _differs(before: Tree, after: Tree, path: Path) -> bool:
    return before.tables.get(path) != after.tables.get(path)


def _rows(trees: Sequence[Tree], path: Path, chosen: set[Path], way: Path) -> list[Row]:
    tables = [tree.tables.get(path) for tree in trees]
    at = way[len(path)] if way[: len(path)] == path and len(path) < len(way) else None
    bounds = {one.first for table in tables if table for one in table.ranges}
    if at is not None:
        bounds |= {at, at + 1}
    ends = sorted(bounds | {trees[0].geometry.entries})
    cut = [list(_cut(tree, table, ends)) for tree, table in zip(trees, tables, strict=True)]
    rows = []
    for n, (first, end) in enumerate(pairwise(ends)):
        drawn = end - first == 1 and (*path, first) in chosen
        parts = [_walked(pieces[n], at == first, table)
                 for pieces, table in zip(cut, tables, strict=True)]  # fmt: skip
        rows.append(Row(first, end - 1, _compare(parts), drawn or at == first))
    rows = _merge(rows, "tables", _leads_to_tables)
    for keep in (lambda row: row.changes, lambda row: False):
        if len(rows) > MOST_ROWS:
            rows = _shorten(rows, keep)
    return rows


def _leads_to_tables(row: Row) -> bool:
    return any(part.kind in ("table", "tables") for part in row.parts)


def _walked(part: Part, walked: bool, table: Table | None) -> Part:
    return replace(part, walked=walked and table is not None)


def _cut(tree: Tree, table: Table | None, ends: list[int]) -> Iterator[Part]:
    """Yield the part of each piece between two of `ends`, among which are those of its ranges."""
    if table is None:
        yield from (Part("absent", (), ("nothing", 0)) for _ in pairwise(ends))
        return
    pages, number = tree.geometry.pages(table.level), 0
    for first, end in pairwise(ends):
        while table.ranges[number].last < first:
            number += 1
        one = table.ranges[number].part(first, end - 1, pages)
        yield Part(one.kind, tuple(range_words(tree.geometry, table, one)), (one.kind, one.word))


def _compare(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Mark what differs from the moment before; a table that is gone is told by its box alone."""
    found = list(parts[:1])
    for before, now in pairwise(parts):
        changed = before.key != now.key and now.kind != "absent"
        told = before.kind in ("absent", "nothing") or not changed
        found.append(replace(now, changed=changed, was="" if told else _was(before, now)))
    return tuple(found)


def _was(before: Part, now: Part) -> str:
    """Return what told the two apart: the first line of before that is not said now."""
    return next((line for line in before.lines if line not in now.lines), before.lines[0])


def _merge(rows: Iterable[Row], kind: str, asked) -> list[Row]:
    """Make one row of neighbours whose parts are alike, where each is `asked` for and not fixed."""
    found: list[Row] = []
    for row in rows:
        last = found[-1] if found else None
        if last and _alike(last, row) and asked(row) and asked(last):
            found[-1] = _joined(last, row, kind)
        else:
            found.append(row)
    return found


def _alike(one: Row, other: Row) -> bool:
    """Say whether two rows lead to tables not drawn, or to nothing, at the same moments."""
    if one.fixed or other.fixed:
        return False
    several = {"tables": "table"}
    pairs = zip(one.parts, other.parts, strict=True)
    return all(
        several.get(a.kind, a.kind) == several.get(b.kind, b.kind)
        and a.kind in ("table", "tables", "nothing", "absent", "removed")
        and a.changed == b.changed
        for a, b in pairs
    )


def _joined(one: Row, other: Row, kind: str) -> Row:
    """Return the row of two neighbours."""
    parts = []
    for a, b in zip(one.parts, other.parts, strict=True):
        same = kind == "tables" and a.kind in ("nothing", "absent", "removed")
        size = other.last - one.first + 1
        words = f"{size} tables" if kind == "tables" else f"{_ranges(a) + _ranges(b)} ranges"
        lines = a.lines if same or a.kind == "absent" else (words,)
        shown = a.kind if same or a.kind == "absent" else kind
        was = f"{size} tables" if "tables" in (a.was + b.was) or "table " in a.was else a.was
        parts.append(
            Part(shown, lines, (a.key, b.key), was, a.changed or b.changed, a.walked or b.walked)
        )
    return Row(one.first, other.last, tuple(parts), False)


def _ranges(part: Part) -> int:
    return int(part.lines[0].split()[0]) if part.kind == "mixed" else 1


def _shorten(rows: list[Row], keep) -> list[Row]:
    """Join neighbours from the end on, none that is fixed or kept, until the rows are few."""
    found = list(rows)
    at = len(found) - 2
    while len(found) > MOST_ROWS and at >= 0:
        one, other = found[at], found[at + 1]
        if not any(row.fixed or keep(row) for row in (one, other)):
            found[at : at + 2] = [_joined(one, other, "mixed")]
        at -= 1
    return found
