"""
Invariants in kernel Python, looked at in every state that a protocol can reach.

An invariant is a function that only reads and returns whether all is well::

    def invariant(kvm, vcpu0):
        root = vcpu0.arch.mmu.root
        return root is None or refcount_read(root.tdp_mmu_root_count) > 0
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from functools import cached_property

from . import watch
from .errors import BadValueError

__all__ = ["Guarded", "guard"]

LOOKING = ("LOAD", "LISTFIRST", "LISTNEXT", "LISTEMPTY", "REQTEST", "ISLOCKED", "ISWLOCKED",
           "PENDING", "WARN")  # fmt: skip
"""What an invariant may do beside private work; WARN is its caller's."""
PARAMETER = re.compile(r"kvm|vcpu\d")
SENTENCE = "Here the invariant is false."
FAILS = "The invariant itself does that here."
MERGE = 1
"""The reduction bits of steps that pass over private work, and over nothing else."""


@dataclass(frozen=True)
class Guarded:
    """
    What became of an invariant.

    Attributes
    ----------
    status : "holds" (true in every reachable state), "false" (in at least one it is not), "fails"
        (in some state the invariant itself breaks `property`), or "incomplete" (a bound was met
        and it was true until then: nothing is proved); of "false" and "fails" the sooner
    caught : whether it is false in some state, even where it fails sooner
    property : for "fails", what it breaks there, None if it loops for ever
    states : states it was looked at in; seconds; stopped_by : the bounds that were met
    """

    status: str
    property: str | None
    states: int
    seconds: float
    stopped_by: tuple[str, ...]
    state: int | None
    caught: bool
    exploration: object = field(repr=False, compare=False)
    subject: object = field(repr=False, compare=False)

    @cached_property
    def trace(self):
        """
        The shortest trace to a state in which it is false (or fails), or None.

        Its code counts each operation on shared memory as a step: so it replays on `base` alone.
        """
        if self.state is None:
            return None
        from .replay.recount import recount
        from .replay.session import Session
        from .search.guard import way_to

        session = Session(_subject=self.subject, _mode=self.exploration.reductions.mode)
        for actor in way_to(self.exploration, self.state):
            session.step(actor)
        plain = recount(session, MERGE, replace(self.subject, guard=None))
        told = {"code": plain.code(), "broken": "invariant", "sentence": SENTENCE}
        if self.status == "fails":
            told |= {"broken": self.property or "invariant", "sentence": FAILS}
        return replace(session.trace(), **told)


def guard(
    code, *, base: str = "v5.18", scenario=None, max_seconds: float = float("inf")
) -> Guarded:
    """
    Look at an invariant in every state that `base` can reach in a scenario.

    code : the function `invariant(kvm)`, or a list of it and its helpers, or source text; further
        parameters are vcpu0, vcpu1, ...

    Raises
    ------
    LanguageError : the code is not kernel Python, or does more than look
    BadValueError : no function `invariant`, or a parameter that does not exist
    """
    from . import protocols, scenarios
    from .lang.source import unit_from
    from .replay.subject import Guard, Subject
    from .search.explore import Limits, explore
    from .search.guard import first_unlike

    protocols.row(base)
    unit, world = unit_from(code), scenarios.find(scenario, base)
    subject = Subject(base, None, world, Guard(unit, parameters(unit, world)))
    check_only_looks(subject.system)
    with watch.line("looking at the invariant: ") as line:
        found = explore(subject.system, limits=Limits(seconds=max_seconds), progress=line)
    first = first_unlike(found)
    status, broken = conclusion(found, first)
    return Guarded(
        status,
        broken,
        found.states,
        found.seconds,
        found.stopped_by,
        first[0] if first else None,
        is_false_somewhere(found, status, broken),
        found,
        subject,
    )


def is_false_somewhere(found, status: str, broken: str | None) -> bool:
    """Tell whether the invariant is false in some state; one that loops for ever is not asked."""
    from .search.guard import first_unlike
    from .vm import codes

    if status != "fails" or broken is None:
        return status == "false"
    return first_unlike(found, codes.BROKEN - codes.PROPERTY["no-warn"]) is not None


def conclusion(found, first) -> tuple[str, str | None]:
    """Return status and property from what the watcher met first."""
    from .vm import codes

    if first is None:
        return ("holds" if found.complete else "incomplete"), None
    met = first[1]
    if met == codes.BROKEN - codes.PROPERTY["no-warn"]:
        return "false", None
    if met <= codes.BROKEN and codes.BROKEN - met < len(codes.PROPERTIES):
        return "fails", codes.PROPERTIES[codes.BROKEN - met]
    return "fails", None


def parameters(unit, scenario) -> tuple[str, ...]:
    """Return the parameters of the unit's `invariant`; refuse what cannot be one."""
    from .lang.errors import LanguageError

    found = [n for n in unit.tree.body if isinstance(n, ast.FunctionDef) and n.name == "invariant"]
    if not found:
        raise BadValueError(f"{unit.name}: no function `invariant`; write def invariant(kvm): ...")
    function = found[-1]
    for argument in function.args.args:
        name = argument.arg
        if not PARAMETER.fullmatch(name):
            raise LanguageError.at(
                unit, argument, f"an invariant with a parameter `{name}`", "kvm, vcpu0, vcpu1, ..."
            )
        if name != "kvm" and int(name[4:]) >= scenario.vcpus:
            raise LanguageError.at(
                unit,
                argument,
                f"`{name}`, but scenario {scenario.name} has {scenario.vcpus} vCPUs",
                "ask about those that are there",
            )
    returns = [n for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
    if not returns:
        raise LanguageError.at(
            unit,
            function,
            "an invariant that returns nothing",
            "return what is true where all is well",
        )
    return tuple(argument.arg for argument in function.args.args)


def check_only_looks(system) -> None:
    """Raise LanguageError at the first operation of an invariant that does more than look."""
    from .lang.errors import LanguageError
    from .replay.subject import CALLER

    code, _ = system.codes[-1]
    for node in code.nodes:
        op, frame = node.op, code.program.frames[node.op.frame]
        theirs = frame.function != CALLER
        looks = op.code in LOOKING or not op.visible
        if theirs and (not looks or op.code == "WARN" or op.code.startswith("ASSERT")):
            unit, _function = system.world.functions[frame.function]
            raise LanguageError.at_line(
                unit,
                op.line,
                "an invariant that does more than look: it holds no lock, changes nothing",
                "read fields, and return whether all is well",
            )
