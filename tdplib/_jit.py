"""
One decorator for every jitted kernel, and the disk cache its machine code lies in.

numba's own cache looks only at the file a kernel is written in: edit a function that the kernel
calls, or a constant it imports, and the old machine code answers without a word. Here the cache
is a folder named after a hash of all sources that could matter (see `tdplib._sources`) and of the
versions of numba and Python, so that such an edit leads to another, empty folder. The folder
belongs to the user alone: numba's cache is pickle, whoever can write it can run code as its
reader. Where that cannot be had, or once a source was edited while the process runs, kernels are
compiled in memory only.

Importing this module does not import numba; decorating the first kernel does. A facade therefore
imports its kernel module late, inside the function that needs it.

Environment
-----------
TDPLIB_CACHE_DIR : the folder to use instead of the per-user one.
TDPLIB_BOUNDSCHECK : ``1`` compiles kernels with index checks, in memory only (slow; for tests).
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from tdplib._sources import kernels_of, package_sources

__all__ = [
    "bare_kernel",
    "cache_dir",
    "cache_root",
    "cold_kernels",
    "is_warm",
    "kernel",
    "pointer_to",
    "prefetch",
]

_KEEP = 3
"""Folders of other hashes that survive pruning, the last used first."""

_RESTING_SECONDS = 3600
"""A folder used within this time is never pruned: another process may be at work in it."""


def kernel(function: Callable) -> Callable:
    """
    Compile `function` with numba: no Python objects, no GIL, machine code kept on disk.

    No fastmath, no threads of its own, no index checks. A signature is compiled when it is
    first called. With ``NUMBA_DISABLE_JIT=1`` the plain function comes back.
    """
    return _compiled(function, counted=True)


def bare_kernel(function: Callable) -> Callable:
    """
    As `kernel`, without numba's counting of references to arrays.

    For kernels that allocate nothing and only work on what they are given: every array handed on
    costs two atomic additions otherwise, which in an interpreter's inner loop is most of the time.
    """
    return _compiled(function, counted=False)


def pointer_to() -> Callable:
    """
    Return the function that gives a kernel the bare pointer to an array's first element.

    A pointer is one machine word where an array is seven; it is indexed like the array, has no
    length, and must not outlive it. With ``NUMBA_DISABLE_JIT=1`` it gives the array itself.
    """
    import numba
    from numba.core import types
    from numba.extending import intrinsic

    if numba.config.DISABLE_JIT:
        return lambda array: array

    @intrinsic
    def pointer(_context, array):
        """Give the data pointer of a contiguous array."""

        def codegen(context, builder, signature, args):
            return context.make_array(signature.args[0])(context, builder, args[0]).data

        return types.CPointer(array.dtype)(array), codegen

    return pointer


def prefetch() -> Callable:
    """
    Return the function that asks the processor for a pointer's element before it is needed.

    It changes nothing: a search looks at memory in no order, and this hides the waiting. With
    ``NUMBA_DISABLE_JIT=1`` it does nothing.
    """
    import numba
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    if numba.config.DISABLE_JIT:
        return lambda pointer, index: None

    @intrinsic
    def fetch(_context, pointer, index):
        """Prefetch for reading, into all caches."""

        def codegen(_context, builder, _signature, args):
            place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            shape = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
            asks = builder.module.declare_intrinsic("llvm.prefetch", [place.type], shape)
            builder.call(asks, [place, number(0), number(3), number(1)])

        return types.void(pointer, types.int64), codegen

    return fetch


def _compiled(function: Callable, counted: bool) -> Callable:
    import numba

    checked = os.environ.get("TDPLIB_BOUNDSCHECK", "") not in ("", "0")
    options = {"nogil": True, "fastmath": False, "parallel": False, "boundscheck": checked}
    jitted = numba.njit(**options, **({} if counted else {"_nrt": False}))(function)
    package = function.__module__.partition(".")[0]
    in_package = hasattr(sys.modules.get(package), "__path__")
    if jitted is function or checked or not in_package:
        return jitted
    folder, sources = _usable_dir(package), package_sources(package)
    if folder is not None and sources is not None:
        from tdplib._jit_cache import attach

        attach(jitted, folder, sources.unchanged)
    return jitted


def cache_root() -> Path | None:
    """
    Return the folder that holds the caches of all hashes, or None where no home is known.

    It is ``$TDPLIB_CACHE_DIR``, else ``tdplib`` in the user's cache folder of the platform.
    """
    chosen = os.environ.get("TDPLIB_CACHE_DIR")
    if chosen:
        return Path(chosen).absolute()
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base).absolute() / "tdplib"


def cache_dir(package: str = "tdplib") -> Path | None:
    """
    Return the folder for the present sources of `package` (it may not exist yet), or None.

    None means that kernels are compiled in memory only: no home, or sources not on disk.
    """
    root, sources = cache_root(), package_sources(package)
    if root is None or sources is None:
        return None
    return root / f"{package}-{sources.key}"


def cold_kernels(package: str = "tdplib") -> tuple[str, ...]:
    """
    Return the names (``module.function``) of the kernels without machine code on disk.

    A kernel counts as warm as soon as one signature of it is stored. numba is not imported.
    """
    sources, folder = package_sources(package), cache_dir(package)
    if sources is None:
        return ()
    stored: set[str] = set()
    if folder is not None:
        with suppress(OSError):
            stored = {name.rpartition(".py")[0] for name in os.listdir(folder)}
    return tuple(name for name, line in kernels_of(sources) if f"{name}-{line}" not in stored)


def is_warm(package: str = "tdplib") -> bool:
    """Say whether every kernel of `package` has machine code on disk for the present sources."""
    return cache_dir(package) is not None and not cold_kernels(package)


@cache
def _usable_dir(package: str) -> Path | None:
    """Make the folder of `package` and drop old ones; None where it is not ours to write."""
    folder = cache_dir(package)
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (_is_private(folder) and os.access(folder, os.W_OK)):
            return None
        os.utime(folder)
        _prune(folder, package)
    except OSError:
        return None
    return folder


def _is_private(folder: Path) -> bool:
    """Say whether nobody but this user can write to `folder` (assumed where uids are unknown)."""
    if not hasattr(os, "geteuid"):
        return True
    status, above = os.stat(folder), os.stat(folder.parent)
    replaceable = above.st_mode & 0o002 and not above.st_mode & stat.S_ISVTX
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022 and not replaceable


def _prune(current: Path, package: str) -> None:
    """Remove the folders of other hashes, but for the last used and those in use."""
    others = []
    for folder in current.parent.glob(f"{package}-{'[0-9a-f]' * 16}"):
        with suppress(OSError):
            if folder != current:
                others.append((folder.stat().st_mtime, folder))
    others.sort(reverse=True)
    for used, folder in others[_KEEP:]:
        if time.time() - used > _RESTING_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
