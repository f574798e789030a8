"""
`offline`: a verdict or a path as one page that a reader steps through, with no kernel, no network.

The page carries every state of the scenario, so that the reader can leave the failing path and try
other branches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Page", "offline"]


@dataclass(frozen=True)
class Page:
    """A self-contained page: `html` is its text, `title` its heading."""

    title: str
    html: str = field(repr=False)

    def save(self, path: str | Path) -> Path:
        """Write the page to `path` and return it."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path

    def __repr__(self) -> str:
        return f"<Page: {self.title}, {len(self.html) / 1000:,.0f} kB; save(path) writes it>"


def offline(
    what: object, *, most: int | None = None, progress: Callable[[float], None] | None = None
) -> Page:
    """
    Return a verdict or a trace as a page that needs nothing but a browser.

    Parameters
    ----------
    what : a `tdplib.check.Verdict` or a `tdplib.replay.Trace`
    most : the most states the page may carry (150,000 unless said); of a larger scenario it shows
        the path alone, and says so
    progress : called every so often with the part that is done, 0 to 1

    Raises
    ------
    BadValueError
        There is nothing to show: another type, or a verdict without a path whose scenario is too
        large.

    Examples
    --------
    >>> from tdplib import check
    >>> offline(check("lost-update")).title
    'lost-update breaks no-warn'
    """
    from .widgets.offline import MOST_STATES, page, title

    return Page(
        title(what), page(what, most=MOST_STATES if most is None else most, progress=progress)
    )
