"""
`Interleaver`: step the actors of a protocol by hand and watch what they share.

Python holds the session and is the only one to change it; the page (``static/interleaver.js``)
paints the last snapshot and sends back what was asked for. Messages from the page arrive on a
thread of their own, cells run on another: one lock a widget, and every board that leaves it is a
fresh value that is never touched again.
"""

from __future__ import annotations

import base64
import html
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anywidget
import traitlets

from tdplib.errors import BadValueError, TdplibError, check_int, nearest
from tdplib.replay.boardtext import board_text
from tdplib.replay.needed import needed
from tdplib.replay.why import why
from tdplib.widgets._assets import VIEW, module, style
from tdplib.widgets.snapshot import snapshot
from tdplib.widgets.terms import terms

__all__ = ["Interleaver"]

NEEDED_LIMIT = 120
"""Of a longer timeline it is not worked out which steps what it breaks needs: it takes too long."""
RUN_LIMIT = 500
"""`run` gives up after so many steps: an actor that spins never blocks."""


class Interleaver(anywidget.AnyWidget):
    """
    A stepper for every interleaving of one protocol in one scenario.

    One column an actor: its source, the line it stands at, a button that takes its next step. Below
    them the roots, locks, queue and requests, what the last step changed marked. The timeline goes
    back, forward and anywhere; a step taken in the past starts a new branch.

    Parameters
    ----------
    protocol : str
        Whose code the actors run; ignored where `trace`, `code` or `session` say it.
    scenario : str or Scenario, optional
        Who takes part; by default the protocol's own scenario.
    trace : Trace, optional
        Open this trace instead, at its start (see `at`).
    code : str, optional
        Open this schedule code instead.
    own : function, list of functions, str or Path, optional
        Kernel Python to put on top of the protocol, as `check` does; also what a schedule code
        with ``+code`` in it was found in.
    raw : bool
        Make every atomic action a step of its own. By default a step is what a search counts as
        one: a run of actions that nobody else can observe or disturb.
    session : Session, optional
        Go on with this session. The widget owns it from then on.
    at : {"start", "end"}
        Where in the trace or code the cursor stands first.
    judge : bool
        Say beside each step that can be taken what it leads to: how near a violation is then, or
        that none can come. Can be switched in the page.

    Raises
    ------
    BadValueError
        Two of `trace`, `code` and `session` were given, or `at` is something else.

    Notes
    -----
    Nothing here may be graded: what a learner clicked reaches the kernel some time after they did.
    """

    _esm = module(*VIEW, "interleaver.js")
    _css = style("theme.css", "interleaver.css", "tree.css")

    board = traitlets.Dict(read_only=True).tag(sync=True)
    """The snapshot on show: the Board dictionary and what `tdplib.widgets.snapshot` adds to it."""
    sources = traitlets.Dict(read_only=True).tag(sync=True)
    """Function name -> `file`, `first` (line number), `lines`; sent once, not with each board."""
    terms = traitlets.Dict(read_only=True).tag(sync=True)
    """A short name on the board -> what it means, for who points at it; sent once."""
    error = traitlets.Unicode("", read_only=True).tag(sync=True)
    """Why the last action was refused or failed; empty if it was not."""
    handled = traitlets.Int(0, read_only=True).tag(sync=True)
    """Number of messages from the page that have been dealt with."""

    def __init__(
        self,
        protocol: Any = "v5.18",
        scenario: Any = None,
        *,
        trace: Any = None,
        code: str | None = None,
        own: Any = None,
        raw: bool = False,
        session: Any = None,
        at: str = "start",
        judge: bool = False,
    ) -> None:
        if at not in ("start", "end"):
            raise BadValueError(f"at is {at!r}, must be 'start' or 'end'")
        super().__init__()
        self.set_trait("terms", terms())
        self._lock = threading.RLock()
        self._reopen = _opener(protocol, scenario, trace, code, own, raw, session)
        self._session = session if session is not None else self._reopen()
        self._left: _Branch | None = None
        self._judge, self._later, self._behind = bool(judge), False, False
        self._last: tuple[list[int], Any] = ([], None)
        self._flags: tuple[list[int], Any] = ([], None)
        if trace is not None or code is not None:
            self._session.goto(0 if at == "start" else self._session.board()["steps"])
        self._act(lambda: None)
        self.on_msg(self._on_message)

    # -- what can be done to it, from a cell or from the page ------------------------------

    def step(self, actor: int | str) -> None:
        """Let `actor` (index, letter or name) take its next step; raises where it cannot move."""
        self._act(lambda: self._step(self._index(actor)))

    def run(self, actor: int | str) -> None:
        """Let `actor` go on until it blocks, is done or breaks something; `RUN_LIMIT` at most."""
        self._act(lambda: self._run(self._index(actor)))

    def back(self) -> None:
        """Go one step back in the timeline."""
        self._act(self._session.back)

    def forward(self) -> None:
        """Go one step forward in the timeline."""
        self._act(self._session.forward)

    def goto(self, step: int) -> None:
        """Go to the state after `step` steps, 0..`board["steps"]`."""
        self._act(lambda: self._session.goto(check_int("step", step, 0, self.board["steps"])))

    def reset(self) -> None:
        """Go back to how it was opened: no step taken, or the trace at its start."""
        self._act(self._reset)

    def restore(self) -> None:
        """Go back to the branch that was left by a step in the past; again: change over."""
        self._act(self._restore)

    def judge(self, on: bool = True) -> None:
        """Say beside each next step what it leads to, or stop saying it."""
        self._act(lambda: setattr(self, "_judge", bool(on)))

    @property
    def schedule(self) -> str:
        """The schedule code of the steps in the timeline."""
        return self.board["code"]

    def text(self) -> str:
        """Return the board as plain text, for a terminal, a grader or a screen reader."""
        return board_text({**self.board, "sources": self.sources})

    # -- inside: always under the lock -----------------------------------------------------

    def _act(self, action: Callable[[], Any]) -> None:
        """Do `action` and show the board that follows from it."""
        with self._lock:
            try:
                action()
            finally:
                self._publish()

    def _publish(self) -> None:
        session = self._session
        board = session.board()
        here = board["step"]
        earlier = self._board_at(here - 1, here) if here else None
        ahead = self._last_board(board) if here < board["steps"] else None
        steps = getattr(session, "steps", ())
        step = steps[here - 1] if here and hasattr(steps[here - 1], "actions") else None
        picture = snapshot(board, earlier, ahead, step)
        picture["needed"] = self._needed(board, ahead or board)
        judged = self._judged()
        picture["judge"] = judged and {key: judged[key] for key in ("here", "danger")}
        for actor in picture["actors"]:
            actor["leads_to"] = judged and judged["steps"].get(actor["index"])
        told = why(picture, judged if judged and "open" in judged else None)
        picture["why"] = {"holds": list(told.holds), "waits": list(told.waits),
                          "properties": list(told.properties)}  # fmt: skip
        picture["left"] = self._left and {"code": self._left.code, "step": self._left.step}
        with self.hold_sync():
            self.set_trait("sources", board.get("sources") or {})
            self.set_trait("board", picture)
            self.set_trait("error", "")

    def _judged(self) -> dict | None:
        """Return what can come of the state on show; a first search is put off in a message."""
        if not self._judge:
            return None
        from tdplib.outlook import is_judged, judge  # late: it brings the search with it

        self._behind = self._later and not is_judged(self._session)
        if self._behind:
            return {"here": "every interleaving is being searched", "danger": None, "steps": {}}
        return judge(self._session)

    def _needed(self, board: Mapping[str, Any], last: Mapping[str, Any]) -> list[bool] | None:
        """Return of each step whether what the timeline breaks needs it; None: all, or unknown."""
        session, actors = self._session, [entry["actor"] for entry in board["timeline"]]
        if not last["broken"] or len(actors) > NEEDED_LIMIT or not hasattr(session, "trace"):
            return None
        if self._flags[0] != actors:
            session.goto(board["steps"])
            try:
                flags = list(needed(session.trace()).steps)
            finally:
                session.goto(board["step"])
            self._flags = actors, None if all(flags) else flags
        return self._flags[1]

    def _board_at(self, step: int, back_to: int) -> Mapping[str, Any]:
        self._session.goto(step)
        try:
            return self._session.board()
        finally:
            self._session.goto(back_to)

    def _last_board(self, board: Mapping[str, Any]) -> Any:
        """Return the timeline's last board, made once for each timeline."""
        actors = [entry["actor"] for entry in board["timeline"]]
        if self._last[0] != actors:
            self._last = actors, self._board_at(board["steps"], board["step"])
        return self._last[1]

    def _index(self, actor: int | str) -> int:
        actors = self.board["actors"]
        if isinstance(actor, str):
            for known in actors:
                if actor in (known["name"], known["letter"]):
                    return known["index"]
            raise BadValueError(f"no actor {actor!r}{nearest(actor, [a['name'] for a in actors])}")
        return check_int("actor", actor, 0, len(actors) - 1)

    def _step(self, actor: int) -> None:
        here, timeline = self._session.board()["step"], self.board["timeline"]
        if here < len(timeline) and timeline[here]["actor"] == actor:
            self._session.forward()  # the step that was taken here before: no new branch
            return
        left = self._branch() if here < len(timeline) else self._left
        self._session.step(actor)
        self._left = left

    def _branch(self) -> _Branch | None:
        """Return the timeline as it is, or None if it is empty."""
        actors = [entry["actor"] for entry in self.board["timeline"]]
        here = self.board["step"]
        code = self._board_at(len(actors), here)["code"]
        return _Branch(code, here, actors) if actors else None

    def _run(self, actor: int) -> None:
        self._step(actor)
        for _ in range(RUN_LIMIT - 1):
            board = self._session.board()
            if board["broken"] or board["actors"][actor]["status"] != "ready":
                return
            self._session.step(actor)
        name = self.board["actors"][actor]["name"]
        raise TdplibError(f"{name} was stopped after {RUN_LIMIT} steps: it does not block.")

    def _reset(self) -> None:
        self._left = self._branch() or self._left
        self._session = self._reopen()
        self._session.goto(0)

    def _restore(self) -> None:
        branch = self._left
        if branch is None:
            raise TdplibError("There is no branch to go back to: none has been left yet.")
        here = self._branch()
        self._left = here
        pairs = zip(branch.actors, here.actors if here else (), strict=False)
        common = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
        self._session.goto(common)
        for actor in branch.actors[common:]:
            self._session.step(actor)
        self._session.goto(branch.step)

    # -- the page --------------------------------------------------------------------------

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Do what the page asks; whatever goes wrong is shown there, with its text."""
        with self._lock:
            with self.hold_sync():
                self._later = True  # the page gets its board first, a search comes after
                self._try(lambda: self._dispatch(content))
                self._later = False
                self.set_trait("handled", self.handled + 1)
            if self._behind:
                self._try(self._publish)

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except TdplibError as problem:
            self.set_trait("error", str(problem))
        except Exception as problem:  # a defect: its kind helps whoever reports it
            self.set_trait("error", f"{type(problem).__name__}: {problem}")

    def _dispatch(self, content: Any) -> None:
        asked = content if isinstance(content, Mapping) else {}
        plain = {"back": self.back, "forward": self.forward, "reset": self.reset,
                 "restore": self.restore}  # fmt: skip
        what = asked.get("do")
        if what in plain:
            plain[what]()
        elif what == "goto":
            # "end" is a word, for the page may not know yet how many steps there are by now
            step = asked.get("step")
            self.goto(self.board["steps"] if step == "end" else step)
        elif what in ("step", "run"):
            getattr(self, what)(asked.get("actor"))
        elif what == "judge":
            self.judge(not self._judge)
        else:
            known = [*plain, "goto", "step", "run", "judge"]
            raise BadValueError(f"the page asked for {what!r}{nearest(what, known)}")

    # -- where no page shows it ------------------------------------------------------------

    def __repr__(self) -> str:
        """Return the whole board as text."""
        return self.text()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a static twin, which shows in exports and in notebooks reopened without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {**(data or {}), "text/plain": self.text(), "text/html": self._static()}
        return (data, *rest) if rest else data

    def _static(self) -> str:
        """Return the board as HTML without scripts: a picture, and under it the text."""
        from tdplib.draw import board_svg, describe_board  # late: only a display needs it

        # As an <img>: JupyterLab shows no plain SVG of a notebook that is not trusted.
        image = base64.b64encode(board_svg(self.board).encode()).decode()
        return (
            f'<img alt="{html.escape(describe_board(self.board))}" '
            f'src="data:image/svg+xml;base64,{image}">'
            f"<details><summary>The board as text</summary>"
            f"<pre>{html.escape(self.text())}</pre></details>"
        )


@dataclass(frozen=True)
class _Branch:
    """A timeline that was left: whose steps it had, and where the cursor stood."""

    code: str
    step: int
    actors: list[int]


def _opener(
    protocol: Any, scenario: Any, trace: Any, code: Any, own: Any, raw: bool, session: Any
) -> Callable[[], Any]:
    """Return what opens the session that the arguments of `Interleaver` ask for, each time anew."""
    choices = {"trace": trace, "code": code, "session": session}
    given = [name for name, value in choices.items() if value is not None]
    if len(given) > 1:
        raise BadValueError(f"give one of trace, code and session, not {' and '.join(given)}")
    if session is not None:
        return lambda: type(session)(session.protocol, session.scenario)
    from tdplib.replay import Session  # late: it brings the compiled machine with it

    if trace is not None:
        return lambda: Session.from_trace(trace)
    if code is not None:
        return lambda: Session.from_code(code, own)
    if own is not None:
        return lambda: Session(protocol, scenario, code=own, raw=raw)
    return lambda: Session(protocol, scenario, raw=raw)
