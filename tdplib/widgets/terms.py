"""What the short names on a board mean, for who points at one; the meanings are the glossary's."""

from __future__ import annotations

from tdplib.words.glossary import find

__all__ = ["terms"]

WORDS = {
    "root": "root",
    "role": "role",
    "level": "level",
    "smm": "as_id",
    "invalid": "invalid",
    "refcount": "reference count",
    "root of": "vCPU",
    "list": "root",
    "queue": "workqueue",
    "async_data": "worker",
    "SPTEs": "SPTE",
    "mmu_lock": "mmu_lock",
    "slots_lock": "slots_lock",
    "tdp_mmu_pages_lock": "tdp_mmu_pages_lock",
    "requests": "request",
    "RCU": "RCU",
    "TLB": "TLB",
}
"""A name as the widget shows it -> the glossary's word for it."""


def terms() -> dict[str, str]:
    """Return every name that is explained, with its meaning."""
    return {name: find(word).meaning for name, word in WORDS.items()}
