"""
Every exercise proved: right answers, near misses, and the traces of what is wrong.

One search of all exercises at once, shared among two processes; each test looks at its part.
"""

import ast
import difflib
import itertools
import random
import re
import sys

import pytest
from lab_replay import breaks, every_word, says

from tdplib.cli import main
from tdplib.labs.build import reference_answers
from tdplib.labs.exercise import LabError, find_exercise, lab_names, load_lab
from tdplib.labs.judge import judge
from tdplib.labs.mutants import mutants, schedule_mutants
from tdplib.labs.proofs import read_proofs
from tdplib.labs.report import NOT_ATTEMPTED, RIGHT, WRONG
from tdplib.labs.sources import read_source
from tdplib.labs.verify import EQUIVALENT, NOT_RIGHT, Result, catch_rate, prove, verify
from tdplib.lang.changes import changed_lines

NAMES = [record.id for name in lab_names() for record in load_lab(name).exercises]
FEW = 3
SAMPLE = 6
"""Wrong traces of an exercise that the slow twin follows: at least three, where there are."""


@pytest.fixture(scope="module")
def proved(request):
    """Exercise -> its results."""
    here = [item for item in request.session.items if item.module is request.module]
    wanted = {item.callspec.params["name"] for item in here if "proved" in item.fixturenames}
    if len(wanted) <= FEW:
        return {name: prove(find_exercise(name)) for name in wanted}
    results = verify(deep=True, processes=2)
    caught, equivalent, count = catch_rate(results)
    seconds = sum(result.seconds for result in results)
    sys.stderr.write(
        f"\n{count} mutants, {caught} caught, {equivalent} equivalent, {seconds:.0f} s of judging\n"
    )
    return {name: [each for each in results if each.exercise == name] for name in NAMES}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_right_answers_are_right_and_near_misses_are_not(proved, name):
    results = proved[name]
    for result in results:
        assert result.ok, f"{result}\n{result.text}"
    told = {result.what: result.got for result in results}
    assert (told["reference"], told["stub"]) == (RIGHT, NOT_ATTEMPTED)
    caught, equivalent, count = catch_rate(results)
    assert caught + equivalent == count
    assert caught > 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_traces_break_the_same_by_the_slow_twin(proved, name):
    record = find_exercise(name)
    wrong = {r.trace: r for r in proved[name] if r.trace and r.got == WRONG and r.broken}
    chosen = random.Random(name).sample(sorted(wrong), min(SAMPLE, len(wrong)))
    for result in (wrong[code] for code in chosen):
        about = f"{result}\n{result.text}"
        if record.kind == "guard" and result.broken == "invariant":
            assert says(result.trace, result.code) == "false", about
        elif record.kind == "guard" and "itself breaks" in result.text:
            assert says(result.trace, result.code) == result.broken, about
        else:
            own = None if record.kind in ("break", "guard") else result.code
            told = breaks(result.trace, own)
            # the slow twin lets a local that grows in a loop hold less
            assert told in (result.broken, "value"), about


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [n for n in NAMES if find_exercise(n).kind == "break"])
def test_a_schedule_that_is_right_breaks_it_by_the_slow_twin(proved, name):
    """The shortest, the detour, and what is left of it where a step is dropped or swapped."""
    wanted = find_exercise(name).cases[0].properties
    for result in proved[name]:
        if result.got == RIGHT:
            assert breaks(result.code) in wanted, str(result)


GUARDS = [n for n in NAMES if find_exercise(n).kind == "guard"]
MOST_STATES = 20_000
"""Of a case that the slow twin searches in single actions; larger ones are left out."""


@pytest.mark.parametrize("name", GUARDS)
def test_an_invariant_is_true_where_it_must_be_by_the_slow_twin(name):
    """The reference, in every raw state of the smaller cases."""
    record, looked_at = find_exercise(name), 0
    text = reference_answers(read_source(load_lab(name.partition(".")[0])))[name]
    for case in record.cases:
        said = every_word(case, text, MOST_STATES)
        if said is not None:
            assert ("false" in said) == (case.must == "break"), f"{name}: {case.says}"
            looked_at += 1
    assert looked_at > 0 or name == "lab10.ex3"


# --- the proofs themselves


def test_a_failed_proof_is_seen():
    result = Result("lab07.ex1", "stub", NOT_ATTEMPTED, RIGHT, 0.1, "")
    assert not result.ok
    assert "FAILED (must be 'not attempted')" in str(result)
    assert not Result("lab07.ex1", "mutant: x", NOT_RIGHT, RIGHT, 0.1, "").ok
    assert not Result("lab07.ex1", "mutant: x", EQUIVALENT, WRONG, 0.1, "").ok
    assert Result("lab07.ex1", "mutant: x", EQUIVALENT, RIGHT, 0.1, "").ok


PROOFS = """
[[answer]]
exercise = "lab07.ex4"
says = "one"
code = "def invariant(kvm): return True"

[[equivalent]]
exercise = "lab07.ex4"
mutant = "drop line 4: if root.role.invalid and root.tdp_mmu_async_data is None:"
why = "it is caught in truth"

[[equivalent]]
exercise = "lab07.ex4"
mutant = "drop line 4: if root.role.invalid"
why = "not generated"
"""


@pytest.fixture
def other_proofs(tmp_path, monkeypatch):
    """A checkout whose proofs of lab 07 say otherwise."""
    from tdplib.labs import sources

    folder = sources.solutions_folder()
    (tmp_path / "solutions" / "proofs").mkdir(parents=True)
    for path in folder.glob("lab07*.py"):
        (tmp_path / "solutions" / path.name).write_text(path.read_text())

    def write(text):
        (tmp_path / "solutions" / "proofs" / "lab07.toml").write_text(text)
        return tmp_path

    yield write
    read_proofs.cache_clear()


def test_proofs_that_do_not_hold_are_seen(other_proofs):
    results = prove(find_exercise("lab07.ex4"), other_proofs(PROOFS))
    failed = {result.what: result for result in results if not result.ok}
    assert set(failed) == {
        "answer: one",
        "answers",
        "mutant: drop line 4: if root.role.invalid and root.tdp_mmu_async_data is None:",
        "listed: drop line 4: if root.role.invalid",
    }
    assert (
        "did you mean 'drop line 4: if root.role.invalid and"
        in failed["listed: drop line 4: if root.role.invalid"].text
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[answer]]", "[[answers]]", "has \\[\\[answer\\]\\] and"),
        ('exercise = "lab07.ex4"\nsays', 'exercise = "lab07.ex9"\nsays', "no exercise 'lab07.ex9'"),
        ('says = "one"', "", "missing .* 'says'"),
        ('why = "not generated"', 'why = " "', "an empty text"),
        ("[[answer]]", "[[answer", "not TOML"),
    ],
)
def test_a_file_of_proofs_that_is_not_well_formed_is_refused(other_proofs, old, new, message):
    with pytest.raises(LabError, match=message):
        read_proofs("lab07", other_proofs(PROOFS.replace(old, new, 1)))


# --- mutants

ANSWER = '''
def f(kvm, root):
    """Text."""
    lockdep_assert_held(kvm.slots_lock)
    write_lock(kvm.mmu_lock)
    a = xchg(root.role.word, 1)
    if a and root.role.invalid:
        kvm_tdp_mmu_get_root(root)
    b = 2
    write_unlock(kvm.mmu_lock)
    for n in range(3):
        if n == a:
            continue
        refcount_inc(root.tdp_mmu_root_count)
    while not try_cmpxchg(root.role.word, a, b):
        a = a + 1
        cpu_relax()
    if not refcount_inc_not_zero(root.tdp_mmu_root_count):
        return
    smp_mb()
'''
LINE_18 = "line 18: if not refcount_inc_not_zero(root.tdp_mmu_root_count):"


def names(text=ANSWER):
    return [mutant.name for mutant in mutants(text)]


@pytest.mark.parametrize(
    "name",
    [
        "drop line 6: a = xchg(root.role.word, 1)",
        "drop line 8: kvm_tdp_mmu_get_root(root)",
        "swap with the next line 6: a = xchg(root.role.word, 1)",
        "move before the lock line 6: a = xchg(root.role.word, 1)",
        "move past the unlock line 9: b = 2",
        "move past the unlock line 6: a = xchg(root.role.word, 1)",
        "negate line 7: if a and root.role.invalid:",
        "negate line 15: while not try_cmpxchg(root.role.word, a, b):",
        "and/or line 7: if a and root.role.invalid:",
        "lock read for write from line 5: write_lock(kvm.mmu_lock)",
        "no kvm.mmu_lock from line 5: write_lock(kvm.mmu_lock)",
        "plain xchg in line 6: a = xchg(root.role.word, 1)",
        "plain try_cmpxchg in line 15: while not try_cmpxchg(root.role.word, a, b):",
        "plain refcount_inc in line 14: refcount_inc(root.tdp_mmu_root_count)",
        f"plain refcount_inc_not_zero in {LINE_18}",
        f"no refcount_inc_not_zero in {LINE_18}",
        "constant 3 to 2 in line 11: for n in range(3):",
        "compare otherwise in line 12: if n == a:",
        "break for line 13: continue",
        "one turn of line 11: for n in range(3):",
        "one turn of line 15: while not try_cmpxchg(root.role.word, a, b):",
    ],
)
def test_there_is_a_mutant_for_each_kind_of_slip(name):
    assert name in names()


def test_no_mutant_leaves_out_what_a_right_program_does_not_need():
    dropped = [name for name in names() if name.startswith("drop")]
    assert not any("lockdep" in name or "cpu_relax" in name for name in dropped)
    assert not any("smp_mb" in name or "Text" in name for name in names())


def test_mutants_are_many_different_and_the_same_every_time():
    made = mutants(ANSWER)
    assert len(made) > 40
    assert len({mutant.name for mutant in made}) == len({m.code for m in made}) == len(made)
    assert made == mutants(ANSWER)
    assert mutants(ANSWER.replace("    b = 2\n", "    b = 2  # note\n")) == tuple(
        type(m)(m.name.replace("b = 2", "b = 2  # note"), m.code) for m in made
    )


def code_of(name):
    return next(mutant.code for mutant in mutants(ANSWER) if mutant.name.startswith(name))


def test_plain_is_a_read_and_then_a_write():
    code = code_of("plain xchg")
    assert "mutant_seen = root.role.word\n    root.role.word = 1\n    a = mutant_seen\n" in code
    code = code_of("plain try_cmpxchg")
    assert "while True:\n        mutant_seen = root.role.word\n" in code
    assert "if not not mutant_done:\n            break\n" in code


def test_every_mutant_of_a_lock_still_has_its_unlock():
    code = code_of("lock read for write")
    assert "read_lock(kvm.mmu_lock)" in code
    assert "read_unlock(kvm.mmu_lock)" in code
    assert "write_" not in code


def test_mutants_of_a_schedule():
    made = {mutant.name: mutant.code for mutant in schedule_mutants("v5.18/small/123456:2ab")}
    assert made["drop step 3"] == "v5.18/small/123456:2a"
    assert made["swap steps 2 and 3"] == "v5.18/small/123456:aba"
    assert "swap steps 1 and 2" not in made, "the same actor twice"


@pytest.mark.parametrize("name", [n for n in NAMES if find_exercise(n).par_lines])
def test_par_is_the_least_that_a_known_answer_changes(name):
    record = find_exercise(name)
    lab = name.partition(".")[0]
    answers = [each.code for each in read_proofs(lab).of(name).answers]
    answers.append(reference_answers(read_source(load_lab(lab)))[name])
    given = ast.parse(record.stub)
    assert min(changed_lines(given, ast.parse(code)) for code in answers) == record.par_lines


def code_lines(text):
    """One statement a line, without docstrings: the lines that a par counts."""
    tree = ast.parse(text)
    for function in tree.body:
        if isinstance(function.body[0], ast.Expr) and ast.get_docstring(function):
            del function.body[0]
    return ast.unparse(tree).splitlines()


def halfway(given, wanted):
    """Each text in which some of the changed lines are as given, and some as wanted."""
    codes = difflib.SequenceMatcher(None, given, wanted, autojunk=False).get_opcodes()
    pieces = []
    for kind, a, b, c, d in codes:
        if kind == "equal":
            pieces += [((line,),) for line in given[a:b]]
        else:
            pairs = itertools.zip_longest(given[a:b], wanted[c:d])
            pieces += [tuple((side,) if side else () for side in pair) for pair in pairs]
    for choice in itertools.product(*pieces):
        text = [line for part in choice for line in part]
        if text not in (given, wanted):
            yield "\n".join(text) + "\n"


@pytest.mark.parametrize("name", [n for n in NAMES if (find_exercise(n).par_lines or 0) > 1])
def test_no_part_of_the_changes_that_par_counts_is_enough(name):
    """Whatever subset of the changed lines is left as it was given, the answer is not right."""
    record = find_exercise(name)
    answer = reference_answers(read_source(load_lab(name.partition(".")[0])))[name]
    for text in halfway(code_lines(record.stub), code_lines(answer)):
        try:
            ast.parse(text)
        except SyntaxError:
            continue
        assert judge(record, text).status != RIGHT, text


def test_the_command_line_prints_the_catch_rate(capsys):
    assert main(["labs", "verify", "--mutants", "--only", "lab00", "--processes", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"^all +\d+ mutants +\d+ caught +\d+ equivalent +0 unexplained +100%", out, re.M
    )
    assert re.search(r"\d+ proofs, 0 failed, \d+ s$", out.strip())
    assert "mutant: " not in out
