"""numba's disk cache, pointed at our folder and made unable to fail a call. Imports numba."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from numba.core.caching import CompileResultCacheImpl, FunctionCache

__all__ = ["attach"]

_LOG = logging.getLogger(__name__)


def attach(jitted: Callable, folder: Path, still_valid: Callable[[], bool]) -> None:
    """
    Let the dispatcher `jitted` keep its machine code in `folder`.

    `still_valid` is asked before every load and store: once it says no, kernels are compiled
    in memory only. A damaged, vanished or full folder costs time, never an error.
    """
    jitted._cache = _KernelCache(jitted.py_func, folder, still_valid)


class _Locator:
    """Where one kernel's files lie; the folder's name is the stamp of freshness."""

    def __init__(self, py_func: Callable, folder: Path) -> None:
        self._py_file = py_func.__code__.co_filename
        self._line = py_func.__code__.co_firstlineno
        self._folder = folder

    def get_cache_path(self) -> str:
        return str(self._folder)

    def ensure_cache_path(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=self._folder).close()

    def get_source_stamp(self) -> str:
        return self._folder.name

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Impl(CompileResultCacheImpl):
    """Names the files ``module.function-line.pyXY``; numba's own uses the last part alone."""

    def __init__(self, py_func: Callable, folder: Path) -> None:
        self._lineno = py_func.__code__.co_firstlineno
        self._locator = _Locator(py_func, folder)
        self._filename_base = self.get_filename_base(
            f"{py_func.__module__}.{py_func.__qualname__}", ""
        )


class _KernelCache(FunctionCache):
    """A function cache that treats every failure as an absent entry."""

    def __init__(self, py_func: Callable, folder: Path, still_valid: Callable[[], bool]) -> None:
        self._impl_class = lambda function: _Impl(function, folder)
        self._still_valid = still_valid
        super().__init__(py_func)

    def load_overload(self, sig: object, target_context: object) -> object:
        if not self._still_valid():
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a pickle of another world may raise anything
            _LOG.debug("cached code of %s is unusable: %s", self._name, error)
            return None

    def save_overload(self, sig: object, data: object) -> None:
        if not self._still_valid():
            return
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _LOG.debug("code of %s is not kept: %s", self._name, error)
