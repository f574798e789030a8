"""
`BreakIt` and `SaveIt`: the ladder on an Interleaver.

What a level is, its par, scores and the judging of changed code are `tdplib.ladder`'s; here is what
the page shows of it (`static/game.js` paints it).
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from tdplib import ladder
from tdplib.errors import BadValueError, TdplibError
from tdplib.widgets._assets import SHEETS, VIEW, module, style
from tdplib.widgets.interleaver import Interleaver

__all__ = ["BreakIt", "SaveIt"]

START = "Play on the board below: you choose who takes the next step, until something breaks."
NOTHING_BROKE = (
    "Everybody is done and nothing broke. Take steps back, or reset, and try another way."
)


class _Game(Interleaver):
    """What both halves of the game have in common: a level, and words above the board."""

    _esm = module(*VIEW, "editor.js", "game.js")
    _css = style(*SHEETS, "game.css")

    game = traitlets.Dict(read_only=True).tag(sync=True)
    """What stands above the board; see `BreakIt._told` and `SaveIt._told`."""

    _title = ""

    def __init__(self, level: int) -> None:
        self._level = ladder.level(level)
        self._said = ""
        super().__init__(session=self._session_of(self._level))

    def level(self, number: int) -> None:
        """Go to level `number`, from 1."""
        about = ladder.level(number)
        self._act(lambda: self._enter(about))

    def text(self) -> str:
        """Return the level and the board as plain text."""
        head = f"{self.game['head']}: {self.game['title']}"
        return "\n\n".join([head, *self._about(), *self._lines(), super().text()])

    def _about(self) -> tuple[str, str, str]:
        return self.game["situation"], self.game["source"], self.game["task"]

    def _lines(self) -> list[str]:
        """Return what the text has between the task and the board."""
        raise NotImplementedError

    def _told(self) -> dict[str, Any]:
        """Return what stands above the board beside what the level itself says."""
        raise NotImplementedError

    def _session_of(self, about: ladder.Level) -> Any:
        raise NotImplementedError

    def _enter(self, about: ladder.Level) -> None:
        session = self._session_of(about)
        self._level, self._said = about, ""
        self._open(session)

    def _publish(self) -> None:
        with self.hold_sync():
            super()._publish()
            level = self._level
            shared = {"head": f"{self._title}, level {level.number} of {len(ladder.levels())}",
                      "number": level.number, "title": level.title, "situation": level.situation,
                      "source": level.source, "said": self._said}  # fmt: skip
            self.set_trait("game", {**shared, **self._told()})

    def _actions(self, asked: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
        mine = super()._actions(asked)
        mine["level"] = lambda: self.level(asked.get("level"))
        return mine

    def _static(self) -> str:
        told = self.game
        words = [f"<b>{html.escape(told['head'])}: {html.escape(told['title'])}</b>"]
        words += [html.escape(text) for text in (*self._about(), *self._lines())]
        return "".join(f"<p>{text}</p>" for text in words) + super()._static()


class BreakIt(_Game):
    """
    *Break it*: find a schedule that breaks a wrong version, in as few steps as you can.

    The board is an `Interleaver`; above it stands what the level is about, what is to be broken,
    and par: the least steps, then the least switches, that a search of every interleaving found.
    Your best of each level is kept in a small file on your own machine (`tdplib.ladder`).

    Parameters
    ----------
    level : int
        Number of the level to begin with, from 1.

    Examples
    --------
    >>> play = BreakIt(1)
    >>> for actor in "abbbaaa":
    ...     play.step(actor)
    >>> print(play.game["done"]["score"])
    Your 7 steps and 2 switches: that is par.
    """

    _title = "Break it"

    def __init__(self, level: int = 1) -> None:
        self._play = ladder.Play(level)
        self._noted: tuple[str, int] = ("", 0)
        self._is_best = False
        super().__init__(level)

    def undo(self) -> None:
        """Take the last step back, and forget it."""
        self._act(self._session.undo)

    def nudge(self) -> str:
        """Ask for a nudge: first a thought, then, once, a step. It counts in the score."""
        self._act(lambda: setattr(self, "_said", self._play.nudge(self._session)))
        return self._said

    def reach(self) -> str:
        """Ask whether it can still break from here; that does not count."""
        self._act(lambda: setattr(self, "_said", self._play.reach(self._session)))
        return self._said

    def judge(self, on: bool = True) -> None:
        """Refuse: in a level no step is judged."""
        if on:
            raise TdplibError("The judge stays away from a level. Ask for a nudge instead.")

    def _act(self, action: Callable[[], Any]) -> None:
        def afresh() -> None:
            self._said = ""
            action()

        super()._act(afresh)

    def _session_of(self, about: ladder.Level) -> Any:
        from tdplib.replay import Session  # late: it brings the compiled machine with it

        return Session(about.protocol, about.scenario)

    def _enter(self, about: ladder.Level) -> None:
        super()._enter(about)
        self._play, self._noted = ladder.Play(about), ("", 0)

    def _told(self) -> dict[str, Any]:
        level, board = self._level, self.board
        done = self._done(self._play.score(board))
        bests = ladder.bests()
        best = bests[level.number]
        return {
            "task": level.task(),
            "meter": ladder.so_far(board, ladder.par(level)),
            "nudges": self._play.nudges,
            "hint": level.nudge if self._play.nudges and not done else "",
            "said": self._spoken(board, done),
            "done": done,
            "best": best and f"{ladder.stars_text(best['stars'])}, "
            f"{best['steps']} and {best['switches']}",
            "levels": [[each.number, each.title, _stars(bests[each.number])]
                       for each in ladder.levels()],
        }  # fmt: skip

    def _spoken(self, board: Mapping[str, Any], done: Any) -> str:
        """Return the answer to what was asked last, or what helps without being asked."""
        if self._said or done:
            return "" if self._said == self._level.nudge else self._said  # that one stays anyway
        if board["end"]:
            return NOTHING_BROKE
        return "" if board["step"] or self._play.nudges else START

    def _done(self, made: ladder.Score | None) -> dict[str, Any] | None:
        if made is None:
            return None
        play = self.board["code"], self._play.nudges
        if self._noted != play:  # a board that is painted again is no new play
            self._noted, self._is_best = play, ladder.note_score(made)
        other = "" if made.on_target else (
            f"That is not the property that was asked for ({self._level.target}). It counts."
        )  # fmt: skip
        mend = f"Can you save it, too? `SaveIt({self._level.number})` has the code."
        spare = (self.board["needed"] or []).count(False)
        return {"spare": spare and f"{_dashed(spare)} not needed: there is a shorter way.",
                "mend": mend if self._level.save else "",
                "stars": ladder.stars_text(made.stars), "happened": made.happened(),
                "property": made.property, "other": other, "score": made.text(),
                "is_best": self._is_best}  # fmt: skip

    def _lines(self) -> list[str]:
        told, done = self.game, self.game["done"]
        lines = [f"{told['meter'].capitalize()}."]
        if done:
            lines.append(
                f"{done['property']} is broken. {done['happened']} {done['other']}".strip()
            )
            lines.append(f"{done['stars']}. {done['score']}")
        return [*lines, *(text for text in (told["hint"], told["said"]) if text)]

    def _actions(self, asked: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
        return {**super()._actions(asked), "undo": self.undo, "nudge": self.nudge,
                "reach": self.reach}  # fmt: skip


class SaveIt(_Game):
    """
    *Save it*: change a line of a wrong version so that no schedule breaks it any more.

    The board shows the shortest schedule that breaks it, to step through. The function in question
    stands above it and can be edited; *Check* runs the changed code in every interleaving. A wrong
    answer is opened in the board: the shortest schedule that breaks what you wrote.

    Parameters
    ----------
    level : int
        Number of the level; not every level has something to save.

    Examples
    --------
    >>> mend = SaveIt(1)
    >>> print(mend.check(mend.source.replace("kvm.counter += 1", "atomic_inc(kvm.counter)")))
    saved: No schedule breaks it any more. 1 line changed, par 1.
    """

    _title = "Save it"

    def __init__(self, level: int = 1) -> None:
        self._result: ladder.Saved | None = None
        self._text, self._shown = ladder.given(level).rstrip(), "given"
        super().__init__(level)

    @property
    def source(self) -> str:
        """The text that was checked last, or the one that is given."""
        return self._text

    def check(self, source: Any = None) -> ladder.Saved:
        """
        Judge `source`: text, a function or several; by default the text that is there.

        It is parsed, never executed. Where a schedule breaks it, the board shows the shortest.
        """
        self._act(lambda: self._check(self._text if source is None else source))
        return self._result

    def again(self) -> None:
        """Go back to the text as it was given, and to the schedule that breaks that."""
        self._act(lambda: self._enter(self._level))

    def _check(self, source: Any) -> None:
        self._result = made = ladder.save(self._level, source)
        if isinstance(source, str):
            self._text = source
        if made.ok:
            ladder.note_save(self._level, made.lines)
        if self._shown != "given":
            self._shown = "earlier"
        if made.trace is not None:
            from tdplib.replay import Session

            self._shown = made.status
            self._open(Session.from_trace(made.trace))

    def _session_of(self, about: ladder.Level) -> Any:
        from tdplib.replay import Session

        ladder.given(about)  # says which levels there are, for one that has nothing to save
        session = Session.from_code(ladder.par(about).code)
        session.goto(0)
        return session

    def _enter(self, about: ladder.Level) -> None:
        super()._enter(about)
        self._result, self._text = None, ladder.given(about).rstrip()
        self._shown = "given"

    def _told(self) -> dict[str, Any]:
        level, made = self._level, self._result
        names = " and ".join(f"`{name}`" for name in level.save.functions)
        saves = ladder.saves()
        lines = saves[level.number]
        return {
            "task": f"Change {names} so that no schedule breaks it any more. Par: "
                    f"{level.save.par} line{'s' if level.save.par > 1 else ''} changed; "
                    "a line that is moved counts once.",
            "meter": f"The board shows {_SHOWN[self._shown]}.",
            "text": self._text,
            "result": made and {"status": made.status, "ok": made.ok, "message": made.message,
                                "line": made.line, "column": made.column},
            "best": lines and f"saved with {lines} line{'s' if lines > 1 else ''} changed",
            "levels": [[each.number, each.title, "saved" if saves[each.number] else ""]
                       for each in ladder.levels() if each.save],
        }  # fmt: skip

    def _lines(self) -> list[str]:
        made = self._result
        return [self._text.rstrip(), *([f"{made.status}: {made.message}"] if made else [])]

    def _actions(self, asked: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
        return {**super()._actions(asked), "again": self.again,
                "check": lambda: self.check(_typed(asked.get("source")))}  # fmt: skip


_SHOWN = {
    "given": "the shortest schedule that breaks the code as it was given: step through it",
    "broken": "the shortest schedule that breaks what you wrote: step through it",
    "beside": "how to come to where not everybody can end any more: step through it",
    "earlier": "what was wrong with an earlier answer of yours",
}


def _typed(source: Any) -> str:
    if not isinstance(source, str):
        raise BadValueError(f"the page sent {type(source).__name__} to check, must be text")
    return source


def _dashed(spare: int) -> str:
    several = f"The {spare} dashed steps of the timeline were"
    return several if spare > 1 else "The dashed step of the timeline was"


def _stars(best: dict[str, Any] | None) -> str:
    return ladder.stars_text(best["stars"]).partition(" ")[0] if best else ""
