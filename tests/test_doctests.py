"""The examples in docstrings say what really happens."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import tdplib

# Protocols are kernel Python: files that the language reads and Python cannot import.
MODULES = ["tdplib"] + [
    found.name
    for found in pkgutil.walk_packages(tdplib.__path__, "tdplib.")
    if not found.name.startswith("tdplib.protocols.") and not found.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, monkeypatch, tmp_path):
    for variable in ("TDPLIB_LADDER", "TDPLIB_PROGRESS"):  # an example must not be anybody's best
        monkeypatch.setenv(variable, str(tmp_path / variable))
    assert doctest.testmod(import_module(name)).failed == 0
