"""zap-cursor: one root is taken out of service and zapped, and says how far its zap has come.

The smallest stage on which a fault and the zapper meet: vCPUs that fault once in one root, an
update that takes it out of service and zaps it, with mmu_lock held for read, from the first entry
to the last. `cursor` is the zapper's place: nobody will look again at an entry below it. (The
kernel has no such field; its walker keeps the place to itself.) `retired` stands for the role's
`invalid`: under a name of its own, so that it is left to an invariant to see what goes wrong.

A vCPU whose fault comes too late would get a new root; here it is done. Whoever leaves last empties
the root and frees it.
"""

from tdplib.lang.kernel import *


class kvm:
    table: page
    left: u8


class kvm_mmu_page:
    retired: bool
    cursor: u8


def is_page_fault_stale(vcpu):
    """Was the root taken out of service?"""
    root = vcpu.arch.mmu.root
    return root.retired


def direct_page_fault(vcpu, gfn):
    """Map `gfn`, unless the root went out of service meanwhile."""
    ret = RET_PF_RETRY
    read_lock(vcpu.kvm.mmu_lock)
    if not is_page_fault_stale(vcpu):
        ret = kvm_tdp_mmu_map(vcpu, gfn)
    read_unlock(vcpu.kvm.mmu_lock)
    return ret


def tdp_mmu_zap_root(kvm, root):
    """Zap every SPTE of `root`, and note how far it is."""
    for index in range(PT_ENTRIES):
        tdp_mmu_zap_spte(root, index, True)
        root.cursor = index + 1


def guest_runs(vcpu, gfn):
    """The guest uses its page; that changes nothing here."""


def kvm_mmu_load(vcpu):
    """Give the vCPU the root; the first to come makes it."""
    write_lock(vcpu.kvm.mmu_lock)
    root = vcpu.kvm.table
    if root is None:
        root = tdp_mmu_alloc_sp(vcpu)
        root.role = vcpu.arch.mmu.root_role
        vcpu.kvm.table = root
    vcpu.arch.mmu.root = root
    write_unlock(vcpu.kvm.mmu_lock)


def leave(kvm):
    """The last one clears up: nobody uses the root any more."""
    if atomic_inc_return(kvm.left) == KVM_MAX_VCPUS + 1:
        root = kvm.table
        kvm.table = None
        for index in range(PT_ENTRIES):
            root.spt[index] = 0
        tdp_mmu_free_sp(root)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: one fault, and the guest runs on."""
    kvm_mmu_load(vcpu)
    direct_page_fault(vcpu, gfn)
    guest_runs(vcpu, gfn)
    leave(kvm)


def memslot_update_thread(kvm):
    """Take the root out of service, if there is one, and zap it."""
    write_lock(kvm.mmu_lock)
    root = kvm.table
    if root is not None:
        root.retired = 1
    write_unlock(kvm.mmu_lock)
    if root is not None:
        read_lock(kvm.mmu_lock)
        tdp_mmu_zap_root(kvm, root)
        read_unlock(kvm.mmu_lock)
    leave(kvm)
