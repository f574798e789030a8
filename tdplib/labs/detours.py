"""A longer way to break the same thing: proof that a ``break`` exercise takes more than its par."""

from __future__ import annotations

import copy

from tdplib.labs.breaking import Par
from tdplib.labs.exercise import Case

__all__ = ["longer"]

MOST = 40
"""Steps of one actor on a detour."""


def longer(case: Case, best: Par) -> str | None:
    """
    Return the code of a schedule that breaks one of the case's properties in more steps than par.

    It leaves the shortest schedule as early as it can. None if every way off that one breaks
    nothing, or something else first.
    """
    from tdplib.replay import Session
    from tdplib.replay.schedule import write_steps

    shortest = Session.from_code(best.code)
    for at in range(len(shortest.path)):
        for actor in range(len(shortest.system.actors)):
            for count in _counts(shortest, at, actor):
                path = _onward(shortest, at, [actor] * count, case.properties)
                if path is not None and len(path) > best.steps:
                    return f"{best.code.rpartition(':')[0]}:{write_steps(path)}"
    return None


def _at(shortest, at, more=()):
    """Return a session after `at` steps of `shortest` and `more`, as far as they can be taken."""
    from tdplib.replay import BlockedError, Session

    session = Session(_subject=shortest.subject, _mode=shortest.mode)
    for step in [*shortest.path[:at], *more]:
        try:
            session.step(step)
        except BlockedError:
            break
    return session


def _counts(shortest, at, actor):
    """How many steps `actor` may take there instead: all it can, half of that, one."""
    possible = len(_at(shortest, at, [actor] * MOST).path) - at
    return sorted({count for count in (possible, possible // 2, 1) if 0 < count <= possible})[::-1]


def _onward(shortest, at, more, properties):
    """Return a path: `at` steps of `shortest`, then `more`, then the shortest way to break it."""
    from tdplib.search.explore import explore
    from tdplib.search.shortest import schedule

    session = _at(shortest, at, more)
    if session.ended():
        return None
    system = copy.copy(session.system)
    system._image = copy.copy(session.system.image)
    system._image.start = session.states[-1]
    found = explore(system, first_only=True)
    broken = [name for name in properties if name in found.found]
    return [*session.path, *schedule(found, broken[0])] if broken else None
