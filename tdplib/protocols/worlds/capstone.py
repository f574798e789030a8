"""capstone: v5.17's protocol to start from, and somebody who watches.

Stage
    As capstone-bare.
Watched
    Zapping while a vCPU finds or drops a root: a vCPU does not zap. A second walk that zaps a
    root gives the advice wasted-zap, whoever walks, and whether or not the first one has ended.
Left out
    See capstone-bare.
"""

from tdplib.lang.kernel import *


class kvm:
    a_vcpu_has_its_turn: bool


def zap_gfn_range(kvm, root, can_yield, shared):
    """Zap every SPTE of `root`; it is noted who does so, and whether it was needed."""
    WARN_ON_ONCE(kvm.a_vcpu_has_its_turn)
    model_zap_begins(root)
    model_zap_ends(root)  # so that a second walk tells at once, even beside the first
    rcu_read_lock()
    for index in range(PT_ENTRIES):
        if can_yield and index:
            tdp_mmu_iter_cond_resched(kvm, shared)
        tdp_mmu_zap_spte(root, index, shared)
    rcu_read_unlock()


def kvm_mmu_load(vcpu):
    """Give the vCPU a root, an existing one of the same role or a new one."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu.kvm.a_vcpu_has_its_turn = True
    root = kvm_tdp_mmu_get_vcpu_root_hpa(vcpu)
    vcpu.kvm.a_vcpu_has_its_turn = False
    vcpu.arch.mmu.root = root
    write_unlock(vcpu.kvm.mmu_lock)


def vcpu_drops_root(vcpu):
    """The vCPU's put; mmu_lock is held for write."""
    vcpu.kvm.a_vcpu_has_its_turn = True
    kvm_tdp_mmu_put_root(vcpu.kvm, vcpu.arch.mmu.root, False)
    vcpu.kvm.a_vcpu_has_its_turn = False
    vcpu.arch.mmu.root = None


def kvm_mmu_free_roots(vcpu):
    """The vCPU drops its root."""
    write_lock(vcpu.kvm.mmu_lock)
    vcpu_drops_root(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)


def kvm_mmu_free_obsolete_roots(vcpu):
    """Serve KVM_REQ_MMU_FREE_OBSOLETE_ROOTS: drop the root if it is invalid."""
    write_lock(vcpu.kvm.mmu_lock)
    root = vcpu.arch.mmu.root
    if root is not None and root.role.invalid:
        vcpu_drops_root(vcpu)
    write_unlock(vcpu.kvm.mmu_lock)
