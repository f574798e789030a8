"""The limits of a source: what is just within passes, one more is refused, nothing recurses."""

import threading

import pytest

from tdplib.lang.errors import LanguageError
from tdplib.lang.grammar import check_unit
from tdplib.lang.parsing import MAX_BRACKETS, MAX_BYTES, MAX_LINES, MAX_NESTING, MAX_STATEMENT
from tdplib.lang.source import unit_from


def refused(code, **kwargs):
    with pytest.raises(LanguageError) as caught:
        check_unit(unit_from(code, **kwargs))
    return caught.value


def test_limit_lines():
    check_unit(unit_from("# x\n" * MAX_LINES))
    error = refused("# x\n" * MAX_LINES + "A = 1\n")
    assert f"{MAX_LINES:,}" in error.found
    assert error.line == MAX_LINES + 1


def test_limit_bytes(tmp_path):
    fits = "# " + "x" * 97 + "\n"
    text = fits * (MAX_BYTES // 100)
    assert len(text) == MAX_BYTES
    check_unit(unit_from(text))
    path = tmp_path / "big.py"
    path.write_text(text)
    check_unit(unit_from(path))
    for code in (text + "#", "# é" + text[4:] + "é"):
        assert f"{MAX_BYTES:,}" in refused(code).found
        path.write_text(code)
        assert f"{MAX_BYTES:,}" in refused(path).found
    # A character cut in two by the limit is no wrong byte.
    path.write_text(text[:-1] + "é" * 5)
    assert f"{MAX_BYTES:,}" in refused(path).found


def test_limit_brackets():
    check_unit(unit_from("A = " + "(" * MAX_BRACKETS + "1" + ")" * MAX_BRACKETS))
    error = refused("A = " + "(" * 31 + "1" + ")" * 31)
    assert (error.line, error.column) == (1, 4 + MAX_BRACKETS + 1)
    assert f"{MAX_BRACKETS} brackets" in error.found


def test_limit_statement():
    check_unit(unit_from("A = 1 " + " " * (MAX_STATEMENT - 6) + "\nB = 1"))
    error = refused("B = 1\nA = (1 " + " " * MAX_STATEMENT + ")")
    assert (error.line, error.column) == (2, 1)
    assert "statement of more than" in error.found
    long = "A = 1" + " + 1" * (MAX_STATEMENT // 4)
    half = " + 1" * (MAX_STATEMENT // 8)
    over_lines = f"A = (1{half}\n{half})"
    with_brackets = f"A = (1{half}){half}"
    for text in (long, long + "\nB = 1\n", over_lines, with_brackets):
        assert "statement of more than" in refused(text).found
    check_unit(
        unit_from(f'def f():\n    """{"text " * 2000}"""  # {"text " * 2000}\n    return 1\n')
    )


def test_limit_nesting():
    fits = "def f(a):\n    return " + "a + " * (MAX_NESTING - 5) + "a\n"
    check_unit(unit_from(fits))
    for expression in ("a + " * MAX_NESTING + "a", "not " * MAX_NESTING + "a", "a" + ".a" * 90):
        error = refused(f"def f(a):\n    return {expression}\n")
        assert f"nested more than {MAX_NESTING} deep" in error.found
        assert error.line == 2
    chain = "if a:\n        pass\n" + "    elif a:\n        pass\n" * MAX_NESTING
    assert "nested more than" in refused(f"def f(a):\n    {chain}").found


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "~" * 3900 + "1",
        "x = " + "not " * 900 + "1",
        "x = " + "lambda:" * 500 + "1",
        "x = a" + ".a" * 1900,
        "x = a" + "()" * 1900,
        "x = a" + "[0]" * 1300,
        "x = " + "1+" * 1900 + "1",
        "x = " + "1**" * 1300 + "1",
        "x = " + "a if b else " * 300 + "a",
        "if a:\n pass\n" + "elif a:\n pass\n" * 900,
        "".join(" " * i + "if a:\n" for i in range(120)) + " " * 120 + "pass",
        "x = " + "(" * 5000,
        "[" * 20 + "{" * 10,
        "x = " + "9" * 3900,
        "f'" + "{a:" * 100,
        "'''" + "\\" * 90000,
        '"' * 90001,
    ],
    ids=lambda text: text[:12],
)
def test_nesting_never_reaches_pythons_own_limits(text):
    """A small stack stands for a platform that gives threads less than Linux does."""
    caught = []

    def run():
        try:
            check_unit(unit_from(text))
        except LanguageError as error:
            caught.append(error)

    old = threading.stack_size(1 << 20)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)
    finally:
        threading.stack_size(old)
    assert len(caught) == 1
