"""guest-entry: v5.17, with a vCPU that looks before it locks and says when it is in the guest.

Two things are nearer to the kernel here than in the protocol below. A vCPU that serves the request
looks at its root first and takes mmu_lock only if it has to drop it; its own reference keeps the
root meanwhile. And it says where it is: `vcpu.in_guest` is set when it has seen to its requests
and has a root, and cleared before it does so again. That field is not the kernel's.

The name of the request is that of v5.18; up to then it was called KVM_REQ_MMU_RELOAD
(527d5cd7eece).
"""

from tdplib.lang.kernel import *


class kvm_vcpu:
    in_guest: bool


def kvm_mmu_free_roots(vcpu):
    """The vCPU drops its root."""
    vcpu.in_guest = False
    write_lock(vcpu.kvm.mmu_lock)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
    vcpu.arch.mmu.root = None
    write_unlock(vcpu.kvm.mmu_lock)


def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve the request: drop the root if it is invalid; no lock is needed to look."""
    root = vcpu.arch.mmu.root
    if root is not None and root.role.invalid:
        kvm_mmu_free_roots(vcpu)


def vcpu_enter_guest(vcpu):
    """What a vCPU does on its way into the guest: serve requests, then see that it has a root."""
    vcpu.in_guest = False
    if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
        kvm_mmu_free_obsolete_roots(vcpu)
    if vcpu.arch.mmu.root is None:
        kvm_mmu_load(vcpu)
    vcpu.in_guest = True
