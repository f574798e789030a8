"""
The Interleaver: how long from a click on an actor's button until the new board is painted.

The widget's own page in headless Chromium, its messages answered by the real Python widget through
playwright (no Jupyter server: what its websocket adds is not in here). Random steps of the default
scenario, a fresh start where nobody can move. A click counts from its dispatch until the frame with
the new board has been handed over for display. To open is to make the widget and what it displays,
and a page with it, until its buttons are there: the median of `OPENED` times, after a first one.

    tdplib bench widget
    tdplib bench widget --protocol lost-update --clicks 100 --json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARS = {"p95 from click to paint, ms": 50, "to open, ms": 1000, "ES module, bytes": 80_000}
"""Most values that are aimed at, on two cores."""

OPENED = 5

CLICK = """(pick) => new Promise((done) => {
  const ready = [...document.querySelectorAll(".tdp-step:not([aria-disabled])")];
  if (!ready.length) { done(null); return; }
  const { model } = hosts[0], before = model.get("handled"), from = performance.now();
  const watch = () => {
    if (model.get("handled") === before) return;
    model.off("change:handled", watch);
    requestAnimationFrame(() => {
      const channel = new MessageChannel(); // its message comes after the frame was painted
      channel.port1.onmessage = () => done(performance.now() - from);
      channel.port2.postMessage(0);
    });
  };
  model.on("change:handled", watch);
  ready[Math.floor(pick * ready.length)].click();
})"""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description="From a click to the painted board.")
    parser.add_argument("--protocol", default="v5.18", help="see `tdplib protocols`")
    parser.add_argument("--clicks", type=int, default=400, help="how many are measured")
    parser.add_argument("--judge", action="store_true", help="with every next step judged")
    parser.add_argument("--json", action="store_true", help="as JSON")
    args = parser.parse_args(arguments)
    result = measure(args.protocol, args.clicks, args.judge)
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        report(result)
    return 0


def measure(protocol: str, clicks: int, judge: bool = False) -> dict:
    """Return the times of `clicks` clicks, in milliseconds."""
    import random

    from playwright.sync_api import sync_playwright

    from tdplib.doctor import find_chromium
    from tdplib.widgets import Interleaver

    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from conftest import FLAGS, Host

    widget, rng = Interleaver(protocol, judge=judge), random.Random(5)
    kernel = _Kernel(widget)
    whole, python = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        opening = [_opening(Host(browser), protocol) for _ in range(1 + OPENED)][1:]
        page = Host(browser).open(kernel)
        while len(whole) < clicks:
            kernel.seconds = 0.0
            took = page.evaluate(CLICK, rng.random())
            if took is None:
                page.get_by_role("button", name="Reset").click()
                page.wait_for_function("document.querySelector('.tdp-step:not([aria-disabled])')")
                continue
            whole.append(took)
            python.append(kernel.seconds * 1000)
        browser.close()
    return {
        "protocol": protocol,
        "judged": judge,
        "clicks": len(whole),
        "click to paint, ms": _spread(whole),
        "of that Python, ms": _spread(python),
        "buckets of 5 ms": _buckets(whole),
        "to open, ms": round(statistics.median(opening), 1),
        "ES module, bytes": len(str(widget._esm).encode()),
        "problems": list(page.problems),
    }


def _opening(host: object, protocol: str) -> float:
    """Return how long one widget takes from the call in Python until its buttons are on a page."""
    from tdplib.widgets import Interleaver

    start = time.perf_counter()
    made = Interleaver(protocol)
    made._repr_mimebundle_()
    host.open(made).wait_for_selector(".tdp-step:not([aria-disabled])")
    took = 1000 * (time.perf_counter() - start)
    for context in host.contexts:
        context.close()
    return took


class _Kernel:
    """A widget as `Host` wants one (all its traits go to the page each time), with a watch."""

    def __init__(self, widget: object) -> None:
        self._widget, self.seconds = widget, 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(self._widget, name)

    def _on_message(self, _widget: object, content: object, buffers: object) -> None:
        start = time.perf_counter()
        self._widget._on_message(self._widget, content, buffers)
        self.seconds += time.perf_counter() - start


def _spread(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    found = {"median": cuts[49], "p90": cuts[89], "p95": cuts[94], "p99": cuts[98]}
    return {name: round(value, 1) for name, value in {**found, "most": max(times)}.items()}


def _buckets(times: list[float]) -> dict[str, int]:
    counts: dict[int, int] = {}
    for each in times:
        counts[int(each // 5)] = counts.get(int(each // 5), 0) + 1
    return {f"{5 * k}": counts.get(k, 0) for k in range(max(counts) + 1)}


def report(result: dict) -> None:
    """Print the distribution, and what is aimed at."""
    judged = ", every next step judged" if result["judged"] else ""
    print(f"{result['protocol']}: {result['clicks']} clicks{judged}")
    for what in ("click to paint, ms", "of that Python, ms"):
        print(f"  {what:20}", "  ".join(f"{k} {v}" for k, v in result[what].items()))
    widest = max(result["buckets of 5 ms"].values())
    for low, count in result["buckets of 5 ms"].items():
        print(f"  from {low:>3} ms  {count:>4}  {'#' * round(40 * count / widest)}")
    values = (
        result["click to paint, ms"]["p95"],
        result["to open, ms"],
        result["ES module, bytes"],
    )
    for (what, bar), value in zip(BARS.items(), values, strict=True):
        met = "met" if value < bar else "NOT met"
        print(f"  {what}: {value}, aimed at less than {bar}: {met}")
    for problem in result["problems"]:
        print(f"  in the page: {problem}")


if __name__ == "__main__":
    raise SystemExit(main())
