"""
Page tables, jitted against C: map, walk and zap 2**20 gfns in 4 levels of 512 entries.

Both sides work on the same kind of arrays. Before anything is timed, each operation is run by
both and every array must come out equal. Times are medians of processor time; the two sides take
turns. What `--native` is for: numba always compiles for the processor it runs on, gcc only if told.

    tdplib bench pagetable
    tdplib bench pagetable --gfns 65536 --json
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tdplib.machine import _pagetable_kernels as k
from tdplib.machine import _zap_kernels as z
from tdplib.machine.pagetable import PageTables, zap_levels
from tdplib.words import spte

LIBRARY_FLAGS = ["-shared", "-fPIC", "-Wall"]
SOURCE = Path(__file__).with_suffix(".c")
SEED = 20220303
LEAF = spte.leaf(0)


class Numba:
    """The jitted kernels."""

    name = "numba"

    def map(self, pool, root, gfns, pfns, tally):
        return k.map_many(*pool, root, gfns, pfns, LEAF, 1, tally)

    def walk(self, pool, root, gfns, sptes, levels):
        return k.walk_many(pool[0], pool[2], root, gfns, sptes, levels)

    def zap(self, pool, root, version, tally):
        for level in zap_levels(version):
            z.zap_pass(*pool, root, level, True, tally)


class C:
    """pagetable.c, compiled by gcc into a library."""

    name = "C"

    def __init__(self, flags: list[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="tdplib-bench-") as folder:
            library = Path(folder) / "pagetable.so"
            subprocess.run(["gcc", *flags, *LIBRARY_FLAGS, "-o", library, SOURCE], check=True)
            self._lib = ctypes.CDLL(str(library))
        self._lib.map_many.restype = self._lib.walk_many.restype = ctypes.c_int64

    @staticmethod
    def _raw(*values):
        """Turn arrays into pointers and numbers into int64."""
        return [
            ctypes.c_void_p(v.ctypes.data) if isinstance(v, np.ndarray) else ctypes.c_int64(v)
            for v in values
        ]

    def map(self, pool, root, gfns, pfns, tally):
        return self._lib.map_many(*self._raw(*pool, root, gfns, pfns, gfns.size, LEAF, 1, tally))

    def walk(self, pool, root, gfns, sptes, levels):
        return self._lib.walk_many(
            *self._raw(pool[0], pool[2], root, gfns, gfns.size, sptes, levels)
        )

    def zap(self, pool, root, version, tally):
        for level in zap_levels(version):
            self._lib.zap_pass(*self._raw(*pool, root, level, 1, tally))


class Workload:
    """Gfns to map in order, and an empty pool with one root that is large enough for them."""

    def __init__(self, name: str, gfns: np.ndarray) -> None:
        self.name = name
        self.gfns = gfns
        self.pfns = gfns[::-1].copy()
        tables = sum(len(np.unique(self.gfns >> (9 * level))) for level in (1, 2, 3)) + 1
        pool = PageTables(max_tables=max(tables, 64))
        pool._allocate(tables)
        self.root = pool.new_root()
        self.empty = pool._pool
        self.pool = tuple(array.copy() for array in self.empty)
        self.sptes = np.zeros(self.gfns.size, np.int64)
        self.levels = np.zeros(self.gfns.size, np.int8)

    def reset(self) -> None:
        """Make the pool as good as new, its memory already touched."""
        for array, fresh in zip(self.pool, self.empty, strict=True):
            array[:] = fresh

    def run(self, side: Numba | C, note: Callable[[str, float], None]) -> list[np.ndarray]:
        """Map, walk and zap all gfns, twice for two kernel versions; return all that came of it."""
        self.reset()
        mapped, zapped, late = (np.zeros(k.TALLY_SIZE, np.int64) for _ in range(3))
        results = [mapped, zapped, late]
        with Timed(note, "map"):
            code = side.map(self.pool, self.root, self.gfns, self.pfns, mapped)
        results += [array.copy() for array in self.pool]
        with Timed(note, "walk"):
            found = side.walk(self.pool, self.root, self.gfns, self.sptes, self.levels)
        results += [self.sptes.copy(), self.levels.copy(), np.array([code, found])]
        with Timed(note, "zap v5.18"):
            side.zap(self.pool, self.root, "v5.18", zapped)
        results += [array.copy() for array in self.pool]
        self.reset()
        side.map(self.pool, self.root, self.gfns, self.pfns, np.zeros(k.TALLY_SIZE, np.int64))
        with Timed(note, "zap v6.9"):
            side.zap(self.pool, self.root, "v6.9", late)
        return [*results, *(array.copy() for array in self.pool)]


class Timed:
    """Note the processor seconds a block took under a name; waiting for a turn does not count."""

    def __init__(self, note: Callable[[str, float], None], name: str) -> None:
        self.note, self.name = note, name

    def __enter__(self) -> None:
        self.start = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.note(self.name, time.thread_time() - self.start)


def workloads(n: int) -> list[Workload]:
    """Return `n` gfns in order, the same shuffled, and `n` scattered over 16 times as many."""
    rng = np.random.default_rng(SEED)
    in_order = np.arange(n, dtype=np.int64)
    scattered = rng.choice(16 * n, n, replace=False).astype(np.int64)
    return [
        Workload("sequential", in_order),
        Workload("shuffled", rng.permutation(in_order)),
        Workload("scattered", scattered),
    ]


def validate(work: Workload, sides: list[Numba | C]) -> None:
    """Run every side once; stop with a message unless all arrays are equal and complete."""
    answers = [work.run(side, lambda *_: None) for side in sides]
    mapped, zapped, late = answers[0][:3]
    n = work.gfns.size
    if not mapped[k.NEW] == zapped[k.LEAVES] == late[k.LEAVES] == n:
        raise SystemExit(f"{work.name}: {mapped[k.NEW]} mapped, {zapped[k.LEAVES]} zapped of {n}")
    for other in answers[1:]:
        for one, two in zip(answers[0], other, strict=True):
            if not np.array_equal(one, two):
                raise SystemExit(f"{work.name}: numba and C disagree")


def measure(work: Workload, sides: list[Numba | C], rounds: int) -> list[dict]:
    """Return one row per operation: median ns per gfn of each side, and numba / C."""
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for side in sides:
            work.run(
                side,
                lambda name, seconds, side=side: times.setdefault((name, side.name), []).append(
                    seconds / work.gfns.size * 1e9
                ),
            )
    rows = []
    for name in dict.fromkeys(name for name, _ in times):
        ns = {side.name: statistics.median(times[name, side.name]) for side in sides}
        ratio = ns["numba"] / ns["C"] if "C" in ns else None
        rows.append(
            {
                "workload": work.name,
                "operation": name,
                "numba_ns": round(ns["numba"], 3),
                "c_ns": round(ns["C"], 3) if "C" in ns else None,
                "ratio": round(ratio, 3) if ratio else None,
            }
        )
    return rows


def report(result: dict) -> None:
    """Print the rows as a table."""
    gcc = result["gcc"] or "no gcc"
    wide = max(len(gcc), 8)
    print(
        f"page tables, 4 levels of 512: {result['gfns']} gfns, ns per gfn, "
        f"median of {result['rounds']} rounds"
    )
    print(f"{'gfns':<11} {'operation':<10} {'numba':>8} {gcc:>{wide}} {'ratio':>6}")
    for row in result["rows"]:
        c = "-" if row["c_ns"] is None else f"{row['c_ns']:.2f}"
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        print(
            f"{row['workload']:<11} {row['operation']:<10} {row['numba_ns']:>8.2f} "
            f"{c:>{wide}} {ratio:>6}"
        )


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tdplib bench pagetable",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gfns", type=int, default=1 << 20, help="how many (default 2**20)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds to take the median of")
    parser.add_argument(
        "--native",
        action="store_true",
        help="let gcc use all of this processor too, as numba always does (-march=native)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    if args.gfns < 1 or args.rounds < 1:
        parser.error("--gfns and --rounds must be 1 or more")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or stop with a message where numba and C disagree."""
    args = arguments(argv)
    flags = ["-O3", "-march=native"] if args.native else ["-O3"]
    gcc = shutil.which("gcc")
    if not gcc:
        print("no gcc here: the jitted kernels are timed alone", file=sys.stderr)
    sides: list[Numba | C] = [Numba(), C(flags)] if gcc else [Numba()]
    result = {
        "gfns": args.gfns,
        "rounds": args.rounds,
        "gcc": " ".join(["gcc", *flags]) if gcc else None,
        "rows": [],
    }
    for work in workloads(args.gfns):
        validate(work, sides)
        result["rows"] += measure(work, sides, args.rounds)
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        report(result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
