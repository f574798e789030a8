"""`tdplib figures`: the pictures in ``figures/``, made anew or compared."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import tdplib
from tdplib.cli._say import say, say_json
from tdplib.cli._verbs import add_verb
from tdplib.errors import TdplibError

__all__ = ["add", "outdated"]


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "figures",
        _figures,
        "draw the pictures in figures/ anew (in a checkout)",
        "tdplib figures\ntdplib figures --check",
    )
    verb.add_argument("--check", action="store_true", help="write nothing, exit 1 if one is stale")
    verb.add_argument("--into", metavar="DIR", help="another folder than the checkout's figures/")
    verb.add_argument("--json", action="store_true", help="as JSON")


def outdated(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give each file of a figure that is missing in `folder` or differs, with its right text."""
    from tdplib import figure

    for name in figure.names():
        made = figure.FIGURES[name]()
        for suffix, text in (("svg", made.picture.svg), ("dot", made.dot)):
            path = folder / f"{figure.stem(name)}.{suffix}"
            if text and (not path.is_file() or path.read_text(encoding="utf-8") != text):
                yield path, text


def _figures(args: argparse.Namespace) -> int:
    folder = Path(args.into or Path(tdplib.__file__).parents[1] / "figures")
    if not folder.is_dir():
        raise TdplibError(
            f"{folder} is no folder: the figures are part of a checkout; --into names another"
        )
    stale = list(outdated(folder))
    if not args.check:
        for path, text in stale:
            path.write_text(text, encoding="utf-8", newline="\n")
    if args.json:
        say_json({"stale": [path.name for path, _ in stale], "written": not args.check})
    elif not stale:
        say("all figures are current")
    for path, _ in () if args.json else stale:
        say(f"{path.name} is stale: tdplib figures" if args.check else f"wrote {path}")
    return int(bool(stale) and args.check)
