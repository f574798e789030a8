"""`tdplib check`: every interleaving of a protocol, or of one's own kernel Python."""

from __future__ import annotations

import argparse
from pathlib import Path

from tdplib.check import DEFAULT_REDUCTIONS
from tdplib.cli._say import ProgressLine, say, say_json, write_file
from tdplib.cli._verbs import add_verb, name_or_file, scenario_option, the_scenario
from tdplib.cli.replaying import as_page, outputs, trace_options, trace_record
from tdplib.watch import words

__all__ = ["add"]

MORE = ("statistics", "coverage")
"""What is told of a verdict only when asked for: an option, and a method of it."""
EXIT = {"holds": 0, "violated": 1, "incomplete": 3}


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "check",
        _check,
        "run every interleaving, show the shortest one that breaks a property",
        "tdplib check patch-22-skip-invalid\n"
        "tdplib check my_change.py --base v5.18 --scenario three-vcpus --svg trace.svg",
    )
    verb.add_argument("what", metavar="NAME|FILE", help="a protocol, or a file of kernel Python")
    verb.add_argument("--base", help="with FILE: the protocol it stands on (default: v5.18)")
    scenario_option(verb)
    verb.add_argument("--property", action="append", metavar="NAME", help="look for this one only")
    verb.add_argument("--max-states", type=int, metavar="N", help="stop after N states")
    for name, meaning in REDUCTIONS.items():
        flag = f"--no-{name}" if name in DEFAULT_REDUCTIONS else f"--{name}"
        verb.add_argument(flag, dest="switched", action="append_const", const=name, help=meaning)
    verb.add_argument(
        "--coverage",
        action="store_true",
        help="which lines and branches are never taken",
    )
    about = "show N more violations that differ from each other (0: all there are)"
    verb.add_argument("--another", type=int, metavar="N", help=about)
    verb.add_argument(
        "--statistics", action="store_true", help="states by depth, steps by actor, time"
    )
    verb.add_argument("--json", action="store_true", help="the verdict as JSON")
    trace_options(verb)


REDUCTIONS = {
    "merge": "do not merge private work into the visible operation before it",
    "lockset": "do not run on where held locks keep everybody else out",
    "acquire": "do not take a lock together with the operation after it",
    "symmetry": "count states once that differ only by a permutation of like actors",
}
"""Name of a reduction -> what its flag, which switches the default, does."""


def _check(args: argparse.Namespace) -> int:
    from tdplib import check
    from tdplib.errors import BadValueError

    what = name_or_file(args.what)
    is_file = isinstance(what, Path)
    if args.base and not is_file:
        raise BadValueError(f"--base goes with a file; {args.what!r} is a protocol of its own")
    base = args.base or ("v5.18" if is_file else args.what)
    switched = args.switched or ()
    reductions = tuple(r for r in REDUCTIONS if (r in DEFAULT_REDUCTIONS) != (r in switched))
    line = ProgressLine()
    options = {"scenario": the_scenario(args, base), "reductions": reductions}
    if args.max_states is not None:
        options["max_states"] = args.max_states
    if args.property:
        options["properties"] = tuple(args.property)
    if is_file:
        options["base"] = base
    verdict = check(what, progress=lambda *now: line.show(words(*now)), **options)
    line.clear()
    more = {name: getattr(verdict, name)() for name in MORE if getattr(args, name)}
    others = _others(verdict, args.another)
    if args.json:
        record = verdict_record(verdict) | {name: told.to_dict() for name, told in more.items()}
        say_json(record | ({"another": [*map(other_record, others)]} if others else {}))
    else:
        say("\n\n".join([str(verdict), *map(str, others), *map(str, more.values())]))
    if args.html:  # of a verdict that holds too: the reader can look for themselves
        write_file(args.html, as_page(verdict))
        args.html = None
    if verdict.trace is not None:
        outputs(args, verdict.trace)
    return EXIT[verdict.status]


def _others(verdict: object, most: int | None) -> list:
    """Return so many other violations, and what is said where there are no more."""
    found: list = []
    while most is not None and (most == 0 or len(found) < most):
        found.append(verdict.another())
        if found[-1].trace is None:
            break
    return found


def other_record(other: object) -> dict:
    """Return another violation as plain data."""
    trace = other.trace
    return {
        "reason": other.reason,
        "complete": other.complete,
        "property": trace.broken if trace is not None else None,
        "schedule": trace.code if trace is not None else None,
        "trace": trace_record(trace) if trace is not None else [],
    }


def verdict_record(verdict: object) -> dict:
    """Return `verdict` as plain data."""
    trace = verdict.trace
    return {
        "protocol": verdict.protocol,
        "scenario": getattr(verdict.scenario, "name", verdict.scenario),
        "verdict": verdict.status,
        "property": verdict.property,
        "sentence": verdict.sentence,
        "properties": list(verdict.properties),
        "advice": list(verdict.advice),
        "complete": verdict.complete,
        "stopped_by": verdict.stopped_by,
        "states": verdict.states,
        "transitions": verdict.transitions,
        "depth": verdict.depth,
        "seconds": round(verdict.seconds, 6),
        "schedule": trace.code if trace is not None else None,
        "trace": trace_record(trace) if trace is not None else [],
    }
