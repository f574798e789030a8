"""
Random programs on tables of two levels, and with tests on the scenario's shape.

As `random_programs`, whose programs stay as they are; these have seeds of their own.

    >>> random_table_program(3) == random_table_program(3)
    True
"""

import random

from random_pages import PRESENT, PageWriter
from random_programs import (
    NOTES,
    PAGES,
    SHARED,
    RandomProgram,
    _actors,
    _declarations,
    _fields,
    _helper,
    _text,
    _work,
)  # fmt: skip
from random_statements import DEEPEST, REQUEST, indented

TABLES = ("translate", "table", "descend", "cut", "shape") * 2 + ("table",)
THEME = ("set_field", "branch", "section", "free", "grace") + PAGES + NOTES + TABLES * 2


LARGE = {19, 53}
SEEDS = [seed for seed in range(122) if seed not in LARGE]
"""Programs of at most 20,000 states; what is in LARGE has more."""


class TableWriter(PageWriter):
    """A `PageWriter` that also knows tables below a root, and tests on the shape."""

    noting = False

    def index(self):
        return self.rng.choice(("0", "0", "PT_ENTRIES - 1"))

    def table(self, s):
        """A table linked below a page: a role one level down, its gfn, a cmpxchg."""
        page = self.page(s)
        if page is None or not s.vcpu or s.loop:
            return None
        name, role, index = self.new("p"), self.new("r"), self.index()
        s.pages.add(name)
        spte = f"{page}.spt[{index}]"
        fresh = [
            f"{name} = tdp_mmu_alloc_sp(vcpu)",
            f"{role} = {page}.role",
            f"{role}.level = {role}.level - 1",
            f"{name}.role = {role}",
            f"{name}.gfn = ({index}) * PT_ENTRIES",
        ]
        if self.is_wild(0.5):
            fresh = fresh[: self.rng.randrange(1, 5)]
            fresh = fresh[:1] if len(fresh) == 2 else fresh
        if self.is_wild(0.5):
            return [*fresh, f"{spte} = make_nonleaf_spte({name})"]
        lost = "pass" if self.is_wild() else f"tdp_mmu_free_sp({name})"
        link = f"cmpxchg({spte}, 0, make_nonleaf_spte({name}))"
        if self.chance(0.5):
            link = f"try_cmpxchg({spte}, z, make_nonleaf_spte({name}))"
            return ["z = 0", *fresh, f"if not {link}:", f"    {lost}"]
        return [*fresh, f"if {link} != 0:", f"    {lost}"]

    def descend(self, s):
        """A step down, and something done to an entry of the child."""
        page = self.page(s)
        if page is None:
            return None
        name, index = self.new("p"), self.index()
        s.pages.add(name)
        leaf = f"{name}.spt[{self.index()}]"
        done = self.rng.choice(
            (f"{leaf} = {PRESENT}", f"{leaf} = 0", f"cmpxchg({leaf}, 0, {PRESENT} | 4096)",
             f"{leaf} = make_nonleaf_spte({page})", f"xchg({leaf}, REMOVED_SPTE)")
        )  # fmt: skip
        if self.is_wild(0.3):
            return [f"{name} = spte_to_child_sp({page}.spt[{index}])", done]
        down = f"{name} = spte_to_child_sp({page}.spt[{index}])"
        lines = [down, f"if {name} is not None:", f"    {done}"]
        return (
            lines if s.rcu or self.is_wild() else ["rcu_read_lock()", *lines, "rcu_read_unlock()"]
        )

    def cut(self, s):
        """A table cut off and freed, its entries removed or forgotten."""
        page = self.page(s)
        if page is None or s.loop:
            return None
        name, spte = self.new("p"), f"{page}.spt[{self.index()}]"
        s.pages.add(name)
        removed = [] if self.is_wild(0.5) else [
            "for i in range(PT_ENTRIES):", f"    xchg({name}.spt[i], REMOVED_SPTE)"]  # fmt: skip
        free = f"call_rcu({name}.rcu_head, tdp_mmu_free_sp_rcu_callback)"
        free = f"tdp_mmu_free_sp({name})" if self.is_wild(0.3) else free
        down = f"{name} = spte_to_child_sp(xchg({spte}, 0))"
        return [down, f"if {name} is not None:", *indented([*removed, free])]

    def translate(self, s):
        """The guest uses a gfn, or somebody flushes."""
        if not s.vcpu or self.chance(0.2):
            return [
                self.rng.choice(("tlb_flush_all(kvm)", "tlb_flush(vcpu)" if s.vcpu else "pass"))
            ]
        if self.chance(0.15):
            return [f"kvm_make_request({REQUEST}, vcpu)"]
        gfn = self.rng.choice(("0", "0", "PT_ENTRIES - 1", "1"))
        access = f"kvm.a = tlb_access(vcpu, {gfn})"
        if self.is_wild(0.2):
            return [access]
        return ["if vcpu.arch.mmu.root is not None:", f"    {access}"]

    def notes(self, s):
        """As elsewhere, but notifiers are about any gfn, and no update begins inside another."""
        if self.noting:
            return None
        self.noting = True
        lines, gfn = super().notes(s), self.rng.choice("0013")
        self.noting = False
        return [line.replace("(kvm, 0)", f"(kvm, {gfn})") for line in lines or []]

    def shape(self, s):
        """A test that the scenario decides, with or without another branch."""
        if self.depth > DEEPEST:
            return None
        test = self.rng.choice(
            ("PT_LEVELS > 1", "PT_LEVELS == 1", "PT_ENTRIES == 1 or PT_LEVELS > 2",
             "not PT_ENTRIES < 2", "KVM_MAX_VCPUS >= 2 and PT_LEVELS == 2", "PT_LEVELS",
             "HARDWARE_TLB")
        )  # fmt: skip
        lines = [f"if {test}:", *indented(self.block(s.inner(), 2))]
        if self.chance(0.5):
            lines += ["else:", *indented(self.block(s.inner(), 2))]
        return lines if self.chance(0.7) else ["if kvm.a:", *indented(lines)]


def random_table_program(seed):
    """The random program of a seed: the same on every machine and every run."""
    rng = random.Random(1_000_000 + seed)
    wild = rng.choice((0.0, 0.0, 0.15, 0.4))
    page_fields = {"n": "u8", "busy": "bool", "gfn": "u16"}
    writer = TableWriter(rng, wild, _fields(rng), page_fields, THEME)
    for n in range(rng.choice((0, 1, 2))):
        writer.helpers.append(_helper(writer, n, True))
    actors, functions = _actors(writer, True)
    shared = _declarations(rng) + SHARED
    if "zap_work" in _text([*(helper.lines for helper in writer.helpers), *functions]):
        functions.append(_work(writer))
        actors.append(("worker", "worker", ("kvm",)))
    else:
        shared = shared[: shared.index("\n\ndef worker")]
    own = _text([*(helper.lines for helper in writer.helpers), *functions])
    levels = rng.choice((1, 2, 2))
    params = {
        "entries": rng.choice((1, 2)), "levels": levels, "pages": rng.choice((2, 3, 4)), "vcpus": 2,
        "tlb": rng.randrange(2),
        "root_role": 0x780 + levels,
    }  # fmt: skip
    return RandomProgram(seed, "tables", (shared, own), tuple(actors), params)
