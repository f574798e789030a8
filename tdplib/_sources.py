"""
The files of a package that decide what its jitted kernels compute, and a hash of them.

Those are the files that define a kernel (a function decorated with `tdplib._jit.kernel`) and,
from there, every file of the package that one of them imports: a callee or a constant of
another file ends up in the caller's machine code.
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
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["Sources", "package_sources"]

_MARK = re.compile(rb"^[ \t]*@(\w+\.)*kernel\b", re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    """The files that decide what the kernels of a package compute, as first seen."""

    key: str
    """16 hex digits: hash of the texts, the versions of numba and Python, and the processor."""
    kernels: tuple[tuple[str, int], ...]
    """Of every kernel its ``module.function`` and the line of its first decorator."""
    stamps: tuple[tuple[str, int, int], ...]
    """Of every file hashed its path, time of modification (ns) and size (bytes)."""

    def unchanged(self) -> bool:
        """Say whether no file was touched since; else memory and disk may differ."""
        try:
            return all(_stamp(Path(path)) == (path, *rest) for path, *rest in self.stamps)
        except OSError:
            return False


@cache
def package_sources(package: str) -> Sources | None:
    """
    Find and hash the sources of the top-level `package`, once a process.

    Returns None where they cannot be read: not a folder on disk, or a file that does not parse.
    """
    try:
        modules = dict(_modules(_folder(package), package))
        stamps = {name: _stamp(path) for name, path in modules.items()}
        texts = {name: path.read_bytes() for name, path in modules.items()}
        defining = {name: text for name, text in texts.items() if _MARK.search(text)}
        kernels = [
            (f"{name}.{where}", line)
            for name, text in defining.items()
            for where, line in _decorated(ast.parse(text).body, "")
        ]
        used = sorted(_reachable(set(defining), modules, texts))
    except (OSError, SyntaxError, ValueError):
        return None
    key = _hash([(name, texts[name]) for name in used])
    return Sources(key, tuple(sorted(kernels)), tuple(stamps[name] for name in used))


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


def _stamp(path: Path) -> tuple[str, int, int]:
    status = os.stat(path)
    return str(path), status.st_mtime_ns, status.st_size


def _decorated(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, int]]:
    """Yield qualified name and first line of every function decorated with ``kernel``."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _decorated(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            marks = [mark for mark in node.decorator_list if _called(mark) == "kernel"]
            if marks:
                yield prefix + node.name, node.decorator_list[0].lineno


def _called(decorator: ast.expr) -> str:
    """Return the last name of a decorator: ``kernel`` for ``@kernel`` and ``@_jit.kernel``."""
    return getattr(decorator, "attr", getattr(decorator, "id", ""))


def _reachable(start: set[str], modules: dict[str, Path], texts: dict[str, bytes]) -> set[str]:
    """Return `start` and every module of the package imported from there, directly or not."""
    found: set[str] = set()
    waiting = set(start)
    while waiting:
        name = waiting.pop()
        found.add(name)
        here = name if modules[name].name == "__init__.py" else name.rpartition(".")[0]
        for target in _imported(ast.parse(texts[name]), here):
            if target in modules and target not in found:
                waiting.add(target)
    return found


def _imported(tree: ast.Module, here: str) -> Iterator[str]:
    """Yield every dotted name `tree` may import as a module; `here` is its package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = here.split(".")
                above = ".".join(parts[: len(parts) - node.level + 1])
                base = f"{above}.{base}" if base else above
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _hash(texts: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    try:
        numba = metadata.version("numba")
    except metadata.PackageNotFoundError:
        numba = "none"
    for part in (numba, sys.version, platform.machine()):
        digest.update(part.encode() + b"\0")
    for name, text in texts:
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()[:16]
