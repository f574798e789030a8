"""Learner's code with markup in its words: a page must show it as text, and nothing else."""

NASTY = "</script><img src=x onerror=alert(1)>"
OWN = f'''
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """{NASTY}"""
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if not root.role.invalid:  # {NASTY}
            kvm_tdp_mmu_get_root(root)
            root.role.invalid = 1
            tdp_mmu_schedule_zap_root(kvm, root)
'''
