"""The notebook widgets. They need anywidget; `import tdplib` does not import them."""

from tdplib.compare import Compare
from tdplib.widgets.interleaver import Interleaver

__all__ = ["Compare", "Interleaver"]
