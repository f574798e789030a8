"""`tdplib play`: choose by hand who moves next, in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tdplib.cli._say import say
from tdplib.cli._verbs import add_verb, scenario_option, the_scenario
from tdplib.cli.ladder import Game
from tdplib.cli.replaying import as_page
from tdplib.errors import BadValueError, TdplibError

__all__ = ["add"]

_HELP = """\
  a, b, c ...    let that actor take a step     run a         until it blocks, is done or breaks
  < or back, > or forward, goto N, reset        run a 57      until it stands at line 57
  branches       those that were left           run a f:57    ... at line 57 of the function f
  branch N       go back to one of them         source a      the function it is in, with its lines
  show           the whole board                why           it in sentences
  judge          what each step leads to; again to stop it
  code           the schedule so far            save FILE     .svg, .html or .json (Perfetto)
  help, quit"""

_GAME_HELP = """\
  nudge          a hint; it counts              reach         can it still break from here?
  task           what is to be done again"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "play",
        _play,
        "choose by hand who moves next, one step at a time",
        "tdplib play v5.18 --scenario small\ntdplib play --code CODE\ntdplib play --level 1",
    )
    verb.add_argument("protocol", nargs="?", help="see `tdplib protocols`")
    verb.add_argument("--code", metavar="CODE", help="go on at the end of this schedule")
    about = "kernel Python on top of the protocol, or what --code was found in"
    verb.add_argument("--source", metavar="FILE", help=about)
    verb.add_argument("--level", type=int, metavar="N", help="a level of the ladder: break it")
    scenario_option(verb)


def _play(args: argparse.Namespace) -> int:
    given = [args.protocol is not None, args.code is not None, args.level is not None]
    if sum(given) != 1:
        raise BadValueError("play takes a protocol, --code CODE or --level N: one of them")
    if args.protocol is None and (args.scenario or args.vary):
        word = "--code" if args.code else "--level"
        raise BadValueError(f"{word} says the scenario too: leave out --scenario and --vary")
    if args.level is not None and args.source:
        raise BadValueError("--level says the code too: leave out --source")
    game = None if args.level is None else Game(args.level)
    table = _Table(game.session if game else _session(args), game)
    table.open()
    while table.turn():
        pass
    return 0


def _session(args: argparse.Namespace) -> Any:
    from tdplib.replay import Session

    own = Path(args.source) if args.source else None
    if args.code is not None:
        return Session.from_code(args.code, own)
    return Session(args.protocol, the_scenario(args, args.protocol), code=own)


class _Table:
    """What is played at: who can move, and what each line that is typed does."""

    def __init__(self, session: Any, game: Game | None) -> None:
        from tdplib.player import Player

        self.player, self.game, self.judging = Player(session), game, False

    def open(self) -> None:
        self._show()
        if self.game:
            self.game.introduce()
        say(_HELP if self.game is None else f"{_GAME_HELP}\n{_HELP}")

    def turn(self) -> bool:
        """Ask for a line and carry it out; tell whether there is to be another."""
        self._menu()
        sys.stdout.write("> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        words = line.split()
        if not line or words[:1] in (["quit"], ["q"], ["exit"]):
            say(self.player.session.code())
            return False
        if self.game and self.game.does(words):
            return True
        try:
            self._do(words or ["show"])
            if self.game:
                self.game.look()
        except (TdplibError, ValueError, OSError) as error:
            say(f"  {error}")
        return True

    def _do(self, words: list[str]) -> None:
        """Carry out one line."""
        word, rest = words[0], words[1:]
        player = self.player
        alone: dict[str, Callable[[], Any]] = {
            "<": lambda: self._then_show(player.back),
            "back": lambda: self._then_show(player.back),
            ">": lambda: self._then_tell(player.forward),
            "forward": lambda: self._then_tell(player.forward),
            "reset": lambda: self._then_show(player.reset),
            "branches": self._branches,
            "code": lambda: say(player.session.code()),
            "judge": lambda: setattr(self, "judging", not self.judging),
            "show": self._show,
            "why": lambda: say(str(player.session.why(self._judged()))),
        }
        with_more: dict[str, Callable[..., Any]] = {
            "goto": lambda step: self._then_show(lambda: player.goto(int(step))),
            "branch": lambda number: self._then_show(lambda: player.restore(int(number))),
            "source": lambda who: say(_source(player.board(), player.index(who))),
            "save": self._save,
        }
        if word in [actor["letter"] for actor in player.board()["actors"]] and not rest:
            self._then_tell(lambda: player.step(word))
        elif word in alone and not rest:
            alone[word]()
        elif word in with_more and len(rest) == 1:
            with_more[word](rest[0])
        elif word == "run" and len(rest) in (1, 2):
            told: list[str] = []
            self._then_tell(lambda: told.append(player.run(rest[0], _line(rest[1:]))))
            say(f"  {told[0]}")
        else:
            say(_HELP)

    def _then_show(self, action: Callable[[], Any]) -> None:
        action()
        self._show()

    def _then_tell(self, action: Callable[[], Any]) -> None:
        """Do `action`; say what each new step did, and the end if it was one."""
        before = self.player.board()["step"]
        action()
        board = self.player.board()
        for entry in board["timeline"][before : board["step"]]:
            name = board["actors"][entry["actor"]]["name"]
            where = f"({entry['function']}:{entry['line']})"
            say(f"  {entry['step']}. {name}: {entry['summary']} {where}")
        if board["broken"]:
            say(f"\n{board['broken']['property']} is broken: {board['broken']['sentence']}")
        elif board["end"]:
            say(f"\n{board['end']}")

    def _show(self) -> None:
        from tdplib.replay.boardtext import board_text

        say(board_text(self.player.board()))

    def _branches(self) -> None:
        branches = self.player.branches()
        say(f"  branch {self.player.number} is on show, {self.player.board()['steps']} steps")
        for each in branches:
            where = f"leaves it after step {each['fork']}" if each["fork"] else "from the start"
            ends = f", {each['ends']}" if each["ends"] else ""
            say(f"  branch {each['number']}: {where}, {each['steps']} steps{ends}")

    def _save(self, path: str) -> None:
        from tdplib.export import save

        say(f"  wrote {save(self.player.trace(), path, page=as_page)}")

    def _judged(self) -> dict | None:
        """Return what can come of the state, if that is wanted."""
        from tdplib.outlook import judge  # late: it searches

        return judge(self.player.session) if self.judging else None

    def _menu(self) -> None:
        """Say who can move, and why the others cannot; if asked for, what each step leads to."""
        say()
        board, judged = self.player.board(), self._judged()
        leads = judged["steps"] if judged else {}
        for actor in board["actors"]:
            ready = actor["status"] == "ready"
            words = actor["next"] if ready else actor["reason"] or actor["status"]
            say(f"  {actor['letter'] if ready else '-'}  {actor['name']:<12} {words}")
            if actor["index"] in leads:
                say(f"{'':18}leads to: {leads[actor['index']]['text']}")


def _line(words: list[str]) -> int | tuple[str, int] | None:
    """Return the line that a run is to go to: none, a number, or function:number."""
    if not words:
        return None
    function, _, number = words[0].rpartition(":")
    if not number.isdigit():
        raise BadValueError(f"run to {words[0]!r}: expected a line such as 57, or f:57")
    return (function, int(number)) if function else int(number)


def _source(board: dict, who: int) -> str:
    """Return the function an actor is in, its lines with their numbers."""
    actor = board["actors"][who]
    source = board["sources"].get(actor["function"])
    if source is None:
        return f"  {actor['name']} is in no function"
    return "\n".join(
        f"{'*' if number == actor['line'] else ' '}{number:>5}  {text}".rstrip()
        for number, text in enumerate(source["lines"], source["first"])
    )
