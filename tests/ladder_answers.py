"""Right answers to the "save it" of each level, and wrong ones that look like it: for the tests."""

import ast

REQUEST = "    kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS)\n"
INVALIDATE = "    kvm_tdp_mmu_invalidate_all_roots(kvm)\n"
FLUSH, UNLOCK = "    kvm_tdp_mmu_zap_invalidated_roots(kvm)\n", "    write_unlock(kvm.mmu_lock)\n"
STALE, LOCK = "    stale = is_page_fault_stale(vcpu)\n", "    read_lock(vcpu.kvm.mmu_lock)\n"
GET = "        kvm_tdp_mmu_get_root(root)\n"
SPIN = "    spin_lock(kvm.arch.tdp_mmu_pages_lock)\n"
SKIP = "        if root.role.invalid:\n            continue\n"

RIGHT = {
    "lost-update": [
        (1, [("kvm.counter += 1", "atomic_inc(kvm.counter)")]),
        (2, [("    kvm.counter += 1\n",
              SPIN + "    kvm.counter += 1\n" + SPIN.replace("lock(", "unlock(", 1))]),
    ],
    "flush-without-slots-lock": [
        (2, [("    write_lock(", "    mutex_lock(kvm.slots_lock)\n    write_lock("),
             (FLUSH, FLUSH + "    mutex_unlock(kvm.slots_lock)\n")]),
    ],
    "patch-24-unconditional": [(2, [("        WARN_ON", SKIP + "        WARN_ON")])],
    "no-gift": [
        (1, [("        root.role.inv", GET + "        root.role.inv")]),
        (1, [("        tdp_mmu_sch",
              "        WARN_ON_ONCE(not kvm_tdp_mmu_get_root(root))\n        tdp_mmu_sch")]),
    ],
    "flush-under-mmu-lock": [(1, [(FLUSH + UNLOCK, UNLOCK + FLUSH)])],
    "patch-22-skip-invalid": [
        (1, [("if root.role.invalid", "if root.tdp_mmu_async_data is not None")]),
        (2, [(SKIP, "")]),
    ],
    "stale-check-before-lock": [
        (1, [("if not stale", "if not is_page_fault_stale(vcpu)")]),
        (1, [(STALE + LOCK, LOCK + STALE)]),
    ],
    "request-before-invalidate": [(1, [(REQUEST, ""), (INVALIDATE, INVALIDATE + REQUEST)])],
    "lost-flush": [(1, [("gfn, False)", "gfn, flush)")])],
    "roots-plain-inc": [
        (1, [("refcount_inc(", "return refcount_inc_not_zero(")]),
        (2, [("    refcount_inc(root.tdp_mmu_root_count)\n    return True",
              "    return refcount_inc_not_zero(root.tdp_mmu_root_count)")]),
    ],
    "prev-roots": [
        (1, [("is_obsolete_root(vcpu.arch.mmu.root)", "is_obsolete_root(prev_root(vcpu, i))")]),
    ],
    "xchg-plain-rmw": [
        (1, [("root.role = role", "was_invalid = xchg(root.role.word, role.word) & 0x800")]),
        (2, [("root.role = role", "role.word = xchg(root.role.word, role.word)"),
             ("return was_invalid", "return role.invalid")]),
    ],
}  # fmt: skip
"""Protocol -> (changed lines, replacements): each holds in every interleaving."""

CHEATS = {
    "lost-update": [
        [("kvm.counter += 1", "kvm.counter = KVM_MAX_VCPUS")],
        [("kvm.counter += 1", "kvm.counter = 2")],
        [("kvm.counter += 1", "kvm.counter = kvm.arrived + 1")],
    ],
    "flush-under-mmu-lock": [
        [("    lockdep_assert_held(kvm.slots_lock)\n", "")],
        [("    trace_kvm_mmu_zap_all_fast(kvm)\n", "")],
        [(FLUSH, "")],
        [(INVALIDATE, ""), (FLUSH, "")],
        [(INVALIDATE, INVALIDATE + "    model_update_returns(kvm)\n")],
    ],
    "stale-check-before-lock": [
        [("ret = kvm_tdp_mmu_map(vcpu, gfn)", "ret = RET_PF_FIXED")],
        [("not stale", "0")],
    ],
    "prev-roots": [
        [("        if is_obsolete_root(vcpu.arch.mmu.root):\n            drop_prev_root(vcpu, i)",
          "        empty_prev_root(vcpu, i)")],
        [("if is_obsolete_root(vcpu.arch.mmu.root):\n            d", "if 1:\n            d")],
    ],
    "lost-flush": [[("return flush", "return True")]],
    "xchg-plain-rmw": [[("return was_invalid", "return 1")], [("return was_invalid", "return 0")]],
}  # fmt: skip
"""Protocol -> replacements that must not win."""

KNOWN_RIGHT = {"patch-22-skip-invalid": ("if root.role.invalid:", "continue")}
"""Where a statement may be dropped: without the skip it is patch 22 as merged."""


def replaced(text, pairs):
    """`text` with each first piece, which must be there, replaced by the second."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def cut_short(text):
    """(what was done, text) for each place where it may return early or drop a statement."""
    blocks = len(_blocks(ast.parse(text)))
    for number in range(blocks):
        for at in range(len(_blocks(ast.parse(text))[number])):
            for how in ("return", "drop"):
                tree = ast.parse(text)
                block = _blocks(tree)[number]
                line = ast.unparse(block[at]).splitlines()[0]
                if how == "return":
                    block.insert(at, ast.Return())
                else:
                    block[at : at + 1] = [] if len(block) > 1 else [ast.Pass()]
                yield how, line, ast.unparse(ast.fix_missing_locations(tree))


def _blocks(tree):
    found = [getattr(node, part, None) for node in ast.walk(tree) for part in ("body", "orelse")]
    functions = [f for f in found if isinstance(f, list) and f and isinstance(f[0], ast.stmt)]
    return [block for block in functions if block is not tree.body]
