"""
Kernels on packed memory: fields, the table of words, pages.

A wide value (a role word, an SPTE) is held in a state as its number in the table of words, which
only grows during a search; so equal states stay equal whatever order values were met in.

A state handed to kernels is followed by two more stretches of as many words: which of its bits
were read, and which were written (`note_read`, `note_write`). Whatever reads or writes a bit of a
state says so there, because `_memo` relies on it: an action depends on the bits it read, and on
nothing else. Two words more tell what is around the acting actor, and what of that it asked: most
of what an actor must know of the others is in there, and where exactly they stand is not.
"""

from .._jit import bare_kernel as kernel  # noqa: I001 (the tables of names below)
from .codes import (
    A_SHIFT, A_STOP_MASK, A_STOPS, A_WORD, ACTOR, BOUND, BROKEN, F_BITS, F_BMASK, F_BOOL, F_BSHIFT,
    F_CONST, F_FLAGS, F_INTERNED, F_LIMIT, F_MASK, F_SHIFT, F_WORD, FIELD, FIRST_TABLE_PFN, FREED,
    H_ACTOR, H_ACTORS, H_ENTRIES, H_FIELD, H_INVALID_SHIFT, H_LEVELS, H_PAGE, H_PAGES, H_STOP,
    H_WORDS, HOLDS, M_CAPACITY, M_COUNT, M_WORDS, NONLEAF_BITS, P_CLEAR, P_CLEARS, P_ROLE, P_SPT,
    P_STATE, PAGE, PFN_MASK, PFN_SHIFT, PRESENT_BIT, S_AROUND, STOP,
)  # fmt: skip


@kernel
def intern_word(mem, value):
    """
    Return the number of `value` in the table of words, or `BOUND - 2` if the table is full.

    mem : int64[::1], modified in place
    """
    count = mem[M_COUNT]
    for k in range(count):
        if mem[M_WORDS + k] == value:
            return k
    if count >= mem[M_CAPACITY]:
        return BOUND - 2
    mem[M_WORDS + count] = value
    mem[M_COUNT] = count + 1
    return count


@kernel
def note_read(im, st, word, shift, mask):
    """Note that the bits `mask` << `shift` of word `word` of the state are read."""
    st[im[H_WORDS] + word] |= (st[0] * 0 + mask) << shift


@kernel
def note_write(im, st, word, shift, mask):
    """Note that the bits `mask` << `shift` of word `word` of the state are written."""
    st[2 * im[H_WORDS] + word] |= (st[0] * 0 + mask) << shift


@kernel
def around(im, st, mask):
    """Return what is around the acting actor, as far as `mask` asks: see `codes.HOLDS`."""
    st[3 * im[H_WORDS] + 1] |= mask
    return st[3 * im[H_WORDS]] & mask


@kernel
def look_around(im, st, actor):
    """Tell `around` what the others hold and what anybody does, with `actor` about to act."""
    found = st[0] * 0
    for other in range(im[H_ACTORS]):
        at = im[H_ACTOR] + other * ACTOR
        number = (st[im[at + A_WORD]] >> im[at + A_SHIFT]) & im[at + A_STOP_MASK]
        seen = im[im[H_STOP] + (im[at + A_STOPS] + number) * STOP + S_AROUND]
        found |= seen & ~HOLDS if other == actor else seen
    st[3 * im[H_WORDS]] = found


@kernel
def load_raw(im, st, row):
    """
    Return the bits of field `row` as they are packed.

    im : int32[::1]; st : int64[::1], the state; row : a field number
    """
    at = im[H_FIELD] + row * FIELD
    note_read(im, st, im[at + F_WORD], im[at + F_SHIFT], im[at + F_MASK])
    return (st[im[at + F_WORD]] >> im[at + F_SHIFT]) & im[at + F_MASK]


@kernel
def store_raw(im, st, row, value):
    """Put `value` (fitting) into the packed bits of field `row`; st is modified in place."""
    at = im[H_FIELD] + row * FIELD
    word, shift, mask = im[at + F_WORD], im[at + F_SHIFT], st[0] * 0 + im[at + F_MASK]
    note_write(im, st, word, shift, mask)
    st[word] = (st[word] & ~(mask << shift)) | (value << shift)


@kernel
def load(im, mem, st, row):
    """Return the value of field `row`, decoded."""
    at = im[H_FIELD] + row * FIELD
    flags = im[at + F_FLAGS]
    if flags & F_CONST:
        value = mem[im[at + F_WORD]]
    else:
        value = load_raw(im, st, row)
        if flags & F_INTERNED:
            value = mem[M_WORDS + value]
    if flags & F_BITS:
        value = (value >> im[at + F_BSHIFT]) & im[at + F_BMASK]
    return value


@kernel
def new_word(im, mem, st, row, value):
    """
    Return what the whole word of field `row` becomes when `value` is stored there.

    The value itself, or the word with these bits changed.
    """
    at = im[H_FIELD] + row * FIELD
    flags = im[at + F_FLAGS]
    if flags & F_BOOL:
        value = value * 0 + (value != 0)
    if flags & F_BITS:
        old = mem[M_WORDS + load_raw(im, st, row)]
        mask = value * 0 + im[at + F_BMASK]
        shift = im[at + F_BSHIFT]
        value = (old & ~(mask << shift)) | ((value & mask) << shift)
    return value


@kernel
def store_word(im, mem, st, row, value):
    """
    Store a whole word (see `new_word`) into field `row`.

    Return 0, or a `BOUND` code if it does not fit and nothing was stored.

    mem, st : modified in place
    """
    at = im[H_FIELD] + row * FIELD
    flags = im[at + F_FLAGS]
    if flags & F_INTERNED:
        if value < 0:
            return BOUND - 1
        value = intern_word(mem, value)
        if value < 0:
            return value
    elif value < 0 or value > im[at + F_LIMIT]:
        return BOUND - 1
    store_raw(im, st, row, value)
    return 0


@kernel
def page_row(im, page, column):
    """Return the field number in `column` of page `page`, or -1."""
    return im[im[H_PAGE] + page * PAGE + column]


@kernel
def page_state(im, st, page):
    """Return UNALLOCATED, ALLOCATED, FREEING or FREED."""
    return load_raw(im, st, page_row(im, page, P_STATE))


@kernel
def is_invalid(im, mem, st, page):
    """Return the `invalid` bit of the page's role, 0 if the program knows no roles."""
    row = page_row(im, page, P_ROLE)
    if row < 0:
        return 0
    return (load(im, mem, st, row) >> im[H_INVALID_SHIFT]) & 1


@kernel
def has_present(im, mem, st, page):
    """Return 1 if the page has a present SPTE."""
    row = page_row(im, page, P_SPT)
    if row < 0:
        return 0
    for k in range(im[H_ENTRIES]):
        if (load(im, mem, st, row + k) >> PRESENT_BIT) & 1:
            return 1
    return 0


@kernel
def nonleaf_spte(pointer):
    """Return the SPTE that leads to the table of a page (pointer, page + 1), 0 for None."""
    if pointer == 0:
        return pointer
    return ((pointer + (FIRST_TABLE_PFN - 1)) << PFN_SHIFT) | NONLEAF_BITS


@kernel
def child_of(im, spte):
    """Return the page (page + 1) to whose table a present SPTE leads; 0 if there is none."""
    if spte <= 0 or not (spte >> PRESENT_BIT) & 1:
        return spte * 0
    slot = ((spte >> PFN_SHIFT) & PFN_MASK) - FIRST_TABLE_PFN
    return slot + 1 if 0 <= slot < im[H_PAGES] else spte * 0


@kernel
def parent_of(im, mem, st, page):
    """Return the page of which an SPTE leads to the table of `page`, or -1 if there is none."""
    if page_row(im, 0, P_SPT) < 0:
        return -1
    for parent in range(im[H_PAGES]):
        row = page_row(im, parent, P_SPT)
        for k in range(im[H_ENTRIES]):
            if child_of(im, load(im, mem, st, row + k)) == page + 1:
                return parent
    return -1


@kernel
def root_is_invalid(im, mem, st, page):
    """Return 1 if the page, or a page above it in the table it belongs to, is invalid."""
    for _ in range(im[H_LEVELS]):
        if is_invalid(im, mem, st, page):
            return 1
        page = parent_of(im, mem, st, page) if im[H_LEVELS] > 1 else -1
        if page < 0:
            return 0
    return 0


@kernel
def free_page(im, st, page):
    """Clear every field of the page and mark it freed; st is modified in place."""
    first, count = page_row(im, page, P_CLEAR), page_row(im, page, P_CLEARS)
    for k in range(count):
        store_raw(im, st, first + k, 0)
    store_raw(im, st, page_row(im, page, P_STATE), FREED)


@kernel
def stop_record(im, st, actor):
    """Return the offset of the stop record where `actor` stands."""
    at = im[H_ACTOR] + actor * ACTOR
    note_read(im, st, im[at + A_WORD], im[at + A_SHIFT], im[at + A_STOP_MASK])
    stop = (st[im[at + A_WORD]] >> im[at + A_SHIFT]) & im[at + A_STOP_MASK]
    return im[H_STOP] + (im[at + A_STOPS] + stop) * STOP


@kernel
def pointer_check(im, st, pointer):
    """
    Return 0, or the code of the property that dereferencing a page pointer breaks.

    pointer : page + 1, or 0 for None
    """
    if pointer == 0:
        return BROKEN
    if page_state(im, st, pointer - 1) == FREED:
        return BROKEN - 1
    return 0
