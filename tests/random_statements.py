"""
Random statements of kernel Python: expressions, fields, locks, pages, lists, RCU, queue, requests.

`Writer` has a method for every kind of statement; each takes the `Scope` it writes in and gives
lines of source, or None where that kind has no place there. `random_programs` chooses among them.
"""

import re
from dataclasses import dataclass, field

LOCKS = (
    ("slots_lock", "kvm.slots_lock", ("mutex",)),
    ("slots_arch_lock", "kvm.slots_arch_lock", ("mutex",)),
    ("mmu_lock", "kvm.mmu_lock", ("read", "write")),
    ("tdp_mmu_pages_lock", "kvm.arch.tdp_mmu_pages_lock", ("spin",)),
)
"""Name, path and modes of the locks, in the order in which they may nest."""

LIST, QUEUE = "kvm.arch.tdp_mmu_roots", "kvm.arch.tdp_mmu_zap_wq"
REQUEST = "KVM_REQ_MMU_FREE_OBSOLETE_ROOTS"
VISIBLE = re.compile(
    r"\b(?:kvm|vcpu|p\d+|root)\.[\w.]+|\b(?:list_|model_|rcu_|kvm_|synchronize|tdp_mmu_alloc|call_)"
)
NESTING = {
    "branch", "loop", "try_exchange", "atomic", "count", "section", "find", "walk", "reader",
    "short_lived", "reference", "list_change", "request", "notes",
}  # fmt: skip
"""Kinds of statements with statements in them."""
DEEPEST = 2  # blocks in blocks


def indented(lines):
    """Lines one level deeper."""
    return [f"    {line}" for line in lines]


@dataclass
class Scope:
    """
    What a place in a function knows.

    numbers, roles : locals set on every path; pages : page locals set; sure : those that are not
    None; loop : inside a loop; held : number of the last lock held, -1 for none; rcu : inside a
    reader; vcpu : there is a vcpu; out : how to return early
    """

    numbers: set = field(default_factory=set)
    roles: set = field(default_factory=set)
    pages: set = field(default_factory=set)
    sure: set = field(default_factory=set)
    loop: bool = False
    held: int = -1
    rcu: bool = False
    vcpu: bool = True
    out: str = "return"

    def inner(self, **changes):
        """A copy for a block, whose new locals do not come out."""
        sets = {name: set(getattr(self, name)) for name in ("numbers", "roles", "pages", "sure")}
        plain = {name: getattr(self, name) for name in ("loop", "held", "rcu", "vcpu", "out")}
        return Scope(**{**sets, **plain, **changes})


class Writer:
    """
    Writes random code.

    rng : random.Random; wild : how likely a statement is one that may well break something
    fields : path -> type of the number fields of kvm and vcpu; page_fields : names -> types
    kinds : names of methods to choose statements from, repeated for more weight
    """

    def __init__(self, rng, wild, fields, page_fields, kinds):
        self.rng, self.wild, self.fields, self.page_fields, self.kinds = (
            rng, wild, fields, page_fields, kinds,
        )  # fmt: skip
        self.helpers, self.made, self.depth = [], 0, 0
        self.simple = [kind for kind in kinds if kind not in NESTING] or ["set_field"]

    def chance(self, likely):
        return self.rng.random() < likely

    def is_wild(self, more=1.0):
        return self.chance(self.wild * more)

    def new(self, letter):
        """A fresh name of a local."""
        self.made += 1
        return f"{letter}{self.made}"

    # --- expressions

    def path(self, s, *types):
        """A number field, of one of the types if any are given."""
        paths = [
            path for path, type_ in self.fields.items()
            if (type_ in types or not types) and (s.vcpu or not path.startswith("vcpu"))
        ]  # fmt: skip
        paths += [
            f"{page}.{name}" for page in sorted(s.sure) for name, type_ in self.page_fields.items()
            if type_ in types or not types
        ]  # fmt: skip
        return self.rng.choice(paths) if paths else None

    def number(self, s, depth=1):
        """An expression of small value."""
        rng, kind = self.rng, self.rng.random()
        if kind < 0.25 or (depth == 0 and kind < 0.35):
            return str(rng.randrange(4))
        if kind < 0.5 and s.numbers:
            return rng.choice(sorted(s.numbers))
        if kind < 0.7 or depth == 0:
            return self.path(s) or "1"
        if kind < 0.76:
            return f"READ_ONCE({self.path(s)})"
        if kind < 0.82:
            return self.call(s, "number") or f"({self.condition(s, 0)})"
        if kind < 0.86 and s.roles:
            bit = rng.choice(("invalid", "level", "smm", "word"))
            return f"{rng.choice(sorted(s.roles))}.{bit}"
        if kind < 0.9:
            return rng.choice(("-{}", "~{}", "({} << 1)", "({} * 2)")).format(self.number(s, 0))
        left, right = self.number(s, depth - 1), self.number(s, depth - 1)
        return f"({left} {rng.choice(('+', '-', '&', '|', '^', '+'))} {right})"

    def small(self, s):
        """An expression that fits a u8."""
        if self.is_wild(0.1):
            return self.number(s)
        text, mask = self.number(s), self.rng.choice((1, 3, 3, 7))
        return text if text.isdigit() else f"{text} & {mask}"

    def condition(self, s, depth=1):
        """A truth value."""
        rng, kind = self.rng, self.rng.random()
        if depth and kind < 0.25:
            word = rng.choice(("and", "or"))
            return f"{self.condition(s, 0)} {word} {self.condition(s, 0)}"
        if depth and kind < 0.35:
            return f"not ({self.condition(s, 0)})"
        if kind < 0.5 and s.pages:
            return f"{rng.choice(sorted(s.pages))} is {rng.choice(('None', 'not None'))}"
        if kind < 0.7:
            return self.number(s, 0)
        sign = rng.choice(("==", "!=", "<", "<=", ">", ">="))
        return f"{self.number(s, depth)} {sign} {self.number(s, 0)}"

    def call(self, s, gives=None):
        """A call of a helper; gives: what it must return."""
        fits = [
            helper for helper in self.helpers
            if gives in (None, helper.gives) and ("page" not in helper.takes or s.sure)
        ]  # fmt: skip
        if not fits:
            return None
        helper = self.rng.choice(fits)
        values = {"kvm": "kvm", "page": self.rng.choice(sorted(s.sure)) if s.sure else None}
        given = [values.get(what) or self.number(s, 0) for what in helper.takes]
        return f"{helper.name}({', '.join(given)})"

    # --- plain statements

    def set_local(self, s):
        name = self.rng.choice([self.new("t"), *sorted(s.numbers)])
        value = self.number(s, 2)
        grows = s.loop and re.search(r"\b[tx]\d", value) and not value.startswith("(")
        lines = [f"{name} = {value}"] if not grows else [f"{name} = {self.number(Scope(), 0)}"]
        s.numbers.add(name)
        return lines

    def set_field(self, s):
        path = self.path(s, "u8", "u16", "u32", "bool", "atomic_t")
        value = self.small(s)
        return [f"WRITE_ONCE({path}, {value})" if self.chance(0.15) else f"{path} = {value}"]

    def update_field(self, s):
        path = self.path(s, "u8", "u16", "atomic_t")
        if path is None:
            return None
        operation = self.rng.choice(("+= 1", "^= 1", "|= 2", "&= 1", "+= 1"))
        return [f"{path} {operation}"]

    def read_write(self, s):
        """The lost update."""
        path, name = self.path(s, "u8", "u16", "atomic_t"), self.new("t")
        s.numbers.add(name)
        return [f"{name} = {path}", f"{path} = {name} + 1"]

    def overflow(self, s):
        """What does not fit, or not for long: a field, or (rarely) a local that grows."""
        path, flag, name = self.path(s, "u8"), self.path(s, "bool"), self.new("t")
        if flag and self.is_wild(0.05):
            return [f"{name} = 0", f"while not {flag}:", f"    {name} = {name} + 1"]
        if self.is_wild(0.5):
            return [f"{path} = {path} {self.rng.choice(('- 1', '+ 1', '* 2', '+ 250'))}"]
        return None

    def branch(self, s):
        lines = [f"if {self.condition(s)}:", *indented(self.block(s.inner(), 2))]
        if self.chance(0.3):
            lines += [f"elif {self.condition(s)}:", *indented(self.block(s.inner(), 1))]
        if self.chance(0.4):
            lines += ["else:", *indented(self.block(s.inner(), 1))]
        return lines

    def loop(self, s):
        """A loop of few rounds, left early now and then."""
        inner, name, kind = s.inner(loop=True), self.new("x"), self.rng.random()
        if kind < 0.6:
            asked = (self.path(s, "bool") or "1", f"{self.number(s, 0)} & 1")
            limit = self.rng.choice(("2", "1, 3", "2, 0, -1", "3", *asked))
            head, tail = f"for {name} in range({limit}):", []
            inner.numbers.add(name)
        else:
            head, tail = f"while {name} > 0:", [f"{name} = {name} - 1"]
        body = self.block(inner, 2)
        if self.chance(0.4):
            out = s.out if self.may_return(s) else "break"
            leave = self.rng.choice(("break", "break", "break" if tail else "continue", out))
            body += [f"if {self.condition(inner)}:", f"    {leave}"]
        start = [f"{name} = {self.rng.randrange(1, 3)}"] if tail else []
        return [*start, head, *indented(body + tail)]

    def may_return(self, s):
        return (s.held < 0 and not s.rcu) or self.is_wild()

    def leave(self, s):
        return [f"if {self.condition(s)}:", f"    {s.out}"] if self.may_return(s) else None

    def nothing(self, s):
        return [self.rng.choice(("pass", "cpu_relax()", "smp_mb()", "cond_resched()"))]

    def spin(self, s):
        """Wait for a flag that another actor may or may not set; a circle, no deadlock."""
        path = self.path(s, "bool")
        return [f"while not {path}:", "    cpu_relax()"] if path and self.is_wild() else None

    def helper_call(self, s):
        text = self.call(s)
        if text is None:
            return None
        name = self.new("t")
        if self.call_gives(text) == "number" and self.chance(0.6):
            s.numbers.add(name)
            return [f"{name} = {text}"]
        if self.call_gives(text) == "page":
            name = self.new("p")
            s.pages.add(name)
            return [f"{name} = {text}"]
        return [text]

    def call_gives(self, text):
        return next(h.gives for h in self.helpers if text.startswith(f"{h.name}("))

    def warn(self, s):
        if not self.is_wild(0.7):
            return None
        return [f"{self.rng.choice(('WARN_ON', 'WARN_ON_ONCE', 'BUG_ON'))}({self.condition(s)})"]

    # --- atomics

    def exchange(self, s):
        path, name = self.path(s, "u8", "bool", "u32", "atomic_t"), self.new("t")
        s.numbers.add(name)
        if self.chance(0.5):
            return [f"{name} = xchg({path}, {self.small(s.inner(numbers=s.numbers - {name}))})"]
        return [f"{name} = cmpxchg({path}, {self.rng.randrange(2)}, {self.rng.randrange(4)})"]

    def try_exchange(self, s):
        path, name = self.path(s, "u8", "u32", "atomic_t"), self.new("t")
        s.numbers.add(name)
        if self.chance(0.4):
            return [
                f"{name} = {path}",
                f"while not try_cmpxchg({path}, {name}, {name} + 1 & 3):",
                "    cpu_relax()",
            ]
        return [
            f"{name} = {self.rng.randrange(2)}",
            f"if try_cmpxchg({path}, {name}, {self.small(s)}):",
            *indented(self.block(s.inner(), 1)),
        ]

    def atomic(self, s):
        path = self.path(s, "atomic_t", "u8")
        if self.chance(0.3):
            return [f"atomic_inc({path})"]
        if self.chance(0.3) and self.is_wild():
            return [f"if atomic_dec_and_test({path}):", *indented(self.block(s.inner(), 1))]
        name = self.new("t")
        s.numbers.add(name)
        what = self.rng.choice(("atomic_inc_return", "atomic_read"))
        return [f"{name} = {what}({path})"]

    def count(self, s):
        """A reference taken and given back, or only one of the two."""
        path = self.path(s, "refcount_t")
        if path is None:
            return None
        if self.is_wild():
            word = self.rng.choice(("inc", "inc_not_zero", "dec", "dec_and_test", "read"))
            return [f"refcount_{word}({path})"]
        inner = self.block(s.inner(), 1)
        if any(line.split()[0] in ("return", "break", "continue") for line in inner):
            return None
        lines = [f"if refcount_inc_not_zero({path}):", *indented(inner)]
        return [*lines, f"    refcount_dec_and_test({path})"]

    # --- locks

    def section(self, s):
        """Code under a lock, in order and released, or not."""
        at = self.rng.randrange(0 if self.is_wild() else s.held + 1, len(LOCKS) + 1)
        if at >= len(LOCKS):
            return None
        _, path, modes = LOCKS[at]
        mode = self.rng.choice(modes)
        unlock = mode if not self.is_wild(0.2) else self.rng.choice(modes)
        taking, giving = [f"{mode}_lock({path})"], [f"{unlock}_unlock({path})"]
        inner = s.inner(held=at)
        body = self.block(inner, 3)
        if mode in ("read", "write") and self.chance(0.25) and not s.rcu:
            body.append(f"cond_resched_rwlock_{mode}({path})")
        if self.is_wild(0.3):
            taking = [f"if {self.condition(s)}:", *indented(taking)]
        if self.is_wild(0.1):
            giving = [f"if {self.condition(inner)}:", *indented(giving)]
        if self.chance(0.2):
            body.insert(0, f"lockdep_assert_held({path})")
        return [*taking, *body, *giving]

    def assertion(self, s):
        if not self.is_wild(0.5):
            return None
        which = self.rng.choice(("", "_read", "_write"))
        return [f"lockdep_assert_held{which}(kvm.mmu_lock)"]

    # --- statements, chosen

    def block(self, s, longest):
        """One to `longest` statements."""
        lines, self.depth = [], self.depth + 1
        for _ in range(self.rng.randint(1, longest)):
            lines += self.statement(s)
        self.depth -= 1
        return lines

    def statement(self, s):
        """One statement that has a place here."""
        for _ in range(20):
            trial = s.inner()
            kinds = self.simple if self.depth > DEEPEST else self.kinds
            lines = getattr(self, self.rng.choice(kinds))(trial)
            if lines:
                for name in ("numbers", "roles", "pages", "sure"):
                    getattr(s, name).update(getattr(trial, name))
                return lines
        return ["pass"]

    def cost(self, lines):
        """About how many actions a run of these lines takes (loops counted twice)."""
        total, loops = 0, []
        for line in lines:
            indent = len(line) - len(line.lstrip())
            loops = [at for at in loops if at < indent]
            if line.lstrip().startswith(("for ", "while ")):
                loops.append(indent)
            called = sum(h.cost for h in self.helpers if f"{h.name}(" in line)
            called += 6 if "put(" in line else 0
            total += (max(1, len(VISIBLE.findall(line))) + called) * 2 ** len(loops)
        return total
