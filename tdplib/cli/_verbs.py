"""What the verbs' modules share: how a verb is described, options that several have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = ["Formatter", "add_verb", "name_or_file", "scenario_option", "the_scenario"]


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves the examples as they are and gives the options' names room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def add_verb(
    verbs: argparse._SubParsersAction, name: str, run: Callable, about: str, example: str
) -> argparse.ArgumentParser:
    """
    Add the verb `name`, run by ``run(args) -> exit code``, and return its parser.

    `about` is one sentence, without a full stop; `example` is shown at the end of its help.
    """
    verb = verbs.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog="example:\n" + "\n".join(f"  {line}" for line in example.splitlines()),
        formatter_class=Formatter,
    )
    verb.set_defaults(run=run)
    return verb


def name_or_file(what: str) -> str | Path:
    """Return a protocol's name as it is, and the name of a file as a path."""
    from tdplib import protocols

    path = Path(what)
    is_file = what not in protocols.every_name() and (path.suffix == ".py" or path.exists())
    return path if is_file else what


def scenario_option(verb: argparse.ArgumentParser) -> None:
    """Add ``--scenario`` and ``--vary`` to a verb."""
    verb.add_argument("--scenario", metavar="NAME", help="see `tdplib scenarios`")
    verb.add_argument(
        "--vary",
        metavar="FIELD=N",
        nargs="+",
        default=[],
        help="change numbers of the scenario, e.g. vcpus=3 updates=1",
    )


def the_scenario(args: argparse.Namespace, protocol: str) -> object:
    """Return the scenario the options name; None where they name none."""
    from tdplib import scenarios
    from tdplib.errors import BadValueError

    if not args.vary:
        return args.scenario and scenarios.find(args.scenario, protocol)
    changes: dict[str, int] = {}
    for word in args.vary:
        field, _, number = word.partition("=")
        try:
            changes[field] = int(number, 0)
        except ValueError:
            raise BadValueError(f"--vary takes FIELD=NUMBER, not {word!r}") from None
    try:
        return scenarios.vary(scenarios.find(args.scenario, protocol), **changes)
    except TypeError as error:
        raise BadValueError(f"--vary: {error}") from None
