"""
From the syntax tree of an actor's function to its step program.

Calls are inlined: a place in the program stands for a whole call path, so the machine needs no
stack. Conditions on values known from the arguments (`shared` is the usual one) are decided here,
which is also what bounds a recursion.

`lower(world, function, kinds)` is the entry; expressions and primitives are in `expressions` and
`calls`.
"""

from __future__ import annotations

import ast

from . import symbols
from .errors import LanguageError, nearest
from .ir import Arg, Const, Frame, Op, Program, Reg
from .source import Unit
from .values import KIND_WORDS, POINTERS, Scope, Value, World, fits

MAX_OPS = 20_000


class Lowering:
    """The step program of one actor function, being written."""

    def __init__(self, world: World):
        self.world = world
        self.ops: list[Op] = []
        self.regs: list[Reg] = []
        self.frames: list[Frame] = []
        self.labels = 0
        self.pending_start = False
        self.node: ast.AST | None = None
        self.scope: Scope | None = None
        self.unreached = 0
        self.update_note: Reg | None = None
        self.running: Reg | None = None

    # === writing operations ===

    def fail(self, node: ast.AST | None, found: str, write: str):
        """Raise a LanguageError at `node` in the unit of the function being lowered."""
        node = node if node is not None and hasattr(node, "lineno") else self.node
        raise LanguageError.at(self.scope.unit, node, found, write)

    def reg(self, kind: str, name: str | None = None) -> Reg:
        """Return a new register."""
        made = Reg(len(self.regs), name, kind, self.scope.frame)
        self.regs.append(made)
        return made

    def emit(self, code: str, **parts) -> Op:
        """Append an operation; the first of a statement carries its start mark."""
        op = Op(code, line=getattr(self.node, "lineno", 0), frame=self.scope.frame, **parts)
        op.starts, self.pending_start = self.pending_start, False
        self.ops.append(op)
        if len(self.ops) > MAX_OPS:
            self.fail(
                None,
                f"this program has more than {MAX_OPS} steps once its calls are unfolded",
                "call fewer functions, or bound the recursion",
            )
        return op

    def label(self) -> int:
        """Return a fresh label."""
        self.labels += 1
        return self.labels

    def place_label(self, label: int) -> None:
        """Let `label` stand for the next operation."""
        self.ops.append(Op("LABEL", target=label, frame=self.scope.frame))

    def move(self, dst: Reg, value: Value) -> None:
        """Copy `value` into `dst` (also onto itself: `x = x` reads x)."""
        self.emit("MOV", dst=dst, a=value.operand)

    def start(self, node: ast.AST) -> None:
        """Mark the start of a statement: an action ends when control arrives here."""
        self.flush_start()
        self.node = node
        self.pending_start = True

    def flush_start(self) -> None:
        """
        Give a statement that needed no operation one of its own.

        It is an action all the same.
        """
        if self.pending_start:
            self.emit("NOP")

    # === functions ===

    def enter(
        self, unit: Unit, node: ast.FunctionDef, args: list[Value], chain: tuple[str, ...]
    ) -> Scope:
        """Open the scope of a call: parameters bound to `args`."""
        parent = self.scope
        scope = Scope(
            len(self.frames),
            unit,
            node.name,
            assigned=assigned_names(node),
            chain=(*chain, node.name),
            leave=self.label(),
        )
        self.frames.append(
            Frame(scope.frame, node.name, unit.name, parent.frame if parent else None, scope.names)
        )
        caller, self.scope = self.scope, scope
        for arg, value in zip(node.args.args, args, strict=True):
            if arg.arg in scope.assigned and value.kind not in ("kvm", "vcpu"):
                copy = self.reg(value.kind, arg.arg)
                self.scope = caller or scope
                self.move(copy, value)
                self.scope = scope
                value = Value(copy, value.kind)
            scope.names[arg.arg] = value
        return scope

    def body(self, scope: Scope, statements: list[ast.stmt]) -> None:
        """Lower a function's body in `scope`."""
        self.scope = scope
        self.block(statements)
        self.flush_start()

    def block(self, statements: list[ast.stmt]) -> None:
        """Lower statements in order."""
        for statement in statements:
            self.statement(statement)

    # === statements ===

    def statement(self, node: ast.stmt) -> None:
        """Lower one statement."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        self.start(node)
        getattr(self, "do_" + type(node).__name__)(node)
        self.flush_start()

    def do_Expr(self, node: ast.Expr) -> None:
        """An expression for its effect: a call."""
        self.expr(node.value, wanted=False)

    def do_Pass(self, node: ast.Pass) -> None:
        """Nothing, in one action."""

    def do_Assign(self, node: ast.Assign) -> None:
        """`target = value`: the value first, then the target's own parts, then the store."""
        target = node.targets[0]
        if isinstance(target, ast.Name):
            self.assign_name(target, node.value)
        else:
            value = self.expr(node.value)
            self.store(target, value)

    def assign_name(self, target: ast.Name, value_node: ast.expr) -> None:
        """`local = value`."""
        known = self.scope.names.get(target.id)
        value = self.expr(value_node)
        if target.id in self.world.constants:
            self.fail(target, f"`{target.id}` is a constant", "use another name for the local")
        if value.kind == "none":
            self.fail(value_node, "this call gives no value", "call it as a statement of its own")
        if value.kind in ("kvm", "vcpu") and not isinstance(value.operand, Reg):
            if known is not None and known != value:
                self.fail(target, f"`{target.id}` already names something else", "use another name")
            self.scope.names[target.id] = value
            return
        reg = self.local(target, value.kind, known)
        self.move(reg, value)

    def local(self, target: ast.Name, kind: str, known: Value | None) -> Reg:
        """Return the register of a local that is being assigned a value of `kind`."""
        if known is None:
            reg = self.reg(kind, target.id)
            self.scope.names[target.id] = Value(reg, kind)
            return reg
        reg = known.operand
        if not isinstance(reg, Reg):
            self.fail(
                target,
                f"`{target.id}` names the {known.kind} here and cannot be assigned",
                "use another name for the local",
            )
        if known.kind == "null" and kind != "null":
            if kind not in POINTERS:
                self.fail(
                    target,
                    f"`{target.id}` was None and becomes a {KIND_WORDS[kind]}",
                    "use 0 instead of None, or another name",
                )
            reg.kind = kind
            self.scope.names[target.id] = Value(reg, kind)
        elif not fits(known.kind, kind):
            self.fail(
                target,
                f"`{target.id}` is a {KIND_WORDS[known.kind]} in this function "
                f"and becomes a {KIND_WORDS[kind]}",
                "use another name",
            )
        return reg

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        """`target op= value`: on a field a read and a write, two actions."""
        load = ast.copy_location(as_load(node.target), node.target)
        binary = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        if isinstance(node.target, ast.Name):
            if node.target.id not in self.scope.names:
                self.name(load)
            self.assign_name(node.target, binary)
        else:
            self.store(node.target, self.expr(binary))

    def do_Return(self, node: ast.Return) -> None:
        """Leave the call; a value goes to its result register."""
        scope = self.scope
        value = self.expr(node.value) if node.value is not None else Value(Const(0), "null")
        if value.kind == "none":
            self.fail(
                node, "this call gives no value to return", "call it as a statement, then `return`"
            )
        if node.value is not None:
            self.result_of(scope, value, node)
        elif scope.result is not None and scope.result_kind is not None:
            self.move(scope.result, value)
        for loop in scope.loops:
            self.still_used(loop)
        self.emit("JMP", target=scope.leave)

    def still_used(self, loop) -> None:
        """A range's hidden counter lives throughout its loop, also where the loop is left."""
        for reg in loop[2]:
            self.emit("MOV", dst=self.reg("num"), a=reg)

    def result_of(self, scope: Scope, value: Value, node: ast.AST) -> None:
        """Note what a call returns."""
        if scope.result_kind in (None, "null", "any"):
            scope.result_kind = value.kind
        elif not fits(scope.result_kind, value.kind):
            self.fail(
                node,
                f"`{scope.function}` returns a {KIND_WORDS[scope.result_kind]} in "
                f"one place and a {KIND_WORDS[value.kind]} here",
                "return the same kind of value everywhere",
            )
        if scope.result is not None:
            self.move(scope.result, value)

    def do_If(self, node: ast.If) -> None:
        """`if`: a test that is known from the arguments is decided here."""
        test = self.condition(node.test)
        known = test.operand.value if isinstance(test.operand, Const) else None
        orelse, end = self.label(), self.label()
        self.emit("BZ", a=test.operand, target=orelse, test=True)
        self.branch(node.body, known is not None and not known)
        if node.orelse:
            self.emit("JMP", target=end)
        self.place_label(orelse)
        self.branch(node.orelse, bool(known))
        self.place_label(end)

    def branch(self, statements: list[ast.stmt], never: bool) -> None:
        """
        Lower a branch.

        One that the arguments show is never taken is lowered too, its calls left out.

        It matters for two things: a slip in it is still told, and which locals are live does not
        depend on conditions.
        """
        names = dict(self.scope.names) if never else None
        self.unreached += never
        self.block(statements)
        self.unreached -= never
        if names is not None:
            self.keep_known(names)

    def keep_known(self, names: dict[str, Value]) -> None:
        """
        After a branch that is never taken: a local whose kind it changed gets its kind back.

        New locals stay, they are only unset.
        """
        for name, value in names.items():
            if isinstance(value.operand, Reg):
                value.operand.kind = value.kind
            self.scope.names[name] = value

    def do_While(self, node: ast.While) -> None:
        """`while`: its test is a statement of its own each time round."""
        head, end = self.label(), self.label()
        start, self.pending_start = self.pending_start, False
        self.place_label(head)
        self.pending_start = start
        test = self.condition(node.test)
        self.emit("BZ", a=test.operand, target=end, test=True)
        never = isinstance(test.operand, Const) and not test.operand.value
        self.unreached += never
        self.loop(node.body, head, end)
        self.unreached -= never
        self.emit("JMP", target=head)
        self.place_label(end)

    def loop(self, body: list[ast.stmt], head: int, end: int, hidden: tuple[Reg, ...] = ()) -> None:
        """
        Lower a loop's body: `continue` goes to `head`, `break` to `end`.

        `hidden` are a range's counter and end.
        """
        self.scope.loops.append((head, end, hidden))
        self.block(body)
        self.scope.loops.pop()

    def do_For(self, node: ast.For) -> None:
        """`for` over a range of numbers or over a list."""
        if node.iter.func.id in symbols.LIST_ITERATORS:
            self.for_list(node)
        else:
            self.for_range(node)

    def for_range(self, node: ast.For) -> None:
        """`for i in range(...)`: bounds taken once; a hidden counter counts."""
        # the bounds belong to the action that arrives here; the header is a statement start of its
        # own, each round
        self.pending_start = False
        bounds = [self.number(arg) for arg in node.iter.args]
        if len(bounds) == 1:
            bounds.insert(0, Const(0))
        step = bounds[2] if len(bounds) == 3 else Const(1)
        if not isinstance(step, Const) or step.value == 0:
            self.fail(
                node.iter,
                "the step of this range is not a number known beforehand, or 0",
                "write a constant step such as 1 or -1",
            )
        counter, stop = self.reg("num"), self.reg("num")
        if step.value > 0:
            counter.limit = bounds[1] if step == Const(1) else None
        self.emit("MOV", dst=counter, a=bounds[0])
        self.emit("MOV", dst=stop, a=bounds[1])
        head, end = self.label(), self.label()
        self.place_label(head)
        self.start(node)
        more = self.reg("num")
        self.emit("LT" if step.value > 0 else "GT", dst=more, a=counter, b=stop)
        self.emit("BZ", a=more, target=end)
        i = self.local(node.target, "num", self.scope.names.get(node.target.id))
        self.emit("MOV", dst=i, a=counter)
        self.emit("ADD", dst=counter, a=counter, b=step)
        self.loop(node.body, head, end, (counter, stop))
        self.emit("JMP", target=head)
        self.place_label(end)

    def for_list(self, node: ast.For) -> None:
        """`for x in list_for_each_entry(head)`: each round's header reads one link."""
        if len(node.iter.args) != 1:
            self.fail(
                node.iter,
                f"`{node.iter.func.id}` takes one argument, the list head",
                "write `kvm.arch.tdp_mmu_roots`",
            )
        place = self.place(node.iter.args[0])
        if place.type != "list":
            self.fail(
                node.iter.args[0], "this is not a list head", "write `kvm.arch.tdp_mmu_roots`"
            )
        x = self.local(node.target, "page", self.scope.names.get(node.target.id))
        head, go, end = self.label(), self.label(), self.label()
        entry = self.reg("page")
        self.emit("LISTFIRST", dst=entry, place=place, visible=True)
        self.emit("JMP", target=go)
        self.place_label(head)
        self.start(node)
        self.emit("LISTNEXT", dst=entry, place=place, a=x, visible=True)
        self.place_label(go)
        self.emit("BZ", a=entry, target=end)
        self.emit("MOV", dst=x, a=entry)
        self.loop(node.body, head, end)
        self.emit("JMP", target=head)
        self.place_label(end)

    def do_Break(self, node: ast.Break) -> None:
        """Leave the loop."""
        self.still_used(self.scope.loops[-1])
        self.emit("JMP", target=self.scope.loops[-1][1])

    def do_Continue(self, node: ast.Continue) -> None:
        """Next round."""
        self.emit("JMP", target=self.scope.loops[-1][0])

    # expressions, places and calls are in their own files
    from .calls import call, run_function
    from .expressions import condition, expr, name, never_evaluated, number, place, store


def assigned_names(node: ast.FunctionDef) -> frozenset[str]:
    """Return the names a function assigns, its parameters included if it assigns them."""
    stores = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    refreshed = (
        n.args[1]
        for n in ast.walk(node)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id == "try_cmpxchg"
        and len(n.args) > 1
    )
    fields = (
        n for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
    )
    copies = (n.value for n in fields if isinstance(n.value, ast.Name))
    return frozenset(n.id for n in (*stores, *refreshed, *copies) if isinstance(n, ast.Name))


def as_load(node: ast.expr) -> ast.expr:
    """Return a copy of a store target that reads it."""
    kinds = {ast.Name: ("id",), ast.Attribute: ("value", "attr"), ast.Subscript: ("value", "slice")}
    made = type(node)(**{k: getattr(node, k) for k in kinds[type(node)]}, ctx=ast.Load())
    return ast.copy_location(made, node)


def lower(world: World, function: str, kinds: tuple[str, ...]) -> Program:
    """
    Return the step program of `function` run by an actor.

    kinds : one letter word each argument: "kvm", "vcpu" or "num"

    Raises LanguageError with file, line and column for anything the language or the names do not
    allow.
    """
    if function not in world.functions:
        hint = nearest(function, world.functions)
        raise LanguageError(
            file="scenario",
            line=0,
            column=0,
            found=f"the actor function `{function}` does not exist",
            write=hint or "define it",
        )
    unit, node = world.functions[function]
    self = Lowering(world)
    self.scope = Scope(0, unit, function)
    args = [Value(Const(1) if kind == "kvm" else Arg(k), kind) for k, kind in enumerate(kinds)]
    if len(args) != len(node.args.args):
        self.fail(
            node,
            f"`{function}` has {len(node.args.args)} parameters and its actor passes {len(args)}",
            "match the actor's arguments",
        )
    self.scope = None
    scope = self.enter(unit, node, args, ())
    self.body(scope, node.body)
    self.place_label(scope.leave)
    self.node = node
    self.emit("END")
    return Program(function, kinds, resolve(self.ops), self.regs, self.frames)


def resolve(ops: list[Op]) -> list[Op]:
    """Drop labels and turn targets into indices."""
    at, kept = {}, []
    for op in ops:
        if op.code == "LABEL":
            at[op.target] = len(kept)
        else:
            kept.append(op)
    for op in kept:
        if op.target is not None:
            op.target = at[op.target]
    return kept
