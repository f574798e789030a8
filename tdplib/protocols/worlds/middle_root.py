"""middle-root: patch 22 with the skip used too early, and three roots on the list.

Stage
    vCPU 0 loads a root and sleeps. Then vCPU 1 goes through two other modes, each with a role
    word and hence a root of its own, and gives back the root of the first when it has that of the
    second. New roots go to the head of the list, so that this one stands in the middle, and what
    goes wrong goes wrong with it alone: whoever looks at the first or at the last root of the list
    sees nothing.
Left out
    vCPU 1 serves no request: it would give back more than one root.
"""

from tdplib.lang.kernel import *


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """vCPU 0 loads a root and keeps it; then vCPU 1 changes its mode twice."""
    if vcpu.vcpu_id:
        wait_until(kvm.ended, 1)
        vcpu_gives_one_back(kvm, vcpu, gfn)
    else:
        kvm_mmu_load(vcpu)
        atomic_inc(kvm.ended)


def vcpu_gives_one_back(kvm, vcpu, gfn):
    """Two modes, a root for each; the root of the first mode is given back in the end."""
    vcpu.arch.mmu.root_role.smm = 1
    kvm_mmu_load(vcpu)
    before = vcpu.arch.mmu.root
    direct_page_fault(vcpu, gfn)
    vcpu.arch.mmu.root_role.guest_mode = 1
    kvm_mmu_load(vcpu)
    write_lock(kvm.mmu_lock)
    kvm_tdp_mmu_put_root(kvm, before, False)
    write_unlock(kvm.mmu_lock)
