"""
Both explorers on the same program: the fast one is built from the texts the reference takes.

    >>> unit = "class kvm:\\n    n: u8\\ndef add(kvm):\\n    t = kvm.n\\n    kvm.n = t + 1\\n"
    >>> fast([unit], [("a", "add", ("kvm",)), ("b", "add", ("kvm",))], {}).states
    12
"""

import reference
from reference_memory import ADVICE

from tdplib import protocols, scenarios
from tdplib.lang.source import unit_from
from tdplib.search.explore import Limits, Reductions, explore
from tdplib.search.shortest import schedule, switches
from tdplib.vm.system import Actor, build

NONE = ()
ALL = ("merge", "lockset", "acquire")
SOME = (("merge",), ("lockset",), ("acquire",), ALL, (*ALL, "symmetry"), ("symmetry",))
"""What is compared with no reduction: each alone, those of a check, all."""


def reductions(names):
    """`Reductions` from names."""
    return Reductions(*(name in names for name in (*ALL, "symmetry")))


def make(units, actors, params):
    """The compiled System of source texts, actors and keywords of `reference.explore`."""
    params = dict(params)
    lowest = "\n".join(f"{k} = {v}" for k, v in params.pop("constants", {}).items())
    texts = ([lowest] if lowest else []) + list(units)
    stacked = tuple(unit_from(text, name=f"unit {k}") for k, text in enumerate(texts))
    named = tuple(Actor(name, "actor", function, tuple(args)) for name, function, args in actors)
    return build(stacked, named, strict=False, **params)


def fast(units, actors, params, names=NONE, **limits):
    """Every interleaving by the fast explorer; `names` are the reductions that are on."""
    system = make(units, actors, params)
    return explore(system, reductions=reductions(names), limits=Limits(**limits))


def protocol(name, scenario):
    """(units, actors, params) of a protocol in a named scenario."""
    known, s = protocols.load(name), scenarios.find(scenario, name)
    actors = [(a.name, a.function, a.args) for a in s.actors(known)]
    params = {
        "entries": s.entries,
        "levels": s.levels,
        "tlb": s.tlb,
        "teardown": s.teardown,
        "pages": max(s.roots, 1),
        "vcpus": max(s.vcpus, 1),
        "root_role": s.root_role,
    }
    return [unit.text for unit in known.units], actors, params


def paths(found):
    """property -> (steps, switches, schedule) of a fast exploration, advice left out."""
    ways = {name: schedule(found, name) for name in found.found if name != ADVICE}
    return {name: (len(way), switches(way), way) for name, way in ways.items()}


def summary(found):
    """What a fast exploration says, in the reference's words."""
    ways = paths(found)
    return {
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "broken": {name: way[:2] for name, way in ways.items()},
        "told steps": {name: found.found[name][2] for name in ways},
        "advice": {name: found.found[name][2] for name in found.found if name == ADVICE},
        "bounds": set(found.stopped_by),
        "complete": found.complete,
    }


def reference_summary(result):
    """What the reference says, in the same words."""
    return {
        "states": result.states,
        "transitions": result.transitions,
        "depth": result.depth,
        "broken": {name: trace[:2] for name, trace in result.traces.items()},
        "told steps": result.broken,
        "advice": dict(result.advice),
        "bounds": set(result.bounds),
        "complete": result.complete,
    }


def verdict(found):
    """What no reduction may change: what can break, what is noted, which bounds are met."""
    return set(found.found), set(found.stopped_by)


def unlike(units, actors, params, max_states=200_000):
    """Where the two explorers differ, reductions off, as a list of texts; and the fast finding."""
    slow = reference.explore(units, actors, max_states=max_states, **params)
    found = fast(units, actors, params)
    mine, other = summary(found), reference_summary(slow)
    wrong = [f"{k}: reference {other[k]}, fast {mine[k]}" for k in mine if mine[k] != other[k]]
    for name, (_, _, way) in paths(found).items():
        then = reference.replay(units, actors, way, **params)
        if then.broken != name:
            wrong.append(f"the fast path to {name} {way} breaks {then.broken}, {then.stopped}")
    return wrong, found


def changed_by_reductions(units, actors, params, plain):
    """Which reductions change the answer of `plain`, an exploration without any, as texts."""
    wrong = []
    for names in SOME:
        reduced = fast(units, actors, params, names)
        if verdict(reduced) != verdict(plain):
            wrong.append(f"{names}: {verdict(reduced)}, without: {verdict(plain)}")
        if reduced.states > plain.states:
            wrong.append(f"{names}: {reduced.states} states, without: {plain.states}")
    return wrong


def differences(units, actors, params):
    """All in which the explorers, or the fast one with reductions, differ; [] is agreement."""
    wrong, found = unlike(units, actors, params)
    return wrong + changed_by_reductions(units, actors, params, found)
