"""
The slow twin's graphs: one graph of nodes per function, with its liveness.

A node is the smallest step of the machine: push a local, add, read a field, branch. Graphs are
built from the end backwards: `expression(e, k)` is the node from which the value of `e` gets onto
the stack and control to `k`. Three marks on nodes carry the whole meaning of actions (section 6 of
the reference page): `start` (the start of a statement), `visible` (an operation on shared state),
and the locals a node uses and sets, from which liveness follows.
"""

import ast

from reference_machine import PRIMITIVES, WAIT
from reference_memory import Bound
from reference_source import ARITHMETIC, COMPARISONS, LIST_HEADERS, UNARY, Reader

GROWS_TO = range(-128, 256)  # what a local that grows in a loop may hold


class Node:
    """
    One step: run(machine) does it and gives the next node, None at the end of the actor.

    start, visible : the marks; use, sets : the local read, written; then : where control may go;
    kept : locals that live here whatever comes; live : those that live here, sorted
    """

    __slots__ = ("kept", "line", "live", "number", "run", "sets", "start", "then", "use", "visible")


def _grows(function):
    """The locals that a loop of the function assigns from arithmetic on themselves."""
    sources, arithmetic = {}, set()
    loops = [n for n in ast.walk(function) if isinstance(n, ast.While | ast.For)]
    for node in (n for loop in loops for n in ast.walk(loop)):
        if isinstance(node, ast.Assign | ast.AugAssign):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            if isinstance(target, ast.Name):
                names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
                aug = isinstance(node, ast.AugAssign)
                sources.setdefault(target.id, set()).update(names | ({target.id} if aug else set()))
                if aug or any(isinstance(n, ast.BinOp) for n in ast.walk(node.value)):
                    arithmetic.add(target.id)
    for _ in sources:
        for names in sources.values():
            names |= {far for near in list(names) for far in sources.get(near, ())}
    return {name for name in arithmetic if name in sources[name]}


class Graph(Reader):
    """
    The nodes of one function.

    Every builder takes last the node (or nodes) where control goes next, `k`, and gives the node
    it starts with.
    """

    def __init__(self, program, function):
        super().__init__(program, function)
        self.nodes, self.counters, self.grows, self.line = [], 0, _grows(function), function.lineno
        self.entry = self.block(function.body, self.push(0, self.leave()), None)
        self._liveness()
        for node in self.nodes:
            node.number = len(program.nodes)
            program.nodes.append(node)

    def node(self, run, then, use=None, sets=None, visible=False, start=False):
        """A new node; `kept` are locals that live here whatever comes (the counters of loops)."""
        node = Node()
        node.run, node.then, node.use, node.sets, node.visible, node.start = (
            run,
            then,
            use,
            sets,
            visible,
            start,
        )
        node.kept, node.live, node.line = set(), set(), self.line
        self.nodes.append(node)
        return node

    def _liveness(self):
        changed = True
        while changed:
            changed = False
            for node in self.nodes:
                live = set().union(*(after.live for after in node.then)) - {node.sets}
                live |= node.kept | ({node.use} if node.use else set())
                if live != node.live:
                    node.live, changed = live, True
        for node in self.nodes:
            node.live = tuple(sorted(node.live))

    # small nodes

    def push(self, value, k):
        """A constant gets onto the stack."""

        def run(m):
            m.stack.append(value)
            return k

        return self.node(run, [k])

    def pop(self, k):
        """The top of the stack is dropped."""

        def run(m):
            m.stack.pop()
            return k

        return self.node(run, [k])

    def get(self, name, k):
        """A local gets onto the stack."""

        def run(m):
            m.stack.append(m.locals[name])
            return k

        return self.node(run, [k], use=name)

    def set(self, name, k):
        """A local takes the top of the stack."""
        grows = name in self.grows

        def run(m):
            value = m.locals[name] = m.stack.pop()
            if grows and value not in GROWS_TO:
                raise Bound("value")
            return k

        return self.node(run, [k], sets=name)

    def unary(self, function, k):
        """The top of the stack becomes function of it."""

        def run(m):
            m.stack[-1] = function(m.stack[-1])
            return k

        return self.node(run, [k])

    def binary(self, function, k):
        """The two topmost become function of them."""

        def run(m):
            right = m.stack.pop()
            try:
                m.stack[-1] = function(m.stack[-1], right)
            except (ZeroDivisionError, ValueError) as error:
                raise Bound("value") from error
            return k

        return self.node(run, [k])

    def branch(self, pointer, yes, no):
        """The top of the stack decides; the pointer to slot 0 is true, NULL is not."""

        def run(m):
            value = m.stack.pop()
            return yes if (value is not None if pointer else value) else no

        return self.node(run, [yes, no])

    def start(self, k):
        """The start of a statement."""
        return self.node(lambda m: k, [k], start=True)

    # expressions

    def condition(self, e, yes, no):
        """Control goes to `yes` where e is true, to `no` where not."""
        if isinstance(e, ast.BoolOp):
            both = isinstance(e.op, ast.And)
            node = self.condition(e.values[-1], yes, no)
            for value in reversed(e.values[:-1]):
                node = self.condition(value, node, no) if both else self.condition(value, yes, node)
            return node
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            return self.condition(e.operand, no, yes)
        return self.expression(e, self.branch(self.kind(e) not in ("num", "role"), yes, no))

    def expression(self, e, k):
        """The value of e gets onto the stack."""
        self.line = e.lineno
        if isinstance(e, ast.Constant):
            return self.push(e.value if e.value is None else int(e.value), k)
        if isinstance(e, ast.Name):
            return (
                self.get(e.id, k)
                if e.id in self.locals
                else self.push(self.program.constants[e.id], k)
            )
        if isinstance(e, ast.BoolOp) or (isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not)):
            return self.condition(e, self.push(1, k), self.push(0, k))
        if isinstance(e, ast.UnaryOp):
            return self.expression(e.operand, self.unary(UNARY[type(e.op)], k))
        if isinstance(e, ast.BinOp):
            return self.expressions([e.left, e.right], self.binary(ARITHMETIC[type(e.op)], k))
        if isinstance(e, ast.Compare) and len(e.ops) == 1:
            compare = COMPARISONS[type(e.ops[0])]
            return self.expressions(
                [e.left, *e.comparators], self.binary(lambda a, b: int(compare(a, b)), k)
            )
        if isinstance(e, ast.Attribute | ast.Subscript):
            return self.path(e, k)
        if isinstance(e, ast.Call):
            return self.call(e, k)
        raise ValueError(f"line {self.line}: {ast.unparse(e)!r} is not in the language")

    def expressions(self, several, k):
        """The values of several get onto the stack, the first first."""
        for e in reversed(several):
            k = self.expression(e, k)
        return k

    def known(self, e):
        """The field a path means."""
        field = self.field(e)
        if field is None:
            raise ValueError(f"line {e.lineno}: no field {ast.unparse(e)!r}")
        return field

    def reference(self, e, k):
        """The pointer of a path, then its index if it has one, get onto the stack."""
        base, _, index = self.place(e)
        return self.expression(base, self.expression(index, k) if index else k)

    def path(self, e, k):
        """A path as a value."""
        field = self.known(e)
        if field.struct == "role":  # of a local copy
            mask = (1 << field.width) - 1
            return self.expression(e.value, self.unary(lambda word: word >> field.shift & mask, k))
        if field.type == "the kvm":
            return self.expression(e.value, self.unary(lambda vcpu: 0, k))
        if field.type in ("its number", "work"):  # a vCPU is its number here, a work item its page
            return self.expression(e.value, k)
        return self.operate("READ_ONCE", [e], k)

    def operate(self, name, arguments, k):
        """A primitive: one node a phase; the arguments stay on the stack until the last."""
        shape, visible, phases = PRIMITIVES[name]
        used = [(what, e) for what, e in zip(shape, arguments, strict=True) if what != "x"]
        fields = [
            (self.known(e), self.place(e)[2] is not None) if what == "f" else None
            for what, e in used
        ]
        sets = next((e.id for what, e in used if what == "l"), None)
        node = None
        for phase in reversed(phases):
            node = self.node(
                _phase(phase, fields, sets, node, k),
                [k, node] if node else [k],
                None,
                sets,
                visible,
            )
        for what, e in reversed(used):
            node = self.reference(e, node) if what == "f" else self.expression(e, node)
        return node

    def call(self, e, k):
        """A primitive, a function of the program, or the program's work function."""
        name = self.program.work_function if e.func.id == "run_work" else e.func.id
        if name is None:
            # nothing is ever queued: the work is worth its argument, and no worker gets here
            return self.expression(e.args[0], k)
        if name not in self.program.functions:
            return self.operate(name, e.args, k)
        parameters = [a.arg for a in self.program.functions[name].args.args]
        if len(parameters) != len(e.args):
            raise ValueError(f"line {e.lineno}: {name} takes {len(parameters)} arguments")

        def run(m):
            rest = len(m.stack) - len(parameters)
            m.frames.append((k.number, tuple([m.locals[n] for n in k.live]), tuple(m.stack[:rest])))
            m.locals, m.stack = dict(zip(parameters, m.stack[rest:], strict=True)), []
            return self.program.entry(name)

        return self.expressions(e.args, self.node(run, [k]))

    def leave(self):
        """The return to the caller, or the end of the actor."""
        nodes = self.program.nodes

        def run(m):
            if not m.frames:
                return None
            value = m.stack.pop()
            number, values, stack = m.frames.pop()
            m.locals, m.stack = dict(zip(nodes[number].live, values, strict=True)), [*stack, value]
            return nodes[number]

        return self.node(run, [])

    # statements

    def block(self, statements, k, loop):
        """Statements one after the other; loop: where `break` and `continue` go."""
        for s in reversed(statements):
            if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)):
                self.line = s.lineno
                k = self.statement(s, k, loop)
        return k

    def statement(self, s, k, loop):
        """One statement with its start."""
        if isinstance(s, ast.While):
            head = self.start(None)
            return self.close(head, self.condition(s.test, self.block(s.body, head, (k, head)), k))
        if isinstance(s, ast.For):
            return self.list_loop(s, k) if s.iter.func.id in LIST_HEADERS else self.range_loop(s, k)
        if isinstance(s, ast.If):
            yes, no = self.block(s.body, k, loop), self.block(s.orelse, k, loop)
            return self.start(self.condition(s.test, yes, no))
        if isinstance(s, ast.Break | ast.Continue | ast.Pass):
            return self.start(
                loop[0]
                if isinstance(s, ast.Break)
                else loop[1]
                if isinstance(s, ast.Continue)
                else k
            )
        if isinstance(s, ast.Return):
            leave = self.leave()
            return self.start(self.expression(s.value, leave) if s.value else self.push(0, leave))
        if isinstance(s, ast.Assign):
            return self.start(self.assign(s.targets[0], s.value, k))
        if isinstance(s, ast.AugAssign):
            return self.start(self.update(s, k))
        if isinstance(s, ast.Expr):
            return self.start(self.expression(s.value, self.pop(k)))
        raise ValueError(f"line {s.lineno}: {ast.unparse(s)!r} is not in the language")

    def close(self, head, node):
        """Let the start of a loop, made before its body, lead to `node`."""
        head.run, head.then = (lambda m: node), [node]
        return head

    def assign(self, target, value, k):
        """
        `target = value`.

        Choice: the value comes before the pointers and the index of the target, as in Python.
        """
        if isinstance(target, ast.Name):
            return self.expression(value, self.set(target.id, k))
        field = self.known(target)
        if field.struct == "role":
            return self.expression(
                value, self.get(target.value.id, self.set_bits(field, target.value.id, k))
            )
        return self.operate("field = value", [value, target], self.pop(k))

    def set_bits(self, field, name, k):
        """A bit-field of a local role takes a value: [value, word] are on the stack."""

        def insert(value, word):
            if not 0 <= value < 1 << field.width:
                raise Bound("value")
            return word & ~((1 << field.width) - 1 << field.shift) | value << field.shift

        return self.binary(insert, self.set(name, k))

    def update(self, s, k):
        """`x op= e`: the target's pointer, its old value, e, then the write."""
        old = ast.parse(ast.unparse(s.target), mode="eval").body
        ast.copy_location(old, s)
        if isinstance(s.target, ast.Name) or self.known(s.target).struct == "role":
            return self.assign(s.target, ast.copy_location(ast.BinOp(old, s.op, s.value), s), k)
        field, indexed = self.known(s.target), self.place(s.target)[2] is not None
        write = self.node(
            _phase(
                PRIMITIVES["WRITE_ONCE"][2][0], [(field, indexed), None], None, None, self.pop(k)
            ),
            [k],
            visible=True,
        )
        compute = self.expression(s.value, self.binary(ARITHMETIC[type(s.op)], write))

        def run(m):
            pointer, index = m.stack[-2:] if indexed else (m.stack[-1], None)
            m.stack.append(m.load((field, pointer, index)))
            return compute

        return self.reference(s.target, self.node(run, [compute], visible=True))

    def range_loop(self, s, k):
        """
        `for i in range(...)`: the hidden counter (next, stop, step) lives in all of the loop.

        Choice: the arguments belong to the action that first arrives at the header, and ends there.
        """
        self.counters += 1
        counter = f"%{self.counters}"
        first = len(self.nodes)
        head = self.start(None)
        enter = self.set(s.target.id, self.block(s.body, head, (k, head)))

        def advance(m):
            value, stop, step = m.locals[counter]
            if not (value < stop if step > 0 else value > stop):
                return k
            m.locals[counter] = (value + step, stop, step)
            m.stack.append(value)
            return enter

        def begin(m):
            m.locals[counter] = tuple(m.stack[-3:])
            del m.stack[-3:]
            return head

        self.close(head, self.node(advance, [enter, k], use=counter, sets=counter))
        for node in self.nodes[first:]:
            node.kept.add(counter)
        zero, one = (ast.copy_location(ast.Constant(n), s) for n in (0, 1))
        a = s.iter.args
        return self.expressions(
            [zero, *a, one] if len(a) == 1 else [*a, one][:3],
            self.node(begin, [head], sets=counter),
        )

    def list_loop(self, s, k):
        """`for x in list_for_each_entry(h)`: a header for the first round, one for the others."""
        again, old = self.start(None), ast.copy_location(ast.Name(s.target.id, ast.Load()), s)
        enter = self.set(s.target.id, self.block(s.body, again, (k, again)))

        def decide(m):
            if m.stack[-1] is not None:
                return enter
            m.stack.pop()
            return k

        entry = self.node(decide, [enter, k])
        self.close(again, self.operate("list_next_or_null_rcu", [s.iter.args[0], old], entry))
        return self.start(self.operate("list_first_or_null_rcu", s.iter.args, entry))


def _phase(function, fields, sets, following, k):
    """
    The step of one phase of a primitive.

    fields : what each argument is: None (a value) or (Field, whether it has an index)
    """
    cells = sum(2 if field and field[1] else 1 for field in fields)

    def run(m):
        stack, arguments = m.stack, []
        at = rest = len(stack) - cells
        for field in fields:
            if field is None:
                arguments.append(stack[at])
            elif field[1]:
                arguments.append((field[0], stack[at], stack[at + 1]))
                at += 1
            else:
                arguments.append((field[0], stack[at], None))
            at += 1
        value = function(m, *arguments)
        if value is WAIT:
            return following
        if sets:
            value, m.locals[sets] = value
        del stack[rest:]
        stack.append(value)
        return k

    return run
