"""The role word bit by bit, in v5.18 and in a recent tree, with a word worked out."""

from __future__ import annotations

from tdplib.draw import Picture
from tdplib.draw._svg import Svg, text_width
from tdplib.draw.figures._parts import MARGIN, WIDTH, heading, notes
from tdplib.words import role
from tdplib.words.bits import Field, Layout

__all__ = ["role_word"]

_CELL = 52
_LEFT = WIDTH - MARGIN - 16 * _CELL
_NAME, _ROW = 60, 20
"""Heights: of the box with a field's name, and of a row of binary digits."""
_HALF = 18 + _NAME + 2 * _ROW + 26

_TITLE = "The role word: what a page table is for, in 32 bits"
_WORDS = (
    "union kvm_mmu_page_role. The whole word is a root's identity: a vCPU takes a listed root "
    "over only if all 32 bits equal its own word, in which invalid is never set."
)


def role_word() -> Picture:
    """Return the picture of the two layouts, one below the other."""
    svg = Svg()
    y = heading(svg, _TITLE, _WORDS)
    said = []
    for name, source in (
        ("v5.18", "v5.18 (read at 22b94c4b63eb)"),
        ("recent", "a recent tree (its first release is not confirmed)"),
    ):
        y = _draw_layout(svg, role.LAYOUTS[name], source, y + 10)
        said.append(_say(role.LAYOUTS[name], source))
    worked = (
        "Below the bits: a 4-level root (level 4, direct, access 7), valid and then invalid, and "
        "each four bits as the hexadecimal digit they are. One digit changes."
    )
    changed = (
        "Grey: used by shadow paging only. Heavy frame: invalid. In the recent tree a field says "
        f"what changed since v5.18, and {_gone()} is gone. What access holds there is not "
        "confirmed: 7, as before, is assumed."
    )
    end = notes(svg, y + 14, (worked, changed))
    words = " ".join([_WORDS, *said])
    return Picture(svg.document(WIDTH, end + 4, _TITLE, words), f"{_TITLE}. {words}")


def _gone() -> str:
    """Name the fields of v5.18 that the recent tree has no more."""
    left = role.LAYOUTS["recent"]
    return ", ".join(name for name in role.LAYOUTS["v5.18"].names if name not in left)


def _say(layout: Layout, source: str) -> str:
    """Return a layout in words."""
    fields = ", ".join(f"{f.name} {f.bits}" for f in layout.fields)
    words = role.root_role(4, version=layout.name)
    bad = role.mark_invalid(words, layout.name)
    return f"In {source} the fields are: {fields}. {words:#x} is made invalid: {bad:#x}."


def _draw_layout(svg: Svg, layout: Layout, source: str, y: float) -> float:
    valid = role.root_role(4, version=layout.name)
    invalid = role.mark_invalid(valid, layout.name)
    svg.text(MARGIN, y + 14, source, "strong")
    words = f"invalid: bit {layout['invalid'].bits}.  {valid:#x} becomes {invalid:#x}"
    svg.text(WIDTH - MARGIN, y + 14, words, "code", text_anchor="end")
    y += 22
    for high in (31, 15):
        _draw_half(svg, layout, (valid, invalid), high, y)
        y += _HALF + 6
    return y


def _x(bit: int, high: int) -> float:
    """Return the left edge of a bit's cell in the half that starts with bit `high`."""
    return _LEFT + (high - bit) * _CELL


def _draw_half(svg: Svg, layout: Layout, words: tuple[int, int], high: int, y: float) -> None:
    """Draw sixteen bits: numbers, names, the digits of both words, hexadecimal digits."""
    for bit in range(high, high - 16, -1):
        middle = _x(bit, high) + _CELL / 2
        svg.text(middle, y + 12, str(bit), "small soft", text_anchor="middle")
        for row, word in enumerate(words):
            digit = word >> bit & 1
            cls = "code strong" if digit else "code soft"
            bad = " bad" if digit and bit == layout["invalid"].shift else ""
            at = y + 18 + _NAME + _ROW * row + 15
            svg.text(middle, at, str(digit), cls + bad, text_anchor="middle")
    for row, word in enumerate(("valid", "invalid")):
        svg.text(MARGIN, y + 18 + _NAME + _ROW * row + 15, word, "small soft")
    svg.text(MARGIN, y + 18 + _NAME + 2 * _ROW + 19, "hex", "small soft")
    for field in (*layout.fields, *_unused(layout)):
        if high - 15 <= field.shift <= high:
            _draw_field(svg, layout, field, high, y + 18)
    for low in range(high - 15, high, 4):
        _draw_nibble(svg, words, low, _x(low + 3, high), y + 18 + _NAME + 2 * _ROW)


def _unused(layout: Layout) -> list[Field]:
    """Return the runs of bits that belong to no field, as fields without a name."""
    runs: list[Field] = []
    for bit in range(layout.width):
        if layout.used >> bit & 1:
            continue
        if runs and runs[-1].shift + runs[-1].width == bit:
            runs[-1] = Field("", runs[-1].shift, runs[-1].width + 1)
        else:
            runs.append(Field("", bit, 1))
    return runs


def _draw_field(svg: Svg, layout: Layout, field: Field, high: int, y: float) -> None:
    """Draw the box of a field with its name, and in a later layout where it was before."""
    x, width = _x(field.shift + field.width - 1, high), _CELL * field.width
    special = field.name == "invalid"
    dashes = {} if field.name else {"stroke_dasharray": "3 3"}
    edge = {"stroke": "--bad", "stroke_width": 2.6} if special else {"stroke": "--soft", **dashes}
    svg.rect(x + 1, y, width - 2, _NAME, rx=4, fill="--band", **edge)
    soft = " soft" if not field.name or "shadow paging only" in field.note else ""
    cls = "small strong bad" if special else f"small{soft}"
    moved = _moved(layout, field)
    lines = _name_lines(field.name or "unused", width - 4)
    top = y + 35 - 6.5 * len(lines) - (7 if moved else 0)
    for place, line in enumerate(lines):
        svg.text(x + width / 2, top + 13 * place, line, cls, text_anchor="middle")
    svg.text(x + width / 2, y + _NAME - 6, moved, "small strong", text_anchor="middle")


def _moved(layout: Layout, field: Field) -> str:
    """Say what became of a field since v5.18, empty for nothing."""
    old = role.LAYOUTS["v5.18"]
    if not field.name or layout is old:
        return ""
    if field.name not in old:
        return "new"
    before = old[field.name]
    if field.width != before.width:
        return f"{field.width} bits, before {before.width}"
    return "" if field.shift == before.shift else f"was {before.bits}"


def _name_lines(name: str, width: float) -> list[str]:
    """Break a field's name after underscores so that each line fits `width` pixels."""
    lines = [""]
    for part in (
        name.replace("passthrough", "pass\u200bthrough").replace("_", "_\u200b").split("\u200b")
    ):
        if lines[-1] and text_width(lines[-1] + part, 11) > width:
            lines.append("")
        lines[-1] += part
    return lines


def _draw_nibble(svg: Svg, words: tuple[int, int], low: int, x: float, y: float) -> None:
    """Draw a bracket under four bits and the hexadecimal digit they make."""
    first, second = (word >> low & 0xF for word in words)
    svg.line([(x + 4, y), (x + 4, y + 4), (x + 4 * _CELL - 4, y + 4), (x + 4 * _CELL - 4, y)],
             stroke="--soft")  # fmt: skip
    said = f"{first:x}" if first == second else f"{first:x} \u2192 {second:x}"
    cls = "code soft" if first == second else "code strong bad"
    svg.text(x + 2 * _CELL, y + 19, said, cls, text_anchor="middle")
