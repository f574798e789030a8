"""
The words of the TDP MMU: role words, SPTEs, gfns, each bit named once with pack and unpack.

Plain Python integers, nothing else. `role` is what a page table is for, `spte` one entry of it,
`gfn` the arithmetic of levels and indices, `bits` the named bit-fields they share.

Every short name used in the package is in `GLOSSARY`.
"""

from __future__ import annotations

__all__ = ["GLOSSARY"]

GLOSSARY: dict[str, str] = {
    "A/D bits": "accessed and dirty: set by the processor in an SPTE when it uses or writes a page",
    "as_id": "address-space id of a root: 0, or 1 for system management mode (from role.smm)",
    "defunct": "a root whose last reference was put while it was still valid",
    "EPT": "Intel's page tables from guest physical to host physical addresses",
    "fast zap": "kvm_mmu_zap_all_fast: invalidate every root and zap it before returning",
    "gfn": "guest frame number: a guest physical address without its 12 low bits",
    "gift": "a reference taken for the worker that will zap the root; the worker puts it",
    "invalid": "role bit: nobody may take this page table up again; never goes back to 0",
    "kvm": "struct kvm: one virtual machine",
    "leaf": "an SPTE that maps memory, not a table: any of level 1, or one with the large bit",
    "level": "of a page table, 1 (maps 4K pages) up to the root's 4 or 5",
    "memslot": "a range of gfns the host process has given memory to",
    "mmu_lock": "the VM's reader-writer lock: faults take it for read, invalidation for write",
    "NPT": "AMD's page tables from guest physical to host physical addresses",
    "pfn": "host frame number: a host physical address without its 12 low bits",
    "PG_LEVEL": "level by what one entry maps: 1 = 4K, 2 = 2M, 3 = 1G, 4 = 512G, 5 = 256T",
    "ptep": "address of the SPTE that points to a table; a root has none",
    "RCU": "read-copy-update: what was unlinked is freed once all readers of that time are done",
    "refcount": "refcount_t: a count of references that saturates and never rises from zero",
    "REMOVED": "SPTE value that holds a place while it is changed (FROZEN in later versions)",
    "role": "32-bit word saying what a page table is for; equal words, same use",
    "root": "the topmost page table of a tree",
    "root slot": "a place for one root in an explored machine, which holds only so many",
    "slot": "one entry of a table, or short for memslot where a VM is spoken of",
    "slots_lock": "the VM's mutex for memslot changes, NX toggles and fast zaps",
    "sp": "shadow page: struct kvm_mmu_page, the kernel's record of one page table",
    "spt": "the 512-entry table itself, to which an sp belongs",
    "SPTE": "shadow page-table entry: one 64-bit entry of a table KVM keeps",
    "split": "to replace a large leaf by a table of smaller leaves mapping the same pages",
    "TDP": "two-dimensional paging: the processor walks guest tables and KVM's in turn",
    "TDP MMU": "the part of KVM that keeps such tables when nothing of the guest is shadowed",
    "TLB": "the processor's cache of translations; must be flushed before memory is freed",
    "vCPU": "one virtual processor of the machine",
    "worker": "the kernel thread that runs queued work items, here the zap of a root",
    "zap": "to make SPTEs non-present, and free the tables they pointed to",
}
"""Short name -> what it means, in one clause; for text, hover help and the glossary page."""
