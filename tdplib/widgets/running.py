"""
`Check`: a check that runs in the background, shown while it goes on.

The cell returns at once and other cells run meanwhile. The search is a thread's; what it tells
reaches the page as one immutable picture at a time, and the page sends back what was asked for.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Mapping
from typing import Any

import anywidget
import ipywidgets
import traitlets

from tdplib.background import Background
from tdplib.errors import BadValueError, TdplibError, nearest
from tdplib.watch import bars
from tdplib.widgets._answering import Answering
from tdplib.widgets._assets import module, style
from tdplib.widgets.interleaver import Interleaver

__all__ = ["Check", "Panel"]

DEPTHS = 120
"""Bars that the page draws at most; more depths share them."""


class Panel(Answering, anywidget.AnyWidget):
    """The face of a `Check`: its numbers, its buttons, its verdict."""

    _esm = module("board.js", "elements.js", "running.js")
    _css = style("theme.css", "running.css")

    picture = traitlets.Dict(read_only=True).tag(sync=True)
    """What is on show: plain data, a fresh value each time."""
    handled = traitlets.Int(0, read_only=True).tag(sync=True)
    """Number of messages from the page that have been dealt with."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        super().__init__()
        self._asked = asked
        self.on_msg(self._on_message)

    def paint(self, picture: dict[str, Any]) -> None:
        """Show `picture`."""
        self.set_trait("picture", picture)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Do what the page asks; whatever goes wrong is shown there."""
        what = content.get("do") if isinstance(content, Mapping) else None
        try:
            if what not in self._asked:
                raise BadValueError(f"the page asked for {what!r}{nearest(what, self._asked)}")
            self._asked[what]()
        except TdplibError as problem:
            self.paint({**self.picture, "error": str(problem)})
        except Exception as problem:  # a defect: its kind helps whoever reports it
            self.paint({**self.picture, "error": f"{type(problem).__name__}: {problem}"})
        self.set_trait("handled", self.handled + 1)


class Check(ipywidgets.VBox):
    """
    A check that runs in the background, with its progress, a button to cancel it, and its verdict.

    The cell that makes it returns at once, and other cells run meanwhile, other checks too. A
    cancelled check is incomplete: it says so first, nothing is proved, and its memory is freed.

    Parameters
    ----------
    code, base, scenario, properties, max_states, max_memory, max_seconds, reductions, first_only
        As of `tdplib.check`; what is wrong with them is raised here.

    Examples
    --------
    >>> beside = Check("lost-update")
    >>> beside.wait().status
    'violated'
    >>> beside.close()
    """

    _panel: Panel | None = None

    def __init__(self, code: Any = None, **options: Any) -> None:
        self._lock = threading.Lock()
        self._beside = Background(code, told=self._paint, **options)  # first: it may refuse
        self._panel = Panel({"cancel": self.cancel, "open": self.step_through})
        super().__init__((self._panel,))
        self._paint(self._beside)

    @property
    def verdict(self) -> Any:
        """The verdict, None until there is one."""
        return self._beside.verdict

    @property
    def running(self) -> bool:
        """Whether the check still runs."""
        return self._beside.running

    def cancel(self) -> None:
        """End the check; what was found by then is its verdict, which is then not complete."""
        self._beside.cancel()
        self._paint(self._beside)

    def wait(self, timeout: float | None = None) -> Any:
        """
        Wait and return the verdict; None if the check still runs after `timeout` seconds.

        Interrupting the kernel meanwhile cancels the check. What made it fail is raised.
        """
        return self._beside.wait(timeout)

    def step_through(self) -> None:
        """
        Open the trace of the verdict in an `Interleaver`, under this.

        Raises BadValueError if there is no trace: the check still runs, or broke nothing.
        """
        trace = None if self.verdict is None else self.verdict.trace
        if trace is None:
            why = "the check still runs" if self.running else "nothing was broken"
            raise BadValueError(f"there is no trace to open: {why}")
        if len(self.children) == 1:
            self.children = (self._panel, Interleaver(trace=trace))

    def close(self) -> None:
        """Cancel the check, take it off the page, and let go of all that it found."""
        if self._panel is None:
            return  # refused as it was made
        self._beside.cancel()
        for child in self.children:
            child.close()
        super().close()
        self._beside.verdict = None

    def _paint(self, beside: Background) -> None:
        """Show how the check stands; called from its thread, and from those of cells and page."""
        with self._lock:
            if self._panel is not None:
                self._panel.paint(picture(beside))

    def text(self) -> str:
        """Return what is on show as plain text."""
        shown = self._panel.picture
        lines = [f"{shown['title']}: {shown['said']}"]
        lines += [f"{name}: {value}" for name, value in shown["numbers"]]
        lines += [each for each in (shown["sentence"], shown["trace"], shown["error"]) if each]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return what is on show as text."""
        return self.text()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a static twin, which shows in exports and in notebooks reopened without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        note = "" if not self.running else " (this is how it stood when the cell ran)"
        data = {
            **(data or {}),
            "text/plain": self.text(),
            "text/html": f"<pre>{html.escape(self.text())}{note}</pre>",
        }
        return (data, *rest) if rest else data


def picture(beside: Background) -> dict[str, Any]:
    """Return as plain data how a check stands."""
    verdict, now, state, about = beside.verdict, beside.now, beside.state, beside.asked.about
    if state == "running" and beside.cancelled:
        state = "cancelling"
    trace = None if verdict is None else verdict.trace
    name = about.protocol + ("+code" if about.own is not None else "")
    return {
        "title": f"{name}, scenario {getattr(about.scenario, 'name', about.scenario)}",
        "state": state,
        "status": "" if verdict is None else verdict.status,
        "said": _said(beside, state),
        "numbers": _numbers(now if verdict is None else verdict, state == "cancelled"),
        "bars": bars(now.layers, DEPTHS) if now is not None else [],
        "sentence": (verdict.sentence or "") if verdict is not None else "",
        "also": list(verdict.properties[1:]) if verdict is not None else [],
        "advice": list(verdict.advice) if verdict is not None else [],
        "trace": "" if trace is None else str(trace),
        "code": "" if trace is None else trace.code,
        "error": "" if beside.error is None else f"{type(beside.error).__name__}: {beside.error}",
    }


def _said(beside: Background, state: str) -> str:
    """Return the sentence on top; of a verdict that is not complete it begins with that."""
    verdict = beside.verdict
    if state == "failed":
        return "failed: no verdict"
    if verdict is None:
        return {"cancelling": "being cancelled"}.get(state, "running every interleaving")
    what = {
        "holds": "holds in every interleaving",
        "violated": f"violated: {verdict.property}",
        "incomplete": "nothing broke in what was visited",
    }[verdict.status]
    if verdict.complete:
        return what
    why = "cancelled" if state == "cancelled" else f"stopped by: {', '.join(verdict.stopped_by)}"
    return f"incomplete, nothing is proved ({why}): {what}"


def _numbers(now: Any, freed: bool) -> list[tuple[str, str]]:
    """Return (name, value) of what is counted; `now` is a search's progress, or the verdict."""
    if now is None:
        return []
    rate = now.states / now.seconds / 1e6 if now.seconds else 0.0
    return [
        ("states", f"{now.states:,}"),
        ("states a second", f"{rate:.2f} million"),
        ("depth", f"{now.depth}"),
        ("memory", f"{now.memory / 2**20:,.0f} MiB{', freed' if freed else ''}"),
        ("seconds", f"{now.seconds:.1f}"),
    ]
