"""`TableSteps`: go through what was done to a page table, one picture a step, laid out alike."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from tdplib.draw import Picture, tree_frames
from tdplib.errors import BadValueError
from tdplib.machine.tree import Tree
from tdplib.widgets._assets import module, style

__all__ = ["TableSteps"]

MOST_FRAMES = 40
"""All pictures go to the page at once, some 15 kB each; with more a notebook would grow heavy."""


class TableSteps(anywidget.AnyWidget):
    """
    A player for the moments of one root's page tables.

    Each moment is compared to the one before: what changed is marked, and what was cut off shown. A
    table has its place from the first picture to the last. The pictures are drawn once; going
    through them needs no kernel.

    Parameters
    ----------
    moments : sequence of Tree
        The trees in the order of time, as `PageTables.snapshot` gives them; 1 to 40.
    labels : sequence of str, optional
        A few words for each moment.
    walk : int, optional
        A gfn, to show the way to it at each moment.
    limit : int
        So many tables are drawn.

    Raises
    ------
    BadValueError
        There is no moment, or too many; or as `tdplib.draw.tree_frames` says.
    """

    _esm = module("board.js", "elements.js", "tables.js")
    _css = style("theme.css", "tables.css")

    frames = traitlets.List(read_only=True).tag(sync=True)
    """For each moment its `label`, what is `said` of it in a sentence, and the picture, `svg`."""

    def __init__(
        self,
        moments: Sequence[Tree],
        *,
        labels: Sequence[str] = (),
        walk: int | None = None,
        limit: int = 10,
    ) -> None:
        if not 1 <= len(moments) <= MOST_FRAMES:
            raise BadValueError(f"{len(moments)} moments: must be 1 to {MOST_FRAMES}")
        super().__init__()
        self.pictures: tuple[Picture, ...] = tree_frames(
            moments, walk=walk, labels=labels, limit=limit
        )
        told = labels or ("",) * len(moments)
        self.set_trait("frames", [
            {"label": label, "said": one.alternative, "svg": one.svg}
            for label, one in zip(told, self.pictures, strict=True)
        ])  # fmt: skip

    def text(self) -> str:
        """Return all moments in words, and the last tree as text."""
        count = len(self.pictures)
        said = [f"{n + 1} of {count}. {one.alternative}" for n, one in enumerate(self.pictures)]
        return "\n".join([*said, self.pictures[-1].text])

    def __repr__(self) -> str:
        """Return all moments as text."""
        return self.text()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a static twin, the last picture: for exports, and where there is no kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        last = self.pictures[-1]
        image = base64.b64encode(last.svg.encode()).decode()
        page = (
            f'<img alt="{html.escape(last.alternative)}" src="data:image/svg+xml;base64,{image}">'
            f"<details><summary>All steps as text</summary><pre>{html.escape(self.text())}</pre>"
            "</details>"
        )
        data = {**(data or {}), "text/plain": self.text(), "text/html": page}
        return (data, *rest) if rest else data
