"""
The notebook widgets. They need anywidget; `import tdplib` does not import them.

Nor does a part of this package that is no widget: each name is fetched when it is first used.
"""

from importlib import import_module

__all__ = ["BreakIt", "Check", "Compare", "Interleaver", "SaveIt", "StateSpace", "TableSteps"]

_HOME = {
    "BreakIt": "tdplib.widgets.game",
    "Check": "tdplib.widgets.running",
    "Compare": "tdplib.compare",
    "Interleaver": "tdplib.widgets.interleaver",
    "SaveIt": "tdplib.widgets.game",
    "StateSpace": "tdplib.widgets.statespace",
    "TableSteps": "tdplib.widgets.tables",
}


def __getattr__(name: str) -> object:
    """Fetch a public name from its file."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
