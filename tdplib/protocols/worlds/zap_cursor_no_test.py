"""zap-cursor-no-test: a fault does not test its root, as before a955cad84cda."""

from tdplib.lang.kernel import *


def direct_page_fault(vcpu, gfn):
    """Map `gfn`."""
    read_lock(vcpu.kvm.mmu_lock)
    ret = kvm_tdp_mmu_map(vcpu, gfn)
    read_unlock(vcpu.kvm.mmu_lock)
    return ret
