"""
The `tdplib` command: one verb for each thing the kit does.

This module imports nothing heavy: each verb's module fetches what it needs when it runs, so that
``tdplib --help`` answers at once. A verb is a module with ``add(verbs)``, which describes it to
argparse, and functions ``args -> exit code``.

Exit codes: 0 all is well (a check: holds), 1 a check is violated or something is not as it should
be, 2 wrong usage or an error in the source, 3 a check is incomplete, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tdplib.cli._say import complain
from tdplib.errors import TdplibError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's) and return its exit code."""
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    except TdplibError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:
        # The reader (a pager, `head`) has seen enough; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: list[str]) -> int:
    from tdplib.cli._parser import parser

    chosen = parser().parse_args(arguments)
    code = chosen.run(chosen)
    sys.stdout.flush()
    return code
