"""
One session played by hand, with every branch that was left on the way.

What the Interleaver and `tdplib play` have in common: they show boards and pass on what was asked
for; which steps there are, which lines of steps were left, and how far an actor runs is told here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import BadValueError, TdplibError, check_int, nearest

__all__ = ["RUN_LIMIT", "Player"]

RUN_LIMIT = 500
"""A run gives up after so many steps: an actor that spins never blocks."""

To = int | tuple[str, int]
"""Where a run goes to: a line of the function the actor stands in, or (function, line)."""


@dataclass(frozen=True)
class _Branch:
    """A timeline that was left: whose steps it had, where the cursor stood, how it ends."""

    path: tuple[int, ...]
    step: int
    ends: str


class Player:
    """
    A session, and beside its timeline every other one that was left for it.

    A step in the past starts a new branch. The timeline it leaves is kept under its number, and
    can be gone back to; only what is the beginning of another one is not kept twice.

    Parameters
    ----------
    session : a `tdplib.replay.Session`; `reset` goes back to its timeline and its cursor

    Examples
    --------
    >>> from tdplib.replay import Session
    >>> player = Player(Session("lost-update"))
    >>> player.run("vCPU 0")
    'vCPU 0 has taken 3 steps and is done.'
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.number = 1
        """Which branch is on show; the timeline that was opened is branch 1."""
        self._made = 1
        self._left: dict[int, _Branch] = {}
        self._last: tuple[tuple[int, ...], Any] = ((), None)
        self._opened = self.path(), session.board()["step"]

    # -- looking ---------------------------------------------------------------------------

    def board(self) -> Mapping[str, Any]:
        """Return the board at the cursor."""
        return self.session.board()

    def path(self) -> tuple[int, ...]:
        """Return the actors of the whole timeline's steps."""
        return tuple(entry["actor"] for entry in self.session.board()["timeline"])

    def board_at(self, step: int) -> Mapping[str, Any]:
        """Return the board after `step` steps; the cursor stays where it is."""
        here = self.session.board()["step"]
        self.session.goto(step)
        try:
            return self.session.board()
        finally:
            self.session.goto(here)

    def last_board(self) -> Mapping[str, Any]:
        """Return the timeline's last board, made once for each timeline."""
        path = self.path()
        if self._last[0] != path or self._last[1] is None:
            self._last = path, self.board_at(len(path))
        return self._last[1]

    def trace(self) -> Any:
        """
        Return the whole timeline as a Trace, the steps after the cursor too.

        Raises TdplibError where no step was taken.
        """
        board = self.session.board()
        if not board["steps"]:
            raise TdplibError("no step has been taken yet: there is nothing to save.")
        self.session.goto(board["steps"])
        try:
            copy = type(self.session).from_trace(self.session.trace())
        finally:
            self.session.goto(board["step"])
        copy.goto(board["steps"])  # a session of its own: a trace shows what its session stands at
        return copy.trace()

    def branches(self) -> list[dict]:
        """
        Return the branches that were left, in the order in which they were begun.

        `number`; `fork`, after how many steps it leaves the timeline on show; `steps`, how many it
        has; `actors`, whose steps these are after the fork; `ends`, what its last step breaks or
        shows, in words, or "".
        """
        path, found = self.path(), []
        for number, branch in sorted(self._left.items()):
            fork = _common(branch.path, path)
            found.append({"number": number, "fork": fork, "steps": len(branch.path),
                          "actors": list(branch.path[fork:]), "ends": branch.ends})  # fmt: skip
        return found

    def index(self, actor: int | str) -> int:
        """Return the number of an actor given by number, letter or name."""
        actors = self.session.board()["actors"]
        if isinstance(actor, str):
            for known in actors:
                if actor in (known["name"], known["letter"]):
                    return known["index"]
            raise BadValueError(f"no actor {actor!r}{nearest(actor, [a['name'] for a in actors])}")
        return check_int("actor", actor, 0, len(actors) - 1)

    # -- moving ----------------------------------------------------------------------------

    def step(self, actor: int | str) -> None:
        """Let `actor` take its next step; raises where it cannot move."""
        self._step(self.index(actor))
        self._tidy()

    def run(self, actor: int | str, to: To | None = None) -> str:
        """
        Let `actor` go on until it blocks, is done, breaks something, or stands at the line `to`.

        Returns what ended the run, in a sentence. Raises TdplibError after `RUN_LIMIT` steps.
        """
        who = self.index(actor)
        try:
            return _Run(self, who, to).go()
        finally:
            self._tidy()

    def back(self) -> None:
        """Go one step back."""
        self.session.back()

    def forward(self) -> None:
        """Go one step forward."""
        self.session.forward()

    def goto(self, step: int) -> None:
        """Go to the state after `step` steps of the timeline."""
        self.session.goto(check_int("step", step, 0, self.session.board()["steps"]))

    def reset(self) -> None:
        """Go back to how it was opened; the timeline on show is kept as a branch."""
        left, (path, step) = self._on_show(), self._opened
        self._wind(path, step)
        if left.path != path:
            self._leave(left)
        self._tidy()

    def restore(self, number: int | None = None, step: int | None = None) -> None:
        """
        Go back to the branch `number`, by default the one that was left last.

        step : where to put the cursor; by default where it stood when the branch was left
        """
        if not self._left:
            raise TdplibError("there is no branch to go back to: none has been left yet.")
        if number is None:
            number = list(self._left)[-1]
        if number not in self._left:
            known = ", ".join(map(str, sorted(self._left)))
            raise BadValueError(f"there is no branch {number!r} to go back to; there is {known}")
        branch, left = self._left[number], self._on_show()
        at = branch.step if step is None else check_int("step", step, 0, len(branch.path))
        self._wind(branch.path, at)
        del self._left[number]
        if left.path:
            self._left[self.number] = left
        self.number = number
        self._tidy()

    # -- inside ----------------------------------------------------------------------------

    def _step(self, actor: int) -> None:
        board = self.session.board()
        here, timeline = board["step"], board["timeline"]
        if here == len(timeline):
            self.session.step(actor)
        elif timeline[here]["actor"] == actor:
            self.session.forward()  # the step that was taken here before: no new branch
        else:
            left = self._on_show()
            self.session.step(actor)
            self._leave(left)

    def _wind(self, path: Sequence[int], step: int) -> None:
        """Make `path` the timeline, and put the cursor after `step` steps of it."""
        fork = _common(path, self.path())
        self.session.goto(fork if fork < len(path) else self.session.board()["steps"])
        for actor in path[fork:]:
            self.session.step(actor)
        while self.session.board()["steps"] > len(path):
            self.session.undo()
        self.session.goto(step)

    def _on_show(self) -> _Branch:
        last = self.last_board()
        ends = f"shows {last['advice']}" if last.get("advice") else ""
        if last["broken"]:
            ends = f"breaks {last['broken']['property']}"
        return _Branch(self.path(), self.session.board()["step"], ends)

    def _leave(self, left: _Branch) -> None:
        """Keep the timeline that has been left, and give the one on show a number of its own."""
        if left.path:
            self._left[self.number] = left
            self._made += 1
            self.number = self._made

    def _tidy(self) -> None:
        """Forget each branch that is the beginning of another one, or is on show again."""
        path = self.path()
        for number, branch in list(self._left.items()):
            if branch.path == path:
                self.number = number
            others = [b.path for n, b in self._left.items() if n != number]
            if any(_begins(branch.path, other) for other in (path, *others)):
                del self._left[number]


class _Run:
    """One actor running: until it cannot go on, or has come to a line."""

    def __init__(self, player: Player, actor: int, to: To | None) -> None:
        self.player, self.actor, self.taken = player, actor, 0
        self.name = self._now()["name"]
        self.to = None if to is None else self._place(to)

    def go(self) -> str:
        for _ in range(RUN_LIMIT):
            stood = self._stands()
            self.player._step(self.actor)
            self.taken += 1
            if self.to and self._stands():
                return f"{self._took()} and stands at {self._words()}."
            if self.to and self._went_through(stood):
                return f"{self._took()} and went through {self._words()} within the last one."
            ended = self._ended()
            if ended:
                return self._told(ended)
        missed = f"it did not come to {self._words()}" if self.to else "it does not block"
        raise TdplibError(f"{self.name} was stopped after {RUN_LIMIT} steps: {missed}.")

    def _now(self) -> Mapping[str, Any]:
        return self.player.board()["actors"][self.actor]

    def _place(self, to: To) -> tuple[str, int]:
        """Return the function and line that `to` names, if there is such a line."""
        known = self.player.board().get("sources") or {}
        function, line = (self._now()["function"], to) if isinstance(to, int) else to
        if function not in known:
            raise BadValueError(f"no function {function!r}{nearest(function, known)}")
        first = known[function]["first"]
        last = first + len(known[function]["lines"]) - 1
        if not isinstance(line, int) or not first <= line <= last:
            raise BadValueError(f"{function} has the lines {first} to {last}, not {line!r}")
        return function, line

    def _stands(self) -> bool:
        now = self._now()
        return now["status"] != "done" and (now["function"], now["line"]) == self.to

    def _went_through(self, stood: bool) -> bool:
        """Say whether the last step did something at the line; what it stood at does not count."""
        steps = getattr(self.player.session, "steps", ())
        step = steps[self.player.board()["step"] - 1] if steps else None
        actions = getattr(step, "actions", ())[1 if stood else 0 :]
        return any((action.function, action.line) == self.to for action in actions)

    def _ended(self) -> str:
        board, now = self.player.board(), self._now()
        if board["broken"]:
            return f"{board['broken']['property']} is broken"
        if now["status"] == "ready":
            return ""
        reason = now.get("reason") or ""
        return f"it is {now['status']}" + (f": {reason}" if now["status"] == "blocked" else "")

    def _took(self) -> str:
        return f"{self.name} has taken {self.taken} step{'' if self.taken == 1 else 's'}"

    def _told(self, ended: str) -> str:
        if self.to:
            return f"{self._took()} and did not come to {self._words()}: {ended}."
        return f"{self._took()} and {ended.removeprefix('it ')}."

    def _words(self) -> str:
        return f"line {self.to[1]} of {self.to[0]}"


def _common(some: Sequence[int], others: Sequence[int]) -> int:
    """Return how many steps two paths have in common from the start on."""
    pairs = zip(some, others, strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _begins(some: Sequence[int], other: Sequence[int]) -> bool:
    return tuple(other[: len(some)]) == tuple(some)
