"""zap-cursor-looks-back: zap-cursor-no-test, with a zapper that goes back before its last entry.

The vCPU faults at the first entry when the zapper is through with the second, and the zapper
waits for that. Then it zaps once more what lies behind it. So the SPTE is behind the cursor for a
moment only: it is not there when the zap ends, nor is it the last that the zap has passed.
"""

from tdplib.lang.kernel import *


def tdp_mmu_zap_root(kvm, root):
    """Zap every SPTE of `root`; look back before the last one."""
    for index in range(PT_ENTRIES):
        if index == PT_ENTRIES - 1:
            wait_until(kvm.left, 1)
            for behind in range(index):
                tdp_mmu_zap_spte(root, behind, True)
        tdp_mmu_zap_spte(root, index, True)
        root.cursor = index + 1


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: it loads the root, and faults when the zapper has passed its entry."""
    kvm_mmu_load(vcpu)
    atomic_inc(kvm.ended)
    root = vcpu.arch.mmu.root
    wait_until(root.cursor, PT_ENTRIES - 1)
    direct_page_fault(vcpu, gfn)
    leave(kvm)


def memslot_update_thread(kvm):
    """Take the root out of service once there is one, and zap it."""
    wait_until(kvm.ended, 1)
    root = kvm.table
    root.retired = 1
    read_lock(kvm.mmu_lock)
    tdp_mmu_zap_root(kvm, root)
    read_unlock(kvm.mmu_lock)
    leave(kvm)
