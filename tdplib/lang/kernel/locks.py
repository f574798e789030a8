"""Stubs: locks, giving way, and what the kernel asserts about them."""

from __future__ import annotations

from ._stub import not_executed

__all__ = [
    "BUG_ON",
    "KVM_BUG_ON",
    "WARN_ON",
    "WARN_ON_ONCE",
    "cond_resched",
    "cond_resched_rwlock_read",
    "cond_resched_rwlock_write",
    "cpu_relax",
    "lockdep_assert_held",
    "lockdep_assert_held_read",
    "lockdep_assert_held_write",
    "mutex_is_locked",
    "mutex_lock",
    "mutex_unlock",
    "read_lock",
    "read_unlock",
    "rwlock_is_locked",
    "rwlock_is_write_locked",
    "spin_lock",
    "spin_unlock",
    "write_lock",
    "write_unlock",
]


def read_lock(l):  # noqa: E741
    """
    Take the rwlock `l` for read, beside other readers.

    Visible. Can block: while a writer holds `l` or waits for it, as the kernel's queued rwlock
    does for a task. v5.18: page faults and the zap worker hold mmu_lock this way.
    """
    raise not_executed("read_lock")


def read_unlock(l):  # noqa: E741
    """
    Let go of the rwlock `l`, held for read.

    Visible. Not held that way: breaks `lockdep`.
    """
    raise not_executed("read_unlock")


def write_lock(l):  # noqa: E741
    """
    Take the rwlock `l` for write, alone.

    Visible. Can block: if `l` is not free the actor first queues (from then on new readers
    block), waits until nobody holds it, then takes it. Any waiting writer may be next.
    v5.18: root lookup, root invalidation and a vCPU's root put hold mmu_lock this way.
    """
    raise not_executed("write_lock")


def write_unlock(l):  # noqa: E741
    """
    Let go of the rwlock `l`, held for write.

    Visible. Not held that way: breaks `lockdep`.
    """
    raise not_executed("write_unlock")


def mutex_lock(l):  # noqa: E741
    """
    Take the mutex `l` (`kvm.slots_lock`, `kvm.slots_arch_lock`).

    Visible. Can block: while another actor holds it. Taken before mmu_lock, never after.
    """
    raise not_executed("mutex_lock")


def mutex_unlock(l):  # noqa: E741
    """
    Let go of the mutex `l`.

    Visible. Not held: breaks `lockdep`.
    """
    raise not_executed("mutex_unlock")


def spin_lock(l):  # noqa: E741
    """
    Take the spinlock `l` (`kvm.arch.tdp_mmu_pages_lock`).

    Visible. Can block: while another actor holds it. It nests inside mmu_lock, and is there
    because the list of roots is edited with mmu_lock held for read only.
    """
    raise not_executed("spin_lock")


def spin_unlock(l):  # noqa: E741
    """
    Let go of the spinlock `l`.

    Visible. Not held: breaks `lockdep`.
    """
    raise not_executed("spin_unlock")


def rwlock_is_locked(l):  # noqa: E741
    """
    Give 1 if anybody holds the rwlock `l`, for read or for write, else 0.

    Visible. The asker counts too; who waits for `l` does not. Made for invariants, which look at
    the machine from outside.
    """
    raise not_executed("rwlock_is_locked")


def rwlock_is_write_locked(l):  # noqa: E741
    """
    Give 1 if anybody holds the rwlock `l` for write, else 0.

    Visible. The asker counts too.
    """
    raise not_executed("rwlock_is_write_locked")


def mutex_is_locked(l):  # noqa: E741
    """
    Give 1 if anybody holds the mutex `l`, else 0.

    Visible. The asker counts too.
    """
    raise not_executed("mutex_is_locked")


def cond_resched_rwlock_read(l):  # noqa: E741
    """
    Let others have the rwlock `l` held for read: unlock it, lock it again; gives 1.

    Visible, two steps. Can block: like `read_lock`. The model always yields; a yield in which
    nobody takes a step stands for not yielding.
    """
    raise not_executed("cond_resched_rwlock_read")


def cond_resched_rwlock_write(l):  # noqa: E741
    """
    Let others have the rwlock `l` held for write: unlock it, lock it again; gives 1.

    Visible, two steps. Can block: like `write_lock`. The model always yields.
    """
    raise not_executed("cond_resched_rwlock_write")


def cond_resched():
    """
    Do nothing: in the model another actor may always go next.

    Private. In the kernel it offers the CPU to another task.
    """
    raise not_executed("cond_resched")


def cpu_relax():
    """
    Do nothing: in the model a loop that waits is no hotter than any other.

    Private.
    """
    raise not_executed("cpu_relax")


def WARN_ON(c):
    """
    Break `no-warn` if `c` is true; gives 0.

    Private. Say what must not happen: WARN_ON(count == 0) where the count cannot be 0.
    """
    raise not_executed("WARN_ON")


def WARN_ON_ONCE(c):
    """
    Break `no-warn` if `c` is true; gives 0.

    Private. As `WARN_ON`: the model stops at the first warning anyway.
    """
    raise not_executed("WARN_ON_ONCE")


def BUG_ON(c):
    """
    Break `no-warn` if `c` is true; gives 0.

    Private.
    """
    raise not_executed("BUG_ON")


def KVM_BUG_ON(c, kvm):
    """
    Break `no-warn` if `c` is true; gives 0.

    Private. v6.4: the last put says this way that the root must be invalid by then.
    """
    raise not_executed("KVM_BUG_ON")


def lockdep_assert_held(l):  # noqa: E741
    """
    Break `lockdep` unless this actor holds `l`, in whatever mode.

    Private. v5.18: kvm_mmu_zap_all_fast() asserts slots_lock.
    """
    raise not_executed("lockdep_assert_held")


def lockdep_assert_held_read(l):  # noqa: E741
    """
    Break `lockdep` unless this actor holds the rwlock `l` for read.

    Private.
    """
    raise not_executed("lockdep_assert_held_read")


def lockdep_assert_held_write(l):  # noqa: E741
    """
    Break `lockdep` unless this actor holds the rwlock `l` for write.

    Private.
    """
    raise not_executed("lockdep_assert_held_write")
