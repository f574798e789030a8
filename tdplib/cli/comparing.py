"""`tdplib compare`: the same schedule on two protocols, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from tdplib.cli._say import say, write_file
from tdplib.cli._verbs import add_verb, name_or_file

__all__ = ["add"]


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "compare",
        _compare,
        "run one schedule on two protocols and mark the first difference",
        "tdplib compare patch-22-skip-invalid v5.18 CODE\n"
        "tdplib compare mine.py v5.18 CODE --base patch-22 --svg out.svg --html out.html",
    )
    verb.add_argument("first", metavar="NAME|FILE", help="a protocol, or a file of kernel Python")
    verb.add_argument("second", metavar="NAME|FILE", help="what to compare it with")
    verb.add_argument("code", help="a schedule code, as `check` prints it")
    verb.add_argument("--base", help="with FILE: the protocol it stands on (default: v5.18)")
    verb.add_argument("--html", metavar="OUT", help="write it as a page, the two side by side")
    verb.add_argument("--svg", metavar="OUT", help="write it as a picture, a half for each")


def _compare(args: argparse.Namespace) -> int:
    from tdplib.compare import Compare
    from tdplib.errors import BadValueError

    sides = [name_or_file(name) for name in (args.first, args.second)]
    if args.base and not any(isinstance(side, Path) for side in sides):
        raise BadValueError("--base goes with a file; both sides are protocols of their own")
    both = Compare(*sides, args.code, base=args.base or "v5.18")
    if args.html:
        write_file(args.html, both.html())
    if args.svg:
        write_file(args.svg, both.svg())
    if not (args.html or args.svg):
        say(str(both))
    return 0
