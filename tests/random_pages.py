"""
Random statements about pages: roles, SPTEs, the list, RCU, the queue, requests.

See `random_statements` for the rest.
"""

from random_statements import LIST, QUEUE, REQUEST, Writer, indented

PRESENT = "SPTE_MMU_PRESENT_MASK"


class PageWriter(Writer):
    """A `Writer` that also knows pages."""

    def page(self, s):
        """A page local that is not None, as far as one can see."""
        if self.is_wild(0.2) and s.pages:
            return self.rng.choice(sorted(s.pages))
        return self.rng.choice(sorted(s.sure)) if s.sure else None

    # --- where pages come from

    def find(self, s):
        """A page from a field or from the list, most often looked at before use."""
        places = ["kvm.root", f"list_first_or_null_rcu({LIST})"]
        places += ["vcpu.arch.mmu.root"] * 2 if s.vcpu else []
        places += [f"list_next_or_null_rcu({LIST}, {page})" for page in sorted(s.sure)[:1]]
        name = self.new("p")
        s.pages.add(name)
        lines = [f"{name} = {self.rng.choice(places)}"]
        if self.is_wild(0.3):
            s.sure.add(name)
            return lines
        inner = s.inner(rcu=True)
        inner.sure.add(name)
        lines += [f"if {name} is not None:", *indented(self.block(inner, 3))]
        return (
            lines if s.rcu or self.is_wild() else ["rcu_read_lock()", *lines, "rcu_read_unlock()"]
        )

    def walk(self, s):
        """A walk over the list, under RCU or a lock or nothing."""
        name, inner = self.new("p"), s.inner(loop=True, rcu=True)
        inner.pages.add(name)
        inner.sure.add(name)
        body = self.block(inner, 2)
        if self.chance(0.2):
            body += [f"if {self.condition(inner)}:", "    break"]
        suffix = self.rng.choice(("", "_rcu"))
        lines = [f"for {name} in list_for_each_entry{suffix}({LIST}):", *indented(body)]
        if s.rcu or self.is_wild():
            return lines
        return ["rcu_read_lock()", *lines, "rcu_read_unlock()"]

    def reader(self, s):
        """Code inside an RCU reader."""
        if s.rcu and not self.is_wild():
            return None
        lines = ["rcu_read_lock()", *self.block(s.inner(rcu=True), 3)]
        return lines if self.is_wild(0.1) else [*lines, "rcu_read_unlock()"]

    def short_lived(self, s):
        """A page of one's own: made, shown perhaps, hidden, freed."""
        if not s.vcpu or s.rcu or s.loop:
            return None
        name, inner = self.new("p"), s.inner()
        inner.pages.add(name)
        inner.sure.add(name)
        lines = [f"{name} = tdp_mmu_alloc_sp(vcpu)"]
        shown = self.chance(0.7)
        lines += [f"kvm.root = {name}"] if shown else []
        lines += self.block(inner, 1)
        lines += ["kvm.root = None"] if shown and not self.is_wild() else []
        waits = self.chance(0.4) and s.held < 0
        free = ["tdp_mmu_free_sp({})"] if waits or self.is_wild() else ["call_rcu({}.rcu_head, {})"]
        lines += ["synchronize_rcu()"] * waits + [f"{name}.spt[0] = 0"] * self.chance(0.5)
        return [*lines, free[0].format(name, "tdp_mmu_free_sp_rcu_callback")]

    # --- roles, SPTEs, references

    def role(self, s):
        page, name = self.page(s), self.new("r")
        if page is None:
            return None
        kind = self.rng.random()
        if kind < 0.35 and not self.is_wild(1.5):
            bit = self.rng.choice(("smm", "ad_disabled", "guest_mode"))
            return [f"{page}.role.{bit} = {self.rng.randrange(2)}"]
        if kind < 0.6 and s.vcpu:
            s.roles.add(name)
            return [f"{name} = vcpu.arch.mmu.root_role", f"{name}.smm = {self.small(s)}"]
        if kind < 0.8 or not self.is_wild(2):
            s.roles.add(name)
            return [f"{name} = {page}.role"]
        s.roles.add(name)
        return self.rng.choice(
            (
                [f"{name} = {page}.role", f"{page}.role.invalid = 1"],
                [f"{name} = {page}.role", f"{page}.role = {name}"],
                [f"{name} = {page}.role", f"{name}.invalid = True", f"{page}.role = {name}"],
                [
                    f"{name} = {page}.role",
                    f"{name}.invalid = 1",
                    f"{name}.word = xchg({page}.role.word, {name}.word)",
                    f"if not {name}.invalid:",
                    f"    model_marked_invalid({page})",
                ],
            )
        )

    def spte(self, s):
        page, index = self.page(s), self.rng.choice(("0", "0", "PT_ENTRIES - 1"))
        if page is None:
            return None
        if self.is_wild(0.2):
            index = f"{self.number(s, 0)} & 1"
        spte, name = f"{page}.spt[{index}]", self.new("t")
        kind = self.rng.random()
        if kind < 0.3:
            return [f"{spte} = {self.rng.choice((f'{PRESENT} | 2', '0', 'REMOVED_SPTE', '0'))}"]
        s.numbers.add(name)
        if kind < 0.55:
            return [f"{name} = cmpxchg({spte}, 0, {PRESENT}) & 3"]
        if kind < 0.75:
            return [f"{name} = ({spte} & {PRESENT}) != 0"]
        return [f"{name} = xchg({spte}, 0) >> 11 & 1"]

    def fault(self, s):
        """An entry made present under a root that is valid, or not looked at well enough."""
        page = self.page(s)
        if page is None:
            return None
        spte = f"{page}.spt[{self.rng.choice(('0', '0', 'PT_ENTRIES - 1'))}]"
        install = self.rng.choice((f"{spte} = {PRESENT}", f"cmpxchg({spte}, 0, {PRESENT})"))
        return [f"if not {page}.role.invalid:", f"    {install}"]

    def reference(self, s):
        """A reference on a page: taken and given back."""
        page = self.page(s)
        if page is None or (s.held > 2 and not self.is_wild()):
            return None
        count = f"{page}.tdp_mmu_root_count"
        if self.is_wild():
            word = self.rng.choice(("inc", "inc_not_zero", "dec", "dec_and_test", "read"))
            return [f"refcount_{word}({count})"]
        body = self.block(s.inner(rcu=True), 1)
        return [f"if refcount_inc_not_zero({count}):", *indented(body), f"    put(kvm, {page})"]

    def load(self, s):
        """A root loaded into the vCPU or taken from it."""
        if not s.vcpu or not self.is_wild():
            return None
        value = self.rng.choice((self.page(s) or "None", "None"))
        return [f"vcpu.arch.mmu.root = {value}"]

    # --- the list, freeing

    def list_change(self, s):
        page = self.page(s)
        if not self.is_wild() or page is None:
            return [f"if list_empty({LIST}):", *indented(self.block(s.inner(), 1))]
        words = (
            "list_add_rcu({}.link, {})",
            "list_add_tail_rcu({}.link, {})",
            "list_del_rcu({}.link)",
        )
        return [self.rng.choice(words).format(page, LIST)]

    def free(self, s):
        page = self.page(s)
        if not self.is_wild() or page is None:
            return None
        words = ("tdp_mmu_free_sp({0})", "call_rcu({0}.rcu_head, tdp_mmu_free_sp_rcu_callback)")
        return [self.rng.choice(words).format(page)]

    def grace(self, s):
        """Waiting for readers; a deadlock inside one."""
        if (s.rcu or s.held >= 0) and not self.is_wild():
            return None
        return [self.rng.choice(("synchronize_rcu()", "rcu_barrier()"))]

    def drop(self, s):
        """The vCPU gives its root back."""
        if not s.vcpu or s.held >= 0 or s.rcu or s.loop:
            return None
        name = self.new("p")
        s.pages.add(name)
        return [
            "write_lock(kvm.mmu_lock)",
            f"{name} = vcpu.arch.mmu.root",
            "vcpu.arch.mmu.root = None",
            "kvm.root = None",
            f"if {name} is not None:",
            f"    put(kvm, {name})",
            "write_unlock(kvm.mmu_lock)",
        ]

    # --- the queue, requests, notes of the model

    def queue(self, s):
        page = self.page(s)
        if page is None:
            return None
        work = f"{page}.tdp_mmu_async_work"
        lines = [f"{page}.tdp_mmu_async_data = kvm"] if not self.is_wild(0.3) else []
        lines += [f"INIT_WORK({work}, zap_work)", f"queue_work({QUEUE}, {work})"]
        if self.is_wild(0.5):
            lines.pop(self.rng.randrange(len(lines)))
        if self.is_wild(0.5):
            return lines
        test = f"xchg({page}.busy, 1) == 0" if not self.is_wild() else f"not {page}.busy"
        return [f"if {test}:", f"    {page}.busy = True", *indented(lines)]

    def flush(self, s):
        if (s.held >= 0 or s.rcu) and not self.is_wild():
            return None
        word = "destroy" if self.is_wild(0.3) else "flush"
        return [f"{word}_workqueue({QUEUE})"]

    def request(self, s):
        words = [f"kvm_make_all_cpus_request(kvm, {REQUEST})"]
        if s.vcpu:
            words += [f"kvm_make_request({REQUEST}, vcpu)"]
        if self.chance(0.4) or not s.vcpu:
            return [self.rng.choice(words)]
        name = self.new("t")
        s.numbers.add(name)
        if self.chance(0.4):
            return [f"{name} = kvm_test_request({REQUEST}, vcpu)"]
        test = f"kvm_check_request({REQUEST}, vcpu)"
        return [
            f"{name} = 0",
            f"if {test}:",
            f"    {name} = 1",
            *indented(self.block(s.inner(), 1)),
        ]

    def notes(self, s):
        """What the harness says about updates, notifiers and zaps."""
        page, kind = self.page(s), self.rng.random()
        if kind < 0.4:
            body = self.block(s.inner(), 2)
            return ["model_update_begins(kvm)", *body, "model_update_returns(kvm)"]
        if kind < 0.6 and self.is_wild(2):
            return ["model_notifier_returns(kvm, 0)"]
        if page is None:
            return None
        body = self.block(s.inner(), 1)
        return [f"model_zap_begins({page})", *body, f"model_zap_ends({page})"]
