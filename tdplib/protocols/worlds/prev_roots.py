"""prev-roots: v5.18 with vCPUs that keep roots they used before.

Kernel
    v5.18.0, arch/x86/kvm/mmu/mmu.c, __kvm_mmu_free_obsolete_roots(); the slip came with
    527d5cd7eece and was mended by cf4a8693d97a (June 2022).
Stage
    Each time a vCPU changes its mode its role word changes, and it needs another root. The one it
    had goes into a small cache, reference and all, so that a switch back costs nothing. A fast
    zap makes every root invalid; the request makes the vCPU look through what it has.
Left out
    The kernel keeps three previous roots, here it is two; nobody switches back; there is no
    nested MMU with a cache of its own.
"""

from tdplib.lang.kernel import *

KVM_MMU_NUM_PREV_ROOTS = 2


class kvm_vcpu:
    prev_root_0: page
    prev_root_1: page


def prev_root(vcpu, i):
    """Slot `i` of the cache: a root the vCPU used before, or None."""
    if i == 0:
        return vcpu.prev_root_0
    return vcpu.prev_root_1


def drop_prev_root(vcpu, i):
    """Give back the root in slot `i`, if any: it is out of service. mmu_lock is held for write."""
    WARN_ON_ONCE(prev_root(vcpu, i) is not None and not is_obsolete_root(prev_root(vcpu, i)))
    empty_prev_root(vcpu, i)


def empty_prev_root(vcpu, i):
    """Give back the reference that slot `i` holds, if any; mmu_lock is held for write."""
    root = prev_root(vcpu, i)
    if root is not None:
        kvm_tdp_mmu_put_root(vcpu.kvm, root, False)
    if i == 0:
        vcpu.prev_root_0 = None
    else:
        vcpu.prev_root_1 = None


def is_obsolete_root(root):
    """Is there a root, and is it out of service?"""
    return root is not None and root.role.invalid


def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve the request: drop every root, cached or current, that is out of service."""
    write_lock(vcpu.kvm.mmu_lock)
    for i in range(KVM_MMU_NUM_PREV_ROOTS):
        if is_obsolete_root(vcpu.arch.mmu.root):
            drop_prev_root(vcpu, i)
    if is_obsolete_root(vcpu.arch.mmu.root):
        kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
        vcpu.arch.mmu.root = None
    write_unlock(vcpu.kvm.mmu_lock)


def vcpu_changes_mode(vcpu, mode):
    """A new role word; the root of the old one goes into the cache."""
    vcpu.prev_root_1 = vcpu.prev_root_0
    vcpu.prev_root_0 = vcpu.arch.mmu.root
    vcpu.arch.mmu.root = None
    vcpu.arch.mmu.root_role.smm = mode == 1
    vcpu.arch.mmu.root_role.guest_mode = mode == 2


def look_through_the_cache(vcpu):
    """Where no request is pending, the vCPU must keep no root that is out of service."""
    write_lock(vcpu.kvm.mmu_lock)
    if not kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
        for i in range(KVM_MMU_NUM_PREV_ROOTS):
            WARN_ON_ONCE(is_obsolete_root(prev_root(vcpu, i)))
    write_unlock(vcpu.kvm.mmu_lock)


def kvm_mmu_free_roots(vcpu):
    """The vCPU ends: it drops all its roots."""
    write_lock(vcpu.kvm.mmu_lock)
    for i in range(KVM_MMU_NUM_PREV_ROOTS):
        empty_prev_root(vcpu, i)
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
    vcpu.arch.mmu.root = None
    write_unlock(vcpu.kvm.mmu_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: into the guest; another mode, and into the guest twice; and so on."""
    vcpu_enter_guest(vcpu)
    for mode in range(1, faults + 1):
        vcpu_changes_mode(vcpu, mode)
        vcpu_enter_guest(vcpu)
        vcpu_enter_guest(vcpu)
        look_through_the_cache(vcpu)
    if unload:
        kvm_mmu_free_roots(vcpu)
