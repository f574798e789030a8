"""A state in sentences: who holds what, who waits for whom, which properties can still break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Why", "grace_lines", "lock_lines", "move_line", "property_lines", "root_lines", "why",
]  # fmt: skip


@dataclass(frozen=True)
class Why:
    """Sentences about one state: what is held, who waits or can move, how the properties stand."""

    holds: tuple[str, ...]
    waits: tuple[str, ...]
    properties: tuple[str, ...]

    def __str__(self) -> str:
        parts = (("Who holds what", self.holds), ("Who waits for whom", self.waits),
                 ("Which properties hold, and which are open", self.properties))  # fmt: skip
        return "\n\n".join("\n".join([head, *(f"  {s}" for s in said)]) for head, said in parts)

    __repr__ = __str__


def why(board: Mapping[str, Any], judged: Mapping[str, Any] | None = None) -> Why:
    """
    Return what a board says, in sentences.

    judged : what `tdplib.outlook.judge` says of the same state; without it nothing is said of what
        can still break
    """
    held = [*lock_lines(board), *root_lines(board), *grace_lines(board)]
    return Why(tuple(held), tuple(_moves(board)), tuple(property_lines(board, judged)))


def lock_lines(board: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each actor that holds locks, for the free ones, for RCU readers."""
    for actor in board["actors"]:
        name, mine = actor["name"], []
        for lock in board["locks"]:
            if lock["writer"] == name:
                mine.append(lock["name"] + (" for write" if lock["kind"] == "rwlock" else ""))
            elif name in lock["readers"]:
                mine.append(f"{lock['name']} for read")
        if mine:
            yield f"{name} holds {_and(mine)}."
    free = [lock["name"] for lock in board["locks"] if not lock["writer"] and not lock["readers"]]
    if free:
        yield f"Nobody holds {_and(free, 'or')}."
    readers = board["rcu"]["readers"]
    if readers:
        yield f"{_and(readers)} {'is' if len(readers) == 1 else 'are'} inside an RCU reader."


def root_lines(board: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each root of which there is something to say."""
    uses = board["uses"]
    for root in board["roots"]:
        if root["state"] == "freed":
            yield f"{root['name']} is freed."
            continue
        facts = ["invalid" if root["role"]["invalid"] else "valid"] if uses["role"] else []
        facts += [word for key, part, word in (("listed", "list", "on the list"),
                  ("queued", "queue", "queued for the worker"),
                  ("running", "queue", "being zapped by the worker"))
                  if uses[part] and root[key]]  # fmt: skip
        live = sum(spte["present"] for spte in root["sptes"])
        said = [f"is {_and(facts)}"] if facts else []
        said += [f"has {_count(root['refcount'], 'reference')}"] if uses["refcount"] else []
        said += [f"is the root of {_and(root['vcpus'])}"] if root["vcpus"] else []
        said += [f"has {_count(live, 'present SPTE')}"] if uses["sptes"] else []
        if said:
            yield f"{root['name']} {_and(said)}."


def grace_lines(board: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each root that RCU is to free."""
    names = {root["index"]: root["name"] for root in board["roots"]}
    for entry in board["rcu"]["pending"]:
        root = names.get(entry["root"], f"root {entry['root']}")
        if entry["waits_for"]:
            yield f"{root} is freed once {_and(entry['waits_for'])} left the RCU reader."
        else:
            yield f"{root} is to be freed; no RCU reader is in the way."


def move_line(actor: Mapping[str, Any], broken: bool) -> str:
    """Return what is to be said of an actor that waits or can move; "" for nothing."""
    name, status = actor["name"], actor["status"]
    if status == "ready":
        return f"{name} can move; next: {actor['next']}."
    if status == "done":
        return f"{name} is done: its function has returned."
    return (
        "" if broken and not actor["reason"].startswith("waits") else f"{name} {actor['reason']}."
    )


def _moves(board: Mapping[str, Any]) -> Iterator[str]:
    yield from filter(None, (move_line(each, bool(board["broken"])) for each in board["actors"]))
    if board["broken"]:
        yield "Nobody moves any more: the path ends where a property is broken."
    statuses = [actor["status"] for actor in board["actors"]]
    if "blocked" in statuses and "ready" not in statuses and not board["broken"]:
        yield "Nobody can move."


def property_lines(board: Mapping[str, Any], judged: Mapping[str, Any] | None) -> Iterator[str]:
    """Give sentences on how the properties stand; `judged` as for `why`."""
    broken = board["broken"]
    if broken:
        yield f"{broken['property']} is broken: {broken['sentence']}"
        return
    yield f"Nothing is broken in the {_count(board['step'], 'step')} taken so far."
    if judged is None:
        yield "What can still break is not worked out here: ask for the judgement of next steps."
        return
    yield f"{judged['here'][0].upper()}{judged['here'][1:]}."
    if judged["open"]:
        yield f"Still open: {_and(judged['open'])}."
    if judged["settled"]:
        verb = "holds" if len(judged["settled"]) == 1 else "hold"
        yield (
            f"Open at the start and decided by now: {_and(judged['settled'])} {verb} "
            "whatever comes."
        )


def _and(words: Any, last: str = "and") -> str:
    words = list(words)
    return ", ".join(words[:-1]) + (f" {last} " if words[1:] else "") + "".join(words[-1:])


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
