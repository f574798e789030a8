"""zap-cursor-gives-up: a zap step that lost a race goes on to the next entry without a retry.

So that there is a race to lose, the guest writes to its page once it is mapped: the processor sets
the dirty bit, and takes no lock for it.
"""

from tdplib.lang.kernel import *

PT_DIRTY_MASK = 1 << 9


def tdp_mmu_zap_spte(root, index, shared):
    """Make one SPTE not present, if nobody was faster."""
    old = root.spt[index]
    if old & SPTE_MMU_PRESENT_MASK:
        tdp_mmu_set_spte_atomic(root, index, old, 0)


def guest_writes(vcpu, gfn):
    """The processor sets the dirty bit of the SPTE, if that is present."""
    root = vcpu.arch.mmu.root
    old = root.spt[gfn]
    if old & SPTE_MMU_PRESENT_MASK:
        tdp_mmu_set_spte_atomic(root, gfn, old, old | PT_DIRTY_MASK)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU faults its page in, writes to it and, if `unload`, drops its root."""
    for n in range(faults):
        ret = RET_PF_RETRY
        while ret == RET_PF_RETRY:
            vcpu_enter_guest(vcpu)
            ret = direct_page_fault(vcpu, gfn)
    guest_writes(vcpu, gfn)
    if unload:
        kvm_mmu_free_roots(vcpu)
