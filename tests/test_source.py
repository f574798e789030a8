"""Source units: every way to get one, with the line numbers of the file or cell it stands in."""

import functools
import linecache
import math
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

from tdplib.errors import BadValueError
from tdplib.lang.errors import LanguageError
from tdplib.lang.grammar import check_unit
from tdplib.lang.source import Unit, unit_from, units_from

HERE = Path(__file__).name


def put_root(kvm, root):
    """Docstring."""
    return refcount_dec_and_test(root.tdp_mmu_root_count)


def get_root(root):
    return refcount_inc_not_zero(root.tdp_mmu_root_count)


def refcount_dec_and_test(f):
    raise AssertionError("the front end runs nothing")


refcount_inc_not_zero = refcount_dec_and_test
if True:

    def nested_in_an_if(root):
        x = (
  root.gfn + 1)  # fmt: skip
        return x


def line_of(fragment):
    """Return the number of the line of this file that starts with a fragment (after blanks)."""
    lines = Path(__file__).read_text().split("\n")
    return next(i for i, line in enumerate(lines, 1) if line.lstrip().startswith(fragment))


def refused(code, **kwargs):
    with pytest.raises(LanguageError) as caught:
        check_unit(unit_from(code, **kwargs))
    return caught.value


# --- functions


def test_a_function_keeps_the_lines_of_its_file():
    unit = unit_from(put_root)
    start = line_of("def put_root")
    function = unit.tree.body[0]
    assert unit.name == HERE
    assert unit.first_line == function.lineno == start
    assert function.body[-1].lineno == start + 2
    assert unit.line(start).startswith("def put_root")
    assert unit.line(start - 1) == unit.line(start + 99) == ""
    check_unit(unit)


def test_indented_source_keeps_lines_and_columns():
    unit = unit_from(nested_in_an_if)
    function = unit.tree.body[0]
    assert function.lineno == line_of("def nested_in_an_if")
    assert function.col_offset == 4
    assert function.body[0].value.lineno == line_of("root.gfn + 1)")
    assert function.body[0].value.col_offset == 2
    assert function.body[1].col_offset == 8
    check_unit(unit)


def test_a_function_inside_a_function():
    def inner(kvm):
        x = 1.5
        return x

    error = refused(inner)
    assert (error.file, error.line, error.column) == (HERE, line_of("x = 1.5"), 13)
    assert error.source_line == "        x = 1.5"


def test_functions_of_one_file_are_one_unit_with_their_own_lines():
    unit = unit_from([nested_in_an_if, get_root, put_root, get_root])
    names = [f.name for f in unit.tree.body]
    assert names == ["put_root", "get_root", "nested_in_an_if"]
    for function in unit.tree.body:
        assert unit.line(function.lineno).lstrip().startswith(f"def {function.name}")
    assert unit.first_line == line_of("def put_root")
    assert "raise" not in unit.text
    check_unit(unit)


def test_a_name_can_be_given():
    assert unit_from(put_root, name="v5.18").name == "v5.18"


def identity(function):
    return function


@identity
def decorated(kvm):
    pass


@functools.cache
def cached(kvm):
    pass


def wrapped_by(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@wrapped_by
def wrapped(kvm):
    pass


def test_a_decorated_function_is_refused():
    error = refused(decorated)
    assert (error.line, error.found) == (line_of("@identity"), "a decorator")
    assert "decorator" in refused(wrapped).found
    assert "_lru_cache_wrapper" in refused(cached).found


def test_a_function_that_stands_for_another_is_refused():
    names = cell(5, "def f(kvm):\n    pass\n\n\ndef g(kvm):\n    pass\n")
    names["f"].__wrapped__ = put_root
    names["g"].__name__ = "f"
    for function in names.values():
        assert "wrapped by a decorator" in refused(function).found


async def coroutine(kvm):
    pass


class Protocol:
    def put(self, root):
        pass

    def __call__(self, root):
        pass


@pytest.mark.parametrize(
    ("code", "found", "write"),
    [
        (lambda kvm: 1, "a lambda", "def with a name"),
        (len, "`len`, which is built into Python", "your own def"),
        (math.sqrt, "`sqrt`, which is built into Python", "your own def"),
        ([].append, "`append`, which is built into Python", "your own def"),
        (Protocol, "the class `Protocol`", "as text"),
        (Protocol().put, "the method `put`", "a plain function"),
        (Protocol(), "`Protocol`, an object of type Protocol", "a plain function"),
        (functools.partial(put_root, 1), "object of type partial", "a plain function"),
        (coroutine, "async def", "a plain function"),
    ],
)
def test_what_is_no_plain_function_is_refused(code, found, write):
    error = refused(code)
    assert found in error.found
    assert write in error.write


@pytest.mark.parametrize("code", [None, 42, b"def f(): pass", {}, [], (), [1], iter([])])
def test_what_is_no_code_at_all_is_a_bad_value(code):
    with pytest.raises(BadValueError, match="code is"):
        unit_from(code)


def compiled_elsewhere(source, filename):
    """Return the functions of a source, made without running it."""
    consts = compile(source, filename, "exec").co_consts
    codes = [code for code in consts if isinstance(code, types.CodeType)]
    return {code.co_name: types.FunctionType(code, {}) for code in codes}


def test_a_function_whose_source_is_gone():
    function = compiled_elsewhere("def f(kvm):\n    pass\n", "<gone>")["f"]
    error = refused(function)
    assert error.file == "<cell>"
    assert "the source of `f` is not to be found" in error.found
    assert "run the cell" in error.write


def test_a_function_whose_file_has_changed(tmp_path):
    path = tmp_path / "lab.py"
    path.write_text("def f(kvm):\n    pass\n")
    function = compiled_elsewhere(path.read_text(), str(path))["f"]
    assert unit_from(function).name == "lab.py"
    for text in ("def g(kvm):\n    pass\n", "def f(root):\n    pass\n", "x = 1\n"):
        path.write_text(text + "# so that the size differs\n")
        assert "has changed since it was defined" in refused(function).found
    path.write_text("")
    assert "is not to be found" in refused(function).found


def cell(number, source):
    """Define functions as a notebook does: the cell's text is known to linecache alone."""
    filename = f"<cells>/ipykernel_1/{number}.py"
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    return compiled_elsewhere(source, filename)


def test_a_function_of_a_cell():
    names = cell(1, "x = 1\n\n\ndef f(kvm):\n    return 1.5\n")
    error = refused(names["f"])
    assert (error.file, error.line, error.column) == ("<cell>", 5, 12)


def test_functions_of_several_cells_are_several_units():
    one = cell(2, "def f(kvm):\n    return 1\n\n\ndef g(kvm):\n    return f(kvm)\n")
    two = cell(3, "\ndef h(kvm):\n    return 1.5\n")
    units = units_from([one["g"], two["h"], one["f"]])
    assert [[f.name for f in u.tree.body] for u in units] == [["f", "g"], ["h"]]
    assert [u.first_line for u in units] == [1, 2]
    with pytest.raises(BadValueError, match="2 cells or files"):
        unit_from([one["g"], two["h"]])


IN_A_SHELL = """
    from IPython.core.interactiveshell import InteractiveShell
    from tdplib.lang.errors import LanguageError
    from tdplib.lang.grammar import check_unit
    from tdplib.lang.source import unit_from
    try:
        from ipykernel.compiler import XCachingCompiler as Compiler
    except ImportError:
        from IPython.core.compilerop import CachingCompiler as Compiler
    shell = InteractiveShell.instance()
    shell.compile = Compiler()
    shell.run_cell("%config InteractiveShell.ast_node_interactivity = 'all'\\nx = !echo hi")
    shell.run_cell("%who\\n\\ndef f(kvm):\\n    y = 1\\n    return 1.5\\n")
    try:
        check_unit(unit_from(shell.user_ns["f"]))
    except LanguageError as error:
        print("FOUND", error.file, error.line, error.column, error.source_line)
"""


def test_a_function_of_a_real_notebook_shell():
    # IPython comes with the pinned JupyterLab: where it is missing the set-up is broken.
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(IN_A_SHELL)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "FOUND <cell> 5 12     return 1.5" in run.stdout, run.stdout + run.stderr


# --- texts


def test_a_text():
    unit = unit_from("def f(kvm):\n    pass\n")
    assert (unit.name, unit.first_line) == ("<text>", 1)
    assert unit == Unit("<text>", "def f(kvm):\n    pass\n", 1, None)
    check_unit(unit_from("A = 1"))


def test_several_texts_are_several_units():
    units = units_from(["A = 1\n", "B = 2\n", put_root, "C = 3\n"])
    assert [u.name for u in units] == ["<text>", "<text>", HERE, "<text>"]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems(end):
    error = refused(f"def f(kvm):{end}    x = 1{end}    y = 1.5{end}")
    assert (error.line, error.column, error.source_line) == (3, 9, "    y = 1.5")


def test_an_indented_text_with_a_blank_first_line():
    error = refused("""
        # a comment
        def f(kvm):
            return 1.5
    """)
    assert (error.line, error.column) == (4, 20)


def test_a_first_line_deeper_than_the_rest():
    for rest in ("def g():\n    pass\n", "else:\n    pass\n"):
        error = refused("    def f(kvm):\n        pass\n" + rest)
        assert (error.line, error.column) == (1, 5)
        assert "indented" in error.found


@pytest.mark.parametrize("text", ["", "\n", "   ", "   # comment", '"""Docstring."""'])
def test_a_text_without_code_is_an_empty_unit(text):
    check_unit(unit_from(text))


def test_a_file_name_is_no_source():
    error = refused("solutions/lab01.py")
    assert error.found == "a file name"
    assert "pathlib.Path('solutions/lab01.py')" in error.write


@pytest.mark.parametrize(
    ("text", "line", "column", "found"),
    [
        ("x = 1\ny = \0 2", 2, 5, "the invisible character U+0000"),
        ("x = 1\n\ufeffy = 2", 2, 1, "the invisible character U+FEFF"),
        ("x = 1 # \u202e", 1, 9, "the invisible character U+202E"),
        ("x = 1\x0cy = 2", 1, 6, "the invisible character U+000C"),
        ("x = '\ud800'", 1, 6, "the invisible character U+D800"),
        ("def f():\n\tpass", 2, 1, "a tab in the indentation"),
        ("def f():\n    if x:\n    \tpass", 3, 5, "a tab in the indentation"),
        ("x = 1\u200b", 1, 6, "not Python (invalid non-printable character U+200B)"),
        ("def f():\npass", 2, 1, "expected an indented block after function definition on line 1"),
        ("x = 1\n  y = 2", 2, 3, "unexpected indent"),
        ("if x:\n    y\n  z", 3, 4, "unindent does not match"),
        ("x = 'abc", 1, 5, "unterminated string literal"),
        ("x = (1,\n", 1, 5, "'(' was never closed"),
        ("f(1]", 1, 4, "closing parenthesis ']' does not match"),
        ("x = $", 1, 5, "invalid syntax"),
        ("x = 1_", 1, 6, "invalid decimal literal"),
        ("x = 017", 1, 5, "leading zeros"),
    ],
)
def test_a_text_that_is_not_python(text, line, column, found):
    error = refused(text)
    assert found in error.found
    assert error.line == line
    # Where exactly Python stumbles differs from version to version.
    assert error.column == column or "not Python" in error.found
    assert error.source_line == text.split("\n")[line - 1]


def test_lines_named_inside_a_message_are_those_of_the_cell():
    names = cell(4, "x = 1\n\ndef f(kvm):\n    return 1\n")
    linecache.cache["<cells>/ipykernel_1/4.py"][2][3] = "return 1\n"
    error = refused(names["f"])
    assert "after function definition on line 3" in error.found
    indented = refused("    def f():\n    return 1\n")
    assert "after function definition on line 1" in indented.found


def test_tabs_elsewhere_are_harmless():
    check_unit(unit_from('def f(kvm):\n    """\n\tDocstring.\n    """\n    x\t=\t1\t# one\n'))
    check_unit(unit_from("def f(kvm):\n    return (kvm.gfn\n\t+ 1)\n"))


def test_an_odd_escape_in_a_docstring_is_no_warning():
    check_unit(unit_from('def f(kvm):\n    """Bits \\d."""\n'))


# --- files


def test_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def f(kvm):\n    return 1.5\n")
    error = refused(path)
    assert (error.file, error.line) == ("mine.py", 2)
    assert unit_from(path, name="v5.18").name == "v5.18"


def test_a_byte_order_mark_in_front_of_a_file_means_nothing(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(b"\xef\xbb\xbfdef f(kvm):\r\n    return 1\r\n")
    unit = unit_from(path)
    assert unit.text == "def f(kvm):\n    return 1\n"


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes("x = 1\n# gr\u00f6\u00dfe".encode("latin-1"))
    error = refused(path)
    assert (error.file, error.line, error.column) == ("mine.py", 2, 5)
    assert "0xf6" in error.found
    assert "UTF-8" in error.write


def test_what_is_no_python_file(tmp_path):
    notebook = tmp_path / "lab.ipynb"
    notebook.write_text("{}")
    assert "not a .py file" in refused(notebook).found
    assert "no such file" in refused(tmp_path / "absent.py").found
    folder = tmp_path / "folder.py"
    folder.mkdir()
    assert "no such file" in refused(folder).found
