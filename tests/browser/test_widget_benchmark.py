"""The benchmark of the widget measures what it says: every click is a step, and is painted."""

import json

import pytest
from conftest import find_chromium

from tdplib.cli import main

pytestmark = pytest.mark.browser


@pytest.mark.skipif(find_chromium() is None, reason="no chromium here")
def test_it_prints_a_distribution(capsys):
    pytest.importorskip("playwright")
    assert main(["bench", "widget", "--protocol", "lost-update", "--clicks", "20", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["clicks"] == sum(result["buckets of 5 ms"].values()) == 20
    whole, python = result["click to paint, ms"], result["of that Python, ms"]
    assert 0 < python["median"] < whole["median"] <= whole["p95"] <= whole["most"]
    assert result["ES module, bytes"] < 80_000
    assert result["problems"] == []
