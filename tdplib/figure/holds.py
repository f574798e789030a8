"""What the code of a protocol holds where: read off the compiled program, on every path."""

from __future__ import annotations

from collections.abc import Iterator

from tdplib.draw.figures.locks import Seen
from tdplib.lang.flow import READS, WRITE, Code, Node
from tdplib.replay.subject import subject
from tdplib.scenarios import vary
from tdplib.vm.system import System

__all__ = ["holds_of"]

_TAKES = {"RLOCK", "RUNLOCK", "WLOCK", "WLOCK2", "WUNLOCK"}
_YIELD = "tdp_mmu_iter_cond_resched"


def holds_of(protocol: str, places: tuple[str, ...]) -> dict[str, Seen]:
    """
    Return for each place ("kind of actor: function", kind ``any`` for all) what is held there.

    Counted are the operations on shared memory in the function itself and in what it calls; not
    those that take or release mmu_lock. For `kvm_tdp_mmu_put_root` it is the removal from the
    list that counts.
    """
    system = subject(None, protocol, vary("small", notifiers=1, zap_all=1)).system
    return {place: _seen(system, *place.split(": ")) for place in places}


def _seen(system: System, kind: str, function: str) -> Seen:
    modes: set[str] = set()
    slots: set[bool] = set()
    yields = False
    for code, node in _nodes(system, kind, function):
        inside = _chain(code, node)
        yields = yields or _YIELD in inside
        if node.op.code in _TAKES or _YIELD in inside:
            continue
        if function == "kvm_tdp_mmu_put_root" and node.op.code != "LISTDEL":
            continue
        mode = node.hold.mode("mmu_lock")
        modes.add("write" if mode & WRITE else "read" if mode & READS else "none")
        slots.add(bool(node.hold.mode("slots_lock") & WRITE))
    return Seen(frozenset(modes), frozenset(slots), yields)


def _nodes(system: System, kind: str, function: str) -> Iterator[tuple[Code, Node]]:
    """Give the operations on shared memory that actors of `kind` do inside `function`."""
    for actor, (code, _) in zip(system.actors, system.codes, strict=True):
        if kind in (actor.kind, "any"):
            for node in code.nodes:
                if node.op.visible and function in _chain(code, node):
                    yield code, node


def _chain(code: Code, node: Node) -> list[str]:
    """Return the functions that an operation is inside of, innermost first."""
    found, at = [], node.op.frame
    while at is not None:
        found.append(code.program.frames[at].function)
        at = code.program.frames[at].parent
    return found
