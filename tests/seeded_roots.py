"""Seeded bugs about memory, reference counts, the queue, the list, roots and zaps."""

from seeded_kit import KVM, VCPU, seed

# --- memory

LOOK = """
    def owner(kvm, vcpu):
        root = tdp_mmu_alloc_sp(vcpu)
        vcpu.arch.mmu.root = root
        vcpu.arch.mmu.root = None
        {}
        tdp_mmu_free_sp(root)

    def reader(kvm, vcpu):
        rcu_read_lock()
        root = vcpu.arch.mmu.root
        if root is not None:
            {}
        rcu_read_unlock()
"""
seed("no-oops", "pointer read twice", "gfn = vcpu.arch.mmu.root.gfn", "gfn = root.gfn",
     LOOK.format("synchronize_rcu()", "THIS"), [("owner", VCPU), ("reader", VCPU)])  # fmt: skip

seed("no-oops", "index outside", "for i in range(PT_ENTRIES + 1):", "for i in range(PT_ENTRIES):",
     """
    def walk(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        THIS
            root.spt[i] = SPTE_MMU_PRESENT_MASK
    """, [("walk", VCPU)])  # fmt: skip

seed("no-use-after-free", "freed while read", "pass", "synchronize_rcu()",
     LOOK.format("THIS", "gfn = root.gfn"), [("owner", VCPU), ("reader", VCPU)])  # fmt: skip

seed("no-use-after-free", "freed twice", "if READ_ONCE(root.mark) == 0:",
     "if xchg(root.mark, 1) == 0:",
     """
    def owner(kvm, vcpu):
        kvm.root = tdp_mmu_alloc_sp(vcpu)
        drop(kvm)

    def drop(kvm):
        rcu_read_lock()
        root = kvm.root
        if root is not None:
            THIS
                root.mark = 1
                kvm.root = None
                call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
        rcu_read_unlock()
    """, [("owner", VCPU), ("drop", KVM)])  # fmt: skip

seed("freed-empty", "freed with an entry", "pass", "root.spt[0] = 0",
     """
    def fault(kvm, vcpu):
        read_lock(kvm.mmu_lock)
        root = kvm.root
        if root is not None:
            root.spt[0] = SPTE_MMU_PRESENT_MASK
        read_unlock(kvm.mmu_lock)

    def owner(kvm, vcpu):
        root = tdp_mmu_alloc_sp(vcpu)
        kvm.root = root
        write_lock(kvm.mmu_lock)
        kvm.root = None
        write_unlock(kvm.mmu_lock)
        THIS
        tdp_mmu_free_sp(root)
    """, [("owner", VCPU), ("fault", VCPU)])  # fmt: skip

# --- reference counts

seed("refcount-underflow", "put without get", "pass", "refcount_inc(kvm.users_count)",
     """
    def user(kvm):
        THIS
        last = refcount_dec_and_test(kvm.users_count)
        WARN_ON_ONCE(last)
    """, [("user", KVM), ("user", KVM)])  # fmt: skip

seed("refcount-underflow", "look, then put", "if refcount_read(kvm.users_count) > 0:",
     "if refcount_inc_not_zero(kvm.users_count):",
     """
    def user(kvm):
        THIS
            refcount_dec_and_test(kvm.users_count)
    """, [("user", KVM), ("user", KVM)])  # fmt: skip

seed("refcount-from-zero", "get of what may be gone", "refcount_inc(kvm.users_count)",
     "refcount_inc_not_zero(kvm.users_count)",
     """
    def getter(kvm):
        THIS

    def putter(kvm):
        refcount_dec_and_test(kvm.users_count)
    """, [("getter", KVM), ("putter", KVM)])  # fmt: skip

seed("refcount-overflow", "too many gets", "for n in range(7):", "for n in range(6):",
     """
    def getter(kvm):
        THIS
            refcount_inc(kvm.users_count)
    """, [("getter", KVM), ("getter", KVM)])  # fmt: skip

# --- queue and list

QUEUE = """
    def zap(work):
        root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
        root.mark = root.mark | 2

    def starter(kvm, vcpu):
        boot(vcpu)
        update(kvm, vcpu)

    def update(kvm, vcpu):
        root = loaded_root(vcpu)
        THIS
            root.mark = 1
            INIT_WORK(root.tdp_mmu_async_work, zap)
            queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)
"""
seed("no-double-queue", "two look, both queue", "if READ_ONCE(root.mark) == 0:",
     "if xchg(root.mark, 1) == 0:",
     QUEUE, [("starter", VCPU), ("update", VCPU), ("worker", KVM)])  # fmt: skip

seed("list-intact", "added twice", "if READ_ONCE(root.mark) == 0:", "if xchg(root.mark, 1) == 0:",
     """
    def maker(kvm, vcpu):
        root = tdp_mmu_alloc_sp(vcpu)
        refcount_set(root.tdp_mmu_root_count, 1)
        vcpu.arch.mmu.root = root
        adder(kvm, vcpu)

    def adder(kvm, vcpu):
        root = loaded_root(vcpu)
        THIS
            root.mark = 1
            list_add_tail_rcu(root.link, kvm.arch.tdp_mmu_roots)
    """, [("maker", VCPU), ("adder", VCPU)])  # fmt: skip

seed("list-intact", "deleted twice", "if refcount_read(root.tdp_mmu_root_count) == 0:",
     "if xchg(root.mark, 1) == 0:",
     """
    def maker(kvm, vcpu):
        root = tdp_mmu_alloc_sp(vcpu)
        list_add_rcu(root.link, kvm.arch.tdp_mmu_roots)
        kvm.root = root
        deleter(kvm)
        synchronize_rcu()
        tdp_mmu_free_sp(root)

    def deleter(kvm):
        rcu_read_lock()
        root = kvm.root
        if root is not None:
            THIS
                kvm.root = None
                list_del_rcu(root.link)
        rcu_read_unlock()
    """, [("maker", VCPU), ("deleter", KVM)])  # fmt: skip

PUT = """
    def putter(kvm, vcpu):
        boot(vcpu)
        write_lock(kvm.mmu_lock)
        root = vcpu.arch.mmu.root
        vcpu.arch.mmu.root = None
        {}
        call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)

    def writer(kvm):
        write_lock(kvm.mmu_lock)
        write_unlock(kvm.mmu_lock)
"""
seed("delist-at-final-put", "delisted before the put",
     """
     list_del_rcu(root.link)
     last = refcount_dec_and_test(root.tdp_mmu_root_count)
     """,
     """
     last = refcount_dec_and_test(root.tdp_mmu_root_count)
     list_del_rcu(root.link)
     """,
     PUT.format("THIS\n        write_unlock(kvm.mmu_lock)"),
     [("putter", VCPU), ("writer", KVM)])  # fmt: skip

seed("no-dead-root-seen", "unlocked before it is delisted",
     """
     write_unlock(kvm.mmu_lock)
     list_del_rcu(root.link)
     """,
     """
     list_del_rcu(root.link)
     write_unlock(kvm.mmu_lock)
     """,
     PUT.format("last = refcount_dec_and_test(root.tdp_mmu_root_count)\n        THIS"),
     [("putter", VCPU), ("writer", KVM)])  # fmt: skip

# --- invalid roots

seed("no-invalid-root-loaded", "looked before the lock",
     """
     invalid = root.role.invalid
     read_lock(kvm.mmu_lock)
     """,
     """
     read_lock(kvm.mmu_lock)
     invalid = root.role.invalid
     """,
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        write_lock(kvm.mmu_lock)
        vcpu.arch.mmu.root.role.invalid = 1
        write_unlock(kvm.mmu_lock)

    def loader(kvm, vcpu):
        root = loaded_root(vcpu)
        THIS
        if not invalid:
            vcpu.arch.mmu.root = root
        read_unlock(kvm.mmu_lock)
    """, [("starter", VCPU), ("loader", VCPU)])  # fmt: skip

seed("no-invalid-root-loaded", "request after the lock",
     """
     write_unlock(kvm.mmu_lock)
     kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
     """,
     """
     kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
     write_unlock(kvm.mmu_lock)
     """,
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        write_lock(kvm.mmu_lock)
        vcpu.arch.mmu.root.role.invalid = True
        THIS

    def run(kvm, vcpu):
        root = loaded_root(vcpu)
        if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
            write_lock(kvm.mmu_lock)
            vcpu.arch.mmu.root = None
            if refcount_dec_and_test(root.tdp_mmu_root_count):
                release(kvm, root)
            write_unlock(kvm.mmu_lock)
    """, [("starter", VCPU), ("run", VCPU)])  # fmt: skip

FAULT = """
    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        write_lock(kvm.mmu_lock)
        root.role.invalid = 1
        write_unlock(kvm.mmu_lock)

    def fault(kvm, vcpu):
        root = loaded_root(vcpu)
        THIS
        if not invalid:
            old = cmpxchg(root.spt[1], 0, SPTE_MMU_PRESENT_MASK | 1 << 12)
        read_unlock(kvm.mmu_lock)
"""
seed("no-spte-under-invalid-root", "stale check before the lock",
     """
     invalid = root.role.invalid
     read_lock(kvm.mmu_lock)
     """,
     """
     read_lock(kvm.mmu_lock)
     invalid = root.role.invalid
     """,
     FAULT, [("starter", VCPU), ("fault", VCPU)])  # fmt: skip

seed("invalid-monotone", "the whole word written back", "root.role.word = word | 1 << 16",
     "root.role.ad_disabled = 1",
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        root.role.invalid = 1

    def other(kvm, vcpu):
        root = loaded_root(vcpu)
        word = root.role.word
        THIS
    """, [("starter", VCPU), ("other", VCPU)])  # fmt: skip

seed("one-winner", "read, then written",
     """
     role = root.role
     root.role.invalid = 1
     """,
     """
     role = root.role
     role.invalid = 1
     role.word = xchg(root.role.word, role.word)
     """,
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        marker(kvm, vcpu)

    def marker(kvm, vcpu):
        root = loaded_root(vcpu)
        THIS
        if not role.invalid:
            model_marked_invalid(root)
    """, [("starter", VCPU), ("marker", VCPU)])  # fmt: skip

# --- zaps

ZAP = """
    def update(kvm, vcpu):
        boot(vcpu)
        model_update_begins(kvm)
        write_lock(kvm.mmu_lock)
        for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
            root.role.invalid = 1
        write_unlock(kvm.mmu_lock)
        zap(kvm, vcpu.arch.mmu.root)
        model_update_returns(kvm)

    def zap(kvm, root):
        read_lock(kvm.mmu_lock)
        THIS
            root.spt[i] = 0
        read_unlock(kvm.mmu_lock)

    def fault(kvm, vcpu):
        root = loaded_root(vcpu)
        read_lock(kvm.mmu_lock)
        if not root.role.invalid:
            root.spt[1] = SPTE_MMU_PRESENT_MASK
        read_unlock(kvm.mmu_lock)
"""
seed("zap-complete", "an entry forgotten", "for i in range(PT_ENTRIES - 1):",
     "for i in range(PT_ENTRIES):", ZAP, [("update", VCPU), ("fault", VCPU)])  # fmt: skip

seed("notifier-complete", "invalid roots skipped", "if not root.role.invalid:",
     "if root.role.level == 4:",
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        root.spt[0] = SPTE_MMU_PRESENT_MASK
        write_lock(kvm.mmu_lock)
        root.role.invalid = 1
        write_unlock(kvm.mmu_lock)

    def notifier(kvm, vcpu):
        root = loaded_root(vcpu)
        while root.spt[0] == 0:
            cpu_relax()
        write_lock(kvm.mmu_lock)
        for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
            THIS
                root.spt[0] = 0
        model_notifier_returns(kvm, 0)
        write_unlock(kvm.mmu_lock)
    """, [("starter", VCPU), ("notifier", VCPU)])  # fmt: skip

seed("wasted-zap", "zapped again", "if READ_ONCE(root.mark) == 0:", "if xchg(root.mark, 1) == 0:",
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        zap(kvm, vcpu)

    def zap(kvm, vcpu):
        root = loaded_root(vcpu)
        THIS
            model_zap_begins(root)
            root.spt[0] = 0
            model_zap_ends(root)
            root.mark = 1
    """, [("starter", VCPU), ("zap", VCPU)])  # fmt: skip
