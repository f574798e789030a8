"""One state as plain data: the Board that widgets, pictures and texts show."""

from __future__ import annotations

import ast

from ..lang import symbols
from ..vm import codes as c
from ..vm import decode
from ..vm.system import System
from ..words import role as role_word
from ..words import spte as spte_word
from . import narrate
from .stepping import peek, take

STATES = {c.ALLOCATED: "allocated", c.FREEING: "freeing", c.FREED: "freed"}
OWN_FIELDS = (
    "role",
    "tdp_mmu_root_count",
    "spt",
    "tdp_mmu_async_data",
    "state",
    "next",
    "on",
    "inited",
    "zapped",
    "marked",
)


def letter(actor: int) -> str:
    """Return the letter of an actor in a schedule code."""
    return chr(ord("a") + actor)


def names(system: System) -> list[str]:
    """Return the actors' names."""
    return [actor.name for actor in system.actors]


def role_entry(word: int) -> dict:
    """Return a role word decoded."""
    layout = role_word.layout("v5.18")
    bits = [
        {
            "name": f.name,
            "shift": f.shift,
            "width": f.width,
            "value": (word >> f.shift) & ((1 << f.width) - 1),
        }
        for f in layout.fields
    ]
    invalid = (word >> symbols.ROLE_BITS["invalid"][0]) & 1
    return {
        "word": word,
        "text": role_word.describe(word, "v5.18"),
        "invalid": bool(invalid),
        "bits": bits,
    }


def root_entry(system: System, st, page: int, extra: dict) -> dict:
    """Return one page slot: a root, or with two levels perhaps a table below one."""
    name = narrate.namer(system, st)

    def of(name: str, idx: int = 0) -> int:
        return decode.lookup(system, st, "page", name, page, idx)

    present = 1 << c.PRESENT_BIT
    sptes = (
        [of("spt", k) for k in range(system.entries)]
        if ("page", "spt", 0, 0, None) in system.image.fields
        else []
    )
    vcpus = [
        f"vCPU {v}"
        for v in range(system.vcpus)
        if decode.lookup(system, st, "vcpu", "root", v) == page + 1
    ]
    own = {
        field: narrate.value_text(
            system.image.rows[row].type, decode.field_value(system, st, row), name
        )
        for (owner, field, obj, _idx, bit), row in system.image.fields.items()
        if owner == "page"
        and obj == page
        and bit is None
        and field not in OWN_FIELDS
        and system.image.rows[row].const is None
    }
    return {
        "index": page,
        "name": name(page + 1),
        "parent": decode.parent(system, st, page),
        "is_table": 0 < decode.level(system, st, page) < system.levels,
        "state": STATES.get(of("state"), "allocated"),
        "role": role_entry(of("role")),
        "refcount": of("tdp_mmu_root_count"),
        "listed": page in extra["list"],
        "queued": page in extra["queue"],
        "running": page in extra["running"].values(),
        "async_data": bool(of("tdp_mmu_async_data")),
        "zapped": bool(of("zapped")),
        "sptes": [
            {
                "index": k,
                "value": v,
                "present": bool(v & present),
                "child": decode.child(system, v),
                **spte_words(system, v, decode.level(system, st, page), name),
            }
            for k, v in enumerate(sptes)
        ],
        "vcpus": vcpus,
        "extra": own,
    }


def spte_words(system: System, spte: int, level: int, name: narrate.Namer) -> dict[str, str]:
    """
    Return an SPTE in words: `kind` (nothing, removed, table, leaf, other), `short` and `text`.

    level : that of the table it stands in; what is a leaf there although tables may lie below is a
        large one.
    """
    child = decode.child(system, spte)
    if child is not None:
        called = name(child + 1)
        return {"kind": "table", "short": f"-> {called}", "text": f"leads to {called}"}
    text = spte_word.describe(spte)
    if spte_word.is_removed_spte(spte):
        return {"kind": "removed", "short": "REMOVED", "text": text}
    if not spte_word.is_shadow_present_pte(spte):
        kind, short = ("other", f"{spte:#x}") if spte else ("nothing", "not present")
        return {"kind": kind, "short": short, "text": text}
    pfn = f"pfn {spte_word.spte_to_pfn(spte):#x}"
    size = ""
    if 1 < level <= system.levels:
        size, text = "large, ", f"large leaf, {pfn}, {spte_word.describe_access(spte)}"
    return {"kind": "leaf", "short": f"{size}{pfn} {spte_letters(spte)}", "text": text}


def spte_letters(spte: int) -> str:
    """Return what a leaf allows and has seen, a letter each: W, A and D; "read-only" for no W."""
    fields = spte_word.unpack(spte)
    letters = {"writable": "W", "accessed": "A", "dirty": "D"}
    allowed = "" if fields["writable"] else "read-only "
    return (allowed + " ".join(short for key, short in letters.items() if fields[key])).strip()


def slot_kinds(system: System, st, before: list[str]) -> list[str]:
    """
    Return what each page slot has been by now: "root", "table", or "" for nothing yet.

    A slot is handed out once and keeps its kind, also when it is freed and its role is gone.

    before : the same of the state before.
    """
    if system.levels == 1:
        return ["root"] * system.pages
    levels = [decode.level(system, st, page) for page in range(system.pages)]
    names = {0: "", system.levels: "root"}
    return [names.get(level, "table") or was for level, was in zip(levels, before, strict=True)]


def lock_entries(system: System, st) -> list[dict]:
    """Return the locks that this system uses."""
    used = {n.op.lock for code, _ in system.codes for n in code.nodes if n.op.lock}
    held, called = decode.holders(system, st), names(system)
    kinds = {"mmu_lock": "rwlock", "tdp_mmu_pages_lock": "spinlock"}
    found = []
    for lock in symbols.LOCK_RANK:
        if lock in used:
            h = held[lock]
            writer = called[h["writer"][0]] if h["writer"] else None
            found.append(
                {
                    "name": lock,
                    "kind": kinds.get(lock, "mutex"),
                    "writer": writer,
                    "readers": [called[k] for k in h["readers"]],
                    "waiting": [called[k] for k in h["waiting"]],
                }
            )
    return found


def why_blocked(system: System, st, actor: int, node) -> str:
    """Return on what and on whom a blocked actor waits."""
    op, called = node.op, names(system)
    if op.lock:
        h = decode.holders(system, st)[op.lock]
        parts = []
        if h["writer"]:
            parts.append(
                f"held {'for write ' if op.code != 'MLOCK' else ''}by {called[h['writer'][0]]}"
            )
        if h["readers"] and op.code != "RLOCK":
            parts.append("held for read by " + " and ".join(called[k] for k in h["readers"]))
        waiting = [called[k] for k in h["waiting"] if k != actor]
        if waiting and op.code == "RLOCK":
            parts.append(f"{' and '.join(waiting)} queues for it as a writer")
        return f"waits for {op.lock}: " + ", ".join(parts or ["it is taken"])
    if op.code in ("FLUSHWAIT", "FLUSHDESTROY"):
        note = next(
            (
                v
                for r, v in decode.standing(system, st, actor).values.items()
                if r is not None and r.kind == "note" and r is op.a
            ),
            0,
        )
        pages = [f"root {p}" for p in range(system.pages) if note >> (2 * p) & 3]
        return "waits for the work item of " + " and ".join(pages) + " to finish"
    if op.code == "WAITUNTIL":
        return "waits until " + narrate.awaited(op).replace(" have", " has")
    if op.code == "WQNEXT":
        return "waits for work: nothing is queued"
    if op.code == "SYNCWAIT":
        return "waits for the RCU readers that were inside"
    return "waits for the call_rcu callbacks" if op.code == "RCUBARRIER" else "cannot move"


def actor_entry(system: System, st, actor: int, mode: int, ended: str) -> dict:
    """Return one actor: where it stands and what it does next."""
    stands = decode.standing(system, st, actor)
    code, _ = system.codes[actor]
    frames = code.program.frames
    chain, at = [], stands.node.op.frame
    while at is not None:
        chain.insert(0, frames[at].function)
        at = frames[at].parent
    frame = frames[stands.node.op.frame]
    node, values = peek(system, st, actor, mode)
    status, reason = "ready", ""
    if stands.node.op.code == "END":
        status = "done"
    elif ended:
        status, reason = "blocked", ended
    elif take(system, st, actor, mode) is None:
        idle = node.op.code == "WQNEXT"
        status, reason = "idle" if idle else "blocked", why_blocked(system, st, actor, node)
    entry = system.actors[actor]
    return {
        "index": actor,
        "letter": letter(actor),
        "name": entry.name,
        "kind": entry.kind,
        "status": status,
        "reason": reason,
        "stack": chain,
        "function": frame.function,
        "file": frame.unit,
        "line": stands.node.op.line,
        "next": "has ended"
        if status == "done"
        else narrate.next_text(node, values, narrate.namer(system, st)),
        "locals": locals_of(stands, frame, narrate.namer(system, st)),
    }


def locals_of(stands: decode.Standing, frame, called: narrate.Namer) -> dict[str, str]:
    """Return the live locals of the innermost call as text."""
    found = {}
    for name, value in frame.names.items():
        reg = value.operand
        if reg in stands.values:
            number = stands.values[reg]
            kind = {"page": "page", "work": "page", "kvm": "kvm_ptr"}.get(value.kind, "u64")
            found[name] = narrate.value_text(kind, number, called)
    return found


def sources(system: System) -> dict[str, dict]:
    """
    Return the source lines of every function some actor can be in.

    By name: {"file", "first", "lines"}.
    """
    used = {f.function for code, _ in system.codes for f in code.program.frames}
    found = {}
    for name in sorted(used):
        unit, node = system.world.functions[name]
        span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        found[name] = {
            "file": unit.name,
            "first": node.lineno,
            "lines": [unit.line(k) for k in span],
            "doc": ast.get_docstring(node) or "",
        }
    return found


def uses(system: System) -> dict[str, bool]:
    """
    Return which parts of the shared state the programs of a system can touch at all.

    What is False here need not be shown: it stays as it was at the start.
    """
    fields = {key[:2] for key in system.image.fields}
    ops = {n.op.code for code, _ in system.codes for n in code.nodes}
    return {
        "roots": "ALLOC" in ops,
        "role": ("page", "role") in fields,
        "refcount": ("page", "tdp_mmu_root_count") in fields,
        "vcpus": ("vcpu", "root") in fields,
        "list": ("model", "head") in fields,
        "queue": bool(system.image.uses_queue),
        "async_data": ("page", "tdp_mmu_async_data") in fields,
        "sptes": ("page", "spt") in fields,
        "readers": bool(ops & {"RCULOCK", "SYNCBEGIN"}),
        "grace": "CALLRCU" in ops,
    }


def state_entries(system: System, st) -> dict:
    """Return the parts of a Board that show the state itself."""
    extra = {
        "list": decode.root_list(system, st),
        "queue": decode.queue(system, st),
        "running": decode.running(system, st),
    }
    called = names(system)
    pages = [
        p
        for p in range(system.pages)
        if decode.lookup(system, st, "page", "state", p) != c.UNALLOCATED
    ]
    requests = []
    if ("vcpu", "requests", 0, 0, None) in system.image.fields:
        for v in range(system.vcpus):
            requests.append(
                {
                    "vcpu": f"vCPU {v}",
                    "pending": ["FREE_OBSOLETE_ROOTS"]
                    if decode.lookup(system, st, "vcpu", "requests", v)
                    else [],
                }
            )
    remembered = decode.translations(system, st)
    tlb = [
        {"vcpu": f"vCPU {v}", "entries": [tlb_text(*each) for each in entries]}
        for v, entries in enumerate(remembered)
    ]
    waits = [
        {"root": p, "waits_for": [called[k] for k in who]}
        for p, who in decode.grace(system, st).items()
    ]
    kvm = {
        name: narrate.value_text(
            system.image.rows[row].type,
            decode.field_value(system, st, row),
            narrate.namer(system, st),
        )
        for (owner, name, _o, _i, bit), row in system.image.fields.items()
        if owner == "kvm" and bit is None and system.image.rows[row].const is None
    }
    return {
        "roots": [root_entry(system, st, p, extra) for p in pages],
        "list": extra["list"],
        "queue": extra["queue"],
        "locks": lock_entries(system, st),
        "requests": requests,
        "tlb": tlb,
        "rcu": {"readers": [called[k] for k in decode.readers(system, st)], "pending": waits},
        "kvm": kvm,
    }


def tlb_text(gfn: int, root: int | None, mark: str) -> str:
    """Return what a vCPU's processor remembers of one gfn."""
    through = f" through root {root}" if root is not None else ""
    return f"gfn {gfn}{through}{': ' + mark if mark else ''}"


def changed(before: dict, after: dict) -> list[str]:
    """
    Return the paths of what differs between the state parts of two Boards.

    For example "roots.0.refcount".
    """
    found: list[str] = []
    for part in ("roots", "locks", "requests", "tlb", "rcu", "kvm", "list", "queue"):
        compare(part, before.get(part), after.get(part), found)
    return found


def compare(path: str, old, new, found: list[str]) -> None:
    """Add to `found` the paths below `path` where two plain values differ."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in new:
            compare(f"{path}.{key}", old.get(key), new[key], found)
    elif isinstance(old, list) and isinstance(new, list) and new and isinstance(new[0], dict):
        keyed = {item_key(item, k): item for k, item in enumerate(old)}
        for k, item in enumerate(new):
            key = item_key(item, k)
            if key not in keyed:
                found.append(f"{path}.{key}")
            else:
                compare(f"{path}.{key}", keyed[key], item, found)
        if len(old) > len(new):
            found.append(path)
    else:
        found.append(path)


def item_key(item: dict, k: int) -> str:
    """Return how an item of a list is named in a path."""
    for key in ("index", "name", "vcpu", "root"):
        if key in item:
            return str(item[key])
    return str(k)
