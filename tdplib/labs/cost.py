"""
The cost report: protocols beside each other, and what each of them costs.

`labs.cost("v5.17", "v5.18", mine=[f, g])` checks each in several scenarios and measures it
(`tdplib.labs.measure`). Nothing in the table is known beforehand.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

__all__ = ["Cost", "CostReport", "cost"]

CHECKED = ("small", "requeue", "two-vcpus", "notifier", "default")
"""Scenarios that each protocol is checked in."""
WALKS, PATHS = "requeue", "small"
"""Scenarios that walks are counted in, and that paths are measured in."""
ENTRIES = 4
"""SPTEs of a table where paths are measured: enough to see what grows with the table."""

NAMES = {"vcpu": "vCPU", "update": "update", "worker": "worker", "notifier": "notifier"}


@dataclass(frozen=True)
class Cost:
    """
    What one protocol costs.

    name : what the report calls it
    verdicts : scenario -> "holds", "breaks PROPERTY" or "not decided"
    zappers : kinds of actors that zap
    zaps : walks that zap one root, at most
    waits : kind of actor -> actions that a fast zap cannot return without once it has dropped
        mmu_lock, at worst
    later_roots : roots made after a fast zap began that it waits for all the same, at worst
    sections : kind of actor -> own actions inside mmu_lock in one go, at most
    states : distinct states of the scenario ``default``
    complete : no search met a bound; else the numbers prove nothing
    """

    name: str
    verdicts: dict[str, str]
    zappers: tuple[str, ...]
    zaps: int
    waits: dict[str, int]
    later_roots: int
    sections: dict[str, int]
    states: int
    complete: bool = True

    def texts(self) -> list[str]:
        """Return the column of this protocol, one text a row."""
        return [
            *(self.verdicts[name] for name in CHECKED),
            ", ".join(NAMES.get(kind, kind) for kind in self.zappers) or "nobody",
            str(self.zaps),
            _counted(self.waits) or "nobody",
            str(self.later_roots),
            _counted(self.sections),
            f"{self.states:,}",
        ]


ROWS = (
    *(f"verdict, {name}" for name in CHECKED),
    "who zaps",
    "zaps of one root, at most",
    "a fast zap waits for, in steps",
    "roots it waits for without a need",
    "longest hold of mmu_lock, in steps",
    "states, default",
)


class CostReport:
    """
    Protocols beside each other; reads well as plain text, and shows as a table in a notebook.

    costs : one `Cost` a protocol
    """

    def __init__(self, costs: tuple[Cost, ...]) -> None:
        self.costs = costs

    def __getitem__(self, name: str) -> Cost:
        """Return the `Cost` of the protocol called `name` in the report."""
        return next(each for each in self.costs if each.name == name)

    def _table(self):
        columns = [each.texts() for each in self.costs]
        head = ["", *(each.name for each in self.costs)]
        return [head, *([row, *cells] for row, *cells in zip(ROWS, *columns, strict=True))]

    def _cut_short(self):
        """What comes first: whose numbers are no worst cases, because a search met a bound."""
        return [
            f"incomplete: {each.name}: a search met a bound, so its numbers prove nothing"
            for each in self.costs
            if not each.complete
        ]

    def __repr__(self) -> str:
        table = [[cell.split("\n") for cell in row] for row in self._table()]
        width = [max(len(line) for row in table for line in row[k]) for k in range(len(table[0]))]
        lines = self._cut_short()
        for row in table:
            for k in range(max(len(cell) for cell in row)):
                texts = [cell[k] if k < len(cell) else "" for cell in row]
                lines.append("  ".join(map(str.ljust, texts, width)).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *rows = self._table()
        cell = 'style="text-align:left;vertical-align:top;padding:2px 12px"'

        def line(tag, texts):
            made = (html.escape(text).replace("\n", "<br>") for text in texts)
            return "<tr>" + "".join(f"<{tag} {cell}>{text}</{tag}>" for text in made) + "</tr>"

        body = "".join(line("td", row) for row in rows)
        first = "".join(f"<p>{html.escape(text)}</p>" for text in self._cut_short())
        return f"{first}<table><thead>{line('th', head)}</thead><tbody>{body}</tbody></table>"


def cost(*protocols: str, base: str = "capstone-bare", **own: Any) -> CostReport:
    """
    Check and measure protocols, and put them beside each other.

    protocols : names, e.g. ``"v5.18"``
    base : what code of your own stands on
    own : name=code, the name as the report shall call it; code as `tdplib.check` takes it

    Every interleaving of each scenario is visited; the numbers are worst cases over all of them.
    One step is one action on shared memory. Raises what `tdplib.check` raises.
    """
    from tdplib.lang.source import unit_from

    found = [_cost(name, name, None) for name in protocols]
    found += [_cost(name, base, unit_from(code)) for name, code in own.items()]
    return CostReport(tuple(found))


def _cost(name, protocol, own):
    from tdplib.check import check
    from tdplib.labs.measure import Graph, Probe, sections, waits
    from tdplib.scenarios import SCENARIOS, vary

    code = None if own is None else own.text
    probe = Probe(protocol, own, SCENARIOS[WALKS])
    # A worker that never gets any work is no part of the protocol.
    workers = 1 if probe.moves("worker") else 0
    worlds = {each: vary(each, name=each, workers=workers) for each in CHECKED}
    verdicts = {
        each: check(code, base=protocol, scenario=world, progress=False)
        for each, world in worlds.items()
    }
    graph = Graph(protocol, own, vary(PATHS, entries=ENTRIES, workers=workers))
    waited = waits(graph)
    return Cost(
        name,
        {each: _said(verdict) for each, verdict in verdicts.items()},
        probe.zappers(),
        probe.zaps_of_a_root(),
        waited.others,
        waited.later_roots,
        sections(graph),
        verdicts["default"].states,
        probe.complete and graph.complete and all(each.complete for each in verdicts.values()),
    )


def _said(verdict):
    if verdict.status == "violated":
        return f"breaks {verdict.property}"
    return "holds" if verdict.status == "holds" else "not decided"


def _counted(numbers):
    from tdplib.labs.measure import FOREVER

    return "\n".join(
        f"{NAMES.get(kind, kind)}: {'for ever' if n >= FOREVER else n}"
        for kind, n in numbers.items()
    )
