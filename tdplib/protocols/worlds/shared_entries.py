"""shared-entries: v5.18, with three more who change an SPTE while mmu_lock is held for read.

v5.18's vCPUs never meet over one SPTE but to map it. Here vCPU 0, once its page is mapped, writes
to it, so that the processor sets the SPTE's dirty bit, which asks no lock. The other vCPUs replace
their SPTE in two steps, with REMOVED_SPTE in between, as a fault does that puts a table in the
place of a large page. And whoever takes an SPTE away passes its dirty bit on, as the kernel does
with kvm_set_pfn_dirty: a page that was written must not be taken for clean.

The replacement does not ask whether the root is stale, as before a955cad84cda; else v5.18's worker,
which zaps invalid roots only, would never meet REMOVED_SPTE in this table.

One dirty bit a root is noted, so that what is said about it is exact only for one entry. The bit's
position under EPT is not confirmed by our sources. What follows the replacement (the new table) is
left out, and so is the flush of the TLBs before it.
"""

from tdplib.lang.kernel import *

PT_DIRTY_MASK = 1 << 9


class kvm_mmu_page:
    written: bool
    told_dirty: bool


def handle_changed_spte(root, old):
    """An SPTE that was `old` is gone: pass its dirty bit on."""
    if old & SPTE_MMU_PRESENT_MASK and old & PT_DIRTY_MASK:
        root.told_dirty = 1


def tdp_mmu_zap_spte(root, index, shared):
    """Make one SPTE not present; return what it was."""
    old = root.spt[index]
    if not shared:
        if old & SPTE_MMU_PRESENT_MASK:
            root.spt[index] = 0
        return old
    while old & SPTE_MMU_PRESENT_MASK:
        seen = cmpxchg(root.spt[index], old, 0)
        if seen == old:
            break
        old = seen
    return old


def zap_gfn_range(kvm, root, can_yield, shared):
    """Zap every SPTE of `root`, from gfn 0 up, and pass the dirty bits on."""
    rcu_read_lock()
    for index in range(PT_ENTRIES):
        if can_yield and index:
            tdp_mmu_iter_cond_resched(kvm, shared)
        old = tdp_mmu_zap_spte(root, index, shared)
        handle_changed_spte(root, old)
    rcu_read_unlock()


def kvm_tdp_mmu_map(vcpu, gfn):
    """Install the leaf SPTE for `gfn`; mmu_lock is held for read."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old == REMOVED_SPTE:
        return RET_PF_RETRY
    if old & SPTE_MMU_PRESENT_MASK:
        return RET_PF_SPURIOUS
    new = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | (gfn + 1) << 12
    if cmpxchg(root.spt[gfn], old, new) != old:
        return RET_PF_RETRY
    return RET_PF_FIXED


def guest_writes(vcpu, gfn):
    """The guest writes to the page; the processor sets the dirty bit, if the SPTE is present."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old & SPTE_MMU_PRESENT_MASK:
        if cmpxchg(root.spt[gfn], old, old | PT_DIRTY_MASK) == old:
            root.written = 1


def tdp_mmu_zap_spte_atomic(vcpu, gfn):
    """Take an SPTE out of use in two steps; between them it is REMOVED_SPTE, and ours alone."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old & SPTE_MMU_PRESENT_MASK:
        if cmpxchg(root.spt[gfn], old, REMOVED_SPTE) == old:
            handle_changed_spte(root, old)
            WARN_ON_ONCE(root.spt[gfn] != REMOVED_SPTE)
            root.spt[gfn] = 0


def replace_page(vcpu, gfn):
    """A fault that replaces what is mapped at `gfn`, without a test whether the root is stale."""
    read_lock(vcpu.kvm.mmu_lock)
    tdp_mmu_zap_spte_atomic(vcpu, gfn)
    read_unlock(vcpu.kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU faults its page in; vCPU 0 then writes to it, the others replace it."""
    ret = RET_PF_RETRY
    while ret == RET_PF_RETRY:
        vcpu_enter_guest(vcpu)
        ret = direct_page_fault(vcpu, gfn)
    if vcpu.vcpu_id:
        replace_page(vcpu, gfn)
    else:
        guest_writes(vcpu, gfn)
    if unload:
        kvm_mmu_free_roots(vcpu)


def memslot_update_thread(kvm):
    """A fast zap; after it, no write of the guest may have been forgotten."""
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    model_update_returns(kvm)
    write_lock(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid and root.written:
            WARN_ON_ONCE(not root.told_dirty)
    write_unlock(kvm.mmu_lock)
    mutex_unlock(kvm.slots_lock)
