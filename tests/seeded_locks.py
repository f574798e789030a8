"""Seeded bugs about warnings, locks, and what is left at the end."""

from seeded_kit import KVM, VCPU, seed

# --- warnings and locks

seed("no-warn", "the last reference by refcount_dec", "refcount_dec(kvm.users_count)",
     "refcount_dec_and_test(kvm.users_count)",
     """
    def user(kvm):
        if refcount_inc_not_zero(kvm.users_count):
            THIS

    def owner(kvm):
        refcount_dec_and_test(kvm.users_count)
    """, [("user", KVM), ("owner", KVM)])  # fmt: skip

seed("no-warn", "a lost update", "kvm.mmu_notifier_seq += 1", "atomic_inc(kvm.mmu_notifier_seq)",
     """
    class kvm:
        finished: atomic_t

    def count(kvm):
        THIS
        if atomic_inc_return(kvm.finished) == 2:
            WARN_ON_ONCE(kvm.mmu_notifier_seq != 2)
    """, [("count", KVM), ("count", KVM)])  # fmt: skip

seed("no-warn", "never initialised", "pass", "INIT_WORK(root.tdp_mmu_async_work, zap)",
     """
    def zap(work):
        root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
        INIT_WORK(root.tdp_mmu_async_work, zap)

    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        THIS
        queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)
    """, [("starter", VCPU), ("worker", KVM)])  # fmt: skip

seed("no-warn", "the queue destroyed", "destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)",
     "flush_workqueue(kvm.arch.tdp_mmu_zap_wq)",
     """
    def zap(work):
        root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
        root.mark = 1

    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        INIT_WORK(root.tdp_mmu_async_work, zap)
        queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)

    def end(kvm):
        THIS
    """, [("starter", VCPU), ("end", KVM), ("worker", KVM)])  # fmt: skip

seed("lockdep", "order",
     """
     write_lock(kvm.mmu_lock)
     mutex_lock(kvm.slots_lock)
     """,
     """
     mutex_lock(kvm.slots_lock)
     write_lock(kvm.mmu_lock)
     """,
     """
    def update(kvm):
        THIS
        kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
        write_unlock(kvm.mmu_lock)
        mutex_unlock(kvm.slots_lock)

    def other(kvm):
        mutex_lock(kvm.slots_lock)
        mutex_unlock(kvm.slots_lock)
    """, [("update", KVM), ("other", KVM)])  # fmt: skip

seed("lockdep", "asserted for write", "lockdep_assert_held_write(kvm.mmu_lock)",
     "lockdep_assert_held(kvm.mmu_lock)",
     """
    def user(kvm, write):
        if write:
            write_lock(kvm.mmu_lock)
        else:
            read_lock(kvm.mmu_lock)
        check(kvm)
        if write:
            write_unlock(kvm.mmu_lock)
        else:
            read_unlock(kvm.mmu_lock)

    def check(kvm):
        THIS
    """, [("user", ("kvm", 1)), ("user", ("kvm", 0))])  # fmt: skip

seed("lockdep", "released by another", "spin_unlock(kvm.arch.tdp_mmu_pages_lock)", "pass",
     """
    def holder(kvm):
        spin_lock(kvm.arch.tdp_mmu_pages_lock)
        spin_unlock(kvm.arch.tdp_mmu_pages_lock)

    def other(kvm):
        THIS
    """, [("holder", KVM), ("other", KVM)])  # fmt: skip

seed("lockdep", "kept at the end", "return", "pass",
     """
    def user(kvm):
        mutex_lock(kvm.slots_lock)
        seq = kvm.mmu_notifier_seq
        kvm.mmu_notifier_seq = seq + 1
        if seq:
            THIS
        mutex_unlock(kvm.slots_lock)
    """, [("user", KVM), ("user", KVM)])  # fmt: skip

seed("lockdep", "taken twice", "mutex_lock(kvm.slots_lock)", "mutex_lock(kvm.slots_arch_lock)",
     """
    def user(kvm):
        mutex_lock(kvm.slots_lock)
        THIS
        mutex_unlock(kvm.slots_arch_lock)
        mutex_unlock(kvm.slots_lock)
    """, [("user", KVM), ("user", KVM)])  # fmt: skip

seed("lockdep", "left without entering", "rcu_read_unlock()", "synchronize_rcu()",
     """
    def user(kvm):
        rcu_read_lock()
        rcu_read_unlock()
        THIS
    """, [("user", KVM), ("user", KVM)])  # fmt: skip

# --- the end

seed("no-deadlock", "flushed under mmu_lock",
     """
     flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
     write_unlock(kvm.mmu_lock)
     """,
     """
     write_unlock(kvm.mmu_lock)
     flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
     """,
     """
    def zap(work):
        root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
        kvm = root.tdp_mmu_async_data
        read_lock(kvm.mmu_lock)
        root.spt[0] = 0
        read_unlock(kvm.mmu_lock)

    def update(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        root.tdp_mmu_async_data = kvm
        write_lock(kvm.mmu_lock)
        INIT_WORK(root.tdp_mmu_async_work, zap)
        queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)
        THIS
    """, [("update", VCPU), ("worker", KVM)])  # fmt: skip

seed("no-deadlock", "a reader again behind a writer",
     """
     read_lock(kvm.mmu_lock)
     seq = kvm.mmu_notifier_seq
     read_unlock(kvm.mmu_lock)
     """,
     "seq = kvm.mmu_notifier_seq",
     """
    def reader(kvm):
        read_lock(kvm.mmu_lock)
        inner(kvm)
        read_unlock(kvm.mmu_lock)

    def inner(kvm):
        THIS

    def writer(kvm):
        write_lock(kvm.mmu_lock)
        write_unlock(kvm.mmu_lock)
    """, [("reader", KVM), ("writer", KVM)])  # fmt: skip

seed("no-deadlock", "waiting for itself",
     """
     synchronize_rcu()
     rcu_read_unlock()
     """,
     """
     rcu_read_unlock()
     synchronize_rcu()
     """,
     """
    def user(kvm):
        rcu_read_lock()
        THIS
    """, [("user", KVM), ("user", KVM)])  # fmt: skip

seed("no-leak", "a put forgotten", "vcpu.arch.mmu.root = root",
     """
     if refcount_dec_and_test(root.tdp_mmu_root_count):
         release(kvm, root)
     """,
     """
    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        refcount_inc(root.tdp_mmu_root_count)
        kvm.root = root
        write_lock(kvm.mmu_lock)
        vcpu.arch.mmu.root = None
        if refcount_dec_and_test(root.tdp_mmu_root_count):
            release(kvm, root)
        write_unlock(kvm.mmu_lock)

    def other(kvm, vcpu):
        root = kvm.root
        while root is None:
            root = kvm.root
        write_lock(kvm.mmu_lock)
        THIS
        write_unlock(kvm.mmu_lock)
    """, [("starter", VCPU), ("other", VCPU)])  # fmt: skip

seed("no-leak", "nobody runs the work", "pass", "worker(kvm)",
     """
    def zap(work):
        root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
        root.mark = 1

    def starter(kvm, vcpu):
        boot(vcpu)
        root = vcpu.arch.mmu.root
        INIT_WORK(root.tdp_mmu_async_work, zap)
        queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)

    def other(kvm):
        THIS
    """, [("starter", VCPU), ("other", KVM)])  # fmt: skip
