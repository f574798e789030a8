"""
tdplib: KVM's TDP MMU root invalidation as a course, with every interleaving explored.

`check` runs a kernel function through every interleaving, `guard` looks at an invariant in every
state, `replay` turns a schedule code back into a trace, `draw` makes a picture of a state or a
trace, `figure` gives a figure of the course, `offline` a page that shows a failure without a
kernel. Widgets live in `tdplib.widgets`.

Importing this package imports none of its parts: each name is fetched when it is first used, so
that ``tdplib --help`` and a grader's child process start without numba, graphviz or Jupyter.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = ["__version__", "check", "draw", "figure", "guard", "offline", "progress", "replay"]

_FACE = ("check", "draw", "figure", "guard", "offline", "progress", "replay")
"""The public functions, each of the same name as the module that holds it."""


class _Callable(ModuleType):
    """
    A module that is called through the function of its own name.

    Python binds a submodule to its package as soon as anybody imports it, so `tdplib.check` may
    be the module at any time. Made callable, it is both: ``check(code)`` and ``check.Verdict``.
    """

    @property
    def _function(self) -> object:
        return vars(self)[self.__name__.rpartition(".")[2]]

    @property
    def __signature__(self) -> object:
        # What a notebook shows while the call is being typed.
        from inspect import signature

        return signature(self._function)

    def __call__(self, *args: object, **options: object) -> object:
        return self._function(*args, **options)


class _Package(ModuleType):
    """The package: makes each module of the public face callable when Python binds it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FACE and type(value) is ModuleType:
            value.__class__ = _Callable
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> ModuleType:
    """Fetch a part of the public face on first use."""
    if name in _FACE:
        return import_module(f"tdplib.{name}")
    raise AttributeError(f"module 'tdplib' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, also those that nobody has used yet."""
    return sorted({*globals(), *_FACE})
