"""Where everything of a picture of a trace goes: widths first, then rows."""

from __future__ import annotations

from dataclasses import dataclass

from tdplib.draw._rows import Row, rows_of
from tdplib.draw._strip import Column, strip_columns, strip_width

__all__ = ["HEAD", "MARGIN", "NUMBER", "WIDTH", "Plan", "plan_of", "strip_left"]

WIDTH, MARGIN = 900, 16
HEAD = 172
"""Where the first row starts: below title, legend and the heads of lanes and columns."""
NUMBER = 30
"""Pixels for the number of a source line."""


@dataclass
class Plan:
    """Where everything goes."""

    trace: object
    boards: list[dict]
    lanes: list[int]
    """The actors that are drawn, left to right."""
    lane_width: float
    text_left: float
    text_width: float
    code_width: float
    groups: list[list[Column]]
    rows: list[Row]

    def x(self, actor: int) -> float:
        """The middle of an actor's lane."""
        return MARGIN + self.lane_width * (self.lanes.index(actor) + 0.5)

    @property
    def names(self) -> list[str]:
        """The names of the actors that are drawn."""
        return [self.trace.actors[actor] for actor in self.lanes]

    @property
    def bottom(self) -> float:
        """Where the last row ends."""
        return self.rows[-1].bottom if self.rows else HEAD


def strip_left(groups: list[list[Column]]) -> float:
    """Return the left edge of the strip of roots."""
    return WIDTH - strip_width(groups) + 14 - MARGIN


def plan_of(trace: object, unfold: bool, needed: tuple[bool, ...] | None = None) -> Plan:
    """Measure: widths first, then what the text needs, then where each row lies."""
    boards = trace.boards()
    lanes = sorted({step.actor for step in trace.steps})
    groups = strip_columns(boards)
    lane = 62.0 if len(lanes) <= 4 else 54.0
    left = MARGIN + lane * len(lanes) + 14
    width = strip_left(groups) - 14 - left
    # Where both have room the effect stands beside its source line, else below it.
    code = round(width * 0.54) if width >= 470 else NUMBER
    rows = rows_of(trace, code - NUMBER - 14, width - code - 24, unfold)
    for row in rows:
        if needed is not None and not needed[row.index]:
            row.leave_out()
    plan = Plan(trace, boards, lanes, lane, left, width, code, groups, rows)
    _place_rows(plan)
    return plan


def _place_rows(plan: Plan) -> None:
    """Give every row its top, its dot and its bottom."""
    y = float(HEAD)
    for row in plan.rows:
        y = row.put(y + (12 if row.first_of_turn and row.index else 0))
