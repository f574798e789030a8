"""Lab 05: what it tells is so, and wrong answers to it are told apart."""

import pytest

from tdplib.check import check
from tdplib.labs.exercise import load_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import NOT_LANGUAGE, RIGHT, WRONG
from tdplib.lang.errors import LanguageError
from tdplib.protocols import load
from tdplib.replay import Session

EX1, EX2, EX3, EX4, EX5, EX6 = load_lab("lab05").exercises


def take(lock, *lines, unlock=None):
    """An answer to exercise 2: these lines between lock and unlock."""
    unlock = unlock or lock.replace("_lock(", "_unlock(", 1)
    body = "".join(f"    {line}\n" for line in (lock, *lines, unlock, "return was"))
    return f"def take_out_of_service(kvm, root):\n{body}"


def mark(*lines):
    body = "".join(f"    {line}\n" for line in lines)
    return f"def kvm_tdp_root_mark_invalid(root):\n{body}"


def walk(*lines):
    """An answer to exercise 6 with this loop body."""
    before, after = EX6.stub.split("        if not root.role.invalid")
    rest = after.split("            break\n")[1]
    return before + "".join(f"        {line}\n" for line in lines) + rest


def text_of(world):
    """The world's own file, as text."""
    from tdplib.protocols import FOLDER

    return (FOLDER / "worlds" / load(world).file).read_text(encoding="utf-8")


def step(session, actor, times):
    for _ in range(times):
        session.step(actor)


def finish(session, actor):
    while session.board()["actors"][actor]["status"] != "done":
        session.step(actor)


def owners(session):
    return int(session.board()["kvm"]["owners"])


def test_one_after_the_other_there_is_one_owner():
    session = Session("mark-plain")
    finish(session, 0)
    finish(session, 1)
    assert owners(session) == 1
    assert session.board()["broken"] is None


def test_the_last_hint_of_exercise_1_leads_to_two_owners():
    session = Session("mark-plain")
    step(session, 0, 5)
    assert "0x784" in str(session.trace().steps[-1].actions[-1].effect)
    while owners(session) < 1:
        session.step(1)
    session.step(1)
    while session.board()["broken"] is None:
        session.step(0)
    report = judge(EX1, session.trace().code)
    assert report.status == RIGHT, str(report)
    assert report.score.yours == report.score.par


PLAIN = ("role = root.role", "was = role.invalid", "role.invalid = 1", "root.role = role")
ONE_TRY = text_of("mark-one-try")
LOOP = mark(
    "word = root.role.word",
    "while not try_cmpxchg(root.role.word, word, word | 0x800):",
    "    cpu_relax()",
    "return word & 0x800",
)
XCHG = text_of("mark-xchg")
LOCKED = take("spin_lock(kvm.arch.tdp_mmu_pages_lock)", *PLAIN)


@pytest.mark.parametrize(
    ("how", "base", "status"),
    [
        (None, "mark-plain", "violated"),
        (LOCKED, "mark-plain", "holds"),
        (XCHG, "mark-plain", "holds"),
        (ONE_TRY, "mark-plain", "holds"),
        (LOOP, "mark-plain", "holds"),
        (mark(*PLAIN, "return was"), "mark-beside", "violated"),
        (LOCKED, "mark-beside", "violated"),
        (XCHG, "mark-beside", "violated"),
        (ONE_TRY, "mark-beside", "violated"),
        (LOOP, "mark-beside", "holds"),
    ],
)
def test_the_table_of_the_three_ways(how, base, status):
    assert check(how, base=base).status == status


def test_the_other_bit_is_lost_in_the_exchange():
    effects = [a.effect for s in check("mark-beside").trace.steps for a in s.actions]
    assert any("0x10784 -> 0xf84" in effect for effect in effects), "the answer to question 4"


def test_the_reader_slips_through_between_its_question_and_its_get():
    trace = check("check-then-get").trace
    counts = [
        (step.actor_name, action.effect.split("count")[1].strip(": ")[:6])
        for step in trace.steps
        for action in step.actions
        if "tdp_mmu_root_count" in action.effect and "->" in action.effect
    ]
    assert [how for _, how in counts[1:]] == ["1 -> 0", "0 -> 1", "1 -> 2"], "question 5"
    assert counts[-1][0] == "reader"
    assert trace.broken == "no-warn"


ROLE = ("role = root.role",)
GET = "if kvm_tdp_mmu_get_root(root):"
WRONG_ANSWERS = {
    "ex2: for read": (EX2, take("read_lock(kvm.mmu_lock)", *PLAIN), "one-winner"),
    "ex2: read outside": (
        EX2,
        LOCKED.replace("    role = root.role\n", "").replace(
            "    spin_lock", "    role = root.role\n    spin_lock", 1
        ),
        "one-winner",
    ),
    "ex2: other bits lost": (
        EX2,
        take(
            "spin_lock(kvm.arch.tdp_mmu_pages_lock)",
            "was = root.role.invalid",
            "root.role.word = 0x800",
        ),
        "no-warn",
    ),
    "ex3: the old bit from the copy": (
        EX3,
        mark(*PLAIN[:3], "xchg(root.role.word, role.word)", "return was"),
        "one-winner",
    ),
    "ex3: the new bit": (
        EX3,
        mark(*ROLE, "role.invalid = 1", "xchg(root.role.word, role.word)", "return role.invalid"),
        "no-warn",
    ),
    "ex3: not set": (
        EX3,
        mark(*ROLE, "role.word = xchg(root.role.word, role.word)", "return role.invalid"),
        "one-winner",
    ),
    "ex4: no second try": (
        EX4,
        mark(
            "word = root.role.word",
            "word = cmpxchg(root.role.word, word, word | 0x800)",
            "return word & 0x800",
        ),
        "no-warn",
    ),
    "ex4: the new value is old": (
        EX4,
        mark(
            "word = root.role.word",
            "fresh = word | 0x800",
            "while not try_cmpxchg(root.role.word, word, fresh):",
            "    cpu_relax()",
            "return word & 0x800",
        ),
        "no-warn",
    ),
    "ex4: never read again": (
        EX4,
        mark(
            "word = root.role.word",
            "while cmpxchg(root.role.word, word, word | 0x800) != word:",
            "    cpu_relax()",
            "return word & 0x800",
        ),
        "never ends",
    ),
    "ex6: not given back": (
        EX6,
        walk(f"{GET[:-1]} and not root.role.invalid:", "    found = root", "    break"),
        "no-leak",
    ),
    "ex6: no reference": (
        EX6,
        walk("if not root.role.invalid:", "    found = root", "    break"),
        "no-invalid-root-loaded",
    ),
    "ex6: the first only": (
        EX6,
        walk(
            GET,
            "    if not root.role.invalid:",
            "        found = root",
            "    else:",
            "        kvm_tdp_mmu_put_root(kvm, root, True)",
            "    break",
        ),
        "no-warn",
    ),
}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_wrong_answers_are_wrong_and_explained(name):
    record, text, broken = WRONG_ANSWERS[name]
    report = judge(record, text)
    assert report.status == WRONG, str(report)
    assert report.outcomes[-1].broken == broken
    if broken != "never ends":
        assert report.meaning == record.meanings[broken]


@pytest.mark.parametrize(
    ("record", "text", "word"),
    [
        (EX2, take("write_lock(kvm.mmu_lock)", "was = xchg(root.role.word, 0)"), "xchg"),
        (EX3, LOOP, "try_cmpxchg"),
        (EX4, XCHG, "xchg"),
    ],
)
def test_each_way_is_asked_for_by_itself(record, text, word):
    report = judge(record, text)
    assert report.status == WRONG
    assert f"uses `{word}`" in report.message


def test_nothing_at_all_is_no_answer_to_exercise_6():
    assert judge(EX6, "def next_valid_root(kvm):\n    return None\n").status in (
        NOT_LANGUAGE,
        WRONG,
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("return kvm.owners <= 1", "asks for too little"),
        (
            "return kvm.spare_root is None or not kvm.owners or kvm.spare_root.role.invalid",
            "asks for too little",
        ),
        (
            "return kvm.spare_root is None or kvm.owners == kvm.spare_root.role.invalid",
            "asks for too much",
        ),
        ("return kvm.owners <= kvm.spare_root.role.invalid", "breaks no-oops"),
    ],
)
def test_a_guard_that_says_too_much_or_too_little(line, says):
    report = judge(EX5, f"def invariant(kvm):\n    {line}\n")
    assert report.status == WRONG
    assert says in str(report)


@pytest.mark.parametrize(
    "exchange",
    [
        "return xchg(root.role.invalid, 1)",
        "return cmpxchg(root.role.invalid, 0, 1)",
        "return not try_cmpxchg(root.role.invalid, was, 1)",
    ],
)
def test_a_single_bit_has_no_address(exchange):
    with pytest.raises(LanguageError, match="has no address") as error:
        check(mark("was = 0", exchange), base="mark-plain")
    assert "exchange the whole word" in str(error.value)
