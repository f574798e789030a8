"""`check` as people call it: what it takes, what it says, what it refuses and how."""

import inspect
from pathlib import Path

import pytest

from tdplib import check as module
from tdplib import protocols
from tdplib.check import REDUCTIONS, check
from tdplib.errors import BadValueError, TdplibError
from tdplib.lang.errors import LanguageError
from tdplib.properties import PROPERTIES, find
from tdplib.scenarios import Scenario

NAME = "kvm_tdp_mmu_invalidate_all_roots"
HEAD = f"def {NAME}(kvm):\n"
EMPTY = HEAD + "    lockdep_assert_held_write(kvm.mmu_lock)\n"


def kvm_tdp_mmu_invalidate_all_roots(kvm):
    """Nothing is invalidated and nothing queued."""
    lockdep_assert_held_write(kvm.mmu_lock)  # noqa: F821


def kvm_tdp_mmu_zap_invalidated_roots(kvm):
    flush_workqueue(kvm.arch.tdp_mmu_zap_wq)  # noqa: F821


def own_text(name):
    return (protocols.FOLDER / protocols.row(name).file).read_text()


def test_function_list_text_path_and_name(tmp_path):
    """However the code is given, it is the same check."""
    file = tmp_path / "mine.py"
    file.write_text(EMPTY)
    given = [
        kvm_tdp_mmu_invalidate_all_roots,
        [kvm_tdp_mmu_invalidate_all_roots, kvm_tdp_mmu_zap_invalidated_roots],
        EMPTY,
        file,
    ]
    verdicts = [check(code, base="v5.18") for code in given]
    for verdict in verdicts:
        assert verdict.status == "violated"
        assert verdict.properties == verdicts[0].properties
        assert verdict.states == verdicts[0].states
        assert verdict.protocol == "v5.18+code"
    files = [verdict.trace.session.board()["sources"][NAME]["file"] for verdict in verdicts]
    assert Path(files[0]).name == Path(__file__).name
    assert files[3].endswith("mine.py")
    first = inspect.getsourcelines(kvm_tdp_mmu_invalidate_all_roots)[1]
    assert verdicts[0].trace.session.board()["sources"][NAME]["first"] == first


def test_a_name_is_a_protocol_and_none_is_the_base():
    named = check("patch-22-skip-invalid")
    based = check(base="patch-22-skip-invalid")
    assert named.protocol == based.protocol == "patch-22-skip-invalid"
    assert (named.status, named.states, named.properties) == (
        based.status,
        based.states,
        based.properties,
    )
    assert named.trace.code == based.trace.code


def test_a_protocol_s_own_text_on_another_is_that_protocol():
    """The worked text of patch 22 with the early check, pasted over patch 22."""
    pasted = check(own_text("patch-22-skip-invalid"), base="patch-22")
    named = check("patch-22-skip-invalid")
    assert (pasted.status, pasted.property) == (named.status, named.property)
    assert (pasted.states, pasted.transitions) == (named.states, named.transitions)


def test_code_replaces_only_the_functions_of_its_names():
    assert check("# nothing\n", base="v5.18").states == check("v5.18").states


def test_scenarios_by_name_and_by_value():
    by_name = check("v5.18", scenario="small")
    assert (by_name.status, by_name.scenario.name) == ("holds", "small")
    same = Scenario(name="other", vcpus=1, updates=1, first_gfn=1)
    assert check("v5.18", scenario=same).states == by_name.states
    assert check("v5.18").scenario == protocols.load("v5.18").scenario


def test_verdict_has_every_field():
    verdict = check("patch-22-skip-invalid")
    assert verdict.sentence == find(verdict.property).sentence
    assert verdict.property == verdict.properties[0]
    assert verdict.trace is verdict.traces[verdict.property]
    assert verdict.trace.broken == verdict.property
    assert min(verdict.states, verdict.transitions, verdict.depth, verdict.memory) > 0
    assert verdict.seconds > 0
    assert verdict.states <= verdict.transitions + 1
    assert (verdict.complete, verdict.stopped_by) == (True, ())
    with pytest.raises(KeyError, match="'lockdep' was not broken; broken: zap-complete"):
        verdict.traces["lockdep"]


def test_verdict_is_not_a_truth_value():
    verdict = check("v5.18", scenario="small")
    with pytest.raises(
        TypeError, match=r'look at \.status \("holds", "violated" or "incomplete"\)'
    ):
        bool(verdict)
    with pytest.raises(TypeError):
        assert verdict


def test_text_of_verdicts():
    holds = check("v5.18", scenario="small")
    assert str(holds).startswith("holds   [v5.18, scenario small: ")
    assert repr(holds) == str(holds).splitlines()[0]
    broken = check("patch-22-skip-invalid")
    first = str(broken).splitlines()[0]
    assert first.startswith("violated: zap-complete   [patch-22-skip-invalid, scenario default: ")
    assert str(broken).startswith(f"{broken!r}\n{broken.sentence}\n")
    assert str(broken.trace) in str(broken)
    advised = check("patch-21", scenario="requeue")
    assert advised.status == "holds"
    assert advised.advice == ("wasted-zap",)
    said = " ".join(str(advised).split())
    assert f"advice: wasted-zap. {find('wasted-zap').sentence}" in said
    # A notebook would break a longer line inside a word.
    assert max(map(len, [*repr(broken).splitlines(), *str(advised).splitlines()])) <= 100


def test_only_wanted_properties_are_told():
    verdict = check("v3-list-walk", scenario="small")
    every = check("v3-list-walk", scenario="small", properties=[p.name for p in PROPERTIES])
    assert set(every.properties) == {*verdict.properties, *verdict.advice}
    one = check("patch-22-skip-invalid", properties="lockdep")
    assert (one.status, one.property, one.trace) == ("holds", None, None)
    only = check("patch-22-skip-invalid", properties=["zap-complete", "lockdep"])
    assert only.properties == ("zap-complete",)
    assert only.states == one.states
    advice = check("patch-21", scenario="requeue", properties=["wasted-zap"])
    assert (advice.status, advice.property) == ("violated", "wasted-zap")
    assert advice.trace.broken == "wasted-zap"


@pytest.mark.parametrize("off", REDUCTIONS[:3])
def test_each_reduction_has_its_switch(off):
    names = tuple(name for name in REDUCTIONS[:3] if name != off)
    most, fewer = check("v6.6", scenario="small"), check("v6.6", scenario="small", reductions=names)
    assert (most.status, most.properties) == (fewer.status, fewer.properties)
    assert fewer.states >= most.states


def test_progress_is_told_numbers():
    told = []
    check("v5.18", progress=lambda *now: told.append(now))
    assert told
    states, depth, seconds, memory = told[-1]
    assert min(states, depth, memory) > 0
    assert seconds >= 0


# === what is refused ===


def test_unknown_option():
    with pytest.raises(
        TypeError, match=r"no option 'max_sates'; did you mean 'max_states'\?; opti"
    ):
        check("v5.18", max_sates=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"properties": ["zap-compleet"]}, "called 'zap-compleet'; did you mean 'zap-complete'"),
     ({"properties": "leak"}, "no property is called 'leak'"),
     ({"scenario": "smal"}, "no scenario is called 'smal'; did you mean 'small'"),
     ({"base": "v5.81"}, "no protocol is called 'v5.81'; did you mean 'v5.18'"),
     ({"code": "pach-22"}, "no protocol is called 'pach-22'; did you mean 'patch-22'"),
     ({"reductions": ("merg",)}, "no reduction is called 'merg'; did you mean 'merge'")],
)  # fmt: skip
def test_unknown_names(options, message):
    with pytest.raises(BadValueError) as refused:
        check(**options)
    assert message in str(refused.value)


@pytest.mark.parametrize("code", [3, 2.5, object(), [1, 2]])
def test_what_is_no_code(code):
    with pytest.raises(TdplibError):
        check(code)


def test_missing_file(tmp_path):
    with pytest.raises((TdplibError, FileNotFoundError), match=r"nowhere\.py"):
        check(tmp_path / "nowhere.py")


REFUSED = {
    "unknown name": ("t = rot", 2, 9, "the name `rot` does not exist", "set it first"),
    "name almost a constant": (
        "t = PT_ENTRIE", 2, 9, "the name `PT_ENTRIE` does not exist", "did you mean `PT_ENTRIES`?",
    ),
    "unknown function": (
        "kvm_tdp_mmu_put_rot(kvm)", 2, 5, "no function `kvm_tdp_mmu_put_rot`",
        "did you mean `kvm_tdp_mmu_put_root`?",
    ),
    "unknown primitive": (
        "refcount_icn(kvm.users_count)", 2, 5, "no function `refcount_icn`",
        "did you mean `refcount_inc`?",
    ),
    "unknown field": (
        "kvm.users_cout = 1", 2, 5, "kvm has no field `users_cout`", "did you mean `.users_count`?",
    ),
    "unknown field of arch": (
        "kvm.arch.mmu_valid_gne = 1", 2, 5, "kvm.arch has no field `mmu_valid_gne`",
        "did you mean `.mmu_valid_gen`?",
    ),
    "unknown bit of a role": (
        "for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n    root.role.invlaid = 1",
        3, 9, "a role has no field `invlaid`", "did you mean `.invalid`?",
    ),
    "too many arguments": (
        "refcount_inc(kvm.users_count, 1)", 2, 5, "`refcount_inc` takes 1 argument", "pass exactly",
    ),
    "too few arguments": ("read_lock()", 2, 5, "takes 1 argument (an rwlock) and is given 0", "pa"),
    "wrong number for a function": (
        "kvm_tdp_mmu_zap_invalidated_roots(kvm, 1, 2)", 2, 5,
        "takes 1 argument (kvm) and is given 3", "pass exactly these",
    ),
    "a count for a lock": (
        "read_lock(kvm.users_count)", 2, 15, "`read_lock` needs an rwlock", "name such a field",
    ),
    "a lock for a count": (
        "refcount_inc(kvm.mmu_lock)", 2, 18, "`refcount_inc` needs a refcount field", "name such",
    ),
    "an exchange of one bit": (
        "for root in list_for_each_entry(kvm.arch.tdp_mmu_roots):\n    xchg(root.role.invalid, 1)",
        3, 14, "`xchg` on a bit-field, which in C has no address", "exchange the whole word",
    ),
    "arithmetic on a pointer": ("t = kvm + 1", 2, 9, "a number is needed", "use a field or a numb"),
    "a field of a number": ("t = 1\nt.role = 3", 3, 5, "a number has no fields", "only kvm, a"),
    "two kinds in one local": ("t = 1\nt = kvm", 3, 5, "`t` already names", "use another"),
    "a value into a list head": (
        "kvm.arch.tdp_mmu_roots = 1", 2, 5, "is a list, not a value", "list_for_each_entry",
    ),
    "endless recursion": (
        f"{NAME}(kvm)", 2, 5, f"`{NAME}` calls itself without a bound", "or use a loop",
    ),
    "endless recursion by way of the protocol": (
        "t = 1\nkvm_mmu_zap_all_fast(kvm)\nt = 2", 3, 5,
        f"`{NAME}` calls itself without a bound", "or use a loop",
    ),
    "an atomic operation that is not here": (
        "atomic_add(1, kvm.ended)", 2, 5, "there is no function `atomic_add`",
        "one of `atomic_read`, `atomic_set`, `atomic_inc`, ",
    ),
    "an atomic operation that is nearly here": (
        "atomic_incr(kvm.ended)", 2, 5, "there is no function", "did you mean `atomic_inc`?",
    ),
    "an operation on a bit": (
        "set_bit(1, kvm.ended)", 2, 5, "there is no function `set_bit`", "assign the bit-field",
    ),
    "read before it is set": (
        "if kvm.users_count:\n    t = 1\nkvm.mmu_notifier_seq = t", 4, 5,
        "`t` may be read here before it is set", "set `t` on every path before this line",
    ),
    "unlock of a lock that is not held": (
        "spin_unlock(kvm.arch.tdp_mmu_pages_lock)", 2, 5,
        "`tdp_mmu_pages_lock` is released here and is never held", "take it first",
    ),
    "second unlock": (
        "write_unlock(kvm.mmu_lock)\nwrite_unlock(kvm.mmu_lock)\nwrite_lock(kvm.mmu_lock)", 3, 5,
        "`mmu_lock` is released here and is never held for write", "take it first",
    ),
}  # fmt: skip
"""What is wrong -> the body of a function, line and column told, part of `found` and of `write`."""


@pytest.mark.parametrize("name", REFUSED)
def test_errors_after_the_grammar(name, tmp_path):
    body, line, column, found, write = REFUSED[name]
    text = HEAD + "".join(f"    {each}\n" for each in body.split("\n"))
    file = tmp_path / "learner.py"
    file.write_text("# A comment.\n\n" + text)
    for code, shift, where in ((text, 0, "<text>"), (file, 2, "learner.py")):
        with pytest.raises(LanguageError) as refused:
            check(code)
        error = refused.value
        assert (error.line, error.column) == (line + shift, column)
        assert error.file.endswith(where)
        assert found in error.found
        assert write in error.write
        assert error.source_line == text.splitlines()[line - 1]
        told = str(error).splitlines()
        assert told[0].startswith(f"{error.file}:{error.line}:{error.column}: found: ")
        assert told[2].index("^") == 4 + column - 1
        assert told[-1] == f"write: {error.write}"


def test_an_unlock_of_the_shared_code_that_somebody_calls_without_the_lock_is_shown_by_a_trace():
    worker = (
        "def tdp_mmu_zap_root_work(work):\n"
        "    root = container_of(work, kvm_mmu_page, tdp_mmu_async_work)\n"
        "    kvm = root.tdp_mmu_async_data\n"
        "    tdp_mmu_zap_root(kvm, root, True)\n"
    )
    verdict = check(worker, scenario="small")
    assert (verdict.status, verdict.property) == ("violated", "lockdep")
    assert verdict.trace.steps[-1].actions[-1].function == "tdp_mmu_iter_cond_resched"


def test_calling_in_a_circle_names_the_call():
    text = f"{HEAD}    again(kvm)\n\ndef again(kvm):\n    {NAME}(kvm)\n"
    with pytest.raises(LanguageError, match="without a bound") as refused:
        check(text)
    assert refused.value.line in (2, 5)


def test_other_bases_know_other_names():
    """A constant of v6.4 is no name in v5.18."""
    assert check("v6.4", scenario="small").status == "holds"
    text = HEAD + "    t = TDP_MMU_OWNS_ROOT\n    kvm.mmu_notifier_seq = t\n"
    assert check(text, base="v6.4", scenario="small").complete


@pytest.mark.timeout(60)
@pytest.mark.parametrize("line", ["t = t + t", "t = t * t + 2", "t = t << 3", "t = t * 4 - 9"])
def test_a_local_that_grows_without_end_is_a_bound(line):
    """It neither hangs the compiler nor wraps around: the value does not fit."""
    verdict = check(f"{HEAD}    t = 1\n    while True:\n        {line}\n", scenario="small")
    assert not verdict.complete
    assert "value" in verdict.stopped_by


def test_module_and_function_are_one():
    assert module.Verdict is type(check("v6.6", scenario="small"))
    assert module("v6.6", scenario="small").status == "holds"


@pytest.mark.parametrize("name", ["zapped", "next", "gfn"])
def test_a_field_must_not_have_the_name_of_one_that_the_machine_keeps(name):
    with pytest.raises(LanguageError, match=f"has a field `{name}` already"):
        check(f"class kvm_mmu_page:\n    {name}: u8\n", base="v5.18", scenario="small")
