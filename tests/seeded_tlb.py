"""Seeded bugs about the hardware TLB."""

from seeded_kit import KVM, VCPU, seed

GUEST = """
    def guest(kvm, vcpu):
        boot(vcpu)
        vcpu.arch.mmu.root.spt[1] = SPTE_MMU_PRESENT_MASK
        kvm.root = vcpu.arch.mmu.root
        tlb_access(vcpu, 1)
        if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
            pass
            {request}
        tlb_access(vcpu, 1)

    def zap(kvm):
        root = kvm.root
        if root is not None:
            {begin}
            root.spt[1] = 0
            kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
            {end}
"""
seed("tlb-complete", "no flush before the guest is entered again", "pass", "tlb_flush(vcpu)",
     GUEST.format(request="THIS", begin="model_update_begins(kvm)",
                  end="model_update_returns(kvm)"),
     [("guest", VCPU), ("zap", KVM)])  # fmt: skip

seed("notifier-complete", "no flush of all", "pass", "tlb_flush_all(kvm)",
     GUEST.format(request="pass", begin="pass",
                  end="THIS\n            model_notifier_returns(kvm, 1)"),
     [("guest", VCPU), ("zap", KVM)])  # fmt: skip

seed("tlb-complete", "the root is freed first", "pass", "tlb_flush(vcpu)",
     """
    def guest(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        root.spt[0] = SPTE_MMU_PRESENT_MASK
        tlb_access(vcpu, 0)
        root.spt[0] = 0
        refcount_set(root.tdp_mmu_root_count, 0)
        list_del_rcu(root.link)
        vcpu.arch.mmu.root = None
        tdp_mmu_free_sp(root)
        boot(vcpu)
        THIS
        tlb_access(vcpu, 0)
    """, [("guest", VCPU)])  # fmt: skip
