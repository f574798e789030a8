"""Lab 03: what it tells is so, and wrong answers to it are told apart."""

import pytest

from tdplib.check import check
from tdplib.labs.exercise import load_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import RIGHT, WRONG
from tdplib.replay import Session

EX1, EX2, EX3, EX4, EX5 = load_lab("lab03").exercises
REMOVED, MAPPED, DIRTY = 0x5A0, 0x1802, 0x1A02


def actor(session, name):
    return next(each for each in session.board()["actors"] if each["name"] == name)


def step(session, name, times=1):
    for _ in range(times):
        session.step(actor(session, name)["index"])


def spte(session):
    return session.board()["roots"][0]["sptes"][0]["value"]


def map_step(*lines):
    """An answer to exercise 1 that ends with these lines."""
    given = EX1.stub.split("    root.spt[gfn] = new")[0]
    return given + "".join(f"    {line}\n" for line in lines)


def zap_step(*lines):
    """An answer to exercise 2 that ends with these lines."""
    given = EX2.stub.split("    # your code here")[0]
    return given + "".join(f"    {line}\n" for line in lines)


def fault(*lines):
    """An answer to exercise 4 whose direct_page_fault has these lines."""
    given = (
        "def is_page_fault_stale(vcpu):\n    return vcpu.arch.mmu.root.role.invalid\n\n\n"
        "def direct_page_fault(vcpu, gfn):\n"
    )
    return given + "".join(f"    {line}\n" for line in lines)


def guard(*lines):
    return "def invariant(kvm):\n    root = kvm.table\n" + "".join(f"    {x}\n" for x in lines)


# --- what the lab tells


def test_two_faults_at_one_spte_can_be_played_as_the_lab_tells():
    session = Session("shared-entries")
    for name in ("vCPU 0", "vCPU 1"):
        step(session, name, 2)
        assert actor(session, name)["next"].startswith("takes mmu_lock for read")
    assert session.board()["roots"][0]["refcount"] == 2
    for name in ("vCPU 0", "vCPU 1"):
        step(session, name)
        assert actor(session, name)["function"] == "kvm_tdp_mmu_map"
        assert actor(session, name)["locals"]["old"] == "0"
        assert "cmpxchg" in actor(session, name)["next"]
    step(session, "vCPU 1")
    assert spte(session) == MAPPED
    step(session, "vCPU 0")
    done = [a for a in session.trace().steps[-1].actions if a.function == "kvm_tdp_mmu_map"]
    assert "nothing stored" in done[0].effect
    assert spte(session) == MAPPED
    while actor(session, "vCPU 0")["function"] != "guest_writes":
        step(session, "vCPU 0")
    while spte(session) == MAPPED:
        step(session, "vCPU 1")
    assert spte(session) == REMOVED


def test_the_plain_store_loses_the_last_bit_the_processor_set():
    trace = check(base="zap-race").trace
    effects = [action.effect for step in trace.steps for action in step.actions]
    last = max(n for n, text in enumerate(effects) if text.startswith("cmpxchg"))
    stored = next(n for n, text in enumerate(effects) if text.endswith("-> 0") and "spt" in text)
    assert last < stored
    old = effects[stored].split(": ")[1].split(" ->")[0]
    told = next(text for text in effects if "told" in text).split("-> ")[1]
    assert int(told, 16) < int(old, 16), "what was told is not what was there"


def test_the_last_hint_of_exercise_3_leads_to_par():
    session = Session("stale-check-before-lock", "small")
    while not actor(session, "vCPU 0")["next"].startswith("takes mmu_lock for read"):
        step(session, "vCPU 0")
    while actor(session, "update 0")["function"] != "kvm_tdp_mmu_zap_invalidated_roots":
        step(session, "update 0")
    while session.board()["broken"] is None:
        step(session, "vCPU 0")
    report = judge(EX3, session.trace().code)
    assert report.status == RIGHT
    assert report.score.yours == report.score.par


def test_the_tlb_keeps_what_the_tables_have_lost():
    assert check(base="v5.18", scenario="tlb").status == "holds"
    found = check(base="load-without-flush", scenario="tlb")
    assert found.property == "tlb-complete"
    roots = found.trace.boards()[len(found.trace.steps) - 1]["roots"]
    assert roots[0]["state"] != "allocated"
    assert not any(entry["present"] for root in roots for entry in root["sptes"])


# --- answers


LOST = "if cmpxchg(root.spt[gfn], 0, new) != 0:", "    return RET_PF_RETRY"
LOOP = "while old & SPTE_MMU_PRESENT_MASK:", "    seen = cmpxchg(root.spt[index], old, 0)"
TAKE, DROP = "read_lock(vcpu.kvm.mmu_lock)", "read_unlock(vcpu.kvm.mmu_lock)"
TEST, MAP = "if not is_page_fault_stale(vcpu):", "    ret = kvm_tdp_mmu_map(vcpu, gfn)"
RETRY, RET = "ret = RET_PF_RETRY", "return ret"
PRESENT_GOES = "if old & SPTE_MMU_PRESENT_MASK:"

WRONG_ANSWERS = {
    "overwrites REMOVED": (
        EX1,
        map_step("if cmpxchg(root.spt[gfn], old, new) != old:", LOST[1], "return RET_PF_FIXED"),
    ),
    "asks for REMOVED, then stores": (
        EX1,
        map_step(
            "if old == REMOVED_SPTE:", LOST[1], "root.spt[gfn] = new", "return RET_PF_FIXED"
        ),
    ),
    "does not look whether it worked": (
        EX1,
        map_step("cmpxchg(root.spt[gfn], 0, new)", "return RET_PF_FIXED"),
    ),
    "tries again for ever": (EX1, map_step(*LOST, "return RET_PF_RETRY")),
    "maps nothing": (EX1, map_step("return RET_PF_FIXED")),
    "xchg": (
        EX1,
        map_step("if xchg(root.spt[gfn], new) != old:", LOST[1], "return RET_PF_FIXED"),
    ),
    "a plain store": (EX2, zap_step(PRESENT_GOES, "    root.spt[index] = 0", "return old")),
    "gives up": (EX2, zap_step(PRESENT_GOES, "    cmpxchg(root.spt[index], old, 0)", "return old")),
    "xchg whatever is there": (
        EX2,
        zap_step(PRESENT_GOES, "    old = xchg(root.spt[index], 0)", "return old"),
    ),
    "also what is not present": (
        EX2,
        zap_step(
            "while old and cmpxchg(root.spt[index], old, 0) != old:",
            "    old = root.spt[index]",
            "return old",
        ),
    ),
    "tells what it read first": (
        EX2,
        zap_step(
            "first = old", *LOOP, "    if seen == old:", "        break", "    old = seen",
            "return first",
        ),
    ),
    "never looks again": (
        EX2,
        zap_step(*LOOP, "    if seen == old:", "        break", "return old"),
    ),
    "tests before the lock": (
        EX4,
        fault(
            RETRY, "stale = is_page_fault_stale(vcpu)", TAKE, "if not stale:", MAP, DROP, RET
        ),
    ),
    "does not test": (EX4, fault(TAKE, MAP.strip(), DROP, RET)),
    "takes no lock": (EX4, fault(RETRY, TEST, MAP, RET)),
    "drops the lock too early": (
        EX4,
        fault(
            RETRY, TAKE, "stale = is_page_fault_stale(vcpu)", DROP, "if not stale:", MAP, RET
        ),
    ),
    "keeps the lock if stale": (
        EX4,
        fault(TAKE, "if is_page_fault_stale(vcpu):", "    return RET_PF_RETRY", MAP.strip(), DROP,
              RET),
    ),
    "takes it for write": (
        EX4,
        fault(
            RETRY, "write_lock(vcpu.kvm.mmu_lock)", TEST, MAP, "write_unlock(vcpu.kvm.mmu_lock)",
            RET,
        ),
    ),
    "maps nothing, says it did": (EX4, fault("return RET_PF_FIXED")),
    "does not say what came of it": (
        EX4,
        fault(TAKE, TEST, "    kvm_tdp_mmu_map(vcpu, gfn)", DROP, "return RET_PF_FIXED"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_wrong_answers_are_wrong_and_explained(name):
    record, text = WRONG_ANSWERS[name]
    report = judge(record, text)
    assert report.status == WRONG, str(report)
    if report.outcomes and report.outcomes[-1].broken != "never ends":
        assert report.outcomes[-1].broken in record.meanings
    assert report.meaning in str(report)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (guard("return True"), "asks for too little"),
        (guard("return root is None or not root.retired"), "asks for too much"),
        (guard("return not root.retired"), "itself breaks no-oops"),
        *(
            (
                guard(
                    f"return root is None or root.cursor <= {entry} or not"
                    f" root.spt[{entry}] & SPTE_MMU_PRESENT_MASK",
                ),
                "asks for too little",
            )
            for entry in (0, 1)
        ),
        (
            guard(
                "if root is not None and root.retired:",
                "    for index in range(PT_ENTRIES):",
                "        if root.spt[index] & SPTE_MMU_PRESENT_MASK:",
                "            return False",
                "return True",
            ),
            "asks for too much",
        ),
    ],
)
def test_a_guard_that_says_too_much_or_too_little(text, says):
    report = judge(EX5, text)
    assert report.status == WRONG
    assert says in str(report)


def test_the_answers_to_question_5_are_as_told():
    """No invalid root is empty at once, and a sleeping vCPU keeps its root: both are seen."""
    from tdplib.guard import guard as look

    no_present = (
        "def invariant(kvm):\n"
        "    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n"
        "        for i in range(PT_ENTRIES):\n"
        "            if root.role.invalid and root.spt[i] & SPTE_MMU_PRESENT_MASK:\n"
        "                return False\n"
        "    return True\n"
    )
    no_vcpu = (
        "def invariant(kvm, vcpu0):\n"
        "    root = vcpu0.arch.mmu.root\n"
        "    return root is None or not root.role.invalid\n"
    )
    for text in (no_present, no_vcpu):
        assert look(text, base="v5.18", scenario="small").status == "false"
