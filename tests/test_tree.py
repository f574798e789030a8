"""Page tables as a tree: ranges against a plain loop, one layout for all moments, words, limits."""

import random
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from tdplib import draw
from tdplib.draw._treeplan import MOST_ROWS, make_plan
from tdplib.draw.tree import tree, tree_frames
from tdplib.errors import BadValueError, TdplibError
from tdplib.machine.pagetable import PageTables
from tdplib.machine.tree import Range, _ranges, snapshot
from tdplib.words import spte
from tdplib.words.gfn import FIVE_LEVELS, FOUR_LEVELS, Geometry

PFN = (1 << spte.PFN_BITS) - 1 << spte.PFN_SHIFT
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = [FOUR_LEVELS, FIVE_LEVELS, Geometry(1, 2), Geometry(2, 1), Geometry(2, 2), Geometry(3, 3)]


def random_tables(seed, shape, operations):
    """A pool with one root, after random operations; and the tree after each of them."""
    rng = random.Random(seed)
    pool = PageTables(shape)
    root = pool.new_root()
    trees = [pool.snapshot(root)]
    bases = [rng.randrange(shape.gfns) for _ in range(2)]
    for _ in range(operations):
        gfn = rng.choice(bases) ^ rng.randrange(min(shape.gfns, 64))
        level = rng.randint(1, shape.max_leaf_level)
        first = shape.base(gfn, level)
        count = rng.choice((1, 1, 3, 16))
        gfns = [g for g in range(first, first + count * shape.pages(level), shape.pages(level))
                if g < shape.gfns]  # fmt: skip
        try:
            kind = rng.choice(("map", "map", "map", "split", "freeze", "thaw", "range", "bits"))
            if kind == "map":
                pfns = [g % (1 << spte.PFN_BITS) for g in gfns]
                pool.map(root, gfns, pfns, level=level, writable=rng.random() < 0.7)
            elif kind == "split":
                pool.split(root, gfn)
            elif kind == "freeze":
                pool.freeze(root, gfn, level)
            elif kind == "thaw":
                pool.thaw(root, gfn)
            elif kind == "range":
                pool.zap_range(root, first, min(first + rng.choice((1, 40)), shape.gfns))
            else:  # what the processor does, or nobody: A, D, and a word that is not present
                step = pool.walk(root, gfn)[-1]
                word = step.spte | rng.choice((1 << 8, 3 << 8)) if step.spte & 1 << 11 else 0x28
                pool._spt[(step.table << shape.bits) + step.index] = word
        except TdplibError:
            pass
        trees.append(pool.snapshot(root))
    return pool, root, trees


def plain_ranges(words, level, pages):
    """The ranges of a table by looking at one entry after the other."""
    found = []
    for index, word in enumerate(words):
        large = bool(word & 1 << 7)
        if word & 1 << 11:
            kind = "leaf" if level == 1 or large else "table"
        elif word == 0x5A0:
            kind = "removed"
        else:
            kind = "nothing" if word == 0 else "other"
        last = found[-1] if found else None
        goes_on = last and last[2] == kind != "table"
        if kind == "leaf" and goes_on:
            before = words[index - 1]
            goes_on = spte.spte_to_pfn(word) == spte.spte_to_pfn(before) + pages
            goes_on = goes_on and word & ~PFN == before & ~PFN
        elif goes_on:
            goes_on = word == words[index - 1]
        if goes_on:
            last[1] = index
        else:
            found.append([index, index, kind, word])
    return [Range(*one) for one in found]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_ranges_are_what_a_plain_loop_finds(shape, seed):
    print(f"seed {seed}")
    pool, root, trees = random_tables(seed, shape, 25)
    entries, found, todo = shape.entries, {}, [((), root)]
    for path, number in todo:
        level = shape.levels - len(path)
        words = [w & (1 << 64) - 1 for w in pool._spt[number * entries :][:entries].tolist()]
        found[path] = plain_ranges(words, level, shape.pages(level))
        todo += [((*path, one.first), spte.spte_to_pfn(one.word)) for one in found[path]
                 if one.kind == "table"]  # fmt: skip
    assert {path: list(table.ranges) for path, table in trees[-1].tables.items()} == found
    assert trees[-1].unread == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_each_row_shows_what_its_entries_hold_at_each_moment(shape, seed):
    print(f"seed {seed}")
    trees = random_tables(100 + seed, shape, 12)[2]
    walk = random.Random(seed).randrange(shape.gfns)
    plan = make_plan(trees, walk, 10)
    assert len(plan.rows) <= 10
    for path, rows in plan.rows.items():
        assert len(rows) <= MOST_ROWS or any(row.fixed or row.changes for row in rows)
        ends = [-1, *(row.last for row in rows)]
        assert [row.first for row in rows] == [end + 1 for end in ends[:-1]]
        assert ends[-1] == shape.entries - 1
        for n, moment in enumerate(trees):
            for row in rows:
                check_row(row, n, trees, moment.tables.get(path), path)
    for moment, hidden in zip(trees, plan.hidden, strict=True):
        assert hidden == moment.counts.tables - sum(path in moment.tables for path in plan.rows)


def check_row(row, n, trees, table, path):
    part = row.parts[n]
    if table is None:
        assert part.kind == "absent"
        return
    pages = trees[n].geometry.pages(table.level)
    cut = [table.at(k).part(k, k, pages) for k in range(row.first, row.last + 1)]
    kinds = {one.kind for one in cut}
    if part.kind not in ("mixed", "tables"):
        assert kinds == {part.kind}
    before = trees[n - 1].tables.get(path) if n else None
    if n:
        old = [before.at(k).part(k, k, pages) if before else Range(k, k, "nothing", 0)
               for k in range(row.first, row.last + 1)]  # fmt: skip
        assert part.changed == (old != cut)


@pytest.mark.parametrize("seed", range(3))
def test_all_moments_have_one_layout(seed):
    print(f"seed {seed}")
    trees = random_tables(200 + seed, FOUR_LEVELS, 8)[2]
    pictures = tree_frames(trees)
    assert len({re.search(r"<svg[^>]*>", one.svg)[0] for one in pictures}) == 1
    places = {}
    for moment, picture in zip(trees, pictures, strict=True):
        for name, place in boxes(picture.svg):
            number = int(re.search(r"table (\d+)", name)[1])
            path = next((p for p, t in moment.tables.items() if t.number == number), None)
            if path is not None:
                places.setdefault(path, set()).add(place)
    assert len(places) > 1
    assert all(len(places[path]) == 1 for path in places)


def boxes(svg):
    """(name, place) of each table that is drawn."""
    for text in ET.fromstring(svg).iter(f"{SVG}text"):
        if re.match(r"(Δ )?(root, )?table \d+", text.text or ""):
            yield text.text, (text.get("x"), text.get("y"))


@pytest.mark.parametrize("shape", [FOUR_LEVELS, FIVE_LEVELS, Geometry(2, 2)], ids=str)
def test_nothing_leaves_the_picture_and_no_box_meets_another(shape):
    trees = random_tables(7, shape, 14)[2]
    for picture in (*tree_frames(trees), tree(trees[-1], walk=shape.gfns - 1)):
        top = ET.fromstring(picture.svg)
        width, height = (float(top.get(side)) for side in ("width", "height"))
        group = top.find("{*}g")
        dy = float(re.search(r"translate\(0 (\d+)", group.get("transform"))[1])
        assert max(float(text.get("y")) for text in top.findall(f"{SVG}text")[:-1] or [top[2]]) < dy
        found, y, h = [], 0.0, 0.0
        for node in group:
            if node.tag == f"{SVG}text":
                assert y < float(node.get("y")) <= y + h  # inside the rectangle before it
            if node.tag != f"{SVG}rect":
                continue
            x, y, w, h = (float(node.get(k)) for k in ("x", "y", "width", "height"))
            assert min(x, width - x - w, height - y - h - dy) >= 0
            if node.get("rx") == "6":
                found.append((x, y, w, h))
        assert found
        for n, (x, y, w, h) in enumerate(found):
            for a, b, c, d in found[:n]:
                assert x >= a + c or a >= x + w or y >= b + d or b >= y + h


def one_page():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, 0x12345, 0x9ABC)
    return pool, root


def test_a_walk_is_told_and_marked():
    pool, _ = one_page()
    picture = tree(pool, walk=0x12345)
    assert (
        "The walk to gfn 0x12345 takes [0], [0], [145], [325], and ends at level 1: "
        "a leaf of 4K, RWX, gfn 0x12345 -> pfn 0x9abc." in picture.alternative
    )
    assert picture.svg.count("▸") == 4
    early = tree(pool, walk=0x40000)
    assert "takes [0], [1], and ends at level 3: not present." in early.alternative
    assert early.svg.count("▸") == 2


def test_a_walk_into_the_middle_of_a_range_has_a_row_of_its_own():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, range(0x10, 0x20))
    rows = make_plan([pool.snapshot(root)], 0x14, 10).rows[0, 0, 0]
    assert [(row.first, row.last) for row in rows] == [
        (0, 15), (16, 19), (20, 20), (21, 31), (32, 511),
    ]  # fmt: skip
    assert rows[3].parts[0].lines[1] == "gfn 0x15..0x1f -> pfn 0x15..0x1f"


def test_two_entries_that_lead_to_one_table_would_be_two_ranges():
    words = np.array([spte.nonleaf(7)] * 2 + [0, 0], np.int64)
    found = [(one.first, one.last) for one in _ranges(words, 2, Geometry(2, 2))]
    assert found == [(0, 0), (1, 1), (2, 3)]


def test_what_changed_is_told_with_what_was():
    pool, root = one_page()
    pool.map(root, 0x40000, level=3)
    before = pool.snapshot(root)
    pool.split(root, 0x40005)
    said = tree(pool, was=before).alternative
    assert "Changed: table 2[1] -> table 5, was leaf of 1G, RWX; table 5[0..511] 512 leaves" in said
    before = pool.snapshot(root)
    pool.zap_root(root)
    picture = tree(pool, was=before)
    assert "4 tables were cut off, now waiting for RCU" in picture.alternative
    assert picture.svg.count("stroke-dasharray") == 4
    pool.grace_period()
    assert "4 tables were cut off, now freed" in tree(pool, was=before).alternative
    same = pool.snapshot(root)
    assert "Nothing drawn here changed." in tree(pool, was=same).alternative


def test_a_table_cut_off_stays_in_sight_until_it_is_free():
    pool, root = one_page()
    moments = [pool.snapshot(root)]
    for act in (lambda: pool.zap_root(root), lambda: pool.map(root, 0x40000000), pool.grace_period,
                lambda: pool.map(root, 0x40000001)):  # fmt: skip
        act()
        moments.append(pool.snapshot(root))
    pictures = tree_frames(moments)
    assert [one.svg.count(">Δ table 3<") for one in pictures] == [0, 1, 0, 1, 0]
    assert [one.svg.count(">table 3<") for one in pictures] == [1, 0, 1, 0, 0]
    assert [one.svg.count(">waiting for RCU<") for one in pictures] == [0, 0, 3, 0, 0]
    assert "3 tables that waited: freed" in pictures[3].alternative
    assert [one.svg.count("stroke-dasharray") for one in pictures] == [0, 3, 3, 3, 0]


def test_what_the_processor_notes_and_what_holds_a_place_are_shown():
    pool, root = one_page()
    step = pool.walk(root, 0x12345)[-1]
    pool._spt[(step.table << 9) + step.index] |= 3 << 8
    pool.map(root, 0x12346, writable=False)
    pool.freeze(root, 0x12350)
    text = repr(pool.snapshot(root))
    assert "[325] leaf of 4K, RWX A D, gfn 0x12345 -> pfn 0x9abc" in text
    assert "[326] leaf of 4K, RX, gfn 0x12346 -> pfn 0x12346" in text
    assert "[336] REMOVED" in text
    assert ">[336] REMOVED<" in tree(pool).svg


def test_a_gfn_that_is_no_pfn_is_not_mapped_to_one():
    """Five levels have gfns of 45 bits; a pfn has 40, and what is beyond are other bits."""
    pool = PageTables(FIVE_LEVELS)
    root = pool.new_root()
    with pytest.raises(BadValueError, match="pfns hold 0x10000000000, must be in"):
        pool.map(root, 1 << 40)
    pool.map(root, 1 << 40, 5)
    assert spte.spte_to_pfn(pool.walk(root, 1 << 40)[-1].spte) == 5


def test_a_large_tree_is_cut_off_in_sight():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, range(0x40000))
    picture = tree(pool)
    assert "+ 509 more tables, not drawn" in picture.svg
    assert ">[3..511] 509 tables<" in picture.svg
    assert "515 tables, 262144 leaves of 4K" in picture.alternative
    walked = tree(pool, walk=0x3FFFF, limit=4)
    assert "+ 511 more tables, not drawn" in walked.svg
    assert ">table 515<" in walked.svg
    lines = picture.text.split("\n")
    assert len(lines) == 121
    assert lines[-1] == f"... and {1 + 2 + 2 + 512 + 512 - 120} more ranges"
    assert len(picture.svg) < 30_000
    few = snapshot(pool, root, max_tables=5)
    assert (len(few.tables), few.unread) == (5, 510)
    assert repr(few).endswith("... and 510 more tables")
    assert "+ 510 more tables, not drawn" in tree(few).svg


def test_a_snapshot_does_not_change_with_the_tables():
    pool, root = one_page()
    before = pool.snapshot(root)
    text = repr(before)
    pool.zap_root(root)
    assert repr(before) == text != repr(pool.snapshot(root))


def test_every_entry_different_gives_few_rows():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, range(0, 512, 2))
    rows = make_plan([pool.snapshot(root)], 100, 10).rows[0, 0, 0]
    assert len(rows) <= MOST_ROWS
    assert [row.first for row in rows if row.fixed] == [100]
    assert rows[-1].parts[0].lines == (f"{512 - rows[-1].first} ranges",)


def test_draw_takes_tables_and_says_what_it_lacks():
    pool, root = one_page()
    picture = draw(pool)
    assert picture.svg == draw.tree(pool.snapshot(root)).svg
    assert repr(picture) == repr(pool.snapshot(root))
    bundle = picture._repr_mimebundle_()
    assert bundle["text/plain"] == repr(picture)
    assert 'alt="Page tables below root 1: 4 levels of 512 entries' in bundle["text/html"]
    pool.new_root()
    with pytest.raises(BadValueError, match=r"the roots \[1, 5\]: say which with root"):
        draw(pool)
    other = PageTables(Geometry(2, 2))
    with pytest.raises(BadValueError, match="different geometries"):
        tree(other, other.new_root(), was=pool.snapshot(root))
    with pytest.raises(BadValueError, match="limit"):
        tree(pool, root, limit=0)
    with pytest.raises(BadValueError, match="gfn"):
        tree(pool, root, walk=1 << 36)
    with pytest.raises(BadValueError, match="2 labels for 1 moments"):
        tree_frames([pool.snapshot(root)], labels=("a", "b"))
    assert tree_frames([]) == ()


def test_a_sequence_marks_each_change_once():
    pool = PageTables()
    root = pool.new_root()
    trees = [pool.snapshot(root)]
    for gfn in (0, 1, 0x40000):
        pool.map(root, gfn)
        trees.append(pool.snapshot(root))
    pictures = tree_frames(trees, labels=("empty", "one page", "its neighbour", "far away"))
    signs = [re.findall(r">Δ<", one.svg) for one in pictures]
    assert [len(found) for found in signs] == [0, 4, 1, 3]
    assert "Page tables below root 1: its neighbour" in pictures[2].svg
    for before, after in pairwise(trees):
        assert before != after
