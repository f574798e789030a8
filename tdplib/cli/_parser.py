"""The arguments of every verb."""

from __future__ import annotations

import argparse

import tdplib
from tdplib.cli import (
    checking,
    comparing,
    figures,
    labs,
    ladder,
    lists,
    machine,
    playing,
    replaying,
)
from tdplib.cli._verbs import Formatter

__all__ = ["parser"]

_EPILOG = """\
example:
  tdplib check patch-22-skip-invalid        find the bug, show the shortest way to it
  tdplib VERB --help                        what a verb takes, with an example
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="tdplib",
        description="KVM's TDP MMU root invalidation: every interleaving of a kernel function.",
        epilog=_EPILOG,
        formatter_class=Formatter,
    )
    top.add_argument("--version", action="version", version=f"tdplib {tdplib.__version__}")
    verbs = top.add_subparsers(metavar="VERB", required=True)
    for module in (lists, checking, replaying, comparing, playing, ladder, labs, figures, machine):
        module.add(verbs)
    return top
