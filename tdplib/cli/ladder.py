"""`tdplib ladder`, and what `tdplib play --level N` adds to playing by hand."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

from tdplib.cli._say import say, say_json, table
from tdplib.cli._verbs import add_verb
from tdplib.errors import BadValueError

__all__ = ["Game", "add"]

EXIT = {"saved": 0, "broken": 1, "beside": 1, "unchanged": 1, "language": 2, "undecided": 3}
WIDTH = 88


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "ladder",
        _ladder,
        "list the levels of the game and your bests, show a level, or save one",
        "tdplib ladder\n"
        "tdplib ladder 8                      what it is about, and the code to save it in\n"
        "tdplib play --level 8                break it\n"
        "tdplib ladder 8 --save mine.py       exit code 0 saved, 1 not, 2 no kernel Python",
    )
    verb.add_argument("level", type=int, nargs="?", metavar="N", help="show this level")
    verb.add_argument("--save", metavar="FILE", help="with N: judge the changed functions in FILE")
    verb.add_argument("--json", action="store_true", help="as JSON")


def _ladder(args: argparse.Namespace) -> int:
    from tdplib import ladder

    if args.level is None:
        if args.save:
            raise BadValueError("--save goes with the number of a level")
        return _list(ladder, args.json)
    if args.save:
        return _save(ladder, args)
    record = _record(ladder, ladder.level(args.level))
    if args.json:
        say_json(record)
        return 0
    _show(ladder, ladder.level(args.level))
    return 0


def _list(ladder: Any, as_json: bool) -> int:
    records = [_record(ladder, each) for each in ladder.levels()]
    if as_json:
        say_json(records)
        return 0
    rows = [("level", "par", "your best", "saved", "title")]
    for record in records:
        best, lines = record["best"], record["saved"]
        reached = f"{best['steps']}, {best['switches']}" if best else ""
        stars = ladder.stars_text(best["stars"]).partition(" ")[0] if best else ""
        can_save = "yes" if lines else "no" if record["save_par"] else "-"
        par = f"{record['par']['steps']}, {record['par']['switches']}"
        title = f"{record['title']} ({record['protocol']})"
        rows.append((record["level"], par, f"{reached:<7}{stars}", can_save, title))
    say(table(rows))
    say("\npar and best: steps, switches. Break a level: tdplib play --level N")
    return 0


def _record(ladder: Any, level: Any) -> dict:
    par = ladder.par(level)
    return {
        "level": level.number,
        "title": level.title,
        "protocol": level.protocol,
        "scenario": level.scenario.name,
        "target": level.target,
        "par": {"property": par.property, "steps": par.steps, "switches": par.switches},
        "best": ladder.best(level),
        "save_par": level.save and level.save.par,
        "saved": ladder.saved_lines(level),
    }


def _show(ladder: Any, level: Any) -> None:
    par, best = ladder.par(level), ladder.best(level)
    say(f"Level {level.number}: {level.title} ({level.protocol}, scenario {level.scenario.name})\n")
    say(_folded(level.situation))
    say(f"\n{_folded(level.source)}\n\n{_folded(level.task())}")
    say(f"Par: {par.steps} steps and {par.switches} switch{'' if par.switches == 1 else 'es'}.")
    if best:
        reached = ladder.stars_text(best["stars"])
        say(f"Your best: {best['steps']} and {best['switches']}, {reached}.")
    say(f"\nBreak it: tdplib play --level {level.number}")
    if level.save:
        say(f"Save it: change this, and run tdplib ladder {level.number} --save FILE\n")
        say(ladder.given(level).rstrip())


def _save(ladder: Any, args: argparse.Namespace) -> int:
    path = Path(args.save)
    made = ladder.save(args.level, path)
    if made.ok:
        ladder.note_save(args.level, made.lines)
    if args.json:
        code = made.trace.code if made.trace is not None else None
        say_json({"level": args.level, "status": made.status, "message": made.message,
                  "lines": made.lines, "par": made.par, "property": made.broken,
                  "line": made.line, "column": made.column, "schedule": code})  # fmt: skip
    else:
        say(str(made))
    return EXIT[made.status]


class Game:
    """One play of a level in a terminal, beside its session."""

    def __init__(self, number: int) -> None:
        from tdplib import ladder
        from tdplib.replay import Session

        self._ladder = ladder
        self._play = ladder.Play(number)
        self.session = Session(self._play.level.protocol, self._play.level.scenario)

    def introduce(self) -> None:
        """Say what the level is about and what is to be done."""
        level = self._play.level
        say(f"\nLevel {level.number}: {level.title}\n")
        say(_folded(level.situation))
        say(f"\n{_folded(level.source)}\n\n{_folded(level.task())}")
        par = self._ladder.par(level)
        say(f"{self._ladder.so_far(self.session.board(), par).capitalize()}.\n")

    def does(self, words: list[str]) -> bool:
        """Carry out a line that only the game knows; tell whether it was one."""
        told = {
            "nudge": lambda: self._play.nudge(self.session),
            "reach": lambda: self._play.reach(self.session),
            "judge": lambda: "The judge stays away from a level. Ask for a nudge, or `reach`.",
        }
        if words == ["task"]:
            self.introduce()
        elif len(words) == 1 and words[0] in told:
            say(_folded(told[words[0]](), "  "))
        else:
            return False
        return True

    def look(self) -> None:
        """Say where the player stands; where something is broken, what it is worth."""
        board = self.session.board()
        made = self._play.score(board)
        if made is None:
            par = self._ladder.par(self._play.level)
            say(f"  {self._ladder.so_far(board, par)}")
            return
        say(f"\n{_folded(made.happened())}")
        if not made.on_target:
            say(f"That is not the property that was asked for ({made.level.target}); it counts.")
        best = " Your best so far." if self._ladder.note_score(made) else ""
        say(f"{self._ladder.stars_text(made.stars)}. {made.text()}{best}")


def _folded(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
