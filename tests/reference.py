"""
The slow twin: every interleaving of kernel Python, breadth first, in plain Python.

It follows `tdplib/lang/REFERENCE.md` and nothing else; the fast engine must agree with it.
`reference_source` and `reference_graph` turn source into graphs, `reference_memory` and
`reference_machine` hold memory and primitives; here are actions, states, the search, its answer.

    >>> unit = "class kvm:\\n    n: u8\\ndef add(kvm):\\n    t = kvm.n\\n    kvm.n = t + 1\\n"
    >>> explore([unit], [("a", "add", ("kvm",)), ("b", "add", ("kvm",))]).states
    12
"""

from dataclasses import dataclass, field
from types import SimpleNamespace

from reference_graph import Graph
from reference_memory import ADVICE, ORDER, Blocked, Bound, Broken, Machine, Memory
from reference_source import Program

LONGEST_ACTION = 20_000  # private steps in one action: more is a private loop that never ends
OPTIONS = {
    "entries": 2, "levels": 1, "tlb": 0, "teardown": 0, "pages": 4, "vcpus": None,
    "root_role": 0x784, "constants": {}, "merge": False,
}  # fmt: skip


@dataclass
class Result:
    """
    What a search found.

    verdict : "violated", else "incomplete" if a bound was met, else "holds"
    states : distinct states, not those an operation would have broken
    transitions : pairs of a state and an actor with an action there, those that break a property
        or meet a bound included
    depth : the largest distance from the start
    broken, advice : property -> least number of actions to it
    traces : property -> (steps, switches, schedule), least steps first, then least switches
    shortest : the first of the traces, by (steps, switches, order of properties), or None
    bounds : the bounds met; complete : none was
    """

    states: int = 0
    transitions: int = 0
    depth: int = 0
    traces: dict = field(default_factory=dict)
    advice: dict = field(default_factory=dict)
    bounds: set = field(default_factory=set)

    @property
    def complete(self):
        return not self.bounds

    @property
    def verdict(self):
        return "violated" if self.traces else "incomplete" if self.bounds else "holds"

    @property
    def broken(self):
        return {name: trace[0] for name, trace in self.traces.items()}

    @property
    def shortest(self):
        return min(self.traces.values(), key=lambda trace: trace[:2], default=None)


class Numbering(list):
    """Things numbered 0, 1, 2 ... as they turn up, equal ones alike."""

    def __init__(self):
        super().__init__()
        self.numbers = {}

    def number(self, thing):
        """The number of a thing."""
        found = self.numbers.get(thing)
        if found is None:
            found = self.numbers[thing] = len(self)
            self.append(thing)
        return found


class World:
    """
    A program with its actors: states and the actions between them.

    Memories and stacks of frames are numbered as they turn up. A state is (number of the memory,
    number of actor 0's frames, of actor 1's, ...); frames are (node number, live locals, stack),
    the innermost last; number 0 is no frames: the actor is done.
    """

    graph = Graph

    def __init__(self, units, actors, **options):
        if unknown := set(options) - set(OPTIONS):
            raise TypeError(f"unknown options {unknown}; known: {', '.join(OPTIONS)}")
        options = {**OPTIONS, **options, "actors": len(actors)}
        if options["vcpus"] is None:
            named = [a[4:] for _, _, args in actors for a in args if str(a).startswith("vcpu")]
            options["vcpus"] = max(map(int, named), default=-1) + 1
        built_in = {
            "PT_ENTRIES": options["entries"],
            "PT_LEVELS": options["levels"],
            "HARDWARE_TLB": options["tlb"],
            "VM_TEARDOWN": options["teardown"],
            "KVM_MAX_VCPUS": options["vcpus"],
            "TDP_MMU_OWNS_ROOT": 0,
        }
        self.program = program = Program(units, {**built_in, **options["constants"]}, self.graph)
        self.memory = Memory(program.extension_fields(), options)
        program.link(self.memory, actors)
        self.machine, self.actors, self.merge = Machine(self.memory), actors, options["merge"]
        self.owned = program.constants["TDP_MMU_OWNS_ROOT"]
        self.memories, self.stacks = Numbering(), Numbering()
        self.stacks.number(())
        frames = [self._first_frames(f, args) for _, f, args in actors]
        memory = self.memories.number(tuple(self.memory.start))
        self.start = (memory, *map(self.stacks.number, frames))
        self.known = {}

    def _first_frames(self, function, args):
        values = [a if isinstance(a, int) else int(a.lstrip("vcpukm") or 0) for a in args]
        node = self.program.entry(function)
        named = {
            a.arg: v
            for a, v in zip(self.program.functions[function].args.args, values, strict=True)
        }
        return ((node.number, tuple(named[n] for n in node.live), ()),)

    def act(self, state, who):
        """
        What actor `who` does next, from a state in which it is not done.

        Returns ("moved", number of the memory, number of the frames, advice or not), or
        ("blocked", operation), ("broken", property), ("bound", name) where there is no next state.
        """
        where = (who, state[0], state[who + 1])  # all an action depends on
        if where not in self.known:
            self.known[where] = self._outcome(*where)
        return self.known[where]

    def _outcome(self, who, memory, frames):
        try:
            try:
                return self._action(who, memory, frames, None if self.merge else 0)
            except Broken:
                if not (self.merge and self.passed_after):
                    raise
                # Merging does not pass over what private work breaks: end before it.
                return self._action(who, memory, frames, self.passed - 1)
        except Blocked as operation:
            return "blocked", operation.args[0]
        except Broken as broken:
            return "broken", broken.args[0]
        except Bound as bound:
            return "bound", bound.args[0]

    def _action(self, who, memory, frames, allowed):
        m = self.machine
        m.me, m.mem, m.advice = who, list(self.memories[memory]), False
        after = self.stacks.number(self._walk(m, self.stacks[frames], allowed))
        return "moved", self.memories.number(tuple(m.mem)), after, m.advice

    def _walk(self, m, frames, allowed):
        """
        Follow the nodes to the end of the action; gives the actor's frames there.

        allowed : how many starts of statements are passed before the action ends at the next
            (None: all, which is the reduction "merge")
        """
        number, values, stack = frames[-1]
        node = self.program.nodes[number]
        m.frames, m.locals, m.stack = (
            list(frames[:-1]),
            dict(zip(node.live, values, strict=True)),
            list(stack),
        )
        acted, self.passed, self.passed_after = False, 0, 0
        for step in range(LONGEST_ACTION):
            if node.start and step:
                if self.passed == allowed:
                    break
                self.passed, self.passed_after = self.passed + 1, self.passed_after + acted
            if node.visible:
                if acted:
                    break
                acted = True
            node = node.run(m)
            if node is None:
                m.check_end()
                return ()
        else:
            raise Bound("private loop")
        return (
            *m.frames,
            (node.number, tuple([m.locals[name] for name in node.live]), tuple(m.stack)),
        )

    def ending(self, state, blocked):
        """
        The property broken by a state where nobody can move, None where it is a good end.

        blocked : for each actor that is not done, the operation it waits at
        """
        if any(operation != "workqueue_next" for operation in blocked):
            return "no-deadlock"
        self.machine.mem = list(self.memories[state[0]])
        return "no-leak" if self.machine.leaks(self.owned) else None

    def describe(self, state):
        """A state in words: fields that differ from their start, and where each actor stands."""
        words, memory, mem = {}, self.memory, self.memories[state[0]]
        for kind, count in (("kvm", 1), ("vcpu", memory.vcpus), ("page", memory.pages)):
            for path, f in memory.fields[kind].items():
                for i in range(count if f.type != "bits" else 0):
                    at = memory.base[kind] + i * memory.size[kind] + f.offset
                    cells = slice(at, at + (memory.entries if f.name == "spt" else 1))
                    if mem[cells] != tuple(memory.start[cells]):
                        words[f"{kind}{i}.{'.'.join(path)}"] = mem[cells]
        for (name, _, _), frames in zip(self.actors, state[1:], strict=True):
            words[name] = [self._stands(*frame) for frame in self.stacks[frames]] or "done"
        return words

    def _stands(self, number, values, stack):
        node = self.program.nodes[number]
        return f"line {node.line} {dict(zip(node.live, values, strict=True))} {stack}"


class Search:
    """
    Breadth-first search of a world; of the shortest ways to a state, it keeps the least switches.

    best[s][last] : (switches, previous state, its last) of the best among the shortest ways to
        state s whose last action is by actor `last`
    """

    def __init__(self, world, max_states):
        self.world, self.max_states, self.result = world, max_states, Result()
        self.actors = range(len(world.actors))
        self.index, self.best = {world.start: 0}, [{None: (0, None, None)}]
        self.found = {}

    def run(self):
        """Search it all; gives the Result."""
        layer, steps = [self.world.start], 0
        while layer:
            self.result.depth = steps
            ahead = len(self.index)
            following = []
            for state in layer:
                if not self._expand(state, steps, ahead, following):
                    return self.finish()
            layer, steps = following, steps + 1
        return self.finish()

    def _expand(self, state, steps, ahead, following):
        """All actions of a state; False where the bound of states ends the search."""
        here, result, blocked = self.index[state], self.result, []
        outcomes = [(who, self.world.act(state, who)) for who in self.actors if state[who + 1]]
        for who, (what, *detail) in outcomes:
            if what == "blocked":
                blocked.append(detail[0])
                continue
            result.transitions += 1
            if what == "broken":
                self._broken(detail[0], steps + 1, here, who)
            elif what == "bound":
                result.bounds.add(detail[0])
            else:
                memory, frames, advice = detail
                if advice:
                    result.advice.setdefault(ADVICE, steps + 1)
                after = (memory, *state[1 : who + 1], frames, *state[who + 2 :])
                if not self._arrive(after, here, who, ahead, following):
                    return False
        if len(blocked) == len(outcomes) and (name := self.world.ending(state, blocked)):
            self._broken(name, steps, here, None)
        return True

    def _arrive(self, state, here, who, ahead, following):
        """Note a state and the way to it; False where there is no room for one more."""
        there = self.index.get(state)
        if there is None:
            if len(self.index) >= self.max_states:
                self.result.bounds.add("states")
                return False
            there = self.index[state] = len(self.index)
            self.best.append({})
            following.append(state)
        if there >= ahead:  # not seen at a lesser distance
            way, best = self._way(here, who), self.best[there]
            if who not in best or way < best[who]:
                best[who] = way
        return True

    def _way(self, here, who):
        """The least switches to go on with `who` (None: to stay), the state, its last."""
        return min(
            (
                switches + (last is not None and who is not None and last != who),
                here,
                -1 if last is None else last,
            )
            for last, (switches, _, _) in self.best[here].items()
        )

    def _broken(self, name, steps, here, who):
        switches, _, last = self._way(here, who)
        if (steps, switches) < self.found.get(name, ((steps, switches + 1), None))[0]:
            self.found[name] = ((steps, switches), (here, last, who))

    def finish(self):
        """Turn what was found into traces."""
        result = self.result
        result.states = len(self.index)
        for name in sorted(self.found, key=ORDER.index):
            (steps, switches), (here, last, who) = self.found[name]
            schedule = [] if who is None else [who]
            while last != -1:
                schedule.append(last)
                _, here, last = self.best[here][last]
            result.traces[name] = (steps, switches, schedule[::-1])
        return result


def explore(units, actors, *, max_states=200_000, **world):
    """
    Every interleaving of `actors` over the stacked source texts `units`.

    units : list of source texts, a later one replaces what an earlier one defines
    actors : list of (name, function, args), an arg an int, "kvm" or "vcpuN"
    world : entries=2, levels=1, tlb=0, teardown=0, pages=4 (root slots),
        vcpus (default: those named), root_role=0x784,
        constants={} (name -> int, below those of the units),
        merge=False (the reduction "merge")

    Returns a `Result`. The search goes on after a violation: it finds all that can be broken.
    """
    return Search(World(units, actors, **world), max_states).run()


def replay(units, actors, schedule, **world):
    """
    Follow a schedule, a list of indices of actors.

    Returns a namespace: taken (actions that happened), state (the state in words), broken (the
    property the last action or the end state breaks, or None), bound, blocked (actor -> the
    operation it waits at), enabled (actors that can move), stopped (why the schedule does not fit).
    """
    world = World(units, actors, **world)
    state, at = world.start, SimpleNamespace(taken=0, broken=None, bound=None, stopped=None)
    for who in schedule:
        what, *detail = world.act(state, who) if state[who + 1] else ("blocked", "its end")
        if what == "moved":
            state = (detail[0], *state[1 : who + 1], detail[1], *state[who + 2 :])
            at.taken += 1
        elif what == "blocked":
            at.stopped = f"step {at.taken}: actor {who} waits at {detail[0]}"
            break
        else:
            setattr(at, what, detail[0])
            break
    outcomes = {who: world.act(state, who) for who in range(len(actors)) if state[who + 1]}
    at.state = world.describe(state)
    at.blocked = {who: outcome[1] for who, outcome in outcomes.items() if outcome[0] == "blocked"}
    at.enabled = [who for who in outcomes if who not in at.blocked]
    if not at.enabled and not at.broken:
        at.broken = world.ending(state, at.blocked.values())
    return at
