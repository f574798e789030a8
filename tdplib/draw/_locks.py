"""Who holds which lock from where to where, as bars along the lanes."""

from __future__ import annotations

from tdplib.draw._plan import Plan
from tdplib.draw._rows import Row
from tdplib.draw._svg import Svg

__all__ = ["draw_lock", "holdings", "lock_kinds", "lock_names"]


def draw_lock(svg: Svg, mode: str, x: float, y0: float, y1: float) -> None:
    """Draw the bar of a lock held in `mode` from `y0` to `y1`."""
    if mode == "read":
        svg.rect(x + 0.8, y0, 5.4, y1 - y0, rx=2, fill="none", stroke="--read", stroke_width=1.6)
    else:
        svg.rect(x, y0, 7, y1 - y0, rx=2, fill="--write" if mode == "write" else "--mutex")


def lock_names(plan: Plan) -> list[str]:
    """
    Return the locks to draw, `mmu_lock` first: those that some drawn actor holds.

    A spinlock counts only if it is held from one step to the next.
    """
    names = []
    for lock in plan.boards[0]["locks"] if plan.rows else ():
        across = (_mode(board, lock["name"], name) for board in plan.boards for name in plan.names)
        if any(across) or (lock["kind"] != "spinlock" and _ever_taken(plan, lock["name"])):
            names.append(lock["name"])
    return sorted(names, key=lambda name: (name != "mmu_lock", name))


def _ever_taken(plan: Plan, name: str) -> bool:
    return any(_taken(plan, row, row.actor, name)[1] for row in plan.rows)


def lock_kinds(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (mode, lock, words for the mode) of every kind of bar that is drawn."""
    words = {"write": " for write", "read": " for read", "mutex": ""}
    kinds = []
    for name in lock_names(plan) if plan.rows else []:
        modes = {mode for actor in plan.lanes for mode, _, _ in holdings(plan, actor, name)}
        kinds += [(mode, name, words[mode]) for mode in words if mode in modes]
    return kinds


def holdings(plan: Plan, actor: int, name: str) -> list[tuple[str, float, float]]:
    """Return (mode, from, to) of each time `actor` holds the lock `name`."""
    modes = [_mode(board, name, plan.trace.actors[actor]) for board in plan.boards]
    bars: list[tuple[str, float, float]] = []
    start = plan.rows[0].top
    for row in plan.rows:
        before, after = modes[row.index], modes[row.index + 1]
        if before is None:
            start, mode = _taken(plan, row, actor, name)
            if after is None and mode:
                bars.append((mode, start, _released(row, name)))
        elif after is None:
            bars.append((before, start, _released(row, name)))
    if modes[-1] is not None:
        bars.append((modes[-1], start, plan.bottom))
    return bars


def _taken(plan: Plan, row: Row, actor: int, name: str) -> tuple[float, str | None]:
    """Return where in `row` the lock is taken, and in which mode; (_, None) if it is not."""
    for place, action in enumerate(row.actions if row.actor == actor else ()):
        if action.kind == "lock" and action.effect.startswith(f"takes {name}"):
            lock = next(lock for lock in plan.boards[0]["locks"] if lock["name"] == name)
            mode = "read" if action.effect.endswith("read") else "write"
            return row.y(place) - 7, mode if lock["kind"] == "rwlock" else "mutex"
    return row.dot - 7, None


def _released(row: Row, name: str) -> float:
    """Return where in `row` the lock is released."""
    for place, action in enumerate(row.actions):
        if action.kind == "unlock" and name in action.effect.split():
            return row.y(place) + 7
    return row.bottom - 4


def _mode(board: dict, name: str, holder: str) -> str | None:
    lock = next(lock for lock in board["locks"] if lock["name"] == name)
    if holder in (lock["readers"] or ()):
        return "read"
    if lock["writer"] == holder:
        return "write" if lock["kind"] == "rwlock" else "mutex"
    return None
