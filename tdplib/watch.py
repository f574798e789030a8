"""
Long work told while it goes on: its numbers in words, and a line in a notebook.

How much is still to come nobody knows before a search has ended. What can be told is how many
states each depth has brought so far: a search ends when a depth brings none.
"""

from __future__ import annotations

import base64
import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Line", "bars", "line", "words"]

AFTER, EVERY = 1.0, 0.5
"""Seconds before a notebook shows a line, and between two changes of it."""
MOST_BARS = 80
HOW = "Interrupt the kernel to stop it: what was found by then is told, as incomplete."
DEPTHS = "new states at each depth so far; the search ends when a depth brings none"


def words(states: int, depth: int, seconds: float, memory: int) -> str:
    """
    Return in words how far a search is.

    Examples
    --------
    >>> words(4_142_900, 68, 2.5, 201_326_592)
    '4,142,900 states, 1.66 million a second, depth 68, 192 MiB, 2 s'
    """
    rate = states / seconds if seconds else 0
    return (
        f"{states:,} states, {rate / 1e6:.2f} million a second, depth {depth}, "
        f"{memory / 2**20:,.0f} MiB, {seconds:.0f} s"
    )


def bars(layers: tuple[int, ...], most: int = MOST_BARS) -> list[float]:
    """
    Return the height of a bar, 0 to 1, for the states at each depth.

    Where there are more than `most` depths several share a bar.

    Examples
    --------
    >>> bars((1, 4, 2))
    [0.25, 1.0, 0.5]
    """
    share = -(-len(layers) // most) or 1
    sums = [sum(layers[k : k + share]) for k in range(0, len(layers), share)]
    return [round(each / max(*sums, 1), 3) for each in sums]


class Line:
    """
    A line in a notebook that tells how far a search is, once that takes longer than a second.

    Called with the `Progress` of a search; `last` is what stands there in the end (None: nothing).
    Where no notebook is it does nothing.
    """

    def __init__(self, about: str = "") -> None:
        self.about, self.last = about, None
        self._began, self._told, self._shown = time.monotonic(), 0.0, None

    def __call__(self, now: object) -> None:
        """Show `now`, if it is time to."""
        moment = time.monotonic()
        if moment - self._began < AFTER or moment - self._told < EVERY or not in_notebook():
            return
        self._told = moment
        said = f"{self.about}{words(now.states, now.depth, now.seconds, now.memory)}"
        self._show(said, f"{_picture(now.layers)} {html.escape(said)}<br><small>{HOW}</small>")

    def end(self) -> None:
        """Put the last word in the line's place, if there is a line."""
        if self._shown is not None:
            self._show(self.last or "")

    def _show(self, plain: str, rich: str | None = None) -> None:
        bundle = {"text/plain": plain} | ({} if rich is None else {"text/html": rich})
        if self._shown is None:
            from IPython.display import display

            self._shown = display(bundle, raw=True, display_id=True)
        else:
            self._shown.update(bundle, raw=True)


@contextmanager
def line(about: str = "") -> Iterator[Line]:
    """Give a `Line`, and end it."""
    made = Line(about)
    try:
        yield made
    finally:
        made.end()


def in_notebook() -> bool:
    """Tell whether this runs in a kernel, so that what is displayed is seen."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _picture(layers: tuple[int, ...]) -> str:
    """Return the states of each depth as an image: small bars, readable on light and on dark."""
    heights = bars(layers)
    drawn = "".join(
        f'<rect x="{3 * k}" y="{20 - max(1.0, 20 * tall):.1f}" width="2" '
        f'height="{max(1.0, 20 * tall):.1f}"/>'
        for k, tall in enumerate(heights)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{3 * len(heights)}" height="20" '
        f'fill="#5b84c4">{drawn}</svg>'
    )
    code = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{DEPTHS}" title="{DEPTHS}" src="data:image/svg+xml;base64,{code}">'
