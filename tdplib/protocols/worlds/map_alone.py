"""map-alone: one vCPU tries the map step on an SPTE of each kind, and nobody disturbs it.

The map step is that of shared-map. It must install an SPTE where there is none, see that one is
there, and leave REMOVED_SPTE alone.
"""

from tdplib.lang.kernel import *


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Three faults: at an SPTE that is 0, at one that is present, at REMOVED_SPTE."""
    kvm_mmu_load(vcpu)
    root = vcpu.arch.mmu.root
    read_lock(kvm.mmu_lock)
    WARN_ON_ONCE(kvm_tdp_mmu_map(vcpu, gfn) != RET_PF_FIXED)
    new = SPTE_MMU_PRESENT_MASK | PT_WRITABLE_MASK | (gfn + 1) << 12
    WARN_ON_ONCE(root.spt[gfn] != new)
    WARN_ON_ONCE(kvm_tdp_mmu_map(vcpu, gfn) != RET_PF_SPURIOUS)
    root.spt[gfn] = REMOVED_SPTE
    WARN_ON_ONCE(kvm_tdp_mmu_map(vcpu, gfn) != RET_PF_RETRY)
    WARN_ON_ONCE(root.spt[gfn] != REMOVED_SPTE)
    root.spt[gfn] = 0
    read_unlock(kvm.mmu_lock)
    kvm_mmu_free_roots(vcpu)
