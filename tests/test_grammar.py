"""What is not kernel Python is refused at its place, in the learner's words, with what to write."""

import ast
import pickle
import sys
from pathlib import Path

import pytest
from grammar_cases import (
    ACCEPTED,
    ACCEPTED_UNITS,
    AT_THE_TOP,
    BLOCKS,
    CONSTANTS,
    EXPRESSIONS,
    IN_A_FUNCTION,
    NOT_PYTHON,
)

from tdplib.errors import TdplibError
from tdplib.lang import grammar_messages
from tdplib.lang.errors import LanguageError, nearest
from tdplib.lang.grammar import check_unit
from tdplib.lang.source import unit_from

PROTOCOLS = Path(grammar_messages.__file__).parent.parent / "protocols"


def in_function(body):
    lines = body.split("\n")
    return "def f(kvm, root):\n" + "\n".join("    " + line for line in lines) + "\n"


def refused(source):
    with pytest.raises(LanguageError) as caught:
        check_unit(unit_from(source, name="lab.py"))
    return caught.value


def place_of(marked):
    """Return the source without its mark, and line and column of the mark."""
    before = marked.partition("»")[0]
    return marked.replace("»", ""), before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


CASES = [
    *((f"{i}. {name}", in_function(s), f, w) for i, (name, s, f, w) in enumerate(IN_A_FUNCTION)),
    *((f"top {i}. {name}", s, f, w) for i, (name, s, f, w) in enumerate(AT_THE_TOP)),
]


@pytest.mark.parametrize(
    ("marked", "found", "write"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_a_construct_outside_the_language_is_named_at_its_place(marked, found, write):
    source, line, column = place_of(marked)
    error = refused(source)
    assert found in error.found
    assert write in error.write
    assert error.file == "lab.py"
    assert error.source_line == source.split("\n")[error.line - 1]
    if "»" in marked:
        assert (error.line, error.column) == (line, column)


HOLES = [
    *((in_function(body), "1.5", "a float") for body in EXPRESSIONS),
    *((source, "1.5", "a float") for source in CONSTANTS),
    *((in_function(body), "del root", "del") for body in BLOCKS),
]


@pytest.mark.parametrize(("marked", "filling", "found"), HOLES)
def test_no_place_is_left_unchecked(marked, filling, found):
    source, line, column = place_of(marked.replace("HOLE", filling))
    error = refused(source)
    assert (error.found, error.line, error.column) == (found, line, column)


def test_the_column_counts_characters_and_not_bytes():
    error = refused('def f(root):\n    """éé"""; y = 1.5\n')
    assert (error.column, error.found) == (19, "a float")


@pytest.mark.parametrize(
    ("body", "write"), [c[1:] for c in NOT_PYTHON], ids=[c[0] for c in NOT_PYTHON]
)
def test_what_python_cannot_parse_gets_a_line_and_a_hint(body, write):
    error = refused(in_function(body))
    assert "not Python" in error.found
    assert write in error.write
    assert 2 <= error.line <= 2 + body.count("\n") + 1
    assert error.column >= 1


def test_strings_and_comments_give_no_hint():
    error = refused(in_function("x = f(1))  # && {"))
    assert error.write == "a statement of kernel Python"


def test_every_row_of_the_messages_has_a_case():
    """A row nobody can meet is either dead or untested."""
    nodes = {type(n).__name__ for c in CASES for n in ast.walk(ast.parse(place_of(c[1])[0]))}
    missing = set(grammar_messages.REFUSED) - nodes
    absent_here = {k for k in missing if not hasattr(ast, k)}
    if sys.version_info < (3, 14):
        absent_here |= {"TemplateStr", "Interpolation"}
    assert missing == absent_here
    assert set(grammar_messages.OPERATORS) <= nodes


@pytest.mark.parametrize("name", grammar_messages.BUILTINS)
def test_every_function_of_pythons_own_is_refused_by_name(name):
    error = refused(in_function(f"{name}(root)"))
    assert error.found == f"Python's `{name}`"
    assert (error.line, error.column) == (2, 5)


def test_a_function_of_the_unit_may_bear_the_name_of_a_builtin():
    check_unit(unit_from("def abs(x):\n    return x\n\ndef f(x):\n    return abs(x)\n"))


# --- what is in the language


@pytest.mark.parametrize("body", ACCEPTED)
def test_a_statement_of_the_language_passes(body):
    check_unit(unit_from(in_function(body)))


@pytest.mark.parametrize("source", ACCEPTED_UNITS)
def test_a_unit_of_the_language_passes(source):
    check_unit(unit_from(source))


@pytest.mark.parametrize(
    "file",
    sorted(set(PROTOCOLS.glob("*.py")) - {PROTOCOLS / "__init__.py", PROTOCOLS / "table.py"}),
)
def test_the_protocols_pass(file):
    check_unit(unit_from(file))


# --- the error itself


def test_the_error_shows_place_line_caret_and_what_to_write():
    error = refused(in_function("x = root.gfn + 1.5"))
    assert str(error) == (
        "lab.py:2:20: found: a float\n"
        "        x = root.gfn + 1.5\n"
        "                       ^\n"
        "write: an integer; there is nothing else in the kernel"
    )
    assert isinstance(error, TdplibError)


def test_the_caret_stands_under_the_column_in_a_long_line():
    error = refused(in_function("x = " + "root.gfn + " * 40 + "1.5"))
    shown, caret = str(error).split("\n")[1:3]
    assert len(shown) <= 104
    assert shown[caret.index("^") :].startswith("1.5")


def test_a_line_that_fits_is_shown_whole_and_its_tabs_stay():
    line = "\tx = 1;" + " " * 60 + "y = 1.5"
    shown, caret = str(LanguageError("f.py", 1, 72, "x", "y", line)).split("\n")[1:3]
    assert shown == "    " + line
    assert caret == "    \t" + " " * 70 + "^"


def test_an_error_without_a_line_shows_the_file_alone():
    assert str(LanguageError("f.py", 0, 0, "x", "y")) == "f.py: found: x\nwrite: y"


def test_a_notebook_shows_the_error_without_frames_of_the_package():
    error = refused(in_function("x = 1.5"))
    assert error._render_traceback_() == ["LanguageError", *str(error).split("\n")]


def test_an_error_survives_pickling():
    error = refused(in_function("x = 1.5"))
    for one in (error, LanguageError(file="f.py", line=1, column=1, found="x", write="y")):
        assert str(pickle.loads(pickle.dumps(one))) == str(one)


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("tdp_mmu_rots", ["tdp_mmu_roots", "mmu_lock"], "tdp_mmu_roots"),
        ("init_work", ["INIT_WORK", "queue_work"], "INIT_WORK"),
        ("NULL", ["nul"], "None"),
        ("true", [], "True"),
        ("zebra", ["tdp_mmu_roots", "mmu_lock"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name(word, known, expected):
    assert nearest(word, known) == expected
