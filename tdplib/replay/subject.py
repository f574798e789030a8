"""
What is being looked at: a protocol, maybe with somebody's own code on top, in a scenario.

With it goes the compiled system.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .. import protocols, scenarios
from ..lang.source import Unit, unit_from
from ..scenarios import Scenario
from ..vm.system import Actor, System, build

INVARIANT = "invariant"
CALLER = "model_invariant"


@dataclass(frozen=True)
class Guard:
    """An invariant: the unit it stands in, and its parameters (``kvm``, ``vcpu0``, ...)."""

    unit: Unit
    parameters: tuple[str, ...]

    @property
    def caller(self) -> Unit:
        """The unit that asks it: it warns where the invariant is false."""
        names = ", ".join(self.parameters)
        text = f"def {CALLER}({names}):\n    WARN_ON(not {INVARIANT}({names}))\n"
        return unit_from(text, name=CALLER)

    @property
    def watcher(self) -> Actor:
        """Who asks it: not one of those that take steps."""
        return Actor(INVARIANT, "watcher", CALLER, self.parameters)


@dataclass(frozen=True)
class Subject:
    """
    A protocol by name, the unit put on top of it (or None), and a scenario.

    guard : a unit that defines `invariant`, and what stands between it and the system
    """

    protocol: str
    own: Unit | None
    scenario: Scenario
    guard: Guard | None = None

    @cached_property
    def system(self) -> System:
        """The compiled system. Raises LanguageError for code outside the language."""
        known = protocols.load(self.protocol)
        units = known.units if self.own is None else (*known.units, self.own)
        if self.guard is not None:
            units = (*units, self.guard.unit, self.guard.caller)
        s = self.scenario
        actors = tuple(Actor(a.name, a.kind, a.function, a.args) for a in s.actors(known))
        return build(
            units,
            actors,
            entries=s.entries,
            levels=s.levels,
            tlb=s.tlb,
            teardown=s.teardown,
            pages=max(s.roots, 1),
            vcpus=max(s.vcpus, 1),
            root_role=s.root_role,
            watcher=None if self.guard is None else self.guard.watcher,
        )


def subject(code=None, base: str = "v5.18", scenario=None) -> Subject:
    """
    Return the subject of a check.

    code : None, a protocol's name (then it is the base), a function, several, source text or a path
    """
    if isinstance(code, str) and "\n" not in code and code in protocols.every_name():
        code, base = None, code
    elif isinstance(code, str) and "\n" not in code and "(" not in code:
        protocols.row(code)
    protocols.row(base)
    own = None if code is None else unit_from(code)
    return Subject(base, own, scenarios.find(scenario, base))
