"""
The role word: ``union kvm_mmu_page_role``, which says what a page table is for.

A 32-bit word lies over all fields, and the word is a root's identity: a vCPU takes over a root
from the list only if the whole words are equal. A vCPU's own word never has `invalid` set, so an
invalid root can never match. Children of a root carry its role with `level` one less.

The layout moved with time. Four states of it are known here:

========================== ============================================== =======
name                       where it was read                              invalid
========================== ============================================== =======
``v5.18``                  kvm_host.h at 22b94c4b63eb                     bit 11
``2024-passthrough``       2024 sources: `passthrough` took bit 18        bit 11
``2024-is_mirror``         2024 TDX patches: `is_mirror` took bit 19      bit 11
``recent``                 a recent tree: `access` grew, `cr4_smep` came  bit 12
========================== ============================================== =======

In which release `passthrough` came in (soon after v5.18), and which one first has the `recent`
layout, is not confirmed. Sources of 2024 still have `invalid` at bit 11.

Examples
--------
>>> word = root_role(level=4)
>>> hex(word), hex(mark_invalid(word)), hex(mark_invalid(word, "recent"))
('0x784', '0xf84', '0x1784')
>>> describe(0xf84)
'level 4 (512G), direct, access 7 (ACC_ALL), invalid'
"""

from __future__ import annotations

from tdplib.errors import BadValueError, check_int, nearest
from tdplib.words.bits import Field, Layout
from tdplib.words.gfn import PT64_ROOT_MAX_LEVEL, level_name

__all__ = [
    "ACC_ALL",
    "LAYOUTS",
    "as_id",
    "child_role",
    "describe",
    "is_invalid",
    "layout",
    "mark_invalid",
    "pack",
    "root_role",
    "table",
    "unpack",
]

ACC_ALL = 7
"""
`access` of a TDP MMU page, all kinds allowed, where the field has 3 bits (v5.18). What it is where
the field has 4 bits (`recent`) is not confirmed; 7 is used there too.
"""

_LEVEL = Field("level", 0, 4, "level of the page table: 1 maps 4K pages, 4 or 5 is a root")
_LOW = (
    _LEVEL,
    Field("has_4_byte_gpte", 4, 1, "the guest's entries are 4 bytes wide; shadow paging only"),
    Field("quadrant", 5, 2, "which part of a 4-byte-entry table is shadowed; shadow paging only"),
    Field("direct", 7, 1, "maps gfns themselves, shadows no guest table; 1 for the TDP MMU"),
)
_SMM = Field("smm", 24, 8, "system management mode; top byte, a shift gives the address space")
_PASSTHROUGH = Field("passthrough", 18, 1, "")
_IS_MIRROR = Field("is_mirror", 19, 1, "root of the mirror tables of a TDX guest")


def _bit(name: str, position: int, note: str) -> Field:
    return Field(name, position, 1, note)


def _old(name: str, source: str, *extra: Field) -> Layout:
    """Return the layout of v5.18 with `extra` fields in the then unused bits 18-23."""
    return Layout(
        name,
        source,
        32,
        (
            *_LOW,
            Field("access", 8, 3, "allowed kinds of access; 7 = ACC_ALL"),
            _bit("invalid", 11, "nobody may take this page up again; never goes back to 0"),
            _bit("efer_nx", 12, "EFER.NX"),
            _bit("cr0_wp", 13, "CR0.WP"),
            _bit("smep_andnot_wp", 14, "CR4.SMEP and not CR0.WP"),
            _bit("smap_andnot_wp", 15, "CR4.SMAP and not CR0.WP"),
            _bit("ad_disabled", 16, "accessed and dirty bits are not used"),
            _bit("guest_mode", 17, "1 = for L2, the guest of a guest"),
            *extra,
            _SMM,
        ),
    )


LAYOUTS: dict[str, Layout] = {
    "v5.18": _old("v5.18", "arch/x86/include/asm/kvm_host.h, 22b94c4b63eb (in v5.18)"),
    "2024-passthrough": _old("2024-passthrough", "kvm_host.h, sources of 2024", _PASSTHROUGH),
    "2024-is_mirror": _old(
        "2024-is_mirror", "kvm_host.h, TDX preparation patches of 2024", _PASSTHROUGH, _IS_MIRROR
    ),
    "recent": Layout(
        "recent",
        "kvm_host.h, a recent tree (first release not confirmed)",
        32,
        (
            *_LOW,
            Field("access", 8, 4, "allowed kinds of access"),
            _bit("invalid", 12, "nobody may take this page up again; never goes back to 0"),
            _bit("efer_nx", 13, "EFER.NX"),
            _bit("cr0_wp", 14, "CR0.WP"),
            _bit("smap_andnot_wp", 15, "CR4.SMAP and not CR0.WP"),
            _bit("ad_disabled", 16, "accessed and dirty bits are not used"),
            _bit("guest_mode", 17, "1 = for L2, the guest of a guest"),
            _PASSTHROUGH,
            _IS_MIRROR,
            _bit("cr4_smep", 20, "CR4.SMEP"),
            _SMM,
        ),
    ),
}
"""Every known layout by name, oldest first."""


def layout(name: str = "v5.18") -> Layout:
    """Return the layout called `name`; `BadValueError` names the nearest if there is none."""
    if name not in LAYOUTS:
        raise BadValueError(f"no role layout is called {name!r}{nearest(name, LAYOUTS)}")
    return LAYOUTS[name]


def pack(version: str = "v5.18", **fields: int) -> int:
    """
    Return the role word (0..2**32-1) whose named fields have these values, the others 0.

    >>> hex(pack(level=4, direct=1, access=7, efer_nx=1, cr0_wp=1))
    '0x3784'
    """
    return layout(version).pack(**fields)


def unpack(word: int, version: str = "v5.18") -> dict[str, int]:
    """Return every field's value in the role word, lowest bit first."""
    return layout(version).unpack(word)


def root_role(level: int = 4, *, smm: int = 0, version: str = "v5.18") -> int:
    """
    Return the role of a valid TDP MMU root: direct, all access, `level` and `smm` as given.

    level : 1..5; the kernel's roots have 4 or 5, the kit's tiny geometries fewer.
    smm : 0 or 1.
    """
    level = check_int("level", level, 1, PT64_ROOT_MAX_LEVEL)
    return pack(version, level=level, direct=1, access=ACC_ALL, smm=check_int("smm", smm, 0, 1))


def child_role(word: int, version: str = "v5.18") -> int:
    """
    Return the role a child table gets: the parent's with `level` one less.

    A child would so inherit `invalid` too. Source: tdp_mmu.c: tdp_mmu_init_child_sp, v5.18.
    """
    fields = layout(version)
    level = fields["level"].get(fields.check(word))
    if level < 2:
        raise BadValueError(f"role {word:#x} has level {level}: a table of level 1 has no children")
    return fields.replace(word, {"level": level - 1})


def is_invalid(word: int, version: str = "v5.18") -> bool:
    """Say whether the `invalid` bit of that version's layout is set."""
    fields = layout(version)
    return bool(fields["invalid"].get(fields.check(word)))


def mark_invalid(word: int, version: str = "v5.18") -> int:
    """Return `word` with `invalid` set; the kernel never clears it again."""
    return layout(version).replace(word, {"invalid": 1})


def as_id(word: int, version: str = "v5.18") -> int:
    """Return the address-space id, 0 or 1 (1 = SMM), as kvm_mmu_role_as_id does."""
    fields = layout(version)
    return int(fields["smm"].get(fields.check(word)) != 0)


def describe(word: int, version: str = "v5.18") -> str:
    """
    Return the role in words: level, then every field that is not 0.

    >>> describe(0x01000784)
    'level 4 (512G), direct, access 7 (ACC_ALL), smm (address space 1)'
    """
    fields = layout(version)
    parts = []
    for name, value in fields.unpack(word).items():
        if name == "level":
            known = 1 <= value <= PT64_ROOT_MAX_LEVEL
            parts.append(f"level {value}" + (f" ({level_name(value)})" if known else ""))
        elif name == "access" and value:
            everything = value == ACC_ALL and fields["access"].width == 3
            parts.append(f"access {value}" + (" (ACC_ALL)" if everything else ""))
        elif name == "smm" and value:
            parts.append("smm (address space 1)" if value == 1 else f"smm {value:#x}")
        elif value:
            parts.append(name if fields[name].width == 1 else f"{name} {value}")
    stray = fields.stray(word)
    if stray:
        parts.append(f"bits of no field {stray:#x}")
    return ", ".join(parts)


def table(version: str = "v5.18") -> tuple[Field, ...]:
    """Return the layout's fields for a figure or a table: name, shift, width, note."""
    return layout(version).fields
