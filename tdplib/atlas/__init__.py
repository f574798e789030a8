"""
The atlas of a small scenario: every state it can reach, every step between them, in words.

`atlas(session)` searches the scenario of a session and tells each state and each step once, as the
session's own board and trace would tell it. Whoever holds an atlas needs no machine any more.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["MOST_STATES", "Atlas", "Tale", "TooLargeError", "atlas"]


def __getattr__(name: str):
    """Fetch a public name from its file: importing this package loads no machine."""
    if name in __all__:
        return getattr(import_module(".making", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
