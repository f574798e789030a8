"""In what two boards differ, in words: "in v5.18 root 0 is queued; in patch-22 it is not"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Apart", "apart"]

STATES = {
    "free": "does not exist", "allocated": "exists", "freeing": "waits for RCU to be freed",
    "freed": "is freed",
}  # fmt: skip


@dataclass(frozen=True)
class Apart:
    """
    One thing in which two boards differ.

    subject : what it is about; first, second : what is said of it on each, "is queued"; short : the
        same where the other was said before, "is not"
    """

    subject: str
    first: str
    second: str
    short: tuple[str, str]

    def sentence(self, first: str, second: str) -> str:
        """Say it of two versions by their names; what is so stands before what is not."""
        sides = [(first, self.first, self.short[0]), (second, self.second, self.short[1])]
        sides.sort(key=lambda side: " not" in side[1] or " no " in side[1])
        (one, said, _), (other, _, short) = sides
        return f"in {one} {self.subject} {said}; in {other} it {short}"


def apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Apart, ...]:
    """Return in what two boards differ: roots, SPTEs, locks, requests, TLBs, fields."""
    one, other = dict(_facts(first)), dict(_facts(second))
    found = []
    for key in [*one, *(key for key in other if key not in one)]:
        if key not in one or key not in other:
            continue  # of a root that one of them does not have: its state tells that
        (subject, said, short), (_, there, brief) = one[key], other[key]
        if said != there:
            found.append(Apart(subject, said, there, (short, brief)))
    return tuple(found)


def _facts(board: Mapping[str, Any]) -> Iterator[tuple[tuple, tuple[str, str, str]]]:
    """Give key -> (subject, what is said of it, the same in short) of all that is told."""
    there = {root["index"]: root for root in board["roots"]}
    for index in range(len(board["shape"]["slots"])):
        root = there.get(index)
        state = root["state"] if root is not None else "free"
        name = f"root {index}" if root is None else root["name"]
        said = STATES.get(state, f"is {state}")
        yield ("state", index), (name, said, said)
        if root is not None and state not in ("free", "freed"):
            yield from _root_facts(root)
    for lock in board["locks"]:
        yield ("lock", lock["name"]), (lock["name"], *[_held(lock)] * 2)
    for request in board["requests"]:
        pending = ", ".join(request["pending"])
        said = f"has {pending} requested" if pending else "has no request pending"
        yield ("request", request["vcpu"]), (request["vcpu"], said, said)
    for tlb in board.get("tlb", ()):
        entries = "; ".join(tlb["entries"])
        said = f"holds {entries}" if entries else "holds no translation"
        yield ("tlb", tlb["vcpu"]), (f"the TLB of {tlb['vcpu']}", said, said)
    for name, value in (board.get("kvm") or {}).items():
        yield ("kvm", name), (name, f"is {value}", f"is {value}")


def _root_facts(root: Mapping[str, Any]) -> Iterator[tuple[tuple, tuple[str, str, str]]]:
    index, name = root["index"], root["name"]

    def whether(key: str, true: bool, what: str, subject: str = name) -> tuple:
        said = (f"is {what}", "is") if true else (f"is not {what}", "is not")
        return (key, index), (subject, *said)

    yield whether("invalid", root["role"]["invalid"], "invalid")
    if not root.get("is_table"):
        count = root["refcount"]
        yield ("refcount", index), (name, f"has refcount {count}", f"has {count}")
        yield whether("listed", root["listed"], "on the list of roots")
        yield whether("queued", root["queued"], "queued")
        yield whether("running", root["running"], "being zapped by the worker")
        set_, brief = (
            ("has async_data set", "has")
            if root["async_data"]
            else ("has no async_data set", "has not")
        )
        yield ("async_data", index), (name, set_, brief)
        said = f"is the root of {', '.join(root['vcpus']) or 'no vCPU'}"
        yield ("owner", index), (name, said, said)
    for spte in root["sptes"]:
        subject = f"SPTE {spte['index']} of {name}"
        yield whether(f"spte {spte['index']}", spte["present"], "present", subject)


def _held(lock: Mapping[str, Any]) -> str:
    if lock["writer"]:
        return f"is held{' for write' if lock['kind'] == 'rwlock' else ''} by {lock['writer']}"
    readers = ", ".join(lock["readers"] or ())
    return f"is held for read by {readers}" if readers else "is not held"
