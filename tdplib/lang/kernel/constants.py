"""The built-in constants of kernel Python, the types of new fields, and names without a value."""

from __future__ import annotations

from ...words import spte
from ._stub import Constant, Name

__all__ = [
    "FROZEN_SPTE",
    "HARDWARE_TLB",
    "KVM_MAX_VCPUS",
    "KVM_REQ_MMU_FREE_OBSOLETE_ROOTS",
    "PG_LEVEL_1G",
    "PG_LEVEL_2M",
    "PG_LEVEL_4K",
    "PT_ENTRIES",
    "PT_LEVELS",
    "PT_WRITABLE_MASK",
    "REMOVED_SPTE",
    "RET_PF_CONTINUE",
    "RET_PF_EMULATE",
    "RET_PF_FIXED",
    "RET_PF_INVALID",
    "RET_PF_RETRY",
    "RET_PF_SPURIOUS",
    "SPTE_MMU_PRESENT_MASK",
    "VM_TEARDOWN",
    "atomic_t",
    "kvm_mmu_page",
    "page",
    "refcount_t",
    "tdp_mmu_async_work",
    "tdp_mmu_free_sp_rcu_callback",
    "u8",
    "u16",
    "u32",
]

SPTE_MMU_PRESENT_MASK = Constant(
    "SPTE_MMU_PRESENT_MASK",
    spte.SPTE_MMU_PRESENT_MASK,
    "Bit 11 of an SPTE: KVM's own `present`, whatever the hardware's bits say.",
)
PT_WRITABLE_MASK = Constant(
    "PT_WRITABLE_MASK", spte.PT_WRITABLE_MASK, "Bit 1 of an SPTE: the guest may write."
)
REMOVED_SPTE = Constant(
    "REMOVED_SPTE",
    spte.REMOVED_SPTE,
    "An SPTE under removal (v5.18): not present, and nobody but its owner may overwrite it.",
)
FROZEN_SPTE = Constant(
    "FROZEN_SPTE", spte.FROZEN_SPTE, "What later kernels (2024 sources) call REMOVED_SPTE."
)

RET_PF_CONTINUE = Constant(
    "RET_PF_CONTINUE", 0, "Result of a page fault that nothing in the model gives."
)
RET_PF_RETRY = Constant("RET_PF_RETRY", 1, "Page fault: let the guest run into it again.")
RET_PF_EMULATE = Constant(
    "RET_PF_EMULATE", 2, "Result of a page fault that nothing in the model gives."
)
RET_PF_INVALID = Constant(
    "RET_PF_INVALID", 3, "Result of a page fault that nothing in the model gives."
)
RET_PF_FIXED = Constant("RET_PF_FIXED", 4, "Page fault: the SPTE is installed.")
RET_PF_SPURIOUS = Constant("RET_PF_SPURIOUS", 5, "Page fault: there was nothing to do.")

KVM_REQ_MMU_FREE_OBSOLETE_ROOTS = Constant(
    "KVM_REQ_MMU_FREE_OBSOLETE_ROOTS",
    0,
    "Request to a vCPU: drop the root if it is invalid, before entering the guest again.",
)

PG_LEVEL_4K = Constant("PG_LEVEL_4K", 1, "Level of a table whose entries map 4 KiB.")
PG_LEVEL_2M = Constant("PG_LEVEL_2M", 2, "Level of a table whose entries map 2 MiB.")
PG_LEVEL_1G = Constant("PG_LEVEL_1G", 3, "Level of a table whose entries map 1 GiB.")

PT_ENTRIES = Name("PT_ENTRIES", "entries per table, set by the scenario")
PT_LEVELS = Name("PT_LEVELS", "levels of tables, set by the scenario")
KVM_MAX_VCPUS = Name("KVM_MAX_VCPUS", "number of vCPUs, set by the scenario")
HARDWARE_TLB = Name("HARDWARE_TLB", "1 if each vCPU has a hardware TLB, set by the scenario")
VM_TEARDOWN = Name("VM_TEARDOWN", "1 if the VM ends after all that, set by the scenario")

u8 = Name("u8", "type of a new field: 0 to 255")
u16 = Name("u16", "type of a new field: 0 to 65535")
u32 = Name("u32", "type of a new field: 0 to 4294967295")
refcount_t = Name("refcount_t", "type of a new field: a count, 0 to 14 in the model")
atomic_t = Name("atomic_t", "type of a new field: 0 to 255, for the atomic_ primitives")
page = Name("page", "type of a new field: a pointer to a kvm_mmu_page")

kvm_mmu_page = Name("kvm_mmu_page", "the struct of a page table page; see REFERENCE.md, section 3")
tdp_mmu_async_work = Name("tdp_mmu_async_work", "the work item in a kvm_mmu_page")
tdp_mmu_free_sp_rcu_callback = Name(
    "tdp_mmu_free_sp_rcu_callback", "the callback that frees a page, for call_rcu"
)
