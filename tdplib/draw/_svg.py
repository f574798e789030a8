"""
The little of SVG that the pictures need: escaping, shapes, text that fits, one style sheet.

A picture carries its own style: colours are CSS variables that follow `prefers-color-scheme` (also
as an ``<img>``) and JupyterLab's theme (where it is inline). Every rule is under the class
``tdp-svg``, so that an inline picture changes nothing else on the page. No fonts are loaded; the
width of a text is estimated from its letters, on the wide side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "ACTOR_COLOURS",
    "CODE_SIZE",
    "COLOURS",
    "SIZE",
    "STYLE",
    "Svg",
    "escape",
    "fit",
    "plain",
    "text_width",
    "wrap",
]

_LIGHT = {
    "bg": "#ffffff", "ink": "#1b1f24", "soft": "#57606a", "faint": "#d5dae0", "band": "#f4f6f8",
    "bad": "#c1121f", "badbg": "#fdecec", "good": "#2f7d4f", "live": "#2f7d4f",
    "write": "#3d444d", "read": "#8a94a0", "mutex": "#8a5fc7",
    "a0": "#0b63c4", "a1": "#00776f", "a2": "#b04a00", "a3": "#8a3ab9", "a4": "#4d6b00",
    "a5": "#a1285f", "a6": "#5b5f00", "a7": "#365a8c",
}  # fmt: skip
_DARK = {
    "bg": "#0f1318", "ink": "#e6ebf0", "soft": "#a0abb6", "faint": "#353d47", "band": "#181e25",
    "bad": "#ff7b72", "badbg": "#3a1a1c", "good": "#56c288", "live": "#56c288",
    "write": "#c5ced8", "read": "#6d7884", "mutex": "#b99aea",
    "a0": "#6cb0ff", "a1": "#4fc9bf", "a2": "#ff9d57", "a3": "#d39bf5", "a4": "#a9cf5a",
    "a5": "#f58ab8", "a6": "#d0cf5e", "a7": "#9dbbe6",
}  # fmt: skip

SIZE, CODE_SIZE = 12.5, 11.5
"""Font sizes in pixels: of words, and of source lines."""

ACTOR_COLOURS = 8
"""How many colours there are for actors; the ninth actor has the first one's."""

# In parts of the font size, after DejaVu Sans: the widest of the fonts that are usually there.
_NARROW, _WIDE, _USUAL, _MONO = 0.37, 0.93, 0.635, 0.605


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


_SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif'
_FIXED = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'

COLOURS = f"""\
SELF{{{_variables(_LIGHT)};color-scheme:light dark}}
@media (prefers-color-scheme:dark){{SELF{{{_variables(_DARK)}}}}}
"""
"""The colour variables of the element ``SELF``."""

STYLE = f"""\
{COLOURS.replace("SELF", ".tdp-svg")}\
[data-jp-theme-light="true"] .tdp-svg{{{_variables(_LIGHT)}}}
[data-jp-theme-light="false"] .tdp-svg{{{_variables(_DARK)}}}
.tdp-svg{{max-width:100%;height:auto}}
.tdp-svg text{{fill:var(--ink);font:{SIZE}px {_SANS}}}
.tdp-svg text.code{{font:{CODE_SIZE}px {_FIXED}}}
.tdp-svg text.small{{font-size:11px}}
.tdp-svg text.head{{font-size:17px;font-weight:600}}
.tdp-svg text.strong{{font-weight:600}}
.tdp-svg text.soft{{fill:var(--soft)}}
.tdp-svg text.bad{{fill:var(--bad)}}
"""
"""The style sheet of every picture."""


def escape(value: object) -> str:
    """Return `value` as XML text, safe between tags and inside quotes; no control characters."""
    text = plain(value)
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(raw, safe)
    return text.replace("'", "&#39;")


def plain(value: object) -> str:
    """Return `value` as text; what XML cannot hold becomes the replacement character."""
    return re.sub(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", str(value))


def text_width(text: str, size: float = SIZE, mono: bool = False) -> float:
    """Return about how many pixels wide `text` is at `size` px; rather more than less."""
    if mono:
        return _MONO * size * len(text)
    return size * sum(
        _NARROW if c in " \u00a0,.:;'!|iljtfrI()[]" else _WIDE if c in "mwMW%@" else _USUAL
        for c in text
    )


def fit(text: str, width: float, size: float = SIZE, mono: bool = False) -> str:
    """Return `text`, cut with an ellipsis where it would be wider than `width` pixels."""
    if text_width(text, size, mono) <= width:
        return text
    while text and text_width(text + "…", size, mono) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, width: float, size: float = SIZE, mono: bool = False) -> list[str]:
    """Break `text` at blanks into lines of at most `width` pixels; a longer word is cut."""
    lines: list[str] = [""]
    for word in text.split(" "):  # a no-break space holds words together
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, mono) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [fit(line, width, size, mono) for line in lines]


def _number(value: object) -> str:
    """Return a coordinate with one decimal at most, so that output is stable."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return escape(value)


class Svg:
    """
    A picture under construction.

    Attributes are given as keywords; ``_`` stands for ``-`` and ``cls`` for ``class``. A colour
    is a CSS variable, written ``"--ink"``.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []

    def element(self, name: str, content: str | None = None, **attributes: object) -> None:
        """Add ``<name ...>``; `content` is text, escaped here."""
        start = f"<{name}{_attributes(attributes)}"
        if content is None:
            self._parts.append(f"{start}/>")
        else:
            self._parts.append(f"{start}>{escape(content)}</{name}>")

    def rect(self, x: float, y: float, width: float, height: float, **attributes: object) -> None:
        """Add a rectangle."""
        self.element("rect", x=x, y=y, width=width, height=height, **attributes)

    def line(self, points: Iterable[tuple[float, float]], **attributes: object) -> None:
        """Add an open line through `points`."""
        path = " L".join(f"{_number(float(x))} {_number(float(y))}" for x, y in points)
        self.element("path", d=f"M{path}", fill="none", **attributes)

    def curve(self, path: str, **attributes: object) -> None:
        """Add a path given in SVG's own words."""
        self.element("path", d=path, fill="none", **attributes)

    def text(self, x: float, y: float, content: str, cls: str = "", **attributes: object) -> None:
        """Add one line of text whose baseline starts at (`x`, `y`); no text adds nothing."""
        if not content:
            return
        if cls:
            attributes["cls"] = cls
        self.element("text", content, x=x, y=y, **attributes)

    def open(self, name: str = "g", **attributes: object) -> None:
        """Start a group; `close` ends it."""
        self._parts.append(f"<{name}{_attributes(attributes)}>")

    def close(self, name: str = "g") -> None:
        """End the group that was started last."""
        self._parts.append(f"</{name}>")

    def document(self, width: float, height: float, title: str, description: str) -> str:
        """Return the whole picture; `title` and `description` are its text alternative."""
        size = f'width="{_number(float(width))}" height="{_number(float(height))}"'
        box = f'viewBox="0 0 {_number(float(width))} {_number(float(height))}"'
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tdp-svg" role="img" {size} {box}>',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f"<style>{STYLE}</style>",
            '<rect width="100%" height="100%" rx="8" style="fill:var(--bg)"/>',
            *self._parts,
            "</svg>\n",
        ])  # fmt: skip


def _attributes(attributes: dict[str, object]) -> str:
    """Return the attributes as text; colours that are variables go into ``style``."""
    plain, style = [], []
    for key, value in attributes.items():
        if value is None:
            continue
        name = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
        if isinstance(value, str) and value.startswith("--"):
            style.append(f"{name}:var({value})")
        else:
            plain.append(f' {name}="{_number(value)}"')
    if style:
        plain.append(f' style="{";".join(style)}"')
    return "".join(plain)
