"""
From a session's board to what the page paints: a fresh plain value that nobody changes again.

Some things are added to the Board dictionary, each of them worked out here and not in the page:

`was`
    path -> value one step earlier, for each path in `changed`; so that the page can say ``2 -> 1``.
`changes`
    the same in words, one short phrase for each thing that changed.
`roots[i].role.fields`
    the role word taken apart: `name`, `first` (lowest bit), `width`, `value`, `changed`.
`broken.at_end`
    whether the property is one of the end (a deadlock, a leak): then no single line broke it.
`advice`
    None, or the `property` and `sentence` of the advice that the last step gave rise to.
`ahead`
    while the cursor stands in the past, and the timeline's last step breaks something or gives
    rise to advice: its `step`, the `property`, and `advice` (a boolean); else None.
`actions`
    the actions of the last step: `function`, `line`, `source`, `effect`, `kind`.
`did`
    the last step in words: the effects of its actions, without the mere reads.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tdplib.properties import PROPERTIES
from tdplib.words import role

__all__ = [
    "at_path", "folded", "mark_changes", "packed", "role_fields", "snapshot", "stops", "told_step",
]  # fmt: skip

ALWAYS_SHOWN = ("level", "direct", "access", "invalid")
"""Fields of the role word that are shown even where they are 0."""


def snapshot(
    board: Mapping[str, Any],
    earlier: Mapping[str, Any] | None = None,
    ahead: Mapping[str, Any] | None = None,
    step: Any = None,
) -> dict:
    """
    Return a deep copy of `board`, without its `sources`, with the additions named above.

    earlier : the board one step before, or None at the start.
    ahead : the timeline's last board, or None if this is it.
    step : the `Step` that led here, or None.
    """
    now = copy.deepcopy({key: value for key, value in board.items() if key != "sources"})
    now["advice"] = _advice(board.get("advice"))
    now["ahead"] = _ahead(ahead)
    if now["broken"]:
        now["broken"]["at_end"] = _kind(now["broken"]["property"]) == "end"
    now.update(told_step(step, now["timeline"][now["step"] - 1]["summary"] if now["step"] else ""))
    mark_changes(now, earlier)
    return now


def mark_changes(now: dict, earlier: Mapping[str, Any] | None) -> None:
    """
    Add to `now`, in place, what differs from the board one step before.

    Its `changed` becomes what is worth marking; `was`, `changes` and the fields of each root's
    role word are added.
    """
    now["changed"] = list(dict.fromkeys(_worth_marking(now, earlier)))
    now["was"] = dict(_old_values(now, earlier)) if earlier else {}
    for root in now["roots"]:
        old = at_path(earlier, f"roots.{root['index']}.role.word") if earlier else None
        root["role"].pop("bits", None)  # the same, without what changed
        root["role"]["fields"] = role_fields(root["role"]["word"], old)
    now["changes"] = list(dict.fromkeys(_phrases(now))) if earlier else []


def packed(value: Mapping, _widget: Any = None) -> str:
    """Return a trait's value as it goes to the page: a notebook would give each item a line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def stops(session: Any) -> dict[str, list[int]]:
    """
    Return the lines of each function at which something shared is read or written.

    There an actor can be run to. Empty for a session that has no compiled system.
    """
    found: dict[str, set[int]] = {}
    for code, _ in session.system.codes if hasattr(session, "system") else ():
        for node in code.nodes:
            if node.op.visible:
                function = code.program.frames[node.op.frame].function
                found.setdefault(function, set()).add(node.op.line)
    return {function: sorted(lines) for function, lines in found.items()}


def folded(sources: Mapping[str, Mapping], stops: Mapping[str, list[int]]) -> dict[str, dict]:
    """
    Return the sources as the page wants them.

    Of a docstring its first line is kept, the others are None: a lane has room for code. `stops`
    are the lines that an actor can be run to; without any known, all that have code.
    """
    return {
        name: _folded(source, stops.get(name, []) if stops else None)
        for name, source in sources.items()
    }


def _folded(source: Mapping[str, Any], stops: list[int] | None) -> dict:
    lines = list(_without_docstring(source["lines"]))
    return {"file": source["file"], "first": source["first"], "lines": lines, "stops": stops}


def _without_docstring(lines: list[str]) -> Iterator[str | None]:
    inside = False
    for line in lines:
        starts = not inside and line.lstrip().startswith('"""')
        yield line if starts or not inside else None
        if line.count('"""') % 2:
            inside = not inside


def _kind(name: str) -> str:
    return next((each.kind for each in PROPERTIES if each.name == name), "step")


def _advice(name: str | None) -> dict | None:
    sentence = next((each.sentence for each in PROPERTIES if each.name == name), "")
    return {"property": name, "sentence": sentence} if name else None


def _ahead(last: Mapping[str, Any] | None) -> dict | None:
    broken = last and last["broken"]
    name = broken["property"] if broken else last and last.get("advice")
    return {"step": last["steps"], "property": name, "advice": not broken} if name else None


def _action(action: Any) -> dict:
    return {key: getattr(action, key) for key in ("function", "line", "source", "effect", "kind")}


_LOOKS = ("reads ", "looks ", "finds no ", "enters an RCU", "leaves its RCU")


def told_step(step: Any, summary: str) -> dict:
    """Return the `actions` of a step (or None), and what it `did`: its summary if it only read."""
    actions = [_action(action) for action in step.actions] if step else []
    effects = [
        action["effect"]
        for action in actions
        if action["kind"] not in ("private", "model") and not action["effect"].startswith(_LOOKS)
    ]
    return {"actions": actions, "did": "; ".join(effects) or summary}


def _worth_marking(now: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> Iterator[str]:
    """Give the changed paths; of a root that is new or gone only its state, not every field."""
    for path in now.get("changed", ()):
        at = ".".join(path.split(".")[:2])
        root = at_path(now, at) if path.startswith("roots.") else None
        alone = root and (root["state"] == "freed" or at_path(earlier, at) is None)
        yield f"{at}.state" if alone else path


def role_fields(word: int, old: int | None = None) -> list[dict]:
    """
    Take a role word of the v5.18 layout apart: the shown fields, highest bit first.

    old : the word one step earlier; fields that differ are `changed`. None: nothing is changed.
    """
    return [
        {
            "name": field.name,
            "first": field.shift,
            "width": field.width,
            "value": field.get(word),
            "changed": old is not None and field.get(old) != field.get(word),
        }
        for field in reversed(role.table("v5.18"))
        if field.name in ALWAYS_SHOWN or field.get(word) or (old and field.get(old))
    ]


def _old_values(now: Mapping[str, Any], earlier: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path in now.get("changed", ()):
        for known in {path, path.rsplit(".", 1)[0]}:
            old = at_path(earlier, known)
            if old is not None and not isinstance(old, dict):
                yield known, copy.deepcopy(old)


def _phrases(now: Mapping[str, Any]) -> Iterator[str]:
    for path in now.get("changed", ()):
        head, *rest = path.split(".")
        if head == "roots":
            yield from _root_phrase(now, f"roots.{rest[0]}", rest[1:])
        elif head == "locks":
            yield from _lock_phrase(now, *rest)
        elif head == "requests":
            pending = at_path(now, f"requests.{rest[0]}.pending")
            yield f"requests of {rest[0]}: {', '.join(pending or ()) or 'none'}"
        elif head == "tlb":
            kept = at_path(now, f"tlb.{rest[0]}.entries")
            yield f"TLB of {rest[0]}: {'; '.join(kept or ()) or 'empty'}"
        elif head not in ("list", "queue"):  # the roots' own flags say those already
            yield f"{rest[-1] if rest else head}: {_value(at_path(now, path))}{_was(now, path)}"


_FLAGS = {
    "listed": ("on the list", "off the list"),
    "queued": ("queued", "no longer queued"),
    "running": ("being zapped", "no longer being zapped"),
    "async_data": ("async_data set", "async_data NULL"),
    "zapped": ("zapped to the end", "not zapped to the end"),
}


def _root_phrase(now: Mapping[str, Any], at: str, rest: list[str]) -> Iterator[str]:
    root = at_path(now, at)
    if not rest or root is None:
        yield f"{root['name'] if root else at} allocated"
    elif rest[0] in _FLAGS:
        yield f"{root['name']} {_FLAGS[rest[0]][not root[rest[0]]]}"
    elif rest[0] == "role":
        fields = {field["name"]: field for field in root["role"]["fields"]}
        invalid = "invalid, " if fields["invalid"]["changed"] else ""
        old = _was(now, at + ".role.word", hex)
        yield f"{root['name']} {invalid}role {root['role']['word']:#x}{old}"
    elif rest[0] == "state":
        yield f"{root['name']} {root['state']}"
    elif rest[0] == "sptes" and len(rest) > 1:
        yield f"{root['name']} SPTE {rest[1]} {at_path(root, f'sptes.{rest[1]}.text')}"
    elif rest[0] == "vcpus":
        yield f"{root['name']} is the root of {', '.join(root['vcpus']) or 'no vCPU'}"
    else:
        path = ".".join([at, *rest])
        yield f"{root['name']} {rest[-1]} {_value(at_path(now, path))}{_was(now, path)}"


def _lock_phrase(now: Mapping[str, Any], name: str, part: str = "") -> Iterator[str]:
    lock = at_path(now, f"locks.{name}") or {}
    if part == "waiting":  # that others now wait follows from who holds it; not worth a word
        mover = now["actors"][now["timeline"][now["step"] - 1]["actor"]]["name"]
        if mover in lock.get("waiting", ()):
            yield f"{mover} waits for {name}"
    elif lock.get("writer"):
        yield f"{name} held{' for write' if lock['kind'] == 'rwlock' else ''} by {lock['writer']}"
    elif lock.get("readers"):
        yield f"{name} held for read by {', '.join(lock['readers'])}"
    else:
        yield f"{name} free"


def _was(now: Mapping[str, Any], path: str, say: Callable[[Any], str] = str) -> str:
    return f" (was {say(now['was'][path])})" if path in now["was"] else ""


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def at_path(board: Any, path: str) -> Any:
    """
    Return the value at a dotted path of a board, or None where there is none.

    Entries of a list are named by their `index`, their `name` or their `vcpu`.

    >>> at_path({"locks": [{"name": "mmu_lock", "writer": "update 0"}]}, "locks.mmu_lock.writer")
    'update 0'
    """
    for part in path.split("."):
        if isinstance(board, list):
            board = next((item for item in board if part in _labels(item)), None)
        elif isinstance(board, Mapping):
            board = board.get(part)
        else:
            return None
    return board


def _labels(item: Any) -> tuple[str, ...]:
    if not isinstance(item, Mapping):
        return ()
    return tuple(str(item[key]) for key in ("index", "name", "vcpu") if key in item)
