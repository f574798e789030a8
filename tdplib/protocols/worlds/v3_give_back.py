"""v3-give-back: v3-list-walk, with a mark on each root that nobody uses yet.

Kernel
    The posting of Feb 26 2022 (v3, 22 of 28), never merged in this form; the mark is v6.6's
    (0df9dab891ff), where it is called tdp_mmu_scheduled_root_to_zap.
Stage
    As v3-list-walk; the walk asks `walk_wants(root)` which roots it visits. A new root starts with
    `scheduled_to_zap` false, and so far it stays so.
Left out
    See v3-list-walk.
"""

from tdplib.lang.kernel import *


class kvm_mmu_page:
    scheduled_to_zap: bool


def walk_wants(root):
    """Does the walk zap this root, and give a reference to it back?"""
    return root.role.invalid and refcount_read(root.tdp_mmu_root_count)


def next_invalidated_root(kvm, prev):
    """The next listed root that the walk wants; takes no reference."""
    if prev is None:
        root = list_first_or_null_rcu(kvm.arch.tdp_mmu_roots)
    else:
        root = list_next_or_null_rcu(kvm.arch.tdp_mmu_roots, prev)
    while root is not None:
        if walk_wants(root):
            break
        root = list_next_or_null_rcu(kvm.arch.tdp_mmu_roots, root)
    return root
