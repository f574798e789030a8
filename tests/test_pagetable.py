"""Page tables of every geometry against the plain twin, the passes by hand, errors, growth."""

import dataclasses
import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import naive_pagetable as naive
import numpy as np
import pytest

from tdplib.errors import BadValueError
from tdplib.machine.pagetable import ZAP_PASSES, PageTables, zap_levels
from tdplib.machine.results import FrozenSpteError, NoLargeLeafError, OutOfTablesError
from tdplib.machine.view import describe
from tdplib.words import role, spte
from tdplib.words.gfn import FIVE_LEVELS, FOUR_LEVELS, Geometry

HERE = str(Path(__file__).parent)
ROOT = str(Path(__file__).parent.parent)
SHAPES = [
    FOUR_LEVELS,
    FIVE_LEVELS,
    Geometry(1, 1),
    Geometry(1, 2),
    Geometry(2, 1),
    Geometry(2, 2),
    Geometry(3, 1),
    Geometry(4, 2),
    Geometry(5, 1),
]


# --- against the twin ---------------------------------------------------------------------------


def gfns_of_interest(shape, rng):
    """Return few gfns near one another, so that operations meet; all of a tiny geometry."""
    if shape.gfns <= 1024:
        return list(range(shape.gfns))
    bases = [rng.randrange(shape.gfns) for _ in range(3)]
    near = [base ^ (1 << bit) for base in bases for bit in range(shape.bits * shape.levels)]
    return sorted({*bases, *near})


def compare(pool, root, tree, gfns):
    sptes, levels = pool.lookup(root, gfns)
    for gfn, word, level in zip(gfns, sptes.tolist(), levels.tolist(), strict=True):
        expected_level, pfn, writable, frozen = tree.lookup(gfn)
        assert level == expected_level
        assert spte.is_shadow_present_pte(word) == (pfn is not None)
        assert spte.is_removed_spte(word) == frozen
        if pfn is not None:
            assert word == spte.leaf(pfn, level, writable=writable)
    counts = pool.count(root)
    assert (counts.leaves, counts.nonleaves, counts.frozen) == tree.count()
    assert not any(counts.other.values())


def one_operation(pool, root, tree, gfns, rng):
    shape = pool.geometry
    gfn = rng.choice(gfns)
    kind = rng.choice(["map"] * 6 + ["split", "freeze", "thaw", "thaw", "range", "zap"])
    if kind == "map":
        level = rng.randint(1, shape.max_leaf_level)
        first, pfn = shape.base(gfn, level), rng.randrange(4) * shape.pages(level)
        writable = rng.random() < 0.8
        try:
            expected = tree.map(first, pfn, level, writable)
        except naive.Frozen:
            with pytest.raises(FrozenSpteError):
                pool.map(root, first, pfn, level=level, writable=writable)
        else:
            result = pool.map(root, first, pfn, level=level, writable=writable)
            assert dataclasses.asdict(result) == expected
    elif kind == "split":
        expected = tree.split(gfn)
        if expected is None:
            with pytest.raises(NoLargeLeafError):
                pool.split(root, gfn)
        else:
            assert pool.split(root, gfn) == expected
    elif kind == "freeze":
        level = rng.randint(1, shape.levels)
        try:
            done = tree.freeze(gfn, level)
        except naive.Frozen:
            with pytest.raises(FrozenSpteError):
                pool.freeze(root, gfn, level)
        else:
            if done:
                pool.freeze(root, gfn, level)
            else:
                with pytest.raises(BadValueError, match="has no SPTE of level"):
                    pool.freeze(root, gfn, level)
    elif kind == "thaw":
        if tree.thaw(gfn):
            pool.thaw(root, gfn)
        else:
            with pytest.raises(BadValueError, match="is not frozen"):
                pool.thaw(root, gfn)
    elif kind == "range":
        start, end = sorted(rng.choice(gfns) for _ in range(2))
        assert pool.zap_range(root, start, end) == tree.zap_range(start, end)
    elif rng.random() < 0.3:
        version = rng.choice(list(ZAP_PASSES))
        result = pool.zap_root(root, version, shared=rng.random() < 0.5)
        expected = tree.zap(zap_levels(version, shape))
        assert [dataclasses.astuple(one) for one in result.passes] == expected
    return kind


def random_run(shape, seed, operations):
    rng = random.Random(seed)
    gfns = gfns_of_interest(shape, rng)
    pool = PageTables(shape)
    pairs = [(pool.new_root(), naive.NaiveTree(shape.levels, shape.bits)) for _ in range(2)]
    for _ in range(operations):
        root, tree = rng.choice(pairs)
        kind = one_operation(pool, root, tree, gfns, rng)
        compare(pool, root, tree, gfns if kind == "zap" else rng.sample(gfns, min(8, len(gfns))))
        if rng.random() < 0.1:
            pool.grace_period()
    for root, tree in pairs:
        compare(pool, root, tree, gfns)
    assert pool.pages == sum(len(tree.tables) for _, tree in pairs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_operations_agree_with_the_twin(shape):
    for seed in range(40):
        try:
            random_run(shape, seed, 60)
        except BaseException:
            print(f"failing seed: {seed}")
            raise


def test_kernels_stay_within_their_arrays():
    """Compile them with index checks, which the usual ones lack, and run the twin test again."""
    script = (
        "import test_pagetable as t\n"
        "for shape in (t.FOUR_LEVELS, t.Geometry(2, 1), t.Geometry(4, 2)):\n"
        "    for seed in range(100, 110):\n"
        "        t.random_run(shape, seed, 60)\n"
        "print('within')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TDPLIB_BOUNDSCHECK": "1", "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout.strip() == "within", done.stderr


# --- the passes of each version, by hand --------------------------------------------------------


def full_gigabytes(pool, number):
    """Return a root that maps `number` times 1G with 4K leaves, plus one 2M and one 1G leaf."""
    root = pool.new_root()
    pool.map(root, np.arange(number << 18))
    pool.map(root, number << 18, level=2)
    pool.map(root, (number + 1) << 18, level=3)
    return root


def test_passes_of_each_version():
    pool = PageTables()
    rows = {}
    for version in ZAP_PASSES:
        root = full_gigabytes(pool, 2)
        before = pool.count(root)
        assert before.leaves == {1: 2 << 18, 2: 1, 3: 1, 4: 0}
        assert before.nonleaves == {1: 0, 2: 1024, 3: 3, 4: 1}
        result = pool.zap_root(root, version)
        assert pool.count(root).present == 0
        assert (result.leaves, result.tables) == ((2 << 18) + 2, 1024 + 3 + 1)
        rows[version] = [(p.level, p.steps, p.leaves, p.tables, p.largest_step)
                         for p in result.passes]  # fmt: skip
        pool.free_root(root)
        pool.grace_period()
    # One SPTE of the root, and under it everything at once.
    assert rows["22b94c4b63eb"] == [(4, 1, 524290, 1028, 525318)]
    # Four SPTEs at 1G (one of them a leaf); the root's own entry then holds one empty table.
    assert rows["v5.18"] == [(3, 4, 524290, 1027, 262657), (4, 1, 0, 1, 1)]
    assert rows["v6.9-prove"] == rows["v5.18"]
    assert rows["v6.9"] == [
        (1, 524288, 524288, 0, 1),
        (2, 1025, 1, 1024, 1),
        (3, 4, 1, 3, 1),
        (4, 1, 0, 1, 1),
    ]


def test_levels_of_the_passes():
    assert zap_levels("v5.18", FIVE_LEVELS) == (3, 5)
    assert zap_levels("22b94c4b63eb", FIVE_LEVELS) == (5,)
    assert zap_levels("v6.9", FIVE_LEVELS) == (1, 2, 3, 5)
    assert zap_levels("v5.18", Geometry(2, 1)) == (2,)
    assert zap_levels("v6.9", Geometry(1, 1)) == (1,)
    with pytest.raises(BadValueError, match=r"'v5\.19'; did you mean 'v5\.18'"):
        zap_levels("v5.19")


def test_what_is_left_in_a_dead_table():
    """Shared: REMOVED in every SPTE, so that a late fault finds no place. Exclusive: where any."""
    for shared, expected in ((True, 4), (False, 1)):
        pool = PageTables(Geometry(2, 2))
        root = pool.new_root()
        pool.map(root, 5)
        child = pool.walk(root, 5)[-1].table
        pool.zap_root(root, shared=shared)
        words = pool._spt[child * 4 : child * 4 + 4].tolist()
        assert words.count(spte.REMOVED_SPTE) == expected
        assert words.count(0) == 4 - expected
        assert pool.waiting == 1


def test_a_frozen_spte_is_skipped_by_a_pass_and_spun_on_in_a_dead_table():
    pool = PageTables(Geometry(2, 1))
    root = pool.new_root()
    pool.map(root, [0, 1, 2, 3])
    pool.freeze(root, 0)
    pool.freeze(root, 2, level=2)
    (one,) = pool.zap_root(root, "22b94c4b63eb").passes
    assert (one.steps, one.leaves, one.tables, one.spins) == (1, 1, 1, 1)
    assert pool.count(root).frozen == {1: 0, 2: 1}
    pool.thaw(root, 3)
    assert pool.count(root).frozen == {1: 0, 2: 0}


# --- mapping ------------------------------------------------------------------------------------


def test_walk_shows_every_step():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, 0x12345, 0x777)
    steps = pool.walk(root, 0x12345)
    assert [(s.level, s.index) for s in steps] == [(4, 0), (3, 0), (2, 145), (1, 325)]
    assert steps[0].table == root
    assert [spte.spte_to_pfn(s.spte) for s in steps[:-1]] == [s.table for s in steps[1:]]
    assert steps[-1].spte == spte.leaf(0x777)
    assert str(steps[-1]).startswith("level 1: table 4[325] = 4K leaf, pfn 0x777, R W X")
    assert [s.level for s in pool.walk(root, 0x12345 + (1 << 18))] == [4, 3]


def test_children_inherit_the_role_one_level_down():
    pool = PageTables(FIVE_LEVELS)
    root = pool.new_root(smm=1)
    pool.map(root, 7)
    roles = [pool.role(step.table) for step in pool.walk(root, 7)]
    assert roles == [0x01000785, 0x01000784, 0x01000783, 0x01000782, 0x01000781]
    assert pool.mark_invalid(root) is False
    assert pool.mark_invalid(root) is True
    assert role.is_invalid(pool.role(root))


def test_a_small_page_under_a_large_one_takes_its_place():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, 0, level=2)
    assert pool.map(root, 5).replaced == 1
    sptes, _ = pool.lookup(root, range(512))
    assert np.flatnonzero(sptes).tolist() == [5]


def test_a_large_page_over_small_ones_cuts_their_table_off():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, np.arange(1024))
    result = pool.map(root, 512, level=2)
    assert (result.replaced, result.tables_removed, pool.waiting) == (1, 1, 1)
    assert pool.map(root, 512, level=2).same == 1


def test_split_keeps_every_translation():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, 0x40000, 0x80000, level=3, writable=False)
    assert [pool.split(root, 0x40205) for _ in range(2)] == [2, 1]
    for gfn, level in ((0x40000, 2), (0x40205, 1), (0x403FF, 1), (0x7FFFF, 2)):
        last = pool.walk(root, gfn)[-1]
        first = FOUR_LEVELS.base(gfn, level)
        assert last.spte == spte.leaf(first + 0x40000, level, writable=False)


def test_the_pool_grows_and_every_table_keeps_its_number():
    pool = PageTables(Geometry(5, 1))
    roots = [pool.new_root() for _ in range(40)]
    for n, root in enumerate(roots):
        pool.map(root, range(32), range(n, n + 32))
        if n % 3 == 0:
            pool.zap_root(root)
    waiting = pool.waiting
    assert waiting == 14 * 30
    for n, root in enumerate(roots):
        expected = [] if n % 3 == 0 else [spte.leaf(pfn) for pfn in range(n, n + 32)]
        assert [word for word in pool.lookup(root, range(32))[0].tolist() if word] == expected
    size = len(pool._sp)
    assert pool.grace_period() == waiting
    for root in roots[::3]:
        pool.map(root, range(32))
    assert len(pool._sp) == size  # freed tables are used again
    assert pool.pages == 40 * 30


def test_a_full_pool_says_so_and_keeps_what_was_done():
    pool = PageTables(Geometry(2, 1), max_tables=2)
    root = pool.new_root()
    with pytest.raises(OutOfTablesError, match=r"all 2 page tables are in use \(0 wait"):
        pool.map(root, range(4))
    assert pool.count(root).leaves == {1: 2, 2: 0}
    pool.zap_root(root)
    with pytest.raises(OutOfTablesError, match=r"\(1 wait"):
        pool.map(root, 2)
    pool.grace_period()
    assert pool.map(root, 2).new == 1


def test_a_fault_meets_a_frozen_spte():
    pool = PageTables()
    root = pool.new_root()
    pool.map(root, range(10))
    assert pool.freeze(root, 4) == spte.leaf(4)
    with pytest.raises(FrozenSpteError) as caught:
        pool.map(root, [20, 21, 4, 22])
    assert (caught.value.gfn, caught.value.done) == (4, 2)
    pool.thaw(root, 4)
    assert pool.map(root, [20, 21, 4, 22]).same == 2


def test_free_root():
    pool = PageTables(Geometry(2, 1))
    root = pool.new_root()
    pool.map(root, 1)
    with pytest.raises(BadValueError, match="still has 2 present SPTEs"):
        pool.free_root(root)
    pool.zap_root(root)
    pool.free_root(root)
    assert (pool.roots, pool.pages, pool.waiting) == ((), 0, 2)
    with pytest.raises(BadValueError, match="1 is no root"):
        pool.count(root)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda p, r: p.map(r, 1 << 36), "gfns hold 0x1000000000"),
        (lambda p, r: p.map(r, [3, -1]), "gfns hold -0x1"),
        (lambda p, r: p.map(r, [0.5]), "integers in one dimension"),
        (lambda p, r: p.map(r, "7"), "integers in one dimension"),
        (lambda p, r: p.map(r, 0, 1 << 40), "pfns hold 0x10000000000"),
        (lambda p, r: p.map(r, [1, 2], [3]), "2 gfns, but 1 pfns"),
        (lambda p, r: p.map(r, 5, level=2), "0x5, no multiple of 512"),
        (lambda p, r: p.map(r, 0, level=4), "level of a leaf is 4"),
        (lambda p, r: p.map(r + 1, 0), "2 is no root"),
        (lambda p, r: p.walk(r, -1), "gfn is -1"),
        (lambda p, r: p.split(r, 1 << 36), "gfn is 68719476736"),
        (lambda p, r: p.freeze(r, 0, 5), "level is 5"),
        (lambda p, r: p.zap_range(r, 5, 4), "start is 5"),
        (lambda p, r: p.zap_root(r, "6.9"), "did you mean 'v6.9'"),
        (lambda p, r: p.new_root(smm=2), "smm is 2"),
        (lambda p, r: p.role(0), "table is 0"),
        (lambda p, r: PageTables(max_tables=0), "max_tables is 0"),
        (lambda p, r: describe(p, r, max_runs=0), "max_runs is 0"),
    ],
)
def test_bad_arguments_are_refused(call, text):
    pool = PageTables()
    with pytest.raises(BadValueError, match=text):
        call(pool, pool.new_root())


def test_arrays_of_any_integer_kind_are_taken_and_left_alone():
    pool = PageTables()
    root = pool.new_root()
    gfns = np.arange(8, dtype=np.uint16)
    gfns.flags.writeable = False
    assert pool.map(root, gfns, gfns[::-1]).new == 8
    assert pool.map(root, []).new == 0
    assert spte.spte_to_pfn(int(pool.lookup(root, gfns)[0][0])) == 7


# --- in words -----------------------------------------------------------------------------------


def test_a_tree_in_words():
    pool = PageTables(Geometry(2, 2))
    root = pool.new_root()
    assert describe(pool, root).endswith("nothing is mapped")
    pool.map(root, [0, 1, 2, 5, 6], [8, 9, 20, 30, 31])
    pool.freeze(root, 9, level=2)
    text = describe(pool, root).splitlines()
    assert text[1] == "tables: level 2: 1, level 1: 2"
    assert text[2] == (
        "gfn 0x0..0x1: 2 leaves of 1 page to pfn 0x8..0x9, R W X, accessed and dirty clear, "
        "host-writable, MMU-writable"
    )
    assert [line.split(":")[0] for line in text[3:]] == [
        "gfn 0x2..0x2",
        "gfn 0x5..0x6",
        "gfn 0x8..0xb",
    ]
    assert "REMOVED_SPTE" in text[-1]
    short = describe(pool, root, max_runs=2).splitlines()
    assert short[:4] == text[:4]
    assert short[4:] == ["... and 2 more runs"]


def test_a_run_is_of_one_level():
    pool = PageTables(Geometry(4, 1))
    root = pool.new_root()
    pool.map(root, [0, 2, 8], level=2)
    pool.map(root, 4, level=3)
    lines = [line.split(" to ")[0] for line in describe(pool, root).splitlines()[2:]]
    assert lines == [
        "gfn 0x0..0x3: 2 leaves of 2 pages",
        "gfn 0x4..0x7: 1 leaf of 4 pages",
        "gfn 0x8..0x9: 1 leaf of 2 pages",
    ]


def test_runs_cover_exactly_what_is_mapped():
    for seed in range(30):
        rng = random.Random(seed)
        pool = PageTables(Geometry(3, 2))
        root = pool.new_root()
        for _ in range(20):
            level = rng.randint(1, 2)
            gfn = pool.geometry.base(rng.randrange(64), level)
            pool.map(root, gfn, level=level, writable=rng.random() < 0.7)
        covered = []
        for line in describe(pool, root).splitlines()[2:]:
            first, last = (int(x, 16) for x in line.split(":")[0].split()[1].split(".."))
            covered += range(first, last + 1)
        sptes, _ = pool.lookup(root, range(64))
        assert covered == np.flatnonzero(sptes).tolist(), f"seed {seed}"


# --- the benchmark ------------------------------------------------------------------------------


def test_the_benchmark_validates_before_it_times(capsys, monkeypatch):
    path = Path(__file__).parent.parent / "benchmarks" / "pagetable.py"
    spec = importlib.util.spec_from_file_location("tdplib_bench_pagetable", path)
    bench = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, bench)
    spec.loader.exec_module(bench)
    assert bench.main(["--gfns", "3000", "--rounds", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {row["operation"] for row in result["rows"]} == {"map", "walk", "zap v5.18", "zap v6.9"}
    assert all(row["numba_ns"] > 0 for row in result["rows"])
    assert bench.main(["--gfns", "100", "--rounds", "1"]) == 0
    assert "sequential  map" in capsys.readouterr().out

    class Wrong(bench.Numba):
        def walk(self, pool, root, gfns, sptes, levels):
            found = super().walk(pool, root, gfns, sptes, levels)
            sptes[7] ^= 1
            return found

    with pytest.raises(SystemExit, match="numba and C disagree"):
        bench.validate(bench.workloads(64)[0], [bench.Numba(), Wrong()])
