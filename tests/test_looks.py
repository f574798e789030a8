"""Predicates that look at locks and at the queue: fast and slow explorer agree, reductions too."""

import pytest
from engine import differences
from random_programs import SEEDS, random_program
from reference import explore

LOCKS = ("rwlock_is_locked(kvm.mmu_lock)", "rwlock_is_write_locked(kvm.mmu_lock)",
         "mutex_is_locked(kvm.slots_lock)", "mutex_is_locked(kvm.slots_arch_lock)")  # fmt: skip


def looker(first, second):
    """An actor that looks twice, and warns if both times there was something to see."""
    return f"def looker(kvm):\n    t = {first}\n    u = {second}\n    WARN_ON(t and u)\n"


def with_looker(seed):
    """A random program and its looker; its own actors run as they are."""
    program = random_program(seed)
    unit = looker(LOCKS[seed % len(LOCKS)], LOCKS[seed // 4 % len(LOCKS)])
    actors = [*program.actors[:2], ("looker", "looker", ("kvm",))]
    return [*program.units, unit], actors, program.params


@pytest.mark.parametrize("seed", [s for s in SEEDS if "_lock(" in str(random_program(s))][:25])
def test_random_programs_that_are_looked_at(seed):
    units, actors, params = with_looker(seed)
    assert differences(units, actors, params) == [], seed


UNIT = "class kvm:\n    a: u8\n    root: page\n"
HOLD = (
    UNIT + "def holder(kvm):\n    {lock}_lock(kvm.{name})\n    kvm.a = 1\n"
    "    {lock}_unlock(kvm.{name})\n"
)
LOOK = "def looker(kvm):\n    t = {call}\n    WARN_ON(t and kvm.a == {a})\n"


@pytest.mark.parametrize(
    ("lock", "name", "call", "seen"),
    [
        ("read", "mmu_lock", "rwlock_is_locked(kvm.mmu_lock)", True),
        ("write", "mmu_lock", "rwlock_is_locked(kvm.mmu_lock)", True),
        ("read", "mmu_lock", "rwlock_is_write_locked(kvm.mmu_lock)", False),
        ("write", "mmu_lock", "rwlock_is_write_locked(kvm.mmu_lock)", True),
        ("mutex", "slots_lock", "mutex_is_locked(kvm.slots_lock)", True),
        ("mutex", "slots_lock", "mutex_is_locked(kvm.slots_arch_lock)", False),
    ],
)
@pytest.mark.parametrize("a", [0, 1])
def test_what_is_held_is_seen(lock, name, call, seen, a):
    """Both before the holder's write and after it, whatever is merged."""
    units = [HOLD.format(lock=lock, name=name), LOOK.format(call=call, a=a)]
    actors = [("holder", "holder", ("kvm",)), ("looker", "looker", ("kvm",))]
    assert differences(units, actors, {}) == []
    assert (explore(units, actors).verdict == "violated") == seen


@pytest.mark.parametrize("lock", ["read", "write"])
def test_who_asks_counts_too(lock):
    text = (
        f"def f(kvm):\n    {lock}_lock(kvm.mmu_lock)\n    WARN_ON(rwlock_is_locked(kvm.mmu_lock))"
    )
    units = [UNIT + text + f"\n    {lock}_unlock(kvm.mmu_lock)\n"]
    actors = [("f", "f", ("kvm",))]
    assert differences(units, actors, {}) == []
    assert explore(units, actors).verdict == "violated"


WORK = (
    UNIT
    + """
def zap(work):
    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
    WARN_ON(work_pending(root.tdp_mmu_async_work) == {running})


def maker(kvm, vcpu):
    root = tdp_mmu_alloc_sp(vcpu)
    INIT_WORK(root.tdp_mmu_async_work, zap)
    refcount_set(root.tdp_mmu_root_count, 1)
    vcpu.arch.mmu.root = root
    kvm.root = root
    queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)


def worker(kvm):
    work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)
    run_work(work)
    workqueue_done(kvm.arch.tdp_mmu_zap_wq)


def looker(kvm):
    root = kvm.root
    if root is not None:
        WARN_ON(work_pending(root.tdp_mmu_async_work) == {seen})
"""
)


@pytest.mark.parametrize(
    ("running", "seen", "verdict"), [(0, 0, True), (1, 2, False), (2, 0, True), (2, 1, True)]
)
def test_pending_is_queued_and_not_running(running, seen, verdict):
    units = [WORK.format(running=running, seen=seen)]
    actors = [
        ("maker", "maker", ("kvm", "vcpu0")),
        ("worker", "worker", ("kvm",)),
        ("looker", "looker", ("kvm",)),
    ]
    assert differences(units, actors, {}) == []
    result = explore(units, actors)
    assert ("no-warn" in result.broken) == verdict
