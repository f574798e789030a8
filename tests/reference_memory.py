"""
The slow twin's shared memory, on plain lists, and the properties that stores and locks can break.

Written from `tdplib/lang/REFERENCE.md` alone; shares nothing with the fast machine but that page.
"Choice:" marks a place where the page allows several readings; the one taken is the most literal.

Glossary: `m` a `Machine` in the middle of an action; `ref` a field in memory as `(Field, pointer,
index)`; a pointer is a small integer (the kvm 0, a vCPU its number, a page or its work item the
slot) or None.
"""

from collections import namedtuple

ORDER = (
    "no-oops", "no-use-after-free", "refcount-underflow", "refcount-from-zero", "refcount-overflow",
    "no-double-queue", "list-intact", "no-invalid-root-loaded", "no-spte-under-invalid-root",
    "invalid-monotone", "no-dead-root-seen", "delist-at-final-put", "freed-empty", "zap-complete",
    "notifier-complete", "tlb-complete", "one-winner", "no-warn", "lockdep", "no-deadlock",
    "no-leak",
)  # fmt: skip
ADVICE = "wasted-zap"

# v5.18's union kvm_mmu_page_role, lowest bit first: (name, width); None is unused.
_ROLE = (
    ("level", 4), ("has_4_byte_gpte", 1), ("quadrant", 2), ("direct", 1), ("access", 3),
    ("invalid", 1), ("efer_nx", 1), ("cr0_wp", 1), ("smep_andnot_wp", 1), ("smap_andnot_wp", 1),
    ("ad_disabled", 1), ("guest_mode", 1), (None, 6), ("smm", 8),
)  # fmt: skip
ROLE_BITS = {"word": (0, 32)}
_shift = 0
for _name, _width in _ROLE:
    if _name:
        ROLE_BITS[_name] = (_shift, _width)
    _shift += _width
INVALID = 1 << ROLE_BITS["invalid"][0]
PRESENT = 1 << 11
WRITABLE = 1 << 1
TABLES = 0x100  # the frame of slot 0's table; slot n's is n further on

# Choice: "atomic_t (8 bits)" is taken as 0..255.
LARGEST = {
    "u8": 255,
    "u16": 2**16 - 1,
    "u32": 2**32 - 1,
    "u64": 2**64 - 1,
    "refcount_t": 14,
    "atomic_t": 255,
}
KIND_OF_TYPE = {
    "page": "page",
    "root": "page",
    "role": "role",
    "kvm pointer": "kvm",
    "the kvm": "kvm",
    "work": "work",
}
LOCK_ORDER = ("slots_lock", "slots_arch_lock", "mmu_lock", "tdp_mmu_pages_lock")
FREE_RWLOCK = (None, (), ())  # the writer; the readers, one entry a hold; the waiting writers
UNALLOCATED, ALLOCATED, FREED = range(3)

KVM = {
    ("mmu_lock",): ("rwlock", FREE_RWLOCK),
    ("slots_lock",): ("mutex", None),
    ("slots_arch_lock",): ("mutex", None),
    ("users_count",): ("refcount_t", 1),
    ("mmu_notifier_seq",): ("u8", 0),
    ("arch", "tdp_mmu_pages_lock"): ("spinlock", None),
    ("arch", "mmu_valid_gen"): ("bool", 0),
    ("arch", "tdp_mmu_roots"): ("list", ()),
    # What is queued, what runs as (worker, item), whether it was destroyed.
    ("arch", "tdp_mmu_zap_wq"): ("workqueue", ((), (), 0)),
}
VCPU = {
    ("%requests",): ("hidden", 0),
    ("%tlb",): ("hidden", ()),  # (gfn, root or the property that its use breaks), by gfn
    ("kvm",): ("the kvm", 0),
    ("vcpu_id",): ("its number", 0),
    ("arch", "mmu", "root"): ("root", None),
    ("arch", "mmu", "root_role"): ("role", 0x784),
}
PAGE = {
    ("%state",): ("hidden", UNALLOCATED),
    ("%waits",): ("hidden", ()),
    ("%next",): ("hidden", None),
    ("%zapped",): ("hidden", 0),
    ("%marked",): ("hidden", 0),
    ("role",): ("role", 0),
    ("tdp_mmu_root_count",): ("refcount_t", 0),
    ("gfn",): ("u16", 0),
    ("tdp_mmu_page",): ("bool", 1),
    ("tdp_mmu_async_data",): ("kvm pointer", None),
    ("tdp_mmu_async_work",): ("work", 0),
    ("link",): ("node", 0),
    ("rcu_head",): ("head", 0),
    ("spt",): ("u64", 0),  # the last of all fields: its entries follow one another
}
# Cells by number: of a vCPU, of a page (five that are no fields, two fields), of an actor.
REQUESTS, TLB = range(2)
STATE, WAITS, NEXT, ZAPPED, MARKED, ROLE, COUNT, GFN = range(8)
NESTING, FLUSHING, SYNCING, NOTED = range(4)  # the cells of an actor
STRUCTS = {
    "kvm": ("kvm", ()),
    "kvm_arch": ("kvm", ("arch",)),
    "kvm_vcpu": ("vcpu", ()),
    "kvm_mmu_page": ("page", ()),
}

Field = namedtuple("Field", "struct name type offset shift width")


class Broken(Exception):
    """The operation breaks the property named."""


class Blocked(Exception):
    """The operation named cannot happen now."""


class Bound(Exception):
    """The path ends at the bound named: the search is incomplete."""


def fit(value, type_):
    """`value` as it is stored in a field of `type_`; raises Bound where it does not fit."""
    if type_ == "bool":
        return int(bool(value))
    if type_ in LARGEST and not 0 <= value <= LARGEST[type_]:
        raise Bound("value")
    return value


class Memory:
    """
    The cells of shared memory: which field is where, and the start values.

    extensions : list of (struct, field, type, start value)
    sizes : dict with entries, pages, vcpus, actors, root_role
    """

    def __init__(self, extensions, sizes):
        structs = {"kvm": dict(KVM), "vcpu": dict(VCPU), "page": dict(PAGE)}
        structs["vcpu"]["arch", "mmu", "root_role"] = ("role", sizes["root_role"])
        spt = structs["page"].pop(("spt",))
        for struct, field, type_, value in extensions:
            kind, prefix = STRUCTS[struct]
            structs[kind][(*prefix, field)] = (type_, fit(value, type_))
        structs["page"]["spt",] = spt
        self.fields = {kind: self._fields(kind, table) for kind, table in structs.items()}
        self.fields["role"] = {
            (bit,): Field("role", bit, "bits", 0, *where) for bit, where in ROLE_BITS.items()
        }
        self.entries, self.pages, self.vcpus = sizes["entries"], sizes["pages"], sizes["vcpus"]
        self.levels = sizes["levels"]
        kvm, vcpu, self.fresh = (
            [value for _, value in structs[kind].values()] for kind in ("kvm", "vcpu", "page")
        )
        self.fresh += [0] * (self.entries - 1)
        self.spt = len(structs["page"]) - 1
        self.base, self.size = (
            {"kvm": 0, "vcpu": len(kvm)},
            {"kvm": 0, "vcpu": len(vcpu), "page": len(self.fresh)},
        )
        self.base["page"] = len(kvm) + len(vcpu) * self.vcpus
        self.actors = self.base["page"] + self.pages * len(self.fresh)
        self.start = (
            kvm + vcpu * self.vcpus + self.fresh * self.pages + [0, (), (), ()] * sizes["actors"]
        )
        self.locks = {
            field.name: field.offset
            for field in self.fields["kvm"].values()
            if field.name in LOCK_ORDER
        }
        self.roots, self.queue = (
            self.fields["kvm"]["arch", n].offset for n in ("tdp_mmu_roots", "tdp_mmu_zap_wq")
        )

    @staticmethod
    def _fields(kind, table):
        fields = {}
        for offset, (path, (type_, _)) in enumerate(table.items()):
            fields[path] = Field(kind, path[-1], type_, offset, 0, 0)
            for bit, (shift, width) in ROLE_BITS.items() if type_ == "role" else ():
                fields[(*path, bit)] = Field(kind, path[-1], "bits", offset, shift, width)
        return fields


class Machine:
    """One action in the making: `mem`, the actor `me`, its `locals`, `stack` and `frames`."""

    def __init__(self, memory):
        self.memory, self.page_base, self.page_size = (
            memory,
            memory.base["page"],
            memory.size["page"],
        )
        self.mem = self.locals = self.stack = self.frames = self.me = None
        self.advice = False

    # cells

    def page(self, pointer, cell):
        """The index of a cell of a page."""
        return self.page_base + pointer * self.page_size + cell

    def live_page(self, pointer):
        """Check a pointer before the page is used."""
        if pointer is None:
            raise Broken("no-oops")
        if self.mem[self.page(pointer, STATE)] == FREED:
            raise Broken("no-use-after-free")

    def pages(self):
        """The slots that are allocated and not freed."""
        return [p for p in range(self.memory.pages) if self.mem[self.page(p, STATE)] == ALLOCATED]

    def actor(self, cell, who=None):
        """The index of a cell of an actor, mine by default."""
        return self.memory.actors + 4 * (self.me if who is None else who) + cell

    def actor_cells(self, cell):
        """The indices of one cell of every actor."""
        return range(self.memory.actors + cell, len(self.mem), 4)

    def cell(self, ref):
        """Where a field is; breaks the properties of a bad pointer or index."""
        field, pointer, index = ref
        if pointer is None or (index is not None and not 0 <= index < self.memory.entries):
            raise Broken("no-oops")
        if field.struct == "page":
            self.live_page(pointer)
        return (
            self.memory.base[field.struct]
            + pointer * self.memory.size[field.struct]
            + field.offset
            + (index or 0)
        )

    def load(self, ref):
        """Read a field."""
        value, field = self.mem[self.cell(ref)], ref[0]
        return value >> field.shift & (1 << field.width) - 1 if field.width else value

    def store(self, ref, value):
        """Write a field, in one action also where it is a bit-field."""
        where, field = self.cell(ref), ref[0]
        old = self.mem[where]
        if field.width:
            if not 0 <= value < 1 << field.width:
                raise Bound("value")
            value = old & ~((1 << field.width) - 1 << field.shift) | value << field.shift
        self.check_store(ref, old, value)
        self.mem[where] = fit(value, field.type)

    def check_store(self, ref, old, value):
        """The properties of stores: roots loaded, SPTEs installed, roles changed."""
        field, pointer, index = ref
        if field.type == "root" and value is not None and self.role(value) & INVALID:
            raise Broken("no-invalid-root-loaded")
        if index is not None and value & ~old & PRESENT and self.under_invalid(pointer):
            raise Broken("no-spte-under-invalid-root")
        if field.type in ("role", "bits") and old & ~value & INVALID:
            raise Broken("invalid-monotone")

    def role(self, page):
        """The role word of a page (0 where it is freed)."""
        return self.mem[self.page(page, ROLE)]

    def count(self, page):
        """The reference count of a page."""
        return self.mem[self.page(page, COUNT)]

    def entries(self, page):
        """The entries of a page."""
        first = self.page(page, self.memory.spt)
        return self.mem[first : first + self.memory.entries]

    def present(self, page):
        """Whether an entry of a page is present."""
        return any(spte & PRESENT for spte in self.entries(page))

    def child(self, spte):
        """The page whose table an SPTE leads to, None if it leads to none."""
        slot = (spte >> 12 & (1 << 40) - 1) - TABLES
        return slot if spte > 0 and spte & PRESENT and 0 <= slot < self.memory.pages else None

    def parents(self, page):
        """The pages of which an entry leads to the table of a page: none with one level."""
        if self.memory.levels == 1:
            return []
        return [up for up in self.pages() if page in map(self.child, self.entries(up))]

    def under_invalid(self, page):
        """Whether a page, or the page its table hangs below, is invalid."""
        return any(self.role(p) & INVALID for p in (page, *self.parents(page)[:1]))

    # freeing

    def free(self, page):
        """The moment a page is freed: its fields no longer count."""
        if self.present(page):
            raise Broken("freed-empty")
        first = self.page(page, 0)
        self.mem[first : first + self.page_size] = self.memory.fresh
        self.mem[first] = FREED

    def readers(self):
        """Who is inside an RCU reader."""
        return tuple(who for who, cell in enumerate(self.actor_cells(NESTING)) if self.mem[cell])

    # locks

    def holds(self, name):
        """How I hold a lock: "write", "read" or None."""
        lock = self.mem[self.memory.locks[name]]
        if name != "mmu_lock":
            return "write" if lock == self.me else None
        return "write" if lock[0] == self.me else "read" if self.me in lock[1] else None

    def check_taking(self, name):
        """
        Lockdep's word on taking a lock.

        Choice: asked before it is known whether the lock blocks: a self-deadlock must be found.
        """
        later = LOCK_ORDER[LOCK_ORDER.index(name) + 1 :]
        if self.holds(name) == "write" or any(self.holds(other) for other in later):
            raise Broken("lockdep")

    def check_end(self):
        """An actor that is done holds no lock."""
        if any(self.holds(name) for name in LOCK_ORDER):
            raise Broken("lockdep")

    def leaks(self, owned):
        """Whether, with everybody done, something is left (property no-leak)."""
        queued, running, _ = self.mem[self.memory.queue]
        if queued or running:
            return True
        root = self.memory.fields["vcpu"]["arch", "mmu", "root"]
        loaded = [self.load((root, vcpu, None)) for vcpu in range(self.memory.vcpus)]
        for page in self.pages():
            if self.mem[self.page(page, WAITS)] or self.parents(page):
                continue
            expected = loaded.count(page) + (0 if self.role(page) & INVALID else owned)
            if self.count(page) != expected or expected == 0:
                return True
        return False
