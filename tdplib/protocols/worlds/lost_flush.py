"""lost-flush: a page is unmapped from all roots, and the TLB hears of it only if the last had it.

Kernel
    22b94c4b63eb and efd995dae5eb, arch/x86/kvm/mmu/tdp_mmu.c, the loop over the roots
    that zaps a range of gfns, as it stood in these trees of the 5.18 cycle; its name is ours.
Stage
    vCPU 1 runs in system management mode, which has a root of its own. vCPU 0 maps gfn 0, uses
    it, and uses it once more later. A notifier unmaps gfn 0 in every root, flushes the TLB if a
    flush is due, and then the host gives the page to somebody else.
Left out
    The TLB (what a CPU remembers of the tables it has walked) is one bit, for gfn 0, and is
    filled while the page is mapped. A flush reaches every vCPU at once. One page, no yields; a
    page that is gone is not mapped again. The shadow MMU, whose pending flush the slip loses too.
"""

from tdplib.lang.kernel import *


class kvm:
    tlb_has_gfn_0: bool
    flush_is_due: bool
    page_is_given_away: bool


def vcpu_changes_mode(vcpu):
    """vCPU 1 runs in system management mode: another role word, hence another root."""
    vcpu.arch.mmu.root_role.smm = vcpu.vcpu_id


def vcpu_maps(vcpu, gfn):
    """A fault, and the access that follows: the CPU now has the translation in its TLB."""
    read_lock(vcpu.kvm.mmu_lock)
    if gfn:
        kvm_tdp_mmu_map(vcpu, gfn)
    elif not vcpu.kvm.page_is_given_away:
        kvm_tdp_mmu_map(vcpu, gfn)
        vcpu.kvm.tlb_has_gfn_0 = True
    read_unlock(vcpu.kvm.mmu_lock)


def vcpu_uses(vcpu, gfn):
    """An access by way of the TLB: it must not lead to a page that was given away."""
    if gfn == 0 and vcpu.kvm.page_is_given_away:
        WARN_ON_ONCE(vcpu.kvm.tlb_has_gfn_0)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: it maps its page, and uses it once more later."""
    vcpu_changes_mode(vcpu)
    kvm_mmu_load(vcpu)
    vcpu_maps(vcpu, gfn)
    vcpu_uses(vcpu, gfn)


def zap_leaf(kvm, root, gfn, flush):
    """Unmap `gfn` in one root. True if a flush is due: for this root, or already (`flush`)."""
    if root.spt[gfn] & SPTE_MMU_PRESENT_MASK:
        root.spt[gfn] = 0
        kvm.flush_is_due = True
        return True
    return flush


def zap_gfn_in_every_root(kvm, gfn):
    """Unmap `gfn` in every root. True if a flush is due."""
    lockdep_assert_held_write(kvm.mmu_lock)
    flush = False
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        flush = zap_leaf(kvm, root, gfn, False)
    return flush


def kvm_flush_remote_tlbs(kvm):
    """All vCPUs forget their translations. It interrupts them all: not without a need."""
    WARN_ON_ONCE(not kvm.flush_is_due)
    kvm.tlb_has_gfn_0 = False


def notifier_thread(kvm, gfn):
    """The host takes the page behind `gfn` away, and gives it to somebody else."""
    write_lock(kvm.mmu_lock)
    if zap_gfn_in_every_root(kvm, gfn):
        kvm_flush_remote_tlbs(kvm)
    kvm.page_is_given_away = True
    model_notifier_returns(kvm, gfn)
    write_unlock(kvm.mmu_lock)
