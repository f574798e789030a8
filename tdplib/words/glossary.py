"""The glossary: every short name of the course, explained once, in `glossary.toml` beside this."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tdplib.errors import BadValueError, nearest

__all__ = ["Entry", "entries", "find", "page_text"]

TEXT = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Entry:
    """One word: what it is short for, what it means, which others help to understand it."""

    word: str
    meaning: str
    """One or two sentences that stand alone."""
    also: tuple[str, ...] = ()
    """Other spellings under which it is found."""
    see: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = f" See also: {', '.join(self.see)}." if self.see else ""
        return f"**{self.word}**: {self.meaning}{more}"


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries, in alphabetical order."""
    raw = tomllib.loads(TEXT.read_text(encoding="utf-8"))
    found = []
    for word, entry in raw.items():
        lists = {key: tuple(entry.get(key, ())) for key in ("also", "see")}
        found.append(Entry(word, " ".join(entry["meaning"].split()), **lists))
    return tuple(sorted(found, key=lambda entry: entry.word.lower()))


def find(word: str) -> Entry:
    """Return the entry of a word, in whatever case; raise `BadValueError` if there is none."""
    known = {name.lower(): entry for entry in entries() for name in (entry.word, *entry.also)}
    if word.lower() not in known:
        hint = nearest(word.lower(), known)
        raise BadValueError(f"the glossary has no word {word!r}{hint}; `glossary()` shows all")
    return known[word.lower()]


def page_text() -> str:
    """Return the whole glossary as Markdown."""
    return "## Glossary\n\n" + "\n\n".join(str(entry) for entry in entries())
