"""load-without-flush: v5.18, where a vCPU that loads a root keeps what its processor remembers.

The zap of a whole root flushes no TLB. When the fast zap returns every vCPU has been kicked out of
the guest, and before it enters again it loads another root; the flush that belongs to the load is
what makes the processor forget the old one. Here it is missing.
"""

from tdplib.lang.kernel import *


def kvm_mmu_load(vcpu):
    """Give the vCPU a root, an existing one of the same role or a new one."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu.arch.mmu.root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)
