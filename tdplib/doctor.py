"""What this machine has, what it lacks, and what works all the same: one line for each thing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import webbrowser
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tdplib
from tdplib import _jit

__all__ = ["Line", "find_chromium", "main", "report", "text"]

_PYTHONS = ((3, 11), (3, 15))
"""The first version that tdplib runs on, and the first that it was not tried on."""

_CORE = ("numba", "numpy")
_LABS = ("jupyterlab", "ipywidgets", "anywidget", "jupytext")

_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_CHROMIUM_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


@dataclass(frozen=True)
class Line:
    """One thing that was looked for."""

    name: str
    ok: bool
    found: str
    """What is there, in a few words."""
    without: str = ""
    """What still works, and what would help; empty where nothing is missing."""

    def __str__(self) -> str:
        mark = "ok" if self.ok else "--"
        return f"{mark}  {self.name:<9} {self.found}{'; ' + self.without if self.without else ''}"


def report() -> list[Line]:
    """Look at everything; nothing is compiled or opened."""
    return [_python(), _core(), _labs(), _kernels(), _graphviz(), _browser()]


def text(lines: list[Line]) -> str:
    """Return `lines` as they are shown in a terminal."""
    return "".join(f"{line}\n" for line in lines)


def find_chromium() -> str | None:
    """
    Return the path of a Chromium or Chrome that the browser tests can drive, or None.

    ``CHROME`` names one that lies elsewhere.
    """
    chosen = os.environ.get("CHROME")
    names = (chosen,) if chosen else (*_CHROMIUM_NAMES, *_CHROMIUM_MAC)
    return next((path for name in names if (path := shutil.which(name))), None)


def main(arguments: list[str] | None = None) -> int:
    """Print the report; with ``--missing`` only what is lacking. Return 1 if labs cannot run."""
    only_missing = "--missing" in (sys.argv[1:] if arguments is None else arguments)
    lines = report()
    sys.stdout.write(text([line for line in lines if not (only_missing and line.ok)]))
    return int(any(not line.ok for line in lines if line.name in ("python", "core")))


def _python() -> Line:
    low, high = _PYTHONS
    found = f"Python {platform.python_version()}, tdplib {tdplib.__version__}"
    if low <= sys.version_info[:2] < high:
        return Line("python", True, found)
    return Line("python", False, found, "tdplib is made for Python 3.11 to 3.14, try one of these")


def _versions(names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the installed of `names` with their versions, and the missing, importing nothing."""
    present, missing = [], []
    for name in names:
        try:
            present.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return present, missing


def _core() -> Line:
    present, missing = _versions(_CORE)
    if not missing:
        return Line("core", True, ", ".join(present))
    return Line(
        "core",
        False,
        f"{', '.join(missing)} not installed",
        "kernel Python can be read and its errors shown, nothing can be explored",
    )


def _labs() -> Line:
    present, missing = _versions(_LABS)
    if not missing:
        return Line("labs", True, ", ".join(present))
    return Line(
        "labs",
        False,
        f"{', '.join(missing)} not installed",
        "the command line, check, replay and grading work without",
    )


def _kernels() -> Line:
    folder = _jit.cache_dir()
    if folder is None or not _writable(folder):
        return Line(
            "kernels",
            False,
            f"{folder or 'no private folder'} cannot be written to",
            "all works, but every start compiles anew; TDPLIB_CACHE_DIR names another folder",
        )
    cold = len(_jit.cold_kernels())
    if cold:
        return Line(
            "kernels",
            False,
            f"{cold} not compiled yet",
            "the first use compiles them and says so, `tdplib warm` does it now",
        )
    return Line("kernels", True, f"warm, in {folder}")


def _writable(folder: Path) -> bool:
    """Say whether `folder`, or the nearest parent that exists, can be written to."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _graphviz() -> Line:
    try:
        # Loaded, not looked up: the wheel leans on glib and X11 of the system, which a bare
        # server or container lacks.
        import_module("pygraphviz")
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError)
        why = "no pygraphviz" if absent else f"pygraphviz does not load ({error})"
    else:
        return Line("graphviz", True, f"pygraphviz {version('pygraphviz')}, no dot needed")
    if dot := shutil.which("dot"):
        return Line("graphviz", True, f"{dot}; {why}")
    return Line(
        "graphviz",
        False,
        f"{why}, no dot",
        "pictures come as DOT text; check, replay, the widgets and grading work",
    )


def _browser() -> Line:
    if chromium := find_chromium():
        return Line("browser", True, chromium)
    try:
        other = webbrowser.get()
    except webbrowser.Error:
        return Line(
            "browser",
            False,
            "none",
            "JupyterLab prints an address for a browser elsewhere; the browser tests are skipped",
        )
    return Line(
        "browser",
        False,
        f"{getattr(other, 'name', 'the default one')}, no Chromium",
        "the labs work; the browser tests are skipped",
    )


if __name__ == "__main__":
    sys.exit(main())
