"""
A schedule code back into what happened: `replay(code)` gives the Trace, `Session` steps by hand.

The names are fetched when first used: importing this package loads no machine.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["BlockedError", "ScheduleError", "Session", "Trace", "replay"]

_HOME = {
    "BlockedError": "stepping",
    "ScheduleError": "schedule",
    "Session": "session",
    "Trace": "trace",
    "Step": "trace",
    "Action": "trace",
}


def __getattr__(name: str):
    """Fetch a public name from its file."""
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def replay(code: str, own=None):
    """
    Return the Trace of a schedule code, as `check` prints it.

    own : the function or source text the code was found in, for a code that has "+code" in it

    Raises
    ------
    ScheduleError
        The code is not one, or does not fit: the text says at which step it stops fitting and why.

    Examples
    --------
    >>> trace = replay(check("patch-22-skip-invalid").trace.code)   # doctest: +SKIP
    >>> trace.broken                                               # doctest: +SKIP
    'zap-complete'
    """
    return open_schedule(code, own).trace()


def open_schedule(code: str, own=None):
    """Return the Session of a schedule code, at its end; raises ScheduleError as `replay` does."""
    from ..lang.source import unit_from
    from .schedule import ScheduleError, read
    from .session import Session, walk
    from .subject import Subject

    plan = read(code)
    if plan.own_code and own is None:
        raise ScheduleError(
            f"schedule: {code!r} was found in somebody's own code on "
            f"{plan.protocol}; pass that code: replay(code, my_function), or --source FILE"
        )
    session = Session(
        _subject=Subject(plan.protocol, unit_from(own) if own is not None else None, plan.scenario),
        _mode=plan.mode,
    )
    stops = walk(session, plan.steps)
    fits = session.system.fingerprint[:6] == plan.digits
    if fits and stops is None:
        return session
    if fits:
        raise ScheduleError(
            f"schedule: {code!r} {stops}; {len(plan.steps)} steps were asked for. "
            "Was it typed wrong?"
        )
    made_for = (
        f"it was made for another text of {plan.protocol}, its actors or its scenario "
        f"(digits {plan.digits}; here they are {session.system.fingerprint[:6]})"
    )
    where = (
        stops
        or f"can be taken to its end, step {len(plan.steps)}, but that is another program's path"
    )
    raise ScheduleError(
        f"schedule: {code!r} {where}; {made_for}. Run `check` again for a fresh one"
    )
