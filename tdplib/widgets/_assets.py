"""
The page's side of the widgets: files of ``static/`` joined into what anywidget asks for.

Each JavaScript file is a module by itself, and imports what it needs from the others. A widget is
given one module, so their imports of each other fall away when they are joined; so do comments and
indents, for the module is kept once with every widget in a saved notebook.
"""

from __future__ import annotations

import pathlib
import re

__all__ = ["SHEETS", "STATIC", "VIEW", "module", "style"]

STATIC = pathlib.Path(__file__).parent / "static"
VIEW = ("board.js", "elements.js", "tree.js", "state.js", "lane.js", "timeline.js",
        "takeaway.js", "view.js")  # fmt: skip
"""The files of the Interleaver's view, in the order in which they need each other."""

SHEETS = ("theme.css", "interleaver.css", "tree.css")
"""Its style sheets."""

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_COMMENT = re.compile(
    r"^ */\*.*?\*/\n|^ *//[^\n]*\n| // [^\n]*$| /\* [^\n]* \*/$", re.MULTILINE | re.DOTALL
)
_INDENT = re.compile(r"^[ \n]+", re.MULTILINE)
_KEPT = re.compile(
    r"""(^[^\n]*`[^\n]*$|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    r"""|(?<=[(,=:?&|!])\ ?/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/[a-z]*)""",
    re.MULTILINE,
)
"""Lines with a template, strings, and regular expressions must stay as they are."""
_SPACES = re.compile(r" ?([{}()\[\],;:?=&|<>!]+) ?")
_BREAKS = re.compile(r"(?<=[;{,(\[])\n")
_CSS_SPACES = re.compile(r"\s*([{};,>])\s*|(?<=:) ")


def module(*names: str) -> str:
    """
    Return the files `names` of ``static/`` as one ES module, in the order given.

    A template literal must not go over several lines there: its indents would be lost. Only what
    stands beside punctuation is moved closer: all names stay as they are.
    """
    text = _joined(names, (_IMPORT, _COMMENT, _INDENT))
    parts = enumerate(_KEPT.split(text))  # each second one is kept
    return "".join(
        part if n % 2 else _BREAKS.sub("", _SPACES.sub(r"\1", part)) for n, part in parts
    )


def style(*names: str) -> str:
    """Return the style sheets `names` of ``static/`` as one, in the order given."""
    return _CSS_SPACES.sub(r"\1", _joined(names, (_COMMENT, _INDENT))).replace(";}", "}")


def _joined(names: tuple[str, ...], away: tuple[re.Pattern[str], ...]) -> str:
    texts = []
    for name in names:
        text = (STATIC / name).read_text(encoding="utf-8")
        for pattern in away:
            text = pattern.sub("", text)
        texts.append(text)
    return "".join(texts)
