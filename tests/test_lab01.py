"""Lab 01: what it tells is so, and wrong answers to it are told apart."""

import pytest

from tdplib.draw._rows import rows_of
from tdplib.labs.exercise import load_lab
from tdplib.labs.hints import pointer
from tdplib.labs.judge import judge
from tdplib.labs.report import WRONG
from tdplib.lang.source import unit_from
from tdplib.machine.pagetable import PageTables
from tdplib.protocols import load
from tdplib.words import spte
from tdplib.words.gfn import FOUR_LEVELS

EX1, EX2, EX3, EX4, EX5 = load_lab("lab01").exercises
WALK = (
    "    sp = root\n"
    "    level = PT_LEVELS\n"
    "    spte = sp.spt[spte_index(gfn, level)]\n"
    "    while is_shadow_present_pte(spte) and not is_last_spte(spte, level):\n"
    "        sp = spte_to_child_sp(spte)\n"
    "        level = level - 1\n"
    "        spte = sp.spt[spte_index(gfn, level)]\n"
)


# --- what the lab tells


def test_the_answers_to_questions_1_and_2():
    pool = PageTables()
    assert pool.map(pool.new_root(), range(1024)).tables_made == 4
    assert FOUR_LEVELS.indices(0x40000) == (0, 1, 0, 0)


def test_the_answer_to_question_3():
    assert spte.is_large_pte(spte.REMOVED_SPTE)
    assert [bit for bit in range(64) if spte.REMOVED_SPTE >> bit & 1] == [5, 7, 8, 10]


def test_the_answer_to_question_4():
    largest = {}
    for version in ("22b94c4b63eb", "v5.18", "v6.9"):
        pool = PageTables()
        root = pool.new_root()
        assert pool.map(root, range(0x40000)).tables_made == 514
        largest[version] = pool.zap_root(root, version).largest_step
    assert largest["v5.18"] > 0x40000, "all of the gigabyte in one step"
    assert largest["22b94c4b63eb"] == largest["v5.18"] + 1
    assert largest["v6.9"] == 1


def test_with_more_memory_v5_18_is_better_than_one_pass():
    largest = {}
    for version in ("22b94c4b63eb", "v5.18"):
        pool = PageTables()
        root = pool.new_root()
        pool.map(root, range(0, 0x80000, 512), level=2)
        largest[version] = pool.zap_root(root, version).largest_step
    assert 2 * largest["v5.18"] + 1 >= largest["22b94c4b63eb"] > largest["v5.18"]


def test_the_sptes_of_exercise_2_are_what_their_names_say():
    text = load("spte-kind").units[-1].text
    found = {}
    for line in unit_from(text).text.splitlines():
        name, _, value = line.partition(" = ")
        if value.startswith("0x"):
            found[name] = int(value, 16)
    assert found["SMALL"] == spte.leaf(0xABC)
    assert found["LARGE"] == spte.leaf(0x1200, level=2)
    assert found["HUGE"] == spte.leaf(0x40000, level=3)
    assert spte.is_access_track_spte(found["TRACKED"])
    assert spte.spte_to_pfn(found["TRACKED"]) == 0xABC
    assert spte.mmio_generation(found["MMIO"]) == 16
    assert not spte.is_shadow_present_pte(found["MMIO"])


# --- answers


def index(*lines, first="return gfn >> 9 * (level - 1) << 9 * (level - 1)"):
    body = "".join(f"    {line}\n" for line in lines)
    return f"def spte_index(gfn, level):\n{body}\n\ndef first_gfn(gfn, level):\n    {first}\n"


RIGHT_INDEX = "return gfn >> 9 * (level - 1) & 511"


def kind(*lines):
    return "def spte_kind(spte, level):\n" + "".join(f"    {line}\n" for line in lines)


LEAF = "if level == 1 or spte & PT_PAGE_SIZE_MASK:", "    return LEAF"
TABLE = "if spte & SPTE_MMU_PRESENT_MASK:", "    return TABLE"
REMOVED = "if spte == REMOVED_SPTE:", "    return REMOVED"
SEEN = "if not is_shadow_present_pte(spte):", "    return 0"


def zap(*lines, walk=WALK):
    return f"def zap_leaf(root, gfn):\n{walk}" + "".join(f"    {line}\n" for line in lines)


def mapped(*, removed=True, large=True, link=True, look=True):
    """An answer to exercise 4, with one of its questions left out."""
    lines = [
        "def map_page(vcpu, root, gfn, pfn):",
        "    index = spte_index(gfn, 2)",
        "    spte = root.spt[index]",
        "    if spte == REMOVED_SPTE:" if removed else "    if spte == 1:",
        "        return RET_PF_RETRY",
        "    if not is_shadow_present_pte(spte):",
        "        spte = make_nonleaf_spte(new_table(vcpu, root, gfn))",
        "        root.spt[index] = spte" if link else "        spte = spte + 0",
        "    if is_last_spte(spte, 2):" if large else "    if spte == 1:",
        "        return RET_PF_SPURIOUS",
        "    sp = spte_to_child_sp(spte)",
        "    old = sp.spt[spte_index(gfn, 1)]",
        "    if old == REMOVED_SPTE:",
        "        return RET_PF_RETRY",
        "    if is_shadow_present_pte(old):" if look else "    if old == 1:",
        "        return RET_PF_SPURIOUS",
        "    sp.spt[spte_index(gfn, 1)] = make_small_spte(pfn)",
        "    return RET_PF_FIXED",
    ]
    return "\n".join(lines) + "\n"


WRONG_ANSWERS = {
    "one level off": (EX1, index("return gfn >> 9 * level & 511")),
    "no mask": (EX1, index("return gfn >> 9 * (level - 1)")),
    "eight bits": (EX1, index("return gfn >> 9 * (level - 1) & 255")),
    "the last gfn": (EX1, index(RIGHT_INDEX, first="return gfn | (1 << 9 * (level - 1)) - 1")),
    "the gfn itself": (EX1, index(RIGHT_INDEX, first="return gfn")),
    "large before present": (EX2, kind(*REMOVED, *LEAF, *TABLE, "return NOTHING")),
    "removed forgotten": (
        EX2,
        kind("if not spte & SPTE_MMU_PRESENT_MASK:", "    return NOTHING", *LEAF, "return TABLE"),
    ),
    "R, W and X asked": (
        EX2,
        kind(*REMOVED, "if not spte & 7:", "    return NOTHING", *LEAF, "return TABLE"),
    ),
    "level forgotten": (
        EX2,
        kind(
            *REMOVED, "if not spte & SPTE_MMU_PRESENT_MASK:", "    return NOTHING",
            "if spte & PT_PAGE_SIZE_MASK:", "    return LEAF", "return TABLE",
        ),
    ),
    "through a large page": (
        EX3,
        f"def walk(root, gfn):\n{WALK}    return spte\n".replace(
            " and not is_last_spte(spte, level)", " and level > 1"
        ),
    ),
    "through nothing": (
        EX3,
        f"def walk(root, gfn):\n{WALK}    return spte\n".replace(
            "is_shadow_present_pte(spte) and ", ""
        ),
    ),
    "0 for what is not present": (
        EX3,
        f"def walk(root, gfn):\n{WALK}    return spte * (spte != REMOVED_SPTE)\n",
    ),
    "the same index at each level": (
        EX3,
        f"def walk(root, gfn):\n{WALK}    return spte\n".replace("(gfn, level)]", "(gfn, 2)]"),
    ),
    "takes REMOVED for nothing": (EX4, mapped(removed=False)),
    "goes below a large page": (EX4, mapped(large=False)),
    "does not link the new table": (EX4, mapped(link=False)),
    "replaces what is mapped": (EX4, mapped(look=False)),
    "zaps REMOVED": (EX5, zap("sp.spt[spte_index(gfn, level)] = 0", "return spte")),
    "clears in the root": (EX5, zap(*SEEN, "root.spt[spte_index(gfn, level)] = 0", "return spte")),
    "clears nothing": (EX5, zap(*SEEN, "return spte")),
    "tells nothing": (EX5, zap(*SEEN, "sp.spt[spte_index(gfn, level)] = 0", "return 0")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_wrong_answers_are_wrong_and_explained(name):
    record, text = WRONG_ANSWERS[name]
    report = judge(record, text)
    assert report.status == WRONG, str(report)
    assert report.outcomes[-1].broken in record.meanings
    assert report.meaning in str(report)


def test_the_end_of_a_trace_says_what_was_asked_what_is_right_and_what_came():
    report = judge(EX1, index("return gfn >> 9 * (level - 1)"))
    text = str(report.trace)
    last = [line for line in text.splitlines() if "sets " in line][-4:]
    for word, line in zip(("gfn", "level", "right_index", "index"), last, strict=True):
        assert f"sets {word}" in line


def test_the_picture_shows_what_was_asked_what_is_right_and_what_came():
    report = judge(EX1, index("return gfn >> 9 * (level - 1)"))
    lines = [line.text for line in rows_of(report.trace, 900, 900)[-2].lines]
    for shown in ("kvm.gfn = gfn", "kvm.level = level", "kvm.right_index = right"):
        assert shown in lines
    assert "kvm.index = spte_index(gfn, level)" in lines


def test_the_hint_of_a_single_task_points_at_its_last_question():
    report = judge(EX1, index("return gfn >> 9 * (level - 1)"))
    first, second = pointer(report, 1), pointer(report, 2)
    assert "nobody came in between" in first
    assert "sets right_index" not in first
    assert "sets right_index" in second
    assert "sets index" in second
