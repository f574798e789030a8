"""
`check`: kernel Python through every interleaving of a scenario.

It says what can break, and how soon.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from . import watch
from ._interrupt import held
from .errors import BadValueError, nearest

__all__ = ["Verdict", "check"]

REDUCTIONS = ("merge", "lockset", "acquire", "symmetry")
DEFAULT_REDUCTIONS = ("merge", "lockset", "acquire")
FIRST = "first violation"
"""The bound that `first_only` sets, as the search names it."""


@dataclass(frozen=True)
class Verdict:
    """
    What a check found.

    Attributes
    ----------
    status : "holds" (every interleaving was visited, nothing broke), "violated", or "incomplete" (a
        bound was met and nothing broke before: nothing is proved)
    property : name of the property whose violation is the shortest, or None; sentence : what that
        means
    properties : all properties that can be broken first on some path, the soonest first; advice :
        notes that are no errors ("wasted-zap")
    states, transitions, depth : distinct states, actions taken, largest distance from the start;
        seconds
    complete : every reachable state was visited; stopped_by : the bounds that were met, if not
    """

    status: str
    property: str | None
    sentence: str | None
    properties: tuple[str, ...]
    advice: tuple[str, ...]
    states: int
    transitions: int
    depth: int
    seconds: float
    complete: bool
    stopped_by: tuple[str, ...]
    protocol: str
    scenario: object
    memory: int
    exploration: object = field(repr=False, compare=False)
    subject: object = field(repr=False, compare=False)
    prepared: float = field(default=0.0, repr=False, compare=False)
    """Seconds it took, before the search, to read and compile the code."""

    def __bool__(self) -> bool:
        raise TypeError(
            'a verdict is not true or false: look at .status ("holds", "violated" or "incomplete")'
        )

    @cached_property
    def traces(self) -> Traces:
        """The shortest trace to each broken property and to each advice, made when asked for."""
        return Traces(self)

    @property
    def trace(self):
        """The shortest trace that breaks `property`, or None."""
        return None if self.property is None else self.traces[self.property]

    @cached_property
    def endless(self):
        """
        A shortest trace to a state from which not everybody can get done any more, or None.

        Nothing breaks in a loop without an end, so a protocol that holds may still have one. Asked
        of a verdict that holds only (else None); takes about as long as the check did.
        """
        if self.status != "holds" or self.exploration.reductions.symmetry:
            return None
        from .search.graph import stranded
        from .search.guard import way_to

        with self.subject.system.lock:
            number = stranded(self.exploration)
            if number is None:
                return None
            return trace_along(self, way_to(self.exploration, number))

    @cached_property
    def _others(self):
        from .another import Others

        return Others(self)

    def another(self, seen=()):
        """
        Return the soonest violation that differs from those seen; asked again, one more.

        A trace that only renames actors that do the same, reorders steps that have nothing in
        common, or adds steps that are not needed, is no other: see `tdplib.another.Violation`.

        seen : a trace or several, beside `trace` and what was returned before
        """
        for trace in seen if isinstance(seen, (list, tuple)) else (seen,):
            self._others.note(trace)
        return self._others.next()

    def statistics(self):
        """
        Return what the search was like: states by depth, steps by actor, where the time went.

        See `tdplib.statistics.statistics`; shown in a notebook as a picture.
        """
        from .statistics import statistics

        with self.subject.system.lock:
            return statistics(self)

    def coverage(self, functions=None):
        """
        Return which lines no interleaving gets to, and which conditions go one way only.

        functions : names, "all", or None for those of the code that was checked; see
            `tdplib.coverage.coverage`
        """
        from .coverage import coverage

        with self.subject.system.lock:
            return coverage(self, functions)

    def __str__(self) -> str:
        return text(self)

    def __repr__(self) -> str:
        return narrow(headline(self))


class Traces:
    """property or advice -> its shortest Trace; each is made when first asked for."""

    def __init__(self, verdict: Verdict):
        self.verdict, self.made = verdict, {}

    def __iter__(self):
        return iter((*self.verdict.properties, *self.verdict.advice))

    def __len__(self) -> int:
        return len(self.verdict.properties) + len(self.verdict.advice)

    def __getitem__(self, name: str):
        if name not in list(self):
            raise KeyError(f"{name!r} was not broken; broken: {', '.join(self) or 'nothing'}")
        if name not in self.made:
            self.made[name] = make_trace(self.verdict, name)
        return self.made[name]

    def keys(self):
        """Return the names."""
        return list(self)

    def items(self):
        """Return (name, Trace) pairs."""
        return [(name, self[name]) for name in self]


def make_trace(verdict: Verdict, name: str):
    """Return the shortest trace to `name`, replayed step by step through the machine."""
    from .search.shortest import schedule

    with verdict.subject.system.lock:
        return trace_along(verdict, schedule(verdict.exploration, name))


def trace_along(verdict: Verdict, path: list[int]):
    """Return the trace of the actors in `path`, a step each as the search counts them."""
    from .replay.session import Session

    session = Session(_subject=verdict.subject, _mode=verdict.exploration.reductions.mode)
    for actor in path:
        session.step(actor)
    return session.trace()


def check(
    code=None,
    *,
    base: str = "v5.18",
    scenario=None,
    properties=None,
    max_states: int = 50_000_000,
    max_memory: int = 8 << 30,
    max_seconds: float = float("inf"),
    reductions: tuple[str, ...] = DEFAULT_REDUCTIONS,
    progress: Callable | bool | None = None,
    first_only: bool = False,
    **unknown,
) -> Verdict:
    """
    Run every interleaving of `code` in a scenario.

    Ctrl-C (Interrupt the kernel) ends it; the verdict is then incomplete, with what was found.

    Parameters
    ----------
    code : a function, a list of functions, source text or a path: they replace the functions of the
        same name in `base`. Or the name of a protocol, to check that one as it is (see
        `tdplib.protocols.names()`). None checks `base`.
    base : the protocol the code stands on
    scenario : a name, a `Scenario`, or None for the protocol's own
    properties : names of the properties to look at (None: all); the others are not told, their
        paths still end where they break
    max_states, max_memory (bytes), max_seconds : bounds; when one is met the verdict is not
        complete, and says so first
    reductions : which of "merge", "lockset", "acquire", "symmetry" are on; none changes a verdict
    progress : called as progress(states, depth, seconds, memory) every so often; what returns False
        interrupts. None: a notebook shows a line once it takes longer than a second, and then the
        verdict in its place; False: nothing is shown; a `watch.Line`: that line
    first_only : stop once the shortest violation is known; a verdict "violated" is then the same
        but for its counts and the properties that take longer to break, and not complete

    Raises
    ------
    LanguageError : the code is not kernel Python; file, line, column, what was found and what to
        write
    BadValueError : a name or a number that does not exist

    Examples
    --------
    >>> check("v5.18").status                    # doctest: +SKIP
    'holds'
    """
    if unknown:
        known = [*check.__kwdefaults__]
        name = next(iter(unknown))
        raise TypeError(
            f"check has no option {name!r}{nearest(name, known)}; options: {', '.join(known)}"
        )
    with held(), watch.line() as line:
        bounds = (max_states, max_memory, max_seconds)
        asked = Asked.of(code, base, scenario, properties, bounds, reductions, first_only)
        verdict = asked.answer(reporter(progress, line))
        line.last = repr(verdict)
    return verdict


@dataclass(frozen=True)
class Asked:
    """
    What a check is asked, understood and compiled, so that what is wrong with it has been said.

    about : the subject; wanted : names of properties; limits, reductions : as the search takes
        them; prepared : seconds that compiling took
    """

    about: object
    wanted: tuple[str, ...]
    limits: object
    reductions: object
    first_only: bool
    prepared: float = 0.0

    @classmethod
    def of(
        cls,
        code=None,
        base="v5.18",
        scenario=None,
        properties=None,
        bounds=(),
        reductions=DEFAULT_REDUCTIONS,
        first_only=False,
    ) -> Asked:
        """Understand the arguments of `check`; bounds : the three in their order."""
        from .replay.subject import subject
        from .search.explore import Limits, Reductions

        for name in reductions:
            if name not in REDUCTIONS:
                raise BadValueError(
                    f"reductions: no reduction is called {name!r}{nearest(name, REDUCTIONS)}"
                )
        wanted = wanted_properties(properties)
        began = time.perf_counter()
        about = subject(code, base, scenario)
        about.system.image  # noqa: B018 (compiled here, so that errors come here)
        prepared = time.perf_counter() - began
        switches = Reductions(*(name in reductions for name in REDUCTIONS))
        return cls(about, wanted, Limits(*bounds), switches, first_only, prepared)

    def answer(self, progress: Callable | None = None) -> Verdict:
        """Search and conclude; progress : called with the search's `Progress`."""
        from .search.explore import explore

        system = self.about.system
        settings = {"reductions": self.reductions, "limits": self.limits, "progress": progress}
        found = explore(system, first_only=self.first_only, **settings)
        if FIRST in found.stopped_by and not set(found.found) & set(self.wanted):
            # what broke first is not asked about: what is may break later
            found = explore(system, **settings)
        return conclude(self.about, found, self.wanted, self.prepared)


def let_go(verdict: Verdict) -> Verdict:
    """Make the traces of a verdict that is not complete, and free the memory of its search."""
    for name in verdict.traces:
        verdict.traces[name]
    verdict.exploration.arrays = Freed()
    return verdict


class Freed:
    """What stands where the arrays of a search were that was cancelled."""

    def __getattr__(self, name: str):
        raise BadValueError(
            "the check was cancelled, and the memory of its search is freed: what looks at every "
            "state (coverage, statistics) needs a check that was not"
        )


def reporter(progress: Callable | bool | None, line: Callable) -> Callable | None:
    """Return the search's progress callback for ours."""
    if isinstance(progress, watch.Line):
        return progress
    if callable(progress):
        return lambda p: progress(p.states, p.depth, p.seconds, p.memory)
    return line if progress is None else None


def wanted_properties(properties) -> tuple[str, ...]:
    """Return the names of the properties to tell, in their order."""
    from .properties import ADVICE, PROPERTIES, find

    if properties is None:
        return tuple(p.name for p in PROPERTIES if p.name not in ADVICE)
    names = (properties,) if isinstance(properties, str) else tuple(properties)
    return tuple(find(name).name for name in names)


def conclude(about, found, wanted, prepared: float) -> Verdict:
    """Turn an exploration into a Verdict."""
    from .properties import ADVICE, find

    order = [p for p in found.found if p in wanted]
    order.sort(key=lambda p: (found.found[p][2], list(found.found).index(p)))
    advice = tuple(name for name in sorted(ADVICE) if name in found.found and name not in wanted)
    first = order[0] if order else None
    status = "violated" if first else "holds" if found.complete else "incomplete"
    name = about.protocol + ("+code" if about.own is not None else "")
    return Verdict(
        status,
        first,
        find(first).sentence if first else None,
        tuple(order),
        advice,
        found.states,
        found.transitions,
        found.depth,
        found.seconds,
        found.complete,
        found.stopped_by,
        name,
        about.scenario,
        found.memory,
        found,
        about,
        prepared,
    )


def headline(verdict: Verdict) -> str:
    """Return the verdict in one line; that a bound was met comes first."""
    lead = "" if verdict.complete else f"incomplete (stopped by: {', '.join(verdict.stopped_by)}); "
    what = {
        "holds": "holds",
        "violated": f"violated: {verdict.property}",
        "incomplete": "nothing broke in what was visited, which proves nothing",
    }[verdict.status]
    scenario = getattr(verdict.scenario, "name", verdict.scenario)
    return (
        f"{lead}{what}   [{verdict.protocol}, scenario {scenario}: "
        f"{verdict.states:,} states, {verdict.transitions:,} transitions, depth {verdict.depth}, "
        f"{verdict.seconds:.2f} s]"
    )


def narrow(line: str) -> str:
    """Return `line` in lines that a notebook has room for; it would break them inside a word."""
    return textwrap.fill(
        line, 100, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def text(verdict: Verdict) -> str:
    """Return the verdict and its shortest trace as text."""
    lines = [narrow(headline(verdict))]
    if verdict.status == "violated":
        lines += [verdict.sentence, ""]
        if len(verdict.properties) > 1:
            lines += ["also broken on other paths: " + ", ".join(verdict.properties[1:]), ""]
        lines.append(str(verdict.trace))
    for name in verdict.advice:
        from .properties import find

        lines += ["", narrow(f"advice: {name}. {find(name).sentence}")]
    return "\n".join(lines)
