"""
Expressions and places of kernel Python: what a name, a field path, an operator gives.

These are methods of `lower.Lowering`, kept here because they are one subject: from an `ast.expr` to
a `Value` or a `Place`.
"""

from __future__ import annotations

import ast
import operator

from . import symbols
from .errors import nearest
from .ir import Const, Operand, Place, Reg
from .values import KIND_WORDS, Value, fits

BINARY = {
    ast.Add: ("ADD", operator.add),
    ast.Sub: ("SUB", operator.sub),
    ast.Mult: ("MUL", operator.mul),
    ast.FloorDiv: ("DIV", operator.floordiv),
    ast.Mod: ("MOD", operator.mod),
    ast.BitAnd: ("AND", operator.and_),
    ast.BitOr: ("OR", operator.or_),
    ast.BitXor: ("XOR", operator.xor),
    ast.LShift: ("SHL", operator.lshift),
    ast.RShift: ("SHR", operator.rshift),
}
COMPARE = {
    ast.Eq: ("EQ", operator.eq),
    ast.NotEq: ("NE", operator.ne),
    ast.Lt: ("LT", operator.lt),
    ast.LtE: ("LE", operator.le),
    ast.Gt: ("GT", operator.gt),
    ast.GtE: ("GE", operator.ge),
    ast.Is: ("EQ", operator.eq),
    ast.IsNot: ("NE", operator.ne),
}
WORD = 1 << 62
ROLE_WORD_BITS = (0, 32)
READABLE = (*symbols.NUMBER_LIMITS, "page", "kvm_ptr", "role", "bits")


def _value(operand, kind):
    return Value(operand, kind)


def expr(self, node: ast.expr, wanted: bool = True):
    """Lower an expression; return its Value. Parts are evaluated left to right."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return _value(Const(0), "null")
        return _value(Const(int(node.value)), "num")
    if isinstance(node, ast.Name):
        return self.name(node)
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return read(self, node)
    if isinstance(node, ast.BinOp):
        return binary(self, node)
    if isinstance(node, ast.UnaryOp):
        return unary(self, node)
    if isinstance(node, ast.Compare):
        return compare(self, node)
    if isinstance(node, ast.BoolOp):
        return boolean(self, node)
    if isinstance(node, ast.Call):
        return self.call(node, wanted)
    return self.fail(
        node, "this is not an expression of kernel Python", "see tdplib/lang/REFERENCE.md"
    )


def name(self, node: ast.Name):
    """The value of a name: a local, or a constant."""
    if node.id in self.scope.names:
        return self.scope.names[node.id]
    if node.id in self.world.constants:
        return _value(Const(self.world.constants[node.id]), "num")
    if node.id in self.world.functions or node.id in symbols.PRIMITIVES:
        self.fail(
            node,
            f"`{node.id}` is a function and is used here as a value",
            f"call it: `{node.id}(...)`",
        )
    known = [*self.scope.names, *self.world.constants]
    hint = nearest(node.id, known)
    if node.id in self.scope.assigned:
        return self.fail(
            node, f"`{node.id}` is read before it is set", f"set `{node.id}` first, on every path"
        )
    return self.fail(
        node,
        f"the name `{node.id}` does not exist here",
        f"did you mean `{hint}`?" if hint else "set it first, or pass it as an argument",
    )


def number(self, node: ast.expr) -> Operand:
    """Lower an expression that must give a number."""
    value = self.expr(node)
    if value.kind not in ("num", "any"):
        self.fail(
            node,
            f"a number is needed here and this is a {KIND_WORDS[value.kind]}",
            "use a field or a number",
        )
    return value.operand


def condition(self, node: ast.expr):
    """Lower a test: a number or a pointer (None is false)."""
    value = self.expr(node)
    if value.kind in ("role", "none"):
        self.fail(
            node,
            f"a condition is needed here and this is {KIND_WORDS[value.kind]}",
            "test one of its bits, such as `role.invalid`",
        )
    return value


def binary(self, node: ast.BinOp):
    """Arithmetic and bit operators on numbers."""
    code, fold = BINARY[type(node.op)]
    a, b = self.number(node.left), self.number(node.right)
    if isinstance(a, Const) and isinstance(b, Const):
        return _value(Const(folded(self, node, fold, a, b)), "num")
    dst = self.reg("num")
    self.emit(code, dst=dst, a=a, b=b)
    return _value(dst, "num")


def folded(self, node, fold, a: Const, b: Const) -> int:
    """Compute an operator on two constants, within 63 bits."""
    if fold in (operator.lshift, operator.rshift) and not 0 <= b.value < 63:
        self.fail(node, f"a shift by {b.value}", "shift by 0 to 62")
    if fold in (operator.floordiv, operator.mod) and b.value == 0:
        self.fail(node, "a division by zero", "divide by something else")
    value = fold(a.value, b.value)
    if abs(value) > 2 * WORD - 1:
        self.fail(node, "this constant needs more than 63 bits", "use a smaller number")
    return value


def unary(self, node: ast.UnaryOp):
    """`not`, `~`, `-`."""
    if isinstance(node.op, ast.Not):
        a = self.condition(node.operand).operand
        if isinstance(a, Const):
            return _value(Const(int(not a.value)), "num")
        dst = self.reg("num")
        self.emit("NOT", dst=dst, a=a)
        return _value(dst, "num")
    a = self.number(node.operand)
    if isinstance(node.op, ast.UAdd):
        return _value(a, "num")
    invert = isinstance(node.op, ast.Invert)
    if isinstance(a, Const):
        return _value(Const(~a.value if invert else -a.value), "num")
    dst = self.reg("num")
    self.emit(
        "XOR" if invert else "SUB",
        dst=dst,
        a=a if invert else Const(0),
        b=Const(-1) if invert else a,
    )
    return _value(dst, "num")


def compare(self, node: ast.Compare):
    """One comparison. Pointers compare for equality only."""
    code, fold = COMPARE[type(node.ops[0])]
    left, right = self.expr(node.left), self.expr(node.comparators[0])
    if not (fits(left.kind, right.kind) or fits(right.kind, left.kind)):
        self.fail(
            node,
            f"this compares a {KIND_WORDS[left.kind]} with a {KIND_WORDS[right.kind]}",
            "compare two of a kind (a role by its `.word`)",
        )
    if "none" in (left.kind, right.kind):
        self.fail(node, "this call gives no value to compare", "compare a field or a local")
    if left.kind != "num" and code not in ("EQ", "NE") and left.kind != "any":
        self.fail(node, "pointers have no order", "compare pointers with `==`, `!=`, `is None`")
    a, b = left.operand, right.operand
    if isinstance(a, Const) and isinstance(b, Const):
        return _value(Const(int(fold(a.value, b.value))), "num")
    dst = self.reg("num")
    self.emit(code, dst=dst, a=a, b=b)
    return _value(dst, "num")


def boolean(self, node: ast.BoolOp):
    """`and` / `or`: the right side is evaluated only if it still matters; the result is 0 or 1."""
    stop_on = 0 if isinstance(node.op, ast.And) else 1
    dst, end = None, self.label()
    for k, part in enumerate(node.values):
        value = self.condition(part)
        last = k == len(node.values) - 1
        if isinstance(value.operand, Const):
            decided = bool(value.operand.value) == bool(stop_on)
            if dst is None and not decided and not last:
                continue
            if dst is None and decided and not last:
                self.never_evaluated(node.values[k + 1 :])
            if dst is None:
                return _value(Const(int(bool(value.operand.value))), "num")
        if dst is None:
            dst = self.reg("num")
        self.emit("NE", dst=dst, a=value.operand, b=Const(0))
        if not last:
            self.emit("BNZ" if stop_on else "BZ", a=dst, target=end)
    self.place_label(end)
    return _value(dst, "num")


def never_evaluated(self, parts: list[ast.expr]) -> None:
    """
    Lower what `and` / `or` never comes to, behind a branch that is never taken.

    Slips are told, locals read there stay live.
    """
    over = self.label()
    self.emit("BNZ", a=Const(1), target=over)
    self.unreached += 1
    for part in parts:
        value = self.condition(part)
        self.emit("MOV", dst=self.reg(value.kind), a=value.operand)
    self.unreached -= 1
    self.place_label(over)


# === field paths ===


def read(self, node: ast.expr):
    """Read a field (one visible operation), or a part of a local role (private)."""
    role = local_role(self, node)
    if role is not None:
        reg, (shift, width) = role
        return _value(extract(self, reg, shift, width), "num")
    found = self.place(node)
    if isinstance(found, tuple):
        return _value(*found)
    check_readable(self, node, found)
    kind = kind_of(found)
    dst = self.reg(kind)
    self.emit("LOAD", dst=dst, place=found, visible=True)
    return _value(dst, kind)


def check_readable(self, node: ast.expr, found: Place) -> None:
    """Refuse a lock, a list or a work item where a value is needed."""
    if found.type not in READABLE:
        advice = {
            "list": "walk it with `for x in list_for_each_entry(...)`",
            "workqueue": "use queue_work(...) or flush_workqueue(...)",
            "work": "use INIT_WORK(...) or queue_work(...)",
            "table": "read one entry: `.spt[i]`",
        }.get(found.type, f"`{found.name}` is used through its primitives, such as read_lock(...)")
        self.fail(node, f"`{found.name}` is a {found.type}, not a value", advice)


def check_address(self, node: ast.expr, found: Place, name: str) -> None:
    """Refuse to exchange a single bit-field: in C it has no address."""
    if found.type == "bits" and name in ("xchg", "cmpxchg", "try_cmpxchg"):
        self.fail(
            node,
            f"`{name}` on a bit-field, which in C has no address",
            "exchange the whole word, `root.role.word`, and look at the bit in what comes out",
        )


def kind_of(found: Place) -> str:
    """Return the kind of value a place holds."""
    if found.bit is not None:
        return "num"
    return {"page": "page", "kvm_ptr": "kvm", "role": "role"}.get(found.type, "num")


def extract(self, reg: Reg | Const, shift: int, width: int) -> Operand:
    """Take bits out of a local role."""
    if (shift, width) == ROLE_WORD_BITS:
        return reg
    moved = self.reg("num")
    self.emit("SHR", dst=moved, a=reg, b=Const(shift))
    dst = self.reg("num")
    self.emit("AND", dst=dst, a=moved, b=Const((1 << width) - 1))
    return dst


def local_role(self, node: ast.expr):
    """If `node` is `local.field` of a local role, return (register, (shift, width)), else None."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    known = self.scope.names.get(node.value.id)
    if known is None or known.kind != "role":
        return None
    return known.operand, role_bits(self, node)


def role_bits(self, node: ast.Attribute) -> tuple[int, int]:
    """Return (shift, width) of a member of the role union."""
    if node.attr == "word":
        return ROLE_WORD_BITS
    if node.attr in symbols.ROLE_BITS:
        return symbols.ROLE_BITS[node.attr]
    hint = nearest(node.attr, ["word", *symbols.ROLE_BITS])
    return self.fail(
        node,
        f"a role has no field `{node.attr}`",
        f"did you mean `.{hint}`?" if hint else "see `tdplib.words.role`",
    )


def store(self, target: ast.expr, value) -> None:
    """Store into a field (one visible operation), or into a part of a local role (private)."""
    role = local_role(self, target)
    if role is not None:
        store_role(self, target, role, value)
        return
    found = self.place(target)
    if isinstance(found, tuple):
        self.fail(
            target,
            "this is fixed and cannot be assigned",
            "assign a field of kvm, a vcpu or a page",
        )
    check_readable(self, target, found)
    kind = kind_of(found)
    if not fits(kind, value.kind):
        self.fail(
            target,
            f"`{found.name}` holds a {KIND_WORDS[kind]} and "
            f"is given {article(KIND_WORDS[value.kind])}",
            "store the same kind" + (" (`.role.word` takes a number)" if kind == "role" else ""),
        )
    self.emit("STORE", place=found, a=value.operand, visible=True)


def article(words: str) -> str:
    """Return the words with an article, where they want one."""
    return words if words in ("None", "nothing") else f"a {words}"


def store_role(self, target: ast.Attribute, role, value) -> None:
    """Change bits of a local role."""
    reg, (shift, width) = role
    if not fits("num", value.kind):
        self.fail(target, "a role's field holds a number", "store a number")
    if not isinstance(reg, Reg):
        self.fail(
            target,
            "this role is an argument that cannot be changed here",
            "copy it to a local first",
        )
    if (shift, width) == ROLE_WORD_BITS:
        self.emit("MOV", dst=reg, a=value.operand)
        return
    mask = (1 << width) - 1
    low, moved = self.reg("num"), self.reg("num")
    if width == 1:
        self.emit("NE", dst=low, a=value.operand, b=Const(0))
    else:
        self.emit("AND", dst=low, a=value.operand, b=Const(mask))
    self.emit("SHL", dst=moved, a=low, b=Const(shift))
    kept = self.reg("num")
    self.emit("AND", dst=kept, a=reg, b=Const(0xFFFF_FFFF & ~(mask << shift)))
    self.emit("OR", dst=reg, a=kept, b=moved)


def place(self, node: ast.expr):
    """
    Resolve a field path to a Place; pointers on the way are read (each one a visible operation).

    A constant member (`vcpu.kvm`, `vcpu.vcpu_id`) gives (operand, kind) instead.
    """
    if isinstance(node, ast.Subscript):
        return element(self, node)
    if isinstance(node, ast.Name):
        self.fail(
            node,
            f"`{node.id}` is not a field",
            "name a field, such as `root.role.word` or `kvm.mmu_lock`",
        )
    if not isinstance(node, ast.Attribute):
        self.fail(node, "a field path was expected here", "write it as `object.field`")
    owner, obj, struct = base(self, node.value)
    return member(self, node, owner, obj, struct)


def base(self, node: ast.expr) -> tuple[str, Operand, str]:
    """Resolve what stands before a dot to (owner, object, struct)."""
    if isinstance(node, ast.Attribute):
        inner_owner, obj, struct = base(self, node.value)
        type_ = field_type(self, node, struct)
        if type_.startswith("struct "):
            return inner_owner, obj, type_[7:]
        if type_ == "role":
            return inner_owner, obj, "role:" + node.attr
        found = member(self, node, inner_owner, obj, struct)
        if isinstance(found, tuple):
            return found[1], found[0], found[1]
        if found.type not in ("page", "kvm_ptr"):
            self.fail(node, f"`{node.attr}` has no fields", f"it is a {found.type}")
        kind = kind_of(found)
        dst = self.reg(kind)
        self.emit("LOAD", dst=dst, place=found, visible=True)
        return kind, dst, "kvm_mmu_page" if kind == "page" else "kvm"
    value = self.expr(node)
    struct = {"kvm": "kvm", "vcpu": "kvm_vcpu", "page": "kvm_mmu_page"}.get(value.kind)
    if struct is None:
        if value.kind == "any":
            return "page", value.operand, "any"
        hint = (
            "it is None on every path here"
            if value.kind == "null"
            else "only kvm, a vcpu, a page and a role have fields"
        )
        self.fail(node, f"{article(KIND_WORDS[value.kind])} has no fields", hint)
    return value.kind, value.operand, struct


def field_type(self, node: ast.Attribute, struct: str) -> str:
    """Return the type of `struct.attr`, or fail with the nearest name that exists."""
    fields = self.world.structs.get(struct, {})
    if node.attr in fields:
        return fields[node.attr]
    hint = nearest(node.attr, fields)
    where = {
        "kvm_arch": "kvm.arch",
        "kvm_vcpu_arch": "vcpu.arch",
        "kvm_mmu": "vcpu.arch.mmu",
        "kvm_vcpu": "a vcpu",
        "kvm_mmu_page": "a kvm_mmu_page",
    }.get(struct, struct)
    elsewhere = [s for s, known in self.world.structs.items() if node.attr in known]
    if hint is None and elsewhere:
        hint_text = f"`{node.attr}` is a field of {elsewhere[0]}"
    else:
        hint_text = f"did you mean `.{hint}`?" if hint else "its fields: " + ", ".join(fields)
    return self.fail(node, f"{where} has no field `{node.attr}`", hint_text)


def member(self, node: ast.Attribute, owner: str, obj: Operand, struct: str):
    """Return the Place of a member, also of a role's bit, or (operand, kind) of a constant one."""
    if struct == "any":
        return (obj, "any")
    if struct.startswith("role:"):
        bits = role_bits(self, node)
        whole = bits == ROLE_WORD_BITS
        return Place(
            owner,
            struct[5:],
            "u32" if whole else "bits",
            obj,
            None,
            ROLE_WORD_BITS if whole else bits,
        )
    type_ = field_type(self, node, struct)
    if type_ == "kvm_const":
        return (Const(1), "kvm")
    if type_ == "id_const":
        return (obj, "num")
    if type_.startswith("struct "):
        self.fail(
            node,
            f"`{node.attr}` is a struct, not a value",
            f"name one of its fields: {', '.join(self.world.structs[type_[7:]])}",
        )
    return Place(owner, node.attr, type_, obj)


def element(self, node: ast.Subscript) -> Place:
    """Resolve `page.spt[i]`."""
    found = self.place(node.value)
    if isinstance(found, tuple) or found.type != "table":
        self.fail(node, "only a page table can be indexed", "write `root.spt[i]`")
    # an index outside the table is found when it is reached: it breaks no-oops
    idx = self.number(node.slice)
    return Place(found.owner, found.name, "u64", found.obj, idx)
