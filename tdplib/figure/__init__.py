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


def _tables() -> Made:
    """Map a real table with leaves of all three sizes, and walk to each."""
    from tdplib.draw.figures.tables import Walk, tables_figure, tables_graph
    from tdplib.machine.pagetable import PageTables

    pool = PageTables()
    root = pool.new_root()
    leaves = ((0x12345, 1, 0x8A1), (0x12346, 1, 0x53C), (0x12400, 2, 0xAA00),
              (0x40000, 3, 0x80000), (0x8000000, 3, 0xC0000))  # fmt: skip
    for gfn, level, pfn in leaves:
        pool.map(root, gfn, pfn, level=level)
    walks = tuple(Walk(gfn, pool.walk(root, gfn)) for gfn, _, _ in leaves)
    return Made(tables_figure(walks, pool.geometry), tables_graph(walks, pool.geometry))


def _role_word() -> Made:
    from tdplib.draw.figures.roleword import role_word

    return Made(role_word())


def _locks() -> Made:
    from tdplib.draw.figures.locks import CHART, locks_figure, locks_graph
    from tdplib.figure.holds import holds_of
    from tdplib.lang.symbols import LOCK_RANK

    seen = holds_of("v5.18", tuple(row.place for row in CHART if row.place))
    # slots_arch_lock plays no part in the life of a root.
    order = tuple(name for name in LOCK_RANK if name != "slots_arch_lock")
    return Made(locks_figure(seen, order), locks_graph(seen, order))


def _queue() -> Made:
    from tdplib.draw.figures.queue import queue_figure, queue_graph
    from tdplib.figure.queueing import moments

    run = moments()
    return Made(queue_figure(run), queue_graph(run))


def _life(protocol: str) -> Made:
    from tdplib.draw.figures.life import life_figure, life_graph
    from tdplib.figure.lives import life_of

    life = life_of(protocol)
    return Made(life_figure(life), life_graph(life))


def _versions() -> Made:
    from tdplib.draw.figures.versions import versions_figure
    from tdplib.figure.lives import life_of, zappers

    return Made(versions_figure({name: zappers(life_of(name)) for name in HISTORY}))


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
HISTORY = ("v5.17", "patch-21", "patch-22", "v5.18", "v6.4", "v6.6")
"""The protocols that were, one after the other, the kernel's."""

FIGURES: dict[str, Callable[[], Made]] = {
    "tables": _tables,
    "role-word": _role_word,
    "locks": _locks,
    "queue": _queue,
    **{f"life-{protocol}": partial(_life, protocol) for protocol in LIVES},
    "requeue-race": _requeue_race,
    "versions": _versions,
}
"""Name -> what makes the figure, in the order of the course."""
