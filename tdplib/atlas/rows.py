"""
Which parts of many packed states are equal, found by their bits.

What a board says of the shared state follows from the fields and from what an actor shows to
others: the locks it holds, whether it reads under RCU, the item it runs, what it waits for. What
it says of an actor follows from the actor's own bits, and from that shared state.
"""

from __future__ import annotations

import numpy as np

from ..vm import codes as c
from ..vm import decode
from ..vm.system import System

__all__ = ["first_of", "numbered", "own_bits", "shared_bits"]

SHOWN = ("note", "running")
"""Registers of an actor that others look at; the grace bits of a reader are one more."""


def numbered(table: np.ndarray) -> np.ndarray:
    """Number the rows of a table: equal rows have the same number, in the order of their first."""
    if not table.shape[0]:
        return np.zeros(0, np.int64)
    whole = np.ascontiguousarray(table, np.int64)
    keys = whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse.reshape(-1)]


def first_of(numbers: np.ndarray) -> np.ndarray:
    """Return where each number of `numbered` stands first."""
    return np.unique(numbers, return_index=True)[1]


def own_bits(system: System, rows: np.ndarray) -> np.ndarray:
    """Return, for each row and actor, a number of the actor's own bits: int64[rows, actors]."""
    found = []
    for block in system.image.blocks[: len(system.actors)]:
        if block.words > 1 or block.total > 64:
            bits = rows[:, block.word : block.word + block.words]
        else:
            bits = _bits(rows, block.word, block.shift, block.control)[:, None]
        found.append(numbered(bits))
    return np.stack(found, axis=1)


def shared_bits(system: System, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return a number of what is shared in each row: the fields, and what the actors show."""
    fields = {(f.word, f.shift, f.width) for f in system.image.rows if f.const is None and f.width}
    parts = [_bits(rows, *place) for place in sorted(fields)]
    parts += [_shown(system, rows, own[:, actor], actor) for actor in range(own.shape[1])]
    return numbered(np.stack(parts, axis=1))


def _bits(rows: np.ndarray, word: int, shift: int, width: int) -> np.ndarray:
    mask = -1 if width >= 64 else (1 << width) - 1
    return (rows[:, word] >> shift) & mask


def _shown(system: System, rows: np.ndarray, own: np.ndarray, actor: int) -> np.ndarray:
    """Return, for each row, a number of what others can see of an actor."""
    known: dict[tuple, int] = {}
    of_own = [
        known.setdefault(_signature(system, rows[at], actor), len(known)) for at in first_of(own)
    ]
    return np.array(of_own, np.int64)[own]


def _signature(system: System, row: np.ndarray, actor: int) -> tuple:
    """Return what others can see of an actor: its locks, what is around it, what it notes."""
    im, stands = system.image.im, decode.standing(system, row, actor)
    a = int(im[c.H_ACTOR]) + actor * c.ACTOR
    word = int(row[int(im[a + c.A_WORD])])
    stop = (word >> int(im[a + c.A_SHIFT])) & int(im[a + c.A_STOP_MASK])
    record = int(im[c.H_STOP]) + (int(im[a + c.A_STOPS]) + stop) * c.STOP
    noted = tuple(
        sorted(
            (register.kind if register is not None else "grace", value)
            for register, value in stands.values.items()
            if register is None or register.kind in SHOWN
        )
    )
    return stands.node.hold, int(im[record + c.S_AROUND]), stands.node.op.code == "END", noted
