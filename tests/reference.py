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


class World:
    """
    A program with its actors: states and the actions between them.

    A state is (memory, frames of actor 0, frames of actor 1, ...); frames are (node number, live
    locals, stack), the innermost last; an actor without frames is done.
    """

    def __init__(
        self,
        units,
        actors,
        *,
        entries=2,
        levels=1,
        pages=4,
        vcpus=None,
        root_role=0x784,
        constants=None,
        merge=False,
    ):
        named = [
            int(a[4:])
            for _, _, args in actors
            for a in args
            if isinstance(a, str) and a.startswith("vcpu")
        ]
        vcpus = max(named, default=-1) + 1 if vcpus is None else vcpus
        built_in = {
            "PT_ENTRIES": entries,
            "PT_LEVELS": levels,
            "KVM_MAX_VCPUS": vcpus,
            "TDP_MMU_OWNS_ROOT": 0,
        }
        self.program = program = Program(units, {**built_in, **(constants or {})}, Graph)
        sizes = {
            "entries": entries,
            "pages": pages,
            "vcpus": vcpus,
            "actors": len(actors),
            "root_role": root_role,
        }
        self.memory = Memory(program.extension_fields(), sizes)
        program.link(self.memory, actors)
        self.machine, self.actors, self.merge = Machine(self.memory), actors, merge
        self.owned = program.constants["TDP_MMU_OWNS_ROOT"]
        self.start = (
            tuple(self.memory.start),
            *(self._first_frames(f, args) for _, f, args in actors),
        )

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
        One action of actor `who`: the next state.

        Raises Blocked where there is none, Broken and Bound where the path ends.
        `machine.advice` tells of advice.
        """
        try:
            return self._act(state, who, None if self.merge else 0)
        except Broken:
            if (
                self.merge and self.passed_after
            ):  # merging does not pass over what private work breaks
                return self._act(state, who, self.passed - 1)
            raise

    def _act(self, state, who, allowed):
        m = self.machine
        m.me, m.mem, m.advice = who, list(state[0]), False
        frames = self._walk(m, state[who + 1], allowed)
        return (tuple(m.mem), *state[1 : who + 1], frames, *state[who + 2 :])

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
        self.machine.mem = list(state[0])
        return "no-leak" if self.machine.leaks(self.owned) else None

    def describe(self, state):
        """A state in words: fields that differ from their start, and where each actor stands."""
        words, memory = {}, self.memory
        for kind, count in (("kvm", 1), ("vcpu", memory.vcpus), ("page", memory.pages)):
            for path, f in memory.fields[kind].items():
                for i in range(count if f.type != "bits" else 0):
                    at = memory.base[kind] + i * memory.size[kind] + f.offset
                    many = memory.entries if f.name == "spt" else 1
                    if state[0][at : at + many] != tuple(memory.start[at : at + many]):
                        words[f"{kind}{i}.{'.'.join(path)}"] = (
                            state[0][at] if many == 1 else state[0][at : at + many]
                        )
        for (name, _, _), frames in zip(self.actors, state[1:], strict=True):
            nodes = [
                (self.program.nodes[number], values, stack) for number, values, stack in frames
            ]
            words[name] = [
                f"line {n.line} {dict(zip(n.live, values, strict=True))} {stack}"
                for n, values, stack in nodes
            ] or "done"
        return words


class Search:
    """
    Breadth-first search of a world; of the shortest ways to a state, it keeps the least switches.

    best[s][last] : (switches, previous state, its last) of the best among the shortest ways to
        state s whose last action is by actor `last`
    """

    def __init__(self, world, max_states):
        self.world, self.max_states, self.result = world, max_states, Result()
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
        world, result, here, blocked, moved = self.world, self.result, self.index[state], [], False
        for who in range(len(world.actors)):
            if not state[who + 1]:
                continue
            try:
                after = world.act(state, who)
            except Blocked as operation:
                blocked.append(operation.args[0])
                continue
            except Broken as broken:
                self._broken(broken.args[0], steps + 1, here, who)
                after = None
            except Bound as bound:
                result.bounds.add(bound.args[0])
                after = None
            moved = True
            result.transitions += 1
            if after is None:
                continue
            if world.machine.advice:
                result.advice.setdefault(ADVICE, steps + 1)
            there = self.index.get(after)
            if there is None:
                if len(self.index) >= self.max_states:
                    result.bounds.add("states")
                    return False
                there = self.index[after] = len(self.index)
                self.best.append({})
                following.append(after)
            if there >= ahead:
                way = self._way(here, who)
                if who not in self.best[there] or way < self.best[there][who]:
                    self.best[there][who] = way
        if not moved and (name := world.ending(state, blocked)):
            self._broken(name, steps, here, None)
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
    world : entries=2, levels=1, pages=4 (root slots), vcpus (default: those named),
        root_role=0x784, constants (name -> int), merge=False (the reduction "merge")

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
    for step, who in enumerate(schedule):
        if not state[who + 1]:
            at.stopped = f"step {step}: actor {who} is done"
            break
        try:
            state = world.act(state, who)
        except Blocked as operation:
            at.stopped = f"step {step}: actor {who} waits at {operation}"
            break
        except Broken as broken:
            at.broken = broken.args[0]
            break
        except Bound as bound:
            at.bound = bound.args[0]
            break
        at.taken += 1
    at.state, at.blocked, at.enabled = world.describe(state), {}, []
    for who in range(len(actors)):
        try:
            if state[who + 1]:
                world.act(state, who)
                at.enabled.append(who)
        except Blocked as operation:
            at.blocked[who] = operation.args[0]
        except (Broken, Bound):
            at.enabled.append(who)
    if not at.enabled and not at.broken:
        at.broken = world.ending(state, at.blocked.values())
    return at
