"""roots-clear-late: roots, with a vCPU that clears its pointer after it has given its root back.

With mmu_lock held for write nobody could see the moment in between. It is held for read here. Only
the vCPU that faults at gfn 0 is careless; the other one runs a guest of the guest all the time, so
that it has a root of its own.
"""

from tdplib.lang.kernel import *


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: it finds a root, maps a page in it, gives it back in the right order or the wrong."""
    if gfn:
        vcpu_changes_mode(vcpu, 2)
    kvm_mmu_load(vcpu)
    direct_page_fault(vcpu, gfn)
    if gfn:
        kvm_mmu_free_roots(vcpu)
    else:
        put_before_clear(vcpu)


def put_before_clear(vcpu):
    """The vCPU gives its root back, then forgets it."""
    read_lock(vcpu.kvm.mmu_lock)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, True)
    vcpu.arch.mmu.root = None
    read_unlock(vcpu.kvm.mmu_lock)
