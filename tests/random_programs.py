"""
Small random programs of kernel Python, each from a seed, for comparing explorers.

    >>> random_program(7) == random_program(7)
    True

A program has 2 or 3 actors of a few statements each, and a worker if they queue work, on a theme:
plain fields, atomics, locks, pages, lists, the queue, requests, all. Some are careful (most of
these hold), some wild (most of these break something, each in its own way).
"""

import random
from dataclasses import dataclass

from random_pages import PageWriter
from random_statements import Scope, indented

PLAIN = ("set_local", "set_field", "update_field", "read_write", "branch", "loop", "nothing")
PLAIN += ("set_local", "update_field", "overflow", "overflow")
CALLS = ("helper_call", "helper_call", "leave", "warn", "warn", "spin")
ATOMICS = ("exchange", "try_exchange", "atomic", "count", "exchange")
LOCKS = ("section",) * 5 + ("assertion",)
PAGES = ("find",) * 5 + ("role", "spte", "spte", "fault", "reference", "load", "free", "grace")
LISTS = ("walk", "walk", "list_change", "list_change", "reader", "short_lived", "drop")
QUEUES = ("queue",) * 4 + ("flush", "flush", "find", "find")
REQUESTS = ("request", "request", "role", "find")
NOTES = ("notes", "find", "fault")

THEMES = {
    "plain": PLAIN * 2 + CALLS,
    "atomics": PLAIN + CALLS + ATOMICS * 2,
    "locks": PLAIN + CALLS + ATOMICS + LOCKS * 2,
    "pages": ("set_field", "branch", "section", "helper_call", "warn")
    + PAGES * 2
    + NOTES
    + ("role",) * 3,
    "lists": ("update_field", "branch", "section", "set_local") + PAGES + LISTS * 2,
    "queue": ("update_field", "branch", "section", "set_local", "spte") + QUEUES * 2 + NOTES,
    "requests": ("set_field", "branch", "section") + REQUESTS * 2 + ("drop", "fault", "find"),
    "all": PLAIN + CALLS + ATOMICS + LOCKS + PAGES + LISTS + QUEUES + REQUESTS + NOTES,
}
WITH_ROOT = ("pages", "lists", "queue", "requests", "all")

FIELDS = {
    "kvm.a": "u8", "kvm.flag": "bool", "kvm.seen": "atomic_t", "kvm.refs": "refcount_t",
    "kvm.big": "u16", "kvm.bits": "u32", "kvm.arch.seq": "u8", "kvm.arch.on": "bool",
    "kvm.mmu_notifier_seq": "u8", "kvm.users_count": "refcount_t", "kvm.arch.mmu_valid_gen": "bool",
    "vcpu.x": "u8", "vcpu.pending": "bool",
}  # fmt: skip
DECLARED = """
class kvm:
    a: u8
    flag: bool = {flag}
    seen: atomic_t
    refs: refcount_t = {refs}
    big: u16 = {big}
    bits: u32
    root: page


class kvm_arch:
    seq: u8 = {seq}
    on: bool


class kvm_vcpu:
    x: u8
    pending: bool


class kvm_mmu_page:
    n: u8
    busy: bool
"""
SHARED = """
def boot(vcpu):
    role = vcpu.arch.mmu.root_role
    root = tdp_mmu_alloc_sp(vcpu)
    root.role = role
    refcount_set(root.tdp_mmu_root_count, 1)
    list_add_rcu(root.link, vcpu.kvm.arch.tdp_mmu_roots)
    vcpu.arch.mmu.root = root
    vcpu.kvm.root = root


def put(kvm, root):
    if refcount_dec_and_test(root.tdp_mmu_root_count):
        spin_lock(kvm.arch.tdp_mmu_pages_lock)
        list_del_rcu(root.link)
        spin_unlock(kvm.arch.tdp_mmu_pages_lock)
        for i in range(PT_ENTRIES):
            root.spt[i] = 0
        call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def worker(kvm):
    while True:
        work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)
        run_work(work)
        workqueue_done(kvm.arch.tdp_mmu_zap_wq)
"""

LARGE = {33, 130, 226, 232, 234, 242, 246, 294, 318}
SEEDS = [seed for seed in range(308) if seed not in LARGE]
"""300 seeds whose programs have at most 22,000 states; what is in LARGE has more."""


@dataclass(frozen=True)
class RandomProgram:
    """
    A random program.

    seed, theme : where it comes from; units : source texts, later ones on top
    actors : (name, function, args); params : keywords of `explore`: entries, pages, vcpus
    """

    seed: int
    theme: str
    units: tuple
    actors: tuple
    params: dict

    def __str__(self):
        head = f"random program {self.seed} ({self.theme}): {self.actors} {self.params}"
        return "\n".join((head, *self.units))


@dataclass(frozen=True)
class Helper:
    """A helper function: its name, what it takes ("kvm", "page", "number") and gives, its lines."""

    name: str
    takes: tuple
    gives: str | None
    lines: tuple
    cost: int


def random_program(seed):
    """The random program of a seed: the same on every machine and every run."""
    rng = random.Random(seed)
    theme = rng.choice((*THEMES, "all", "locks", "queue"))
    wild = rng.choice((0.0, 0.0, 0.15, 0.4, 0.7))
    page_fields = {"n": "u8", "busy": "bool", "gfn": "u16"}
    writer = PageWriter(rng, wild, _fields(rng), page_fields, THEMES[theme])
    for n in range(rng.choice((0, 1, 2, 2))):
        writer.helpers.append(_helper(writer, n, theme in WITH_ROOT))
    actors, functions = _actors(writer, theme in WITH_ROOT)
    shared = _declarations(rng) + SHARED
    if "zap_work" in _text([*(helper.lines for helper in writer.helpers), *functions]):
        functions.append(_work(writer))
        actors.append(("worker", "worker", ("kvm",)))
    else:
        shared = shared[: shared.index("\n\ndef worker")]
    own = _text([*(helper.lines for helper in writer.helpers), *functions])
    pages = rng.choice((2, 3, 3))
    params = {"entries": rng.choice((1, 2, 2)), "levels": 1, "pages": pages, "vcpus": 2}
    return RandomProgram(seed, theme, (shared, own), tuple(actors), params)


def _fields(rng):
    """Few fields, so that actors meet."""
    names = [name for name in FIELDS if rng.random() < 0.3]
    return {name: FIELDS[name] for name in ("kvm.a", *names)}


def _declarations(rng):
    flag, refs, big = rng.randrange(2), rng.randrange(3), rng.choice((0, 300))
    return DECLARED.format(flag=flag, refs=refs, big=big, seq=rng.choice((0, 0, 1, 254)))


def _text(functions):
    return "\n\n\n".join("\n".join(lines) for lines in functions) + "\n"


def _helper(writer, number, rooted):
    """A helper function; those made before can be called in it."""
    rng, name = writer.rng, f"helper{number}"
    gives = rng.choice(("number", "number", None, "page") if rooted else ("number", "number", None))
    takes = rng.choice((("kvm", "number"), ("kvm", "number", "number"), ("number", "number")))
    if gives == "page" or (rooted and rng.random() < 0.4):
        takes = ("kvm", "page")
    names = [what if what == "kvm" else f"{what[0]}{90 + i}" for i, what in enumerate(takes)]
    out = {"number": "return 1", "page": "return None"}.get(gives, "return")
    scope = Scope(vcpu=False, out=out, rcu=rooted)
    scope.numbers.update(n for n in names if n[0] == "n")
    scope.pages.update(n for n in names if n[0] == "p")
    scope.sure |= scope.pages
    if "kvm" in takes:
        body = writer.block(scope, 2)
    else:
        body = [f"if {names[0]} > 1:", f"    {out}", f"t90 = {names[0]} + {names[1]}"]
        scope.numbers.add("t90")
    if gives == "number":
        value = writer.number(scope) if "kvm" in takes else "t90 & 3"
        body = [*body, f"return {value}"]
    elif gives == "page":
        body = [*body, f"return {rng.choice((names[1], 'kvm.root'))}"]
    lines = (f"def {name}({', '.join(names)}):", *indented(body))
    return Helper(name, takes, gives, lines, writer.cost(lines))


def _actors(writer, rooted):
    """The actors but for the worker, and their functions."""
    rng = writer.rng
    count = rng.choice((2, 2, 3))
    budget = rng.choice({2: (12, 25, 40, 55), 3: (6, 10, 14)}[count])
    actors, functions = [], []
    for i in range(count):
        if i > 1 - (not rooted) and rng.random() < 0.4:  # as the one before
            actors.append((f"actor {i}", actors[-1][1], ("kvm", f"vcpu{rng.randrange(2)}")))
            continue
        start = ["boot(vcpu)"] if rooted and i == 0 else []
        if rooted and i and rng.random() < 0.3:
            start = ["while vcpu.arch.mmu.root is None:", "    cpu_relax()"]
        name = f"actor{i}"
        functions.append((f"def {name}(kvm, vcpu):", *indented(start + _body(writer, budget))))
        actors.append((f"actor {i}", name, ("kvm", "vcpu0")))
    return actors, functions


def _body(writer, budget):
    """Statements up to about a cost."""
    scope, lines = Scope(), []
    while True:
        more = writer.statement(scope)
        if lines and writer.cost(lines + more) > budget:
            return lines
        lines += more
        if writer.cost(lines) >= budget * 0.8:
            return lines


def _work(writer):
    """The work function: what is done with a queued page."""
    scope = Scope(vcpu=False, pages={"p80"}, sure={"p80"})
    body = writer.block(scope, 2)
    return (
        "def zap_work(work):",
        "    p80 = container_of(work, kvm_mmu_page, tdp_mmu_async_work)",
        "    kvm = p80.tdp_mmu_async_data",
        *indented(body),
    )
