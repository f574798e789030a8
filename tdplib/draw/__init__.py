"""
Pictures of what happens: a trace as swim lanes, a state as a board or as DOT.

>>> from tdplib import draw                                     # doctest: +SKIP
>>> draw(check("patch-22-skip-invalid").trace)                  # doctest: +SKIP

Everything here takes plain data (a `Trace`, or the dictionary of a board) and returns text: SVG,
HTML, JSON or DOT. Nothing but DOT needs a package, and that only when it is called.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from tdplib.draw._rows import end_words, scenario_words
from tdplib.draw.board import board_svg, describe_board
from tdplib.draw.dot import NoGraphvizError, life_dot, render_dot, state_dot
from tdplib.draw.page import to_html
from tdplib.draw.perfetto import to_perfetto
from tdplib.draw.swimlanes import swimlanes
from tdplib.errors import BadValueError

__all__ = [
    "NoGraphvizError",
    "Picture",
    "board_svg",
    "describe_board",
    "draw",
    "life_dot",
    "render_dot",
    "scenario_words",
    "state_dot",
    "swimlanes",
    "to_html",
    "to_perfetto",
]


@dataclass(frozen=True)
class Picture:
    """An SVG that a notebook shows by itself, also where the notebook is not trusted."""

    svg: str
    alternative: str
    """The picture in one sentence, for who cannot see it."""

    def save(self, path: str | Path) -> Path:
        """Write the SVG to `path` and return it."""
        path = Path(path)
        path.write_text(self.svg, encoding="utf-8")
        return path

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # As an <img>: JupyterLab shows no plain SVG of a notebook that is not trusted.
        code = base64.b64encode(self.svg.encode()).decode()
        image = f'<img alt="{_attribute(self.alternative)}" src="data:image/svg+xml;base64,{code}">'
        return {"text/html": image, "text/plain": self.alternative}

    def __repr__(self) -> str:
        return f"<Picture: {self.alternative}>"


def draw(what: object, *, unfold: bool = False, needed: bool = False) -> Picture:
    """
    Return the picture of a trace, of the trace of a verdict, or of a board.

    Parameters
    ----------
    what : a `tdplib.replay.Trace`, a `tdplib.check.Verdict` that has one, or a board dictionary
    unfold : show every action of every step of a trace, private ones too
    needed : grey the steps that what the trace breaks does not need

    Raises
    ------
    BadValueError
        There is nothing to draw: another type, or a verdict without a trace.
    """
    if isinstance(what, dict) and "actors" in what:
        return Picture(board_svg(what), describe_board(what))
    trace = getattr(what, "trace", what)
    if trace is None:
        raise BadValueError(f"a verdict {what.status!r} has no trace to draw")
    if not hasattr(trace, "steps"):
        raise BadValueError(
            f"cannot draw {type(what).__name__}, expected a Trace, Verdict or board"
        )
    words = f"{trace.protocol}: {end_words(trace)}, in {len(trace.steps)} steps"
    flags = None
    if needed:
        from tdplib.replay.needed import needed as which  # late: it brings the machine with it

        flags = which(trace).steps
    return Picture(swimlanes(trace, unfold=unfold, needed=flags), words)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
