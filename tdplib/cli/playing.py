"""`tdplib play`: choose by hand who moves next, in a terminal."""

from __future__ import annotations

import argparse
import sys

from tdplib.cli._say import say
from tdplib.cli._verbs import add_verb, scenario_option, the_scenario
from tdplib.cli.ladder import Game
from tdplib.errors import BadValueError, TdplibError

__all__ = ["add"]

_HELP = """\
  a, b, c ...   let that actor take a step     < or back, > or forward   one step
  goto N        go to step N                   code                      the schedule so far
  show          the whole board                why                       it in sentences
  judge         say what each step leads to, or stop saying it           help, quit"""

_GAME_HELP = """\
  nudge         a hint; it counts          reach     can it still break from here?
  task          what is to be done again"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "play",
        _play,
        "choose by hand who moves next, one step at a time",
        "tdplib play v5.18 --scenario small\ntdplib play --level 1",
    )
    verb.add_argument("protocol", nargs="?", help="see `tdplib protocols`")
    verb.add_argument("--level", type=int, metavar="N", help="a level of the ladder: break it")
    scenario_option(verb)


def _play(args: argparse.Namespace) -> int:
    from tdplib.replay import Session

    if (args.protocol is None) == (args.level is None):
        raise BadValueError("play takes a protocol, or --level N: one of the two")
    game = None
    if args.level is not None:
        if args.scenario or args.vary:
            raise BadValueError("--level says the scenario too: leave out --scenario and --vary")
        game = Game(args.level)
        session = game.session
    else:
        session = Session(args.protocol, the_scenario(args, args.protocol))
    judging = False
    _show(session)
    if game:
        game.introduce()
    say(_HELP if game is None else f"{_GAME_HELP}\n{_HELP}")
    while True:
        _menu(session, judging)
        sys.stdout.write("> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        words = line.split()
        if not line or words[:1] in (["quit"], ["q"], ["exit"]):
            say(session.code())
            return 0
        if game and game.does(words):
            continue
        if words == ["judge"]:
            judging = not judging
            continue
        try:
            _do(session, words, judging)
            if game:
                game.look()
        except (TdplibError, ValueError) as error:
            say(f"  {error}")


def _do(session: object, words: list[str], judging: bool) -> None:
    """Carry out one line."""
    word = words[0] if words else "show"
    letters = {actor["letter"]: actor["index"] for actor in session.board()["actors"]}
    if word in letters:
        session.step(letters[word])
        _after(session)
    elif word in ("<", "back"):
        session.back()
        _show(session)
    elif word in (">", "forward"):
        session.forward()
        _after(session)
    elif word == "goto" and len(words) == 2:
        session.goto(int(words[1]))
        _show(session)
    elif word == "code":
        say(session.code())
    elif word == "why":
        say(str(session.why(_judged(session) if judging else None)))
    elif word == "show":
        _show(session)
    else:
        say(_HELP)


def _show(session: object) -> None:
    from tdplib.replay.boardtext import board_text

    say(board_text(session.board()))


def _after(session: object) -> None:
    """Say what the step did, and the end if it was one."""
    board = session.board()
    if board["timeline"] and board["step"]:
        entry = board["timeline"][board["step"] - 1]
        name = board["actors"][entry["actor"]]["name"]
        say(f"  {entry['step']}. {name}: {entry['summary']} ({entry['function']}:{entry['line']})")
    if board["broken"]:
        say(f"\n{board['broken']['property']} is broken: {board['broken']['sentence']}")
    elif board["end"]:
        say(f"\n{board['end']}")


def _judged(session: object) -> dict:
    from tdplib.outlook import judge  # late: it searches

    return judge(session)


def _menu(session: object, judging: bool) -> None:
    """Say who can move, and why the others cannot; if `judging`, what each step leads to."""
    say()
    board, leads = session.board(), _judged(session)["steps"] if judging else {}
    for actor in board["actors"]:
        words = actor["next"] if actor["status"] == "ready" else actor["reason"] or actor["status"]
        mark = actor["letter"] if actor["status"] == "ready" else "-"
        say(f"  {mark}  {actor['name']:<12} {words}")
        if actor["index"] in leads:
            say(f"{'':18}leads to: {leads[actor['index']]['text']}")
