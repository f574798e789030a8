"""
A hint from the learner's own shortest trace: which step to look at, and what was true there.

It names a step and asks a question; it does not say what to write.
"""

from __future__ import annotations

from tdplib.labs.report import Report

__all__ = ["from_trace"]


def from_trace(report: Report) -> str:
    """Return the hint for a wrong `report` that has a trace, as Markdown."""
    trace = report.trace
    own = set(report.exercise.replaces)
    at = [step for step in trace.steps if any(a.function in own for a in step.actions)]
    if not at:
        return (
            f"None of the {len(trace.steps)} steps of the trace runs in your code. Ask what "
            "your function leaves undone, so that the others can go wrong without it."
        )
    step = at[-1]
    done = "\n".join(
        f"- line {action.line}, `{action.source.strip()}`: {action.effect}"
        for action in step.actions
        if action.function in own
    )
    board = trace.boards()[step.number - 1]
    return (
        f"**From your own trace.** Look at step {step.number}, where {step.actor_name} is in your "
        f"code:\n\n{done}\n\nJust before it the board shows:\n\n{_roots(board)}\n\nWhich of these "
        "facts does your code look at, and which one would have told it what it needs to know?"
    )


def _roots(board):
    """One line a root: what can be known of it at that moment."""
    lines = []
    for root in board["roots"]:
        live = sum(1 for spte in root["sptes"] if spte["present"])
        lines.append(
            f"- {root['name']}: {'invalid' if root['role']['invalid'] else 'valid'}, "
            f"count {root['refcount']}, {live} present SPTE{'' if live == 1 else 's'}, "
            f"{_place(root)}, `tdp_mmu_async_data` {'set' if root['async_data'] else 'not set'}"
        )
    return "\n".join(lines)


def _place(root):
    if root["queued"]:
        return "waiting in the queue"
    return "being zapped by the worker" if root["running"] else "not in the queue"
