"""The notebook widgets. They need anywidget; `import tdplib` does not import them."""

from tdplib.widgets.interleaver import Interleaver

__all__ = ["Interleaver"]
