"""The cost report: numbers counted by hand, slow twins of the fast measures, and how it reads."""

import functools
import heapq
import sys

import pytest

from tdplib import labs
from tdplib.labs.cost import CHECKED, ENTRIES, ROWS, Cost, CostReport
from tdplib.labs.measure import FOREVER, LAST_PART, Graph, Probe, sections, waits
from tdplib.lang.flow import READS, WRITE
from tdplib.lang.source import unit_from
from tdplib.scenarios import SCENARIOS, Scenario, vary

SMALL = SCENARIOS["small"]
ALONE = Scenario(vcpus=1, updates=0, unload=0)


@pytest.fixture(scope="module")
def graph():
    """Protocol -> its Graph in the scenario `small`; each is made once."""
    return functools.cache(lambda name: Graph(name, None, SMALL))


# --- counted by hand


def vcpu(*lines):
    body = "".join(f"    {line}\n" for line in lines)
    return unit_from(f"def vcpu_thread(kvm, vcpu, gfn, faults, unload):\n{body}")


LOOK = "x = kvm.mmu_notifier_seq"


@pytest.mark.parametrize(
    ("lines", "actions"),
    [
        (("read_lock(kvm.mmu_lock)", "read_unlock(kvm.mmu_lock)"), 2),
        (("read_lock(kvm.mmu_lock)", LOOK, LOOK, "read_unlock(kvm.mmu_lock)"), 4),
        (("write_lock(kvm.mmu_lock)", LOOK, "write_unlock(kvm.mmu_lock)", LOOK), 3),
        (
            ("read_lock(kvm.mmu_lock)", LOOK, LOOK, "cond_resched_rwlock_read(kvm.mmu_lock)",
             LOOK, "read_unlock(kvm.mmu_lock)"),
            4,
        ),
        (("read_lock(kvm.mmu_lock)", "model_update_begins(kvm)", LOOK, "read_unlock(kvm.mmu_lock)"),
         3),
        ((LOOK, "mutex_lock(kvm.slots_lock)", LOOK, "mutex_unlock(kvm.slots_lock)"), 0),
    ],
)  # fmt: skip
def test_the_longest_section_is_counted_in_own_actions(lines, actions):
    found = sections(Graph("v6.6", vcpu(*lines), ALONE))
    assert found == ({"vcpu": actions} if actions else {})


def test_what_others_do_in_between_does_not_count():
    two = Scenario(vcpus=2, updates=0, unload=0)
    lines = ("read_lock(kvm.mmu_lock)", LOOK, "read_unlock(kvm.mmu_lock)")
    assert sections(Graph("v6.6", vcpu(*lines), two)) == {"vcpu": 3}


FLUSH = unit_from(
    "def vcpu_thread(kvm, vcpu, gfn, faults, unload):\n"
    "    pass\n\n\n"
    "def memslot_update_thread(kvm):\n"
    f"    {LOOK}\n"
    f"    {LAST_PART}(kvm)\n\n\n"
    f"def {LAST_PART}(kvm):\n"
    "    read_lock(kvm.mmu_lock)\n"
    "    read_unlock(kvm.mmu_lock)\n\n\n"
    "def notifier_thread(kvm, gfn):\n"
    "    write_lock(kvm.mmu_lock)\n"
    f"    {LOOK}\n"
    f"    {LOOK}\n"
    "    write_unlock(kvm.mmu_lock)\n"
)


def test_a_writer_is_waited_for_until_it_gives_the_lock_back():
    """Three actions are left of the notifier once it has the lock; nobody else matters."""
    world = Scenario(vcpus=1, updates=1, unload=0, notifiers=1)
    found = waits(Graph("v6.6", FLUSH, world))
    assert found.others == {"notifier": 3}
    assert found.later_roots == 0


def test_a_wait_without_end_is_told():
    stuck = unit_from("def tdp_mmu_zap_root_work(work):\n    while True:\n        pass\n")
    found = waits(Graph("v5.18", stuck, SMALL))
    assert found.others["worker"] == FOREVER


# --- slow twins


def edges(graph):
    """Every action as (source, target, actor, weight), plain integers."""
    columns = (graph.source, graph.target, graph.actor, graph.weight)
    return zip(*(column.tolist() for column in columns), strict=True)


def slow_needed(graph, update, counted):
    """Dijkstra, backwards, over the same actions: the least of `counted` until `update` is done."""
    back = {}
    for source, target, actor, weight in edges(graph):
        back.setdefault(target, []).append((source, weight * (actor in counted)))
    done = graph.where(update, lambda node, _: node.op.code == "END")
    best = {int(k): 0 for k in done.nonzero()[0]}
    todo = [(0, k) for k in best]
    while todo:
        cost, at = heapq.heappop(todo)
        if cost == best[at]:
            for source, more in back.get(at, ()):
                if cost + more < best.get(source, FOREVER):
                    best[source] = cost + more
                    heapq.heappush(todo, (cost + more, source))
    return best


@pytest.mark.parametrize("name", ["v5.18", "v6.6"])
def test_waits_are_those_of_a_slow_search(graph, name):
    made = graph(name)
    (update,) = made.kinds["update"]
    inside = made.where(update, lambda _, chain: LAST_PART in chain).nonzero()[0]
    expected = {}
    for kind, actors in made.kinds.items():
        best = slow_needed(made, update, set(actors) - {update})
        worst = max(best.get(int(k), FOREVER) for k in inside)
        if worst and actors != [update]:
            expected[kind] = worst
    assert waits(made).others == expected


def slow_longest(graph, actor):
    """The longest section, by walking backwards from each state with memory."""
    holds = graph.where(actor, lambda node, _: node.hold.mode("mmu_lock") & (READS | WRITE))
    into = {}
    for source, target, who, weight in edges(graph):
        into.setdefault(target, []).append((source, weight * (who == actor)))
    length = {}

    def look(state, trail=()):
        if not holds[state]:
            return 0
        if state not in length:
            if state in trail:
                return 0
            length[state] = max(
                look(source, (*trail, state)) + more for source, more in into[state]
            )
        return length[state]

    return max((look(k) for k in range(len(graph.states))), default=0)


def test_sections_are_those_of_a_slow_search(graph):
    made = graph("v6.6")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        for kind, actors in made.kinds.items():
            assert sections(made)[kind] == max(slow_longest(made, k) for k in actors) + 1
    finally:
        sys.setrecursionlimit(before)


# --- what the kernel's versions cost


@pytest.mark.parametrize(
    ("name", "zappers", "zaps"),
    [
        ("v5.17", {"vcpu", "update"}, 3),
        ("patch-21", {"vcpu", "worker"}, 3),
        ("v5.18", {"worker"}, 1),
        ("v6.4", {"worker"}, 1),
        ("v6.6", {"update"}, 1),
    ],
)
def test_who_zaps_and_how_often(name, zappers, zaps):
    probe = Probe(name, None, SCENARIOS["requeue"])
    assert probe.complete
    assert set(probe.zappers()) == zappers
    assert probe.zaps_of_a_root() == zaps


def test_only_v5_18_waits_for_roots_that_came_later(graph):
    assert waits(graph("v5.18")).later_roots == 1
    assert waits(graph("v6.4")).later_roots == 0
    assert set(waits(graph("v6.6")).others) == {"vcpu"}
    assert set(waits(graph("v6.4")).others) == {"vcpu", "worker"}


def test_the_hold_of_a_put_that_zaps_grows_with_the_table():
    def held(name, entries):
        return sections(Graph(name, None, vary("small", entries=entries)))["vcpu"]

    assert held("v5.17", 4) > held("v5.17", 3)
    assert held("v5.18", 4) == held("v5.18", 3)
    assert ENTRIES == 4


# --- how it reads


def test_the_report_has_all_rows_and_names_what_breaks():
    put = (
        "def kvm_tdp_mmu_put_root(kvm, root, shared):\n"
        "    refcount_dec_and_test(root.tdp_mmu_root_count)\n"
    )
    report = labs.cost("v6.6", leaks=put)
    text = str(report)
    for row in ROWS:
        assert row in text
    assert report["v6.6"].verdicts == dict.fromkeys(CHECKED, "holds")
    assert any(said.startswith("breaks") for said in report["leaks"].verdicts.values())
    assert max(map(len, text.splitlines())) <= 100


def test_a_search_that_met_a_bound_is_told_first():
    cut = Cost("mine", dict.fromkeys(CHECKED, "holds"), (), 0, {}, 0, {}, 7, complete=False)
    report = CostReport((cut,))
    assert str(report).startswith("incomplete: mine")
    assert report._repr_html_().startswith("<p>incomplete: mine")


def test_a_section_without_end_is_told():
    lines = ("read_lock(kvm.mmu_lock)", f"{LOOK}", "while x == 0:", f"    {LOOK}",
             "read_unlock(kvm.mmu_lock)")  # fmt: skip
    assert sections(Graph("v6.6", vcpu(*lines), ALONE)) == {"vcpu": FOREVER}


def test_html_is_escaped():
    nothing = Cost("<b>", dict.fromkeys(CHECKED, "holds"), (), 0, {}, 0, {"vcpu": 2}, 7)
    report = CostReport((nothing,))
    assert "<b>" not in report._repr_html_()
    assert "&lt;b&gt;" in report._repr_html_()
    assert "nobody" in str(report)
