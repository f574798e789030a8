"""
The files of a package that decide what its jitted kernels compute, and a hash of them.

Those are the files that define a kernel (a function decorated with `tdplib._jit.kernel`) and,
from there, every file of the package that one of them imports: a callee or a constant of
another file ends up in the caller's machine code.

This is on the way of every start, so files are read but not parsed. What looks like an import is
taken for one, in a docstring too, and ``from package import ...`` for an import of every module of
that package whose name occurs anywhere in the file: rather a file too many than one too few.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Sources", "kernels_of", "package_sources"]

_MARK = re.compile(rb"^[ \t]*@(\w+\.)*kernel\b", re.MULTILINE)
_FROM = re.compile(rb"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import\b", re.MULTILINE)
_IMPORT = re.compile(rb"^[ \t]*import[ \t]+(.*)", re.MULTILINE)
_DOTTED = re.compile(rb"[\w.]+")
_WORD = re.compile(rb"\w+")


class Sources(NamedTuple):
    """The files that decide what the kernels of a package compute, as first seen."""

    key: str
    """16 hex digits: hash of the texts, the versions of numba and Python, and the processor."""
    defining: tuple[tuple[str, Path], ...]
    """Name and path of every module that defines a kernel."""
    stamps: tuple[tuple[Path, int, int], ...]
    """Of every file hashed its path, time of modification (ns) and size (bytes)."""

    def unchanged(self) -> bool:
        """Say whether no file was touched since; else memory and disk may differ."""
        try:
            return all(_stamp(stamp[0]) == stamp for stamp in self.stamps)
        except OSError:
            return False


@cache
def package_sources(package: str) -> Sources | None:
    """
    Find and hash the sources of the top-level `package`, once a process.

    Returns None where they cannot be read, for example from a zip file.
    """
    try:
        modules = dict(_modules(_folder(package), package))
        stamps = {name: _stamp(path) for name, path in modules.items()}
        texts = {name: path.read_bytes() for name, path in modules.items()}
    except (OSError, ValueError):
        return None
    defining = sorted(name for name, text in texts.items() if _MARK.search(text))
    used = sorted(_reachable(defining, modules, texts))
    return Sources(
        _hash([(name, texts[name]) for name in used]),
        tuple((name, modules[name]) for name in defining),
        tuple(stamps[name] for name in used),
    )


def kernels_of(sources: Sources) -> list[tuple[str, int]]:
    """Return of every kernel its ``module.function`` and the line of its first decorator."""
    return [
        (f"{name}.{where}", line)
        for name, path in sources.defining
        for where, line in _decorated(ast.parse(path.read_bytes()).body, "")
    ]


def _folder(package: str) -> Path:
    """Return the folder of a top-level package without importing it."""
    loaded = getattr(sys.modules.get(package), "__path__", None)
    if loaded is None:
        spec = importlib.util.find_spec(package)
        loaded = spec.submodule_search_locations if spec else None
    if not loaded:
        raise OSError(f"{package} is no package on disk")
    return Path(next(iter(loaded))).resolve()


def _modules(folder: Path, package: str) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every module below `folder`."""
    for path in folder.rglob("*.py"):
        parts = (package, *path.relative_to(folder).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _stamp(path: Path) -> tuple[Path, int, int]:
    status = os.stat(path)
    return path, status.st_mtime_ns, status.st_size


def _decorated(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, int]]:
    """Yield qualified name and first line of every function decorated with ``kernel``."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _decorated(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            names = [getattr(mark, "attr", getattr(mark, "id", "")) for mark in node.decorator_list]
            if "kernel" in names:
                yield prefix + node.name, node.decorator_list[0].lineno


def _reachable(start: list[str], modules: dict[str, Path], texts: dict[str, bytes]) -> set[str]:
    """Return `start` and every module of the package imported from there, directly or not."""
    found: set[str] = set()
    waiting = set(start)
    while waiting:
        name = waiting.pop()
        found.add(name)
        package = name if modules[name].name == "__init__.py" else name.rpartition(".")[0]
        waiting |= (_imported(texts[name], package) & modules.keys()) - found
    return found


def _imported(text: bytes, package: str) -> set[str]:
    """Return every dotted name that may be a module `text` imports; it lies in `package`."""
    names = {name.decode() for line in _IMPORT.findall(text) for name in _DOTTED.findall(line)}
    words = None
    for dots, tail in _FROM.findall(text):
        parts = package.split(".")
        above = parts[: len(parts) - len(dots) + 1] if dots else []
        base = ".".join([*above, *filter(None, tail.decode().split("."))])
        words = words or {word.decode() for word in _WORD.findall(text)}
        names |= {base, *(f"{base}.{word}" for word in words)}
    return names


def _hash(texts: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for part in (_numba_version(), sys.version, platform.machine()):
        digest.update(part.encode() + b"\0")
    for name, text in texts:
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()[:16]


def _numba_version() -> str:
    if "numba" in sys.modules:
        return sys.modules["numba"].__version__
    from importlib import metadata

    try:
        return metadata.version("numba")
    except metadata.PackageNotFoundError:
        return "none"
