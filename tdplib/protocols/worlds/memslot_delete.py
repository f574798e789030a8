"""memslot-delete: patch 21, and user space deletes a memslot; locks and flush are to be placed.

`kvm_delete_memslot` stands for the way from the system call down to the fast zap. The form here
takes no slots_lock and does not wait; whether all is zapped is looked at when it has returned.

A vCPU that serves the request looks at its root without a lock, as in guest-entry: a request that
comes before the marking may be served before it too, even if both stand in one write section.
"""

from tdplib.lang.kernel import *


def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve the request: drop the root if it is invalid; no lock is needed to look."""
    root = vcpu.arch.mmu.root
    if root is not None and root.role.invalid:
        kvm_mmu_free_roots(vcpu)


def kvm_mmu_zap_all_fast(kvm):
    """Take all roots out of service; return when no SPTE in them is left."""
    write_lock(kvm.mmu_lock)
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)


def kvm_delete_memslot(kvm):
    """Delete a memslot: on return its memory belongs to user space again."""
    kvm_mmu_zap_all_fast(kvm)


def memslot_update_thread(kvm):
    """User space deletes a memslot, and then uses the memory for something else."""
    model_update_begins(kvm)
    kvm_delete_memslot(kvm)
    model_update_returns(kvm)
