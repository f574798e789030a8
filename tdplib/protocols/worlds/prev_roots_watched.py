"""prev-roots-watched: prev-roots, and somebody counts the roots that a vCPU has.

Stage
    As prev-roots.
Watched
    Whoever serves the request must lose no root that is fine: there are as many afterwards as there
    were fine ones before. If an update comes in between, which marks them all, the request is
    pending again, and then nothing is asked.
Left out
    See prev-roots.
"""

from tdplib.lang.kernel import *


def is_fine(root):
    """Is there a root, and is it in service?"""
    return root is not None and not root.role.invalid


def fine_roots(vcpu):
    """How many roots in service the vCPU has, cached or current."""
    fine = is_fine(vcpu.arch.mmu.root)
    for i in range(KVM_MMU_NUM_PREV_ROOTS):
        fine += is_fine(prev_root(vcpu, i))
    return fine


def see_what_is_left(vcpu, before):
    """Serving the request must have left all roots that were fine before."""
    write_lock(vcpu.kvm.mmu_lock)
    after = fine_roots(vcpu)
    if not kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
        WARN_ON_ONCE(after < before)
    write_unlock(vcpu.kvm.mmu_lock)


def vcpu_enter_guest(vcpu):
    """Serve the request, and see what is left; then see that there is a root."""
    if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
        before = fine_roots(vcpu)
        kvm_mmu_free_obsolete_roots(vcpu)
        see_what_is_left(vcpu, before)
    if vcpu.arch.mmu.root is None:
        kvm_mmu_load(vcpu)
