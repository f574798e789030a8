"""
Judge a ``break`` answer: follow a schedule code, and see whether it breaks what is asked.

The score is its steps and switches beside par, the shortest there is: fewest steps, then fewest
switches, as the search finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from tdplib.errors import TdplibError
from tdplib.labs.exercise import Case, Exercise
from tdplib.labs.report import (
    NOT_ATTEMPTED,
    NOT_SCHEDULE,
    RIGHT,
    WRONG,
    Outcome,
    Report,
    Score,
)

__all__ = ["Par", "judge_schedule", "par"]

UNITS = ("step", "switch")
WHERE_FROM = (
    "Copy one from the Interleaver, from a trace's `.code`, or from what `tdplib play` prints."
)


@dataclass(frozen=True)
class Par:
    """The shortest schedule that breaks what a ``break`` exercise asks for."""

    code: str
    steps: int
    switches: int
    mode: int
    """The reductions its steps are counted with."""


def judge_schedule(exercise: Exercise, answer: object) -> Report:
    """
    Return the `Report` on a schedule code, or on a `Trace`.

    Nothing of it is run that the protocol itself does not do.
    """
    text = getattr(answer, "code", answer)
    if not isinstance(text, str):
        found = type(answer).__name__
        return Report(
            exercise, NOT_SCHEDULE, f"A schedule code is text; found {found}. {WHERE_FROM}"
        )
    if not text.strip() or text.strip() == exercise.stub.strip():
        return Report(exercise, NOT_ATTEMPTED, f"Nothing to check yet: no schedule. {WHERE_FROM}")
    case = exercise.cases[0]
    try:
        message = _why_foreign(case, text)
        if message:
            return Report(exercise, NOT_SCHEDULE, message)
        from tdplib.replay import Session

        session = Session.from_code(text)
    except TdplibError as error:
        return Report(exercise, NOT_SCHEDULE, str(error), error=error)
    return _concluded(exercise, session)


def _why_foreign(case: Case, text: str) -> str | None:
    """Return why a schedule code is not about this case, or None; raises for one that is none."""
    from tdplib.replay.schedule import read, scenario_text

    plan, wanted = read(text), case.world()
    asked = f"This exercise is about {case.base!r} as it is, in scenario "
    asked += f"{scenario_text(wanted, case.base)!r}"
    if plan.own_code:
        return f"This schedule was found in code of your own. {asked}."
    if plan.protocol != case.base:
        return f"This schedule is one of {plan.protocol!r}. {asked}."
    if replace(plan.scenario, name="") != replace(wanted, name=""):
        found = scenario_text(plan.scenario, plan.protocol)
        return f"This schedule is one of scenario {found!r}. {asked}."
    return None


def _concluded(exercise, session):
    case = exercise.cases[0]
    _stop_at_advice(session, case.properties)
    trace = session.trace()
    wanted = " or ".join(case.properties)
    if trace.broken in case.properties:
        message = f"After step {len(trace.steps)}: breaks {trace.broken}. "
        message += exercise.meanings.get(trace.broken, trace.sentence)
        outcome = Outcome(case, RIGHT, None, trace.broken, trace.sentence, trace)
        return Report(exercise, RIGHT, message, (outcome,), score=_score(case, session, trace))
    if trace.broken is None:
        message = f"The schedule fits, all {len(trace.steps)} steps of it, but breaks nothing"
    else:
        message = f"The schedule breaks {trace.broken}, and that is another property"
    message += f". Asked for: {wanted}."
    outcome = Outcome(case, WRONG, None, trace.broken, trace.sentence, trace)
    return Report(exercise, WRONG, message, (outcome,))


def _stop_at_advice(session, properties):
    """Put the cursor after the first step that gives an advice asked for: its path goes on."""
    from tdplib.properties import ADVICE

    if set(properties) & set(ADVICE):
        for number, taken in enumerate(session.taken, 1):
            if taken.advice:
                session.goto(number)
                return


def _score(case, session, trace):
    best = par(case)
    yours = len(trace.steps), trace.switches
    if session.mode != best.mode:
        # single actions and whole steps cannot be compared
        return Score(("single action", "switch"), yours, ())
    return Score(UNITS, yours, (best.steps, best.switches))


def par(case: Case) -> Par:
    """Return the shortest schedule that breaks one of the case's properties; found once."""
    scenario = case.world()
    return _par(case.base, scenario, case.properties)


@cache
def _par(base, scenario, properties):
    from tdplib.check import check
    from tdplib.labs.exercise import LabError

    verdict = check(
        base=base, scenario=scenario, properties=properties, first_only=True, progress=False
    )
    if verdict.status != "violated":
        raise LabError(f"{base}, {scenario.name}: nothing breaks {' or '.join(properties)}")
    trace = verdict.trace
    return Par(trace.code, len(trace.steps), trace.switches, trace.session.mode)
