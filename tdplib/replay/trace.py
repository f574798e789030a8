"""A trace: the steps of one path, each with what happened in it, in words."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..lang.independence import LOOKS
from ..properties import Property
from ..vm import decode
from ..vm.system import System
from . import board as boards
from . import narrate
from .stepping import Taken

WIDTH = 100
SOURCE = 42
"""Columns of a listing: all of it, and of those the source line."""


@dataclass(frozen=True)
class Action:
    """
    One operation of a step.

    Where it stands in the source, what it did in words, what kind it is, which parts of the board
    it changed.
    """

    function: str
    file: str
    line: int
    source: str
    effect: str
    kind: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step of an actor; `switch` says that another actor took the step before."""

    number: int
    actor: int
    actor_name: str
    switch: bool
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Trace:
    """
    A path through a system.

    code : its schedule code; actors : their names; steps : what happened; broken : name of the
        property that the last step broke (or the
    state after it: then `at_end`), or None; sentence : what that means
    """

    code: str
    protocol: str
    scenario: object
    actors: tuple[str, ...]
    steps: tuple[Step, ...]
    broken: str | None
    sentence: str | None
    system: System = field(repr=False, compare=False)
    session: object = field(repr=False, compare=False)

    def boards(self) -> list[dict]:
        """Return the Board before each step and the one at the end."""
        return self.session.all_boards()

    @property
    def switches(self) -> int:
        """How often the path goes from one actor to another."""
        return sum(step.switch for step in self.steps[1:])

    def __str__(self) -> str:
        return text(self)

    def __repr__(self) -> str:
        return f"<Trace {self.code}: {len(self.steps)} steps, breaks {self.broken or 'nothing'}>"


def make_step(system: System, number: int, actor: int, taken: Taken, previous: int | None) -> Step:
    """
    Return the Step for what one action did.

    Only what acts on shared memory, or breaks something, is told.
    """
    actions = tell(system, actor, taken, changes)
    switch = previous is not None and previous != actor
    return Step(number, actor, system.actors[actor].name, switch, actions)


def tell(system: System, actor: int, taken: Taken, changed: Callable) -> tuple[Action, ...]:
    """
    Return the actions of a step, in words.

    changed : `changes`, or something that says less in less time
    """
    code, _ = system.codes[actor]
    actions = []
    for k, h in enumerate(taken.happened):
        op = h.node.op
        if not (op.visible or h.breaks):
            continue
        frame = code.program.frames[op.frame]
        unit, _node = system.world.functions[frame.function]
        effect = narrate.said(system, h)
        queued = op.code == "WLOCK" and not h.breaks and goes_on_waiting(system, taken, k, actor)
        if queued:
            effect = f"queues for {op.lock} as a writer: it is taken, and new readers now wait"
        actions.append(
            Action(
                frame.function,
                frame.unit,
                op.line,
                unit.line(op.line).strip(),
                effect,
                narrate.KINDS.get(op.code, "private"),
                changed(system, h),
            )
        )
    if not actions and taken.happened:
        h = taken.happened[-1]
        frame = code.program.frames[h.node.op.frame]
        unit, _node = system.world.functions[frame.function]
        actions.append(
            Action(
                frame.function,
                frame.unit,
                h.node.op.line,
                unit.line(h.node.op.line).strip(),
                "private work only",
                "private",
            )
        )
    return tuple(actions)


def goes_on_waiting(system: System, taken: Taken, k: int, actor: int) -> bool:
    """
    Tell whether the `write_lock` done as the step's k-th operation had to queue.

    The actor is now a waiting writer.
    """
    if k + 1 < len(taken.happened):
        return taken.happened[k + 1].node.op.code == "WLOCK2"
    if taken.state is None:
        return False
    lock = taken.happened[k].node.op.lock
    return actor in decode.holders(system, taken.state)[lock]["waiting"]


def changes(system: System, h) -> tuple[str, ...]:
    """Return the board paths an operation changed."""
    if h.node.op.code in LOOKS:
        return ()
    if h.node.op.lock and not h.breaks:
        return (f"locks.{h.node.op.lock}",)
    if h.breaks or (h.before == h.after).all():
        return ()
    return tuple(
        boards.changed(
            boards.state_entries(system, h.before), boards.state_entries(system, h.after)
        )
    )


def text(trace: Trace) -> str:
    """Return the trace as plain text, at most WIDTH columns."""
    steps, switches = counted(len(trace.steps), "step"), counted(trace.switches, "switch", "es")
    lines = [f"{steps}, {switches} between actors", f"schedule {trace.code}", ""]
    for step in trace.steps:
        lines += step_lines(step)
    if trace.broken:
        lines += ["", *textwrap.wrap(f"broken: {trace.broken}. {trace.sentence or ''}", WIDTH)]
    return "\n".join(lines)


def step_lines(step: Step) -> list[str]:
    """
    Return a step as a listing.

    The function, then for each operation its line, its source and what it did.
    """
    lines, function = [f"{step.number}. {step.actor_name}"], None
    for action in step.actions:
        if action.function != function:
            function = action.function
            lines.append(f"    in {function}  ({action.file})")
        source = (
            action.source if len(action.source) <= SOURCE else action.source[: SOURCE - 3] + "..."
        )
        first, *rest = textwrap.wrap(action.effect, WIDTH - SOURCE - 12) or [""]
        lines.append(f"{action.line:>8}  {source:{SOURCE}}  {first}".rstrip())
        lines += [" " * (SOURCE + 12) + more for more in rest]
    return lines


def counted(n: int, noun: str, plural: str = "s") -> str:
    """Return a number with its noun."""
    return f"{n} {noun}{'' if n == 1 else plural}"


def property_sentence(found: Property | None) -> str | None:
    """Return the sentence of a property, or None."""
    return None if found is None else found.sentence


def same_state(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two packed states are equal."""
    return bool((a == b).all())
