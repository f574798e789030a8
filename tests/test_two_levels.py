"""Tables of two levels: every protocol's verdict there, what is shown, what removal is for."""

import re

import pytest

from tdplib import protocols
from tdplib.check import check
from tdplib.draw.board import board_svg, describe_board
from tdplib.draw.dot import state_dot
from tdplib.replay import Session
from tdplib.replay.board import spte_letters
from tdplib.replay.boardtext import board_text

MANY = {
    "no-spte-under-invalid-root", "zap-complete", "freed-empty", "no-invalid-root-loaded",
    "no-use-after-free",
}  # fmt: skip
TABLE = {
    "v5.17": (644, set()),
    "v3-list-walk": (4445, {"no-warn", "no-use-after-free", "zap-complete", "refcount-underflow"}),
    "patch-21": (1124, set()),
    "patch-21-skip-invalid": (1124, set()),
    "patch-21-sentinel": (1124, set()),
    "patch-22": (1094, set()),
    "patch-22-skip-invalid": (1008, {"zap-complete"}),
    "patch-22-sentinel": (1094, set()),
    "v5.18": (1203, set()),
    "patch-24-unconditional": (1255, {"no-double-queue"}),
    "patch-24-sentinel": (1203, set()),
    "v6.4": (851, set()),
    "v6.6": (790, set()),
    "xchg-plain-rmw": (1203, set()),
    "flush-under-mmu-lock": (267, {"no-deadlock"}),
    "flush-without-slots-lock": (1107, set()),
    "no-gift": (787, {"no-use-after-free", "freed-empty"}),
    "invalid-after-unlock": (
        4079,
        {
            "no-spte-under-invalid-root",
            "zap-complete",
            "freed-empty",
            "no-invalid-root-loaded",
            "no-use-after-free",
        },
    ),
    "request-before-invalidate": (2432, {"no-invalid-root-loaded"}),
    "delist-at-queue": (374, {"delist-at-final-put"}),
    "stale-check-before-lock": (1405, {"no-spte-under-invalid-root"}),
    "yield-at-refcount-zero": (1274, {"no-dead-root-seen"}),
}


@pytest.mark.parametrize("name", protocols.names())
def test_verdicts(name):
    """Who holds with one level holds with two; pinned are the states of `two-levels`."""
    verdict = check(name, scenario="two-levels")
    assert verdict.complete
    assert (verdict.states, set(verdict.properties)) == TABLE[name]


def test_the_table_is_whole():
    assert set(TABLE) == set(protocols.names())
    for name, (_, broken) in TABLE.items():
        assert not broken or protocols.row(name).expected.status == "violated", name


@pytest.mark.parametrize("name", ["v5.17", "v5.18", "v6.6"])
def test_two_vcpus_in_one_table(name):
    """Both vCPUs fault in one table: one of two that link loses and frees its own."""
    assert check(name, scenario="two-levels-vcpus").status == "holds"


KEPT = """
def handle_removed_pt(sp, shared):
    for index in range(PT_ENTRIES):
        xchg(sp.spt[index], 0)
    call_rcu(sp.rcu_head, tdp_mmu_free_sp_rcu_callback)
"""
AT_ONCE = """
def handle_removed_pt(sp, shared):
    for index in range(PT_ENTRIES):
        xchg(sp.spt[index], REMOVED_SPTE)
    tdp_mmu_free_sp(sp)
"""


@pytest.mark.parametrize(
    ("code", "broken"), [(KEPT, "freed-empty"), (AT_ONCE, "no-use-after-free")]
)
def test_a_fault_and_a_zap_in_one_table(code, broken):
    """
    Beside a fault that looked at the root too early: REMOVED_SPTE and RCU are what still holds.

    Of v5.18 neither is needed here: a fault never runs beside the zap of its own root.
    """
    early = "stale-check-before-lock"
    assert broken not in check(early, scenario="two-levels-vcpus").properties
    assert broken in check(code, base=early, scenario="two-levels-vcpus").properties
    assert check(code, scenario="two-levels-vcpus").status == "holds"


def test_a_loser_that_keeps_its_table_leaks():
    code = """
def tdp_mmu_table_below(vcpu, root, gfn):
    old = root.spt[gfn // PT_ENTRIES]
    if old & SPTE_MMU_PRESENT_MASK:
        return spte_to_child_sp(old)
    sp = tdp_mmu_alloc_sp(vcpu)
    tdp_mmu_init_child_sp(sp, root, gfn)
    if tdp_mmu_set_spte_atomic(root, gfn // PT_ENTRIES, old, make_nonleaf_spte(sp)):
        return sp
    return None
"""
    assert check(code, scenario="two-levels-vcpus").properties == ("no-leak",)


def full_table():
    """A session of v5.18 at the moment a leaf has been installed below a root."""
    session = Session("v5.18", scenario="two-levels")
    for _ in range(40):
        session.step(0)
        tables = [r for r in session.board()["roots"] if r["parent"] is not None]
        if tables and any(s["present"] for s in tables[0]["sptes"]):
            return session
    raise AssertionError("no leaf installed")


def test_the_board_shows_children_under_their_root():
    board = full_table().board()
    root, table = board["roots"]
    assert (root["name"], table["name"], table["parent"]) == ("root 0", "table 1", 0)
    assert [s["child"] for s in root["sptes"]] == [None, 1]
    assert root["sptes"][1]["text"] == "leads to table 1"
    assert table["sptes"][1]["text"].startswith("4K leaf, pfn 0x4")


def test_texts_and_pictures_show_them_too():
    session = full_table()
    text = board_text(session.board())
    assert "leads to table 1" in text
    root, table = text.index("  root 0, allocated"), text.index("    table 1, allocated")
    assert root < table
    assert "refcount" not in text[table : text.index("Locks")]
    words = describe_board(session.board())
    assert "table 1: below root 0; live SPTEs: 1." in words
    assert "root0spte1 -> root1" in state_dot(session.board())


def test_traces_call_a_table_a_table():
    trace = check(AT_ONCE, base="stale-check-before-lock", scenario="two-levels-vcpus")
    said = [a.effect for s in trace.traces["no-use-after-free"].steps for a in s.actions]
    assert any(words.startswith("frees table ") for words in said)
    assert not any("root 1's spt" in words for words in said)


def test_a_slot_keeps_its_kind_when_its_page_is_freed_and_its_role_is_gone():
    session = Session("v5.18", scenario="two-levels")
    for actor in (0, 1, 2):
        while session.board()["actors"][actor]["status"] == "ready":
            session.step(actor)
    session.goto(len(session.path) - 1)
    board = session.board()
    assert board["shape"] == {"levels": 2, "entries": 2, "slots": ["root", "table", "", ""]}
    states = {page["index"]: page["state"] for page in board["roots"]}
    assert states[1] == "freed"
    session.goto(0)
    assert session.board()["shape"]["slots"][:2] == ["root", "table"]  # known from the path ahead
    session.step(1)
    assert session.board()["shape"]["slots"] == [""] * 4  # that path is left


def test_an_entry_is_told_in_short_by_what_it_is_and_where_it_stands():
    session = Session("table-map")
    while session.board()["actors"][0]["status"] == "ready":
        session.step(0)
    root, table = session.board()["roots"][:2]
    assert [(s["kind"], s["short"]) for s in root["sptes"]] == [
        ("table", "-> table 1"), ("leaf", "large, pfn 0x20 W"),
        ("nothing", "not present"), ("removed", "REMOVED"),
    ]  # fmt: skip
    assert root["sptes"][1]["text"].startswith("large leaf, pfn 0x20, W")
    assert table["sptes"][1]["short"] == "pfn 0x11 W"


@pytest.mark.parametrize(
    ("word", "said"),
    [(0x800, "read-only"), (0x802, "W"), (0xB02, "W A D"), (0x900, "read-only A")],
)
def test_letters_of_a_leaf(word, said):
    assert spte_letters(word) == said


def test_text_and_picture_say_what_is_held_and_what_nobody_leads_to():
    session = full_table()
    for actor in (0, 1, 2):
        while session.board()["actors"][actor]["status"] == "ready":
            session.step(actor)
    while [s["kind"] for s in session.board()["roots"][1]["sptes"]] != ["removed", "leaf"]:
        session.back()
    text, words = board_text(session.board()), describe_board(session.board())
    assert "table 1, allocated, no SPTE leads here: role 0x781" in text
    assert "SPTEs: [0] REMOVED (changed); [1] 4K leaf, pfn 0x4" in text
    assert "table 1: no SPTE leads here;" in words
    assert "REMOVED<" in board_svg(session.board())


def test_the_picture_of_a_board_is_a_tree_in_which_each_page_has_its_place():
    session = full_table()
    for actor in (0, 1, 2):
        while session.board()["actors"][actor]["status"] == "ready":
            session.step(actor)
    places, links = {}, []
    for step in range(len(session.path) + 1):
        session.goto(step)
        svg = board_svg(session.board())
        top = re.search(r'y="([\d.]+)"[^>]*>Page tables: an SPTE', svg)
        for x, y, name in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>(?:Δ )?(\w+ \d)<', svg):
            if top and float(y) > float(top[1]):
                places.setdefault(name, set()).add((x, round(float(y) - float(top[1]), 1)))
        links.append(svg.count('stroke-width="2.4"') + svg.count('stroke-width="1.4"'))
    assert sorted(places) == ["page 2", "page 3", "root 0", "table 1"]
    assert all(len(found) == 1 for found in places.values())
    assert set(links) == {0, 1}
    assert ">cut off, waits for RCU<" in svg or ">freed<" in svg
