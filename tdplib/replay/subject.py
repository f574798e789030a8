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


@dataclass(frozen=True)
class Subject:
    """A protocol by name, the unit put on top of it (or None), and a scenario."""

    protocol: str
    own: Unit | None
    scenario: Scenario

    @cached_property
    def system(self) -> System:
        """The compiled system. Raises LanguageError for code outside the language."""
        known = protocols.load(self.protocol)
        units = known.units if self.own is None else (*known.units, self.own)
        s = self.scenario
        actors = tuple(Actor(a.name, a.kind, a.function, a.args) for a in s.actors(known))
        return build(
            units,
            actors,
            entries=s.entries,
            levels=s.levels,
            pages=max(s.roots, 1),
            vcpus=max(s.vcpus, 1),
            root_role=s.root_role,
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
