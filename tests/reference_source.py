"""
The slow twin's reading of kernel Python: what stacked source texts define, and kinds of locals.
"""

import ast
import operator

from reference_memory import KIND_OF_TYPE

ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
}
UNARY = {
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.UAdd: operator.pos,
    ast.Not: lambda value: int(not value),
}
BUILT_IN = {
    "SPTE_MMU_PRESENT_MASK": 1 << 11,
    "PT_WRITABLE_MASK": 1 << 1,
    "REMOVED_SPTE": 0x5A0,
    "FROZEN_SPTE": 0x5A0,
    "RET_PF_CONTINUE": 0,
    "RET_PF_RETRY": 1,
    "RET_PF_EMULATE": 2,
    "RET_PF_INVALID": 3,
    "RET_PF_FIXED": 4,
    "RET_PF_SPURIOUS": 5,
    "KVM_REQ_MMU_FREE_OBSOLETE_ROOTS": 0,
    "PG_LEVEL_4K": 1,
    "PG_LEVEL_2M": 2,
    "PG_LEVEL_1G": 3,
}
SHAPE = ("PT_ENTRIES", "PT_LEVELS", "KVM_MAX_VCPUS", "HARDWARE_TLB", "VM_TEARDOWN")
LIST_HEADERS = ("list_for_each_entry", "list_for_each_entry_rcu")
PAGE_CALLS = {"tdp_mmu_alloc_sp", "container_of", "spte_to_child_sp"} | {
    f"list_{which}_or_null{suffix}" for which in ("first", "next") for suffix in ("", "_rcu")
}


def chosen(body, shape, may_be_empty=False):
    """
    The statements that are left once every `if` on the scenario's shape is decided.

    A body that had statements and has none left does nothing, in one statement.
    """
    left = []
    for s in body:
        if isinstance(s, ast.If | ast.While | ast.For):
            s.body = chosen(s.body, shape)
        if isinstance(s, ast.If):
            s.orelse = chosen(s.orelse, shape, may_be_empty=True)
        decided = shape_value(s.test, shape) if isinstance(s, ast.If) else None
        left += [s] if decided is None else s.body if decided else s.orelse
    if statements(body) and not statements(left) and not may_be_empty:
        left.append(ast.copy_location(ast.Pass(), body[0]))
    return left


def statements(body):
    """Those of a body that are no bare constants."""
    return [s for s in body if not isinstance(s, ast.Expr) or not isinstance(s.value, ast.Constant)]


def shape_value(test, shape):
    """What a test of nothing but shape constants (one at least) and numbers is worth, or None."""
    for node in ast.walk(test):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp):
            return None
        if isinstance(node, ast.Name) and node.id not in shape:
            return None
    if not any(isinstance(node, ast.Name) for node in ast.walk(test)):
        return None
    return bool(truth(test, shape))


def truth(e, shape):
    """The value of a test that `shape_value` lets through."""
    if isinstance(e, ast.Name):
        return shape[e.id]
    if isinstance(e, ast.Constant):
        return e.value
    if isinstance(e, ast.UnaryOp):
        return UNARY[type(e.op)](truth(e.operand, shape))
    if isinstance(e, ast.BoolOp):
        parts = [truth(part, shape) for part in e.values]
        return all(parts) if isinstance(e.op, ast.And) else any(parts)
    return COMPARISONS[type(e.ops[0])](truth(e.left, shape), truth(e.comparators[0], shape))


class Program:
    """
    The functions, constants and struct extensions of stacked units, and the graphs made from them.

    texts : the units; constants : name -> int, below those of the units; graph : class of graphs
    """

    def __init__(self, texts, constants, graph):
        self.graph, self.functions, self.values, self.extensions = graph, {}, {}, {}
        for text in texts:
            for item in ast.parse(text).body:
                self._top_level(item)
        self.given = {**BUILT_IN, **constants}
        shape = {name: constants[name] for name in SHAPE}
        for function in self.functions.values():
            function.body = chosen(function.body, shape)
        self.constants = {**self.given, **{n: self.fold(e) for n, e in self.values.items()}}
        self.work_function = next(
            (c.args[1].id for c in self._calls() if c.func.id == "INIT_WORK"), None
        )
        self.nodes, self.entries, self.memory = [], {}, None
        self.kinds, self.returns = {}, {}

    def _top_level(self, item):
        if isinstance(item, ast.FunctionDef):
            self.functions[item.name] = item
        elif isinstance(item, ast.Assign):
            self.values[item.targets[0].id] = item.value
        elif isinstance(item, ast.ClassDef):
            for line in item.body:
                if isinstance(line, ast.AnnAssign):
                    key = (item.name, line.target.id)
                    self.extensions[key] = (line.annotation.id, line.value)

    def _calls(self):
        for function in self.functions.values():
            yield from (n for n in ast.walk(function) if isinstance(n, ast.Call))

    def fold(self, e):
        """The value of a constant expression."""
        if isinstance(e, ast.Constant):
            return e.value if e.value is None else int(e.value)
        if isinstance(e, ast.Name):
            return self.fold(self.values[e.id]) if e.id in self.values else self.given[e.id]
        if isinstance(e, ast.UnaryOp):
            return UNARY[type(e.op)](self.fold(e.operand))
        return ARITHMETIC[type(e.op)](self.fold(e.left), self.fold(e.right))

    def extension_fields(self):
        """The declared fields: (struct, field, type, start value)."""
        starts = {"page": None}
        return [
            (struct, field, type_, self.fold(value) if value is not None else starts.get(type_, 0))
            for (struct, field), (type_, value) in self.extensions.items()
        ]

    def link(self, memory, actors):
        """Fix where fields are and of which kind every local is; actors: (name, function, args)."""
        self.memory = memory
        for _, function, args in actors:
            for parameter, value in zip(self.functions[function].args.args, args, strict=True):
                kind = "num" if isinstance(value, int) else value.rstrip("0123456789")
                self.kinds[function, parameter.arg] = kind
        if self.work_function:
            self.kinds[self.work_function, self.functions[self.work_function].args.args[0].arg] = (
                "work"
            )
        while self._infer():
            pass

    def _infer(self):
        before = len(self.kinds), len(self.returns)
        for name, function in self.functions.items():
            reader = Reader(self, function)
            for node in ast.walk(function):
                reader.learn(node)
            if returned := reader.returned():
                self.returns[name] = returned
        return before != (len(self.kinds), len(self.returns))

    def entry(self, name):
        """The first node of a function's graph."""
        if name not in self.entries:
            self.entries[name] = self.graph(self, self.functions[name]).entry
        return self.entries[name]


class Reader:
    """What kind of value each expression of a function has, and which field a path means."""

    def __init__(self, program, function):
        self.program, self.function, self.name = program, function, function.name
        self.locals = {a.arg for a in function.args.args} | {
            n.id
            for n in ast.walk(function)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }

    def learn(self, node):
        """Note the kinds of locals that one node of the tree tells."""
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self._note(self.name, node.targets[0].id, self.kind(node.value))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self._note(self.name, node.target.id, "num")
        elif isinstance(node, ast.For):
            self._note(
                self.name, node.target.id, "page" if node.iter.func.id in LIST_HEADERS else "num"
            )
        elif isinstance(node, ast.Call) and node.func.id in self.program.functions:
            callee = self.program.functions[node.func.id]
            # of lower units some functions may not fit any more; nobody calls those
            for parameter, value in zip(callee.args.args, node.args, strict=False):
                self._note(callee.name, parameter.arg, self.kind(value))

    def _note(self, function, name, kind):
        if kind:
            self.program.kinds.setdefault((function, name), kind)

    def returned(self):
        """The kind of what the function returns, None where unknown."""
        values = [n.value for n in ast.walk(self.function) if isinstance(n, ast.Return) and n.value]
        return next((k for k in map(self.kind, values) if k), None)

    def kind(self, e):
        """num, page, kvm, vcpu, work, role, or None for NULL and for what is not known yet."""
        if isinstance(e, ast.Name):
            return self.program.kinds.get((self.name, e.id)) if e.id in self.locals else "num"
        if isinstance(e, ast.Constant):
            return None if e.value is None else "num"
        if isinstance(e, ast.Attribute | ast.Subscript):
            field = self.field(e)
            return field and KIND_OF_TYPE.get(field.type, "num")
        if isinstance(e, ast.Call):
            return self._kind_of_call(e)
        return "num"

    def _kind_of_call(self, call):
        name = call.func.id
        if name in self.program.functions:
            return self.program.returns.get(name)
        if name in ("READ_ONCE", "xchg", "cmpxchg"):
            return self.kind(call.args[0])
        return "page" if name in PAGE_CALLS else "work" if name == "workqueue_next" else "num"

    def field(self, e):
        """The Field a path means, None where it is not known (yet)."""
        base, path, _ = self.place(e)
        return self.program.memory.fields.get(self.kind(base), {}).get(path)

    def place(self, e):
        """A path as (the pointer it starts from, the names after it, the index)."""
        if isinstance(e, ast.Subscript):
            base, path, _ = self.place(e.value)
            return base, path, e.slice
        if isinstance(e.value, ast.Attribute):
            field = self.field(e.value)
            if field is None or field.type == "role":
                base, path, _ = self.place(e.value)
                return base, (*path, e.attr), None
        return e.value, (e.attr,), None
