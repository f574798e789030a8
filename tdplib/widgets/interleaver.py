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
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tdplib.errors import BadValueError, TdplibError, nearest
from tdplib.export import KINDS, file_of, links, save
from tdplib.player import Player, To
from tdplib.replay.boardtext import board_text
from tdplib.replay.needed import Needed, needed
from tdplib.replay.why import why
from tdplib.widgets._answering import Answering
from tdplib.widgets._assets import SHEETS, VIEW, module, style
from tdplib.widgets.snapshot import folded, packed, snapshot, stops
from tdplib.widgets.terms import terms

__all__ = ["Interleaver"]

_THEME = re.compile(r"^\[data-jp-theme[^\n]*\n|<desc>.*?</desc>\n", re.MULTILINE | re.DOTALL)
"""What of an SVG means nothing in an ``<img>`` that has the description as its alternative."""
NEEDED_LIMIT = 120
"""Of a longer timeline it is not worked out which steps what it breaks needs: it takes too long."""
QUICK_STATES = 20_000
"""The page that a click saves carries no more states: nobody waits for ten seconds at a button."""


class Interleaver(Answering, anywidget.AnyWidget):
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
    _css = style(*SHEETS)

    board = traitlets.Dict(read_only=True).tag(sync=True, to_json=packed)
    """The snapshot on show: the Board dictionary and what `tdplib.widgets.snapshot` adds to it."""
    sources = traitlets.Dict(read_only=True).tag(sync=True, to_json=packed)
    """Function name -> `file`, `first` (line number), `lines`, `stops`; sent once."""
    saves = traitlets.List(read_only=True).tag(sync=True)
    """The kinds of file that the page offers to save: kind, title."""
    terms = traitlets.Dict(read_only=True).tag(sync=True, to_json=packed)
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
        self.set_trait("saves", [[name, kind.title] for name, kind in KINDS.items()])
        self._lock = threading.RLock()
        made = _opened(protocol, scenario, trace, code, own, raw, session)
        if trace is not None or code is not None:
            made.goto(0 if at == "start" else made.board()["steps"])
        self._judge, self._later, self._behind = bool(judge), False, False
        self._ran = ""
        self._act(lambda: self._open(made))
        self.on_msg(self._on_message)

    # -- what can be done to it, from a cell or from the page ------------------------------

    def step(self, actor: int | str) -> None:
        """Let `actor` (index, letter or name) take its next step; raises where it cannot move."""
        self._act(lambda: self._player.step(actor))

    def run(self, actor: int | str, to: To | None = None) -> str:
        """
        Let `actor` go on until it blocks, is done or breaks something, or stands at the line `to`.

        to : a line of the function it stands in, or a function and a line, such as
            ``("kvm_tdp_mmu_put_root", 57)``

        Returns what ended the run, in a sentence; raises after `tdplib.player.RUN_LIMIT` steps.
        """
        self._act(lambda: setattr(self, "_ran", self._player.run(actor, to)))
        return self.board["ran"]

    def back(self) -> None:
        """Go one step back in the timeline."""
        self._act(self._player.back)

    def forward(self) -> None:
        """Go one step forward in the timeline."""
        self._act(self._player.forward)

    def goto(self, step: int) -> None:
        """Go to the state after `step` steps, 0..`board["steps"]`."""
        self._act(lambda: self._player.goto(step))

    def reset(self) -> None:
        """Go back to how it was opened; the timeline on show is kept as a branch."""
        self._act(self._player.reset)

    def restore(self, branch: int | None = None, step: int | None = None) -> None:
        """
        Go back to a branch that was left by a step in the past; by default to the last one.

        branch : its number, as in `board["branches"]`
        step : where on it to put the cursor; by default where it stood when it was left
        """
        self._act(lambda: self._player.restore(branch, step))

    def judge(self, on: bool = True) -> None:
        """Say beside each next step what it leads to, or stop saying it."""
        self._act(lambda: setattr(self, "_judge", bool(on)))

    def open_session(self, session: Any) -> None:
        """Put another session on show; the widget owns it from then on."""
        self._act(lambda: self._open(session))

    @property
    def schedule(self) -> str:
        """The schedule code of the steps in the timeline."""
        return self.board["code"]

    def save(self, path: str | Path) -> Path:
        """
        Write the whole timeline to `path`, and return it.

        The ending says as what: .svg a picture, .html a page to step through (see
        `tdplib.offline`), .json a trace for ui.perfetto.dev.
        """
        with self._lock:
            return save(self._player.trace(), path, self._greyed(), _page)

    def text(self) -> str:
        """Return the board as plain text, for a terminal, a grader or a screen reader."""
        return board_text({**self.board, "sources": self.sources})

    # -- inside: always under the lock -----------------------------------------------------

    def _open(self, session: Any) -> None:
        """Put `session` on show, as it stands, instead of what was."""
        self._player = Player(session)
        self._matters: tuple[tuple[int, ...], Needed | None] = ((), None)
        self.set_trait("sources", folded(session.board().get("sources") or {}, stops(session)))

    @property
    def _session(self) -> Any:
        return self._player.session

    def _act(self, action: Callable[[], Any]) -> None:
        """Do `action` and show the board that follows from it."""
        with self._lock:
            self._ran = ""
            try:
                action()
            finally:
                self._publish()

    def _publish(self) -> None:
        """Make the snapshot of what is on show by now, and give it to the page."""
        player = self._player
        board = player.board()
        here = board["step"]
        earlier = player.board_at(here - 1) if here else None
        ahead = player.last_board() if here < board["steps"] else None
        steps = getattr(player.session, "steps", ())
        step = steps[here - 1] if here and hasattr(steps[here - 1], "actions") else None
        picture = snapshot(board, earlier, ahead, step)
        self._add_what_matters(picture)
        self._add_judgement(picture)
        picture["ran"] = self._ran
        picture["branch"], picture["branches"] = player.number, player.branches()
        own = getattr(getattr(player.session, "subject", None), "own", None)
        picture["links"] = links(board["code"], own)
        with self.hold_sync():
            self.set_trait("board", picture)
            self.set_trait("error", "")

    def _add_judgement(self, picture: dict) -> None:
        """Add what can come of the state on show, and the state in sentences."""
        judged = self._judged()
        picture["judge"] = judged and {key: judged[key] for key in ("here", "danger")}
        for actor in picture["actors"]:
            actor["leads_to"] = judged and judged["steps"].get(actor["index"])
        told = why(picture, judged if judged and "open" in judged else None)
        picture["why"] = {"holds": list(told.holds), "waits": list(told.waits),
                          "properties": list(told.properties)}  # fmt: skip

    def _add_what_matters(self, picture: dict) -> None:
        """Add which steps what the timeline breaks needs, and which must come before which."""
        found = self._what_matters()
        flags = found.steps if found else ()
        picture["needed"] = None if all(flags) else list(flags)
        picture["before"] = [list(arrow) for arrow in (found.before if found else ())]

    def _judged(self) -> dict | None:
        """Return what can come of the state on show; a first search is put off in a message."""
        if not self._judge:
            return None
        from tdplib.outlook import is_judged, judge  # late: it brings the search with it

        self._behind = self._later and not is_judged(self._session)
        if self._behind:
            return {"here": "every interleaving is being searched", "danger": None, "steps": {}}
        return judge(self._session)

    def _what_matters(self) -> Needed | None:
        """Return what of the timeline matters for what it breaks; None: nothing, or not known."""
        player = self._player
        path, last = player.path(), player.last_board()
        if not last["broken"] or len(path) > NEEDED_LIMIT or not hasattr(player.session, "trace"):
            return None
        if self._matters[0] != path:
            self._matters = path, needed(player.trace())
        return self._matters[1]

    def _greyed(self) -> tuple[bool, ...] | None:
        """Return of each step whether it is needed, for a picture; None: all, or not known."""
        found = self._what_matters()
        return None if found is None or all(found.steps) else found.steps

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
        """Do what one message asks for; static/view.js has the list of them."""
        asked = content if isinstance(content, Mapping) else {}
        what, actions = asked.get("do"), self._actions(asked)
        if what not in actions:
            raise BadValueError(f"the page asked for {what!r}{nearest(what, actions)}")
        actions[what]()

    def _actions(self, asked: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
        """Return what the page can ask for: word -> what is done, for the message `asked`."""
        return {
            "back": self.back,
            "forward": self.forward,
            "reset": self.reset,
            "restore": lambda: self.restore(asked.get("branch"), asked.get("step")),
            "goto": lambda: self.goto(self._asked_step(asked.get("step"))),
            "step": lambda: self.step(asked.get("actor")),
            "run": lambda: self.run(asked.get("actor"), _line(asked.get("to"))),
            "judge": lambda: self.judge(not self._judge),
            "export": lambda: self._export(asked.get("kind"), asked.get("view")),
        }

    def _asked_step(self, step: Any) -> Any:
        # "end" is a word, for the page may not know yet how many steps there are by now
        return self.board["steps"] if step == "end" else step

    def _export(self, kind: Any, view: Any) -> None:
        """Send the timeline as a file to the one view that asked for it."""
        made = file_of(kind, self._player.trace(), self._greyed(), _quick_page)
        self.send({"file": vars(made), "view": view})
        self.set_trait("error", "")

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
        picture = _THEME.sub("", board_svg(self.board))  # it does not see the page's theme
        image = base64.b64encode(picture.encode()).decode()
        return (
            f'<img alt="{html.escape(describe_board(self.board))}" '
            f'src="data:image/svg+xml;base64,{image}">'
            f"<details><summary>The board as text</summary>"
            f"<pre>{html.escape(self.text())}</pre></details>"
        )


def _page(trace: Any) -> str:
    from tdplib.widgets.offline import page  # late: it brings the search with it

    return page(trace)


def _quick_page(trace: Any) -> str:
    from tdplib.widgets.offline import page

    return page(trace, most=QUICK_STATES)


def _line(to: Any) -> To | None:
    """Return the line that the page named: a list of a function and a number."""
    if isinstance(to, list) and len(to) == 2 and isinstance(to[0], str):
        return to[0], to[1]
    if to is not None:
        raise BadValueError(f"the page asked for a run to {to!r}, must be a function and a line")
    return None


def _opened(
    protocol: Any, scenario: Any, trace: Any, code: Any, own: Any, raw: bool, session: Any
) -> Any:
    """Return the session that the arguments of `Interleaver` ask for."""
    choices = {"trace": trace, "code": code, "session": session}
    given = [name for name, value in choices.items() if value is not None]
    if len(given) > 1:
        raise BadValueError(f"give one of trace, code and session, not {' and '.join(given)}")
    if session is not None:
        return session
    from tdplib.replay import Session  # late: it brings the compiled machine with it

    if trace is not None:
        return Session.from_trace(trace)
    if code is not None:
        return Session.from_code(code, own)
    if own is not None:
        return Session(protocol, scenario, code=own, raw=raw)
    return Session(protocol, scenario, raw=raw)
