"""Invariants that look at a part only: at the first root or the last, at one SPTE, at one vCPU."""

import ast
from copy import deepcopy

import pytest

from tdplib.labs.exercise import find_exercise, lab_names, load_lab
from tdplib.labs.judge import judge
from tdplib.labs.learner import reference_text
from tdplib.labs.report import WRONG

RECORDS = [record for lab in lab_names() for record in load_lab(lab).exercises]
GUARDS = [record.id for record in RECORDS if record.kind == "guard"]


def loops(name):
    """The loops of the reference invariant, outer ones first."""
    tree = ast.parse(reference_text(find_exercise(name)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.For)]


def partial(name, number, which):
    """The reference with loop `number` looking at its first turn only, or at its last."""
    tree = ast.parse(reference_text(find_exercise(name)))
    loop = [node for node in ast.walk(tree) if isinstance(node, ast.For)][number]
    if which == "first":
        loop.body.append(ast.Break())
        return ast.unparse(ast.fix_missing_locations(tree))
    # A walk that only remembers where it ends comes before the loop, which skips all the rest.
    before = deepcopy(loop)
    before.body = ast.parse(f"last = {ast.unparse(loop.target)}").body
    loop.body[:0] = ast.parse(f"if {ast.unparse(loop.target)} != last:\n    continue").body
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and loop in body:
            at = body.index(loop)
            nothing = "0" if "range" in ast.unparse(loop.iter) else "None"
            body[at:at] = [*ast.parse(f"last = {nothing}").body, before]
            break
    return ast.unparse(ast.fix_missing_locations(tree))


PARTIAL = [
    (name, number, which)
    for name in GUARDS
    for number in range(len(loops(name)))
    for which in ("first", "last")
]


def is_too_little(name, code):
    report = judge(find_exercise(name), code)
    assert report.status == WRONG, code
    assert "asks for too little." in str(report)


@pytest.mark.parametrize(("name", "number", "which"), PARTIAL)
def test_an_invariant_that_looks_at_one_turn_of_a_loop_is_wrong(name, number, which):
    is_too_little(name, partial(name, number, which))


def test_the_labs_in_which_it_matters_have_a_loop():
    """Labs 06, 07, 08 and 10 over the roots, 03 and 10 over the SPTEs."""
    with_loops = {name: len(loops(name)) for name in GUARDS if loops(name)}
    assert with_loops == {
        "lab03.ex5": 1, "lab06.ex4": 1, "lab07.ex4": 1, "lab08.ex4": 1, "lab10.ex3": 2,
    }  # fmt: skip


OF_COUNTS = """
def invariant(kvm, vcpu0, vcpu1):
    if rwlock_is_write_locked(kvm.mmu_lock):
        return True
    {}
"""
POINTED_AT = (
    "refcount_read({0}.tdp_mmu_root_count)"
    " >= (vcpu0.arch.mmu.root == {0}) + (vcpu1.arch.mmu.root == {0})"
)
FIRST_ROOT = f"""root = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    return root is None or {POINTED_AT.format("root")}"""
LAST_ROOT = f"""root = None
    for each in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        root = each
    return root is None or {POINTED_AT.format("root")}"""
ONE_VCPU = """mine = {0}.arch.mmu.root
    need = 1 + (mine == {1}.arch.mmu.root)
    return mine is None or refcount_read(mine.tdp_mmu_root_count) >= need"""


@pytest.mark.parametrize(
    "body",
    [FIRST_ROOT, LAST_ROOT, ONE_VCPU.format("vcpu0", "vcpu1"), ONE_VCPU.format("vcpu1", "vcpu0")],
    ids=["first root", "last root", "vCPU 0", "vCPU 1"],
)
def test_counts_of_one_root_or_one_vcpu_are_not_enough(body):
    is_too_little("lab02.ex5", OF_COUNTS.format(body))


BEHIND = {
    "the entry passed last": """
    return not root.cursor or not root.spt[root.cursor - 1] & SPTE_MMU_PRESENT_MASK
""",
    "only when the zap is through": """
    for index in range(PT_ENTRIES):
        if root.cursor == PT_ENTRIES and root.spt[index] & SPTE_MMU_PRESENT_MASK:
            return False
    return True
""",
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_part_of_what_lies_behind_the_cursor_is_not_enough(name):
    head = "def invariant(kvm):\n    root = kvm.table\n    if root is None:\n        return True"
    is_too_little("lab03.ex5", head + BEHIND[name])
