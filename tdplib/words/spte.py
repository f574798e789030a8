"""
SPTEs: the 64-bit entries of the page tables KVM keeps for a guest.

::

    63 62        54 53 52 51                       12 11 10 9 8 7 6 5 4 3 2 1 0
      |  software  | A/D |            pfn            | P|      |L|         |X|W|R|

    P  bit 11  KVM's own "present" (SPTE_MMU_PRESENT_MASK), which the processor does not look at
    L  bit  7  large: a leaf above level 1
    W  bit  1  writable; R bit 0 and X bit 2 have this meaning under EPT

Whether an SPTE is *present* is decided by bit 11 alone. What the processor makes of it can
differ: an access-tracked EPT entry has R, W and X cleared and bit 11 still set. A *leaf* is an
SPTE of level 1 or one with bit 7. Always test presence first: REMOVED_SPTE has bit 7 too.

Two formats are known, which differ in where the bits for software lie: `EPT` (Intel) and
`NON_EPT` (everything else). Source: arch/x86/kvm/mmu/spte.h, 5.18 cycle. Not confirmed there, so
to be taken as the usual positions only: the accessed and dirty bits (8, 9 under EPT; 5, 6 else).

Examples
--------
>>> word = leaf(0x1234, level=2)
>>> hex(word)
'0x600000001234887'
>>> describe(word, level=2)
'2M leaf, pfn 0x1234, R W X, accessed and dirty clear, host-writable, MMU-writable'
"""

from __future__ import annotations

from tdplib.errors import BadValueError, check_int, nearest
from tdplib.words.bits import Field, Layout
from tdplib.words.gfn import KVM_MAX_HUGEPAGE_LEVEL, PT64_ROOT_MAX_LEVEL, level_name

__all__ = [
    "AD_DISABLED",
    "AD_ENABLED",
    "AD_WRPROT_ONLY",
    "EPT",
    "FORMATS",
    "FROZEN_SPTE",
    "MMIO",
    "MMIO_GENERATION_BITS",
    "NON_EPT",
    "PFN_BITS",
    "PFN_SHIFT",
    "PT_PAGE_SIZE_MASK",
    "PT_WRITABLE_MASK",
    "REMOVED_SPTE",
    "SPTE_MMU_PRESENT_MASK",
    "broken_rules",
    "describe",
    "describe_access",
    "format_of",
    "frozen_spte",
    "is_access_track_spte",
    "is_frozen_spte",
    "is_large_pte",
    "is_last_spte",
    "is_removed_spte",
    "is_shadow_present_pte",
    "leaf",
    "mmio_generation",
    "nonleaf",
    "pack",
    "pack_mmio_generation",
    "spte_to_pfn",
    "unpack",
]

SPTE_MMU_PRESENT_MASK = 1 << 11
"""KVM's own present bit."""
PT_PAGE_SIZE_MASK = 1 << 7
"""The large bit."""
PT_WRITABLE_MASK = 1 << 1
PFN_SHIFT = 12
PFN_BITS = 40
"""The pfn lies in bits 12..51."""

AD_ENABLED = 0
"""A/D type: the processor's accessed and dirty bits are used."""
AD_DISABLED = 1
"""A/D type: they are not; access is tracked by taking R, W and X away."""
AD_WRPROT_ONLY = 2
"""A/D type: writes are found by write protection only (L2 with PML)."""

REMOVED_SPTE = 0x5A0
"""
Holds an SPTE's place while it is changed (bits 5, 7, 8, 10): not present for the processor, nor
for KVM (bit 11 clear), no pfn bits. Only the TDP MMU uses it. Called so in v5.18, still in 6.9.
"""
FROZEN_SPTE = 0x5A0
"""
The later name of REMOVED_SPTE (2024 sources), where the non-present value is 0; see
`frozen_spte`. A posted patch of August 2024 proposes 0x498; whether it was merged is not confirmed.
"""
MMIO_GENERATION_BITS = 19
"""Bits of the memslot generation an MMIO SPTE carries: 8 at 3..10, 11 at 52..62."""

_SOURCE = "arch/x86/kvm/mmu/spte.h, 5.18 cycle"
_PRESENT = Field("present", 11, 1, "KVM's own present bit")
_PFN = Field("pfn", PFN_SHIFT, PFN_BITS, "host frame mapped, or of the table pointed to")
_AD_TYPE = Field("ad_type", 52, 2, "0 A/D enabled, 1 A/D disabled, 2 write-protect only")
_W = Field("writable", 1, 1, "W")
_LARGE = Field("large", 7, 1, "a leaf above level 1")

EPT = Layout(
    "ept",
    _SOURCE,
    64,
    (
        Field("read", 0, 1, "R"),
        _W,
        Field("execute", 2, 1, "X"),
        _LARGE,
        Field("accessed", 8, 1, "set by the processor (position not confirmed)"),
        Field("dirty", 9, 1, "set by the processor (position not confirmed)"),
        _PRESENT,
        _PFN,
        _AD_TYPE,
        Field("saved_read", 54, 1, "R put aside by access tracking"),
        Field("saved_execute", 56, 1, "X put aside by access tracking"),
        Field("host_writable", 57, 1, "the host maps the page writable"),
        Field("mmu_writable", 58, 1, "KVM itself allows writing"),
    ),
)
"""Intel's format."""

NON_EPT = Layout(
    "non-ept",
    _SOURCE,
    64,
    (
        _W,
        Field("accessed", 5, 1, "set by the processor (position not confirmed)"),
        Field("dirty", 6, 1, "set by the processor (position not confirmed)"),
        _LARGE,
        Field("host_writable", 9, 1, "the host maps the page writable"),
        Field("mmu_writable", 10, 1, "KVM itself allows writing"),
        _PRESENT,
        _PFN,
        _AD_TYPE,
    ),
)
"""The format of everything else, AMD's NPT among it. Bits 0 and 2 have no name here."""

FORMATS: dict[str, Layout] = {"ept": EPT, "non-ept": NON_EPT}
"""Both formats by name."""

MMIO = Layout(
    "mmio",
    _SOURCE,
    64,
    (
        Field("generation_low", 3, 8, "low 8 bits of the memslot generation"),
        Field("generation_high", 52, 11, "high 11 bits of it"),
    ),
)
"""What is known of an MMIO SPTE: not present for KVM, and it carries a memslot generation."""

_SPTE = Layout("spte", _SOURCE, 64, (_PRESENT, _LARGE, _PFN))


def format_of(name: str) -> Layout:
    """Return the SPTE format called `name`; `BadValueError` names the nearest if there is none."""
    if name not in FORMATS:
        raise BadValueError(f"no SPTE format is called {name!r}{nearest(name, FORMATS)}")
    return FORMATS[name]


def pack(format: str = "ept", **fields: int) -> int:
    """
    Return the SPTE (0..2**64-1) whose named fields have these values, the others 0.

    >>> hex(pack(present=1, read=1, pfn=0xabc))
    '0xabc801'
    """
    return format_of(format).pack(**fields)


def unpack(spte: int, format: str = "ept") -> dict[str, int]:
    """Return every field's value in the SPTE, lowest bit first."""
    return format_of(format).unpack(spte)


def leaf(pfn: int, level: int = 1, *, writable: bool = True, format: str = "ept") -> int:
    """
    Return a present leaf that maps `pfn` at `level`: all access the host grants, A/D bits clear.

    pfn : 0..2**40-1, a multiple of 512**(level-1) being the caller's duty.
    level : 1..3 (4K, 2M, 1G).
    writable : sets W, host-writable and MMU-writable together, which the rules allow.
    """
    level = check_int("level", level, 1, KVM_MAX_HUGEPAGE_LEVEL)
    allowed = {"writable": writable, "host_writable": writable, "mmu_writable": writable}
    if format == "ept":
        allowed |= {"read": True, "execute": True}
    return pack(format, present=1, large=level > 1, pfn=pfn, **allowed)


def nonleaf(pfn: int, *, format: str = "ept") -> int:
    """Return a present SPTE that points to the table in host frame `pfn`, all access allowed."""
    allowed = {"read": 1, "execute": 1} if format == "ept" else {}
    return pack(format, present=1, writable=1, pfn=pfn, **allowed)


def is_shadow_present_pte(spte: int) -> bool:
    """Say whether KVM takes the SPTE for present: bit 11, nothing else."""
    return bool(_SPTE.check(spte) & SPTE_MMU_PRESENT_MASK)


def is_large_pte(spte: int) -> bool:
    """Say whether bit 7 is set. True of REMOVED_SPTE as well: test presence first."""
    return bool(_SPTE.check(spte) & PT_PAGE_SIZE_MASK)


def is_last_spte(spte: int, level: int) -> bool:
    """Say whether a *present* SPTE of `level` (1..5) is a leaf: level 1, or large."""
    return check_int("level", level, 1, PT64_ROOT_MAX_LEVEL) == 1 or is_large_pte(spte)


def is_removed_spte(spte: int) -> bool:
    """Say whether the SPTE is REMOVED_SPTE (v5.18 name)."""
    return _SPTE.check(spte) == REMOVED_SPTE


def frozen_spte(nonpresent_value: int = 0) -> int:
    """Return FROZEN_SPTE for a kernel whose SHADOW_NONPRESENT_VALUE is this (0 in v5.18)."""
    return _SPTE.check(nonpresent_value) | FROZEN_SPTE


def is_frozen_spte(spte: int, nonpresent_value: int = 0) -> bool:
    """Say whether the SPTE is FROZEN_SPTE (later name) for that SHADOW_NONPRESENT_VALUE."""
    return _SPTE.check(spte) == frozen_spte(nonpresent_value)


def is_access_track_spte(spte: int) -> bool:
    """Say whether a present EPT entry is access-tracked: R, W and X all cleared."""
    fields = EPT.unpack(spte)
    return bool(fields["present"] and not (fields["read"] | fields["writable"] | fields["execute"]))


def spte_to_pfn(spte: int) -> int:
    """Return bits 12..51: the host frame mapped or, in a non-leaf, that of the next table."""
    return _PFN.get(_SPTE.check(spte))


def mmio_generation(spte: int) -> int:
    """Return the memslot generation (0..2**19-1) in an MMIO SPTE; a stale one is ignored."""
    fields = MMIO.unpack(spte)
    return fields["generation_high"] << 8 | fields["generation_low"]


def pack_mmio_generation(generation: int) -> int:
    """Return the bits by which an MMIO SPTE carries `generation` (0..2**19-1)."""
    generation = check_int("generation", generation, 0, (1 << MMIO_GENERATION_BITS) - 1)
    return MMIO.pack(generation_low=generation & 0xFF, generation_high=generation >> 8)


def broken_rules(spte: int, format: str = "ept") -> list[str]:
    """
    Return the rules about writing that a present SPTE breaks, as sentences; empty if none.

    The rules: MMU-writable implies host-writable, and W implies MMU-writable. They are about
    leaves; a non-leaf carries neither of the two software bits.
    """
    fields = unpack(spte, format)
    broken = []
    if fields["mmu_writable"] and not fields["host_writable"]:
        broken.append("MMU-writable, but not host-writable")
    if fields["writable"] and not fields["mmu_writable"]:
        broken.append("W, but not MMU-writable")
    return broken


def describe(spte: int, level: int = 1, format: str = "ept") -> str:
    """
    Return the SPTE of `level` (1..5) in words.

    >>> describe(0)
    'not present'
    >>> describe(REMOVED_SPTE)
    'REMOVED_SPTE (FROZEN_SPTE in later versions): a place held while it is changed'
    >>> describe(nonleaf(0x77), level=3)
    'points to the table of level 2 in pfn 0x77, R W X'
    """
    level = check_int("level", level, 1, PT64_ROOT_MAX_LEVEL)
    if is_removed_spte(spte):
        return "REMOVED_SPTE (FROZEN_SPTE in later versions): a place held while it is changed"
    if not is_shadow_present_pte(spte):
        return "not present" + (_describe_leftover(spte) if spte else "")
    fields = unpack(spte, format)
    if not is_last_spte(spte, level):
        what = [f"points to the table of level {level - 1} in pfn {fields['pfn']:#x}"]
    else:
        what = [f"{level_name(level)} leaf", f"pfn {fields['pfn']:#x}"]
    what.append(describe_access(spte, format) if is_last_spte(spte, level) else _access(fields))
    return ", ".join(what)


def describe_access(spte: int, format: str = "ept") -> str:
    """
    Return what a present leaf allows, in words; all of it but size and pfn.

    >>> describe_access(leaf(7, writable=False))
    'R X, accessed and dirty clear'
    """
    fields = unpack(spte, format)
    what = [_access(fields), _ad(fields), *_writability(fields)]
    if stray := format_of(format).stray(spte):
        what.append(f"bits without a name here {stray:#x}")
    return ", ".join(what)


def _describe_leftover(spte: int) -> str:
    generation = mmio_generation(spte)
    return f" ({spte:#x}; if this is an MMIO SPTE, memslot generation {generation})"


def _access(fields: dict[str, int]) -> str:
    if "read" not in fields:
        return "W" if fields["writable"] else "read-only"
    names = {"read": "R", "writable": "W", "execute": "X"}
    granted = " ".join(short for name, short in names.items() if fields[name])
    if granted:
        return granted
    saved = [names[name[6:]] for name in ("saved_read", "saved_execute") if fields[name]]
    return "access-tracked (R, W, X taken away; put aside: " + (" ".join(saved) or "none") + ")"


def _ad(fields: dict[str, int]) -> str:
    if fields["ad_type"] == AD_DISABLED:
        return "A/D disabled"
    state = [name for name in ("accessed", "dirty") if fields[name]]
    text = " and ".join(state) or "accessed and dirty clear"
    return text + (", write-protect only" if fields["ad_type"] == AD_WRPROT_ONLY else "")


def _writability(fields: dict[str, int]) -> list[str]:
    words = {"host_writable": "host-writable", "mmu_writable": "MMU-writable"}
    return [text for name, text in words.items() if fields[name]]
