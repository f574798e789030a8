/*
 * The page tables of tdplib.machine once more, in C: same arrays, same algorithm, same results.
 * Built and timed by pagetable.py beside the jitted kernels. For what the arrays hold, see
 * tdplib/machine/_pagetable_kernels.py.
 */
#include <stdint.h>
#include <string.h>

typedef int64_t i64;

enum { LEVELS, BITS, NR_TABLES, NR_FREE, NR_PENDING, NR_PAGES, STACK = 8 };
enum { SP_ROLE, SP_GFN, SP_PTEP, SP_SIZE };
enum { DONE, NEW, SAME, REPLACED, STEPS, LEAVES, TABLES, LARGEST, BUSY };
enum { OK = 0, NO_TABLE = -1, FROZEN = -2 };

#define PRESENT ((i64)1 << 11)
#define LARGE ((i64)1 << 7)
#define REMOVED ((i64)0x5a0)
#define NONLEAF ((i64)0x807)
#define PFN_SHIFT 12
#define PFN_MASK (((i64)1 << 40) - 1)
#define LEVEL_MASK 15

struct pool {
	i64 *head, *sp, *spt;
};

static inline i64 pfn_of(i64 spte)
{
	return (spte >> PFN_SHIFT) & PFN_MASK;
}

static inline i64 slot_below(i64 table, i64 gfn, i64 shift, i64 bits)
{
	return (table << bits) + ((gfn >> shift) & (((i64)1 << bits) - 1));
}

static i64 alloc_table(struct pool p, i64 role, i64 gfn, i64 ptep)
{
	i64 free = p.head[NR_FREE], bits = p.head[BITS], table;

	if (free == 0)
		return 0;
	table = p.head[STACK + free - 1];
	p.head[NR_FREE] = free - 1;
	memset(p.spt + (table << bits), 0, sizeof(i64) << bits);
	p.sp[table * SP_SIZE + SP_ROLE] = role;
	p.sp[table * SP_SIZE + SP_GFN] = gfn;
	p.sp[table * SP_SIZE + SP_PTEP] = ptep;
	return table;
}

static i64 link_child(struct pool p, i64 table, i64 gfn, i64 slot)
{
	i64 role = p.sp[table * SP_SIZE + SP_ROLE];
	i64 span = (i64)1 << (p.head[BITS] * ((role & LEVEL_MASK) - 1));
	i64 child = alloc_table(p, role - 1, gfn & -span, slot);

	if (child) {
		p.spt[slot] = NONLEAF | child << PFN_SHIFT;
		p.head[NR_PAGES]++;
	}
	return child;
}

static void remove_tables(struct pool p, i64 first, int shared, i64 *tally)
{
	i64 *bottom = p.head + STACK + p.head[NR_TABLES] - 1;
	i64 bits = p.head[BITS], entries = (i64)1 << bits;
	i64 start = p.head[NR_PENDING], done = start, leaves = 0, busy = 0;

	bottom[-p.head[NR_PENDING]++] = first;
	while (done < p.head[NR_PENDING]) {
		i64 table = bottom[-done++];
		i64 *page = p.spt + (table << bits);
		int last = (p.sp[table * SP_SIZE + SP_ROLE] & LEVEL_MASK) == 1;

		for (i64 i = 0; last && i < entries; i++) {
			i64 old = page[i];

			leaves += (old & PRESENT) != 0;
			busy += old == REMOVED;
			page[i] = shared || (old & PRESENT) ? REMOVED : old;
		}
		for (i64 i = 0; !last && i < entries; i++) {
			i64 old = page[i];

			busy += old == REMOVED;
			if (shared || (old & PRESENT))
				page[i] = REMOVED;
			if (!(old & PRESENT))
				continue;
			if (old & LARGE)
				leaves++;
			else
				bottom[-p.head[NR_PENDING]++] = pfn_of(old);
		}
	}
	p.head[NR_PAGES] -= done - start;
	tally[TABLES] += done - start;
	tally[LEAVES] += leaves;
	tally[BUSY] += busy;
}

static i64 map_one(struct pool p, i64 root, i64 gfn, i64 leaf, i64 level, i64 *tally)
{
	i64 bits = p.head[BITS], mask = ((i64)1 << bits) - 1, at = p.head[LEVELS];
	i64 shift = bits * (at - 1), table = root;
	i64 slot = (table << bits) + ((gfn >> shift) & mask);
	i64 old = p.spt[slot];

	for (; at > level; at--) {
		if ((old & PRESENT) && !(old & LARGE)) {
			table = pfn_of(old);
		} else {
			if (old == REMOVED)
				return FROZEN;
			table = link_child(p, table, gfn, slot);
			if (!table)
				return NO_TABLE;
			if (old & PRESENT)
				tally[REPLACED]++;
		}
		shift -= bits;
		slot = (table << bits) + ((gfn >> shift) & mask);
		old = p.spt[slot];
	}
	if (old == REMOVED)
		return FROZEN;
	if (old == leaf) {
		tally[SAME]++;
		return OK;
	}
	p.spt[slot] = leaf;
	if (!(old & PRESENT)) {
		tally[NEW]++;
		return OK;
	}
	tally[REPLACED]++;
	if (level > 1 && !(old & LARGE))
		remove_tables(p, pfn_of(old), 1, tally);
	return OK;
}

i64 map_many(i64 *head, i64 *sp, i64 *spt, i64 root, const i64 *gfns, const i64 *pfns, i64 n,
	     i64 leaf, i64 level, i64 *tally)
{
	struct pool p = { head, sp, spt };
	i64 bits = head[BITS], top = head[LEVELS];

	for (i64 i = tally[DONE]; i < n; i++) {
		i64 gfn = gfns[i], word = leaf | pfns[i] << PFN_SHIFT;
		i64 shift = bits * (top - 1), slot = slot_below(root, gfn, shift, bits);
		i64 old = spt[slot], code;

		for (i64 left = top - level; left > 0; left--) {
			if (!(old & PRESENT) || (old & LARGE))
				break;
			shift -= bits;
			slot = slot_below(pfn_of(old), gfn, shift, bits);
			old = spt[slot];
		}
		if (old == 0 && shift == bits * (level - 1)) {
			spt[slot] = word;
			tally[NEW]++;
			continue;
		}
		code = map_one(p, root, gfn, word, level, tally);
		if (code != OK) {
			tally[DONE] = i;
			return code;
		}
	}
	tally[DONE] = n;
	return OK;
}

i64 walk_many(const i64 *head, const i64 *spt, i64 root, const i64 *gfns, i64 n, i64 *sptes,
	      int8_t *levels)
{
	i64 bits = head[BITS], top = head[LEVELS], mapped = 0;

	for (i64 i = 0; i < n; i++) {
		i64 gfn = gfns[i], at = top, shift = bits * (top - 1);
		i64 spte = spt[slot_below(root, gfn, shift, bits)];

		for (; at > 1 && (spte & PRESENT) && !(spte & LARGE); at--) {
			shift -= bits;
			spte = spt[slot_below(pfn_of(spte), gfn, shift, bits)];
		}
		sptes[i] = spte;
		levels[i] = at;
		mapped += (spte & PRESENT) != 0;
	}
	return mapped;
}

void zap_pass(i64 *head, i64 *sp, i64 *spt, i64 root, i64 zap_level, int shared, i64 *tally)
{
	struct pool p = { head, sp, spt };
	i64 bits = head[BITS], entries = (i64)1 << bits, level = head[LEVELS];
	i64 table = root, index = 0;

	for (;;) {
		while (index < entries) {
			i64 slot = (table << bits) + index, old = spt[slot], dropped = 1;

			if (!(old & PRESENT)) {
				index++;
				continue;
			}
			if (level > zap_level) {
				if (old & LARGE) {
					index++;
				} else {
					table = pfn_of(old);
					level--;
					index = 0;
				}
				continue;
			}
			spt[slot] = 0;
			tally[STEPS]++;
			if (level == 1 || (old & LARGE)) {
				tally[LEAVES]++;
			} else {
				i64 before = tally[LEAVES] + tally[TABLES];

				remove_tables(p, pfn_of(old), shared, tally);
				dropped = tally[LEAVES] + tally[TABLES] - before;
			}
			if (dropped > tally[LARGEST])
				tally[LARGEST] = dropped;
			index++;
		}
		if (level == head[LEVELS])
			return;
		index = (sp[table * SP_SIZE + SP_PTEP] & (entries - 1)) + 1;
		table = sp[table * SP_SIZE + SP_PTEP] >> bits;
		level++;
	}
}
