"""`tdplib labs`: build the student notebooks, prove the exercises, list them."""

from __future__ import annotations

import argparse

from tdplib.cli._say import say, say_json, table
from tdplib.cli._verbs import add_verb

__all__ = ["add"]


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "labs",
        _labs,
        "list the labs, build their notebooks, prove their exercises",
        "tdplib labs build\ntdplib labs build --check\ntdplib labs verify",
    )
    verb.add_argument("what", choices=("list", "build", "verify"), help="what to do")
    verb.add_argument(
        "--check", action="store_true", help="build: write nothing, exit 1 if a notebook is stale"
    )
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
    from tdplib.labs.verify import verify

    results = verify()
    if args.json:
        keys = ("exercise", "what", "expected", "got", "ok")
        say_json([{key: getattr(result, key) for key in keys} for result in results])
    else:
        for result in results:
            say(str(result))
            if not result.ok:
                say("\n".join(f"    {line}" for line in result.text.splitlines()))
    return int(not all(result.ok for result in results))
