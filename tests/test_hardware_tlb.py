"""The hardware TLB: which protocols hold with it, and what each flush is for."""

import pytest

from tdplib import protocols
from tdplib.check import check
from tdplib.replay import Session
from tdplib.scenarios import vary

NO_LOCAL = "def flush_tlb_current(vcpu):\n    pass\n"
NO_REMOTE = "def kvm_flush_remote_tlbs(kvm):\n    pass\n"
MANY = {
    "no-spte-under-invalid-root", "no-invalid-root-loaded", "zap-complete", "freed-empty",
    "no-use-after-free", "tlb-complete",
}  # fmt: skip
TLB = {
    "v5.17": (374, set()),
    "v3-list-walk": (3915, {"no-warn", "no-use-after-free", "refcount-underflow"}),
    "patch-21": (887, set()),
    "patch-21-skip-invalid": (887, set()),
    "patch-21-sentinel": (887, set()),
    "patch-22": (815, set()),
    "patch-22-skip-invalid": (788, {"zap-complete"}),
    "patch-22-sentinel": (815, set()),
    "v5.18": (847, set()),
    "patch-24-unconditional": (871, {"no-double-queue"}),
    "patch-24-sentinel": (847, set()),
    "v6.4": (695, set()),
    "v6.6": (311, set()),
    "xchg-plain-rmw": (847, set()),
    "flush-under-mmu-lock": (212, {"no-deadlock"}),
    "flush-without-slots-lock": (875, set()),
    "no-gift": (579, {"freed-empty", "no-use-after-free"}),
    "invalid-after-unlock": (
        2433,
        {
            "no-spte-under-invalid-root",
            "no-invalid-root-loaded",
            "zap-complete",
            "freed-empty",
            "no-use-after-free",
            "tlb-complete",
        },
    ),
    "request-before-invalidate": (1489, {"no-invalid-root-loaded", "tlb-complete"}),
    "delist-at-queue": (171, {"delist-at-final-put"}),
    "stale-check-before-lock": (981, {"no-spte-under-invalid-root"}),
    "yield-at-refcount-zero": (892, {"no-dead-root-seen"}),
}


@pytest.mark.parametrize("name", protocols.names())
def test_verdicts(name):
    """Who holds without a TLB holds with it; pinned are the states of the scenario `tlb`."""
    verdict = check(name, scenario="tlb")
    assert verdict.complete
    assert (verdict.states, set(verdict.properties)) == TLB[name]


@pytest.mark.parametrize("base", ["v5.17", "v5.18", "v6.4", "v6.6"])
@pytest.mark.parametrize("scenario", ["tlb", "tlb-vcpus", "tlb-two-levels"])
def test_the_flush_at_root_load(base, scenario):
    """Versions hold; without the flush, translations of a root outlive its zap."""
    assert check(base, scenario=scenario).status == "holds"
    assert check(NO_LOCAL, base=base, scenario=scenario).properties == ("tlb-complete",)


def test_the_world_is_the_same():
    assert check("load-without-flush").properties == ("tlb-complete",)


@pytest.mark.parametrize("base", ["v5.17", "v5.18", "v6.6"])
def test_the_notifier_flushes(base):
    assert check(base, scenario="tlb-notifier").status == "holds"
    broken = check(NO_REMOTE, base=base, scenario="tlb-notifier").properties
    assert broken == ("notifier-complete",)


def test_a_request_in_a_section_of_its_own():
    """The vCPU served the request while its root was valid: it stays in the guest, on that root."""
    assert "tlb-complete" in check("request-before-invalidate", scenario="tlb").properties


def test_the_board_shows_what_is_remembered():
    session = Session("v5.18", scenario=vary("tlb", updates=0))
    assert session.board()["tlb"] == [{"vcpu": "vCPU 0", "entries": []}]
    while not session.board()["tlb"][0]["entries"]:
        session.step(0)
    assert session.board()["tlb"] == [{"vcpu": "vCPU 0", "entries": ["gfn 1 through root 0"]}]
    assert "tlb" not in [path.split(".")[0] for path in Session("v5.18").board()["changed"]]
    assert Session("v5.18").board()["tlb"] == []
