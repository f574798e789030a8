"""
A failure as one page that needs no kernel and no network, and can be left for other branches.

The page carries the whole graph of a scenario (see `tdplib.atlas`), the Interleaver's own view, and
a stand-in for the kernel (``static/player.js``). Its picture and its text show without JavaScript
too. Of a scenario with too many states it is the plain page of `tdplib.draw`, which says so.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tdplib.atlas import MOST_STATES, TooLargeError, atlas
from tdplib.draw import scenario_words, swimlanes, to_html
from tdplib.draw._svg import escape
from tdplib.draw.page import POLICY
from tdplib.errors import BadValueError
from tdplib.protocols import row, world_names
from tdplib.widgets._assets import SHEETS, VIEW, module, style
from tdplib.widgets.packing import pack

__all__ = ["MOST_STATES", "PLAYED", "page", "title"]

PLAYED = ("atlas.js", "matters.js", "player.js")
"""The files that play the kernel's part; they need no page."""


@dataclass(frozen=True)
class _Plan:
    """What a page is about: a subject, its steps' size, its paths, and the words around them."""

    subject: Any
    mode: int
    traces: list[Any]
    heading: str
    sentence: str
    words: str
    states: int | None


def page(
    what: Any, *, most: int = MOST_STATES, progress: Callable[[float], None] | None = None
) -> str:
    """
    Return a verdict or a trace as a self-contained page that a reader can step through.

    Parameters
    ----------
    what : a `tdplib.check.Verdict` or a `tdplib.replay.Trace`
    most : the most states the page may carry; of a larger scenario it shows the path alone, and
        says so
    progress : called every so often with the part that is done, 0 to 1

    Raises
    ------
    BadValueError
        There is nothing to show: another type, or a verdict without a path whose scenario is too
        large.
    """
    plan = _plan(what)
    if plan.states is not None and plan.states > most:
        return _without_graph(plan, f"{plan.states:,}", most)
    try:
        made = atlas(plan.subject, plan.mode, most=most, progress=progress)
    except TooLargeError:
        return _without_graph(plan, f"more than {most:,}", most)
    paths = [_path(trace) for trace in plan.traces]
    where = "this scenario, whoever moves when" if made.complete else "what this page carries"
    data = pack(made, {"paths": paths, "lead": f"Nothing breaks in {where}. Try it."})
    return "\n".join(_parts(plan, made, base64.b64encode(data).decode()))


def title(what: Any) -> str:
    """Return the heading of the page of a verdict or a trace."""
    return _plan(what).heading


def _plan(what: Any) -> _Plan:
    """Return what the page of a verdict or a trace is to be about."""
    if hasattr(what, "traces") and hasattr(what, "exploration"):
        traces = [trace for _, trace in what.traces.items()]
        heading = f"breaks {what.property}" if what.property else _ending(what)
        mode, states = what.exploration.reductions.mode, what.states
        if what.exploration.reductions.symmetry:
            states = None  # counted up to a permutation of actors: there are more
    elif hasattr(what, "session") and hasattr(what, "steps"):
        traces, states, mode = [what], None, what.session.mode
        kind = "shows" if what.broken == "wasted-zap" else "breaks"
        heading = f"{kind} {what.broken}" if what.broken else "a path on which nothing breaks"
    else:
        found = type(what).__name__
        raise BadValueError(f"cannot make a page of {found}, expected a Verdict or a Trace")
    subject = getattr(what, "subject", None) or what.session.subject
    return _Plan(subject, mode, traces, _heading(subject, heading), what.sentence or "",
                 _words(subject), states)  # fmt: skip


def _ending(verdict: Any) -> str:
    return "holds in every interleaving" if verdict.complete else "is not known to hold"


def _heading(subject: Any, ending: str) -> str:
    name = f"{subject.protocol}, changed," if subject.own else subject.protocol
    return f"{name}{': ' if ending.startswith('a ') else ' '}{ending}"


def _words(subject: Any) -> str:
    """Say what runs: the protocol, what was changed in it, the scenario."""
    actors = ", ".join(actor.name for actor in subject.system.actors)
    world = subject.protocol in world_names()
    cast = actors if world else scenario_words(subject.scenario)
    said = [f"{subject.protocol}: {row(subject.protocol).title}."]
    if subject.own:
        names = [node.name for node in subject.own.tree.body if hasattr(node, "args")]
        said.append(f"Changed in it: {', '.join(names)}.")
    said.append(f"Scenario {subject.scenario.name}: {cast}.")
    return " ".join(said)


def _path(trace: Any) -> dict:
    ends = f"{'shows' if trace.broken == 'wasted-zap' else 'breaks'} {trace.broken}"
    return {"path": list(trace.session.path[: len(trace.steps)]),
            "ends": ends if trace.broken else "breaks nothing"}  # fmt: skip


def _without_graph(plan: _Plan, states: str, most: int) -> str:
    """Return the plain page of the first path, which says why it is no more than that."""
    if not plan.traces:
        raise BadValueError(
            f"the scenario has {states} states, a page carries at most {most:,}: there is no path "
            "to show without them. Take a smaller scenario, such as small"
        )
    note = (
        f"This page shows one path and no other: the scenario has {states} states, and a page "
        f"carries the others too only up to {most:,}. Of a smaller scenario, such as small, the "
        "page lets you leave the path and try other branches."
    )
    if most < MOST_STATES:
        command = f"tdplib replay {plan.traces[0].code} --html FILE"
        note += f" So does the one that this writes, up to {MOST_STATES:,} states: {command}"
    return to_html(plan.traces[0], note=note)


def _parts(plan: _Plan, made: Any, data: str) -> Iterator[str]:
    """Give the page, part after part."""
    count = f"{made.states:,} state{'' if made.states == 1 else 's'}"
    carried = (
        f"The page carries all {count} of the scenario, and every step between them."
        if made.complete
        else f"The page carries {count}; where a bound of the model was met, a path ends."
    )
    how = (
        "Step along the path, or leave it: any actor that can move may move next."
        if plan.traces
        else "Any actor that can move may move next: try to break it."
    )
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    sheets = style(*SHEETS, "offline.css")
    yield f"<title>{escape(plan.heading)}</title><style>{sheets}</style></head><body>"
    yield f"<header><h1>{escape(plan.heading)}</h1>"
    if plan.sentence:
        yield f'<p class="page-sentence">{escape(plan.sentence)}</p>'
    yield f'<p class="page-soft">{escape(plan.words)}</p>'
    yield f'<p class="page-scripted" hidden>{escape(carried)} {escape(how)}</p></header>'
    yield '<main><p class="page-plain">'
    yield "Stepping needs JavaScript; what follows can be read without.</p>"
    yield '<div class="page-board"></div>'
    for trace in plan.traces[:1]:
        yield from _section("The path as a picture", swimlanes(trace))
        yield from _section("The path in words", f"<pre>{escape(str(trace))}</pre>")
    yield "</main>"
    yield f'<script type="application/octet-stream" class="page-data">{data}</script>'
    yield f'<script type="module">{module(*VIEW, *PLAYED, "offline.js")}</script>'
    yield "</body></html>\n"


def _section(name: str, inner: str) -> Iterator[str]:
    """Give a part of the page that may be wider than a screen: it scrolls by itself, by key too."""
    yield f"<section><h2>{name}</h2>"
    yield f'<div class="page-wide" tabindex="0" role="region" aria-label="{name}">'
    yield f"{inner}</div></section>"
