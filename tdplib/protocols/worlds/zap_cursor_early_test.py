"""zap-cursor-early-test: a fault tests its root before it takes mmu_lock."""

from tdplib.lang.kernel import *


def direct_page_fault(vcpu, gfn):
    """Map `gfn`, unless the root went out of service meanwhile."""
    ret = RET_PF_RETRY
    stale = is_page_fault_stale(vcpu)
    read_lock(vcpu.kvm.mmu_lock)
    if not stale:
        ret = kvm_tdp_mmu_map(vcpu, gfn)
    read_unlock(vcpu.kvm.mmu_lock)
    return ret
