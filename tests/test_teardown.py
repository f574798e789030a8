"""The end of the VM, and vCPUs that sleep: what is left over, and in which order things go."""

import pytest

from tdplib import draw, protocols
from tdplib.check import check
from tdplib.errors import BadValueError
from tdplib.scenarios import Scenario, vary

VERSIONS = ("v5.17", "v5.18", "v6.4", "v6.6")
POSTED = """
def kvm_mmu_uninit_tdp_mmu(kvm):
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
    rcu_barrier()
    destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)
"""
AFTER = """
def kvm_mmu_uninit_tdp_mmu(kvm):
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)
    destroy_workqueue(kvm.arch.tdp_mmu_zap_wq)
    WARN_ON_ONCE(not list_empty(kvm.arch.tdp_mmu_roots))
    rcu_barrier()
"""


@pytest.mark.parametrize("name", protocols.names())
@pytest.mark.parametrize("scenario", ["small-teardown", "sleeper"])
def test_who_holds_still_holds(name, scenario):
    verdict = check(name, scenario=scenario)
    assert verdict.complete
    if protocols.row(name).expected.status == "holds":
        assert verdict.status == "holds"


@pytest.mark.parametrize("name", VERSIONS)
def test_two_vcpus(name):
    assert check(name, scenario="teardown-vcpus").status == "holds"


def test_the_posted_order():
    """The list is looked at before the worker has freed the last root: a spurious WARN."""
    verdict = check(POSTED, scenario="small-teardown")
    assert verdict.properties == ("no-warn",)
    assert "kvm_mmu_uninit_tdp_mmu" in str(verdict.trace)
    assert draw.swimlanes(verdict.trace)


@pytest.mark.parametrize("name", ["v6.4", "v6.6"])
def test_the_order_of_5_18_leaves_preserved_roots(name):
    assert check(AFTER, base="v5.18", scenario="small-teardown").status == "holds"
    assert check(AFTER, base=name, scenario="small-teardown").properties == ("no-warn",)


def test_a_sleeper_keeps_its_root():
    """It was invalidated and zapped, and it is no leak: the vCPU still has its reference."""
    actors = vary("sleeper", vcpus=2).actors(protocols.load("v5.18"))
    assert [actor.args[-1] for actor in actors if actor.kind == "vcpu"] == [1, 0]
    assert check("v5.18", scenario="sleeper").status == "holds"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vcpus": 1, "sleepers": 2}, "sleepers is 2, .* 0..1 here"),
        ({"teardown": 1, "sleepers": 1}, "teardown is 1, and a vCPU keeps its root"),
        ({"teardown": 1, "unload": 0}, "teardown is 1, and a vCPU keeps its root"),
    ],
)
def test_bad_scenarios(changes, words):
    with pytest.raises(BadValueError, match=words):
        Scenario(**changes)
