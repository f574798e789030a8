"""The benchmark of the widget measures what it says: every click is a step, and is painted."""

import json
import subprocess
import sys

import pytest
from conftest import absent, find_chromium

pytestmark = pytest.mark.browser


def test_it_prints_a_distribution():
    if find_chromium() is None:
        absent("no chromium on the path, nor where CHROME says")
    # In a process of its own: one playwright at a time.
    words = ["bench", "widget", "--protocol", "lost-update", "--clicks", "20", "--json"]
    command = [sys.executable, "-m", "tdplib", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    result = json.loads(done.stdout)
    assert result["clicks"] == sum(result["buckets of 5 ms"].values()) == 20
    whole, python = result["click to paint, ms"], result["of that Python, ms"]
    assert 0 < python["median"] < whole["median"] <= whole["p95"] <= whole["most"]
    assert python["median"] < result["to open, ms"]
    assert result["ES module, bytes"] < 80_000
    assert result["problems"] == []
