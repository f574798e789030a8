"""
Judge a ``guard`` answer: an invariant, looked at in every state of each case.

It must be true in all of them where the protocol is right, and false in at least one where the
case's protocol carries a bug.
"""

from __future__ import annotations

from functools import cache

from tdplib.errors import TdplibError
from tdplib.labs.exercise import Case, Exercise
from tdplib.labs.report import NOT_LANGUAGE, RIGHT, UNDECIDED, WRONG, Outcome, Report

__all__ = ["judge_invariant"]

MAX_SECONDS = 30.0
"""As for other answers: a search of a lab's scenario takes about one."""


def judge_invariant(exercise: Exercise, code: object) -> Report:
    """Return the `Report` on an invariant; cases after the first that fails are not run."""
    outcomes: list[Outcome] = []
    for case in exercise.cases:
        try:
            outcome, message = _run(case, code)
        except TdplibError as error:
            return Report(exercise, NOT_LANGUAGE, str(error), error=error)
        outcomes.append(outcome)
        if outcome.status != RIGHT:
            break
    status = outcomes[-1].status
    if status == RIGHT:
        message = "\n".join(_covered(outcome) for outcome in outcomes)
    return Report(exercise, status, message, tuple(outcomes))


def _run(case: Case, code) -> tuple[Outcome, str]:
    from tdplib.guard import guard

    found = guard(code, base=case.base, scenario=case.world(), max_seconds=MAX_SECONDS)
    if found.caught and case.must == "break":
        # where a bug leaves pointers that lead nowhere, it may fail as well
        return Outcome(case, RIGHT, found), ""
    if found.status == "fails":
        does = f"breaks {found.property}" if found.property else "never ends"
        message = f"{case.says}: in a state there your invariant itself {does}."
        return Outcome(case, WRONG, found, found.property, None, found.trace), message
    if found.status == "false":
        message = (
            f"{case.says}: nothing is wrong there, and yet your invariant is false in a state "
            "that can be reached. It asks for too much."
        )
        return Outcome(case, WRONG, found, "invariant", None, found.trace), message
    if found.status == "incomplete":
        return Outcome(case, UNDECIDED, found), ""
    if case.must == "hold":
        return Outcome(case, RIGHT, found), ""
    message = (
        f"{case.says}: not caught. It should be false in some state there, and is true in all "
        f"{found.states:,} of them. Your invariant asks for too little."
    )
    return Outcome(case, WRONG, found, None, None, _bug(case)), message


def _covered(outcome):
    case, found = outcome.case, outcome.verdict
    if case.must == "hold":
        return f"True in every state: {case.says} ({found.states:,} states)."
    if found.status == "fails":
        return f"Caught: {case.says}."
    steps = len(found.trace.steps)
    return f"Caught: {case.says} (false for the first time after {steps} steps)."


def _bug(case: Case):
    """Return the trace of what goes wrong in a case that must break, or None."""
    return _trace(case.base, case.world(), case.properties)


@cache
def _trace(base, scenario, properties):
    from tdplib.check import check

    return check(
        base=base, scenario=scenario, properties=properties, first_only=True, progress=False
    ).trace
