"""A trace as Chrome trace-event JSON, for Perfetto (ui.perfetto.dev) or chrome://tracing."""

from __future__ import annotations

import json

__all__ = ["to_perfetto"]

_STEP = 1000
"""Microseconds drawn for one step: the model has an order, no time."""

_ACTORS, _LOCKS, _ROOTS = 1, 2, 3
"""Process numbers of the three groups of tracks."""


def to_perfetto(trace: object) -> str:
    """
    Return `trace` as JSON text with three groups of tracks.

    ``actors``: a thread each; a slice a step, its actions as slices inside. ``locks``: who holds
    each lock, a track per lock and holder. ``roots``: refcount and live SPTEs as counters.
    """
    boards = trace.boards()
    events = [
        _name("process_name", pid, 0, name)
        for pid, name in ((_ACTORS, "actors"), (_LOCKS, "locks"), (_ROOTS, "roots"))
    ]
    for tid, name in enumerate(trace.actors):
        events.append(_name("thread_name", _ACTORS, tid, name))
    for step in trace.steps:
        events += _step_events(step)
    events += _lock_events(trace, boards)
    for place, board in enumerate(boards):
        events += _root_events(board, place * _STEP)
    if trace.broken and trace.steps:
        events.append({
            "name": f"{trace.broken} is broken", "ph": "i", "s": "g", "cat": "property",
            "pid": _ACTORS, "tid": trace.steps[-1].actor, "ts": len(trace.steps) * _STEP,
            "args": {"sentence": trace.sentence},
        })  # fmt: skip
    other = {"protocol": trace.protocol, "schedule": trace.code}
    whole = {"displayTimeUnit": "ms", "otherData": other, "traceEvents": events}
    return json.dumps(whole, indent=1) + "\n"


def _name(kind: str, pid: int, tid: int, name: str) -> dict:
    return {"name": kind, "ph": "M", "pid": pid, "tid": tid, "ts": 0, "args": {"name": name}}


def _slice(name: str, track: tuple[int, int], start: float, length: float, args: dict) -> dict:
    pid, tid = track
    return {
        "name": name,
        "ph": "X",
        "pid": pid,
        "tid": tid,
        "ts": start,
        "dur": length,
        "args": args,
    }


def _step_events(step: object) -> list[dict]:
    """Return the slice of a step and, inside it, one a action, side by side."""
    start = (step.number - 1) * _STEP
    first, track = step.actions[0], (_ACTORS, step.actor)
    events = [_slice(f"{step.number} {first.function}", track, start, _STEP, {})]
    each = _STEP // len(step.actions)
    for place, action in enumerate(step.actions):
        args = {
            "where": f"{action.function}:{action.line}", "file": str(action.file),
            "source": action.source.strip(), "kind": action.kind,
        }  # fmt: skip
        events.append(_slice(action.effect, track, start + place * each, each, args))
    return events


def _lock_events(trace: object, boards: list[dict]) -> list[dict]:
    """Return a slice for each time a lock is held from one step to a later one."""
    events: list[dict] = []
    tracks: dict[tuple[str, str], int] = {}
    held: dict[tuple[str, str, str], int] = {}
    for place, board in enumerate([*boards, None]):
        now = set(_holders(board)) if board else set()
        for key in [key for key in held if key not in now]:
            lock, holder, mode = key
            tid = tracks.setdefault((lock, holder), len(tracks))
            start = (held.pop(key) - 1) * _STEP + _STEP // 2
            end = (min(place, len(boards) - 1) - 1) * _STEP + _STEP // 2
            args = {"holder": holder, "mode": mode}
            events.append(
                _slice(
                    f"{lock} {mode}",
                    (_LOCKS, tid),
                    max(start, 0),
                    max(end - max(start, 0), 1),
                    args,
                )
            )
        for key in sorted(now - set(held)):
            held[key] = place
    names = [
        _name("thread_name", _LOCKS, tid, f"{lock}: {holder}")
        for (lock, holder), tid in tracks.items()
    ]
    return names + events


def _holders(board: dict) -> list[tuple[str, str, str]]:
    """Return (lock, holder, mode) of everything held on `board`."""
    found = []
    for lock in board["locks"]:
        if lock["writer"]:
            mode = "write" if lock["kind"] == "rwlock" else "held"
            found.append((lock["name"], lock["writer"], mode))
        found += [(lock["name"], reader, "read") for reader in lock["readers"]]
    return found


def _root_events(board: dict, ts: int) -> list[dict]:
    """Return the counters of every root at one moment."""
    events = []
    for root in board["roots"]:
        live = sum(spte["present"] for spte in root["sptes"])
        values = {"refcount": root["refcount"], "live SPTEs": live}
        events.append(
            {"name": root["name"], "ph": "C", "pid": _ROOTS, "tid": 0, "ts": ts, "args": values}
        )
    return events
