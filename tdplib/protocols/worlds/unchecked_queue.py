"""unchecked-queue: a VM is made while memory is short, and nobody looks at what came of it.

Kernel
    22b94c4b63eb, arch/x86/kvm/mmu/tdp_mmu.c, kvm_mmu_init_tdp_mmu(); mended before v5.18 by
    a1a39128faab.
Stage
    One process makes a VM and deletes a memslot of it; its guest has not run yet. Meanwhile other
    processes use up the host's memory: from then on an allocation gives None.
Left out
    Memory never comes back. The queue itself is part of the simulated machine; a pointer to it is
    here a pointer to the VM it belongs to, or None. The error number is an ordinary -12.
"""

from tdplib.lang.kernel import *

ENOMEM = 12


class kvm:
    memory_is_short: bool
    has_zap_wq: bool


def alloc_workqueue(kvm):
    """A queue for this VM, or None if there is no memory for it."""
    if kvm.memory_is_short:
        return None
    return kvm


def IS_ERR(pointer):
    """Is this one of the error numbers that some functions give as a pointer? None is none."""
    return False


def set_zap_wq(kvm, wq):
    """Note the VM's queue."""
    kvm.has_zap_wq = wq is not None


def zap_wq(kvm):
    """The VM's queue, or None if it has none."""
    if kvm.has_zap_wq:
        return kvm
    return None


def kvm_mmu_init_tdp_mmu(kvm):
    """Set up what the TDP MMU of a new VM needs; 0, or a negative error number."""
    wq = alloc_workqueue(kvm)
    set_zap_wq(kvm, wq)
    return 0


def kvm_arch_init_vm(kvm):
    """Set up a new VM; 0, or a negative error number: then there is no VM."""
    error = 0
    kvm_mmu_init_tdp_mmu(kvm)
    return error


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    """Wait until every invalidated root is zapped."""
    wq = zap_wq(kvm)
    flush_workqueue(wq.arch.tdp_mmu_zap_wq)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """The process: it makes the VM and, if there is one, deletes a memslot of it."""
    error = kvm_arch_init_vm(kvm)
    if error:
        WARN_ON_ONCE(not kvm.memory_is_short)
        WARN_ON_ONCE(error != -ENOMEM)
    else:
        memslot_update_thread(kvm)


def notifier_thread(kvm, gfn):
    """Other processes: they use up the memory."""
    kvm.memory_is_short = True
