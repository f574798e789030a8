"""
Coverage by the slow twin: every action of every raw state, noted node by node.

    >>> unit = "class kvm:\\n    n: u8\\ndef add(kvm):\\n    if kvm.n:\\n        kvm.n = 2\\n"
    >>> slow([unit], [("a", "add", ("kvm",))]).reached
    {('add', 2)}
"""

from collections import Counter
from dataclasses import dataclass, field

from reference import Search, World
from reference_graph import Graph

from tdplib.coverage import Keys
from tdplib.search.cover import cover


@dataclass
class Covered:
    """
    What all actions come by; a line is (function, number).

    reached : lines that somebody gets to; states : of a line, those in which somebody stands there;
        begun : the transitions that begin it; outcomes : (function, number, outcome) -> how often
    """

    reached: set = field(default_factory=set)
    states: Counter = field(default_factory=Counter)
    begun: Counter = field(default_factory=Counter)
    outcomes: Counter = field(default_factory=Counter)
    transitions: int = 0

    @property
    def decided(self):
        return {outcome for outcome, n in self.outcomes.items() if n}


class NotingGraph(Graph):
    """A graph whose nodes say, when they run, of which statement they are."""

    at, tests = None, ()

    def statement(self, s, k, loop):
        before, self.at = self.at, (self.function.name, s.lineno)
        self.tests = {*self.tests, id(getattr(s, "test", None))}
        made = super().statement(s, k, loop)
        self.at = before
        return made

    def condition(self, e, yes, no):
        if id(e) in self.tests:
            yes, no = self._outcome(True, yes), self._outcome(False, no)
        return super().condition(e, yes, no)

    def _outcome(self, outcome, k):
        line = self.at

        def run(m):
            self.program.trail.append((*line, outcome))
            return k

        return super().node(run, [k])

    def node(self, run, then, use=None, sets=None, visible=False, start=False):
        made = super().node(run, then, use, sets, visible, start)
        self.program.places[made] = self.at
        self._note(made)
        return made

    def close(self, head, node):
        made = super().close(head, node)
        self._note(made)
        return made

    def _note(self, node):
        run, line = node.run, self.at

        def noting(m):
            self.program.trail.append((line, node.start))
            return run(m)

        node.run = noting


class NotingWorld(World):
    """A world that keeps what the nodes of each action say."""

    graph = NotingGraph

    def _outcome(self, who, memory, frames):
        trail = self.program.trail = []
        made = super()._outcome(who, memory, frames)
        self.trails[who, memory, frames] = trail
        return made


def slow(units, actors, **options):
    """What every action of every state comes by, without any reduction."""
    world = noting_world(units, actors, options)
    search = Search(world, 200_000)
    search.run()
    found = Covered()
    for state in search.index:
        here = set()
        for who in range(len(actors)):
            if not state[who + 1]:
                continue
            stands = world.program.nodes[world.stacks[state[who + 1]][-1][0]]
            here.add(world.program.places.get(stands))
            what, *_ = world.act(state, who)
            trail = world.trails[who, state[0], state[who + 1]]
            lines = [mark for mark in trail if len(mark) == 2]
            found.reached |= {line for line, _ in lines}
            found.outcomes.update(mark for mark in trail if len(mark) == 3)
            if what != "blocked":
                found.transitions += 1
                found.begun.update({line for line, start in lines if start})
        found.states.update(here - {None})
    found.reached = (found.reached | set(found.states)) - {None}
    return found


def noting_world(units, actors, options):
    """A `NotingWorld`; its program has the places and the trail before the first graph is made."""
    from reference_source import Program

    Program.places, Program.trail = {}, []
    world = NotingWorld.__new__(NotingWorld)
    world.trails = {}
    world.__init__(units, actors, **options)
    world.program.places = Program.places
    return world


def fast(found):
    """The same by the machine, of the exploration `found`; with its reductions."""
    functions = {name: node for name, (_, node) in found.system.world.functions.items()}
    keys = Keys(functions)
    counted = cover(found, keys.nodes(found.system), len(keys.lines), len(keys.tests))
    made = Covered(transitions=counted.transitions)
    for line, k in keys.lines.items():
        reached, made.states[line], made.begun[line] = counted.lines[k].tolist()
        made.reached |= {line} if reached else set()
    for line, k in keys.tests.items():
        for outcome in (False, True):
            made.outcomes[*line, outcome] = int(counted.conditions[k, int(outcome)])
    for counts in (made.states, made.begun, made.outcomes):
        for key in [key for key, n in counts.items() if not n]:
            del counts[key]
    return made
