"""check-then-get: shared-drop, with a walk that asks first and takes the reference afterwards.

The walk wants a valid root to work on, with mmu_lock held for read. Between its look at `invalid`
and its get, the last put of that root may take the count to zero, mark the root and set the count
to one again. In v5.18 a vCPU drops its root with mmu_lock held for write, so that the two do not
meet. `kvm.in_use` counts the vCPUs that use a listed root; it is not the kernel's. A second vCPU
wants a root of another role (as in system management mode), so that two valid roots may be listed.
"""

from tdplib.lang.kernel import *


class kvm:
    in_use: u8


def kvm_mmu_load(vcpu):
    """Give the vCPU a root, an existing one of the same role or a new one."""
    write_lock(vcpu.kvm.mmu_lock)
    if vcpu.vcpu_id:
        vcpu.arch.mmu.root_role.smm = 1
    vcpu.arch.mmu.root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    atomic_inc(vcpu.kvm.in_use)
    write_unlock(vcpu.kvm.mmu_lock)


def kvm_mmu_free_roots(vcpu):
    """The vCPU drops its root, with the lock held for read."""
    read_lock(vcpu.kvm.mmu_lock)
    atomic_dec(vcpu.kvm.in_use)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, True)
    vcpu.arch.mmu.root = None
    read_unlock(vcpu.kvm.mmu_lock)


def next_valid_root(kvm):
    """The first valid root, with a reference; None if there is none."""
    found = None
    rcu_read_lock()
    for root in list_for_each_entry_rcu(kvm.arch.tdp_mmu_roots):
        if not root.role.invalid and kvm_tdp_mmu_get_root(root):
            found = root
            break
    rcu_read_unlock()
    return found


def reader_thread(kvm, gfn):
    """A walk that works on a valid root, and leaves it in service.

    In the end it waits for RCU's readers: if it were still one of them, it would wait for itself.
    """
    read_lock(kvm.mmu_lock)
    root = next_valid_root(kvm)
    if root is None:
        WARN_ON_ONCE(kvm.in_use)
    else:
        WARN_ON_ONCE(root.role.invalid)
        kvm_tdp_mmu_put_root(kvm, root, True)
    read_unlock(kvm.mmu_lock)
    synchronize_rcu()
