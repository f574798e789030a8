"""roots: vCPUs take roots from the list and give them back, while an update walks over all roots.

v5.17's functions for roots, on a stage where a count of zero can be met. A vCPU gives its root
back with mmu_lock held for read (as the kernel does from 6.9 on, 576a15de8d29), so that a last
put and a walk can run side by side. An update marks all roots invalid, then visits every root
with a reference of its own (the walk of 6.6 and later). A vCPU that changes its mode (to
system management mode, or to a guest of the guest) changes its role word, and so its root.

The pointer of a vCPU is cleared before its reference is given back. No request is raised: a vCPU
with an invalid root does not fault, and drops it with its next change of mode or in the end.
A scenario may have readers of the list.
"""

from tdplib.lang.kernel import *


def kvm_mmu_load(vcpu):
    """Give the vCPU a root; see that it is the right one, and that it has no twin."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu.arch.mmu.root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    WARN_ON_ONCE(vcpu.arch.mmu.root != only_listed_root(vcpu))
    write_unlock(vcpu.kvm.mmu_lock)


def only_listed_root(vcpu):
    """The only listed root that has the vCPU's role word; None if there is none, or a twin."""
    word = vcpu.arch.mmu.root_role.word
    only = None
    for root in list_for_each_entry(vcpu.kvm.arch.tdp_mmu_roots):
        if root.role.word == word:
            if only is not None:
                return None
            only = root
    return only


def kvm_mmu_free_roots(vcpu):
    """The vCPU gives its root back, beside others who hold mmu_lock for read too."""
    read_lock(vcpu.kvm.mmu_lock)
    root = vcpu.arch.mmu.root
    vcpu.arch.mmu.root = None
    kvm_tdp_mmu_put_root(vcpu.kvm, root, True)
    read_unlock(vcpu.kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: in one mode after the other it finds a root, maps a page in it, gives it back."""
    for mode in range(faults):
        if mode:
            kvm_mmu_free_roots(vcpu)
            vcpu_changes_mode(vcpu, mode)
        kvm_mmu_load(vcpu)
        direct_page_fault(vcpu, gfn)
    if unload:
        kvm_mmu_free_roots(vcpu)


def vcpu_changes_mode(vcpu, mode):
    """To 1: in system management mode or 2: it runs a guest of the guest."""
    vcpu.arch.mmu.root_role.smm = mode == 1
    vcpu.arch.mmu.root_role.guest_mode = mode == 2


def memslot_update_thread(kvm):
    """An update: all roots out of service, then a visit to each that is still there."""
    mutex_lock(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        root.role.invalid = 1
    write_unlock(kvm.mmu_lock)
    read_lock(kvm.mmu_lock)
    root = tdp_mmu_next_root(kvm, None, True, False)
    while root is not None:
        tdp_mmu_zap_root(kvm, root, True)
        root = tdp_mmu_next_root(kvm, root, True, False)
    read_unlock(kvm.mmu_lock)
    mutex_unlock(kvm.slots_lock)


def reader_thread(kvm, gfn):
    """Somebody who holds the lock of the list, and relies on it that the list stands still."""
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    first = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    WARN_ON_ONCE(list_first_or_null_rcu(kvm.arch.tdp_mmu_roots) != first)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
