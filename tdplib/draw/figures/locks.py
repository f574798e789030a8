"""Who holds which lock in v5.18, from the kernel's source, beside what the model's code shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from tdplib.draw import Picture
from tdplib.draw._svg import Svg, text_width
from tdplib.draw.dot import new_graph, quoted
from tdplib.draw.figures._parts import MARGIN, WIDTH, arrow, heading, notes

__all__ = ["CHART", "Holder", "Seen", "agrees", "locks_figure", "locks_graph"]


@dataclass(frozen=True)
class Holder:
    """
    One row: what is done, and what is held while it is.

    function : the kernel's, where the row has one of its own
    mmu_lock : the modes it is done in, of ``none``, ``read``, ``write``
    slots_lock : ``held``, ``never`` (it must not be taken) or empty, where nothing asks for it
    other : what else plays a part; may_yield : ``yes``, ``no`` or a word of its own
    place : where the model has it, as "kind of actor: function" (kind ``any`` for all); empty
        where it has not
    """

    what: str
    function: str
    mmu_lock: tuple[str, ...]
    slots_lock: str
    other: str
    may_yield: str
    place: str = ""


@dataclass(frozen=True)
class Seen:
    """What the model's code holds at a row's operations, on any path: all the modes there are."""

    mmu_lock: frozenset[str]
    slots_lock: frozenset[bool]
    yields: bool


CHART = (
    Holder("a vCPU finds or makes a root", "kvm_tdp_mmu_get_vcpu_root_hpa", ("write",), "",
           "pages_lock to list it", "no", "vcpu: kvm_tdp_mmu_get_vcpu_root_hpa"),
    Holder("a vCPU's fault maps a page", "kvm_tdp_mmu_map", ("read",), "",
           "RCU", "no, it retries", "vcpu: kvm_tdp_mmu_map"),
    Holder("a fast page fault", "", ("none",), "", "cmpxchg of the SPTE", "no"),
    Holder("a vCPU drops its root", "kvm_mmu_free_roots", ("write",), "", "", "no",
           "vcpu: kvm_mmu_free_roots"),
    Holder("the worker zaps a root", "tdp_mmu_zap_root_work", ("read",), "never",
           "RCU", "yes", "worker: tdp_mmu_zap_root"),
    Holder("a fast zap invalidates all roots", "kvm_tdp_mmu_invalidate_all_roots", ("write",),
           "held", "", "no", "update: kvm_tdp_mmu_invalidate_all_roots"),
    Holder("a fast zap waits for the queue", "kvm_tdp_mmu_zap_invalidated_roots", ("none",),
           "held", "", "sleeps", "update: kvm_tdp_mmu_zap_invalidated_roots"),
    Holder("write-protect, split, clear dirty", "", ("read",), "held",
           "references, valid only", "yes"),
    Holder("a notifier at the end of the VM", "kvm_mmu_zap_all", ("write",), "never", "srcu",
           "yes", "zap-all: tdp_mmu_zap_root"),
    Holder("a notifier unmaps a range", "", ("write",), "never", "",
           "if it may block", "notifier: tdp_mmu_zap_spte"),
    Holder("notifiers age, test age, set an SPTE", "", ("write",), "never", "no references", "no"),
    Holder("the last put takes a root off the list", "kvm_tdp_mmu_put_root", ("read", "write"), "",
           "pages_lock", "no", "any: kvm_tdp_mmu_put_root"),
)  # fmt: skip
"""The rows, in the order in which a root meets them; for v5.18."""

_MODES = ("none", "read", "write")
_X = {"what": MARGIN, "none": 300, "read": 360, "write": 420, "slots_lock": 490, "other": 566,
      "may_yield": 722, "model": 830}  # fmt: skip
_ROW = 40
_TITLE = "Who holds which lock, in v5.18"
_WORDS = (
    "mmu_lock is a reader-writer lock: many may hold it for read, or one for write. slots_lock is "
    "a mutex that lets one memslot operation run at a time. Who may yield drops mmu_lock between "
    "two entries, so that others come in between."
)


def agrees(row: Holder, seen: Seen) -> bool:
    """
    Tell whether the model's code holds what a row says.

    A row that may yield only sometimes ("if it may block") need not do so in the model.
    """
    yields = {"yes": True, "if it may block": seen.yields}.get(row.may_yield, False)
    held = frozenset({row.slots_lock == "held"})
    return (
        frozenset(row.mmu_lock) == seen.mmu_lock
        and held == seen.slots_lock
        and (yields == seen.yields)
    )


def locks_figure(seen: Mapping[str, Seen], order: tuple[str, ...]) -> Picture:
    """
    Return the chart.

    seen : what the model shows, by a row's `place`; order : the locks, outermost first
    """
    svg = Svg()
    y = heading(svg, _TITLE, _WORDS)
    y = _draw_heads(svg, y + 6)
    for place, row in enumerate(CHART):
        _draw_row(svg, row, seen.get(row.place), y + _ROW * place, place % 2 == 0)
    y = _draw_order(svg, order, y + _ROW * len(CHART) + 34)
    told = ("Model: a tick where the code of tdplib's v5.18 was found to hold just this, on every "
            "path; a dash where the model leaves the row out.")  # fmt: skip
    y = notes(svg, y + 30, (told,))
    words = " ".join([_WORDS, *(_say(row) for row in CHART), f"Order: {', '.join(order)}."])
    return Picture(svg.document(WIDTH, y, _TITLE, words), f"{_TITLE}. {words}")


def _say(row: Holder) -> str:
    slots = f", slots_lock {row.slots_lock}" if row.slots_lock else ""
    other = f", {row.other}" if row.other else ""
    modes = " or ".join(row.mmu_lock)
    return f"{row.what}: mmu_lock {modes}{slots}{other}; may yield: {row.may_yield}."


def _draw_heads(svg: Svg, y: float) -> float:
    """Draw the heads of the columns; return where the rows start."""
    svg.text((_X["none"] + _X["slots_lock"] - 10) / 2, y + 10, "mmu_lock", "small strong",
             text_anchor="middle")  # fmt: skip
    for name in _MODES:
        svg.text(_X[name] + 27, y + 26, name, "small soft", text_anchor="middle")
    for name, head in (("slots_lock", "slots_lock"), ("other", "also"), ("may_yield", "may yield"),
                       ("model", "model")):  # fmt: skip
        svg.text(_X[name], y + 26, head, "small strong")
    return y + 34


def _draw_row(svg: Svg, row: Holder, seen: Seen | None, y: float, shaded: bool) -> None:
    if shaded:
        svg.rect(MARGIN - 6, y, WIDTH - 2 * MARGIN + 12, _ROW, rx=4, fill="--band")
    shift = 0 if row.function else 8
    svg.text(_X["what"], y + 17 + shift, row.what, "small strong")
    svg.text(_X["what"], y + 32, row.function, "code soft")
    for name in row.mmu_lock:
        colour = {"none": "--bg", "read": "--read", "write": "--write"}[name]
        _draw_word(svg, _X[name], y, name, colour)
    if row.slots_lock:
        colour = "--mutex" if row.slots_lock == "held" else "--bg"
        _draw_word(svg, _X["slots_lock"], y, row.slots_lock, colour)
    svg.text(_X["other"], y + 25, row.other, "small")
    cls = "small strong" if row.may_yield in ("yes", "sleeps") else "small soft"
    svg.text(_X["may_yield"], y + 25, row.may_yield, cls)
    x = _X["model"] + 14
    if seen is None:
        svg.text(x, y + 25, "\u2013", "soft", text_anchor="middle")
    elif agrees(row, seen):
        tick = [(x - 6, y + 20), (x - 1, y + 26), (x + 8, y + 13)]
        svg.line(tick, stroke="--good", stroke_width=2.4)
    else:
        svg.text(x, y + 25, "differs", "small bad strong", text_anchor="middle")


def _draw_word(svg: Svg, x: float, y: float, word: str, colour: str) -> None:
    """Draw the cell of a lock with its mode written in it, filled where it shuts others out."""
    hollow = colour in ("--bg", "--read")
    edge = {"stroke": "--soft" if hollow else colour, "stroke_width": 2 if colour != "--bg" else 1}
    svg.rect(x, y + 9, 54, 22, rx=5, fill="--bg" if hollow else colour, **edge)
    ink = "var(--ink)" if hollow else "var(--bg)"
    svg.text(x + 27, y + 24, word, "small strong", text_anchor="middle", style=f"fill:{ink}")


def _draw_order(svg: Svg, order: tuple[str, ...], y: float) -> float:
    """Draw the order in which locks are taken; return where that ends."""
    x = MARGIN + text_width("Taken in this order:") + 20
    svg.text(MARGIN, y, "Taken in this order:", "strong")
    for place, name in enumerate(order):
        width = text_width(name) + 22
        if place:
            arrow(svg, [(x, y - 4), (x + 26, y - 4)], "--soft")
            x += 26
        svg.rect(x, y - 17, width, 26, rx=6, fill="--bg", stroke="--soft")
        svg.text(x + width / 2, y, name, text_anchor="middle")
        x += width
    return y


def locks_graph(seen: Mapping[str, Seen], order: tuple[str, ...]) -> str:
    """Return the chart as DOT: an edge from who does it to each lock; dashed: not in the model."""
    graph = new_graph("locks", rankdir="LR")
    for name in order:
        graph.node(name, shape="diamond")
    for here, there in pairwise(order):
        graph.edge(here, there, label="before", style="dotted")
    for place, row in enumerate(CHART):
        style = {} if row.place in seen else {"style": "dashed"}
        graph.node(f"r{place}", f"{quoted(row.what)}\\nmay yield: {row.may_yield}")
        for mode in row.mmu_lock:
            if mode != "none":
                graph.edge(f"r{place}", "mmu_lock", label=mode, **style)
        if row.slots_lock == "held":
            graph.edge(f"r{place}", "slots_lock", label="held", **style)
        if row.other.startswith("pages_lock"):
            graph.edge(f"r{place}", "tdp_mmu_pages_lock", label="held", **style)
    return graph.source
