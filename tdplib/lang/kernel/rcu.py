"""Stubs: RCU, the life of a page, and the list of roots."""

from __future__ import annotations

from ._stub import not_executed

__all__ = [
    "call_rcu",
    "list_add_rcu",
    "list_add_tail_rcu",
    "list_del_rcu",
    "list_empty",
    "list_first_or_null",
    "list_first_or_null_rcu",
    "list_for_each_entry",
    "list_for_each_entry_rcu",
    "list_next_or_null",
    "list_next_or_null_rcu",
    "make_nonleaf_spte",
    "rcu_barrier",
    "rcu_read_lock",
    "rcu_read_unlock",
    "spte_to_child_sp",
    "synchronize_rcu",
    "tdp_mmu_alloc_sp",
    "tdp_mmu_free_sp",
]


def rcu_read_lock():
    """
    Enter an RCU reader: what `call_rcu` is given from now on stays until this reader leaves.

    Visible. Nests.
    """
    raise not_executed("rcu_read_lock")


def rcu_read_unlock():
    """
    Leave an RCU reader.

    Visible. Outside a reader it breaks `lockdep`.
    """
    raise not_executed("rcu_read_unlock")


def call_rcu(head, callback):
    """
    Free the page of `head` once every RCU reader that is inside now has left.

    ``call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)``. Visible. Freed at once if nobody is
    inside: the earliest moment is the worst case. Given twice, or after the page was freed, it
    breaks `no-use-after-free`. v5.18: the last step of a root's life.
    """
    raise not_executed("call_rcu")


def synchronize_rcu():
    """
    Wait until every RCU reader that is inside now has left.

    Visible. Can block: one step notes who is inside; another passes when those have left.
    """
    raise not_executed("synchronize_rcu")


def rcu_barrier():
    """
    Wait until nothing given to `call_rcu` is pending any more.

    Visible. Can block: while something is. The kernel ends the TDP MMU of a VM with it, so that
    no free callback outlives the VM.
    """
    raise not_executed("rcu_barrier")


def tdp_mmu_alloc_sp(vcpu):
    """
    Give a new page, all fields 0 (`tdp_mmu_page` is 1).

    Visible. Pages are handed out in order and never used again. When none is left the path ends
    and the search is incomplete (bound `root slots`).
    """
    raise not_executed("tdp_mmu_alloc_sp")


def make_nonleaf_spte(page):
    """
    Give the SPTE that leads to the page's table; store it into an entry of the table above.

    Private. Needs a scenario with two levels: with one, no SPTE leads anywhere.
    """
    raise not_executed("make_nonleaf_spte")


def spte_to_child_sp(spte):
    """
    Give the page whose table an SPTE leads to, None if it is not present or leads to none.

    Private: the SPTE itself is a value that was read before. The page may be gone by then; RCU is
    what keeps it.
    """
    raise not_executed("spte_to_child_sp")


def tdp_mmu_free_sp(page):
    """
    Free a page at once, whoever may still be reading it.

    Visible. `call_rcu` waits for readers.
    """
    raise not_executed("tdp_mmu_free_sp")


def list_add_rcu(node, head):
    """
    Put a page at the head of a list: ``list_add_rcu(root.link, kvm.arch.tdp_mmu_roots)``.

    Visible. Already on it: breaks `list-intact`. v5.18: under tdp_mmu_pages_lock.
    """
    raise not_executed("list_add_rcu")


def list_add_tail_rcu(node, head):
    """
    Put a page at the tail of a list; otherwise as `list_add_rcu`.

    Visible.
    """
    raise not_executed("list_add_tail_rcu")


def list_del_rcu(node):
    """
    Take a page off its list: ``list_del_rcu(root.link)``.

    Visible. The page keeps its own next pointer, for whoever stands on it. Not on a list: breaks
    `list-intact`; with a count that is not 0: breaks `delist-at-final-put`.
    """
    raise not_executed("list_del_rcu")


def list_empty(head):
    """
    Give True if the list has no entry.

    Visible.
    """
    raise not_executed("list_empty")


def list_for_each_entry(head):
    """
    Go over the pages of a list: ``for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):``.

    Visible, once a round: the first entry, then the entry after the previous one, which must not
    have been freed in between. Only in the head of a for loop.
    """
    raise not_executed("list_for_each_entry")


def list_for_each_entry_rcu(head):
    """
    Go over the pages of a list, as `list_for_each_entry`.

    Visible, once a round. The name says that the walk is protected by RCU; it enters no reader.
    """
    raise not_executed("list_for_each_entry_rcu")


def list_first_or_null_rcu(head):
    """
    Give the first page of a list, or None.

    Visible.
    """
    raise not_executed("list_first_or_null_rcu")


def list_next_or_null_rcu(head, page):
    """
    Give the page after `page` on a list, or None.

    Visible. `page` may be off the list already, for its next pointer stays; freed it may not be.
    """
    raise not_executed("list_next_or_null_rcu")


def list_first_or_null(head):
    """
    Give the first page of a list, or None, as `list_first_or_null_rcu`.

    Visible.
    """
    raise not_executed("list_first_or_null")


def list_next_or_null(head, page):
    """
    Give the page after `page` on a list, or None, as `list_next_or_null_rcu`.

    Visible.
    """
    raise not_executed("list_next_or_null")
