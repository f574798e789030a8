"""`tdplib protocols` and `tdplib scenarios`: what there is."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tdplib.cli._say import say, say_json, table
from tdplib.cli._verbs import add_verb

__all__ = ["add"]


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe both verbs."""
    verb = add_verb(
        verbs,
        "protocols",
        _protocols,
        "list the protocols, or show one",
        "tdplib protocols\ntdplib protocols v5.18 --source",
    )
    verb.add_argument("name", nargs="?", help="show this one: what it is, what is expected of it")
    verb.add_argument("--source", action="store_true", help="with NAME: print its kernel Python")
    verb.add_argument("--json", action="store_true", help="as JSON")
    verb = add_verb(
        verbs,
        "scenarios",
        _scenarios,
        "list the named scenarios",
        "tdplib scenarios\ntdplib check v5.18 --scenario three-vcpus",
    )
    verb.add_argument("--json", action="store_true", help="as JSON")


def _protocols(args: argparse.Namespace) -> int:
    from tdplib import protocols

    if args.name:
        return _protocol(args)
    rows = [_protocol_record(protocols.row(name)) for name in protocols.names()]
    if args.json:
        say_json(rows)
        return 0
    say(table((row["name"], _expected(row), row["title"]) for row in rows))
    return 0


def _protocol(args: argparse.Namespace) -> int:
    from tdplib import protocols
    from tdplib.draw import scenario_words

    one = protocols.load(args.name)
    if args.json:
        say_json(
            _protocol_record(protocols.row(args.name))
            | {"near": one.near, "docstring": one.docstring, "scenario": asdict(one.scenario)}
        )
    elif args.source:
        say(one.units[-1].text.rstrip())
    else:
        say(f"{one.name}: {one.title}\n")
        say(one.docstring.partition("\n")[2].strip("\n"))
        say(f"\nexpected: {_expected(_protocol_record(protocols.row(args.name)))}")
        say(f"scenario: {scenario_words(one.scenario)}")
        say(f"file: {protocols.FOLDER / one.file}")
    return 0


def _protocol_record(row: object) -> dict:
    return {
        "name": row.name,
        "title": row.title,
        "kind": row.kind,
        "expected": {
            "verdict": row.expected.status,
            "properties": list(row.expected.properties),
            "wasted_zap": row.expected.wasted_zap,
        },
    }


def _expected(record: dict) -> str:
    expected = record["expected"]
    if expected["properties"]:
        return f"{expected['verdict']}: {', '.join(expected['properties'])}"
    return expected["verdict"] + (", wasted zap" if expected["wasted_zap"] else "")


def _scenarios(args: argparse.Namespace) -> int:
    from tdplib import scenarios
    from tdplib.draw import scenario_words

    named = {**scenarios.SCENARIOS, **{each.name: each for each in scenarios.DEFAULTS.values()}}
    if args.json:
        say_json([asdict(each) for each in named.values()])
    else:
        say(table((each.name, scenario_words(each)) for each in named.values()))
    return 0
