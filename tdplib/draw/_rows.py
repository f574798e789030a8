"""What of a trace is put into words: which actions of a step are shown, and how they break."""

from __future__ import annotations

from dataclasses import dataclass, field

from tdplib.draw._svg import CODE_SIZE, text_width, wrap

__all__ = ["Line", "Row", "rows_of", "scenario_text"]

MOST_ACTIONS = 6
"""Actions shown of one step; the others are counted."""

_RANK = {
    "model": 0, "rmw": 0, "queue": 0, "alloc": 0, "lock": 1, "unlock": 1, "request": 1,
    "write": 1, "list": 2, "rcu": 3, "read": 4, "private": 9,
}  # fmt: skip
_HIDDEN_RANK = 9


@dataclass(frozen=True)
class Line:
    """One line of a row: an action, or the function it stands in, or how many are folded."""

    kind: str
    """``where``, ``action`` or ``folded``."""
    number: str = ""
    """The source line's number."""
    text: str = ""
    """The source line, the function's name, or the count."""
    effect: tuple[str, ...] = ()
    """The effect in words, broken into lines."""
    bad: bool = False
    """Whether this is the action that breaks the property."""
    beside: bool = True
    """Whether the effect stands beside the source line; else it is below."""

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
    lines: list[Line] = field(default_factory=list)
    top: float = 0
    dot: float = 0
    bottom: float = 0


def rows_of(trace: object, code: float, effect: float, unfold: bool = False) -> list[Row]:
    """
    Return one `Row` a step of `trace`.

    A source line of at most `code` pixels has its effect beside it, any other below it; effects
    are broken at `effect` pixels. With `unfold` every action is shown, private ones too.
    """
    rows: list[Row] = []
    for index, step in enumerate(trace.steps):
        first = not rows or rows[-1].actor != step.actor
        last = index == len(trace.steps) - 1
        row = Row(index, step.actor, first)
        row.lines = _lines(step.actions, (code, effect), unfold, bool(trace.broken) and last)
        rows.append(row)
    return rows


def scenario_text(trace: object) -> str:
    """Return the scenario of a trace in a few words: its name if it has one."""
    scenario = getattr(trace, "scenario", "")
    return str(getattr(scenario, "name", None) or scenario)


def _lines(actions: list, widths: tuple[float, float], unfold: bool, breaks: bool) -> list[Line]:
    """Return the lines of one step; `breaks` says that its last action breaks the property."""
    shown = range(len(actions)) if unfold else _telling(actions, breaks)
    lines: list[Line] = []
    where = None
    for place in shown:
        action = actions[place]
        if action.function != where:
            where = action.function
            lines.append(Line("where", text=where))
        bad = breaks and place == len(actions) - 1
        source = action.source.strip()
        beside = text_width(source, CODE_SIZE, mono=True) <= widths[0]
        effect = tuple(wrap(action.effect, widths[1] if beside else sum(widths)))
        lines.append(Line("action", str(action.line), source, effect, bad, beside))
    hidden = len(actions) - len(shown)
    if hidden:
        lines.append(Line("folded", text=f"+ {hidden} more {_folded(actions, shown)}"))
    return lines


def _telling(actions: list, breaks: bool) -> list[int]:
    """Choose the actions that tell the story of a step, in order."""
    ranks = [_rank(action) for action in actions]
    last = len(actions) - 1
    must = {next((i for i, rank in enumerate(ranks) if rank < _HIDDEN_RANK), 0)}
    must |= {last} if breaks else set()
    others = sorted((rank, i) for i, rank in enumerate(ranks) if rank < 4 and i not in must)
    return sorted(must | {i for _, i in others[: MOST_ACTIONS - len(must)]})


def _rank(action: object) -> int:
    """Return how little an action tells: 0 most, from 4 on it is folded."""
    rank = _RANK.get(action.kind, 3)
    if action.kind == "list" and not action.changed:
        rank = 4
    decides = action.source.lstrip().startswith(("if ", "elif ", "while "))
    return 2 if action.kind == "read" and decides else rank


def _folded(actions: list, shown: list[int]) -> str:
    """Say what the folded actions are."""
    hidden = [action for i, action in enumerate(actions) if i not in set(shown)]
    private = sum(action.kind == "private" for action in hidden)
    noun = "action" if len(hidden) == 1 else "actions"
    return noun if private < len(hidden) else f"private {noun}"
