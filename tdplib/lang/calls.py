"""
Calls in kernel Python: a unit's own functions (inlined) and the primitives.

Each primitive's arguments are read off its `params` letters in `symbols`; what remains special
stands in `SPECIAL`.
"""

from __future__ import annotations

import ast

from . import symbols
from .errors import nearest
from .expressions import _value, check_address, check_readable, kind_of
from .ir import Const, Place, Reg
from .refusals import refuse_depth, refuse_name
from .values import KIND_WORDS, MAX_CALL_DEPTH, Value, fits

SIMPLE = {
    "refcount_read": "LOAD", "refcount_set": "STORE", "refcount_inc": "REFINC",
    "refcount_inc_not_zero": "REFINCNZ", "refcount_dec": "REFDEC",
    "refcount_dec_and_test": "REFDECTEST", "READ_ONCE": "LOAD", "WRITE_ONCE": "STORE",
    "atomic_read": "LOAD", "atomic_set": "STORE", "atomic_inc": "ATOMICADD",
    "atomic_inc_return": "ATOMICADD", "xchg": "XCHG", "rcu_read_lock": "RCULOCK",
    "rcu_read_unlock": "RCUUNLOCK", "tdp_mmu_free_sp": "FREE", "rcu_barrier": "RCUBARRIER",
    "list_add_rcu": "LISTADD", "list_add_tail_rcu": "LISTADDTAIL", "list_del_rcu": "LISTDEL",
    "list_empty": "LISTEMPTY", "list_first_or_null_rcu": "LISTFIRST",
    "list_first_or_null": "LISTFIRST", "list_next_or_null_rcu": "LISTNEXT",
    "list_next_or_null": "LISTNEXT", "queue_work": "QUEUE", "kvm_make_all_cpus_request": "REQALL",
    "kvm_make_request": "REQMAKE", "kvm_test_request": "REQTEST", "kvm_check_request": "REQCHECK",
    "WARN_ON": "WARN", "WARN_ON_ONCE": "WARN", "BUG_ON": "WARN", "KVM_BUG_ON": "WARN",
    "tdp_mmu_alloc_sp": "ALLOC", "make_nonleaf_spte": "NONLEAF", "spte_to_child_sp": "CHILD",
    "model_notifier_returns": "NOTRETURN",
    "model_zap_begins": "ZAPBEGIN", "model_zap_ends": "ZAPEND", "model_marked_invalid": "MARKED",
    "wait_until": "WAITUNTIL", "tlb_access": "TLBACCESS", "tlb_flush": "TLBFLUSH",
    "tlb_flush_all": "TLBFLUSHALL",
    "read_lock": "RLOCK", "read_unlock": "RUNLOCK", "write_unlock": "WUNLOCK",
    "mutex_lock": "MLOCK", "spin_lock": "MLOCK", "mutex_unlock": "MUNLOCK",
    "spin_unlock": "MUNLOCK", "lockdep_assert_held": "ASSERTHELD",
    "lockdep_assert_held_read": "ASSERTREAD", "lockdep_assert_held_write": "ASSERTWRITE",
    "call_rcu": "CALLRCU", "INIT_WORK": "INITWORK", "rwlock_is_locked": "ISLOCKED",
    "mutex_is_locked": "ISLOCKED", "rwlock_is_write_locked": "ISWLOCKED",
    "work_pending": "PENDING",
}  # fmt: skip
#: Primitives that are several operations at one place.
SEQUENCES = {
    "write_lock": ("WLOCK", "WLOCK2"),
    "flush_workqueue": ("FLUSHBEGIN", "FLUSHWAIT"),
    "destroy_workqueue": ("FLUSHBEGIN", "FLUSHDESTROY"),
    "synchronize_rcu": ("SYNCBEGIN", "SYNCWAIT"),
    "cond_resched_rwlock_read": ("RUNLOCK", "RLOCK"),
    "cond_resched_rwlock_write": ("WUNLOCK", "WLOCK", "WLOCK2"),
}
ADVICE = {
    "f": "a field, such as `root.role.word`",
    "r": "a refcount field, such as `root.tdp_mmu_root_count`",
    "a": "an atomic_t or unsigned field", "l": "a lock, such as `kvm.slots_lock`",
    "w": "an rwlock: `kvm.mmu_lock`", "n": "a list node: `root.link`",
    "h": "a list head: `kvm.arch.tdp_mmu_roots`", "q": "a workqueue: `kvm.arch.tdp_mmu_zap_wq`",
    "k": "a work item: `root.tdp_mmu_async_work`", "H": "`root.rcu_head`",
    "p": "a pointer to a kvm_mmu_page", "s": "an SPTE, such as `root.spt[i]`",
    "c": "a vcpu", "K": "kvm", "W": "a pointer to a work item",
    "v": "a value", "R": "a request, such as KVM_REQ_MMU_FREE_OBSOLETE_ROOTS",
    "L": "a local that was set before", "F": "the name of a function", "N": "a name",
}  # fmt: skip
PLACE_TYPES = {
    "r": ("refcount_t",), "a": ("atomic_t", "u8", "u16", "u32"), "w": ("rwlock",),
    "l": symbols.LOCK_TYPES, "n": ("node",), "h": ("list",), "q": ("workqueue",), "k": ("work",),
    "H": ("rcu_head",),
}  # fmt: skip
VALUE_KINDS = {"p": "page", "c": "vcpu", "K": "kvm", "W": "work", "s": "num"}
BY_LOCK_TYPE = {
    "mutex_lock": "mutex",
    "mutex_unlock": "mutex",
    "mutex_is_locked": "mutex",
    "spin_lock": "spinlock",
    "spin_unlock": "spinlock",
}


def call(self, node: ast.Call, wanted: bool):
    """Lower a call; return its Value."""
    name = node.func.id
    if name in self.world.functions:
        return call_function(self, node, wanted)
    if name in symbols.PRIMITIVES:
        return primitive(self, node, symbols.PRIMITIVES[name])
    if name in symbols.LIST_ITERATORS:
        self.fail(
            node,
            f"`{name}` is used outside a `for`",
            f"write `for root in {name}(kvm.arch.tdp_mmu_roots):`",
        )
    return refuse_name(self, node)


# === functions of the units ===


def call_function(self, node: ast.Call, wanted: bool):
    """Inline a function of the units."""
    _, callee = self.world.functions[node.func.id]
    names = [a.arg for a in callee.args.args]
    if len(node.args) != len(names):
        self.fail(
            node,
            f"`{node.func.id}` takes {len(names)} argument{'s' * (len(names) != 1)} "
            f"({', '.join(names)}) and is given {len(node.args)}",
            "pass exactly these",
        )
    args = []
    for arg in node.args:
        value = self.expr(arg)
        if value.kind == "none":
            self.fail(arg, "this call gives no value", "pass a field or a local")
        args.append(value)
    if self.unreached:
        return unreached_call(self, args)
    return run_function(self, node, args)


def unreached_call(self, args: list):
    """
    A call in a branch that is never taken.

    Its arguments are read, its body is left out (which is what bounds a recursion).
    """
    for value in args:
        self.emit("MOV", dst=self.reg(value.kind), a=value.operand)
    dst = self.reg("any")
    self.emit("MOV", dst=dst, a=Const(0))
    return _value(dst, "any")


def run_function(self, node: ast.AST, args: list, name: str | None = None):
    """Inline the body of a function with evaluated arguments; return its Value."""
    name = name or node.func.id
    unit, callee = self.world.functions[name]
    caller, statement = self.scope, self.node
    if len(caller.chain) >= MAX_CALL_DEPTH:
        refuse_depth(self, node, (*caller.chain, name))
    self.flush_start()
    for parameter, value in zip(callee.args.args, args, strict=True):
        if isinstance(value.operand, Reg) and not reads(callee, parameter.arg):
            # an argument that the callee ignores was evaluated all the same
            self.emit("MOV", dst=self.reg(value.kind), a=value.operand)
    scope = self.enter(unit, callee, args, caller.chain)
    returns = [n for n in ast.walk(callee) if isinstance(n, ast.Return) and n.value is not None]
    self.scope = scope
    if returns:
        scope.result = self.reg("num")
    self.body(scope, callee.body)
    if scope.result is not None and falls_through(callee.body):
        self.emit("MOV", dst=scope.result, a=Const(0))
    self.place_label(scope.leave)
    kind = scope.result_kind or "none"
    if scope.result is not None and kind not in ("null", "none", "any"):
        scope.result.kind = kind
    self.scope, self.node, self.pending_start = caller, statement, False
    return Value(scope.result, kind) if scope.result is not None else Value(Const(0), "none")


def reads(function: ast.FunctionDef, name: str) -> bool:
    """Tell whether a function reads a name."""
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
        for n in ast.walk(function)
    )


def falls_through(body: list[ast.stmt]) -> bool:
    """Tell whether control can reach the end of these statements."""
    last = body[-1]
    if isinstance(last, ast.Return):
        return False
    if isinstance(last, ast.If) and last.orelse:
        return falls_through(last.body) or falls_through(last.orelse)
    return True


# === primitives ===


def primitive(self, node: ast.Call, row: symbols.Primitive):
    """Lower a primitive: its arguments by letter, then its operations."""
    if len(node.args) != len(row.params):
        needs = ", ".join(ADVICE[p].split(",")[0].split(":")[0] for p in row.params) or "none"
        self.fail(
            node,
            f"`{row.name}` takes {len(row.params)} argument{'s' * (len(row.params) != 1)} "
            f"({needs}) and is given {len(node.args)}",
            "pass exactly these",
        )
    parts = [
        argument(self, arg, letter, row.name)
        for arg, letter in zip(node.args, row.params, strict=True)
    ]
    if row.name in SPECIAL:
        return SPECIAL[row.name](self, node, parts)
    if row.name in SEQUENCES:
        return sequence(self, row, parts)
    if row.name in SIMPLE:
        return simple(self, row, parts)
    return _value(Const(0), "none")


def argument(self, node: ast.expr, letter: str, name: str):
    """Lower one argument by its letter: a Place, a Value, or a bare name."""
    if letter in "FN":
        if not isinstance(node, ast.Name):
            self.fail(node, f"`{name}` needs {ADVICE[letter]} here", "write the bare name")
        return node.id
    if letter == "L":
        known = self.scope.names.get(node.id) if isinstance(node, ast.Name) else None
        if known is None or not isinstance(known.operand, Reg):
            self.fail(
                node,
                f"`{name}` needs {ADVICE[letter]} here: it is refreshed when the exchange fails",
                "read the field into a local first",
            )
        return known
    if letter in "vpscKWR":
        return value_argument(self, node, letter, name)
    if not isinstance(node, (ast.Attribute, ast.Subscript)):
        self.fail(
            node, f"`{name}` needs {ADVICE[letter]} here, not a value", "name the field itself"
        )
    found = self.place(node)
    good = isinstance(found, Place) and (letter == "f" or found.type in PLACE_TYPES[letter])
    if not good and not self.unreached:
        self.fail(node, f"`{name}` needs {ADVICE[letter]} here", "name such a field")
    if letter == "f" and isinstance(found, Place):
        check_readable(self, node, found)
        check_address(self, node, found, name)
    wanted = BY_LOCK_TYPE.get(name)
    if wanted and isinstance(found, Place) and found.type != wanted:
        right = {
            "mutex": "mutex_lock / mutex_unlock",
            "spinlock": "spin_lock / spin_unlock",
            "rwlock": "read_lock or write_lock and their unlocks",
        }[found.type]
        self.fail(
            node,
            f"`{found.name}` is a {found.type}, and `{name}` works on a {wanted}",
            f"use {right}",
        )
    return found


def value_argument(self, node: ast.expr, letter: str, name: str):
    """Lower an argument that is a value of a given kind."""
    value = self.expr(node)
    wanted = VALUE_KINDS.get(letter)
    if letter == "R" and not (
        isinstance(value.operand, Const) and value.operand.value in symbols.REQUESTS.values()
    ):
        self.fail(node, f"`{name}` needs {ADVICE['R']} here", "use KVM_REQ_MMU_FREE_OBSOLETE_ROOTS")
    if (
        wanted
        and value.kind not in (wanted, "any")
        and not (value.kind == "null" and wanted in ("page", "work"))
    ):
        self.fail(node, f"`{name}` needs {ADVICE[letter]} here", "pass such a value")
    if value.kind == "none":
        self.fail(node, "this call gives no value", "pass a field or a local")
    return value


def operands(parts: list) -> dict:
    """Sort lowered arguments into an operation's place and its a, b operands."""
    places = [p for p in parts if isinstance(p, Place)]
    values = [p.operand for p in parts if isinstance(p, Value)]
    found = {}
    if places:
        found["place"] = places[0]
    for slot, operand in zip("ab", values, strict=False):
        found[slot] = operand
    return found


def simple(self, row: symbols.Primitive, parts: list):
    """A primitive that is one operation."""
    found = operands(parts)
    if row.name in ("atomic_inc", "atomic_inc_return"):
        found["a"] = Const(1)
    if row.name in ("list_add_rcu", "list_add_tail_rcu", "queue_work"):
        found["b"] = next(
            p for p in parts if isinstance(p, Place) and p.type in ("list", "workqueue")
        ).obj
        found["place"] = next(
            p for p in parts if isinstance(p, Place) and p.type in ("node", "work")
        )
    if row.name == "kvm_make_all_cpus_request":
        found = {"a": found["a"]}
    if row.name in ("kvm_make_request", "kvm_test_request", "kvm_check_request"):
        found = {"a": found["b"]}
    if row.name in ("WARN_ON", "WARN_ON_ONCE", "BUG_ON", "KVM_BUG_ON"):
        found.pop("b", None)
    if row.name == "model_notifier_returns":
        found = {"a": found["b"]}
    if SIMPLE[row.name] == "STORE":
        check_store(self, parts)
    kind = row.gives
    if kind == "value":
        kind = kind_of(parts[0])
        if len(parts) > 1:
            check_store(self, parts)
    kind = {"bool": "num"}.get(kind, kind)
    dst = (
        self.reg(kind)
        if kind != "none" and row.name not in ("WARN_ON", "WARN_ON_ONCE", "BUG_ON", "KVM_BUG_ON")
        else None
    )
    lock = found["place"].name if row.params in ("w", "l") else None
    if "place" in found and not isinstance(found["place"], Place):
        found.pop("place")
    self.emit(SIMPLE[row.name], dst=dst, lock=lock, visible=row.visible, **found)
    return _value(dst if dst is not None else Const(0), kind)


def check_store(self, parts: list) -> None:
    """Refuse to store a value of another kind than the field's."""
    for part in parts[1:]:
        if isinstance(part, Value) and not fits(kind_of(parts[0]), part.kind):
            self.fail(
                self.node,
                f"`{parts[0].name}` holds a {KIND_WORDS[kind_of(parts[0])]} "
                f"and is given a {KIND_WORDS[part.kind]}",
                "store the same kind",
            )


def sequence(self, row: symbols.Primitive, parts: list):
    """A primitive of several operations at one place (section 6 of the reference)."""
    place = parts[0] if parts else None
    lock = place.name if place is not None and row.params == "w" else None
    note = self.reg("note") if "BEGIN" in SEQUENCES[row.name][0] else None
    for code in SEQUENCES[row.name]:
        dst = note if "BEGIN" in code else None
        self.emit(
            code,
            dst=dst,
            a=note if note is not None and dst is None else None,
            place=place,
            lock=lock,
            visible=True,
            again=row.name.startswith("cond_resched"),
        )
    return _value(Const(1), "num") if row.gives == "bool" else _value(Const(0), "none")


def _cmpxchg(self, node, parts):
    place, old, new = parts
    check_store(self, parts)
    dst = self.reg(kind_of(place))
    self.emit("CMPXCHG", dst=dst, place=place, a=new.operand, b=old.operand, visible=True)
    return _value(dst, kind_of(place))


def _try_cmpxchg(self, node, parts):
    place, old, new = parts
    check_store(self, parts)
    dst = self.reg("num")
    self.emit("TRYCMPXCHG", dst=dst, place=place, a=new.operand, b=old.operand, visible=True)
    return _value(dst, "num")


def _atomic_dec(self, node, parts):
    dst = self.reg("num")
    self.emit("ATOMICADD", dst=dst, place=parts[0], a=Const(-1), visible=True)
    return _value(Const(0), "none")


def _atomic_dec_and_test(self, node, parts):
    left, dst = self.reg("num"), self.reg("num")
    self.emit("ATOMICADD", dst=left, place=parts[0], a=Const(-1), visible=True)
    self.emit("EQ", dst=dst, a=left, b=Const(0))
    return _value(dst, "num")


def _container_of(self, node, parts):
    work, struct, member = parts
    if (struct, member) != ("kvm_mmu_page", "tdp_mmu_async_work"):
        self.fail(
            node,
            f"container_of knows no `{struct}` with a `{member}`",
            "write container_of(work, kvm_mmu_page, tdp_mmu_async_work)",
        )
    return _value(work.operand, "page")


def _init_work(self, node, parts):
    place, function = parts
    if function not in self.world.functions:
        hint = nearest(function, self.world.functions)
        self.fail(
            node,
            f"there is no function `{function}`",
            f"did you mean `{hint}`?" if hint else "define the work function",
        )
    if self.world.work_function not in (None, function):
        self.fail(
            node,
            f"a second work function, `{function}`, beside `{self.world.work_function}`",
            "one program has one work function",
        )
    self.emit("INITWORK", place=place, visible=True)
    return _value(Const(0), "none")


def _call_rcu(self, node, parts):
    place, function = parts
    if function != "tdp_mmu_free_sp_rcu_callback":
        self.fail(
            node,
            f"call_rcu knows no callback `{function}`",
            "write call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)",
        )
    self.emit("CALLRCU", place=place, visible=True)
    return _value(Const(0), "none")


def _run_work(self, node, parts):
    if self.world.work_function is None:
        return _value(Const(0), "none")
    if not self.unreached:
        run_function(self, node, [parts[0]], self.world.work_function)
    return _value(Const(0), "none")


def _update_note(self, node, parts):
    """
    Remember, in a hidden register, the pages that exist when an update begins.

    Its return looks at them.
    """
    if self.update_note is None:
        self.update_note = self.reg("note")
    begins = node.func.id == "model_update_begins"
    parts = {"dst": self.update_note} if begins else {"a": self.update_note}
    self.emit("UPDBEGIN" if begins else "UPDRETURN", visible=True, **parts)
    if not begins:
        self.emit("MOV", dst=self.update_note, a=Const(0))
    return _value(Const(0), "none")


def _workqueue(self, node, parts):
    """
    Take or finish an item.

    A hidden register remembers which one is running, for a flush to count.
    """
    if self.running is None:
        self.running = self.reg("running")
    if node.func.id == "workqueue_done":
        self.emit("WQDONE", a=self.running, place=parts[0], visible=True)
        return _value(Const(0), "none")
    work = self.reg("work")
    self.emit("WQNEXT", dst=work, place=parts[0], visible=True)
    self.emit("MOV", dst=self.running, a=work)
    return _value(work, "work")


SPECIAL = {
    "workqueue_next": _workqueue,
    "workqueue_done": _workqueue,
    "model_update_begins": _update_note,
    "model_update_returns": _update_note,
    "cmpxchg": _cmpxchg,
    "try_cmpxchg": _try_cmpxchg,
    "atomic_dec": _atomic_dec,
    "atomic_dec_and_test": _atomic_dec_and_test,
    "container_of": _container_of,
    "INIT_WORK": _init_work,
    "call_rcu": _call_rcu,
    "run_work": _run_work,
}
