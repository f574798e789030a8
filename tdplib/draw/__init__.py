"""
Pictures of what happens: a trace as swim lanes, a state as a board or as DOT, tables as a tree.

>>> from tdplib import draw                                     # doctest: +SKIP
>>> draw(check("patch-22-skip-invalid").trace)                  # doctest: +SKIP

Everything here takes plain data (a `Trace`, the dictionary of a board, page tables) and returns
text: SVG, HTML, JSON or DOT. Nothing but DOT needs a package, and that only when it is called.
"""

from __future__ import annotations

from tdplib.draw._picture import Picture
from tdplib.draw._rows import end_words, scenario_words
from tdplib.draw.board import board_svg, describe_board
from tdplib.draw.dot import NoGraphvizError, life_dot, render_dot, state_dot
from tdplib.draw.halves import describe_halves, halves
from tdplib.draw.page import to_html
from tdplib.draw.perfetto import to_perfetto
from tdplib.draw.swimlanes import swimlanes
from tdplib.draw.tree import tree, tree_frames
from tdplib.errors import BadValueError
from tdplib.machine.pagetable import PageTables
from tdplib.machine.tree import Tree

__all__ = [
    "NoGraphvizError",
    "Picture",
    "board_svg",
    "describe_board",
    "draw",
    "halves",
    "life_dot",
    "render_dot",
    "scenario_words",
    "state_dot",
    "swimlanes",
    "to_html",
    "to_perfetto",
    "tree",
    "tree_frames",
]


def draw(what: object, *, unfold: bool = False, needed: bool = False) -> Picture:
    """
    Return the picture of a trace, a comparison, a board, or page tables.

    Parameters
    ----------
    what : a `tdplib.replay.Trace`, a `tdplib.check.Verdict` that has one, a
        `tdplib.compare.Compare`, a board dictionary, or `PageTables` that have one root (see
        `tree` for more)
    unfold : show every action of every step of a trace, private ones too
    needed : grey the steps that what the trace breaks does not need, and join the others by arrows
        where their order matters

    Raises
    ------
    BadValueError
        There is nothing to draw: another type, or a verdict without a trace.
    """
    if isinstance(what, dict) and "actors" in what:
        return Picture(board_svg(what), describe_board(what))
    if isinstance(what, PageTables | Tree):
        return tree(what)
    trace = getattr(what, "trace", what)
    if trace is None:
        raise BadValueError(f"a verdict {what.status!r} has no trace to draw")
    if hasattr(trace, "turns"):
        return Picture(halves(trace), describe_halves(trace))
    if not hasattr(trace, "steps"):
        raise BadValueError(
            f"cannot draw {type(what).__name__}, "
            "expected a Trace, Verdict, Compare, board or PageTables"
        )
    words = f"{trace.protocol}: {end_words(trace)}, in {len(trace.steps)} steps"
    if not needed:
        return Picture(swimlanes(trace, unfold=unfold), words)
    from tdplib.replay.needed import needed as which  # late: it brings the machine with it

    found = which(trace)
    svg = swimlanes(trace, unfold=unfold, needed=found.steps, arrows=found.before)
    return Picture(svg, words)
