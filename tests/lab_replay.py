"""
Traces of wrong answers, followed by the slow twin.

The fast side gives a schedule; it is counted again in single actions, and the interpreter of
`reference` takes them one by one.
"""

from engine import protocol
from guard_twin import Watched, look, numbered
from reference import World
from reference_memory import ADVICE

from tdplib.replay import Session
from tdplib.replay.recount import recount

MOST_PRIVATE = 200


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
    return ended(world, state) or (ADVICE if noted else None)


def ended(world, state):
    """
    The property that a state breaks in which nobody can do more than private work, or None.

    With all reductions nobody has a step there; in single actions that work is still to do.
    """
    actors = range(len(world.actors))
    for _ in range(MOST_PRIVATE):
        outcomes = {who: world.act(state, who) for who in actors if state[who + 1]}
        moving = [who for who, outcome in outcomes.items() if outcome[0] != "blocked"]
        if not moving:
            return world.ending(state, [outcome[1] for outcome in outcomes.values()])
        what, *detail = outcomes[moving[0]]
        if what != "moved" or detail[0] != state[0]:
            return None
        who = moving[0]
        state = (state[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
    return None


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


def every_word(case, invariant, most):
    """What an invariant says in the raw states of a case; None if these are more than `most`."""
    units, actors, params = protocol(case.base, case.world())
    more, parameters = numbered(invariant, 0)
    world = World([*units, *more], [*actors, ("ask", "ask_0", parameters)], **params)
    search = Watched(world, len(actors), most)
    if "states" in search.run().bounds:
        return None
    return {look(world, state, len(actors)) for state in search.index}
