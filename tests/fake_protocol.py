"""
The re-queue race at patch 21 (commit 22b94c4b63eb: every root re-queued unconditionally), faked.

Source text to show, and beside it hand-made generators that play it for `fake_session`. A test
double, not a model: nothing is concluded from what it does.
"""

from __future__ import annotations

from collections import namedtuple

USES = ("roots", "role", "refcount", "vcpus", "list", "queue", "async_data", "sptes", "readers",
        "grace")  # fmt: skip
"""All that a board may show: this protocol touches everything."""

SOURCES_TEXT = '''
def vcpu_thread(kvm, vcpu, faults):
    kvm_mmu_load(vcpu)
    for i in range(faults):
        direct_page_fault(vcpu, i)
    if kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu):
        write_lock(kvm.mmu_lock)
        kvm_tdp_mmu_put_root(kvm, vcpu.arch.mmu.root)
        vcpu.arch.mmu.root = None
        write_unlock(kvm.mmu_lock)

def kvm_mmu_load(vcpu):
    """Take the root of this role if there is a valid one, else make it."""
    kvm = vcpu.kvm
    write_lock(kvm.mmu_lock)
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        if root.role.word == vcpu.arch.mmu.root_role.word:
            if refcount_inc_not_zero(root.tdp_mmu_root_count):
                break
    else:
        root = tdp_mmu_alloc_sp(vcpu)
        root.role = vcpu.arch.mmu.root_role
        refcount_set(root.tdp_mmu_root_count, 1)
        list_add_rcu(root.link, kvm.arch.tdp_mmu_roots)
    vcpu.arch.mmu.root = root
    write_unlock(kvm.mmu_lock)

def direct_page_fault(vcpu, gfn):
    kvm = vcpu.kvm
    read_lock(kvm.mmu_lock)
    root = vcpu.arch.mmu.root
    if not root.role.invalid:
        root.spt[gfn] = SPTE_MMU_PRESENT_MASK
    read_unlock(kvm.mmu_lock)

def memslot_update(kvm):
    mutex_lock(kvm.slots_lock)
    kvm_mmu_zap_all_fast(kvm)
    mutex_unlock(kvm.slots_lock)

def kvm_mmu_zap_all_fast(kvm):
    write_lock(kvm.mmu_lock)
    kvm.arch.mmu_valid_gen = not kvm.arch.mmu_valid_gen
    kvm_tdp_mmu_invalidate_all_roots(kvm)
    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)
    write_unlock(kvm.mmu_lock)
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)

def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Every listed root: one reference for the worker, invalid, queued."""
    for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):
        refcount_inc_not_zero(root.tdp_mmu_root_count)
        root.role.invalid = True
        root.tdp_mmu_async_data = kvm
        queue_work(kvm.arch.tdp_mmu_zap_wq, root.tdp_mmu_async_work)

def zap_worker(kvm):
    while True:
        work = workqueue_next(kvm.arch.tdp_mmu_zap_wq)
        run_work(work)
        workqueue_done(kvm.arch.tdp_mmu_zap_wq)

def tdp_mmu_zap_root_work(work):
    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)
    read_lock(kvm.mmu_lock)
    for i in range(PT_ENTRIES):
        root.spt[i] = 0
    kvm_tdp_mmu_put_root(kvm, root)
    read_unlock(kvm.mmu_lock)

def kvm_tdp_mmu_put_root(kvm, root):
    if not refcount_dec_and_test(root.tdp_mmu_root_count):
        return
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    list_del_rcu(root.link)
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)
    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)
'''

SENTENCE = (
    "A root that had been zapped to the end was queued a second time: the worker will walk it "
    "again for nothing."
)
REQUEST = "FREE_OBSOLETE_ROOTS"
PRESENT = 1 << 11
INVALID = 1 << 11


def _sources():
    found, name, first = {}, None, 1
    for number, line in enumerate(SOURCES_TEXT.splitlines()[1:], 1):
        if line.startswith("def "):
            name, first = line[4 : line.index("(")], number
            found[name] = {"file": "protocols/patch-21.py", "first": first, "lines": []}
        if name and line:
            found[name]["lines"].append(line)
    return found


SOURCES = _sources()
Op = namedtuple("Op", "path mark words guard effect locals")


def at(function, mark):
    """The line of `function` that holds the text `mark`."""
    lines = SOURCES[function]["lines"]
    return SOURCES[function]["first"] + next(i for i, line in enumerate(lines) if mark in line)


def op(path, mark, words, effect=None, guard=None, **local):
    return Op(
        path.split(), mark, words, guard or (lambda s: None), effect or (lambda s: None), local
    )


def new_state(vcpus):
    return {
        "roots": [],
        "list": [],
        "queue": [],
        "locks": {
            name: {"name": name, "kind": kind, "writer": None, "readers": [], "waiting": []}
            for name, kind in (
                ("slots_lock", "mutex"),
                ("mmu_lock", "rwlock"),
                ("tdp_mmu_pages_lock", "spinlock"),
            )
        },
        "requests": [{"vcpu": v, "pending": []} for v in vcpus],
        "kvm": {"mmu_valid_gen": "0"},
        "zapped": set(),
        "held": {},
        "broken": None,
    }


def free(name, me, write=True):
    def why(s):
        lock = s["locks"][name]
        if lock["writer"]:
            return f"{name} is held for write by {lock['writer']}"
        if write and lock["readers"]:
            return f"{name} is held for read by {', '.join(lock['readers'])}"
        return None

    return why


def take(name, me, write=True):
    def do(s):
        if write:
            s["locks"][name]["writer"] = me
        else:
            s["locks"][name]["readers"].append(me)

    return do


def drop(name, me):
    def do(s):
        lock = s["locks"][name]
        lock["writer"] = None if lock["writer"] == me else lock["writer"]
        lock["readers"] = [r for r in lock["readers"] if r != me]

    return do


def setter(index, field, value):
    def do(s):
        s["roots"][index][field] = value

    return do


def make_root(s):
    s["roots"].append(
        {
            "word": 0,
            "refcount": 0,
            "state": "allocated",
            "async": False,
            "running": False,
            "spt": [0, 0],
            "vcpus": [],
        }
    )


def count(index, by):
    def do(s):
        s["roots"][index]["refcount"] += by

    return do


def vcpu(s, me):
    load = "vcpu_thread kvm_mmu_load"
    yield op(
        load, "write_lock", "takes mmu_lock for write", take("mmu_lock", me), free("mmu_lock", me)
    )
    found = [i for i in s["list"] if not s["roots"][i]["word"] & INVALID]
    if found:
        root = found[0]
        yield op(
            load,
            "refcount_inc",
            f"raises the count of root {root}",
            count(root, 1),
            root=f"root {root}",
        )
    else:
        root = len(s["roots"])
        yield op(load, "alloc_sp", f"allocates root {root}", make_root)
        yield op(
            load,
            "root.role =",
            f"stores role 0x784 in root {root}",
            setter(root, "word", 0x784),
            root=f"root {root}",
        )
        yield op(
            load,
            "refcount_set",
            f"sets the count of root {root} to 1",
            setter(root, "refcount", 1),
            root=f"root {root}",
        )
        yield op(
            load,
            "list_add",
            f"puts root {root} on the list",
            lambda s: s["list"].insert(0, root),
            root=f"root {root}",
        )
    yield op(
        load,
        "mmu.root = root",
        f"loads root {root}",
        lambda s: s["roots"][root]["vcpus"].append(me),
        root=f"root {root}",
    )
    yield op(load, "write_unlock", "releases mmu_lock", drop("mmu_lock", me), root=f"root {root}")
    fault = "vcpu_thread direct_page_fault"
    yield op(
        fault,
        "read_lock",
        "takes mmu_lock for read",
        take("mmu_lock", me, False),
        free("mmu_lock", me, False),
        gfn="0",
    )
    if not s["roots"][root]["word"] & INVALID:

        def install(s):
            s["roots"][root]["spt"][0] = PRESENT

        yield op(
            fault,
            "spt[gfn] =",
            f"installs SPTE 0 under root {root}",
            install,
            gfn="0",
            root=f"root {root}",
        )
    yield op(
        fault,
        "read_unlock",
        "releases mmu_lock",
        drop("mmu_lock", me),
        gfn="0",
        root=f"root {root}",
    )
    yield from vcpu_leaves(s, me, root)


def vcpu_leaves(s, me, root):
    mine = next(r for r in s["requests"] if r["vcpu"] == me)
    yield op(
        "vcpu_thread",
        "kvm_check_request",
        "takes its pending requests",
        lambda s: mine["pending"].clear(),
        i="1",
    )
    if not s["roots"][root]["word"] & INVALID:
        return
    yield op(
        "vcpu_thread",
        "write_lock",
        "takes mmu_lock for write",
        take("mmu_lock", me),
        free("mmu_lock", me),
    )
    yield from put("vcpu_thread kvm_tdp_mmu_put_root", s, me, root)
    yield op(
        "vcpu_thread",
        "mmu.root = None",
        "forgets its root",
        lambda s: s["roots"][root]["vcpus"].remove(me),
    )
    yield op("vcpu_thread", "write_unlock", "releases mmu_lock", drop("mmu_lock", me))


def put(path, s, me, root):
    where = {"root": f"root {root}"}
    yield op(path, "dec_and_test", f"lowers the count of root {root}", count(root, -1), **where)
    if s["roots"][root]["refcount"]:
        return
    yield op(
        path,
        "spin_lock",
        "takes tdp_mmu_pages_lock",
        take("tdp_mmu_pages_lock", me),
        free("tdp_mmu_pages_lock", me),
        **where,
    )
    yield op(
        path,
        "list_del",
        f"takes root {root} off the list",
        lambda s: s["list"].remove(root),
        **where,
    )
    yield op(
        path, "spin_unlock", "releases tdp_mmu_pages_lock", drop("tdp_mmu_pages_lock", me), **where
    )
    yield op(
        path,
        "call_rcu",
        f"hands root {root} to call_rcu; it is freed",
        setter(root, "state", "freed"),
        **where,
    )


def update(s, me):
    up, zap = "memslot_update", "memslot_update kvm_mmu_zap_all_fast"
    inv = zap + " kvm_tdp_mmu_invalidate_all_roots"
    yield op(up, "mutex_lock", "takes slots_lock", take("slots_lock", me), free("slots_lock", me))
    yield op(
        zap, "write_lock", "takes mmu_lock for write", take("mmu_lock", me), free("mmu_lock", me)
    )

    def flip(s):
        s["kvm"]["mmu_valid_gen"] = "1" if s["kvm"]["mmu_valid_gen"] == "0" else "0"

    yield op(zap, "mmu_valid_gen =", "flips mmu_valid_gen", flip)
    for root in list(s["list"]):
        where = {"root": f"root {root}"}
        yield op(inv, "refcount_inc", f"raises the count of root {root}", count(root, 1), **where)
        yield op(
            inv,
            "role.invalid",
            f"marks root {root} invalid",
            lambda s, r=root: s["roots"][r].update(word=s["roots"][r]["word"] | INVALID),
            **where,
        )
        yield op(
            inv, "async_data", f"notes kvm in root {root}", setter(root, "async", True), **where
        )
        yield op(
            inv, "queue_work", f"queues root {root} for the worker", enqueue(root, me), **where
        )

    def request(s):
        for r in s["requests"]:
            r["pending"] = [REQUEST]

    yield op(zap, "make_all_cpus", "asks every vCPU to drop obsolete roots", request)
    yield op(zap, "write_unlock", "releases mmu_lock", drop("mmu_lock", me))
    yield op(
        zap,
        "flush_workqueue",
        "the queue is flushed",
        guard=lambda s: (
            "waits for the zap worker to finish root "
            + str(([*s["queue"], *[i for i, r in enumerate(s["roots"]) if r["running"]]] or [0])[0])
            if s["queue"] or any(r["running"] for r in s["roots"])
            else None
        ),
    )
    yield op(up, "mutex_unlock", "releases slots_lock", drop("slots_lock", me))


def enqueue(root, me):
    def do(s):
        if root in s["zapped"]:
            s["broken"] = {"property": "wasted-zap", "sentence": SENTENCE, "actor": me}
        else:
            s["queue"].append(root)

    return do


def worker(s, me):
    work = "zap_worker tdp_mmu_zap_root_work"
    while True:

        def start(s):
            s["roots"][s["queue"].pop(0)]["running"] = True

        yield op(
            "zap_worker",
            "workqueue_next",
            "takes the oldest work item",
            start,
            lambda s: None if s["queue"] else "idle: nothing is queued",
        )
        root = next(i for i, r in enumerate(s["roots"]) if r["running"])
        where = {"root": f"root {root}"}
        yield op(
            work,
            "read_lock",
            "takes mmu_lock for read",
            take("mmu_lock", me, False),
            free("mmu_lock", me, False),
            **where,
        )
        for i in range(2):

            def zap(s, i=i, root=root):
                s["roots"][root]["spt"][i] = 0

            yield op(work, "spt[i] = 0", f"zaps SPTE {i} of root {root}", zap, i=str(i), **where)
        s["zapped"].add(root)
        yield from put(work + " kvm_tdp_mmu_put_root", s, me, root)
        yield op(work, "read_unlock", "releases mmu_lock", drop("mmu_lock", me), **where)
        yield op(
            "zap_worker",
            "workqueue_done",
            "the work item is finished",
            setter(root, "running", False),
        )


CAST = (
    ("vCPU 0", "vcpu", vcpu),
    ("vCPU 1", "vcpu", vcpu),
    ("update 0", "update", update),
    ("update 1", "update", update),
    ("zap worker", "worker", worker),
)

#: Schedule of the race: vCPU 0 takes a root and maps a page, update 0 has it zapped, vCPU 0 sleeps
#: on its reference, update 1 finds the root still listed and queues it again.
REQUEUE = [0] * 10 + [2] * 9 + [4] * 7 + [2] * 2 + [3] * 7
