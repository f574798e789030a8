"""
The figures of the course: `figure(name)` makes one, each from a real run where it tells of one.

>>> from tdplib import figure                                  # doctest: +SKIP
>>> figure("role-word")                                        # doctest: +SKIP

``tdplib figures`` writes them all into the folder ``figures/``. Nothing is loaded before it is
needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tdplib.errors import BadValueError, nearest

if TYPE_CHECKING:
    from tdplib.draw import Picture

__all__ = ["FIGURES", "Made", "figure", "names", "stem"]


@dataclass(frozen=True)
class Made:
    """A figure: its picture, and the same as DOT where it is a graph."""

    picture: Picture
    dot: str = ""


def figure(name: str) -> Picture:
    """
    Make the figure called `name`; a notebook shows it, with its text for who cannot see it.

    Raises
    ------
    BadValueError
        There is no such figure; the text names the nearest, `names` gives all.
    """
    if name not in FIGURES:
        raise BadValueError(f"no figure is called {name!r}{nearest(name, FIGURES)}")
    return FIGURES[name]().picture


def names() -> tuple[str, ...]:
    """Return the names of all figures, in the order of the course."""
    return tuple(FIGURES)


def stem(name: str) -> str:
    """Return the name of a figure's files, without suffix."""
    return name.replace("-", "_").replace(".", "_")


def _role_word() -> Made:
    from tdplib.draw.figures.roleword import role_word

    return Made(role_word())


def _life(protocol: str) -> Made:
    from tdplib.draw.figures.life import life_figure, life_graph
    from tdplib.figure.lives import life_of

    life = life_of(protocol)
    return Made(life_figure(life), life_graph(life))


def _requeue_race() -> Made:
    """Draw the shortest way to a fast zap that returns too early, and the root's life on it."""
    from tdplib import check, draw

    trace = check("patch-22-skip-invalid").trace
    root = next(root["index"] for root in trace.boards()[-1]["roots"] if _live(root))
    return Made(draw(trace), draw.life_dot(trace, root))


def _live(root: dict) -> bool:
    return any(spte["present"] for spte in root["sptes"])


LIVES = ("v5.17", "patch-22", "v5.18", "v6.4", "v6.6")
"""The protocols whose root's life is drawn."""

FIGURES: dict[str, Callable[[], Made]] = {
    "role-word": _role_word,
    **{f"life-{protocol}": partial(_life, protocol) for protocol in LIVES},
    "requeue-race": _requeue_race,
}
"""Name -> what makes the figure, in the order of the course."""
