"""
How a seeded bug is written down, and the code all of them stand on; `seeded` holds them.

In the text of a seed stands the line `THIS`. With `wrong` in its place the program breaks the
property (and perhaps others); with `right` it holds.
"""

import textwrap
from dataclasses import dataclass, field

PREFIX = """
class kvm_mmu_page:
    mark: u8


class kvm:
    root: page


def boot(vcpu):
    role = vcpu.arch.mmu.root_role
    root = tdp_mmu_alloc_sp(vcpu)
    root.role = role
    refcount_set(root.tdp_mmu_root_count, 1)
    list_add_rcu(root.link, vcpu.kvm.arch.tdp_mmu_roots)
    vcpu.arch.mmu.root = root


def loaded_root(vcpu):
    root = vcpu.arch.mmu.root
    while root is None:
        cpu_relax()
        root = vcpu.arch.mmu.root
    return root


def release(kvm, root):
    list_del_rcu(root.link)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)


def worker(kvm):
    while True:
        work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)
        run_work(work)
        workqueue_done(kvm.arch.tdp_mmu_zap_wq)
"""
"""Units every seed stands on: one root, loaded by vCPU 0 and listed; a worker for the queue."""

KVM, VCPU = ("kvm",), ("kvm", "vcpu0")


@dataclass(frozen=True)
class Seed:
    """
    One seeded bug.

    property : what it breaks; name : of the seed
    units, mended : the source texts with the bug and without
    actors : (name, function, args); params : keywords of `explore` (entries, pages, vcpus, ...)
    """

    property: str
    name: str
    units: tuple
    mended: tuple
    actors: tuple
    params: dict = field(default_factory=dict)


SEEDS = []


def seed(property_, name, wrong, right, text, actors, **params):
    """Note a seed; `actors` are (function, args)."""
    text = textwrap.dedent(text)
    line = next(line for line in text.splitlines() if line.strip() == "THIS")
    indent = line[: -len("THIS")]

    def filled(words):
        return text.replace(line, textwrap.indent(textwrap.dedent(words).strip("\n"), indent))

    named = tuple((f"{function} {i}", function, args) for i, (function, args) in enumerate(actors))
    params = {"vcpus": 1, "pages": 2, **params}
    SEEDS.append(
        Seed(property_, name, (PREFIX, filled(wrong)), (PREFIX, filled(right)), named, params)
    )
