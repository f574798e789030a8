"""
A stand-in for `tdplib.replay.Session`: the re-queue race on generators, no jit, no search.

It speaks the Board dictionary and knows just enough of the protocol of patch 21 (commit
22b94c4b63eb: every root re-queued unconditionally) for the widget to have something true to show.
It is a test double, not a model: nothing is concluded from what it does.
"""

from __future__ import annotations

import copy
from collections import namedtuple

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


class _Run:
    """The state and the standing operation of every actor after some steps."""

    def __init__(self, cast, steps):
        self.state = new_state([name for name, kind, _ in cast if kind == "vcpu"])
        self.programs = [make(self.state, name) for name, _, make in cast]
        self.ops = [next(p, None) for p in self.programs]
        self.seen = [set() for _ in cast]
        for number, actor in enumerate(steps, 1):
            self.act(number, actor)

    def act(self, number, actor):
        self.ops[actor].effect(self.state)
        if self.state["broken"]:
            self.state["broken"].update(step=number, actor=actor)
        else:
            self.ops[actor] = next(self.programs[actor], None)

    def reason(self, actor):
        if self.state["broken"]:
            return "a property is broken: the path ends here"
        return self.ops[actor].guard(self.state)


class FakeSession:
    """`step`, `back`, `forward`, `goto`, `board`, `code`, `from_code`, `from_trace` on the fake."""

    def __init__(self, protocol="patch-21", scenario=None, cast=CAST):
        self.protocol, self.scenario = str(protocol), scenario or "lab-requeue"
        self.cast, self.steps, self.cursor = cast, [], 0

    @classmethod
    def from_code(cls, code):
        session = cls()
        session.steps = [ord(c) - ord("a") for c in code.partition(":")[2]]
        return session

    @classmethod
    def from_trace(cls, trace):
        return cls.from_code(trace.code)

    def step(self, actor):
        run = self._run()
        if run.ops[actor] is None:
            raise ValueError(f"{self.cast[actor][0]} cannot move: it is done")
        if run.reason(actor):
            raise ValueError(f"{self.cast[actor][0]} cannot move: {run.reason(actor)}")
        self.steps[self.cursor :] = [actor]
        self.cursor += 1

    def back(self):
        self.goto(self.cursor - 1)

    def forward(self):
        self.goto(self.cursor + 1)

    def goto(self, k):
        if not 0 <= k <= len(self.steps):
            raise ValueError(f"step {k} does not exist: this timeline has 0..{len(self.steps)}")
        self.cursor = k

    def code(self):
        return "p21:" + "".join(chr(ord("a") + i) for i in self.steps)

    def _run(self, upto=None):
        return _Run(self.cast, self.steps[: self.cursor if upto is None else upto])

    def board(self):
        run = self._run()
        now = self._picture(run)
        before = self._picture(self._run(self.cursor - 1)) if self.cursor else now
        changed = sorted(k for k, v in _flat(now).items() if _flat(before).get(k, v) != v)
        changed += [k for k in _flat(now) if k not in _flat(before) and k.startswith("roots")]
        done = all(o is None or c[1] == "worker" for o, c in zip(run.ops, self.cast, strict=True))
        return copy.deepcopy(
            {
                "protocol": self.protocol,
                "scenario": self.scenario,
                "step": self.cursor,
                "steps": len(self.steps),
                "code": self.code(),
                "actors": [self._actor(run, i) for i in range(len(self.cast))],
                "sources": SOURCES,
                **now,
                "changed": changed,
                "timeline": self._timeline(),
                "broken": run.state["broken"],
                "end": "everybody is done" if done else None,
            }
        )

    def _actor(self, run, i):
        name, kind, _ = self.cast[i]
        o, reason = run.ops[i], None
        status = "done"
        if o is not None:
            reason = run.reason(i)
            status = "ready" if not reason else "idle" if "idle" in reason else "blocked"
        path = o.path if o else [self.cast[i][2].__name__]
        return {
            "index": i,
            "letter": chr(ord("a") + i),
            "name": name,
            "kind": kind,
            "status": status,
            "reason": reason,
            "stack": path,
            "function": path[-1] if o else None,
            "file": "protocols/patch-21.py",
            "line": at(path[-1], o.mark) if o else None,
            "next": o.words if o else None,
            "locals": dict(o.locals) if o else {},
        }

    def _timeline(self):
        run, out, last = _Run(self.cast, []), [], None
        for number, actor in enumerate(self.steps, 1):
            o = run.ops[actor]
            out.append(
                {
                    "step": number,
                    "actor": actor,
                    "summary": o.words,
                    "function": o.path[-1],
                    "line": at(o.path[-1], o.mark),
                    "switch": last not in (None, actor),
                    "actions": 1,
                }
            )
            run.act(number, actor)
            last = actor
        return out

    def _picture(self, run):
        s = run.state
        roots = [
            {
                "index": i,
                "name": f"root {i}",
                "state": r["state"],
                "role": {
                    "word": r["word"],
                    "text": ("level 4, direct, access 7" if r["word"] else "all zero")
                    + (", invalid" if r["word"] & INVALID else ""),
                    "invalid": bool(r["word"] & INVALID),
                },
                "refcount": r["refcount"],
                "listed": i in s["list"],
                "queued": i in s["queue"],
                "running": r["running"],
                "async_data": r["async"],
                "sptes": [
                    {
                        "index": j,
                        "value": v,
                        "present": bool(v),
                        "text": "present, pfn 0" if v else "not present",
                    }
                    for j, v in enumerate(r["spt"])
                ],
                "vcpus": list(r["vcpus"]),
                "extra": {},
            }
            for i, r in enumerate(s["roots"])
        ]
        return {
            "roots": roots,
            "list": s["list"],
            "queue": s["queue"],
            "locks": self._locks(run),
            "requests": s["requests"],
            "rcu": {"readers": [], "pending": []},
            "kvm": s["kvm"],
        }

    def _locks(self, run):
        locks = copy.deepcopy(list(run.state["locks"].values()))
        for i, o in enumerate(run.ops):
            for lock in locks:
                if o and (o.guard(run.state) or "").startswith(lock["name"]):
                    lock["waiting"].append(self.cast[i][0])
        return locks


def _flat(value, path=""):
    """Every leaf of a picture under its dotted path (locks and requests by name)."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        items = [(v.get("vcpu") or (v["name"] if "writer" in v else v["index"]), v) for v in value]
    else:
        return {path: value}
    out = {}
    for key, item in items:
        out.update(_flat(item, f"{path}.{key}" if path else str(key)))
    return out
