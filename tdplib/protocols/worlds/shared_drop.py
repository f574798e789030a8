"""shared-drop: v5.18, but vCPUs drop their roots with mmu_lock held for read, beside a walk.

Linux 5.18 takes the lock for write there (6.9 takes it for read). With the lock held for read, what
a put does between the count's zero and its end can be watched by others, step by step. The walk
takes a reference to a root, sees whether it is valid, and installs an SPTE in it, as the splitting
of a huge page does.
"""

from tdplib.lang.kernel import *


def kvm_mmu_free_roots(vcpu):
    """The vCPU drops its root, with the lock held for read."""
    read_lock(vcpu.kvm.mmu_lock)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, True)
    vcpu.arch.mmu.root = None
    read_unlock(vcpu.kvm.mmu_lock)


def reader_thread(kvm, gfn):
    """A walk over the roots with the lock held for read; one root is enough here.

    Whoever holds the lock of the list may rely on it that the list does not change meanwhile.
    """
    read_lock(kvm.mmu_lock)
    rcu_read_lock()
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    root = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    WARN_ON_ONCE(list_first_or_null_rcu(kvm.arch.tdp_mmu_roots) != root)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    alive = root is not None and kvm_tdp_mmu_get_root(root)
    rcu_read_unlock()
    if alive:
        if not root.role.invalid:
            tdp_mmu_set_spte_atomic(root, gfn, 0, SPTE_MMU_PRESENT_MASK | (gfn + 1) << 12)
        kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)
