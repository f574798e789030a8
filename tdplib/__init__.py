"""
tdplib: KVM's TDP MMU root invalidation as a course, with every interleaving explored.

`check` runs a kernel function through every interleaving, `replay` turns a schedule code back
into a trace, `draw` makes a picture of a state or a trace. Widgets live in `tdplib.widgets`.

Importing this package imports none of its parts: each name is fetched when it is first used, so
that ``tdplib --help`` and a grader's child process start without numba, graphviz or Jupyter.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = ["__version__", "check", "draw", "replay"]

_FACE = ("check", "draw", "replay")
"""Functions of the package, each of the same name as the module that holds it."""


class _Package(ModuleType):
    """
    The package, in which `tdplib.check` is the function and never the module of that name.

    Python binds a submodule to its package once somebody imports it, which would turn the
    function into a module behind a learner's back. ``from tdplib.check import Verdict`` works.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FACE and isinstance(value, ModuleType):
            value = getattr(value, name, value)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Fetch a public name from its module on first use."""
    if name in _FACE:
        return getattr(import_module(f"tdplib.{name}"), name)
    raise AttributeError(f"module 'tdplib' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names too before they were used."""
    return sorted({*globals(), *_FACE})
