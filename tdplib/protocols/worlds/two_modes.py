"""two-modes: vCPUs in two modes, so that two roots are valid at the same time.

Stage
    Every second vCPU runs in system management mode. That is part of the role word, so that it
    needs a root of its own; vCPUs of the same mode share one. This text stands on several
    protocols. Where all vCPUs want the same root there is one valid root at most, and a walk over
    the list that ends at the first root it deals with would do.
Watched
    Before it ends, a vCPU looks whether its root is one of its own mode, and whether the list has a
    second one with its role word.
Left out
    No vCPU changes its mode.
"""

from tdplib.lang.kernel import *


def has_a_twin(vcpu):
    """Is there more than one root on the list with the vCPU's role word?"""
    found = 0
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        found += root.role.word == vcpu.arch.mmu.root_role.word
    return found > 1


def is_of_another_mode(root, vcpu):
    """Is the root made for vCPUs in another mode?"""
    return root.role.smm != vcpu.arch.mmu.root_role.smm


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU in a mode of its own: a fault, a look at what it got, and it drops its root."""
    vcpu.arch.mmu.root_role.smm = vcpu.vcpu_id % 2
    ret = RET_PF_RETRY
    while ret == RET_PF_RETRY:
        vcpu_enter_guest(vcpu)
        ret = direct_page_fault(vcpu, gfn)
    write_lock(kvm.mmu_lock)
    WARN_ON_ONCE(is_of_another_mode(vcpu.arch.mmu.root, vcpu))
    WARN_ON_ONCE(has_a_twin(vcpu))
    write_unlock(kvm.mmu_lock)
    if unload:
        kvm_mmu_free_roots(vcpu)
