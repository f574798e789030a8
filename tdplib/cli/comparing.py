"""`tdplib compare`: the same schedule on two protocols, side by side."""

from __future__ import annotations

import argparse

from tdplib.cli._say import say, write_file
from tdplib.cli._verbs import add_verb

__all__ = ["add"]


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "compare",
        _compare,
        "run one schedule on two protocols and mark the first difference",
        "tdplib compare patch-22-skip-invalid v5.18 CODE\n"
        "tdplib compare patch-22 v5.18 CODE --html out.html",
    )
    verb.add_argument("first", help="see `tdplib protocols`")
    verb.add_argument("second", help="see `tdplib protocols`")
    verb.add_argument("code", help="a schedule code, as `check` prints it")
    verb.add_argument("--html", metavar="OUT", help="write it as a page, the two side by side")


def _compare(args: argparse.Namespace) -> int:
    from tdplib.compare import Compare

    both = Compare(args.first, args.second, args.code)
    if args.html:
        write_file(args.html, both.html())
    else:
        say(str(both))
    return 0
