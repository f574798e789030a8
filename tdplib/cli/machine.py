"""`tdplib warm`, `tdplib doctor` and `tdplib bench`: the machine tdplib runs on."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import tdplib
from tdplib.cli._say import ProgressLine, complain, say, say_json
from tdplib.cli._verbs import add_verb

__all__ = ["add"]

BENCHES = ("search", "pagetable", "widget", "background")


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the three verbs."""
    verb = add_verb(
        verbs,
        "bench",
        _bench,
        "measure the search, page tables, the widget, a background check (in a checkout)",
        "tdplib bench search\ntdplib bench pagetable --json",
    )
    verb.add_argument("name", choices=BENCHES, help="what to measure")
    verb.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the benchmark")
    verb = add_verb(
        verbs,
        "warm",
        _warm,
        "compile every kernel now, once for this user and machine",
        "tdplib warm",
    )
    verb.add_argument("--json", action="store_true", help="as JSON")
    verb = add_verb(
        verbs,
        "doctor",
        _doctor,
        "say what this machine has, and what works without the rest",
        "tdplib doctor\ntdplib doctor --missing",
    )
    verb.add_argument("--missing", action="store_true", help="only what is lacking")
    verb.add_argument("--json", action="store_true", help="as JSON")


def _bench(args: argparse.Namespace) -> int:
    path = Path(tdplib.__file__).parents[1] / "benchmarks" / f"{args.name}.py"
    if not path.is_file():
        complain(
            f"no benchmark {args.name!r} here: {path} does not exist; "
            "benchmarks are part of a checkout of tdplib, not of the installed package"
        )
        return 2
    spec = importlib.util.spec_from_file_location(f"tdplib_bench_{args.name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.main(args.rest) or 0


def _warm(args: argparse.Namespace) -> int:
    from tdplib import _jit
    from tdplib.cli import _warming

    cold, start = _jit.cold_kernels(), time.perf_counter()
    if cold and not sys.stderr.isatty():
        sys.stderr.write(f"compiling {len(cold)} kernels, once\n")
    with _ticking(len(cold), start):
        _warming.touch_every_kernel()
    seconds, left = time.perf_counter() - start, _jit.cold_kernels()
    if args.json:
        done = {"were_cold": len(cold), "cold": list(left), "seconds": round(seconds, 2)}
        say_json(done)
    elif left:
        complain(f"{len(left)} kernels are not kept on disk; `tdplib doctor` says why")
    else:
        what = f"compiled {len(cold)} kernels" if cold else "all kernels were warm"
        say(f"{what}: {seconds:.1f} s")
    return 0


@contextmanager
def _ticking(cold: int, start: float) -> Iterator[None]:
    """Show how far compiling is, each second, while the body runs."""
    from tdplib import _jit

    line, done = ProgressLine(), threading.Event()

    def tick() -> None:
        while not done.wait(1.0):
            left = len(_jit.cold_kernels())
            seconds = time.perf_counter() - start
            line.show(f"compiling kernels: {max(cold - left, 0)} of {cold}, {seconds:.0f} s")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        line.clear()


def _doctor(args: argparse.Namespace) -> int:
    from tdplib import doctor

    if not args.json:
        return doctor.main(["--missing"] if args.missing else [])
    lines = doctor.report()
    say_json([asdict(line) for line in lines if not (args.missing and line.ok)])
    return int(any(not line.ok for line in lines if line.name in ("python", "core")))
