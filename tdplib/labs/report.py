"""
What a check of an exercise says, as text and as HTML.

The text is complete in itself: a learner without a front end, a screen reader and a log all read
it. HTML is built from the same lines, every one of them escaped.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from tdplib.errors import TdplibError
from tdplib.labs.exercise import Case, Exercise

__all__ = [
    "NEVER_ENDS",
    "NOT_ATTEMPTED",
    "NOT_LANGUAGE",
    "NOT_SCHEDULE",
    "RIGHT",
    "UNDECIDED",
    "WRONG",
    "NotRightError",
    "Outcome",
    "Report",
    "Score",
]

NOT_ATTEMPTED = "not attempted"
NOT_LANGUAGE = "not in the language"
NOT_SCHEDULE = "not a schedule"
"""Of a ``break``: what was given cannot be followed on this protocol in this scenario."""
WRONG = "wrong"
RIGHT = "right"
UNDECIDED = "not decided"
NEVER_ENDS = "never ends"
"""What an outcome has broken where no property is, and yet not everybody gets done."""

COLOURS = {RIGHT: ("#1a7f37", "#56c288"), WRONG: ("#b3261e", "#ff7b72")}
"""On light and on dark; the word beside it says the same."""
OTHER_COLOUR = ("#9a6700", "#e0a63a")
NEXT = "The report's play() opens it step by step; the exercise's hint() helps on."


class NotRightError(TdplibError, AssertionError):
    """Raised by `Report.require` for an answer that is not right; a grader counts it as failed."""


LINES = ("line",)
"""The units of a ``mend`` that has a par."""


@dataclass(frozen=True)
class Score:
    """
    How good a right answer is, beside the best there is.

    >>> print(Score(("step", "switch"), (9, 4), (6, 2)))
    yours 9 steps and 4 switches, par 6 and 2
    """

    units: tuple[str, ...]
    yours: tuple[int, ...]
    par: tuple[int, ...]
    """Empty where yours is counted in other units."""

    def __str__(self) -> str:
        if self.units == LINES:
            return f"{_many(self.yours[0], 'line')} changed, par {self.par[0]}"
        mine = (_many(count, unit) for count, unit in zip(self.yours, self.units, strict=True))
        par = f", par {' and '.join(map(str, self.par))}" if self.par else ""
        return f"yours {' and '.join(mine)}{par}"


def _many(count, unit):
    plural = "es" if unit.endswith("ch") else "s"
    return f"{count} {unit if count == 1 else unit + plural}"


@dataclass(frozen=True)
class Outcome:
    """How one case of an exercise ended."""

    case: Case
    status: str
    """`RIGHT`, `WRONG` or `UNDECIDED`."""
    verdict: Any
    """The `tdplib.check.Verdict` of this case; None where nothing was searched."""
    broken: str | None = None
    """Name of the property, or of the advice that this case forbids."""
    sentence: str | None = None
    trace: Any = None
    """The shortest `tdplib.replay.Trace` that shows it."""


@dataclass(frozen=True, repr=False)
class Report:
    """
    The answer of ``exercise.check(...)``.

    `status` is one of the verdicts of this module. A report has no truth value: ask `status`.
    """

    exercise: Exercise
    status: str
    message: str = ""
    """What to do next, for an answer that was not run; what was found, where no case says it."""
    outcomes: tuple[Outcome, ...] = ()
    """One a case tried; the last one decided."""
    error: TdplibError | None = None
    """The `LanguageError`, for `NOT_LANGUAGE`."""
    score: Score | None = None
    """Of a right answer, where the exercise has a par."""

    @property
    def trace(self) -> Any:
        """
        The shortest interleaving that breaks a wrong answer, or None.

        Of a ``break``: what the schedule that was given does.
        """
        return self.outcomes[-1].trace if self.outcomes else None

    @property
    def points(self) -> int:
        """All points of the exercise for a right answer, else 0."""
        return self.exercise.points if self.status == RIGHT else 0

    @property
    def meaning(self) -> str | None:
        """One sentence on a wrong answer: what went wrong in terms of this story; else None."""
        if self.status != WRONG:
            return None
        if not self.outcomes:
            return self.message
        last = self.outcomes[-1]
        return self.exercise.meanings.get(last.broken, last.sentence)

    def play(self) -> Any:
        """Open the failing interleaving in the Interleaver, to be stepped forward and back."""
        if self.trace is None:
            return "There is no failing interleaving to play."
        from tdplib.widgets import Interleaver

        return Interleaver(trace=self.trace)

    def require(self) -> Report:
        """Return the report of a right answer; raise `NotRightError` for any other."""
        if self.status != RIGHT:
            raise NotRightError(str(self))
        return self

    def __bool__(self) -> bool:
        raise TypeError("a report is not true or false; compare its status, e.g. == 'right'")

    def __str__(self) -> str:
        return "\n".join([self._headline(), *self._body()])

    __repr__ = __str__

    def _headline(self):
        points = f" ({self.points} of {self.exercise.points} points)"
        return f"{self.exercise.id}: {self.status}{points if self.status == RIGHT else ''}"

    def _body(self):
        if self.trace is None:
            return self._lead()
        return [*self._lead(), "", self._shows(), str(self.trace), *self._next()]

    def _lead(self):
        """The lines above the trace."""
        if self.status == RIGHT:
            lines = [self.message] if self.message else _covered(self.outcomes)
            return lines if self.score is None else [f"{self.score}.", *lines]
        if self.status == WRONG and self.outcomes:
            lines = [self.message or _what_broke(self.outcomes[-1]), self.meaning]
            return [line for line in lines if line]
        if self.status == UNDECIDED:
            return _undecided(self.outcomes[-1])
        return [self.message]

    def _shows(self):
        if self.exercise.kind == "break":
            return "What your schedule does:"
        if self.exercise.kind == "guard" and self.outcomes[-1].broken is None:
            return "What goes wrong there, and your invariant does not see:"
        return "The shortest interleaving that shows it:"

    def _next(self):
        return ["", NEXT] if self.status == WRONG else []

    def _repr_html_(self) -> str:
        light, dark = COLOURS.get(self.status, OTHER_COLOUR)
        # JupyterLab tells the browser its theme's scheme. Where `light-dark` is not known, or not
        # let through (a notebook that is not trusted), what stands before it holds.
        headline = f"color:{light};color:light-dark({light},{dark});font-weight:600"
        frame = f"border-left:4px solid {light};border-left-color:light-dark({light},{dark})"
        return (
            f'<div role="status" style="{frame};padding:2px 10px">'
            f'<div style="{headline}">{html.escape(self._headline())}</div>'
            f"{self._html_body()}</div>"
        )

    def _html_body(self):
        if self.trace is None:
            return _pre("\n".join(self._lead()))
        return (
            _pre("\n".join(self._lead()))
            + _picture(self.trace)
            + f"<details><summary>The same as text</summary>{_pre(str(self.trace))}</details>"
            + _pre("\n".join(self._next()))
        )


def _what_broke(outcome):
    verb = "" if outcome.broken == NEVER_ENDS else "breaks "
    return f"{outcome.case.says}: {verb}{outcome.broken}."


def _pre(text):
    # JupyterLab breaks long lines of a <pre> in the middle of a word, unless told.
    style = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;margin:4px 0"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def _picture(trace):
    """The trace as swim lanes; an <img>, so that it cannot run anything."""
    from tdplib.draw import draw

    return draw(trace)._repr_mimebundle_()["text/html"]


def _covered(outcomes):
    """What a right answer was tried against."""
    return [
        f"Every interleaving holds: {item.case.says} "
        f"({item.verdict.states:,} states, {item.verdict.seconds:.2f} s)."
        for item in outcomes
    ]


def _undecided(outcome):
    bounds = outcome.verdict.stopped_by
    cause = "A value that grows without end in a loop is the usual cause."
    if "value" in bounds:
        cause = "The usual cause is a local that grows in a loop: it can hold no more than 255."
    return [
        f"{outcome.case.says}: the search stopped at a bound ({', '.join(bounds)}).",
        "So nothing is proved, neither for nor against your code.",
        cause,
    ]
