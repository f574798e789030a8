"""Lab 04: what it tells is so, and wrong answers to it are told apart."""

import itertools

import pytest

from tdplib.check import check
from tdplib.labs.exercise import load_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import RIGHT, WRONG
from tdplib.replay import Session

EX1, EX2, EX3, EX4, EX5, EX6 = load_lab("lab04").exercises

MARK = "    kvm_tdp_mmu_invalidate_all_roots(kvm)\n"
TELL = "    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)\n"
LET_GO = "    write_unlock(kvm.mmu_lock)\n"
ZAP = "    kvm_tdp_mmu_zap_invalidated_roots(kvm)\n"


def fast_zap(*lines):
    """An answer to exercise 2 that ends with these lines."""
    given = EX2.stub.split("    # your code here")[0]
    return given + "".join(lines)


def walk(*lines):
    """An answer to exercise 1 with this loop body."""
    given = EX1.stub.split("        # your code here")[0]
    return given + "".join(f"        {line}\n" for line in lines)


def guard(*lines):
    return "def invariant(kvm, vcpu0):\n" + "".join(f"    {line}\n" for line in lines)


def actors(session):
    return {actor["name"]: actor for actor in session.board()["actors"]}


def step(session, name, times=1):
    for _ in range(times):
        session.step(list(actors(session)).index(name))


def root(session, number=0):
    there = session.board()["roots"][number]
    live = sum(spte["present"] for spte in there["sptes"])
    return there["refcount"], live, there["role"]["invalid"]


def pending(session):
    return session.board()["requests"][0]["pending"]


def holder(session):
    return next(x["writer"] for x in session.board()["locks"] if x["name"] == "mmu_lock")


def test_the_fast_zap_beside_a_sleeping_vcpu_can_be_played_as_the_lab_tells():
    session = Session("guest-entry")
    step(session, "vCPU 0", 5)
    assert root(session) == (1, 1, False)
    step(session, "update 0", 2)
    assert root(session) == (2, 1, True)
    assert holder(session) == "update 0"
    assert pending(session) == []
    step(session, "update 0")
    assert holder(session) is None
    assert pending(session) == ["FREE_OBSOLETE_ROOTS"]
    while actors(session)["update 0"]["status"] != "done":
        step(session, "update 0")
    assert root(session) == (1, 0, True), "question 1"
    step(session, "vCPU 0")
    assert pending(session) == []
    while len(session.board()["roots"]) < 2 or root(session, 1)[1] == 0:
        step(session, "vCPU 0")
    assert root(session)[0] == 0
    assert root(session, 1) == (1, 1, False)


def test_one_of_the_24_orders_is_right():
    orders = list(itertools.permutations((MARK, TELL, LET_GO, ZAP)))
    right = [lines for lines in orders if judge(EX2, fast_zap(*lines)).status == RIGHT]
    assert len(orders) == 24
    assert right == [(MARK, TELL, LET_GO, ZAP)]


def moves_of_the_count(trace):
    """Who changed a count, and how: ``[("update 0", "1 -> 2"), ...]``."""
    return [
        (step.actor_name, action.effect.split("tdp_mmu_root_count ")[1].split(" (")[0])
        for step in trace.steps
        for action in step.actions
        if "tdp_mmu_root_count " in action.effect and "->" in action.effect
    ]


def test_the_skip_gives_back_a_reference_that_was_never_taken():
    skip = walk("if root.role.invalid:", "    continue", "kvm_tdp_mmu_get_root(root)") + (
        "        root.role.invalid = 1\n"
    )
    trace = check(skip, base="v5.17", scenario="requeue").trace
    assert trace.broken == "no-use-after-free", "the answer to question 2"
    taken = [who for who, how in moves_of_the_count(trace) if how == "1 -> 2"]
    assert taken == ["update 0"], "update 1 has taken none, and zaps nevertheless"
    assert trace.steps[-1].actor_name == "update 1"
    assert judge(EX1, skip).status == WRONG


def test_the_update_gives_back_what_the_toggle_has_taken():
    trace = check("toggle-unlocked").trace
    assert trace.broken == "no-use-after-free", "the answer to question 4"
    assert moves_of_the_count(trace) == [
        ("NX toggle", "1 -> 2"),
        ("update 0", "2 -> 1"),
        ("vCPU 0", "1 -> 0"),
    ]


def test_the_sly_near_miss_needs_a_vcpu_that_looks_without_the_lock():
    scenario = {"vcpus": 1, "faults": 2, "updates": 1, "first_gfn": 1}
    from tdplib.scenarios import Scenario

    code = fast_zap(TELL, MARK, LET_GO, ZAP)
    assert check(code, base="v5.17", scenario=Scenario(**scenario)).status == "holds"
    assert check("request-then-mark").property == "no-invalid-root-loaded"


def test_an_early_request_lets_the_guest_use_what_was_zapped():
    trace = check("request-first", scenario="tlb", properties=("tlb-complete",)).trace
    assert trace.broken == "tlb-complete", "the answer to question 5"
    assert trace.steps[-1].actor_name == "vCPU 0"
    assert trace.steps[-2].actor_name == "update 0", "it has returned"


def test_the_flush_of_everybody_is_more_than_is_asked():
    report = judge(EX6, EX6.stub + "    kvm_flush_remote_tlbs(vcpu.kvm)\n")
    assert report.status == WRONG
    assert "one vCPU that changes its root" in str(report)


WRONG_1 = {
    "no reference": (walk("root.role.invalid = 1"), {"no-use-after-free"}),
    "never marked": (walk("kvm_tdp_mmu_get_root(root)"), {"zap-complete"}),
    "given back at once": (
        walk(
            "if kvm_tdp_mmu_get_root(root):",
            "    root.role.invalid = 1",
            "    kvm_tdp_mmu_put_root(kvm, root, False)",
        ),
        {"no-use-after-free"},
    ),
    "two references": (
        walk("kvm_tdp_mmu_get_root(root)", "kvm_tdp_mmu_get_root(root)", "root.role.invalid = 1"),
        {"no-leak"},
    ),
    "there and back": (
        walk("if kvm_tdp_mmu_get_root(root):", "    root.role.invalid = not root.role.invalid"),
        {"invalid-monotone"},
    ),
    "off the list": (
        walk("kvm_tdp_mmu_get_root(root)", "root.role.invalid = 1", "list_del_rcu(root.link)"),
        {"delist-at-final-put"},
    ),
}
WRONG_2 = {
    "request before the bit": (fast_zap(TELL, MARK, LET_GO, ZAP), {"no-invalid-root-loaded"}),
    "request after the unlock": (fast_zap(MARK, LET_GO, TELL, ZAP), {"no-invalid-root-loaded"}),
    "no request": (fast_zap(MARK, LET_GO, ZAP), {"no-invalid-root-loaded"}),
    "no zap": (fast_zap(MARK, TELL, LET_GO), {"zap-complete"}),
    "zap under the write lock": (fast_zap(MARK, TELL, ZAP, LET_GO), {"lockdep"}),
}
WRONG_5 = {
    "locked too early": (
        EX5.stub.replace(
            "    kvm_mmu_zap",
            "    mutex_lock(kvm.slots_lock)\n    mutex_unlock(kvm.slots_lock)\n    kvm_mmu_zap",
        ),
        {"no-use-after-free"},
    ),
    "another lock": (
        EX5.stub.replace(
            "    kvm_mmu_zap_all_fast(kvm)\n",
            "    mutex_lock(kvm.slots_arch_lock)\n"
            "    kvm_mmu_zap_all_fast(kvm)\n"
            "    mutex_unlock(kvm.slots_arch_lock)\n",
        ),
        {"no-use-after-free"},
    ),
    "never dropped": (
        EX5.stub.replace("    kvm_mmu_zap", "    mutex_lock(kvm.slots_lock)\n    kvm_mmu_zap"),
        {"lockdep", "no-deadlock"},
    ),
}
WRONG_6 = {
    "only where there is no root": (
        EX6.stub + "    if vcpu.arch.mmu.root is None:\n        flush_tlb_current(vcpu)\n",
        {"tlb-complete"},
    ),
    "only for a second user": (
        EX6.stub
        + "    if refcount_read(vcpu.arch.mmu.root.tdp_mmu_root_count) > 1:\n"
        + "        flush_tlb_current(vcpu)\n",
        {"tlb-complete"},
    ),
    "never dropped": (
        EX6.stub.replace("    write_unlock(vcpu.kvm.mmu_lock)\n", "    flush_tlb_current(vcpu)\n"),
        {"lockdep", "no-deadlock"},
    ),
}


def wrong_answers():
    for record, answers in ((EX1, WRONG_1), (EX2, WRONG_2), (EX5, WRONG_5), (EX6, WRONG_6)):
        for name, (text, expected) in answers.items():
            yield pytest.param(record, text, expected, id=f"{record.id}: {name}")


@pytest.mark.parametrize(("record", "text", "expected"), list(wrong_answers()))
def test_wrong_answers_are_wrong_and_explained(record, text, expected):
    report = judge(record, text)
    assert report.status == WRONG, str(report)
    assert report.outcomes[-1].broken in expected
    assert report.meaning == record.meanings[report.outcomes[-1].broken]


ASK = "not root.role.invalid or kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu0)"
ROOT = "root = vcpu0.arch.mmu.root"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (guard("return True"), "asks for too little"),
        (guard(ROOT, f"return not vcpu0.in_guest or {ASK}"), "asks for too much"),
        (
            guard(
                "if rwlock_is_write_locked(kvm.mmu_lock):",
                "    return True",
                ROOT,
                f"return root is None or {ASK}",
            ),
            "asks for too much",
        ),
        (guard(ROOT, f"return {ASK}"), "breaks no-oops"),
        (
            guard(
                ROOT,
                f"return root is None or {ASK}"
                " or not vcpu0.in_guest or rwlock_is_write_locked(kvm.mmu_lock)",
            ),
            "breaks no-use-after-free",
        ),
    ],
)
def test_a_guard_that_says_too_much_or_too_little(text, says):
    report = judge(EX4, text)
    assert report.status == WRONG
    assert says in str(report)
