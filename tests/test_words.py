"""Role words, SPTEs and gfn arithmetic: the bits are where the kernel has them."""

import random

import pytest

from tdplib.errors import BadValueError, TdplibError
from tdplib.words import gfn, glossary, role, spte
from tdplib.words.bits import Field, Layout

ALL_LAYOUTS = [*role.LAYOUTS.values(), *spte.FORMATS.values(), spte.MMIO]


# --- layouts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ALL_LAYOUTS, ids=lambda layout: layout.name)
def test_pack_undoes_unpack_for_every_layout(layout):
    for seed in range(300):
        word = random.Random(seed).getrandbits(layout.width) & layout.used
        assert layout.pack(**layout.unpack(word)) == word, f"seed {seed}"


@pytest.mark.parametrize("layout", ALL_LAYOUTS, ids=lambda layout: layout.name)
def test_every_field_sets_its_own_bits_only(layout):
    for field in layout.fields:
        assert layout.pack(**{field.name: field.max}) == field.mask
        assert layout.replace(layout.used, {field.name: 0}) == layout.used & ~field.mask


def test_overlapping_fields_are_refused():
    with pytest.raises(BadValueError, match="two overlaps"):
        Layout("bad", "", 8, (Field("one", 0, 4), Field("two", 3, 1)))
    with pytest.raises(BadValueError, match="sticks out"):
        Layout("bad", "", 8, (Field("wide", 6, 3),))


def test_a_value_that_does_not_fit_is_shown_with_its_bounds():
    with pytest.raises(BadValueError, match=r"level is 16 \(0x10\), must be in 0\.\.15"):
        role.pack(level=16)
    with pytest.raises(BadValueError, match="word is 4294967296"):
        role.unpack(1 << 32)
    with pytest.raises(BadValueError, match="word is '0x784'"):
        role.unpack("0x784")
    with pytest.raises(BadValueError, match="word is True"):
        role.unpack(True)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(BadValueError, match="did you mean 'invalid'"):
        role.pack(invald=1)
    with pytest.raises(BadValueError, match="did you mean 'recent'"):
        role.layout("recnt")
    with pytest.raises(BadValueError, match="known: ept, non-ept"):
        spte.pack("x", pfn=1)


def test_errors_are_value_errors_and_ours():
    assert issubclass(BadValueError, ValueError)
    assert issubclass(BadValueError, TdplibError)


# --- the role word ------------------------------------------------------------------------------

WORKED = [
    (0x784, {"level": 4, "direct": 1, "access": 7}),
    (0xF84, {"level": 4, "direct": 1, "access": 7, "invalid": 1}),
    (0x785, {"level": 5, "direct": 1, "access": 7}),
    (0x01000784, {"level": 4, "direct": 1, "access": 7, "smm": 1}),
    (0x3784, {"level": 4, "direct": 1, "access": 7, "efer_nx": 1, "cr0_wp": 1}),
]


@pytest.mark.parametrize(("word", "fields"), WORKED, ids=lambda value: str(value)[:10])
def test_worked_role_words(word, fields):
    assert role.pack(**fields) == word
    assert {name: value for name, value in role.unpack(word).items() if value} == fields


def test_v518_positions():
    positions = {field.name: field.bits for field in role.table("v5.18")}
    assert positions == {
        "level": "0-3",
        "has_4_byte_gpte": "4",
        "quadrant": "5-6",
        "direct": "7",
        "access": "8-10",
        "invalid": "11",
        "efer_nx": "12",
        "cr0_wp": "13",
        "smep_andnot_wp": "14",
        "smap_andnot_wp": "15",
        "ad_disabled": "16",
        "guest_mode": "17",
        "smm": "24-31",
    }


def test_recent_positions():
    positions = {field.name: field.bits for field in role.table("recent")}
    assert positions == {
        "level": "0-3",
        "has_4_byte_gpte": "4",
        "quadrant": "5-6",
        "direct": "7",
        "access": "8-11",
        "invalid": "12",
        "efer_nx": "13",
        "cr0_wp": "14",
        "smap_andnot_wp": "15",
        "ad_disabled": "16",
        "guest_mode": "17",
        "passthrough": "18",
        "is_mirror": "19",
        "cr4_smep": "20",
        "smm": "24-31",
    }


@pytest.mark.parametrize(
    ("version", "mask", "extra"),
    [
        ("v5.18", 0x800, set()),
        ("2024-passthrough", 0x800, {"passthrough"}),
        ("2024-is_mirror", 0x800, {"passthrough", "is_mirror"}),
        ("recent", 0x1000, {"passthrough", "is_mirror"}),
    ],
)
def test_what_moved_between_versions(version, mask, extra):
    layout = role.layout(version)
    assert layout["invalid"].mask == mask
    assert {"passthrough", "is_mirror"} & set(layout.names) == extra
    assert all(layout[name].shift == {"passthrough": 18, "is_mirror": 19}[name] for name in extra)
    word = role.root_role(version=version)
    assert role.mark_invalid(word, version) == word | mask
    assert role.is_invalid(word | mask, version)
    assert not role.is_invalid(word, version)


def test_root_and_child_roles():
    root = role.root_role(5, smm=1)
    assert root == 0x01000785
    assert (role.as_id(root), role.as_id(0x784)) == (1, 0)
    assert role.child_role(root) == 0x01000784
    assert role.is_invalid(role.child_role(role.mark_invalid(root)))
    with pytest.raises(BadValueError, match="0x781 has level 1"):
        role.child_role(0x781)
    with pytest.raises(BadValueError, match="smm is 2"):
        role.root_role(smm=2)


@pytest.mark.parametrize(
    ("word", "version", "text"),
    [
        (0x784, "v5.18", "level 4 (512G), direct, access 7 (ACC_ALL)"),
        (0xF84, "v5.18", "level 4 (512G), direct, access 7 (ACC_ALL), invalid"),
        (0x1784, "recent", "level 4 (512G), direct, access 7, invalid"),
        (0x00200000, "v5.18", "level 0, bits of no field 0x200000"),
        (0x02000061, "v5.18", "level 1 (4K), quadrant 3, smm 0x2"),
    ],
)
def test_roles_in_words(word, version, text):
    assert role.describe(word, version) == text


# --- SPTEs --------------------------------------------------------------------------------------


def test_spte_constants():
    assert spte.SPTE_MMU_PRESENT_MASK == 0x800
    assert spte.PT_PAGE_SIZE_MASK == 0x80
    assert spte.PT_WRITABLE_MASK == 2
    assert spte.REMOVED_SPTE == sum(1 << bit for bit in (5, 7, 8, 10)) == spte.frozen_spte()


@pytest.mark.parametrize(
    ("format", "name", "bits"),
    [
        ("ept", "read", "0"),
        ("ept", "writable", "1"),
        ("ept", "execute", "2"),
        ("ept", "host_writable", "57"),
        ("ept", "mmu_writable", "58"),
        ("ept", "saved_read", "54"),
        ("ept", "saved_execute", "56"),
        ("non-ept", "writable", "1"),
        ("non-ept", "host_writable", "9"),
        ("non-ept", "mmu_writable", "10"),
        *((format, name, bits) for format in ("ept", "non-ept") for name, bits in (
            ("present", "11"), ("large", "7"), ("pfn", "12-51"), ("ad_type", "52-53"))),
    ],
)  # fmt: skip
def test_spte_positions(format, name, bits):
    assert spte.format_of(format)[name].bits == bits


def test_removed_is_neither_present_nor_to_be_taken_for_large():
    assert spte.is_removed_spte(spte.REMOVED_SPTE)
    assert not spte.is_shadow_present_pte(spte.REMOVED_SPTE)
    assert spte.is_large_pte(spte.REMOVED_SPTE)
    assert spte.spte_to_pfn(spte.REMOVED_SPTE) == 0
    assert not spte.is_removed_spte(spte.REMOVED_SPTE | spte.SPTE_MMU_PRESENT_MASK)


def test_frozen_contains_the_non_present_value():
    other = 1 << 63
    assert spte.frozen_spte(other) == other | 0x5A0
    assert spte.is_frozen_spte(other | 0x5A0, other)
    assert not spte.is_frozen_spte(0x5A0, other)


def test_the_leaf_rule():
    table, page = spte.nonleaf(7), spte.leaf(512, level=2)
    assert not spte.is_last_spte(table, 2)
    assert spte.is_last_spte(table, 1)
    assert spte.is_last_spte(page, 2)
    assert spte.spte_to_pfn(table) == 7
    assert spte.spte_to_pfn(spte.leaf((1 << 40) - 1)) == (1 << 40) - 1
    with pytest.raises(BadValueError, match="level is 4"):
        spte.leaf(0, level=4)
    with pytest.raises(BadValueError, match="pfn is 1099511627776"):
        spte.leaf(1 << 40)


def test_access_tracking_clears_rwx_and_keeps_present():
    tracked = spte.pack(present=1, pfn=5, ad_type=1, saved_read=1, saved_execute=1)
    assert spte.is_access_track_spte(tracked)
    assert spte.is_shadow_present_pte(tracked)
    assert not spte.is_access_track_spte(spte.leaf(5))
    assert not spte.is_access_track_spte(0)
    assert "access-tracked (R, W, X taken away; put aside: R X)" in spte.describe(tracked)


@pytest.mark.parametrize("format", ["ept", "non-ept"])
def test_the_rules_about_writing(format):
    assert spte.broken_rules(spte.leaf(1, format=format), format) == []
    assert spte.broken_rules(spte.leaf(1, writable=False, format=format), format) == []
    only_w = spte.pack(format, present=1, writable=1)
    assert spte.broken_rules(only_w, format) == ["W, but not MMU-writable"]
    only_mmu = spte.pack(format, present=1, mmu_writable=1)
    assert spte.broken_rules(only_mmu, format) == ["MMU-writable, but not host-writable"]


def test_mmio_generation():
    assert spte.pack_mmio_generation(0xFF) == 0xFF << 3
    assert spte.pack_mmio_generation(0x7FF00) == 0x7FF << 52
    for generation in (0, 1, 0x12345, (1 << 19) - 1):
        word = spte.pack_mmio_generation(generation)
        assert spte.mmio_generation(word) == generation
        assert not spte.is_shadow_present_pte(word)
    with pytest.raises(BadValueError, match="generation is 524288"):
        spte.pack_mmio_generation(1 << 19)


@pytest.mark.parametrize(
    ("word", "level", "format", "text"),
    [
        (0, 1, "ept", "not present"),
        (8, 1, "ept", "not present (0x8; if this is an MMIO SPTE, memslot generation 1)"),
        (
            spte.leaf(0xABC),
            1,
            "ept",
            "4K leaf, pfn 0xabc, R W X, accessed and dirty clear, host-writable, MMU-writable",
        ),
        (
            spte.leaf(0xABC, writable=False, format="non-ept"),
            1,
            "non-ept",
            "4K leaf, pfn 0xabc, read-only, accessed and dirty clear",
        ),
        (spte.nonleaf(3), 4, "ept", "points to the table of level 3 in pfn 0x3, R W X"),
        (
            spte.pack(present=1, read=1, accessed=1, dirty=1, ad_type=2),
            1,
            "ept",
            "4K leaf, pfn 0x0, R, accessed and dirty, write-protect only",
        ),
        (
            spte.pack(present=1, read=1, ad_type=1) | 1 << 60,
            1,
            "ept",
            "4K leaf, pfn 0x0, R, A/D disabled, bits without a name here 0x1000000000000000",
        ),
    ],
)
def test_sptes_in_words(word, level, format, text):
    assert spte.describe(word, level, format) == text


# --- gfns ---------------------------------------------------------------------------------------


def test_the_real_geometry():
    four = gfn.FOUR_LEVELS
    assert [four.pages(level) for level in (1, 2, 3)] == [1, 512, 262144]
    assert [four.shift(level) for level in (1, 2, 3, 4)] == [12, 21, 30, 39]
    assert (four.entries, four.gfns, four.max_leaf_level) == (512, 1 << 36, 3)
    assert gfn.FIVE_LEVELS.gfns == 1 << 45
    assert [four.span(level) for level in (1, 2, 3, 4)] == ["4K", "2M", "1G", "512G"]


@pytest.mark.parametrize(
    "shape", [gfn.FOUR_LEVELS, gfn.FIVE_LEVELS, gfn.Geometry(1, 2), gfn.Geometry(2, 1)], ids=str
)
def test_indices_lead_back_to_the_gfn(shape):
    for seed in range(200):
        number = random.Random(seed).randrange(shape.gfns)
        indices = shape.indices(number)
        assert shape.gfn(indices) == number, f"seed {seed}"
        assert sum(i * shape.pages(shape.levels - n) for n, i in enumerate(indices)) == number
        for level in range(1, shape.levels + 1):
            assert shape.base(number, level) == number // shape.pages(level) * shape.pages(level)


def test_tiny_geometries():
    tiny = gfn.Geometry(2, 1)
    assert (tiny.entries, tiny.gfns, tiny.max_leaf_level) == (2, 4, 1)
    assert gfn.Geometry(1, 2).max_leaf_level == 1
    assert (tiny.span(1), tiny.span(2)) == ("1 page", "2 pages")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: gfn.Geometry(6), "levels is 6"),
        (lambda: gfn.Geometry(4, 10), "bits is 10"),
        (lambda: gfn.FOUR_LEVELS.index(1 << 36, 1), "gfn is 68719476736"),
        (lambda: gfn.FOUR_LEVELS.shift(5), r"level is 5 .* 1\.\.4"),
        (lambda: gfn.FOUR_LEVELS.check_leaf_level(4), "level of a leaf is 4"),
        (lambda: gfn.FOUR_LEVELS.gfn((1, 512)), r"indices\[1\] is 512"),
        (lambda: gfn.Geometry(1).gfn((1, 2)), "at most 1 fit"),
        (lambda: gfn.level_name(0), "level is 0"),
    ],
)
def test_bad_gfn_arguments_are_refused(call, text):
    with pytest.raises(BadValueError, match=text):
        call()


def test_glossary_has_the_short_names():
    needed = {"as_id", "gfn", "level", "pfn", "role", "root", "slot", "sp", "SPTE", "zap", "gift"}
    assert needed <= {entry.word for entry in glossary.entries()}
    assert all(entry.meaning.endswith(".") for entry in glossary.entries())
