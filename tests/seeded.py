"""
Seeded bugs, data for tests: for every property a small program that breaks it, and its green twin.

`SEEDS` is the list of them, in the order of their files; see `seeded_kit.Seed`.
"""

import seeded_locks
import seeded_roots
import seeded_tables
import seeded_tlb
from seeded_kit import PREFIX, SEEDS, Seed

__all__ = ["PREFIX", "SEEDS", "Seed", "seeded_locks", "seeded_roots", "seeded_tables", "seeded_tlb"]
