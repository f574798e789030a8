"""The stubs of kernel Python are the names to which `REFERENCE.md` gives a meaning."""

import inspect
import re
import types
from pathlib import Path

import pytest

from tdplib.errors import TdplibError
from tdplib.lang import kernel, symbols
from tdplib.lang.kernel import _stub

REFERENCE = Path(symbols.__file__).with_name("REFERENCE.md").read_text()
STUBS = {n: f for n, f in vars(kernel).items() if isinstance(f, types.FunctionType)}


def section(number):
    return re.search(rf"^## {number}\..*?(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL).group()


def rows():
    """Return name -> (marks, meaning, call as shown) of every primitive in the tables."""
    found = {}
    for line in section(4).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 3:
            continue
        names, marks, meaning = cells
        # A meaning may name further primitives of the same kind.
        more = " ".join(re.findall(r"(?:also|Also|\.) ((?:`\w+`(?:, )?)+)", meaning))
        for name in re.findall(r"`(?:for x in )?(\w+)", names + more):
            found.setdefault(name, (marks, meaning))
    return found


ROWS = rows()


def test_the_tables_are_read():
    assert len(ROWS) > 65
    assert ROWS["write_unlock"][0] == "V B"
    assert ROWS["list_for_each_entry_rcu"][0] == "V a round"
    assert ROWS["container_of"][0] == "P"


def test_there_is_a_stub_for_every_primitive_and_none_for_anything_else():
    assert set(STUBS) == set(ROWS)


def test_the_compiler_knows_the_same_primitives():
    assert set(STUBS) == set(symbols.PRIMITIVES) | set(symbols.LIST_ITERATORS)
    for name, row in symbols.PRIMITIVES.items():
        assert len(inspect.signature(STUBS[name]).parameters) == len(row.params), name


@pytest.mark.parametrize("name", sorted(STUBS))
def test_a_stub_says_what_the_reference_says(name):
    marks = ROWS[name][0]
    doc = inspect.getdoc(STUBS[name])
    assert doc.splitlines()[0].endswith((".", ".``")), "a sentence comes first"
    assert ("Visible" in doc) == ("V" in marks.split())
    assert ("Private" in doc) == ("P" in marks.split())
    unlocks = "unlock" in name
    assert ("Can block" in doc) == ("B" in marks.split() and not unlocks)


@pytest.mark.parametrize("name", sorted(STUBS))
def test_a_stub_that_python_calls_says_what_to_do(name):
    arguments = [None] * len(inspect.signature(STUBS[name]).parameters)
    expected = rf"^{name}\(\) .*explored, not executed: pass the function to check\(\)"
    with pytest.raises(TdplibError, match=expected):
        STUBS[name](*arguments)


def test_there_is_a_constant_for_every_built_in_one():
    listed = re.search(r"built-in constants: (.*?\.)\n", section(2), re.DOTALL).group(1)
    names = {n for n in re.findall(r"`?([A-Z][A-Z0-9_]+)`?", listed) if "_" in n}
    values = symbols.constants(3, 2, 1)
    assert names == set(values)
    scenario = {"PT_ENTRIES", "PT_LEVELS", "KVM_MAX_VCPUS", "HARDWARE_TLB", "VM_TEARDOWN"}
    for name in names - scenario:
        assert getattr(kernel, name) == values[name], name
        assert repr(getattr(kernel, name)).startswith(f"{name} = ")
    for name in scenario:
        assert "set by the scenario" in repr(getattr(kernel, name))


def test_every_type_of_a_new_field_is_a_name():
    for name in set(symbols.EXTENSION_TYPES) - {"bool"}:
        assert "type of a new field" in getattr(kernel, name).__doc__


def test_every_public_name_is_documented_and_exported():
    assert len(kernel.__all__) == len(set(kernel.__all__))
    assert set(STUBS) | set(symbols.constants(1, 1, 1)) < set(kernel.__all__)
    for name in kernel.__all__:
        assert inspect.getdoc(getattr(kernel, name)), name


def test_a_name_that_stands_for_something_cannot_be_called():
    with pytest.raises(_stub.NotExecutedError, match="tdp_mmu_free_sp_rcu_callback"):
        kernel.tdp_mmu_free_sp_rcu_callback(None)
