"""
Invariants looked at by the slow twin: interpreted in every raw state, as one look.

    >>> unit = "class kvm:\\n    n: u8\\ndef add(kvm):\\n    kvm.n = 1\\n    kvm.n = 2\\n"
    >>> texts = ["def invariant(kvm):\\n    return kvm.n < 2\\n"]
    >>> answers([unit], [("a", "add", ("kvm",))], texts)
    [{'false', 'true'}]
"""

import re

from reference import Search, World

from tdplib.lang.source import unit_from
from tdplib.replay.subject import Guard
from tdplib.search.guard import outcomes
from tdplib.vm import codes
from tdplib.vm.system import Actor, build

KVM = ("kvm",)


def numbered(text, k):
    """The text of an invariant under a name of its own, and of who asks it."""
    named = text.replace("def invariant(", f"def invariant_{k}(")
    parameters = re.search(rf"def invariant_{k}\((.*?)\)", named)[1]
    asks = f"def ask_{k}({parameters}):\n    WARN_ON(not invariant_{k}({parameters}))\n"
    return [named, asks], tuple(part.strip() for part in parameters.split(","))


class Watched(Search):
    """A search in which only the first actors move."""

    def __init__(self, world, movers, max_states):
        super().__init__(world, max_states)
        self.actors = range(movers)


def answers(units, actors, texts, max_states=200_000, **params):
    """For each invariant, what it says in the states: "true", "false", or what it breaks."""
    stacked, watchers = list(units), []
    for k, text in enumerate(texts):
        more, parameters = numbered(text, k)
        stacked += more
        watchers.append((f"ask {k}", f"ask_{k}", parameters))
    world = World(stacked, [*actors, *watchers], **params)
    search = Watched(world, len(actors), max_states)
    assert search.run().bounds <= {"root slots", "value"}
    found = [set() for _ in texts]
    for state in search.index:
        for k in range(len(texts)):
            found[k].add(look(world, state, len(actors) + k))
    return found


def look(world, state, who):
    """What one invariant says in one state."""
    while state[who + 1]:
        what, *detail = world.act(state, who)
        if what != "moved":
            return {"no-warn": "false"}.get(detail[0], detail[0])
        state = (detail[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
    return "true"


def fast_answers(units, actors, texts, explore, **params):
    """The same by the machine, each invariant on the states of its own reduced search."""
    named = tuple(Actor(name, "actor", function, tuple(args)) for name, function, args in actors)
    stacked = tuple(unit_from(text, name=f"unit {k}") for k, text in enumerate(units))
    found = []
    for text in texts:
        parameters = text[text.index("(") + 1 : text.index(")")].split(", ")
        asked = Guard(unit_from(text, name="invariant"), tuple(parameters))
        system = build(
            (*stacked, asked.unit, asked.caller),
            named,
            strict=False,
            watcher=asked.watcher,
            **params,
        )
        found.append({word(met) for met in outcomes(explore(system))})
    return found


def word(met):
    """The word of the slow twin for what the machine met."""
    if met == 0:
        return "true"
    name = codes.PROPERTIES[codes.BROKEN - met]
    return {"no-warn": "false"}.get(name, name)
