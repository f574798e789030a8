"""
A hand-made `Trace`: patch 22 with the check `role.invalid` used too early.

It is shaped like what `tdplib.replay` gives (steps of actions, one board before each step and one
at the end), so that the pictures can be tested without an engine. Nothing is concluded from it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from fake_protocol import USES

SOURCES = {
    "kvm_mmu_load": (
        10,
        """\
def kvm_mmu_load(kvm, vcpu):
    write_lock(kvm.mmu_lock)
    root = kvm_tdp_mmu_get_vcpu_root_hpa(kvm, vcpu)
    vcpu.arch.mmu.root = root
    write_unlock(kvm.mmu_lock)""",
    ),
    "kvm_tdp_mmu_get_vcpu_root_hpa": (
        20,
        """\
def kvm_tdp_mmu_get_vcpu_root_hpa(kvm, vcpu):
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.word == role.word and kvm_tdp_mmu_get_root(root):
            return root
    root = tdp_mmu_alloc_sp(vcpu)
    root.role = vcpu.arch.mmu.root_role
    refcount_set(root.tdp_mmu_root_count, 1)
    list_add_rcu(root.link, kvm.arch.tdp_mmu_roots)
    return root""",
    ),
    "direct_page_fault": (
        40,
        """\
def direct_page_fault(kvm, vcpu, gfn):
    read_lock(kvm.mmu_lock)
    r = RET_PF_RETRY
    if not is_page_fault_stale(vcpu):
        r = kvm_tdp_mmu_map(kvm, vcpu, gfn)
    read_unlock(kvm.mmu_lock)""",
    ),
    "kvm_mmu_unload": (
        60,
        """\
def kvm_mmu_unload(kvm, vcpu):
    write_lock(kvm.mmu_lock)
    kvm_tdp_mmu_put_root(kvm, vcpu.arch.mmu.root)
    vcpu.arch.mmu.root = None
    write_unlock(kvm.mmu_lock)""",
    ),
    "kvm_tdp_mmu_put_root": (
        70,
        """\
def kvm_tdp_mmu_put_root(kvm, root):
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    if not kvm_tdp_root_mark_invalid(root):
        refcount_set(root.tdp_mmu_root_count, 1)
        tdp_mmu_zap_root(kvm, root)""",
    ),
    "tdp_mmu_zap_root": (
        85,
        """\
def tdp_mmu_zap_root(kvm, root):
    for i in range(PT_ENTRIES):
        cond_resched_rwlock_write(kvm.mmu_lock)
        root.spt[i] = 0""",
    ),
    "memslot_update": (
        100,
        """\
def memslot_update(kvm):
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    model_update_returns(kvm)
    mutex_unlock(kvm.slots_lock)""",
    ),
    "kvm_mmu_zap_all_fast": (
        110,
        """\
def kvm_mmu_zap_all_fast(kvm):
    write_lock(kvm.mmu_lock)
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    kvm_tdp_mmu_zap_invalidated_roots(kvm)""",
    ),
    "kvm_tdp_mmu_invalidate_all_roots": (
        120,
        """\
def kvm_tdp_mmu_invalidate_all_roots(kvm):
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.invalid:
            continue
        kvm_tdp_mmu_get_root(root)""",
    ),
    "kvm_tdp_mmu_zap_invalidated_roots": (
        130,
        """\
def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)""",
    ),
}

ROOT = {
    "index": 0,
    "name": "root 0",
    "state": "allocated",
    "role": {"word": 0x784, "text": "level 4, direct, access 7", "invalid": False},
    "refcount": 1,
    "listed": True,
    "queued": False,
    "running": False,
    "async_data": False,
    "sptes": [{"index": i, "value": 0, "present": False, "text": "not present"} for i in range(2)],
    "vcpus": ["vCPU 0"],
    "extra": {},
}

LIVE = {"index": 1, "value": 0x1000803, "present": True, "text": "pfn 0x1000, writable"}
MMU_W, SLOTS = "locks.mmu_lock.writer", "locks.slots_lock.writer"
MMU_R = "locks.mmu_lock.readers"

# (actor, status of the other actors afterwards, actions); an action is
# (function, line, effect, kind, {board path: value})
STEPS = [
    (
        0,
        [
            ("kvm_mmu_load", 11, "takes mmu_lock for write", "lock", {MMU_W: "vCPU 0"}),
            ("kvm_tdp_mmu_get_vcpu_root_hpa", 21, "reads the list of roots: empty", "list", {}),
            ("kvm_tdp_mmu_get_vcpu_root_hpa", 24, "allocates root 0", "alloc", {"roots": [ROOT]}),
            (
                "kvm_tdp_mmu_get_vcpu_root_hpa",
                25,
                "writes the role word of root 0: 0x784",
                "write",
                {},
            ),
            ("kvm_tdp_mmu_get_vcpu_root_hpa", 26, "sets the refcount of root 0 to 1", "rmw", {}),
            ("kvm_tdp_mmu_get_vcpu_root_hpa", 27, "puts root 0 on the list", "list", {"list": [0]}),
            ("kvm_tdp_mmu_get_vcpu_root_hpa", 28, "returns root 0", "private", {}),
            ("kvm_mmu_load", 13, "loads root 0 into vCPU 0", "write", {}),
            ("kvm_mmu_load", 14, "releases mmu_lock", "unlock", {MMU_W: None}),
        ],
    ),
    (
        0,
        [
            ("direct_page_fault", 41, "takes mmu_lock for read", "lock", {MMU_R: ["vCPU 0"]}),
            ("direct_page_fault", 42, "r = 1", "private", {}),
        ],
    ),
    (
        0,
        [
            ("direct_page_fault", 43, "reads invalid of root 0: 0", "read", {}),
        ],
    ),
    (
        0,
        [
            (
                "direct_page_fault",
                44,
                "stores SPTE 1 of root 0: present",
                "rmw",
                {"roots.0.sptes.1": LIVE},
            ),
            ("direct_page_fault", 45, "releases mmu_lock", "unlock", {MMU_R: []}),
        ],
    ),
    (
        0,
        [
            ("kvm_mmu_unload", 61, "takes mmu_lock for write", "lock", {MMU_W: "vCPU 0"}),
            (
                "kvm_tdp_mmu_put_root",
                71,
                "drops a reference of root 0: 1 -> 0, the last one",
                "rmw",
                {"roots.0.refcount": 0},
            ),
            (
                "kvm_tdp_mmu_put_root",
                73,
                "marks root 0 invalid; it was valid",
                "rmw",
                {"roots.0.role.invalid": True, "roots.0.role.word": 0xF84},
            ),
            (
                "kvm_tdp_mmu_put_root",
                74,
                "sets the refcount of root 0 to 1 again",
                "rmw",
                {"roots.0.refcount": 1},
            ),
            ("kvm_tdp_mmu_put_root", 75, "calls tdp_mmu_zap_root", "private", {}),
            (
                "tdp_mmu_zap_root",
                87,
                "yields: releases mmu_lock before the first entry is zapped",
                "unlock",
                {MMU_W: None},
            ),
        ],
    ),
    (
        2,
        [
            ("memslot_update", 101, "takes slots_lock", "lock", {SLOTS: "update 0"}),
        ],
    ),
    (
        2,
        [
            ("kvm_mmu_zap_all_fast", 111, "takes mmu_lock for write", "lock", {MMU_W: "update 0"}),
            ("kvm_tdp_mmu_invalidate_all_roots", 121, "reads the list: root 0", "list", {}),
            (
                "kvm_tdp_mmu_invalidate_all_roots",
                122,
                "reads invalid of root 0: 1, so it is skipped",
                "read",
                {},
            ),
            ("kvm_tdp_mmu_invalidate_all_roots", 121, "reads the list: the end", "list", {}),
            (
                "kvm_mmu_zap_all_fast",
                113,
                "requests FREE_OBSOLETE_ROOTS of every vCPU",
                "request",
                {
                    "requests.0.pending": ["FREE_OBSOLETE_ROOTS"],
                    "requests.1.pending": ["FREE_OBSOLETE_ROOTS"],
                },
            ),
            ("kvm_mmu_zap_all_fast", 114, "releases mmu_lock", "unlock", {MMU_W: None}),
        ],
    ),
    (
        2,
        [
            (
                "kvm_tdp_mmu_zap_invalidated_roots",
                131,
                "flushes the queue: nothing queued, nothing to wait for",
                "queue",
                {},
            ),
        ],
    ),
    (
        2,
        [
            (
                "memslot_update",
                103,
                "the fast zap returns: SPTE 1 of root 0 is still present",
                "model",
                {},
            ),
        ],
    ),
]

NAMES = ("vCPU 0", "vCPU 1", "update 0", "update 1", "zap worker")
KINDS = ("vcpu", "vcpu", "update", "update", "worker")


@dataclass(frozen=True)
class Action:
    function: str
    file: str
    line: int
    source: str
    effect: str
    kind: str
    changed: tuple = ()


@dataclass(frozen=True)
class Step:
    number: int
    actor: int
    actor_name: str
    switch: bool
    actions: tuple


@dataclass
class Trace:
    steps: list
    states: list
    code: str = "v1:7f3a.aaaaacccc"
    protocol: str = "patch-22-skip-invalid"
    scenario: str = "2 vCPUs, 1 fault each, 2 memslot updates"
    actors: tuple = NAMES
    broken: str | None = "zap-complete"
    sentence: str = field(
        default=(
            "The fast zap returned while a root it should have zapped still maps guest memory: "
            "the memslot goes away and nobody can find those SPTEs any more."
        )
    )

    def boards(self):
        return [copy.deepcopy(board) for board in self.states]


def fake_trace() -> Trace:
    """Build the trace anew, boards included."""
    board, steps, boards = _first_board(), [], []
    for number, (actor, rows) in enumerate(STEPS, 1):
        boards.append(_shown(board, number - 1))
        actions = []
        board["changed"] = []
        for function, line, effect, kind, changes in rows:
            for path, value in changes.items():
                _put(board, path, copy.deepcopy(value))
            board["changed"] += changes
            actions.append(
                Action(
                    function,
                    "patch-22.py",
                    line,
                    _line(function, line),
                    effect,
                    kind,
                    tuple(changes),
                )
            )
        board["actors"][actor] |= {"function": rows[-1][0], "line": rows[-1][1]}
        switch = bool(steps) and steps[-1].actor != actor
        steps.append(Step(number, actor, NAMES[actor], switch, tuple(actions)))
    trace = Trace(steps, boards)
    board["broken"] = {
        "property": trace.broken,
        "sentence": trace.sentence,
        "step": len(steps),
        "actor": 2,
    }
    boards.append(_shown(board, len(steps)))
    return trace


def _first_board() -> dict:
    actors = [
        {
            "index": i,
            "letter": "abcde"[i],
            "name": name,
            "kind": kind,
            "status": "ready",
            "reason": "",
            "stack": [],
            "function": "",
            "file": "patch-22.py",
            "line": 0,
            "next": "",
            "locals": {},
        }
        for i, (name, kind) in enumerate(zip(NAMES, KINDS, strict=True))
    ]
    actors[4] |= {"status": "idle", "reason": "nothing is queued"}
    return {
        "protocol": "patch-22-skip-invalid",
        "scenario": "lab",
        "step": 0,
        "steps": len(STEPS),
        "code": "v1:7f3a.aaaaacccc",
        "actors": actors,
        "sources": {
            name: {"file": "patch-22.py", "first": first, "lines": text.split("\n")}
            for name, (first, text) in SOURCES.items()
        },
        "roots": [],
        "list": [],
        "queue": [],
        "locks": [
            {"name": "mmu_lock", "kind": "rwlock", "writer": None, "readers": [], "waiting": []},
            {"name": "slots_lock", "kind": "mutex", "writer": None, "readers": [], "waiting": []},
        ],
        "requests": [{"vcpu": "vCPU 0", "pending": []}, {"vcpu": "vCPU 1", "pending": []}],
        "rcu": {"readers": [], "pending": []},
        "uses": dict.fromkeys(USES, True),
        "kvm": {"mmu_valid_gen": "0"},
        "changed": [],
        "timeline": [],
        "broken": None,
        "end": None,
    }


def _shown(board: dict, step: int) -> dict:
    """Return a copy of `board` at the cursor `step`, waiting actors worked out."""
    board = copy.deepcopy(board) | {"step": step}
    writer = board["locks"][0]["writer"]
    for actor in board["actors"][:4]:
        actor["status"] = "blocked" if writer and writer != actor["name"] else "ready"
        actor["reason"] = f"waits for mmu_lock, held by {writer}" if writer else ""
    return board


def _line(function: str, line: int) -> str:
    first, text = SOURCES[function]
    return text.split("\n")[line - first].strip()


def _put(board: dict, path: str, value: object) -> None:
    *way, last = path.split(".")
    place = board
    for key in way:
        place = _child(place, key)
    if isinstance(place, list) and not last.isdigit():
        place = _child(place, last)
    place[int(last) if isinstance(place, list) else last] = value


def _child(place, key):
    if isinstance(place, list) and not key.isdigit():
        return next(entry for entry in place if entry["name"] == key)
    return place[int(key) if isinstance(place, list) else key]
