"""What labs 06 and 08 tell: the tables played by hand, and what each check is said to show."""

import pytest
from test_labs_run import root_0, stands, until

from tdplib import check
from tdplib.labs.breaking import par
from tdplib.labs.exercise import find_exercise
from tdplib.labs.judge import judge
from tdplib.labs.report import WRONG
from tdplib.replay import BlockedError, Session
from tdplib.scenarios import SCENARIOS


def run(session, actor):
    """Let `actor` run until it must wait or is done; the board then."""
    names = [each["name"] for each in session.board()["actors"]]
    while True:
        try:
            session.step(names.index(actor))
        except BlockedError:
            return session.board()


# --- lab 06


def test_the_gift_can_be_followed_by_hand_as_lab_06_tells():
    session = Session("v5.18", "small")
    loaded = until(session, "vCPU 0", lambda b: b["steps"] == 3)
    assert root_0(loaded) == (1, 1, False, False)
    waits = run(session, "update 0")
    assert stands(waits, "update 0")["function"] == "kvm_tdp_mmu_zap_invalidated_roots"
    assert root_0(waits) == (2, 1, True, True)
    before = session.code()
    dropped = run(session, "vCPU 0")
    assert stands(dropped, "vCPU 0")["status"] == "done"
    assert root_0(dropped) == (1, 1, True, True)
    assert dropped["roots"][0]["listed"]
    assert root_0(run(session, "zap worker"))[0] == 0
    assert stands(run(session, "update 0"), "update 0")["status"] == "done"

    other = Session.from_code(before)
    assert root_0(run(other, "zap worker")) == (1, 0, True, False)
    freed = run(other, "vCPU 0")
    assert freed["roots"][0]["state"] == "freed", "this time the vCPU's put is the last one"


def test_without_the_gift_a_vcpu_frees_a_root_that_maps_memory():
    verdict = check(base="no-gift", scenario="small")
    assert verdict.property == "freed-empty"
    assert verdict.trace.steps[-1].actor_name == "vCPU 0"
    assert root_0(verdict.trace.boards()[-2])[3], "and waits in the queue"


def test_the_wrong_places_of_the_wait_break_as_lab_06_tells():
    assert check("flush-under-mmu-lock").property == "no-deadlock"
    assert check("flush-without-slots-lock").property == "no-double-queue"
    assert par(find_exercise("lab06.ex3").cases[0]).switches == 3


def test_the_load_of_a_root_flushes_for_the_zap():
    """Question 3 of lab 06."""
    assert check("v5.18", scenario="tlb").status == "holds"
    verdict = check("load-without-flush")
    assert verdict.property == "tlb-complete"
    assert "kvm_mmu_load" in {a.function for a in verdict.trace.steps[-2].actions}


def test_two_readers_hang_only_if_a_writer_asks_in_between():
    """Question 4 of lab 06: without a vCPU there is no such writer."""
    from tdplib.scenarios import Scenario

    alone = Scenario(vcpus=0, updates=1)
    assert check("flush-under-read-lock", scenario=alone).status == "holds"
    assert check("flush-under-mmu-lock", scenario=alone).status == "holds", "nothing is queued"


def test_the_posted_order_warns_unless_the_worker_is_fast():
    """Question 5 of lab 06."""
    verdict = check("teardown")
    last = verdict.trace.steps[-1]
    assert last.actions[-1].function == "kvm_mmu_uninit_tdp_mmu"
    assert {step.actor_name for step in verdict.trace.steps} == {"VM process"}
    session = Session("teardown")
    until(
        session,
        "VM process",
        lambda b: stands(b, "VM process")["function"] == "kvm_mmu_uninit_tdp_mmu",
    )
    run(session, "zap worker")
    board = run(session, "VM process")
    assert board["broken"] is None
    assert stands(board, "VM process")["status"] == "done"


UNLOAD = "kvm_mmu_unload(vcpu)"
DESTROY = "destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)"
LOOK = "WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))"
BARRIER = "rcu_barrier()"


@pytest.mark.parametrize(
    ("steps", "where"),
    [
        ((UNLOAD, LOOK, DESTROY, BARRIER), "kvm_arch_destroy_vm"),
        ((DESTROY, UNLOAD, LOOK, BARRIER), "tdp_mmu_schedule_zap_root"),
        ((UNLOAD, BARRIER, DESTROY, LOOK), "reader_thread"),
        ((UNLOAD, DESTROY, LOOK), "reader_thread"),
        ((DESTROY, BARRIER), "kvm_destroy_vm"),
    ],
)
def test_a_wrong_teardown_ends_where_its_meaning_says(steps, where):
    body = "".join(f"    {step}\n" for step in steps)
    record = find_exercise("lab06.ex5")
    report = judge(record, f"def kvm_arch_destroy_vm(kvm, vcpu):\n{body}")
    assert report.status == WRONG, str(report)
    assert report.trace.steps[-1].actions[-1].function == where
    assert where in record.meanings["no-warn"] or where in (
        "kvm_arch_destroy_vm",
        "tdp_mmu_schedule_zap_root",
    )


# --- lab 08


def test_a_defunct_root_can_be_followed_by_hand_as_lab_08_tells():
    session = Session("v5.18", "small", raw=True)
    while stands(session.board(), "vCPU 0")["function"] != "kvm_mmu_free_roots":
        session.step(0)
    assert root_0(session.board()) == (1, 1, False, False)
    zero = until(session, "vCPU 0", lambda b: root_0(b)[0] == 0)
    assert root_0(zero) == (0, 1, False, False)
    waits = run(session, "update 0")
    assert stands(waits, "update 0")["status"] == "blocked"
    seen = [root_0(session.board())]
    while not root_0(session.board())[3]:
        session.step(0)
        if root_0(session.board()) != seen[-1]:
            seen.append(root_0(session.board()))
    assert seen == [
        (0, 1, False, False),
        (0, 1, True, False),
        (1, 1, True, False),
        (1, 1, True, True),
    ]
    assert stands(run(session, "vCPU 0"), "vCPU 0")["status"] == "done"
    passed = run(session, "update 0")
    assert stands(passed, "update 0")["function"] == "kvm_tdp_mmu_zap_invalidated_roots"
    assert root_0(passed) == (1, 1, True, True)
    assert run(session, "zap worker")["roots"][0]["state"] == "freed"


def test_a_notifier_misses_what_is_off_the_list():
    """Question 1 of lab 08: it is the second entry, while the first is being zapped."""
    verdict = check(
        "delist-then-yield", scenario="small-notifier", properties=["notifier-complete"]
    )
    assert verdict.property == "notifier-complete"
    root = verdict.trace.boards()[-1]["roots"][0]
    assert not root["listed"]
    assert [spte["present"] for spte in root["sptes"]] == [False, True]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("one-before-invalid", "no-spte-under-invalid-root"),
        ("yield-at-refcount-zero", "no-dead-root-seen"),
        ("delist-at-queue", "delist-at-final-put"),
        ("put-without-gift", "no-dead-root-seen"),
        ("patch-24-unconditional", "no-double-queue"),
    ],
)
def test_the_near_misses(name, broken):
    assert check(name).property == broken


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_nobody_in_v5_18_sees_which_store_came_first(scenario):
    put = """
def kvm_tdp_mmu_put_root(kvm, root, shared):
    kvm_lockdep_assert_mmu_lock_held(kvm, shared)
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not root.role.invalid:
        refcount_set(root.tdp_mmu_root_count, 1)
        kvm_tdp_root_mark_invalid(root)
        tdp_mmu_schedule_zap_root(kvm, root)
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
"""
    assert check(put, base="v5.18", scenario=scenario).status == "holds"
    assert judge(find_exercise("lab08.ex2"), put).status == WRONG, "and yet the order is asked for"


def test_a_put_that_does_not_pause_is_no_answer():
    """v5.17's put holds, and is not what exercise 1 asks for."""
    record = find_exercise("lab08.ex1")
    text = record.stub.replace(
        "tdp_mmu_zap_root(kvm, root, shared)", "zap_gfn_range(kvm, root, False, shared)"
    )
    assert check(text, base="delist-then-yield").status == "holds"
    report = judge(record, text)
    assert report.status == WRONG
    assert "gives way" in report.message or "give way" in report.message
