"""`tdplib labs`: build the student notebooks, prove the exercises, list them."""

from __future__ import annotations

import argparse

from tdplib.cli._say import say, say_json, table
from tdplib.cli._verbs import add_verb

__all__ = ["add"]

TOLD = 40
"""Lines of a failed proof's report."""


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "labs",
        _labs,
        "list the labs, build their notebooks, prove their exercises",
        "tdplib labs build\ntdplib labs build --check\ntdplib labs verify --mutants --only lab07",
    )
    verb.add_argument("what", choices=("list", "build", "verify"), help="what to do")
    verb.add_argument(
        "--check", action="store_true", help="build: write nothing, exit 1 if a notebook is stale"
    )
    verb.add_argument(
        "--mutants", action="store_true", help="verify: other right answers, and near misses, too"
    )
    verb.add_argument("--only", default="", metavar="ID", help="verify: ids that begin so")
    verb.add_argument(
        "--processes", type=int, default=2, metavar="N", help="verify: processes at once (2)"
    )
    verb.add_argument("--verbose", action="store_true", help="verify: tell every mutant")
    verb.add_argument("--json", action="store_true", help="as JSON")


def _labs(args: argparse.Namespace) -> int:
    return {"list": _list, "build": _build, "verify": _verify}[args.what](args)


def _list(args: argparse.Namespace) -> int:
    from tdplib.labs.exercise import lab_names, load_lab

    rows = []
    for name in lab_names():
        lab = load_lab(name)
        exercises = [exercise.id for exercise in lab.exercises]
        rows.append(
            {"name": name, "title": lab.title, "minutes": lab.minutes, "exercises": exercises}
        )
    if args.json:
        say_json(rows)
    else:
        say(
            table(
                (
                    row["name"],
                    f"{row['minutes']} min",
                    f"{len(row['exercises'])} exercises",
                    row["title"],
                )
                for row in rows
            )
        )
    return 0


def _build(args: argparse.Namespace) -> int:
    from tdplib.labs.build import build

    stale = build(check=args.check)
    if args.json:
        say_json({"stale": stale, "written": not args.check})
    elif not stale:
        say("all notebooks are current")
    else:
        for path in stale:
            say(f"{path} is stale: tdplib labs build" if args.check else f"wrote {path}")
    return int(bool(stale) and args.check)


def _verify(args: argparse.Namespace) -> int:
    from time import perf_counter

    from tdplib.labs.verify import verify

    started = perf_counter()
    results = verify(deep=args.mutants, only=args.only, processes=args.processes)
    if args.json:
        keys = ("exercise", "what", "expected", "got", "ok")
        say_json([{key: getattr(result, key) for key in keys} for result in results])
        return int(not all(result.ok for result in results))
    for result in results:
        if args.verbose or not result.ok or not result.what.startswith("mutant: "):
            say(str(result))
        if not result.ok:
            say("\n".join(f"    {line}" for line in result.text.splitlines()[:TOLD]))
    if args.mutants:
        say(_rates(results))
    failed = sum(not result.ok for result in results)
    say(f"{len(results)} proofs, {failed} failed, {perf_counter() - started:.0f} s")
    return int(failed > 0)


def _rates(results):
    """Return the table of how many mutants each exercise catches, and all of them."""
    from tdplib.labs.verify import catch_rate

    names = dict.fromkeys(result.exercise for result in results)
    rows = [(name, [each for each in results if each.exercise == name]) for name in names]
    lines = []
    for name, own in [*rows, ("all", results)]:
        caught, equivalent, count = catch_rate(own)
        unexplained = count - caught - equivalent
        share = f"{caught / (count - equivalent):.0%}" if count > equivalent else "-"
        lines.append(
            (
                name,
                f"{count} mutants",
                f"{caught} caught",
                f"{equivalent} equivalent",
                f"{unexplained} unexplained",
                share,
                f"{sum(each.seconds for each in own):.1f} s",
            )
        )
    return table(lines)
