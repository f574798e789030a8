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
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tdplib.export import links
from tdplib.properties import find
from tdplib.replay.board import changed
from tdplib.replay.needed import RANK
from tdplib.replay.session import timeline_entry
from tdplib.replay.trace import Step
from tdplib.replay.uses import conflicting
from tdplib.replay.why import why
from tdplib.widgets.snapshot import folded, mark_changes, role_fields, stops, told_step
from tdplib.widgets.terms import terms

__all__ = ["pack"]

LISTED = ("roots", "locks", "requests", "tlb")
"""Parts of a board that are lists; each item of one has a column of its own."""
Progress = Callable[[float], None]


class _Table:
    """What is in a column: each distinct value once, in the order in which they came."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[str, int] = {}

    def put(self, value: Any) -> int:
        """Return the number of `value`."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._known:
            self._known[key] = len(self.values)
            self.values.append(value)
        return self._known[key]


class _Packer:
    """Collects the columns of one atlas, and the values that they number."""

    def __init__(self, atlas: Any) -> None:
        self.atlas = atlas
        self.values: dict[str, list] = {}
        self.columns: dict[str, np.ndarray] = {}
        self.uses = _Table()
        self.fixed = atlas.session.fixed
        self.names = [actor.name for actor in atlas.session.system.actors]

    def column(self, name: str, items: Iterable[Any]) -> None:
        """Add a column of `items`, by their numbers among the distinct ones."""
        table = _Table()
        self.columns[name] = np.array([table.put(item) for item in items], np.int64)
        self.values[name] = table.values

    def lists(self, name: str, lists: list[list]) -> None:
        """Add a column for each place of `lists`, as many as the longest has; null fills up."""
        for place in range(max(map(len, lists), default=0)):
            items = (items[place] if place < len(items) else None for items in lists)
            self.column(f"{name}.{place}", items)

    def worlds(self) -> None:
        """Add the columns of the shared states."""
        worlds = self.atlas.worlds
        for name in worlds[0]:
            if name == "roots":
                slots = range(self.atlas.session.system.pages)
                rows = [{root["index"]: root for root in world["roots"]} for world in worlds]
                self.lists(name, [[row.get(slot) for slot in slots] for row in rows])
            elif name in LISTED:
                self.lists(name, [world[name] for world in worlds])
            else:
                self.column(name, (world[name] for world in worlds))
        self.lists("kinds", self.atlas.kinds)

    def rows(self, progress: Progress) -> None:
        """Add the columns of the states."""
        atlas, waits, holds, said = self.atlas, [], {}, []
        for row in range(atlas.rows):
            if row % 256 == 0:
                progress(row / atlas.rows)
            told = why(self.board(row), atlas.judged[row])
            waits.append(list(told.waits))
            holds.setdefault(int(atlas.world[row]), list(told.holds))
            said.append(list(told.properties[1:]))
        self.lists("holds", [holds[number] for number in range(len(atlas.worlds))])
        self.lists("waits", waits)
        self.columns["world"] = _differences(atlas.world)
        for actor in range(len(self.names)):
            self.column(f"actors.{actor}", (atlas.entries[k] for k in atlas.entry[:, actor]))
        self.column("broken", map(_broken, atlas.broken))
        self.column("ended", atlas.ended)
        judged = ({key: each[key] for key in ("here", "danger")} for each in atlas.judged)
        self.column("judge", judged)
        self.column("leads_to", atlas.leads_to)
        self.column("properties", said)
        self.columns["degree"] = np.diff(atlas.first)

    def board(self, row: int) -> dict:
        """Return what `why` looks at of the board of a row."""
        atlas = self.atlas
        actors = [atlas.entries[number] for number in atlas.entry[row]]
        return {**atlas.worlds[int(atlas.world[row])], "actors": actors, "step": 0,
                "uses": self.fixed["uses"], "broken": _broken(atlas.broken[row])}  # fmt: skip

    def steps(self, progress: Progress) -> None:
        """Add the columns of the steps: who, where to, what is told of it, what it changes."""
        atlas = self.atlas
        tales = [_tale(tale, self.uses) for tale in atlas.tales]
        self.column("tale", (tales[number] for number in atlas.tale))
        self.columns["actor"] = atlas.actor.astype(np.int64)
        sources = np.repeat(np.arange(atlas.rows), np.diff(atlas.first))
        self.columns["target"] = _differences(atlas.target - sources)
        known: dict[tuple, dict] = {}
        changes = []
        self.fields: dict[str, list] = {}
        for edge, source in enumerate(sources.tolist()):
            if edge % 512 == 0:
                progress(edge / len(sources))
            key = atlas.world[source], atlas.world[atlas.target[edge]], atlas.actor[edge]
            if key not in known:
                known[key] = self.change(*map(int, key))
            changes.append(known[key])
        self.column("change", changes)

    def change(self, before: int, after: int, actor: int) -> dict:
        """Return what a step of `actor` from one shared state to another changes, in words too."""
        earlier, now = self.atlas.worlds[before], dict(self.atlas.worlds[after])
        now["roots"] = [{**root, "role": dict(root["role"])} for root in now["roots"]]
        now["actors"] = [{"name": name} for name in self.names]
        now["step"], now["timeline"] = 1, [{"actor": actor}]
        now["changed"] = changed(earlier, self.atlas.worlds[after])
        mark_changes(now, earlier)
        words = {root["index"]: root["role"]["word"] for root in earlier["roots"]}
        for root in now["roots"]:
            old = words.get(root["index"])
            self.fields[f"{root['role']['word']},{old}"] = root["role"]["fields"]
        return {"changed": now["changed"], "changes": now["changes"]}


def pack(atlas: Any, more: dict | None = None, progress: Progress | None = None) -> bytes:
    """
    Return `atlas`, and whatever `more` the page wants to know, as compressed bytes (zlib).

    Before compression: the length of a JSON text (four bytes, the lowest first), the text, the
    numbers of each column in the order in which the text names them.
    """
    progress = progress or (lambda _: None)
    packer = _Packer(atlas)
    packer.worlds()
    packer.rows(lambda part: progress(part / 3))
    packer.steps(lambda part: progress(1 / 3 + part / 2))
    session = atlas.session
    for root in packer.board(0)["roots"]:
        word = root["role"]["word"]
        packer.fields[f"{word},null"] = role_fields(word)
    board = session.board()
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
            "uses": packer.uses.values,
            "rules": _rules(packer.uses.values),
            "shape": {key: board["shape"][key] for key in ("levels", "entries")},
            "unasked": why(board).properties[1],
            "fields": {key.replace("None", "null"): told for key, told in packer.fields.items()},
            "advice": _advice("wasted-zap"),
            "world": list(atlas.worlds[0]),
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


def _broken(name: str | None) -> dict | None:
    if name is None:
        return None
    found = find(name)
    return {"property": name, "sentence": found.sentence, "at_end": found.kind == "end"}


def _advice(name: str) -> dict:
    return {"property": name, "sentence": find(name).sentence}


def _tale(tale: Any, used: _Table) -> dict:
    """Return what a board tells of a step: its entry in the timeline, its actions, what it did."""
    step = Step(0, 0, "", False, tale.actions)
    entry = timeline_entry(step)
    parts = {key: entry[key] for key in ("summary", "function", "line")}
    uses = [used.put(vars(use)) for use in tale.uses]
    return {**parts, **told_step(step, entry["summary"]), "uses": uses, "advice": tale.advice}


def _rules(used: list[dict]) -> dict:
    """Return which modes of use keep their order, and which things are told of later."""
    modes = sorted({use["mode"] for use in used})
    return {"conflicts": [a + b for a in modes for b in modes if conflicting(a, b)], "ranks": RANK}
