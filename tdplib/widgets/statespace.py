"""
`StateSpace`: every state of a small scenario as a graph; a click opens the board at that state.

The graph and the layout are made once, here; the page draws them and says which state is asked for.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import anywidget
import ipywidgets
import traitlets

from tdplib.draw.space import DASHES, SIGNS, WORDS, curve, layout, space_picture
from tdplib.errors import BadValueError, TdplibError, nearest
from tdplib.statespace import Space, statespace
from tdplib.widgets._answering import Answering
from tdplib.widgets._assets import module, style
from tdplib.widgets.interleaver import Interleaver

__all__ = ["Graph", "StateSpace"]


class Graph(Answering, anywidget.AnyWidget):
    """The graph of a `StateSpace`: its nodes, its edges, and the node where the board stands."""

    _esm = module("board.js", "elements.js", "space.js")
    _css = style("theme.css", "space.css")

    graph = traitlets.Dict(read_only=True).tag(sync=True)
    """What is drawn: plain data, sent once."""
    at = traitlets.Int(0, read_only=True).tag(sync=True)
    """Place of the node where the board stands; -1 where that is not drawn."""
    error = traitlets.Unicode("", read_only=True).tag(sync=True)
    """Why the last action failed; empty if it did not."""
    handled = traitlets.Int(0, read_only=True).tag(sync=True)
    """Number of messages from the page that have been dealt with."""

    def __init__(self, space: Space, opens: Any) -> None:
        super().__init__()
        self._opens = opens
        self.set_trait("graph", picture(space))
        self.on_msg(self._on_message)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Do what the page asks, {do: "open", node}; whatever goes wrong is shown there."""
        asked = content if isinstance(content, Mapping) else {}
        with self.hold_sync():
            try:
                if (what := asked.get("do")) != "open":
                    raise BadValueError(f"the page asked for {what!r}{nearest(what, ['open'])}")
                self._opens(asked.get("node"))
                self.set_trait("error", "")
            except TdplibError as problem:
                self.set_trait("error", str(problem))
            except Exception as problem:  # a defect: its kind helps whoever reports it
                self.set_trait("error", f"{type(problem).__name__}: {problem}")
            self.set_trait("handled", self.handled + 1)


class StateSpace(ipywidgets.VBox):
    """
    The state space of a small scenario as a graph, and under it the board at one of its states.

    A row for each number of steps from the start, an edge for a step; its dashes tell whose it is.
    What breaks, where nobody can move, and good ends have a shape and a sign of their own. A click
    on a state (Enter, from the keyboard) opens it on the board, come by the shortest way; a step on
    the board moves the mark in the graph.

    Parameters
    ----------
    what : a protocol's name, or a verdict of `check` (so that code of one's own can be looked at)
    scenario : a name or a `Scenario`; not with a verdict
    cut : what of a large graph is drawn: "violations" or a number of steps; see
        `tdplib.statespace.statespace`

    Examples
    --------
    >>> shown = StateSpace("lost-update")
    >>> len(shown.space.nodes)
    29
    >>> shown.show(1)
    >>> shown.board.board["step"]
    1
    """

    def __init__(self, what: Any = "lost-update", scenario: Any = None, *, cut: Any = None) -> None:
        self.space = statespace(what, scenario, cut=cut)
        self.graph = Graph(self.space, self.show)
        self.board = Interleaver(session=self.space.session(0))
        self.board.observe(self._moved, "board")
        super().__init__((self.graph, self.board))

    def show(self, node: int) -> None:
        """Let the board show node `node` of the graph (its place in `space.nodes`)."""
        many = len(self.space.nodes)
        if not isinstance(node, int) or isinstance(node, bool) or not 0 <= node < many:
            raise BadValueError(f"node {node!r} does not exist: there are 0 to {many - 1}")
        self.board.open_session(self.space.session(node))

    def _moved(self, _change: Any) -> None:
        place = self.space.place(self.board._session)
        self.graph.set_trait("at", -1 if place is None else place)

    def text(self) -> str:
        """Return what is drawn in numbers, and the board, as plain text."""
        return f"{self.space}\n\n{self.board.text()}"

    def __repr__(self) -> str:
        """Return what is on show as text."""
        return self.text()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a static twin, which shows in exports and in notebooks reopened without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        image = space_picture(self.space)._repr_mimebundle_()["text/html"]
        shown = f"{image}<details><summary>As text</summary><pre>{html.escape(self.text())}</pre>"
        data = {**(data or {}), "text/plain": self.text(), "text/html": f"{shown}</details>"}
        return (data, *rest) if rest else data


def picture(space: Space) -> dict[str, Any]:
    """Return as plain data what the page draws."""
    nodes, edges = space.nodes, space.edges
    places, width, height = layout([n.depth for n in nodes], [(a, b) for a, b, _ in edges])
    kinds = {node.kind for node in nodes}
    return {
        "title": space.title,
        "note": space.note,
        "counts": f"{space.total:,} states" + ("" if space.complete else ", not all of them"),
        "width": width,
        "height": height,
        "actors": [[name, DASHES[k % len(DASHES)]] for k, name in enumerate(space.actors)],
        "legend": [[SIGNS[kind], WORDS[kind], kind] for kind in WORDS if kind in kinds],
        "nodes": [
            [x, y, node.kind, node.depth, node.told, node.hidden, SIGNS[node.kind]]
            for node, (x, y) in zip(nodes, places, strict=True)
        ],
        "edges": [[a, b, actor, curve(places[a], places[b])] for a, b, actor in edges],
    }
