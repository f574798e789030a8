"""One state as a still picture: actors, locks, queue, and each root with its SPTEs as a tree."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tdplib.draw._boardtree import draw_page_tables
from tdplib.draw._svg import ACTOR_COLOURS, Svg, fit, text_width, wrap

__all__ = ["board_svg", "describe_board", "lock_text"]

_WIDTH, _MARGIN, _GAP = 900, 16, 16
_HALF = (_WIDTH - 2 * _MARGIN - _GAP) / 2
_ACTOR = 48
_ROOT_WIDTH, _ROOT_HEIGHT = 278, 92
_SPTE_WIDTH, _SPTE_HEIGHT = 92, 40


def board_svg(board: dict) -> str:
    """
    Return one `board` (see `tdplib.replay.Session.board`) as an SVG picture, 900 pixels wide.

    What the last step changed is drawn with a heavy edge.
    """
    svg = Svg()
    svg.text(_MARGIN, 32, fit(_title(board), _WIDTH - 2 * _MARGIN, 17), "head")
    y = 52.0
    left = _draw_actors(svg, board, y)
    right = _draw_facts(svg, board, y)
    y = _draw_roots(svg, board, max(left, right) + 14)
    y = _draw_end(svg, board, y)
    return svg.document(_WIDTH, y + _MARGIN, _title(board), describe_board(board))


def _title(board: dict) -> str:
    when = f"after step {board['step']}" if board["step"] else "before the first step"
    return f"{board['protocol']}, {when}"


def describe_board(board: dict) -> str:
    """Return the board as sentences: the text alternative, and what a test can read."""
    parts = [f"{actor['name']} is {_status(actor)}." for actor in board["actors"]]
    parts += [f"{lock['name']}: {lock_text(lock)}." for lock in board["locks"]]
    for root in board["roots"]:
        live = [str(s["index"]) for s in root["sptes"] if s["present"]]
        parts.append(
            f"{root['name']}: {', '.join(_root_facts(root))}; "
            f"live SPTEs: {', '.join(live) or 'none'}."
        )
    if board["broken"]:
        parts.append(f"{board['broken']['property']} is broken: {board['broken']['sentence']}")
    return " ".join(parts)


def lock_text(lock: dict) -> str:
    """Return who holds a lock of a board, and who waits for it, in words."""
    held = "free"
    if lock["writer"]:
        held = f"{lock['writer']}{' for write' if lock['kind'] == 'rwlock' else ''}"
    elif lock["readers"]:
        held = f"{', '.join(lock['readers'])} for read"
    waiting = ", ".join(lock["waiting"])
    return f"{held}; waiting: {waiting}" if waiting else held


def _status(actor: dict) -> str:
    reason = f" ({actor['reason']})" if actor["status"] == "blocked" and actor["reason"] else ""
    at = f" at {actor['function']}:{actor['line']}" if actor["function"] else ""
    return f"{actor['status']}{at}{reason}"


def _root_facts(root: dict) -> list[str]:
    """Return what is true of a root, in a few words each."""
    if root.get("is_table") and root["state"] != "freed":
        return [root["state"]] * (root["state"] != "allocated") + [_place(root)]
    role = root["role"]
    facts = [root["state"]] if root["state"] != "allocated" else []
    facts += ["invalid" if role["invalid"] else "valid", f"refcount {root['refcount']}"]
    facts += [name for name in ("listed", "queued") if root[name]]
    facts += ["being zapped"] if root["running"] else []
    facts += [f"loaded by {', '.join(root['vcpus'])}"] if root["vcpus"] else []
    return facts


def _place(table: dict) -> str:
    """Return where a table below a root hangs."""
    parent = table["parent"]
    return "no SPTE leads here" if parent is None else f"below root {parent}"


def _changed(board: dict, prefix: str) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}.") for path in board["changed"])


def _edge(changed: bool) -> dict[str, object]:
    """Return the edge of a box: heavy where the last step changed something."""
    return {"stroke": "--ink" if changed else "--faint", "stroke_width": 2 if changed else 1}


# --- actors, on the left -----------------------------------------------------------------------


def _draw_actors(svg: Svg, board: dict, y: float) -> float:
    for actor in board["actors"]:
        colour = f"--a{actor['index'] % ACTOR_COLOURS}"
        svg.rect(_MARGIN, y, _HALF, _ACTOR - 6, rx=5, fill="--band")
        svg.rect(_MARGIN, y, 4, _ACTOR - 6, rx=2, fill=colour)
        svg.text(
            _MARGIN + 14, y + 17, actor["name"], "strong", fill=None, style=f"fill:var({colour})"
        )
        at = f"{actor['function']}:{actor['line']}" if actor["function"] else ""
        x = _MARGIN + 26 + text_width(actor["name"]) * 1.1
        status = actor["status"]
        room = _HALF - (x - _MARGIN) - text_width(status) - 24
        svg.text(x, y + 17, fit(at, room, 11.5, True), "code")
        cls = "strong bad" if status == "blocked" else "soft"
        svg.text(_MARGIN + _HALF - 10, y + 17, status, cls, text_anchor="end")
        words = actor["reason"] if status in ("blocked", "idle") else actor["next"]
        svg.text(_MARGIN + 14, y + 34, fit(words or "", _HALF - 28), "soft")
        y += _ACTOR
    return y


# --- locks, queue, requests, on the right ------------------------------------------------------


def _draw_facts(svg: Svg, board: dict, y: float) -> float:
    x = _MARGIN + _HALF + _GAP
    for name, words, changed in _facts(board):
        lines = wrap(words, _HALF - 150)
        height = 12 + 15 * len(lines)
        svg.rect(x, y, _HALF, height, rx=5, fill="--bg", **_edge(changed))
        svg.text(x + 10, y + 17, fit(name, 124), "soft")
        for place, line in enumerate(lines):
            svg.text(x + 140, y + 17 + 15 * place, line)
        y += height + 5
    return y


def _facts(board: dict) -> Iterable[tuple[str, str, bool]]:
    """Give (name, words, whether it changed) for everything that is not an actor or a root."""
    names = {root["index"]: root["name"] for root in board["roots"]}
    for lock in board["locks"]:
        path = f"locks.{lock['name']}"
        busy = lock["writer"] or lock["readers"] or lock["waiting"]
        if busy or _changed(board, path) or lock["name"] in ("mmu_lock", "slots_lock"):
            yield lock["name"], lock_text(lock), _changed(board, path)
    listed = [names.get(i, f"root {i}") for i in board["list"]]
    if board["uses"]["list"]:
        yield "tdp_mmu_roots", ", ".join(listed) or "empty", _changed(board, "list")
    queued = [names.get(i, f"root {i}") for i in board["queue"]]
    running = [root["name"] for root in board["roots"] if root["running"]]
    words = ", ".join(queued) or "empty"
    words += f"; running: {', '.join(running)}" if running else ""
    if board["uses"]["queue"]:
        yield "tdp_mmu_zap_wq", words, _changed(board, "queue")
    pending = [f"{r['vcpu']}: {', '.join(r['pending'])}" for r in board["requests"] if r["pending"]]
    if board["requests"]:
        yield "requests", "; ".join(pending) or "none", _changed(board, "requests")
    for tlb in board.get("tlb", ()):
        words = "; ".join(tlb["entries"]) or "empty"
        yield f"TLB of {tlb['vcpu']}", words, _changed(board, f"tlb.{tlb['vcpu']}")
    if board["rcu"]["readers"] or board["rcu"]["pending"]:
        readers = f"readers: {', '.join(board['rcu']['readers']) or 'none'}"
        waits = [
            f"{names.get(entry['root'], '?')} to be freed" for entry in board["rcu"]["pending"]
        ]
        yield "RCU", "; ".join([readers, *waits]), _changed(board, "rcu")
    for tlb in board.get("tlb", ()):
        path = f"tlb.{tlb['vcpu']}"
        yield f"TLB of {tlb['vcpu']}", "; ".join(tlb["entries"]) or "empty", _changed(board, path)
    for field, value in board["kvm"].items():
        yield field, str(value), _changed(board, f"kvm.{field}")


# --- roots, below ------------------------------------------------------------------------------


def _draw_roots(svg: Svg, board: dict, y: float) -> float:
    if not board["uses"]["roots"]:
        return y
    if not board["roots"]:
        svg.text(_MARGIN, y + 14, "No root is allocated yet.", "soft")
        return y + 22
    shape = board.get("shape", {"levels": 1})
    trees = shape["levels"] > 1
    shown = [
        page for page in board["roots"] if not trees or shape["slots"][page["index"]] == "root"
    ]
    x, height = float(_MARGIN), _ROOT_HEIGHT if trees else _ROOT_HEIGHT + 26 + _SPTE_HEIGHT
    for root in shown:
        width = _ROOT_WIDTH
        width = width if trees else max(width, len(root["sptes"]) * (_SPTE_WIDTH + 8) - 8)
        if x > _MARGIN and x + width > _WIDTH - _MARGIN:
            x, y = float(_MARGIN), y + height + 14
        _draw_root(svg, board, root, (x, y, width))
        if root["state"] != "freed" and not trees:
            _draw_sptes(svg, board, root, (x, y, width))
        x += width + _GAP
    if not trees:
        return y + height
    y += height + 10 if shown else 0
    return draw_page_tables(svg, board, (float(_MARGIN), y, _WIDTH - 2 * _MARGIN))


def _draw_root(svg: Svg, board: dict, root: dict, box: tuple[float, float, float]) -> None:
    x, y, width = box
    path = f"roots.{root['index']}"
    freed = root["state"] == "freed"
    changed = _changed(board, path)
    dashed = {"stroke_dasharray": "5 4"} if freed else {}
    svg.rect(x, y, width, _ROOT_HEIGHT, rx=6, fill="--band", **_edge(changed), **dashed)
    svg.text(x + 12, y + 20, root["name"], "strong")
    tag = root["state"] if freed else "invalid" if root["role"]["invalid"] else "valid"
    svg.text(
        x + width - 12,
        y + 20,
        tag,
        "strong bad" if tag != "valid" else "strong",
        text_anchor="end",
    )
    where = ", ".join(name for name in ("listed", "queued", "running") if root[name])
    if freed:
        svg.text(x + 12, y + 39, fit(where, width - 24), "soft")
        return
    svg.text(x + 12, y + 39, fit(_role_words(root["role"]), width - 24, 11), "small soft")
    svg.text(x + 12, y + 58, f"refcount {root['refcount']}", "strong")
    svg.text(x + 96, y + 58, fit(where, width - 108))
    loaded = f"loaded by {', '.join(root['vcpus']) or 'nobody'}"
    loaded += "; async_data set" if root["async_data"] else ""
    loaded += "".join(f"; {name}: {value}" for name, value in root["extra"].items())
    svg.text(x + 12, y + 77, fit(loaded, width - 24), "soft")


def _role_words(role: dict) -> str:
    """Return word and fields; that it is invalid stands at the top of the box already."""
    fields = re.sub(r" \([^)]*\)", "", role["text"]).removesuffix(", invalid")
    return f"{role['word']:#x}: {fields}"


def _draw_sptes(svg: Svg, board: dict, root: dict, box: tuple[float, float, float]) -> None:
    """Draw the entries of a root as its children; a live one is filled."""
    x, y, width = box
    top, stem = y + _ROOT_HEIGHT + 26, x + width / 2
    x += (width - len(root["sptes"]) * (_SPTE_WIDTH + 8) + 8) / 2
    for spte in root["sptes"]:
        middle = x + spte["index"] * (_SPTE_WIDTH + 8) + _SPTE_WIDTH / 2
        turn = y + _ROOT_HEIGHT + 12
        svg.line(
            [(stem, y + _ROOT_HEIGHT), (stem, turn), (middle, turn), (middle, top)],
            stroke="--soft" if spte["present"] else "--faint",
        )
        changed = _changed(board, f"roots.{root['index']}.sptes.{spte['index']}")
        edge = _edge(changed)
        if spte["present"]:
            edge["stroke"] = "--live"
        svg.rect(
            middle - _SPTE_WIDTH / 2, top, _SPTE_WIDTH, _SPTE_HEIGHT, rx=5, fill="--bg", **edge
        )
        if spte["present"]:
            svg.rect(middle - _SPTE_WIDTH / 2, top, 5, _SPTE_HEIGHT, rx=2, fill="--live")
        svg.text(middle, top + 16, f"SPTE {spte['index']}", "small strong", text_anchor="middle")
        leaf = spte["present"] and spte.get("child") is None
        words = "present" if leaf else spte.get("short", spte["text"]).replace("->", "→")
        svg.text(
            middle, top + 31, fit(words, _SPTE_WIDTH - 12, 11), "small soft", text_anchor="middle"
        )


def _draw_end(svg: Svg, board: dict, y: float) -> float:
    broken = board["broken"]
    if not broken:
        if board["end"]:
            svg.text(_MARGIN, y + 24, str(board["end"]), "soft")
            return y + 28
        return y
    lines = wrap(broken["sentence"] or "", _WIDTH - 2 * _MARGIN - 28)
    height = 32 + 17 * len(lines)
    svg.rect(_MARGIN, y + 14, _WIDTH - 2 * _MARGIN, height, rx=6, fill="--badbg", stroke="--bad")
    svg.text(_MARGIN + 14, y + 35, f"{broken['property']} is broken", "strong bad")
    for place, line in enumerate(lines):
        svg.text(_MARGIN + 14, y + 54 + 17 * place, line)
    return y + 14 + height
