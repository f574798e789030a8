"""Named bit-fields: a `Layout` is a word's fields, each named once, with pack and unpack beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdplib.errors import BadValueError, check_int, nearest

__all__ = ["Field", "Layout"]


@dataclass(frozen=True)
class Field:
    """`width` bits of a word, the lowest at position `shift`."""

    name: str
    shift: int
    width: int
    note: str = ""
    """What the field means, in one clause."""

    @property
    def max(self) -> int:
        """The largest value that fits: ``2**width - 1``."""
        return (1 << self.width) - 1

    @property
    def mask(self) -> int:
        """The field's bits in the word."""
        return self.max << self.shift

    @property
    def bits(self) -> str:
        """The positions as text: ``"11"`` or ``"8-10"``."""
        last = self.shift + self.width - 1
        return str(self.shift) if self.width == 1 else f"{self.shift}-{last}"

    def get(self, word: int) -> int:
        """Return the field's value in `word`."""
        return (word >> self.shift) & self.max

    def set(self, word: int, value: int) -> int:
        """Return `word` with this field replaced by `value` (0..max, not checked)."""
        return (word & ~self.mask) | (value << self.shift)


@dataclass(frozen=True)
class Layout:
    """
    The fields of one kind of word in one kernel version; no two share a bit.

    Examples
    --------
    >>> layout = Layout("toy", "an example", 8, (Field("low", 0, 4), Field("flag", 7, 1)))
    >>> hex(layout.pack(low=3, flag=True))
    '0x83'
    >>> layout.unpack(0x83)
    {'low': 3, 'flag': 1}
    """

    name: str
    source: str
    """Where the layout was read: commit, version or tree."""
    width: int
    """Bits in the word."""
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        seen = 0
        for field in self.fields:
            if field.mask & seen or field.mask >> self.width:
                raise BadValueError(
                    f"layout {self.name}: field {field.name} overlaps or sticks out"
                )
            seen |= field.mask

    @property
    def names(self) -> tuple[str, ...]:
        """The field names, lowest bit first."""
        return tuple(field.name for field in self.fields)

    @property
    def used(self) -> int:
        """The bits that belong to some field."""
        return sum(field.mask for field in self.fields)

    def __getitem__(self, name: str) -> Field:
        """Return the field called `name`; `BadValueError` names the nearest if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise BadValueError(
            f"layout {self.name!r} has no field {name!r}{nearest(name, self.names)}"
        )

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def check(self, word: int) -> int:
        """Return `word` as an int if it fits the width; else raise `BadValueError`."""
        return check_int("word", word, 0, (1 << self.width) - 1)

    def replace(self, word: int, values: Mapping[str, int]) -> int:
        """
        Return `word` with the named fields replaced; True and False count as 1 and 0.

        Raises `BadValueError` for an unknown field or a value that does not fit.
        """
        word = self.check(word)
        for name, value in values.items():
            field = self[name]
            number = int(value) if isinstance(value, bool) else value
            word = field.set(word, check_int(name, number, 0, field.max))
        return word

    def pack(self, **values: int) -> int:
        """Return the word whose named fields have these values and all other bits are 0."""
        return self.replace(0, values)

    def unpack(self, word: int) -> dict[str, int]:
        """Return every field's value, lowest bit first. Bits of no field are not shown."""
        word = self.check(word)
        return {field.name: field.get(word) for field in self.fields}

    def stray(self, word: int) -> int:
        """Return the set bits of `word` that belong to no field."""
        return self.check(word) & ~self.used
