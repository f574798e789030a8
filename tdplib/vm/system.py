"""
A system.

Protocol code and actors, compiled and packed, ready to be stepped, searched and read.
"""

from __future__ import annotations

import ast
import hashlib
import threading
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import BadValueError
from ..lang import symbols
from ..lang.flow import Code, analyse, released_by_nobody
from ..lang.independence import Owned
from ..lang.ir import Arg, Op
from ..lang.lower import lower
from ..lang.source import Unit
from ..lang.values import World
from ..lang.world import join
from .codes import H_ACTORS

MAX_ACTORS = 16
MAX_PAGES = 8
WORD_BITS = 4
"""
Width of a wide value in a state: its number in the table of words.

Grows (8, 12) when a search meets more values.
"""


@dataclass(frozen=True)
class Actor:
    """
    One actor of a system.

    What people call it, what it is, what it runs with which argument values.
    """

    name: str
    kind: str
    function: str
    args: tuple[str | int, ...]


@dataclass
class System:
    """
    Compiled code of all actors of a check.

    Attributes
    ----------
    world : the stacked units
    actors : who runs, in the order of their indices
    codes : each actor's code and argument values; actors with the same function share a code. One
        more than there are actors is a watcher's: it never takes a step, but the analysis knows
        what it looks at, so that no reduction passes over a change of that
    entries, levels, pages, vcpus, root_role : the shape of the simulated machine
    lock : held while anything runs on the machine, of which there is one: its registers are in the
        image. Whatever else is made of the same subject may be used by another thread
    """

    world: World
    actors: tuple[Actor, ...]
    codes: list[tuple[Code, tuple[int, ...]]]
    entries: int
    pages: int
    vcpus: int
    root_role: int
    levels: int = 1
    word_bits: int = WORD_BITS
    _image: object = field(default=None, repr=False)
    lock: object = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def image(self):
        """The packed tables (a `layout.Layout`), made when first needed."""
        if self._image is None:
            from .image import ImageWriter
            from .layout import Builder, Shape

            owns = self.world.constants.get("TDP_MMU_OWNS_ROOT", 0)
            shape = Shape(
                self.entries,
                self.pages,
                self.vcpus,
                self.word_bits,
                self.root_role,
                owns,
                self.levels,
            )
            owned = Owned(self.codes, self.levels)
            built = Builder(self.world, self.codes, owned, shape).build()
            self._image = ImageWriter(built).write()
            self._image.im[H_ACTORS] = len(self.actors)
        return self._image

    def widen(self) -> bool:
        """
        Make room for more wide values (after the bound `words` was met).

        False if there is no more to make.
        """
        if self.word_bits >= 12:
            return False
        self.word_bits += 4
        self._image = None
        return True

    @cached_property
    def fingerprint(self) -> str:
        """
        Eight hexadecimal digits that change when code, actors or the machine's shape change.

        Comments do not count.
        """
        text = "\n".join(code_text(unit) for unit in self.world.units)
        shape = [self.world.constants[name] for name in symbols.SHAPE]
        text += repr((self.actors, self.entries, self.pages, self.vcpus, self.root_role, shape))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def groups(self) -> list[list[int]]:
        """
        Return the actors that are interchangeable: same code, same numbers.

        Of vCPUs: they differ in nothing but which they are.
        """
        found: dict[tuple, list[int]] = {}
        for k, (code, args) in enumerate(self.codes):
            numbers = tuple(
                v for v, kind in zip(args, code.program.kinds, strict=True) if kind == "num"
            )
            found.setdefault((id(code), numbers), []).append(k)
        return [g for g in found.values() if len(g) > 1 and self.told_apart_by_nobody(g)]

    def uses_identity(self) -> bool:
        """
        Tell whether a state says which actor is which.

        `synchronize_rcu` waits for named readers; `vcpu_id` may be stored.
        """
        return any(
            n.op.code == "SYNCBEGIN" or stores_identity(code, n.op)
            for code, _ in self.codes
            for n in code.nodes
        )

    def told_apart_by_nobody(self, group: list[int]) -> bool:
        """Tell whether each of these actors has vCPUs of its own that no other actor names."""
        named = [self.vcpus_of(k) for k in range(len(self.actors))]
        mine = [v for k in group for v in named[k]]
        others = {v for k in range(len(self.actors)) if k not in group for v in named[k]}
        return len(set(mine)) == len(mine) and not others & set(mine)

    def vcpus_of(self, actor: int) -> list[int]:
        """Return the vCPUs an actor's arguments name."""
        code, args = self.codes[actor]
        return [v for v, kind in zip(args, code.program.kinds, strict=True) if kind == "vcpu"]


def stores_identity(code: Code, op: Op) -> bool:
    """Tell whether an operation uses a vCPU's number as a value."""
    if op.code == "ALLOC" or op.code.startswith(("REQ", "TLB")):
        return False
    idx = op.place.idx if op.place is not None else None
    used = (op.a, op.b, idx)
    return any(isinstance(x, Arg) and code.program.kinds[x.index] == "vcpu" for x in used)


def code_text(unit: Unit) -> str:
    """Return what a unit means: its tree without docstrings and positions."""
    parts = []
    for node in unit.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            continue
        parts.append(dump(node))
    return "\n".join(sorted(parts))


def dump(node: ast.AST) -> str:
    """Dump a definition without its docstring."""
    body = getattr(node, "body", None)
    if (
        isinstance(body, list)
        and body
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
    ):
        node = type(node)(**{**{f: getattr(node, f, None) for f in node._fields}, "body": body[1:]})
    return ast.dump(node)


def build(
    units: tuple[Unit, ...],
    actors: tuple[Actor, ...],
    *,
    entries: int = 2,
    levels: int = 1,
    tlb: int = 0,
    teardown: int = 0,
    pages: int = 4,
    vcpus: int | None = None,
    root_role: int = 0x784,
    strict: bool = True,
    watcher: Actor | None = None,
) -> System:
    """
    Compile `units` for `actors`.

    entries : SPTEs a table, 1 to 8; levels : of tables, 1 or 2
    tlb, teardown : 1 where the code for a hardware TLB, or for the end of the VM, counts
    pages : page slots, 1 to 8; vcpus : default, as many as the actors name
    strict : refuse an unlock that can never find the lock held (else it breaks `lockdep` when
        reached)
    watcher : a function that looks at the system from outside (see `System.codes`)

    Raises LanguageError for the source, BadValueError for a size out of range.
    """
    if not 1 <= len(actors) <= MAX_ACTORS:
        raise BadValueError(f"a system has 1 to {MAX_ACTORS} actors; {len(actors)} were given")
    if not 1 <= pages <= MAX_PAGES:
        raise BadValueError(f"a system has 1 to {MAX_PAGES} page slots; {pages} were asked for")
    if vcpus is None:
        vcpus = 1 + max(
            (
                int(a[4:])
                for actor in actors
                for a in actor.args
                if isinstance(a, str) and a.startswith("vcpu")
            ),
            default=0,
        )
    world = join(units, entries=entries, levels=levels, vcpus=vcpus, tlb=tlb, teardown=teardown)
    watchers = () if watcher is None else (watcher,)
    codes = compile_actors(world, (*actors, *watchers), strict)
    return System(world, tuple(actors), codes, entries, pages, vcpus, root_role, levels)


def compile_actors(
    world: World, actors: tuple[Actor, ...], strict: bool
) -> list[tuple[Code, tuple[int, ...]]]:
    """Compile each actor's function once for all actors that run it."""
    runs: dict[tuple, list[tuple[int, ...]]] = {}
    keys = []
    for actor in actors:
        kinds = tuple(
            "kvm" if a == "kvm" else "vcpu" if isinstance(a, str) else "num" for a in actor.args
        )
        values = tuple(
            1 if a == "kvm" else int(a[4:]) if isinstance(a, str) else int(a) for a in actor.args
        )
        keys.append((actor.function, kinds, values))
        runs.setdefault((actor.function, kinds), []).append(values)
    made = {}
    for (function, kinds), values in runs.items():
        spans = [(min(v[k] for v in values), max(v[k] for v in values)) for k in range(len(kinds))]
        code = analyse(world, lower(world, function, kinds), spans)
        error = released_by_nobody(world, code) if strict else None
        if error is not None:
            raise error
        made[(function, kinds)] = code
    return [(made[(function, kinds)], values) for function, kinds, values in keys]
