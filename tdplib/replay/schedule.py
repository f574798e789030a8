"""
Schedule codes: a path through a system as a short text that can be typed, e.g.

``patch-22-skip-invalid/default/1f3a9c:2a3d2a4c``.

Before the first slash the protocol (with ``+code`` where somebody's own code stood on it), then the
scenario, then six digits that change with the code, the actors and the machine's shape, then the
steps: a number and an actor's letter for each run of steps (a is the first actor). A code whose
steps count every single action (no reductions) has ``raw-`` before its digits, one found with some
of the reductions off ``m`` and their bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from itertools import groupby

from ..errors import BadValueError, TdplibError
from ..scenarios import DEFAULTS, SCENARIOS, Scenario, default

OWN_CODE = "+code"
PATTERN = re.compile(
    r"^(?P<protocol>[^/\s]+)/(?P<scenario>[^/\s]+)/(?P<mode>raw-|m[1-6]-)?(?P<digits>[0-9a-f]{6}):(?P<steps>(\d*[a-p])*)$"
)
MODES = {"": 7, "raw-": 0, **{f"m{bits}-": bits for bits in range(1, 7)}}


class ScheduleError(TdplibError):
    """A schedule code that cannot be read, or that does not fit the code it is replayed on."""


@dataclass(frozen=True)
class Schedule:
    """
    A schedule code, read: see the module's text.

    `mode` are the reduction bits its steps were counted with.
    """

    protocol: str
    own_code: bool
    scenario: Scenario
    mode: int
    digits: str
    steps: tuple[int, ...]


def write_steps(steps) -> str:
    """Return steps (actor numbers) as run lengths and letters."""
    runs = ((len(list(group)), chr(ord("a") + actor)) for actor, group in groupby(steps))
    return "".join(f"{n if n > 1 else ''}{who}" for n, who in runs)


def read_steps(text: str) -> tuple[int, ...]:
    """Return the actor numbers that `write_steps` wrote."""
    found: list[int] = []
    for count, who in re.findall(r"(\d*)([a-p])", text):
        n = int(count or 1)
        if len(found) + n > 100_000:
            raise ScheduleError(
                f"schedule: {text[:40]!r}... has more than 100,000 steps; a schedule is shorter"
            )
        found += [ord(who) - ord("a")] * n
    return tuple(found)


def scenario_text(scenario: Scenario, protocol: str) -> str:
    """
    Return a scenario's name if that finds it again.

    Else its numbers that differ from the protocol's default.
    """
    named = {**SCENARIOS, **{s.name: s for s in DEFAULTS.values()}}
    if named.get(scenario.name) == scenario:
        return scenario.name
    base = default(protocol)
    parts = [
        f"{f.name}={getattr(scenario, f.name)}"
        for f in fields(scenario)
        if f.name != "name" and getattr(scenario, f.name) != getattr(base, f.name)
    ]
    return ",".join(parts) or base.name


def scenario_from(text: str, protocol: str) -> Scenario:
    """Return the scenario that `scenario_text` wrote."""
    from dataclasses import replace

    from ..scenarios import find

    if "=" not in text:
        return find(text, protocol)
    changes = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in {f.name for f in fields(Scenario)} - {"name"} or not value.isdigit():
            raise ScheduleError(
                f"schedule: {part!r} is no number of a scenario; expected for example updates=2"
            )
        changes[name] = int(value)
    if "roots" not in changes:
        changes["roots"] = 0
    return replace(default(protocol), name="custom", **changes)


def write(schedule: Schedule) -> str:
    """Return a schedule as its code."""
    mode = next(text for text, bits in MODES.items() if bits == schedule.mode)
    own = OWN_CODE if schedule.own_code else ""
    scenario = scenario_text(schedule.scenario, schedule.protocol)
    return (
        f"{schedule.protocol}{own}/{scenario}/{mode}{schedule.digits}:{write_steps(schedule.steps)}"
    )


def read(code: str) -> Schedule:
    """
    Read a schedule code.

    Raises ScheduleError if it is not one, BadValueError for a protocol or scenario that does not
    exist.
    """
    found = PATTERN.match(code.strip()) if isinstance(code, str) else None
    if found is None:
        raise ScheduleError(
            f"schedule: {str(code)[:80]!r} is not a schedule code; "
            "expected protocol/scenario/digits:steps, such as "
            "v5.18/default/1f3a9c:2ab3c, as `check` prints it; copy all of it, to the last letter"
        )
    from ..protocols import every_name

    protocol, own = found["protocol"], False
    if protocol.endswith(OWN_CODE):
        protocol, own = protocol[: -len(OWN_CODE)], True
    if protocol not in every_name():
        from ..errors import nearest

        raise BadValueError(
            f"schedule: no protocol is called {protocol!r}{nearest(protocol, every_name())}"
        )
    mode = MODES[found["mode"] or ""]
    return Schedule(
        protocol,
        own,
        scenario_from(found["scenario"], protocol),
        mode,
        found["digits"],
        read_steps(found["steps"]),
    )
