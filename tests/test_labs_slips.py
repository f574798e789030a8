"""Slips that once passed for right answers: each is a change to the reference, and is caught."""

import pytest

from tdplib.labs.exercise import find_exercise
from tdplib.labs.judge import judge
from tdplib.labs.learner import reference_text
from tdplib.labs.report import NOT_LANGUAGE, RIGHT, WRONG
from tdplib.lang.errors import LanguageError

MARK = "    kvm_tdp_mmu_invalidate_all_roots(kvm)\n"
TELL = "    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)\n"
DROP = "        if is_obsolete_root(prev_root(vcpu, i)):\n            drop_prev_root(vcpu, i)\n"
FREE = "    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)\n"
TAKE_APART = "    handle_removed_pt(root, shared)\n"
SLIPS = {
    "the number is written down instead of counted": (
        "lab00.ex2", "atomic_inc(kvm.counter)", "kvm.counter = KVM_MAX_VCPUS", "no-warn",
    ),
    "the request is raised before the marking": (
        "lab06.ex2", MARK + TELL, TELL + MARK, "no-invalid-root-loaded",
    ),
    "cached roots that are fine are dropped too": (
        "lab09.ex6", DROP, "        drop_prev_root(vcpu, i)\n", "no-warn",
    ),
    "a current root that is fine is dropped too": (
        "lab09.ex6", "    if is_obsolete_root(vcpu.arch.mmu.root):\n",
        "    if vcpu.arch.mmu.root is not None:\n", "no-warn",
    ),
    "cached roots are dropped by the function for the end": (
        "lab09.ex6", DROP, "        empty_prev_root(vcpu, i)\n", "no-warn",
    ),
    "an error number has the wrong sign": (
        "lab09.ex2", "-ENOMEM", "ENOMEM", "no-warn",
    ),
    "a lookup does not ask for the role": (
        "lab10.ex1", "root.role.word == role.word", "not root.role.invalid", "no-warn",
    ),
    "an invariant takes a reader's lock for a writer's": (
        "lab07.ex4", "rwlock_is_write_locked", "rwlock_is_locked", "asks for too little",
    ),
    "the loop unmaps no more once a flush is due": (
        "lab09.ex8", "flush = zap_leaf(kvm, root, gfn, flush)",
        "flush = flush or zap_leaf(kvm, root, gfn, False)", "notifier-complete",
    ),
    "the put takes the table apart by another function": (
        "lab10.ex4", FREE, TAKE_APART, "uses `handle_removed_pt`",
    ),
    "an invariant looks at the first SPTE only": (
        "lab10.ex3", "range(PT_ENTRIES)", "range(1)", "asks for too little",
    ),
    "the same in the put of v5.18": (
        "lab08.ex2", FREE, TAKE_APART, "uses `handle_removed_pt`",
    ),
}  # fmt: skip
"""What the slip is -> exercise, what stands in its reference, what in its place, what is told."""


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_caught(name):
    exercise, right, slip, told = SLIPS[name]
    record = find_exercise(exercise)
    reference = reference_text(record)
    assert reference.count(right) == 1
    assert judge(record, reference).status == RIGHT
    report = judge(record, reference.replace(right, slip))
    assert report.status == WRONG
    assert told in str(report)


def test_a_put_that_calls_itself_is_told_by_its_name():
    record = find_exercise("lab08.ex1")
    reference = reference_text(record)
    zap = "        tdp_mmu_zap_root(kvm, root, shared)\n"
    assert reference.count(zap) == 1
    again = zap + "        kvm_tdp_mmu_put_root(kvm, root, shared)\n        return\n"
    report = judge(record, reference.replace(zap, again))
    assert report.status == NOT_LANGUAGE
    assert isinstance(report.error, LanguageError)
    assert report.error.found.startswith("`kvm_tdp_mmu_put_root` calls itself without a bound")
