"""
A stand-in for `tdplib.replay.Session` that needs no engine: it speaks the Board dictionary.

What it plays is `fake_protocol`.
"""

from __future__ import annotations

import copy

from fake_protocol import CAST, INVALID, REQUEUE, SOURCES, USES, at, new_state

__all__ = ["CAST", "REQUEUE", "FakeSession"]


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
    def from_code(cls, code, own=None):
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
        self.goto(max(0, self.cursor - 1))

    def forward(self):
        self.goto(min(len(self.steps), self.cursor + 1))

    def undo(self):
        self.back()
        del self.steps[self.cursor :]

    def goto(self, k):
        if not 0 <= k <= len(self.steps):
            raise ValueError(f"step {k} does not exist: this timeline has 0..{len(self.steps)}")
        self.cursor = k

    def code(self):
        return "p21:" + "".join(chr(ord("a") + i) for i in self.steps[: self.cursor])

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
            "uses": dict.fromkeys(USES, True),
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
