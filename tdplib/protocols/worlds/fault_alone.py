"""fault-alone: one vCPU faults in a valid and in an invalid root, and nobody disturbs it.

What a fault answers: RET_PF_FIXED where it has mapped the page, RET_PF_SPURIOUS where the page was
mapped already, RET_PF_RETRY where the root is out of service. Then nothing is mapped either.
"""

from tdplib.lang.kernel import *


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """Two faults in a valid root, and one after it went out of service."""
    kvm_mmu_load(vcpu)
    root = vcpu.arch.mmu.root
    WARN_ON_ONCE(is_page_fault_stale(vcpu))
    WARN_ON_ONCE(direct_page_fault(vcpu, gfn) != RET_PF_FIXED)
    WARN_ON_ONCE(not root.spt[gfn] & SPTE_MMU_PRESENT_MASK)
    WARN_ON_ONCE(direct_page_fault(vcpu, gfn) != RET_PF_SPURIOUS)
    write_lock(kvm.mmu_lock)
    root.spt[gfn] = 0
    root.role.invalid = 1
    write_unlock(kvm.mmu_lock)
    WARN_ON_ONCE(not is_page_fault_stale(vcpu))
    WARN_ON_ONCE(direct_page_fault(vcpu, gfn) != RET_PF_RETRY)
    WARN_ON_ONCE(root.spt[gfn])
    kvm_mmu_free_roots(vcpu)
