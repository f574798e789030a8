"""Seeded bugs on tables of two levels: children linked, walked into, cut off and freed."""

from seeded_kit import KVM, VCPU, seed

TWO = {"levels": 2, "entries": 2, "root_role": 0x782, "pages": 3}

TABLE = """
    def link(vcpu, root, gfn):
        role = root.role
        role.level = role.level - 1
        sp = tdp_mmu_alloc_sp(vcpu)
        sp.role = role
        sp.gfn = gfn - gfn % PT_ENTRIES
        if cmpxchg(root.spt[gfn // PT_ENTRIES], 0, make_nonleaf_spte(sp)) != 0:
            {lost}

    def fault(vcpu, root, gfn):
        sp = spte_to_child_sp(root.spt[gfn // PT_ENTRIES])
        if sp is not None:
            cmpxchg(sp.spt[gfn % PT_ENTRIES], 0, SPTE_MMU_PRESENT_MASK)

    def cut(root, index):
        sp = spte_to_child_sp(xchg(root.spt[index], 0))
        if sp is not None:
            for i in range(PT_ENTRIES):
                xchg(sp.spt[i], {left})
            {free}
"""


def table(lost="tdp_mmu_free_sp(sp)", left="REMOVED_SPTE",
          free="call_rcu(sp.rcu_head, tdp_mmu_free_sp_rcu_callback)"):  # fmt: skip
    """The functions above, one part of them perhaps the seed's own."""
    return TABLE.format(lost=lost, left=left, free=free)


FAULT = """
    def owner(kvm, vcpu):
        boot(vcpu)
        link(vcpu, vcpu.arch.mmu.root, 2)
        kvm.root = vcpu.arch.mmu.root
        rcu_read_lock()
        cut(vcpu.arch.mmu.root, 1)
        rcu_read_unlock()

    def faulter(kvm, vcpu):
        rcu_read_lock()
        if kvm.root is not None:
            fault(vcpu, kvm.root, 2)
        rcu_read_unlock()
"""
RACE = [("owner", VCPU), ("faulter", VCPU)]

seed("freed-empty", "no REMOVED_SPTE left behind", "xchg(sp.spt[i], 0)",
     "xchg(sp.spt[i], REMOVED_SPTE)",
     table().replace("xchg(sp.spt[i], REMOVED_SPTE)", "THIS") + FAULT, RACE, **TWO)  # fmt: skip

seed("no-use-after-free", "table freed at once", "tdp_mmu_free_sp(sp)",
     "call_rcu(sp.rcu_head, tdp_mmu_free_sp_rcu_callback)",
     table(free="THIS") + FAULT, RACE, **TWO)  # fmt: skip

seed("no-leak", "the loser keeps its table", "pass", "tdp_mmu_free_sp(sp)",
     table(lost="THIS") + """
    def first(kvm, vcpu):
        boot(vcpu)
        kvm.root = vcpu.arch.mmu.root
        link(vcpu, vcpu.arch.mmu.root, 0)

    def second(kvm, vcpu):
        if kvm.root is not None:
            link(vcpu, kvm.root, 1)
    """, [("first", VCPU), ("second", VCPU)], **TWO)  # fmt: skip

seed("no-spte-under-invalid-root", "leaf below a root not looked at", "if True:",
     "if not root.role.invalid:",
     table() + """
    def owner(kvm, vcpu):
        boot(vcpu)
        link(vcpu, vcpu.arch.mmu.root, 3)
        kvm.root = vcpu.arch.mmu.root
        write_lock(kvm.mmu_lock)
        kvm.root.role.invalid = 1
        write_unlock(kvm.mmu_lock)
        vcpu.arch.mmu.root = None
        refcount_set(kvm.root.tdp_mmu_root_count, 0)
        list_del_rcu(kvm.root.link)
        write_lock(kvm.mmu_lock)
        cut(kvm.root, 1)
        tdp_mmu_free_sp(kvm.root)
        kvm.root = None
        write_unlock(kvm.mmu_lock)

    def faulter(kvm, vcpu):
        read_lock(kvm.mmu_lock)
        root = kvm.root
        if root is not None:
            THIS
                fault(vcpu, root, 3)
        read_unlock(kvm.mmu_lock)
    """, [("owner", VCPU), ("faulter", VCPU)], **TWO)  # fmt: skip

ZAP = (
    table()
    + """
    def owner(kvm, vcpu):
        boot(vcpu)
        link(vcpu, vcpu.arch.mmu.root, 2)
        fault(vcpu, vcpu.arch.mmu.root, 2)
        kvm.root = vcpu.arch.mmu.root

    def {name}(kvm):
        {body}
"""
)

seed("zap-complete", "the leaf is zapped, its table is still linked",
     """
     sp = spte_to_child_sp(root.spt[1])
     if sp is not None:
         sp.spt[0] = 0
     """, "cut(root, 1)",
     ZAP.format(name="update", body="""root = kvm.root
        if root is not None:
            model_update_begins(kvm)
            THIS
            model_update_returns(kvm)"""),
     [("owner", VCPU), ("update", KVM)], **TWO)  # fmt: skip

seed("notifier-complete", "the index of the root for that of the leaf",
     "sp.spt[2 // PT_ENTRIES] = 0", "sp.spt[2 % PT_ENTRIES] = 0",
     ZAP.format(name="notifier", body="""root = kvm.root
        if root is not None:
            sp = spte_to_child_sp(root.spt[2 // PT_ENTRIES])
            if sp is not None:
                THIS
            model_notifier_returns(kvm, 2)"""),
     [("owner", VCPU), ("notifier", KVM)], **TWO)  # fmt: skip
