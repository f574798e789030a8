"""
A board in words: one step's whole state as plain text.

For terminals, graders and screen readers.

The text needs no colour and no columns to be understood: every value stands behind its name, and
what the last step changed is said, not shown.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["COLUMNS", "board_text"]

COLUMNS = 100
"""No line of the text is longer, unless a single word is."""

Board = Mapping[str, Any]

_STATE = {"freeing": "waits for RCU, then freed", "freed": "freed", "allocated": "allocated"}


def board_text(board: Board) -> str:
    """
    Return the board as plain text of at most `COLUMNS` columns, without a newline at its end.

    board : what `Session.board()` gives. `sources` may be missing: then the actors' current lines
        are named by number and not quoted.
    """
    blocks = [_head(board), _actors(board), _roots(board), _locks(board), _rest(board)]
    return "\n\n".join("\n".join(_fold(line) for line in block) for block in blocks if block)


def _fold(line: str) -> str:
    """Break a line that is too long; what follows hangs under the text, two columns further in."""
    indent = len(line) - len(line.lstrip())
    return "\n".join(
        textwrap.wrap(
            line,
            COLUMNS,
            subsequent_indent=" " * (indent + 2),
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        or [""]
    )


def _changed(board: Board, *paths: str) -> str:
    """Return ``" (changed)"`` where the last step changed one of `paths` or what lies below it."""
    for path in board.get("changed", ()):
        if any(path == p or path.startswith(p + ".") for p in paths):
            return " (changed)"
    return ""


def _names(items: Sequence[str], nothing: str) -> str:
    return ", ".join(items) or nothing


def _root_names(board: Board, indices: Sequence[int]) -> str:
    names = {root["index"]: root["name"] for root in board["roots"]}
    return ", then ".join(names.get(i, f"root {i}") for i in indices) or "empty"


def _head(board: Board) -> list[str]:
    where = f"step {board['step']} of {board['steps']}"
    lines = [f"{board['protocol']}, scenario {board['scenario']}: {where}", _last_step(board)]
    broken = board.get("broken")
    if broken:
        lines.append(f"BROKEN at step {broken['step']}: {broken['property']}.")
        lines.append(f"  {broken.get('sentence') or ''}".rstrip())
    if board.get("advice"):
        advice = board["advice"]
        name = advice["property"] if isinstance(advice, Mapping) else advice
        lines.append(f"Advice at this step: {name}.")
    if board.get("end"):
        lines.append(f"The end: {board['end']}.")
    lines.append(f"Schedule: {board.get('code') or '(no step yet)'}")
    return lines


def _last_step(board: Board) -> str:
    if not board["step"]:
        return "At the start: nobody has taken a step."
    step = board["timeline"][board["step"] - 1]
    where = f", in {step['function']}, line {step['line']}" if step.get("function") else ""
    who = board["actors"][step["actor"]]["name"]
    return f"Last step: {who}: {board.get('did') or step['summary']}{where}."


def _actors(board: Board) -> list[str]:
    lines = ["Actors"]
    for actor in board["actors"]:
        lines.extend(_actor(board, actor))
    return lines


def _actor(board: Board, actor: Mapping[str, Any]) -> Iterator[str]:
    status, reason = actor["status"], actor.get("reason")
    said = f"{status}: {reason}" if reason and not reason.startswith(status) else reason or status
    yield f"  {actor['letter']}  {actor['name']}, {said}"
    if status == "done" or not actor.get("function"):
        return
    yield f"     stands in {' > '.join(actor['stack'])}, line {actor['line']}"
    source = _source_line(board, actor)
    if source:
        yield f"     {actor['line']} | {source}"
    if actor.get("next"):
        yield f"     next: {actor['next']}"
    if actor.get("leads_to"):
        yield f"     leads to: {actor['leads_to']['text']}"
    if actor.get("locals"):
        yield "     locals: " + ", ".join(f"{k} = {v}" for k, v in actor["locals"].items())


def _source_line(board: Board, actor: Mapping[str, Any]) -> str:
    source = board.get("sources", {}).get(actor["function"])
    if not source:
        return ""
    at = actor["line"] - source["first"]
    return source["lines"][at].strip() if 0 <= at < len(source["lines"]) else ""


def _roots(board: Board) -> list[str]:
    if not board["uses"]["roots"]:
        return []
    lines = ["Roots"]
    if not board["roots"]:
        return [*lines, "  none allocated"]
    below: dict[int, list[Mapping[str, Any]]] = {}
    for page in board["roots"]:
        below.setdefault(page.get("parent"), []).append(page)
    for page in below.pop(None, []):
        lines.extend(_root(board, page))
        for table in below.pop(page["index"], []):
            lines.extend("  " + line for line in _root(board, table))
    for tables in below.values():
        for table in tables:
            lines.extend(_root(board, table))
    return lines


def _root(board: Board, root: Mapping[str, Any]) -> Iterator[str]:
    at = f"roots.{root['index']}"
    role, state = root["role"], _STATE.get(root["state"], root["state"])
    if root["state"] == "freed":
        yield f"  {root['name']}, freed{_changed(board, at)}"
        return
    loose = ""
    if root.get("is_table") and root["parent"] is None:
        loose = f", no SPTE leads here{_changed(board, at + '.parent')}"
    yield (
        f"  {root['name']}, {state}{_changed(board, at + '.state')}{loose}: "
        f"role {role['word']:#x}: {role['text']}{_changed(board, at + '.role')}"
    )
    if not root.get("is_table"):
        yield from _root_life(board, root, at)
    sptes = (
        f"[{s['index']}] {_spte(s)}{_changed(board, at + '.sptes.' + str(s['index']))}"
        for s in root["sptes"]
    )
    if board["uses"]["sptes"]:
        yield f"     SPTEs: {'; '.join(sptes)}"
    for name, text in (root.get("extra") or {}).items():
        yield f"     {name}: {text}{_changed(board, f'{at}.extra.{name}')}"


def _spte(spte: Mapping[str, Any]) -> str:
    """Return an SPTE in words; the long name of a REMOVED one would stand there at every step."""
    return spte["short"] if spte.get("kind") == "removed" else spte["text"]


def _root_life(board: Board, root: Mapping[str, Any], at: str) -> Iterator[str]:
    """Yield what only roots have: a count, a place on the list and in the queue."""
    uses = board["uses"]
    owners = f"root of {_names(root['vcpus'], 'no vCPU')}{_changed(board, at + '.vcpus')}"
    count = f"refcount {root['refcount']}{_changed(board, at + '.refcount')}"
    held = [count] * uses["refcount"] + [owners] * uses["vcpus"]
    flags = (("listed", "list", "on the list", "off the list"),
             ("queued", "queue", "queued", "not queued"),
             ("running", "queue", "being zapped", "not being zapped"),
             ("async_data", "async_data", "async_data set", "async_data NULL"))  # fmt: skip
    told = [
        (yes if root[key] else no) + _changed(board, f"{at}.{key}")
        for key, part, yes, no in flags
        if uses[part]
    ]
    yield from ("     " + "; ".join(parts) for parts in (held, told) if parts)


def _locks(board: Board) -> list[str]:
    lines = ["Locks"] if board["locks"] else []
    for lock in board["locks"]:
        at = f"locks.{lock['name']}"
        held = "free"
        if lock["writer"]:
            held = f"held{' for write' if lock['kind'] == 'rwlock' else ''} by {lock['writer']}"
        elif lock["readers"]:
            held = f"held for read by {', '.join(lock['readers'])}"
        held += _changed(board, at + ".writer", at + ".readers")
        waiting = f"; waiting: {', '.join(lock['waiting'])}" if lock["waiting"] else ""
        waiting += _changed(board, at + ".waiting") if waiting else ""
        lines.append(f"  {lock['name']} ({lock['kind']}): {held}{waiting}")
    return lines


def _rest(board: Board) -> list[str]:
    rcu = board.get("rcu") or {}
    pending = [
        f"{_root_names(board, [p['root']])} waits for {_names(p['waits_for'], 'nobody')}"
        for p in rcu.get("pending", ())
    ]
    lines, uses = [], board["uses"]
    for part, name in (("list", "tdp_mmu_roots"), ("queue", "zap queue")):
        if uses[part]:
            lines.append(f"  {name}: {_root_names(board, board[part])}{_changed(board, part)}")
    for request in board["requests"]:
        path = f"requests.{request['vcpu']}"
        lines.append(
            f"  requests of {request['vcpu']}: {_names(request['pending'], 'none')}"
            f"{_changed(board, path)}"
        )
    for tlb in board.get("tlb", ()):
        path = f"tlb.{tlb['vcpu']}"
        entries = "; ".join(tlb["entries"]) or "empty"
        lines.append(f"  TLB of {tlb['vcpu']}: {entries}{_changed(board, path)}")
    readers = _names(rcu.get("readers", ()), "none")
    if uses["readers"]:
        lines.append(f"  RCU readers: {readers}{_changed(board, 'rcu.readers')}")
    if uses["grace"]:
        frees = "; ".join(pending) or "none"
        lines.append(f"  RCU to free: {frees}{_changed(board, 'rcu.pending')}")
    for name, text in (board.get("kvm") or {}).items():
        lines.append(f"  {name}: {text}{_changed(board, f'kvm.{name}')}")
    heading = "Lists, queue, requests" if uses["roots"] else "What the actors share"
    return [heading, *lines] if lines else []
