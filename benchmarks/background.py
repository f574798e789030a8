"""
A check in the background: how long the main thread waits meanwhile, and how soon it can be ended.

The main thread does what a kernel does between two cells: it sleeps for two milliseconds, works for
a moment, and looks at the clock. What it took longer than that is its wait. Then checks are begun
and cancelled again, at moments spread over a search.

    tdplib bench background
    tdplib bench background --protocol v5.18 --scenario three-vcpus --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from tdplib.background import Background

BARS = {"longest wait of the main thread, ms": 100, "longest from cancel to the verdict, ms": 500}
"""Most values that are aimed at, on two cores that do nothing else."""
NAP = 0.002
CANCELS = 8


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description="A check in the background, and what it holds up.")
    parser.add_argument("--protocol", default="v5.18", help="see `tdplib protocols`")
    parser.add_argument("--scenario", default="three-vcpus", help="see `tdplib scenarios`")
    parser.add_argument("--max-states", type=int, default=50_000_000, help="stop after so many")
    parser.add_argument("--json", action="store_true", help="as JSON")
    args = parser.parse_args(arguments)
    result = measure(args.protocol, args.scenario, args.max_states)
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        report(result)
    return 0


def measure(protocol: str, scenario: str, max_states: int) -> dict:
    """Return the waits of the main thread, the times to cancel, and what was searched."""
    Background("lost-update").wait()  # the kernels are compiled, or read from disk
    asked = {"code": protocol, "scenario": scenario, "max_states": max_states}
    beside = Background(**asked)
    waits = []
    while beside.running:
        began = time.perf_counter()
        time.sleep(NAP)
        sum(range(2000))
        waits.append(1000 * (time.perf_counter() - began - NAP))
    found = beside.wait()
    if found.status == "violated" or found.states < 2:
        sys.exit(f"{protocol}: expected a search that nothing ends early, got: {found!r}")
    cancels = [cancelled(asked, found.seconds * k / CANCELS) for k in range(1, CANCELS)]
    return {
        "searched": repr(found),
        "waits, ms": quantiles(waits),
        "cancel to verdict, ms": quantiles([each for each in cancels if each is not None]),
        "bars": BARS,
    }


def cancelled(asked: dict, after: float) -> float | None:
    """Return how many ms a check takes to end that is cancelled `after` seconds; None: it ended."""
    beside = Background(**asked)
    time.sleep(after)
    if not beside.running:
        return None
    began = time.perf_counter()
    beside.cancel()
    beside.wait()
    return 1000 * (time.perf_counter() - began)


def quantiles(values: list[float]) -> dict[str, float]:
    """Return the middle, the 95th, the 99th of a hundred and the largest."""
    values = sorted(values)
    parts = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found = {name: values[min(int(len(values) * q), len(values) - 1)] for name, q in parts.items()}
    return {name: round(each, 2) for name, each in {**found, "max": values[-1]}.items()}


def report(result: dict) -> None:
    """Print the result as a table."""
    print(result["searched"])
    for what in ("waits, ms", "cancel to verdict, ms"):
        print(f"{what:<24}" + "".join(f"{name} {value:<9}" for name, value in result[what].items()))
    for bar, most in result["bars"].items():
        print(f"aim: {bar} <= {most}")


if __name__ == "__main__":
    sys.exit(main())
