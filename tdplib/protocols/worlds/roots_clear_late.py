"""roots-clear-late: roots, with a vCPU that clears its pointer after it has given its root back.

With mmu_lock held for write nobody could see the moment in between. It is held for read here.
"""

from tdplib.lang.kernel import *


def kvm_mmu_free_roots(vcpu):
    """The vCPU gives its root back, then forgets it."""
    read_lock(vcpu.kvm.mmu_lock)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, True)
    vcpu.arch.mmu.root = None
    read_unlock(vcpu.kvm.mmu_lock)
