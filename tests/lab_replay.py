"""
Traces of wrong answers, followed by the slow twin.

The fast side gives a schedule; it is counted again in single actions, and the interpreter of
`reference` takes them one by one.
"""

from engine import protocol
from guard_twin import look, numbered
from reference import World
from reference_memory import ADVICE

from tdplib.replay import Session
from tdplib.replay.recount import recount


def raw_path(code, own=None):
    """The path of a schedule code in single actions, and the base and scenario it is on."""
    session = recount(Session.from_code(code, own), 0)
    return session.path, session.subject.protocol, session.subject.scenario


def breaks(code, own=None):
    """What the path of a schedule code breaks by the slow twin: a property, an advice, or None."""
    path, base, scenario = raw_path(code, own)
    units, actors, params = protocol(base, scenario)
    world = World([*units, own] if own else units, actors, **params)
    state, noted = world.start, False
    for who in path:
        what, *detail = world.act(state, who) if state[who + 1] else ("blocked", "its end")
        if what == "blocked":
            return f"stopped: actor {who} waits at {detail[0]}"
        if what != "moved":
            return detail[0]
        noted = noted or detail[2]
        state = (detail[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
    outcomes = [world.act(state, who) for who in range(len(actors)) if state[who + 1]]
    if all(outcome[0] == "blocked" for outcome in outcomes):
        ending = world.ending(state, [outcome[1] for outcome in outcomes])
        if ending:
            return ending
    return ADVICE if noted else None


def says(code, invariant):
    """What an invariant says by interpretation at the end of a path: see `guard_twin.look`."""
    path, base, scenario = raw_path(code)
    units, actors, params = protocol(base, scenario)
    more, parameters = numbered(invariant, 0)
    world = World([*units, *more], [*actors, ("ask", "ask_0", parameters)], **params)
    state = world.start
    for who in path:
        _, *detail = world.act(state, who)
        state = (detail[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
    return look(world, state, len(actors))
