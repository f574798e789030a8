"""
The search: how many states a second, how many bytes a state, how soon a check answers.

Four parts. v5.18 with 3 vCPUs and 2 updates, and the raw rate of v5.18 without reductions, each in
a process of its own. The lost update, whose counts are known, beside a breadth-first search in
plain Python and, where `spin` and `gcc` are, SPIN. What a learner waits for. What each reduction
saves. Counts and verdicts are compared before anything is told: a wrong one ends the run.

Rates are by processor time, so waiting for a turn does not count; what a learner waits for is by
the clock. All are medians.

    tdplib bench search
    tdplib bench search --quick --json
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROTOCOL = "v5.18"
REDUCTIONS = ("merge", "lockset", "acquire", "symmetry")
DEFAULT = REDUCTIONS[:3]
WHOLE = 50_000_000
"""More states than the first search has."""
ACTORS, TIMES = 4, 3
ORACLE = (361_775, 1_225_956)
"""States and transitions of the lost update, 4 actors and 3 rounds; TLC and SPIN agree."""

BARS = {
    "states a second": 1_500_000,
    "bytes a state": 96,
    "check in a running process, s": 0.1,
    "check in a fresh process, s": 1.0,
    "import tdplib, s": 0.4,
}
"""What is aimed at on one core; the first is a least value, the others are most values."""

IN_PROCESS = f'check("{PROTOCOL}")'
FRESH = f"python -m tdplib check {PROTOCOL} --json"
IMPORT = "import tdplib"
TABLE = "-w19"
"""SPIN's table: 2**19 slots suit 361,775 states best (its own 2**24 is slower)."""
PROMELA_ROUND = "  t = c; d_step { c = t + 1; t = 0 };\n"


# --- what is searched ---------------------------------------------------------------------------


def system_of(protocol: str, scenario: str | None):
    """Return the compiled System of a protocol in a scenario (None: its own)."""
    from tdplib.replay.subject import subject

    return subject(protocol, protocol, scenario).system


def lost_update():
    """Return the compiled System of the lost update."""
    from tdplib.lang.source import unit_from
    from tdplib.vm.system import Actor, build

    body = "    t = kvm.c\n    kvm.c = t + 1\n" * TIMES
    text = f"class kvm:\n    c: u8\n\n\ndef add(kvm):\n{body}"
    actors = tuple(Actor(f"actor {k}", "actor", "add", ("kvm",)) for k in range(ACTORS))
    return build((unit_from(text, name="lost update"),), actors, strict=False)


def searched(system, names: tuple[str, ...], most: int):
    """Explore; return the Exploration and its processor seconds. `most` bounds the states."""
    from tdplib.search.explore import Limits, Reductions, explore

    which = Reductions(*(name in names for name in REDUCTIONS))
    began = time.thread_time()
    found = explore(system, reductions=which, limits=Limits(states=most))
    return found, time.thread_time() - began


def holds(found, what: str) -> None:
    """Stop with a message if v5.18 broke or another bound than that of states was met."""
    from tdplib.properties import ADVICE

    broken = set(found.found) - set(ADVICE)
    if broken or not set(found.stopped_by) <= {"states"}:
        told = ", ".join(sorted(broken) or found.stopped_by)
        raise SystemExit(f"{what}: expected that it holds, got: {told}")


def equal(what: str, got, expected) -> None:
    """Stop with a message unless two answers are the same."""
    if got != expected:
        raise SystemExit(f"{what}: expected {expected}, got {got}")


# --- v5.18, each search in a process of its own -------------------------------------------------


def status(field: str) -> int | None:
    """Return a field of this process's status in bytes (Linux), or None."""
    path = Path("/proc/self/status")
    if not path.is_file():
        return None
    for line in path.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def one_search(scenario: str, names: tuple[str, ...], most: int) -> dict:
    """Search in this process, its kernels loaded before; return the figures."""
    searched(system_of(PROTOCOL, "small"), names, most)
    system, before = system_of(PROTOCOL, scenario), status("VmRSS")
    found, seconds = searched(system, names, most)
    holds(found, f"{PROTOCOL}, {scenario}")
    peak = status("VmHWM")
    taken, alone = interpreter(system, found)
    if found.complete:
        equal(f"{PROTOCOL}, {scenario}, transitions taken again", taken, found.transitions)
    return {
        "counts": [found.states, found.transitions, found.depth],
        "complete": found.complete,
        "words": found.arrays.states.shape[1],
        "seconds": seconds,
        "arrays": found.memory,
        "rss": None if peak is None else peak - before,
        "interpreter_ns": alone / taken * 1e9,
    }


def interpreter(system, found) -> tuple[int, float]:
    """
    Take every transition of a finished search again, without looking its state up.

    Returns how many there are and their processor seconds: what the machine of kernel Python
    takes by itself, the copy of a state before each attempt included.
    """
    import numba

    from tdplib.vm import _entry, _memo, codes

    pointer, run = _entry._pointer, _entry._run.run
    blocked, advice = codes.BLOCKED, codes.M_ADVICE

    @numba.njit
    def interpret(image, memory, states, count, actors, mode, scratch):
        width, taken = states.shape[1], 0
        im, mem, st = pointer(image), pointer(memory), pointer(scratch)
        log = pointer(scratch[scratch.size - 2 :])
        for number in range(count):
            for actor in range(actors):
                for k in range(width):
                    st[k] = states[number, k]
                mem[advice] = 0
                if run(im, mem, st, actor, mode, log) != blocked:
                    taken += 1
        return taken

    image, states = system.image, found.arrays.states
    rest = (len(system.actors), found.reductions.mode, _memo.scratch(image.im))
    interpret(image.im, image.mem, states, 1, *rest)
    began = time.thread_time()
    taken = interpret(image.im, image.mem, states, found.states, *rest)
    return taken, time.thread_time() - began


def fresh(arguments: list[str]) -> tuple[str, float]:
    """Run Python in a fresh process; return its output and the seconds by the clock."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=env, cwd=ROOT, text=True, capture_output=True
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        command = " ".join(["python", *arguments])
        raise SystemExit(f"{command}: ended with {done.returncode}\n{done.stderr}")
    return done.stdout, seconds


def rates(scenario: str, names: tuple[str, ...], most: int, rounds: int) -> dict:
    """Return the row of one search of v5.18: the median of `rounds` processes."""
    flags = ["--one", scenario, ",".join(names), str(most)]
    runs = [json.loads(fresh([__file__, *flags])[0]) for _ in range(rounds)]
    for run in runs[1:]:
        equal(f"{PROTOCOL}, {scenario}, run again", run["counts"], runs[0]["counts"])
    states, transitions, depth = runs[0]["counts"]

    def median(key):
        return statistics.median(run[key] for run in runs)

    seconds, rss = median("seconds"), runs[0]["rss"]
    return {
        "scenario": scenario,
        "reductions": list(names),
        "states": states,
        "transitions": transitions,
        "depth": depth,
        "complete": runs[0]["complete"],
        "seconds": round(seconds, 3),
        "states_per_second": round(states / seconds),
        "transitions_per_second": round(transitions / seconds),
        "state_words": runs[0]["words"],
        "bytes_per_state": round(runs[0]["arrays"] / states, 1),
        "rss_per_state": None if rss is None else round(median("rss") / states, 1),
        "ns_per_transition": round(seconds / transitions * 1e9),
        "interpreter_ns_per_transition": round(median("interpreter_ns")),
    }


# --- the peers ----------------------------------------------------------------------------------


def plain_python() -> tuple[int, int]:
    """Return states and transitions of the lost update, found with tuples, a set and a list."""
    start = (0, *((0, 0),) * ACTORS)
    seen, layer, transitions = {start}, [start], 0
    while layer:
        after = []
        for state in layer:
            for k in range(1, ACTORS + 1):
                step, read = state[k]
                if step == 2 * TIMES:
                    continue
                count = read + 1 if step % 2 else state[0]
                own = (step + 1, 0) if step % 2 else (step + 1, count)
                new = (count, *state[1:k], own, *state[k + 1 :])
                transitions += 1
                if new not in seen:
                    seen.add(new)
                    after.append(new)
        layer = after
    return len(seen), transitions


def promela() -> str:
    """Return the lost update for SPIN. The last line blocks: a process's death is no transition."""
    body = PROMELA_ROUND * TIMES
    return f"byte c;\nactive [{ACTORS}] proctype add() {{\n  byte t;\n{body}end: false\n}}\n"


class Spin:
    """SPIN's verifier of the lost update, compiled in a folder of its own."""

    def __init__(self, folder: str, optimize: str) -> None:
        self.folder = folder
        (Path(folder) / "lost.pml").write_text(promela())
        for command in ("spin -a lost.pml", f"gcc {optimize} -DSAFETY -DNOREDUCE -w -o pan pan.c"):
            subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)

    def __call__(self) -> tuple[int, int]:
        """Return states and transitions; SPIN counts the way into the start state as one more."""
        done = subprocess.run(
            [Path(self.folder) / "pan", "-n", TABLE],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        numbers = [line.split() for line in done.stdout.splitlines() if "state" in line]
        got = {words[2]: int(words[0]) for words in numbers if words[2:] and words[0].isdigit()}
        if not {"stored", "matched"} <= set(got):
            raise SystemExit(f"pan: no counts in what it said:\n{done.stdout}{done.stderr}")
        return got["stored"], got["stored"] + got["matched"] - 1


def spent() -> float:
    """Return the processor seconds of this process and of the children it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def oracle(rounds: int, optimize: str) -> list[dict]:
    """Return one row a side that searches the lost update; the sides take turns."""
    system = lost_update()

    def tdplib() -> tuple[int, int]:
        found, _ = searched(system, (), ORACLE[0] * 2)
        return found.states, found.transitions

    with tempfile.TemporaryDirectory(prefix="tdplib-bench-") as folder:
        sides: dict[str, Callable[[], tuple[int, int]]] = {"tdplib": tdplib}
        sides["plain Python"] = plain_python
        if shutil.which("spin") and shutil.which("gcc"):
            sides[f"SPIN, gcc {optimize}"] = Spin(folder, optimize)
        else:
            print("no spin and gcc here: the lost update runs without SPIN", file=sys.stderr)
        return compare(sides, ORACLE, rounds)


def compare(sides: dict[str, Callable], expected: tuple[int, int], rounds: int) -> list[dict]:
    """Time the sides in turn, each answer validated; return a row each, tdplib's ratio to it."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            began = spent()
            answer = side()
            times[name].append(spent() - began)
            equal(f"{name}: states, transitions", tuple(answer), expected)
    seconds = {name: statistics.median(each) for name, each in times.items()}
    return [
        {
            "side": name,
            "states": expected[0],
            "transitions": expected[1],
            "seconds": round(seconds[name], 3),
            "states_per_second": round(expected[0] / seconds[name]),
            "tdplib_ratio": round(seconds[name] / seconds["tdplib"], 2),
        }
        for name in sides
    ]


def reference_side(scenario: str, rounds: int) -> list[dict]:
    """Return the rows of v5.18 in a scenario: tdplib beside the tests' plain-Python machine."""
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        import engine
        import reference
    finally:
        sys.path.pop(0)
    units, actors, params = engine.protocol(PROTOCOL, scenario)
    system = system_of(PROTOCOL, scenario)

    def tdplib() -> tuple[int, int]:
        found, _ = searched(system, (), 1_000_000)
        return found.states, found.transitions

    def plain() -> tuple[int, int]:
        found = reference.explore(units, actors, **params)
        return found.states, found.transitions

    return compare({"tdplib": tdplib, "plain Python": plain}, tdplib(), rounds)


# --- what a learner waits for -------------------------------------------------------------------


def timed(what: str, run: Callable, expected, rounds: int) -> dict:
    """Return a row: the median seconds of `run` by the clock; each answer must be `expected`."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = run()
        seconds.append(time.perf_counter() - began)
        equal(what, answer, expected)
    return {"what": what, "seconds": round(statistics.median(seconds), 3)}


def waiting(rounds: int, *, labs: bool) -> list[dict]:
    """Return rows of what is waited for; `labs`: the exercises too."""
    from tdplib.check import check

    def verdict_of_process() -> str:
        return json.loads(fresh(["-m", "tdplib", "check", PROTOCOL, "--json"])[0])["verdict"]

    rows = [timed(IN_PROCESS, lambda: check(PROTOCOL).status, "holds", rounds)]
    rows += [timed(*each, rounds) for each in (judgements() if labs else ())]
    processes = (rounds + 1) // 2
    rows.append(timed(FRESH, verdict_of_process, "holds", processes))
    for code in (IMPORT, "pass"):
        rows.append(timed(f"python -c '{code}'", lambda c=code: fresh(["-c", c])[0], "", processes))
    return rows


def judgements() -> list[tuple]:
    """
    Return (what, run, expected) for each exercise of the labs: its reference answer judged.

    Left out are those whose answer is a schedule: there par is what takes time, once.
    """
    from tdplib.labs.build import reference_answers
    from tdplib.labs.exercise import lab_names, load_lab
    from tdplib.labs.judge import judge
    from tdplib.labs.report import RIGHT
    from tdplib.labs.sources import read_source

    found = []
    for name in lab_names():
        source = read_source(load_lab(name))
        answers = reference_answers(source)
        for exercise in source.lab.exercises:
            if exercise.kind == "break":
                continue
            what = f"{exercise.id} judged, {len(exercise.cases)} worlds"
            run = partial(judge, exercise, answers[exercise.id])
            found.append((what, lambda run=run: run().status, RIGHT))
    return found


# --- what each reduction saves ------------------------------------------------------------------


def savings(most: int) -> list[dict]:
    """Return v5.18's default world after each reduction more; each must hold and not grow."""
    system, rows = system_of(PROTOCOL, None), []
    for count in range(len(REDUCTIONS) + 1):
        names = REDUCTIONS[:count]
        found, seconds = searched(system, names, most)
        what = "+".join(names) or "none"
        holds(found, f"{PROTOCOL}, reductions {what}")
        if rows and rows[-1]["complete"] and not found.states <= rows[-1]["states"]:
            raise SystemExit(f"reductions {what}: {found.states} states, more than with one less")
        rows.append(
            {
                "reductions": list(names),
                "states": found.states,
                "transitions": found.transitions,
                "complete": found.complete,
                "seconds": round(seconds, 3),
            }
        )
    return rows


# --- the command --------------------------------------------------------------------------------


def against_bars(result: dict) -> list[dict]:
    """Return a row for each of `BARS`: what was measured and whether it is met."""
    first, told = result["v5.18"][0], {each["what"]: each["seconds"] for each in result["waiting"]}
    bytes_each = max(first["bytes_per_state"], first["rss_per_state"] or 0)
    got = (
        first["states_per_second"],
        bytes_each,
        told[IN_PROCESS],
        told[FRESH],
        told[f"python -c '{IMPORT}'"],
    )
    rows = []
    for (name, bar), value in zip(BARS.items(), got, strict=True):
        met = value >= bar if name == "states a second" else value <= bar
        rows.append({"what": name, "bar": bar, "got": value, "met": met})
    return rows


def limits(first: dict) -> str:
    """Say where the time and the bytes of the first search go."""
    taken, alone = first["ns_per_transition"], first["interpreter_ns_per_transition"]
    each, words = first["transitions"] / first["states"], first["state_words"] * 8
    return (
        f"limits: {each:.1f} transitions lead to each state, {taken} ns each. Interpreted anew one "
        f"takes {alone} ns; most are remembered instead (vm/_memo.py), and what is left goes to "
        f"finding and keeping states. Of {first['bytes_per_state']} bytes a state {words} are the "
        "state itself, 4 its parent; the others are the table and room not yet used"
    )


def report(result: dict) -> None:
    """Print the parts as tables, what limits below them."""
    print(f"{PROTOCOL}, 3 vCPUs and 2 updates; and raw, no reductions. {result['machine']}")
    print(
        f"{'scenario':<12} {'states':>10} {'states/s':>9} {'trans/s':>9} {'B/state':>8} {'RSS':>6}"
    )
    for each in result["v5.18"]:
        told = "" if each["complete"] else "  (stopped: states)"
        rss = "-" if each["rss_per_state"] is None else f"{each['rss_per_state']:.1f}"
        print(
            f"{each['scenario']:<12} {each['states']:>10,} {each['states_per_second']:>9,} "
            f"{each['transitions_per_second']:>9,} {each['bytes_per_state']:>8} {rss:>6}{told}"
        )
    print(limits(result["v5.18"][0]))
    titles = {
        "lost_update": f"the lost update, {ACTORS} actors, {TIMES} rounds, no reductions",
        "reference": f"{PROTOCOL}, a smaller world, no reductions; Python: the tests' reference",
    }
    for key, title in titles.items():
        print(f"\n{title}\n{'side':<14} {'states':>10} {'states/s':>9} {'tdplib is faster by':>20}")
        for each in result[key]:
            rate, ratio = each["states_per_second"], each["tdplib_ratio"]
            print(f"{each['side']:<14} {each['states']:>10,} {rate:>9,} {ratio:>20.2f}")
    print(f"\n{'what a learner waits for':<54} {'seconds':>8}")
    for each in result["waiting"]:
        print(f"{each['what']:<54} {each['seconds']:>8.3f}")
    print(f"\n{PROTOCOL}, default world\n{'reductions':<32} {'states':>11} {'transitions':>12}")
    for each in result["reductions"]:
        more = "" if each["complete"] else "  (stopped: states)"
        name = "+".join(each["reductions"]) or "none"
        print(f"{name:<32} {each['states']:>11,} {each['transitions']:>12,}{more}")
    print()
    for each in result["bars"]:
        told = "met" if each["met"] else "missed"
        print(f"{each['what']:<32} {each['got']:>11,}  bar {each['bar']:>10,}: {told}")


def measure(args: argparse.Namespace) -> dict:
    """Run the four parts; return all figures."""
    from tdplib.check import check

    # What is compiled is compiled here, before anything is timed.
    check("flush-under-mmu-lock")
    load = os.getloadavg()
    raw = min(args.max_states, 50_000) if args.quick else args.max_states
    searches = [("three-vcpus", DEFAULT, raw if args.quick else WHOLE), ("default", (), raw)]
    del searches[1 if args.quick else 2 :]
    result = {
        "rounds": args.rounds,
        "v5.18": [rates(*each, args.rounds) for each in searches],
        "lost_update": oracle(args.rounds, "-O0" if args.quick else "-O2"),
        "reference": reference_side("small" if args.quick else "requeue", args.rounds),
        "waiting": waiting(1 if args.quick else 5, labs=not args.quick),
        "reductions": savings(raw),
    }
    loads = ", ".join(f"{each[0]:.1f}" for each in (load, os.getloadavg()))
    result["machine"] = (
        f"Median of {args.rounds}; {os.cpu_count()} cores, load average before and after: {loads}"
    )
    if args.quick:
        result["machine"] += ". Quick: too small for figures"
    result["bars"] = against_bars(result)
    return result


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tdplib bench search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--max-states", type=int, default=3_000_000, help="bound without reductions (default 3M)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs to take the median of")
    parser.add_argument(
        "--quick", action="store_true", help="a round each of 50,000 states: a test, no figures"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.max_states < 1 or args.rounds < 1:
        parser.error("--max-states and --rounds must be 1 or more")
    if args.quick:
        args.rounds = 1
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or stop with a message where an answer is wrong."""
    args = arguments(argv)
    if args.one:
        scenario, names, most = args.one
        found = one_search(scenario, tuple(filter(None, names.split(","))), int(most))
        print(json.dumps(found))
        return 0
    result = measure(args)
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        report(result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
