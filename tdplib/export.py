"""A path to take away: as a picture, a page, a trace file, or a line that opens it again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadValueError, nearest

__all__ = ["KINDS", "File", "file_of", "links", "save"]

LONGEST = 48
"""Letters of a schedule that go into a file's name; a longer one is cut."""


@dataclass(frozen=True)
class File:
    """What to write: a name, a media type, the text."""

    name: str
    type: str
    text: str


@dataclass(frozen=True)
class Kind:
    """A kind of file: its ending, its media type, what it is called."""

    suffix: str
    type: str
    title: str


KINDS = {
    "svg": Kind(".svg", "image/svg+xml", "Picture (SVG)"),
    "html": Kind(".html", "text/html", "Page (HTML)"),
    "perfetto": Kind(".json", "application/json", "Perfetto trace"),
}
"""The kinds of file a path can be saved as."""


def file_of(
    kind: str,
    trace: Any,
    needed: tuple[bool, ...] | None = None,
    page: Callable[[Any], str] | None = None,
) -> File:
    """
    Return `trace` as a file of one of `KINDS`.

    Parameters
    ----------
    kind : "svg", "html" or "perfetto"
    trace : a `tdplib.replay.Trace`
    needed : of each step whether it is needed; the picture greys the others
    page : what makes the page of a trace; by default the plain one of `tdplib.draw`

    Raises
    ------
    BadValueError
        There is no such kind.
    """
    if kind not in KINDS:
        raise BadValueError(f"cannot save as {kind!r}{nearest(kind, KINDS)}")
    from . import draw

    makers: dict[str, Callable[[], str]] = {
        "svg": lambda: draw.swimlanes(trace, needed=needed),
        "html": lambda: (page or draw.to_html)(trace),
        "perfetto": lambda: draw.to_perfetto(trace),
    }
    found = KINDS[kind]
    return File(file_name(trace.code, found.suffix), found.type, makers[kind]())


def save(
    trace: Any,
    path: str | Path,
    needed: tuple[bool, ...] | None = None,
    page: Callable[[Any], str] | None = None,
) -> Path:
    """
    Write `trace` to `path`, as what its ending says: .svg, .html or .json; return the path.

    A folder is given a file with the name that `file_of` makes, an SVG. `needed` and `page` are as
    for `file_of`.
    """
    path = Path(path)
    by_suffix = {found.suffix: kind for kind, found in KINDS.items()}
    if path.is_dir():
        made = file_of("svg", trace, needed)
        path = path / made.name
    elif path.suffix in by_suffix:
        made = file_of(by_suffix[path.suffix], trace, needed, page)
    else:
        raise BadValueError(
            f"{str(path)!r} ends in {path.suffix!r}; a path can be saved as {', '.join(by_suffix)}"
        )
    path.write_text(made.text, encoding="utf-8")
    return path


def file_name(code: str, suffix: str) -> str:
    """
    Return a name for a file: protocol, scenario and steps of a schedule code.

    >>> file_name("v5.18/vcpus=3,updates=1/0df145:2a3b", ".svg")
    'v5.18-vcpus3-updates1-2a3b.svg'
    """
    where, _, steps = code.partition(":")
    parts = [*where.split("/")[:2], steps[:LONGEST]]
    safe = [re.sub(r"[^A-Za-z0-9.+-]+", "-", part.replace("=", "")) for part in parts if part]
    return "-".join(safe) + suffix


def links(code: str, own: Any = None) -> list[list[str]]:
    """
    Return lines that open a schedule again: what each is for, and the line.

    own : the unit of somebody's own code that the schedule runs on, if there is one

    >>> links("lost-update/default/f2b6da:2ab")[0]
    ['Python', 'Interleaver(code="lost-update/default/f2b6da:2ab", at="end")']
    """
    mine = _functions(own)
    python = f", own={mine[0] if len(mine) == 1 else '[' + ', '.join(mine) + ']'}" if mine else ""
    shell = " --source FILE" if own is not None else ""
    return [
        ["Python", f'Interleaver(code="{code}", at="end"{python})'],
        ["Command", f"tdplib play --code {code}{shell}"],
    ]


def _functions(own: Any) -> list[str]:
    """Return the names of the functions in a unit."""
    body = getattr(getattr(own, "tree", None), "body", ())
    return [node.name for node in body if hasattr(node, "args")]
