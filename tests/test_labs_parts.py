"""Each lab has its parts: what it is for, questions, play, exercises, recap, where to read on."""

import re
from collections import Counter

import pytest

from tdplib.labs.build import notebook
from tdplib.labs.exercise import lab_names, load_lab
from tdplib.labs.sources import read_source

LABS = lab_names()
WRITTEN = ("write", "mend", "guard")
"""The kinds in which the learner writes kernel Python; to break is to write a schedule."""


def texts(name):
    """What the source of a lab says in its text cells, without the comment signs."""
    source = read_source(load_lab(name))
    return [cell.text for cell in source.cells if cell.kind == "markdown"]


def code(name):
    source = read_source(load_lab(name))
    return "\n".join(cell.text for cell in source.cells if cell.kind == "code")


def sections(name):
    """Heading to text, in order."""
    parts = re.split(r"^## \d+\. (.*)$", "\n".join(texts(name)), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", LABS)
def test_two_to_five_exercises_are_kernel_python(name):
    kinds = [record.kind for record in load_lab(name).exercises]
    assert 2 <= sum(kind in WRITTEN for kind in kinds) <= 5


def test_the_course_is_as_large_as_promised():
    labs = [load_lab(name) for name in LABS]
    kinds = Counter(record.kind for lab in labs for record in lab.exercises)
    assert LABS == tuple(f"lab{n:02}" for n in range(11))
    assert set(kinds) == {"write", "break", "guard", "mend"}
    assert kinds.total() >= 35
    assert sum(len(lab.questions) for lab in labs) >= 30


@pytest.mark.parametrize("name", LABS)
def test_the_head_of_a_lab_says_what_it_is_for(name):
    head = texts(name)[0]
    able = head.partition("**What you will be able to do**")[2].partition("**Time:**")[0]
    assert len(re.findall(r"^- ", able, re.M)) >= 3
    assert "**Before you start:**" in head


@pytest.mark.parametrize("name", LABS)
def test_each_question_is_asked_and_then_recorded_before_the_reveal(name):
    asked = re.findall(r"\{\{question (\S+)\}\}", "\n".join(texts(name)))
    recorded = re.findall(r'labs\.predict\("(\S+)", ""\)', code(name))
    assert asked == recorded
    assert sorted(asked) == sorted(record.id for record in load_lab(name).questions)


@pytest.mark.parametrize("name", LABS)
def test_each_exercise_is_there_with_its_check_and_its_hint(name):
    every, cells = code(name), "\n".join(texts(name))
    for record in load_lab(name).exercises:
        assert cells.count(f"{{{{exercise {record.id}}}}}") == 1
        variable = record.id.partition(".")[2]
        assert f"{variable}.check(" in every
        assert f"{variable}.hint()" in every + cells, record.id


@pytest.mark.parametrize("name", LABS)
def test_there_is_something_to_play_with_by_hand(name):
    assert re.search(r"^(\w+ = )?(Interleaver|PageTables)\(", code(name), re.M)


@pytest.mark.parametrize("name", LABS)
def test_the_recap_has_five_lines(name):
    lines = re.findall(r"^(\d)\. ", sections(name)["Recap"], re.M)
    assert lines == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("name", LABS)
def test_after_the_recap_it_says_where_to_read(name):
    headings = list(sections(name))
    heading = headings[headings.index("Recap") + 1]
    assert heading.startswith("Where to read")
    place = sections(name)[heading]
    if name != "lab00":  # nothing of KVM is in it
        assert "arch/x86/" in place
        assert re.search(r"v[56]\.\d+|[0-9a-f]{12}", place)


@pytest.mark.parametrize("name", LABS)
def test_what_was_not_checked_is_said(name):
    """No claim that was made in the model goes without its limits."""
    assert re.search(r"\*\*What was not (checked|shown)\.\*\*", "\n".join(texts(name)))


SHORT = {
    name: re.compile(pattern)
    for name, pattern in {
        "gfn": r"\bgfns?\b", "SPTE": r"\bSPTEs?\b", "role": r"\brole\b", "root": r"\broots?\b",
        "sp": r"\bsp\b", "as_id": r"\bas_id\b", "vCPU": r"\bvCPUs?\b", "memslot": r"\bmemslots?\b",
        "TLB": r"\bTLBs?\b", "RCU": r"\bRCU\b", "zap": r"\bzap", "NX": r"\bNX\b",
        "notifier": r"\bnotifiers?\b", "pfn": r"\bpfn\b", "TDP MMU": r"\bTDP MMU\b",
        "mmu_lock": r"\bmmu_lock\b", "slots_lock": r"\bslots_lock\b",
    }.items()
}  # fmt: skip
"""Short names of the course."""
MARKED = re.compile(r"\*\*[^*]{1,80}\*\*|(?<!\*)\*(?!\*)[^*]{1,80}\*(?!\*)|^\|[^|]*\|", re.M)
"""What is explained where it stands: in italics or bold, or in the first column of a table."""
BY_LINK = re.compile(r"\]\(lab\d\d_\w+\.ipynb\)")


def prose(name):
    """The text cells of the student's notebook after the head, without code and tables of labs."""
    cells = notebook(read_source(load_lab(name)))["cells"][1:]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    texts = [re.sub(r"```.*?```", "", text, flags=re.S) for text in texts]
    return [text for text in texts if not BY_LINK.search(text)]


@pytest.mark.parametrize("name", LABS)
def test_a_short_name_is_explained_where_it_is_used_first(name):
    """In each lab anew: who comes back after a week has forgotten it."""
    unexplained = []
    for short, pattern in SHORT.items():
        for text in prose(name):
            if not pattern.search(text):
                continue
            if not any(pattern.search(mark) for mark in MARKED.findall(text)):
                found = pattern.search(text).start()
                unexplained.append((short, text[max(0, found - 60) : found + 60]))
            break
    assert unexplained == []


ACTORS = {
    "load-without-flush": ("lab03", "lab04", "lab06"),
    "sleep": ("lab04", "lab07"),
    "NX toggle": ("lab04", "lab10"),
    "notifier walk": ("lab07",),
    "notifier": ("lab08", "lab10"),
    "teardown": ("lab06", "lab09"),
}
"""Who appears in which labs: the seeded bug of the TLB, a vCPU that sleeps, and so on."""


@pytest.mark.parametrize("actor", ACTORS)
def test_each_actor_appears_where_the_story_needs_it(actor):
    for name in ACTORS[actor]:
        cases = [case for record in load_lab(name).exercises for case in record.cases]
        where = [code(name), *texts(name), *(f"{case.base} {case.says}" for case in cases)]
        assert any(actor in text for text in where), name


@pytest.mark.parametrize("name", ["lab04", "lab06"])
def test_an_exercise_is_judged_with_a_hardware_tlb(name):
    cases = [case for record in load_lab(name).exercises for case in record.cases]
    assert any(case.world().tlb for case in cases)
