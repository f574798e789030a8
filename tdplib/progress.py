"""The progress page of whoever learns here: `tdplib.progress()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .labs.page import Page

__all__ = ["progress"]


def progress() -> Page:
    """
    Return what is done, how often tried, which help was used, and what comes next.

    It reads a small file on your own machine, which is never sent anywhere.

    Examples
    --------
    >>> print(progress())                   # doctest: +SKIP
    2 of 38 exercises are right, 15 of 440 points. 4 of 33 predictions made, 3 of them right.
    """
    from .labs.page import Page

    return Page()
