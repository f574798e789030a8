"""
Many packed states at once: which of them are alike in what a part of a board says.

Each part of a board follows from some fields, and from what actors show: the locks they hold,
whether they read under RCU, the item one runs. Rows that are alike in those are told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..vm import codes as c
from ..vm import decode
from ..vm.system import System

__all__ = ["Rows", "alike", "first_of"]


def alike(columns: list[np.ndarray], size: int) -> np.ndarray:
    """
    Number rows: two have the same number if they are equal in all `columns`.

    columns : arrays of `size` integers; without any, all rows are alike
    """
    found, count = np.zeros(size, np.int64), 1
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        if values.size < 2:
            continue
        if count * values.size >= 1 << 62:
            found = np.unique(found, return_inverse=True)[1].reshape(-1)
            count = int(found.max(initial=0)) + 1
        found = found * values.size + inverse.reshape(-1)
        count *= values.size
    return np.unique(found, return_inverse=True)[1].reshape(-1)


def first_of(numbers: np.ndarray) -> np.ndarray:
    """Return where each number stands first, in the order of the numbers."""
    return np.unique(numbers, return_index=True)[1]


@dataclass(frozen=True)
class _Shown:
    """What an actor shows to others where it stands; `all`: whatever of it makes a difference."""

    hold: object
    running: int
    grace: int
    all: tuple


class Rows:
    """Packed states of one system, int64[rows, words]."""

    def __init__(self, system: System, packed: np.ndarray) -> None:
        self.system, self.packed = system, packed
        self.size = packed.shape[0]

    def fields(self, owner: str, *names: str, obj: int | None = None) -> Iterator[np.ndarray]:
        """Give the bits of fields: those called `names` (none: all), of object `obj` (or all)."""
        for made in self.system.image.rows:
            wanted = made.owner == owner and (not names or made.name in names)
            if wanted and made.const is None and made.bit is None and obj in (None, made.obj):
                yield self.bits(made.word, made.shift, made.width)

    def bits(self, word: int, shift: int, width: int) -> np.ndarray:
        """Return some bits of each row."""
        return (self.packed[:, word] >> shift) & _mask(width)

    def stop(self, packed: np.ndarray, actor: int) -> np.ndarray:
        """Return the number of the stop where an actor stands in one packed state, or in many."""
        im = self.system.image.im
        a = int(im[c.H_ACTOR]) + actor * c.ACTOR
        return (packed[..., int(im[a + c.A_WORD])] >> int(im[a + c.A_SHIFT])) & int(
            im[a + c.A_STOP_MASK]
        )

    def _record(self, actor: int, stop: np.ndarray) -> np.ndarray:
        im = self.system.image.im
        first = int(im[int(im[c.H_ACTOR]) + actor * c.ACTOR + c.A_STOPS])
        return int(im[c.H_STOP]) + (first + stop) * c.STOP

    @cached_property
    def field_bits(self) -> np.ndarray:
        """Of each word of a state the bits that belong to fields."""
        found = np.zeros(self.packed.shape[1], np.int64)
        for made in self.system.image.rows:
            if made.const is None:
                found[made.word] |= _mask(made.width, made.shift)
        return found

    @cached_property
    def block_bits(self) -> list[np.ndarray]:
        """Of each actor, of each word of a state, the bits where it stands and its registers."""
        blocks = []
        for block in self.system.image.blocks[: len(self.system.actors)]:
            found = np.zeros(self.packed.shape[1], np.int64)
            whole = block.words > 1 or block.total > 64
            found[block.word : block.word + block.words] = (
                -1 if whole else _mask(block.control, block.shift)
            )
            blocks.append(found)
        return blocks

    @cached_property
    def own(self) -> list[np.ndarray]:
        """Of each actor, a number of its own bits in each row: its place and its registers."""
        found = []
        for bits in self.block_bits:
            words = np.flatnonzero(bits)
            found.append(alike([self.packed[:, word] & bits[word] for word in words], self.size))
        return found

    @cached_property
    def _shown(self) -> list[list[_Shown]]:
        """Of each actor, what it shows, by the number of its own bits."""
        return [
            [self._shows(self.packed[at], actor) for at in first_of(own)]
            for actor, own in enumerate(self.own)
        ]

    def _shows(self, row: np.ndarray, actor: int) -> _Shown:
        stands = decode.standing(self.system, row, actor)
        noted = {reg.kind: v for reg, v in stands.values.items() if reg is not None}
        running, grace = noted.get("running", 0), stands.values.get(None, 0)
        around = int(self.system.image.im[self._record(actor, self.stop(row, actor)) + c.S_AROUND])
        seen = stands.node.hold, running, grace, noted.get("note", 0), around
        return _Shown(stands.node.hold, running, grace, seen)

    def shown(self, what: str) -> Iterator[np.ndarray]:
        """Give, for each actor, a number of its `hold`, its item `running`, its `grace` bits."""
        for own, shown in zip(self.own, self._shown, strict=True):
            known: dict[object, int] = {}
            numbers = [known.setdefault(getattr(each, what), len(known)) for each in shown]
            yield np.array(numbers, np.int64)[own]

    def around(self) -> list[np.ndarray]:
        """Return of each actor what is around it in each row, as the search's memory has it."""
        im, seen = self.system.image.im, []
        for actor in range(len(self.system.actors)):
            record = self._record(actor, self.stop(self.packed, actor))
            seen.append(im[record + c.S_AROUND].astype(np.int64))
        held = twice = does = np.zeros(self.size, np.int64)
        for each in seen:
            twice = twice | (held & each & c.HOLDS)
            held = held | (each & c.HOLDS)
            does = does | (each & ~c.HOLDS)
        return [does | (held & ~(each & c.HOLDS & ~twice)) for each in seen]


def _mask(width: int, shift: int = 0) -> int:
    """Return so many bits of a word, from `shift` on, as the signed number that a state holds."""
    bits = ((1 << width) - 1) << shift & ((1 << 64) - 1)
    return bits - (1 << 64) if bits >> 63 else bits
