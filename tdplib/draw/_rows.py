"""What of a trace is put into words: which actions of a step are shown, and how they break."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tdplib.draw._svg import CODE_SIZE, text_width, wrap
from tdplib.properties import PROPERTIES
from tdplib.protocols import world_names

__all__ = [
    "Line",
    "Row",
    "cast_words",
    "end_words",
    "kind_of",
    "rows_of",
    "scenario_words",
    "telling",
]

MOST_ACTIONS = 6
"""Actions shown of one step; the others are counted."""

_RANK = {
    "rmw": 0, "queue": 0, "alloc": 0, "lock": 1, "unlock": 1, "request": 1, "write": 1,
    "list": 2, "rcu": 2, "model": 5, "private": 9,
}  # fmt: skip
_FOLDED = 4

_PROPERTY = {each.name: each for each in PROPERTIES}


@dataclass(frozen=True)
class Line:
    """One line of a row: an action, or the function it stands in, or how many are folded."""

    kind: str
    """``where`` or ``action``."""
    number: str = ""
    """The source line's number."""
    text: str = ""
    """The source line, or the function's name."""
    effect: tuple[str, ...] = ()
    """The effect in words, broken into lines."""
    bad: bool = False
    """Whether this is the action that breaks the property."""
    beside: bool = True
    """Whether the effect stands beside the source line; else it is below."""
    place: int = -1
    """The action's index in its step."""
    note: str = ""
    """At the right of a function's name: how many actions of the step are folded."""

    @property
    def height(self) -> int:
        """Pixels this line takes."""
        if self.kind != "action":
            return 16
        return 17 + 15 * (len(self.effect) - self.beside)


@dataclass
class Row:
    """One step of the trace, laid out."""

    index: int
    """The step's index, from 0; the board before it has the same index."""
    actor: int
    first_of_turn: bool
    function: str = ""
    """The function its last line stands in."""
    lines: list[Line] = field(default_factory=list)
    actions: tuple = ()
    """All actions of the step."""
    needed: bool = True
    """Whether what the trace breaks needs this step."""
    top: float = 0
    dot: float = 0
    bottom: float = 0

    def leave_out(self) -> None:
        """Mark the row as not needed, in words too."""
        self.needed = False
        self.lines.insert(0, Line("where", text="not needed: the same breaks without this step"))

    def put(self, top: float) -> float:
        """Place the row with its upper edge at `top`; return its lower edge."""
        self.top = top
        self.dot = top + (33 if self.first_of_turn else 12)
        self.bottom = self.dot - 4 + max(sum(line.height for line in self.lines), 20)
        return self.bottom

    def y(self, place: int) -> float:
        """Return where action `place` stands; a folded one stands with the shown one before it."""
        y, found = self.dot - 8, self.dot
        for line in self.lines:
            if line.kind == "action" and line.place <= place:
                found = y + 8
            y += line.height
        return found

    def y_of(self, *paths: str) -> float:
        """Return where the last action stands that changed one of the board's `paths`."""
        for place in reversed(range(len(self.actions))):
            if any(path in paths for path in self.actions[place].changed):
                return self.y(place)
        return self.dot


def rows_of(trace: object, code: float, effect: float, unfold: bool = False) -> list[Row]:
    """
    Return one `Row` a step of `trace`.

    A source line of at most `code` pixels has its effect beside it, any other below it; effects
    are broken at `effect` pixels. With `unfold` every action is shown, private ones too.
    """
    rows: list[Row] = []
    for index, step in enumerate(trace.steps):
        first = not rows or rows[-1].actor != step.actor
        bad = index == len(trace.steps) - 1 and kind_of(trace) == "step"
        shown = list(range(len(step.actions))) if unfold else telling(step.actions, bad)
        row = Row(index, step.actor, first, actions=tuple(step.actions))
        where = None if first else rows[-1].function
        row.lines = _lines(step.actions, shown, where, (code, effect))
        row.function = step.actions[shown[-1]].function if shown else ""
        if bad:
            row.lines[-1] = replace(row.lines[-1], bad=True)
        rows.append(row)
    return rows


def kind_of(trace: object) -> str:
    """
    Return what `trace` ends with.

    ``""`` nothing; ``"step"`` its last action breaks a property; ``"end"`` the state it leads to
    does (a deadlock, a leak); ``"advice"`` something worth a note, which breaks nothing.
    """
    if not trace.broken:
        return ""
    return getattr(_PROPERTY.get(trace.broken), "kind", "step")


def end_words(trace: object) -> str:
    """Return in a few words how `trace` ends, e.g. ``"breaks zap-complete"``."""
    verb = {"": "a run", "advice": "shows "}.get(kind_of(trace), "breaks ")
    return f"{verb}{trace.broken or ''}"


_WORDS = {
    "vcpus": "vCPU", "faults": "fault each", "updates": "memslot update",
    "nx_toggles": "NX toggle", "notifiers": "notifier walk", "markers": "marker",
    "zap_all": "zap-all", "readers": "reader",
}  # fmt: skip


def cast_words(trace: object) -> str:
    """Return in words who takes part; of a world by name: its tasks may do other things."""
    if trace.protocol in world_names():
        return ", ".join(trace.actors)
    return scenario_words(trace.scenario)


def scenario_words(scenario: object) -> str:
    """Return a scenario in words: who runs, and the size of a table."""
    if not hasattr(scenario, "vcpus"):
        return str(scenario)
    parts = []
    for name, word in _WORDS.items():
        number = getattr(scenario, name)
        if not number or (name == "faults" and not scenario.vcpus):
            continue
        noun, blank, rest = word.partition(" each")
        parts.append(f"{number} {noun}{'s' if number > 1 else ''}{blank}{rest}")
    return ", ".join([*parts, f"{scenario.entries} SPTEs a table"])


def _lines(
    actions: list, shown: list[int], where: str | None, widths: tuple[float, float]
) -> list[Line]:
    """Return the lines of one step; `where` is the function the line above stands in."""
    lines: list[Line] = []
    note = _folded(actions, shown)
    last = None
    for place in shown:
        action = actions[place]
        if action.function != where or (note and not lines):
            where = action.function
            lines.append(Line("where", text=where, note="" if lines else note))
        source = action.source.strip()
        beside = text_width(source, CODE_SIZE, mono=True) <= widths[0]
        words = action.effect.replace(" -> ", "\u00a0\u2192\u00a0")
        effect = tuple(wrap(words, widths[1] if beside else sum(widths)))
        line = Line("action", str(action.line), source, effect, beside=beside, place=place)
        # Two actions of one source line: the line stands once.
        again = last is not None and (last.number, last.text) == (line.number, line.text)
        lines.append(replace(line, number="", text="") if again and beside else line)
        last = line
    return lines


def telling(actions: list, breaks: bool = False) -> list[int]:
    """Choose the actions that tell the story of a step, in order; at least one."""
    ranks = [(_rank(action), place) for place, action in enumerate(actions)]
    if breaks:
        ranks[-1] = (-1, len(actions) - 1)
    found = sorted(entry for entry in ranks if entry[0] < _FOLDED) or sorted(ranks)[:1]
    return sorted(place for _, place in found[:MOST_ACTIONS])


def _rank(action: object) -> int:
    """Return how little an action tells: 0 most, from `_FOLDED` on it is folded."""
    source = action.source.lstrip()
    if action.kind == "read":
        if source.startswith(("if ", "elif ", "while ")):
            return 2
        return 3 if re.search(r"\.role\b", source) else _FOLDED
    if action.kind in ("list", "rcu") and not action.changed:
        return _FOLDED
    if source.startswith("spin_"):
        return _FOLDED + 1  # what is done under the lock tells more
    if action.changed == ("kvm.mmu_valid_gen",):
        return _FOLDED  # it is toggled and decides nothing
    return _RANK.get(action.kind, 3)


def _folded(actions: list, shown: list[int]) -> str:
    """Say how many actions are folded, empty for none."""
    hidden = len(actions) - len(shown)
    return f"+ {hidden} more" if hidden else ""
