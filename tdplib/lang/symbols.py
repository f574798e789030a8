"""
The names of kernel Python: structs and their fields, built-in constants, primitives.

One table each, in the order of `REFERENCE.md`. A struct maps a field name to its type; a type that
names another struct (`kvm_arch`, `kvm_mmu`, ...) is embedded, not pointed to. Nothing here knows
syntax or the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..words import role as role_word
from ..words import spte as spte_word

#: Number types a field may have, with the largest value each holds (all start at 0).
NUMBER_LIMITS = {
    "bool": 1,
    "u8": 0xFF,
    "u16": 0xFFFF,
    "u32": 0xFFFF_FFFF,
    "u64": (1 << 63) - 1,
    "refcount_t": 15,
    "atomic_t": 0xFF,
}
#: The saturated refcount of the model; 0..14 are counts.
REFCOUNT_SATURATED = 15
POINTER_TYPES = ("page", "kvm_ptr")
LOCK_TYPES = ("rwlock", "mutex", "spinlock")

BASE_STRUCTS: dict[str, dict[str, str]] = {
    "kvm": {
        "mmu_lock": "rwlock",
        "slots_lock": "mutex",
        "slots_arch_lock": "mutex",
        "users_count": "refcount_t",
        "mmu_notifier_seq": "u8",
        "arch": "struct kvm_arch",
    },
    "kvm_arch": {
        "tdp_mmu_pages_lock": "spinlock",
        "mmu_valid_gen": "bool",
        "tdp_mmu_roots": "list",
        "tdp_mmu_zap_wq": "workqueue",
    },
    "kvm_vcpu": {"kvm": "kvm_const", "vcpu_id": "id_const", "arch": "struct kvm_vcpu_arch"},
    "kvm_vcpu_arch": {"mmu": "struct kvm_mmu"},
    "kvm_mmu": {"root": "page", "root_role": "role"},
    "kvm_mmu_page": {
        "role": "role",
        "tdp_mmu_root_count": "refcount_t",
        "gfn": "u16",
        "spt": "table",
        "tdp_mmu_page": "bool",
        "tdp_mmu_async_data": "kvm_ptr",
        "tdp_mmu_async_work": "work",
        "link": "node",
        "rcu_head": "rcu_head",
    },
}
#: Where a field of an embedded struct lives: `kvm.arch.x` is a field of the one kvm.
OWNER = {
    "kvm": "kvm",
    "kvm_arch": "kvm",
    "kvm_vcpu": "vcpu",
    "kvm_vcpu_arch": "vcpu",
    "kvm_mmu": "vcpu",
    "kvm_mmu_page": "page",
}
EXTENSIBLE = ("kvm", "kvm_arch", "kvm_vcpu", "kvm_mmu_page")
EXTENSION_TYPES = ("bool", "u8", "u16", "u32", "refcount_t", "atomic_t", "page")

#: Locks by rank: a lock may be taken only while no lock of a later rank is held (kernel:
#: Documentation/virt/kvm/locking.rst).
LOCK_RANK = ("slots_lock", "slots_arch_lock", "mmu_lock", "tdp_mmu_pages_lock")

REQUESTS = {"KVM_REQ_MMU_FREE_OBSOLETE_ROOTS": 0}

#: What the machine notes of a page beside its fields, under these names: a field of the same name
#: would be the same bits.
MACHINE_NOTES = {"kvm_mmu_page": ("state", "next", "on", "zapped", "marked", "inited")}

#: What a field starts with when it is not 0.
INITIAL = {("kvm", "users_count"): 1, ("page", "tdp_mmu_page"): 1}

#: Built-in constants that the scenario fixes. A test made of them and of numbers is decided when
#: the units are joined.
SHAPE = ("PT_ENTRIES", "PT_LEVELS", "KVM_MAX_VCPUS", "HARDWARE_TLB", "VM_TEARDOWN")

#: Host frame of page slot 0's table; slot n's is n further on. Frames of guest memory lie below.
FIRST_TABLE_PFN = 0x100
#: What `make_nonleaf_spte` sets beside the frame.
NONLEAF_BITS = spte_word.SPTE_MMU_PRESENT_MASK | spte_word.PT_WRITABLE_MASK

ROLE_BITS = {f.name: (f.shift, f.width) for f in role_word.layout("v5.18").fields}


def constants(
    entries: int, levels: int, vcpus: int, tlb: int = 0, teardown: int = 0
) -> dict[str, int]:
    """Return the built-in constants of a scenario: entries, levels, vCPUs, a TLB, an end."""
    return {
        "SPTE_MMU_PRESENT_MASK": spte_word.SPTE_MMU_PRESENT_MASK,
        "PT_WRITABLE_MASK": spte_word.PT_WRITABLE_MASK,
        "REMOVED_SPTE": spte_word.REMOVED_SPTE,
        "FROZEN_SPTE": spte_word.FROZEN_SPTE,
        "RET_PF_CONTINUE": 0,
        "RET_PF_RETRY": 1,
        "RET_PF_EMULATE": 2,
        "RET_PF_INVALID": 3,
        "RET_PF_FIXED": 4,
        "RET_PF_SPURIOUS": 5,
        "PG_LEVEL_4K": 1,
        "PG_LEVEL_2M": 2,
        "PG_LEVEL_1G": 3,
        "PT_ENTRIES": entries,
        "PT_LEVELS": levels,
        "KVM_MAX_VCPUS": vcpus,
        "HARDWARE_TLB": tlb,
        "VM_TEARDOWN": teardown,
        **REQUESTS,
    }


@dataclass(frozen=True)
class Primitive:
    """
    A built-in: its parameters as letters, what it gives, whether it acts on shared memory.

    params : one letter each: `f` field of numbers or pointers, `r` refcount field, `a` atomic or
        unsigned field, `l` lock, `w` rwlock, `v` value, `L` local name, `n` list node, `h` list
        head, `q` workqueue, `k` work item field, `W` work pointer, `H` rcu_head, `p` page, `s`
        SPTE, `c` vcpu, `K` kvm, `R` request, `F` function name, `N` bare name
    """

    name: str
    params: str
    gives: str = "none"
    visible: bool = True
    words: tuple[str, ...] = field(default=())


def _table(*rows: Primitive) -> dict[str, Primitive]:
    return {row.name: row for row in rows}


def _private(*names: str) -> tuple[Primitive, ...]:
    return tuple(Primitive(n, "", visible=False) for n in names)


PRIMITIVES: dict[str, Primitive] = _table(
    Primitive("READ_ONCE", "f", "value"),
    Primitive("WRITE_ONCE", "fv"),
    Primitive("xchg", "fv", "value"),
    Primitive("cmpxchg", "fvv", "value"),
    Primitive("try_cmpxchg", "fLv", "bool"),
    Primitive("refcount_read", "r", "num"),
    Primitive("refcount_set", "rv"),
    Primitive("refcount_inc", "r"),
    Primitive("refcount_inc_not_zero", "r", "bool"),
    Primitive("refcount_dec", "r"),
    Primitive("refcount_dec_and_test", "r", "bool"),
    Primitive("atomic_read", "a", "num"),
    Primitive("atomic_set", "av"),
    Primitive("atomic_inc", "a"),
    Primitive("atomic_dec", "a"),
    Primitive("atomic_inc_return", "a", "num"),
    Primitive("atomic_dec_and_test", "a", "bool"),
    Primitive("read_lock", "w"),
    Primitive("read_unlock", "w"),
    Primitive("write_lock", "w"),
    Primitive("write_unlock", "w"),
    Primitive("mutex_lock", "l"),
    Primitive("mutex_unlock", "l"),
    Primitive("spin_lock", "l"),
    Primitive("spin_unlock", "l"),
    Primitive("rwlock_is_locked", "w", "bool"),
    Primitive("rwlock_is_write_locked", "w", "bool"),
    Primitive("mutex_is_locked", "l", "bool"),
    Primitive("cond_resched_rwlock_read", "w", "bool"),
    Primitive("cond_resched_rwlock_write", "w", "bool"),
    *_private("cond_resched", "cpu_relax", "smp_mb", "smp_rmb", "smp_wmb", "barrier"),
    Primitive("rcu_read_lock", ""),
    Primitive("rcu_read_unlock", ""),
    Primitive("call_rcu", "HN"),
    Primitive("tdp_mmu_free_sp", "p"),
    Primitive("synchronize_rcu", ""),
    Primitive("rcu_barrier", ""),
    Primitive("list_add_rcu", "nh"),
    Primitive("list_add_tail_rcu", "nh"),
    Primitive("list_del_rcu", "n"),
    Primitive("list_empty", "h", "bool"),
    Primitive("list_first_or_null_rcu", "h", "page"),
    Primitive("list_next_or_null_rcu", "hp", "page"),
    Primitive("list_first_or_null", "h", "page"),
    Primitive("list_next_or_null", "hp", "page"),
    Primitive("INIT_WORK", "kF"),
    Primitive("queue_work", "qk", "bool"),
    Primitive("work_pending", "k", "bool"),
    Primitive("flush_workqueue", "q"),
    Primitive("destroy_workqueue", "q"),
    Primitive("container_of", "WNN", "page", visible=False),
    Primitive("kvm_make_all_cpus_request", "KR"),
    Primitive("kvm_make_request", "Rc"),
    Primitive("kvm_test_request", "Rc", "bool"),
    Primitive("kvm_check_request", "Rc", "bool"),
    Primitive("WARN_ON", "v", "num", visible=False),
    Primitive("WARN_ON_ONCE", "v", "num", visible=False),
    Primitive("BUG_ON", "v", "num", visible=False),
    Primitive("KVM_BUG_ON", "vK", "num", visible=False),
    Primitive("lockdep_assert_held", "l", visible=False),
    Primitive("lockdep_assert_held_read", "w", visible=False),
    Primitive("lockdep_assert_held_write", "w", visible=False),
    Primitive("tdp_mmu_alloc_sp", "c", "page"),
    Primitive("make_nonleaf_spte", "p", "num", visible=False),
    Primitive("spte_to_child_sp", "s", "page", visible=False),
    Primitive("wait_until", "fv"),
    Primitive("tlb_access", "cv", "num"),
    Primitive("tlb_flush", "c"),
    Primitive("tlb_flush_all", "K"),
    Primitive("workqueue_next", "q", "work"),
    Primitive("run_work", "W", visible=False),
    Primitive("workqueue_done", "q"),
    Primitive("model_update_begins", "K"),
    Primitive("model_update_returns", "K"),
    Primitive("model_notifier_returns", "Kv"),
    Primitive("model_zap_begins", "p"),
    Primitive("model_zap_ends", "p"),
    Primitive("model_marked_invalid", "p"),
)
LIST_ITERATORS = ("list_for_each_entry", "list_for_each_entry_rcu")
