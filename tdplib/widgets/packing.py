"""
An atlas as bytes: what an exported page carries instead of a kernel.

Each distinct part is written once, as JSON; a state is a row of part numbers, a step another. The
numbers follow column by column, so that they compress well. ``static/atlas.js`` reads it back and
makes of it what the Interleaver publishes; what follows from two boards (what changed, the words
for it) is worked out here, by the functions that the Interleaver itself uses.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tdplib.atlas.rows import alike, first_of
from tdplib.export import links
from tdplib.properties import find
from tdplib.replay.board import changed
from tdplib.replay.needed import RANK
from tdplib.replay.session import timeline_entry
from tdplib.replay.trace import Step
from tdplib.replay.uses import conflicting
from tdplib.replay.why import grace_lines, lock_lines, move_line, property_lines, root_lines, why
from tdplib.widgets.snapshot import folded, mark_changes, role_fields, stops, told_step
from tdplib.widgets.terms import terms

__all__ = ["pack"]


class _Packer:
    """Collects the columns of one atlas, and the values that they number."""

    def __init__(self, atlas: Any) -> None:
        self.atlas = atlas
        self.values: dict[str, list] = {}
        self.columns: dict[str, np.ndarray] = {}
        self.uses: dict[Any, int] = {}
        self.fields: dict[str, list] = {}
        self.names = [actor.name for actor in atlas.session.system.actors]

    def column(self, name: str, column: Any, values: list | None = None) -> None:
        """Add a column of the atlas; `values` stand for its own."""
        self.columns[name] = column.numbers
        self.values[name] = column.values if values is None else values

    def rows(self) -> None:
        """Add the columns of the states."""
        atlas = self.atlas
        for slot, roots in enumerate(atlas.roots):
            self.column(f"roots.{slot}", roots)
        for name, part in atlas.parts.items():
            self.column(name, part)
        for actor, entries in enumerate(atlas.actors):
            self.column(f"actors.{actor}", entries)
        self.column(
            "broken", atlas.broken, [name and _broken(name) for name in atlas.broken.values]
        )
        for name in ("kinds", "ended", "leads_to"):
            self.column(name, getattr(atlas, name))
        self.column("judged", atlas.judged, [_judged(told) for told in atlas.judged.values])
        self.columns["degree"] = np.diff(atlas.first)

    def sentences(self) -> None:
        """Add what `tdplib.replay.why` says of the states, of each part of one by itself."""
        atlas = self.atlas
        locks, rcu = atlas.parts["locks"], atlas.parts["rcu"]
        names = [slot.numbers for slot in atlas.roots] if atlas.session.system.levels > 1 else []
        self.say("held.locks", [locks.numbers, rcu.numbers], lock_lines)
        for slot, roots in enumerate(atlas.roots):
            self.say(f"held.{slot}", [roots.numbers], lambda board, at=slot: root_lines(
                {**board, "roots": [root for root in board["roots"] if root["index"] == at]}
            ))  # fmt: skip
        self.say("held.rcu", [rcu.numbers, *names], grace_lines)
        for actor, entries in enumerate(atlas.actors):
            self.values[f"moves.{actor}"] = [
                [move_line(entry, broken) for broken in (False, True)] for entry in entries.values
            ]

    def say(self, name: str, keys: list[np.ndarray], lines: Callable) -> None:
        """Add a column of lists of sentences; rows with equal `keys` have equal ones."""
        numbers = alike(keys, self.atlas.rows)
        said, known = [], {}
        for row in first_of(numbers):
            made = tuple(lines(self.board(int(row))))
            said.append(known.setdefault(made, len(known)))
        self.columns[name] = np.array(said, np.int64)[numbers]
        self.values[name] = list(known)

    def board(self, row: int) -> dict:
        """Return of the board of a row what sentences are made of."""
        actors = [entries[row] for entries in self.atlas.actors]
        return {
            **self.atlas.shared(row),
            "actors": actors,
            "uses": self.atlas.session.fixed["uses"],
        }

    def steps(self) -> None:
        """Add the columns of the steps: who, where to, what is told of it, what it changes."""
        atlas = self.atlas
        self.column("tale", atlas.tales, [self.tale(tale) for tale in atlas.tales.values])
        self.columns["actor"] = atlas.actor.astype(np.int64)
        sources = np.repeat(np.arange(atlas.rows), np.diff(atlas.first))
        self.columns["target"] = _differences(atlas.target - sources)
        keys = [self.columns["actor"]]
        for part in (*atlas.roots, *atlas.parts.values()):
            before, after = part.numbers[sources], part.numbers[atlas.target]
            keys.append(np.where(before == after, -1, before * len(part.values) + after))
        numbers = alike(keys, sources.size)
        changes, known = [], {}
        for edge in first_of(numbers):
            row, after = int(sources[edge]), int(atlas.target[edge])
            made = self.change(row, after, int(atlas.actor[edge]))
            changes.append(known.setdefault(json.dumps(made), len(known)))
        self.columns["change"] = np.array(changes, np.int64)[numbers]
        self.values["change"] = [json.loads(text) for text in known]

    def tale(self, tale: Any) -> dict:
        """Return what a board tells of a step: its place in the timeline, its actions, its uses."""
        step = Step(0, 0, "", False, tale.actions)
        entry = timeline_entry(step)
        parts = {key: entry[key] for key in ("summary", "function", "line")}
        used = [self.uses.setdefault(use, len(self.uses)) for use in tale.uses]
        return {**parts, **told_step(step, entry["summary"]), "uses": used, "advice": tale.advice}

    def change(self, before: int, after: int, actor: int) -> dict:
        """Return what a step of `actor` from one row to another changes, in words too."""
        earlier, then = self.atlas.shared(before), self.atlas.shared(after)
        now = dict(then)
        now["roots"] = [{**root, "role": dict(root["role"])} for root in now["roots"]]
        now["actors"] = [{"name": name} for name in self.names]
        now["step"], now["timeline"] = 1, [{"actor": actor}]
        now["changed"] = changed(earlier, then)
        mark_changes(now, earlier)
        words = {root["index"]: root["role"]["word"] for root in earlier["roots"]}
        for root in now["roots"]:
            old = words.get(root["index"])
            self.fields[_pair(root["role"]["word"], old)] = root["role"]["fields"]
        return {"changed": now["changed"], "changes": now["changes"]}


def pack(atlas: Any, more: dict | None = None) -> bytes:
    """
    Return `atlas`, and whatever `more` the page wants to know, as compressed bytes (zlib).

    Before compression: the length of a JSON text (four bytes, the lowest first), the text, the
    numbers of each column in the order in which the text names them.
    """
    packer = _Packer(atlas)
    packer.rows()
    packer.sentences()
    packer.steps()
    session = atlas.session
    for root in atlas.shared(0)["roots"]:
        word = root["role"]["word"]
        packer.fields[_pair(word, None)] = role_fields(word)
    board, used = session.board(), [vars(use) for use in packer.uses]
    columns, blocks = [], []
    for name, numbers in packer.columns.items():
        width = 1 if numbers.max(initial=0) < 256 else 2 if numbers.max() < 65536 else 4
        columns.append([name, len(numbers), width])
        blocks += _planes(numbers, width)
    text = json.dumps(
        {
            **(more or {}),
            "about": {key: board[key] for key in ("protocol", "scenario", "uses")},
            "prefix": session.code_of([]),
            "links": links(session.code_of([]), session.subject.own),
            "sources": folded(board["sources"], stops(session)),
            "terms": terms(),
            "uses": used,
            "rules": _rules(used),
            "shape": {key: board["shape"][key] for key in ("levels", "entries")},
            "unasked": why(board).properties[1],
            "fields": packer.fields,
            "advice": _advice("wasted-zap"),
            "parts": list(atlas.parts),
            "values": packer.values,
            "columns": columns,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    return zlib.compress(b"".join([len(text).to_bytes(4, "little"), text, *blocks]), 9)


def _planes(numbers: np.ndarray, width: int) -> Iterator[bytes]:
    """Give the lowest bytes of all numbers, then the next: they compress better apart."""
    for place in range(width):
        yield (numbers >> 8 * place & 255).astype(np.uint8).tobytes()


def _differences(numbers: np.ndarray) -> np.ndarray:
    """Return the difference of each number from the one before, folded so that none is negative."""
    steps = np.diff(numbers, prepend=0)
    return np.where(steps < 0, -2 * steps - 1, 2 * steps)


def _pair(word: int, old: int | None) -> str:
    return f"{word},{'null' if old is None else old}"


def _judged(told: dict) -> dict:
    """Return a judgement as a board has it, and the sentences on the properties that go with it."""
    said = list(property_lines({"broken": None, "step": 0}, told))[1:]
    return {"judge": {key: told[key] for key in ("here", "danger")}, "properties": said}


def _broken(name: str) -> dict:
    found = find(name)
    return {"property": name, "sentence": found.sentence, "at_end": found.kind == "end"}


def _advice(name: str) -> dict:
    return {"property": name, "sentence": find(name).sentence}


def _rules(used: list[dict]) -> dict:
    """Return which modes of use keep their order, and which things are told of later."""
    modes = sorted({use["mode"] for use in used})
    return {"conflicts": [a + b for a in modes for b in modes if conflicting(a, b)], "ranks": RANK}
