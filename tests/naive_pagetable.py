"""
The slow twin of `tdplib.machine.pagetable`: page tables without tables.

A tree is what it holds, as sets keyed by (level, first gfn): `leaves`, `tables` (by the level and
first gfn of the SPTE that points to them) and `frozen` SPTEs. No arrays, no words, no pool;
every question is answered by looking at all there is.
"""


class Frozen(Exception):
    pass


class NaiveTree:
    def __init__(self, levels, bits):
        self.levels, self.bits = levels, bits
        self.leaves = {}  # (level, first gfn) -> (pfn, writable)
        self.tables = set()
        self.frozen = set()

    def key(self, level, gfn):
        span = 2 ** (self.bits * (level - 1))
        return level, gfn - gfn % span

    def below(self, key):
        """Return all SPTEs below the one at `key`: leaves, tables, frozen ones."""
        level, first = key
        span = 2 ** (self.bits * (level - 1))

        def inside(other):
            return other[0] < level and first <= other[1] < first + span

        return (
            [k for k in where if inside(k)] for where in (self.leaves, self.tables, self.frozen)
        )

    def drop(self, key):
        """Clear one SPTE and all below it; return leaves, tables and frozen SPTEs dropped."""
        if key in self.leaves:
            del self.leaves[key]
            return 1, 0, 0
        leaves, tables, frozen = self.below(key)
        for one in leaves:
            del self.leaves[one]
        self.tables -= {key, *tables}
        self.frozen -= set(frozen)
        return len(leaves), 1 + len(tables), len(frozen)

    def map(self, gfn, pfn, level, writable=True):
        """Return what became of it: new, same or replaced, and large leaves, tables counted."""
        seen = {"new": 0, "same": 0, "replaced": 0, "tables_made": 0, "tables_removed": 0}
        for at in range(self.levels, level, -1):
            key = self.key(at, gfn)
            if key in self.frozen:
                raise Frozen
            if key not in self.tables:
                seen["replaced"] += self.leaves.pop(key, None) is not None
                self.tables.add(key)
                seen["tables_made"] += 1
        key = self.key(level, gfn)
        if key in self.frozen:
            raise Frozen
        if self.leaves.get(key) == (pfn, writable):
            seen["same"] = 1
        elif key in self.leaves or key in self.tables:
            seen["tables_removed"] = self.drop(key)[1]
            seen["replaced"] += 1
        else:
            seen["new"] = 1
        self.leaves[key] = pfn, writable
        return seen

    def lookup(self, gfn):
        """Return (level, pfn of the leaf or None, whether writable, whether frozen)."""
        for level in range(self.levels, 0, -1):
            key = self.key(level, gfn)
            if key in self.leaves:
                return level, *self.leaves[key], False
            if key not in self.tables:
                return level, None, False, key in self.frozen
        raise AssertionError("a table of level 0")

    def split(self, gfn):
        level, pfn, writable, _ = self.lookup(gfn)
        if pfn is None or level == 1:
            return None
        key = self.key(level, gfn)
        del self.leaves[key]
        self.tables.add(key)
        span = 2 ** (self.bits * (level - 2))
        for n in range(2**self.bits):
            self.leaves[level - 1, key[1] + n * span] = pfn + n * span, writable
        return level - 1

    def freeze(self, gfn, level):
        """Return False where the tree ends above that level."""
        for at in range(self.levels, level, -1):
            if self.key(at, gfn) in self.frozen:
                raise Frozen
            if self.key(at, gfn) not in self.tables:
                return False
        key = self.key(level, gfn)
        if key in self.frozen:
            raise Frozen
        if key in self.leaves or key in self.tables:
            self.drop(key)
        self.frozen.add(key)
        return True

    def thaw(self, gfn):
        for level in range(self.levels, 0, -1):
            if self.key(level, gfn) in self.frozen:
                self.frozen.remove(self.key(level, gfn))
                return True
            if self.key(level, gfn) not in self.tables:
                break
        return False

    def zap_range(self, start, end):
        hit = [
            (level, first)
            for level, first in self.leaves
            if start < end and first < end and first + 2 ** (self.bits * (level - 1)) > start
        ]
        for key in hit:
            del self.leaves[key]
        return len(hit)

    def zap(self, levels):
        """Return of each pass: level, steps, leaves, tables, largest step, spins."""
        passes = []
        for zap_level in levels:
            row = [zap_level, 0, 0, 0, 0, 0]
            present = [k for k in (*self.leaves, *self.tables) if k[0] == zap_level]
            for key in present:
                leaves, tables, frozen = self.drop(key)
                row[1] += 1
                row[2] += leaves
                row[3] += tables
                row[4] = max(row[4], leaves + tables)
                row[5] += frozen
            passes.append(tuple(row))
        return passes

    def count(self):
        """Return leaves, non-leaves and frozen SPTEs by level."""
        return tuple(
            {level: sum(k[0] == level for k in where) for level in range(1, self.levels + 1)}
            for where in (self.leaves, self.tables, self.frozen)
        )
