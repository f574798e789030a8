"""`tdplib warm`, `tdplib doctor` and `tdplib bench`: the machine tdplib runs on."""

from __future__ import annotations

import argparse
import importlib.util
import time
from dataclasses import asdict
from pathlib import Path

import tdplib
from tdplib.cli._say import ProgressLine, complain, say, say_json
from tdplib.cli._verbs import add_verb

__all__ = ["add"]

BENCHES = ("search", "pagetable")


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the three verbs."""
    verb = add_verb(
        verbs,
        "bench",
        _bench,
        "measure the search or the page tables (in a checkout)",
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
    spec.loader.exec_module(module)
    return module.main(args.rest) or 0


def _warm(args: argparse.Namespace) -> int:
    from tdplib import _jit, warming

    cold = len(_jit.cold_kernels())
    line, start = ProgressLine(), time.perf_counter()
    for name in warming.steps():
        line.show(f"compiling: {name} ({time.perf_counter() - start:.0f} s)")
    line.clear()
    seconds = time.perf_counter() - start
    left = _jit.cold_kernels()
    if args.json:
        say_json({"compiled": cold - len(left), "cold": list(left), "seconds": round(seconds, 2)})
    elif not cold:
        say(f"kernels are warm ({seconds:.1f} s)")
    else:
        say(f"compiled {cold - len(left)} kernels in {seconds:.1f} s")
    if left and not args.json:
        complain(f"not kept on disk: {', '.join(left)}; `tdplib doctor` says why")
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from tdplib import doctor

    if not args.json:
        return doctor.main(["--missing"] if args.missing else [])
    lines = doctor.report()
    say_json([asdict(line) for line in lines if not (args.missing and line.ok)])
    return int(any(not line.ok for line in lines if line.name in ("python", "core")))
