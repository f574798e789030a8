"""Invariants: looked at in every state, the same as by interpretation; what is refused."""

import random

import pytest
from engine import protocol
from guard_twin import answers, fast_answers
from random_programs import SEEDS, WITH_ROOT, random_program

from tdplib import protocols
from tdplib.errors import BadValueError
from tdplib.guard import guard
from tdplib.lang.errors import LanguageError
from tdplib.search.explore import Limits, explore

HEADS = "(kvm)", "(kvm, vcpu0)"
PRESENT = "SPTE_MMU_PRESENT_MASK"
OF_ROOTS = (
    "root.role.invalid",
    "refcount_read(root.tdp_mmu_root_count) == 0",
    "refcount_read(root.tdp_mmu_root_count) > 1",
    f"root.spt[0] & {PRESENT}",
    f"root.spt[1] & {PRESENT}",
    "work_pending(root.tdp_mmu_async_work)",
    "root.role.word == 0x784",
)
OF_ALL = (
    "rwlock_is_locked(kvm.mmu_lock)",
    "rwlock_is_write_locked(kvm.mmu_lock)",
    "mutex_is_locked(kvm.slots_lock)",
    "list_empty(kvm.arch.tdp_mmu_roots)",
    "kvm.arch.mmu_valid_gen",
)
OF_VCPU = (
    "kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu0)",
    "vcpu0.arch.mmu.root is None",
)
ON_ROOT = ("vcpu0.arch.mmu.root == root", *OF_VCPU)


def condition(rng, atoms):
    """A few atoms, negated or not, joined."""
    chosen = [
        rng.choice(("", "not ")) + f"({rng.choice(atoms)})" for _ in range(rng.choice((2, 3)))
    ]
    return rng.choice((" and ", " or ")).join(chosen)


def random_invariant(rng, roots=OF_ROOTS, whole=OF_ALL):
    """An invariant of one of three shapes; no claim that it holds."""
    shape = rng.randrange(3)
    if shape == 0:
        return f"def invariant(kvm):\n    return {condition(rng, whole)}\n"
    head = "" if shape == 1 else ", vcpu0"
    of = (*roots, *whole) if shape == 1 else (*roots, *whole, *ON_ROOT)
    return (
        f"def invariant(kvm{head}):\n    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n"
        f"        if {condition(rng, of)}:\n            return False\n    return True\n"
    )


def small(system):
    return explore(system, limits=Limits(states=400_000))


KNOWN = (
    """def invariant(kvm, vcpu0):
    root = vcpu0.arch.mmu.root
    return root is None or refcount_read(root.tdp_mmu_root_count) > 0
""",
    """def invariant(kvm, vcpu0):
    root = vcpu0.arch.mmu.root
    if root is None or not root.role.invalid or rwlock_is_write_locked(kvm.mmu_lock):
        return True
    return kvm_test_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu0)
""",
    """def invariant(kvm, vcpu0):
    return not vcpu0.arch.mmu.root.role.invalid
""",
)


@pytest.mark.parametrize("name", protocols.names())
def test_every_protocol_says_the_same_as_the_slow_twin(name):
    """Three known invariants (one that oopses) and five random ones, in every raw state."""
    units, actors, params = protocol(name, "small")
    rng = random.Random(name)
    texts = [*KNOWN, *(random_invariant(rng) for _ in range(5))]
    slow = answers(units, actors, texts, **params)
    fast = fast_answers(units, actors, texts, small, **params)
    for text, mine, other in zip(texts, fast, slow, strict=True):
        assert mine == other, f"{name}, seed {name!r}:\n{text}"
    assert {"true", "false", "no-oops"} <= set().union(*slow)


FIELDS = ("kvm.a == 1", "kvm.a > 2", "kvm.flag", "atomic_read(kvm.seen) > 1", "kvm.big == 0")
ROOTED = [seed for seed in SEEDS if random_program(seed).theme in WITH_ROOT]


@pytest.mark.parametrize("seed", [*SEEDS[:30], *ROOTED[:15]])
def test_random_programs_say_the_same(seed):
    program, rng = random_program(seed), random.Random(seed)
    locks = (*FIELDS, *OF_ALL[:3])
    texts = [random_invariant(rng, OF_ROOTS[:3], locks) for _ in range(4)]
    texts = [text for text in texts if "vcpu0." not in text and "vcpu0)" not in text]
    slow = answers(program.units, program.actors, texts, **program.params)
    fast = fast_answers(program.units, program.actors, texts, small, **program.params)
    for text, mine, other in zip(texts, fast, slow, strict=True):
        assert mine == other, f"seed {seed}:\n{text}\n{program}"


# --- the facade

ROOT_IS_COUNTED, _, OOPSES = KNOWN


def test_an_invariant_that_holds():
    found = guard("def invariant(kvm):\n    return kvm.users_count == 1\n", scenario="small")
    assert (found.status, found.trace, found.stopped_by) == ("holds", None, ())


def test_a_false_one_has_a_shortest_trace_that_replays_without_it():
    from tdplib.replay import Session, replay

    found = guard("def invariant(kvm):\n    return not rwlock_is_locked(kvm.mmu_lock)\n")
    assert found.status == "false"
    assert len(found.trace.steps) == 2
    assert found.trace.broken == "invariant"
    again = replay(found.trace.code)
    mine, other = (trace.boards()[-1] for trace in (again, found.trace))
    assert all(mine[part] == other[part] for part in ("locks", "roots"))
    assert Session.from_trace(found.trace).board()["steps"] == 2


@pytest.mark.parametrize("base", ["v5.18", "patch-22-skip-invalid", "v6.6"])
def test_the_trace_is_the_shortest_and_ends_where_it_is_false(base):
    """No state less deep is false: the twin of breadth-first order."""
    from tdplib.replay import replay
    from tdplib.search.guard import outcomes

    rng = random.Random(base)
    for _ in range(6):
        text = random_invariant(rng)
        found = guard(text, base=base, scenario="small")
        if found.status != "false":
            continue
        steps = found.trace.steps
        layers = found.exploration.arrays.layers
        assert layers[len(steps)] <= found.state
        assert (
            len(steps) == 0 or found.state < layers[len(steps) + 1] or layers[len(steps) + 1] == 0
        )
        assert 0 in outcomes(found.exploration) or found.state == 0
        assert replay(found.trace.code).boards()[-1]["roots"] == found.trace.boards()[-1]["roots"]


def test_one_that_oopses_fails():
    found = guard(OOPSES, scenario="small")
    assert (found.status, found.property) == ("fails", "no-oops")
    assert len(found.trace.steps) == 0


def test_a_bug_is_caught_even_where_the_invariant_fails_sooner():
    """It oopses at the very start, and is false later; an invariant that is never false is not."""
    found = guard(OOPSES, scenario="small")
    assert (found.status, found.caught) == ("fails", True)
    text = (
        "def invariant(kvm, vcpu0):\n    x = vcpu0.arch.mmu.root.role.invalid\n    return x < 2\n"
    )
    found = guard(text, scenario="small")
    assert (found.status, found.caught) == ("fails", False)


def test_one_without_end_fails():
    found = guard("def invariant(kvm):\n    x = 1\n    while x:\n        x = 1\n    return x\n")
    assert (found.status, found.property) == ("fails", None)


def test_a_search_that_met_a_bound_proves_nothing():
    text = "def invariant(kvm):\n    return True\n"
    found = guard(text, max_seconds=-1.0)
    assert (found.status, found.stopped_by) == ("incomplete", ("time",))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("def other(kvm):\n    return 1\n", BadValueError, "no function `invariant`"),
        ("def invariant(kvm, root):\n    return 1\n", LanguageError, "a parameter `root`"),
        ("def invariant(kvm, vcpu3):\n    return 1\n", LanguageError, "has 1 vCPUs"),
        ("def invariant(kvm):\n    x = 1\n", LanguageError, "returns nothing"),
        *(
            (f"def invariant(kvm):\n    {line}\n    return 1\n", LanguageError, "more than look")
            for line in (
                "kvm.mmu_notifier_seq = 1",
                "WRITE_ONCE(kvm.mmu_notifier_seq, 1)",
                "mutex_lock(kvm.slots_lock)",
                "spin_lock(kvm.arch.tdp_mmu_pages_lock)",
                "rcu_read_lock()",
                "WARN_ON(kvm.mmu_notifier_seq)",
                "lockdep_assert_held(kvm.mmu_lock)",
                "flush_workqueue(kvm.arch.tdp_mmu_zap_wq)",
                "refcount_inc(kvm.users_count)",
                "kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)",
                "synchronize_rcu()",
                "model_update_begins(kvm)",
            )
        ),
    ],
)
def test_what_cannot_be_an_invariant_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        guard(text, scenario="small")


def test_helpers_are_part_of_it():
    text = (
        "def helper(root):\n    return root is None or not root.role.invalid\n\n\n"
        "def invariant(kvm, vcpu0):\n    return helper(vcpu0.arch.mmu.root)\n"
    )
    assert guard(text, scenario="small").status == "false"
