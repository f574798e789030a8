"""A session: stepping a system by hand, back and forth; every trace and every widget is one."""

from __future__ import annotations

from ..errors import BadValueError
from ..properties import Property, find
from ..vm import codes as c
from . import board as boards
from . import schedule as schedules
from .schedule import Schedule, ScheduleError
from .stepping import BlockedError, Taken, Widened, peek, take
from .subject import Subject, subject
from .trace import Step, Trace, make_step


class Session:
    """
    One path through a protocol in a scenario, with a cursor.

    Session("v5.18"), Session("patch-21", "requeue"), Session(code=my_function, base="patch-22").
    Steps are those of a search with all reductions; `raw=True` makes every atomic action a step.

    Taking a step in the past drops what came after it (`code()` before that keeps it).
    """

    def __init__(
        self,
        protocol="v5.18",
        scenario=None,
        *,
        code=None,
        raw: bool = False,
        _subject: Subject | None = None,
        _mode: int | None = None,
    ):
        self.subject = _subject or subject(
            code if code is not None else protocol,
            base=protocol if code is not None else "v5.18",
            scenario=scenario,
        )
        self.mode = _mode if _mode is not None else (0 if raw else 7)
        self.lock = self.system.lock
        self.path: list[int] = []
        self.cursor = 0
        self.judged: object = None
        """What `tdplib.outlook.judge` keeps here: the judged graph of the subject."""
        self._reset()

    @classmethod
    def from_code(cls, code: str, own=None) -> Session:
        """
        Return the session that a schedule code describes, at its end.

        Raises ScheduleError if it does not fit.
        """
        from . import open_schedule

        return open_schedule(code, own)

    @classmethod
    def from_trace(cls, trace: Trace) -> Session:
        """Return a session on the path of `trace`, at its start."""
        session = cls(_subject=trace.session.subject, _mode=trace.session.mode)
        for actor in trace.session.path:
            session.step(actor)
        session.goto(0)
        return session

    @property
    def system(self):
        """The compiled system."""
        return self.subject.system

    def _reset(self) -> None:
        """Start over with the packed forms as they are now."""
        self.image = self.system.image
        self.states = [self.image.start.copy()]
        self.steps: list[Step] = []
        self.taken: list[Taken] = []
        self.boards: dict[int, dict] = {}
        self.kinds = [boards.slot_kinds(self.system, self.states[0], [""] * self.system.pages)]
        self.fixed = {"sources": boards.sources(self.system), "uses": boards.uses(self.system)}

    # === moving ===

    def step(self, actor: int) -> Step:
        """
        Let `actor` take its step from where the cursor stands.

        Raises BlockedError if it cannot move (the text says why), BadValueError for a number that
        is no actor.
        """
        with self.lock:
            self.repack()
            if not isinstance(actor, int) or not 0 <= actor < len(self.system.actors):
                raise BadValueError(
                    f"actor {actor!r} does not exist: "
                    f"there are actors 0 to {len(self.system.actors) - 1}"
                )
            ended = self.ended()
            if ended:
                raise BlockedError(f"{self.system.actors[actor].name} cannot move: {ended}")
            try:
                return self._step(actor)
            except Widened:
                self._replay_widened()
                return self._step(actor)

    def _step(self, actor: int) -> Step:
        taken = take(self.system, self.states[self.cursor], actor, self.mode)
        if taken is None:
            node, _ = peek(self.system, self.states[self.cursor], actor, self.mode)
            why = (
                "it has ended"
                if node.op.code == "END"
                else "it " + boards.why_blocked(self.system, self.states[self.cursor], actor, node)
            )
            raise BlockedError(f"{self.system.actors[actor].name} cannot move: {why}")
        self._cut()
        previous = self.path[-1] if self.path else None
        made = make_step(self.system, len(self.steps) + 1, actor, taken, previous)
        self.path.append(actor)
        self.steps.append(made)
        self.taken.append(taken)
        self.states.append(taken.state if taken.state is not None else taken.happened[-1].before)
        self.kinds.append(boards.slot_kinds(self.system, self.states[-1], self.kinds[-1]))
        self.cursor += 1
        return made

    def _cut(self) -> None:
        """Drop what came after the cursor."""
        at = self.cursor
        self.path, self.steps, self.taken, self.states = (
            self.path[:at],
            self.steps[:at],
            self.taken[:at],
            self.states[: at + 1],
        )
        del self.kinds[at + 1 :]
        self.boards = {k: b for k, b in self.boards.items() if k < at}

    def repack(self) -> None:
        """Take the path again if the packed forms have changed meanwhile (a search can do that)."""
        with self.lock:
            if self.image is not self.system.image:
                self._replay_widened()

    def _replay_widened(self) -> None:
        """Take the whole path again, after the table of words has grown."""
        path, cursor = self.path, self.cursor
        self._reset()
        self.path, self.cursor = [], 0
        for actor in path:
            self._step(actor)
        self.cursor = cursor

    def back(self) -> None:
        """Move the cursor one step back, if there is one."""
        self.goto(max(0, self.cursor - 1))

    def forward(self) -> None:
        """Move the cursor one step forward, if there is one."""
        self.goto(min(len(self.steps), self.cursor + 1))

    def undo(self) -> None:
        """Move one step back and forget it."""
        with self.lock:
            self.back()
            self._cut()

    def goto(self, k: int) -> None:
        """Move the cursor to just after step `k` (0 is the start)."""
        with self.lock:
            if not 0 <= k <= len(self.steps):
                raise BadValueError(f"step {k} does not exist: {len(self.steps)} were taken")
            self.cursor = k

    # === looking ===

    def ended(self) -> str:
        """Return why no step can follow the cursor, or ""."""
        if self.cursor and self.taken[self.cursor - 1].broken:
            return "a property is broken: the path ends here"
        if self.cursor and self.taken[self.cursor - 1].bound:
            return f"a bound of the model is met ({self.taken[self.cursor - 1].bound})"
        return ""

    def broken(self) -> Property | None:
        """
        Return the property that the step at the cursor broke.

        Or that the state there breaks because nobody can move.
        """
        if self.cursor and self.taken[self.cursor - 1].broken:
            return self.taken[self.cursor - 1].broken
        from ..vm._entry import final_code

        with self.lock:
            if any(
                take(self.system, self.states[self.cursor], k, self.mode) is not None
                for k in range(len(self.system.actors))
            ):
                return None
            image = self.system.image
            code = int(final_code(image.im, image.mem, self.states[self.cursor].copy()))
        return find(c.PROPERTIES[c.BROKEN - code]) if code <= c.BROKEN else None

    def code(self) -> str:
        """Return the schedule code of the path up to the cursor."""
        return self.code_of(self.path[: self.cursor])

    def code_of(self, path) -> str:
        """Return the schedule code of a path (actor numbers) in this session's system."""
        made = Schedule(
            self.subject.protocol,
            self.subject.own is not None,
            self.subject.scenario,
            self.mode,
            self.system.fingerprint[:6],
            tuple(path),
        )
        return schedules.write(made)

    def trace(self) -> Trace:
        """Return the path up to the cursor as a Trace."""
        broken = self.broken()
        if broken is None and self.taken and self.taken[self.cursor - 1].advice:
            broken = find("wasted-zap")
        sentence = broken.sentence if broken else None
        return Trace(
            self.code(),
            self.subject.protocol,
            self.subject.scenario,
            tuple(boards.names(self.system)),
            tuple(self.steps[: self.cursor]),
            broken.name if broken else None,
            sentence,
            self.system,
            self,
        )

    def why(self, judged: dict | None = None):
        """
        Say in sentences who holds what, who waits for whom, and how the properties stand.

        judged : `tdplib.outlook.judge(session)`, to say also what can still break
        """
        from .why import why

        return why(self.board(), judged)

    def board(self) -> dict:
        """Return the state at the cursor as a Board (plain data)."""
        with self.lock:
            self.repack()
            if self.cursor not in self.boards:
                self.boards[self.cursor] = self._board()
            made = dict(self.boards[self.cursor])
            made["steps"], made["timeline"] = len(self.steps), self.timeline()
            made["shape"] = {"levels": self.system.levels, "entries": self.system.entries,
                             "slots": list(self.kinds[-1])}  # fmt: skip
            return made

    def _board(self) -> dict:
        st, at = self.states[self.cursor], self.cursor
        parts = boards.state_entries(self.system, st)
        before = boards.state_entries(self.system, self.states[at - 1]) if at else parts
        broken = self.broken()
        ended = self.ended()
        actors = [
            boards.actor_entry(self.system, st, k, self.mode, ended)
            for k in range(len(self.system.actors))
        ]
        told = None
        if broken is not None:
            told = {
                "property": broken.name,
                "sentence": broken.sentence,
                "step": at,
                "actor": self.path[at - 1] if at else None,
            }
        advice = "wasted-zap" if at and self.taken[at - 1].advice else None
        finished = all(a["status"] in ("done", "idle") for a in actors)
        return {
            "protocol": self.subject.protocol + (schedules.OWN_CODE if self.subject.own else ""),
            "scenario": schedules.scenario_text(self.subject.scenario, self.subject.protocol),
            "step": at,
            "steps": len(self.steps),
            "code": self.code(),
            "actors": actors,
            **self.fixed,
            **parts,
            "changed": boards.changed(before, parts) if at else [],
            "timeline": [],
            "broken": told,
            "advice": advice,
            "end": "everybody is done" if finished and broken is None else None,
        }

    def timeline(self) -> list[dict]:
        """Return one entry a step taken, for the whole path."""
        return [timeline_entry(step) for step in self.steps]

    def all_boards(self) -> list[dict]:
        """Return the Board before each step up to the cursor, and the one at it."""
        with self.lock:
            at = self.cursor
            found = []
            for k in range(at + 1):
                self.cursor = k
                found.append(self.board())
            self.cursor = at
            return found


def timeline_entry(step: Step) -> dict:
    """Return a step as a Board's timeline has it."""
    first, last = step.actions[0], step.actions[-1]
    one = len(step.actions) == 1
    return {
        "step": step.number,
        "actor": step.actor,
        "summary": first.effect if one else f"{first.effect} ... {last.effect}",
        "function": last.function,
        "line": last.line,
        "switch": step.switch,
        "actions": len(step.actions),
    }


def walk(made: Session, steps: tuple[int, ...]) -> str | None:
    """Take `steps`; return None, or at which step and why the path stops fitting."""
    for number, actor in enumerate(steps, 1):
        if actor >= len(made.system.actors):
            names = ", ".join(
                f"{boards.letter(k)} = {n}" for k, n in enumerate(boards.names(made.system))
            )
            return (
                f"stops at step {number}: actor {boards.letter(actor)} does not exist "
                f"in this scenario ({names})"
            )
        try:
            made.step(actor)
        except BlockedError as error:
            return f"stops at step {number}: {error}"
    return None


__all__ = ["BlockedError", "ScheduleError", "Session", "timeline_entry", "walk"]
