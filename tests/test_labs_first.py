"""Labs 00 and 02: what they tell can be played, and wrong answers are told in their words."""

import pytest

from tdplib import labs
from tdplib.labs.exercise import lab_names, load_lab
from tdplib.labs.judge import judge
from tdplib.labs.report import NOT_ATTEMPTED, NOT_LANGUAGE, RIGHT, WRONG
from tdplib.labs.sources import read_source
from tdplib.replay import BlockedError, Session

LOST = {record.id: record for record in load_lab("lab00").exercises}
ROOTS = {record.id: record for record in load_lab("lab02").exercises}


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("TDPLIB_PROGRESS", str(tmp_path / "progress.json"))


def until(session, actor, seen, most=12):
    """Step `actor` until `seen(board)`; the board then."""
    names = [each["name"] for each in session.board()["actors"]]
    for _ in range(most):
        if seen(session.board()):
            return session.board()
        session.step(names.index(actor))
    assert seen(session.board()), f"{actor} does not get there in {most} steps"
    return session.board()


def status(board, actor):
    return next(each["status"] for each in board["actors"] if each["name"] == actor)


def root(board, number):
    """Its count, its present SPTEs, its word, and whether it is on the list."""
    entry = board["roots"][number]
    live = sum(spte["present"] for spte in entry["sptes"])
    return entry["refcount"], live, entry["role"]["word"], entry["listed"]


# --- lab 00


@pytest.mark.parametrize("name", lab_names())
def test_the_tables_of_the_course_agree_with_each_lab(name):
    """If a lab's title, question or time was changed, change its row in lab 00 and README too."""
    lab, source = load_lab(name), read_source(load_lab("lab00")).path
    number = name.removeprefix("lab")
    row = f"# | {number} | [{lab.title}]({lab.stem}.ipynb) | {lab.question} | {lab.minutes} |"
    assert row in source.read_text(encoding="utf-8").splitlines()
    readme = source.parents[1] / "README.md"
    row = f"| [{number} {lab.title}](labs/{lab.stem}.ipynb) | {lab.question} | {lab.minutes} |"
    assert row in readme.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", lab_names())
def test_a_lab_says_how_long_it_takes(name):
    source = read_source(load_lab(name))
    minutes = source.lab.minutes
    assert f"**Time:** about {minutes} minutes" in source.cells[1].text + source.cells[0].text


def test_nothing_is_lost_if_one_runs_after_the_other():
    session = Session("lost-update")
    done = until(session, "vCPU 0", lambda b: status(b, "vCPU 0") == "done")
    assert done["kvm"]["counter"] == "1"
    done = until(session, "vCPU 1", lambda b: status(b, "vCPU 1") == "done")
    assert done["kvm"]["counter"] == "2"
    assert done["broken"] is None


def test_the_hint_of_the_lost_update_is_par():
    session = Session("lost-update")
    for actor in (0, 1, 1, 1, 0, 0, 0):
        session.step(actor)
    report = judge(LOST["lab00.ex1"], session.code())
    assert report.status == RIGHT
    assert report.score.yours == report.score.par == (7, 2)


def test_the_four_answers_of_lab_00():
    locked = "    spin_lock(kvm.arch.tdp_mmu_pages_lock)\n    {}\n"
    locked += "    spin_unlock(kvm.arch.tdp_mmu_pages_lock)\n"
    head = "def increment(kvm):\n"
    shown = {
        LOST["lab00.ex2"].stub: NOT_ATTEMPTED,
        head + "    with kvm.arch.tdp_mmu_pages_lock:\n        kvm.counter += 1\n": NOT_LANGUAGE,
        head + locked.format("n = kvm.counter") + locked.format("kvm.counter = n + 1"): WRONG,
        head + locked.format("kvm.counter += 1"): RIGHT,
    }
    task = labs.exercise("lab00.ex2")
    for text, expected in shown.items():
        assert task.preview(text).status == expected
    from tdplib.labs.progress import exercise_record

    assert not exercise_record("lab00.ex2").get("attempts"), "a preview is no attempt"


def test_a_lock_makes_the_other_wait():
    code = "def increment(kvm):\n    spin_lock(kvm.arch.tdp_mmu_pages_lock)\n"
    code += "    kvm.counter += 1\n    spin_unlock(kvm.arch.tdp_mmu_pages_lock)\n"
    session = Session("lost-update", code=code, raw=True)
    for actor in (0, 0, 1):
        session.step(actor)
    with pytest.raises(BlockedError, match="held by vCPU 0"):
        session.step(1)


# --- lab 02


def test_the_life_of_a_root_can_be_played_as_the_lab_tells():
    session = Session("roots")
    assert root(until(session, "vCPU 0", lambda b: b["roots"], 1), 0) == (1, 0, 0x784, True)
    both = until(session, "vCPU 1", lambda b: root(b, 0)[0] == 2, 1)
    assert len(both["roots"]) == 1
    given = until(session, "vCPU 0", lambda b: root(b, 0)[0] == 1)
    assert root(given, 0) == (1, 1, 0x784, True)
    other = until(session, "vCPU 0", lambda b: len(b["roots"]) == 2, 2)
    assert root(other, 1) == (1, 0, 0x1000784, True)
    zero = until(session, "vCPU 1", lambda b: root(b, 0)[0] == 0)
    assert root(zero, 0) == (0, 2, 0x784, True)
    update = [each["name"] for each in zero["actors"]].index("update 0")
    session.step(update)
    session.step(update)
    with pytest.raises(BlockedError, match="mmu_lock"):
        session.step(update)
    gone = until(session, "vCPU 1", lambda b: not root(b, 0)[3], 1)
    assert gone["broken"] is None


LOOKUP = ROOTS["lab02.ex1"].stub
GET = "def kvm_tdp_mmu_get_root(root):\n"
PUT = "def kvm_tdp_mmu_put_root(kvm, root, shared):\n"
LAST = PUT + "    if not refcount_dec_and_test(root.tdp_mmu_root_count):\n        return\n"
DELIST = (
    "    spin_lock(kvm.arch.tdp_mmu_pages_lock)\n    list_del_rcu(root.link)\n"
    "    spin_unlock(kvm.arch.tdp_mmu_pages_lock)\n"
)
ZAP = "    zap_gfn_range(kvm, root, False, shared)\n"
FREE = "    call_rcu(root.rcu_head, tdp_mmu_free_sp_rcu_callback)\n"
WRONG_ANSWERS = {
    "every field but guest_mode": (
        "lab02.ex1",
        LOOKUP.replace("== role.smm", "== role.smm and not root.role.invalid"),
        "no-warn",
    ),
    "never the same": ("lab02.ex1", LOOKUP.replace("if same and", "if same and False and"), None),
    "no reference": (
        "lab02.ex1",
        LOOKUP.replace("root.role.level == role.level and root.role.smm == role.smm", "True")
        .replace("if same and kvm_tdp_mmu_get_root(root)", "if root.role.word == role.word"),
        None,
    ),
    "a plain get": (
        "lab02.ex3",
        GET + "    refcount_inc(root.tdp_mmu_root_count)\n    return True\n",
        "refcount-from-zero",
    ),
    "no get": ("lab02.ex3", GET + "    return True\n", None),
    "always refused": ("lab02.ex3", GET + "    return False\n", None),
    "one try": (
        "lab02.ex3",
        GET + "    n = refcount_read(root.tdp_mmu_root_count)\n"
        "    return n != 0 and cmpxchg(root.tdp_mmu_root_count, n, n + 1) == n\n",
        "zap-complete",
    ),
    "taken and denied": (
        "lab02.ex3",
        GET + "    refcount_inc_not_zero(root.tdp_mmu_root_count)\n    return False\n",
        None,
    ),
    "freed at once": ("lab02.ex4", LAST + DELIST + ZAP + "    tdp_mmu_free_sp(root)\n", None),
    "not emptied": ("lab02.ex4", LAST + DELIST + FREE, "freed-empty"),
    "not freed": ("lab02.ex4", LAST + DELIST + ZAP, "no-leak"),
    "still listed": ("lab02.ex4", LAST + ZAP + FREE, "no-use-after-free"),
    "yields": ("lab02.ex4", LAST + DELIST + ZAP.replace("False", "True") + FREE, "zap-complete"),
    "not the last": ("lab02.ex4", LAST.replace("if not", "if") + DELIST + ZAP + FREE, None),
    "count looked at later": (
        "lab02.ex4",
        PUT + "    refcount_dec_and_test(root.tdp_mmu_root_count)\n"
        "    if refcount_read(root.tdp_mmu_root_count):\n        return\n" + DELIST + ZAP + FREE,
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_wrong_answers_are_explained(name):
    exercise, text, expected = WRONG_ANSWERS[name]
    record = ROOTS[exercise]
    report = judge(record, text)
    assert report.status == WRONG, str(report)
    broken = report.outcomes[-1].broken
    assert expected in (None, broken)
    assert broken in record.meanings, f"{broken} needs a sentence of its own in {record.id}"


GUARD = "def invariant(kvm, vcpu0, vcpu1):\n"
LOOK_AWAY = "    if rwlock_is_write_locked(kvm.mmu_lock):\n        return True\n"
AT_LEAST_ONE = """\
    a = vcpu0.arch.mmu.root
    b = vcpu1.arch.mmu.root
    if a is not None and refcount_read(a.tdp_mmu_root_count) < {need}:
        return False
    return b is None or refcount_read(b.tdp_mmu_root_count) >= {need}
"""
WRONG_GUARDS = {
    "asks nothing": GUARD + "    return True\n",
    "looks at a writer's work": GUARD + AT_LEAST_ONE.format(need="1 + (a == b)"),
    "one for both": GUARD + LOOK_AWAY + AT_LEAST_ONE.format(need="1"),
    "looks away from readers": GUARD
    + LOOK_AWAY.replace("write_", "")
    + AT_LEAST_ONE.format(need="1 + (a == b)"),
    "looks at vCPU 1 alone": GUARD
    + LOOK_AWAY
    + AT_LEAST_ONE.format(need="1 + (a == b)").replace("a is not None and", "False and"),
    "asks two of everybody": GUARD + LOOK_AWAY + AT_LEAST_ONE.format(need="2"),
}


@pytest.mark.parametrize("name", WRONG_GUARDS)
def test_wrong_guards_are_wrong(name):
    report = judge(ROOTS["lab02.ex5"], WRONG_GUARDS[name])
    assert report.status == WRONG, str(report)


def test_the_steps_of_the_third_hint_of_get_from_zero_are_par():
    session = Session("roots-plain-inc")
    for actor in (0, 1, 1, 0, 0, 0, 1, 1, 1):
        session.step(actor)
    report = judge(ROOTS["lab02.ex2"], session.code())
    assert report.status == RIGHT
    assert report.score.yours == report.score.par == (9, 3)
