"""
A hint from the learner's own last answer: which step to look at, and what was true there.

It names a step and asks a question; it does not say what to write. Each stage shows more of it.
"""

from __future__ import annotations

from typing import Any

from tdplib.labs.report import WRONG, Report

__all__ = ["from_trace", "pointer"]

ASK_MISSED = (
    "Something must have gone wrong before it could happen. What was it, in which step did it come "
    "about, and does your invariant look there?"
)
ASK_FALSE = (
    "Is the state after it really wrong, or is somebody in the middle of something, with a lock "
    "that keeps all others from seeing it?"
)


def pointer(report: Report | None, stage: int) -> str | None:
    """
    Return what to look at in the trace of a wrong answer, as Markdown; None if there is no trace.

    stage : 1 says which step, 2 also what was done in it, from 3 on also what the board showed
    """
    if report is None or report.status != WRONG or report.trace is None:
        return None
    if not report.trace.steps:
        return "**From your own trace.** It is false at the very start, before anybody has moved."
    kind = report.exercise.kind
    if kind == "break":
        return _where_it_ended(report, stage)
    if kind == "guard":
        return _last_step(report, stage)
    return from_trace(report, stage)


def from_trace(report: Report, stage: int = 3) -> str:
    """Return the hint for a wrong function that has a trace, as Markdown."""
    trace = report.trace
    if _is_alone(trace):
        return _last_question(trace, stage)
    own = _own(report)
    at = [step for step in trace.steps if any(a.function in own for a in step.actions)]
    if not at:
        return (
            "**From your own trace.** In none of its steps does your code read or write anything "
            "that others see. Ask what it leaves undone, so that they can go wrong without it."
        )
    step = at[-1]
    text = (
        f"**From your own trace.** Look at step {step.number}, where {step.actor_name} is in your "
        f"code. {_before(trace, step)}"
    )
    if stage >= 2:
        text += f"\n\n{_done(step, own)}"
    if stage >= 3:
        board = trace.boards()[step.number - 1]
        text += (
            f"\n\nJust before it the board shows:\n\n{_roots(board)}\n\nWhich of these facts does "
            "your code look at, and which one would have told it what it needs to know?"
        )
    return text


def _is_alone(trace):
    """Whether one task is at work, and the worker at most."""
    kinds = [actor["kind"] for actor in trace.boards()[0]["actors"]]
    return len([kind for kind in kinds if kind != "worker"]) == 1


def _last_question(trace, stage):
    """Point at what a single task did last: nobody has come in between."""
    last = trace.steps[-1]
    first = max(last.number - 1, 1)
    where = f"steps {first} and {last.number}" if first < last.number else f"step {first}"
    text = (
        "**From your own trace.** One task is at work, so nobody came in between. Look at "
        f"{where}, the last: what was asked, and what should have come of it?"
    )
    if stage >= 2:
        done = [_done(step, set()) for step in trace.steps[first - 1 : last.number]]
        text += "\n\n" + "\n".join(done)
    return text


def _own(report):
    """Names of the functions in the learner's code: those asked for, and helpers."""
    subject = report.trace.session.subject
    unit = getattr(subject, "own", None)
    names = {getattr(node, "name", "") for node in unit.tree.body} if unit is not None else set()
    return names | set(report.exercise.replaces)


def _before(trace: Any, step: Any) -> str:
    """Ask about whoever moved last before the step, and is not through."""
    others = [s for s in trace.steps[: step.number - 1] if s.actor != step.actor]
    if not others:
        return "Nobody else has moved before it: what will they find when they do?"
    last = others[-1]
    action = last.actions[-1]
    return (
        f"The last to move before it was {last.actor_name}, in step {last.number}: it stands in "
        f"`{action.function}`, after line {action.line}. What has it not done yet, and who can "
        "still read or change here what your code relies on?"
    )


def _done(step, own):
    """One line an action of the step that is in the learner's code."""
    actions = [action for action in step.actions if not own or action.function in own]
    return "\n".join(
        f"- line {action.line}, `{action.source.strip()}`: {action.effect}" for action in actions
    )


def _where_it_ended(report, stage):
    """Point at the end of a schedule that does not break what was asked for."""
    trace = report.trace
    last = trace.steps[-1]
    text = (
        f"**From your own schedule.** It ends with step {last.number}, by {last.actor_name}. Who "
        "can move now, and what would each of them see that is not finished?"
    )
    board = trace.boards()[-1]
    if stage >= 2:
        lines = [
            f"- {actor['name']}: {actor['status']}, in `{actor['function']}`, line {actor['line']}"
            for actor in board["actors"]
            if actor["status"] != "done"
        ]
        text += "\n\nWhere everybody stands:\n\n" + "\n".join(lines)
    if stage >= 3 and board["roots"]:
        text += f"\n\nAnd the roots:\n\n{_roots(board)}"
    return text


def _last_step(report, stage):
    """Point at the state in which an invariant is false, or at the bug that it does not see."""
    trace = report.trace
    last = trace.steps[-1]
    ask = ASK_MISSED if report.outcomes[-1].broken is None else ASK_FALSE
    text = f"**From the trace.** Look at step {last.number}, by {last.actor_name}. {ask}"
    if stage >= 2:
        text += f"\n\n{_done(last, set())}"
    board = trace.boards()[-1]
    if stage >= 3:
        held = [
            f"- {lock['name']}: {', '.join(filter(None, [lock['writer'], *lock['readers']]))}"
            for lock in board["locks"]
            if lock["writer"] or lock["readers"]
        ]
        text += "\n\nWho holds what:\n\n" + ("\n".join(held) or "- nobody holds a lock")
        if board["roots"]:
            text += f"\n\nThe roots:\n\n{_roots(board)}"
    return text


def _roots(board):
    """One line a root: what can be known of it at that moment."""
    lines = [f"- {root['name']}: {_known(root, board['uses'])}" for root in board["roots"]]
    return "\n".join(lines) or "- no root yet"


def _known(root, uses):
    """What a root is like; of the queue and its data only where the program has them."""
    if root["state"] == "freed":
        return "freed"
    live = sum(1 for spte in root["sptes"] if spte["present"])
    facts = [
        "invalid" if root["role"]["invalid"] else "valid",
        f"count {root['refcount']}",
        f"{live} present SPTE{'' if live == 1 else 's'}",
    ]
    if uses["queue"]:
        facts.append(_place(root))
    if uses["async_data"]:
        facts.append(f"`tdp_mmu_async_data` {'set' if root['async_data'] else 'not set'}")
    return ", ".join(facts)


def _place(root):
    if root["queued"]:
        return "waiting in the queue"
    return "being zapped by the worker" if root["running"] else "not in the queue"
