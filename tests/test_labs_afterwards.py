"""What labs 09 and 10 tell is what the machine does."""

import re

import pytest

from tdplib import check, protocols
from tdplib.labs.build import notebook
from tdplib.labs.exercise import load_lab
from tdplib.labs.measure import Graph, sections
from tdplib.labs.sources import read_source
from tdplib.replay import BlockedError, Session
from tdplib.scenarios import vary


def cells(lab):
    return [cell["source"] for cell in notebook(read_source(load_lab(lab)))["cells"]]


def told(lab, needle):
    """The code cell of a lab that holds `needle`, up to its last function."""
    (text,) = [cell for cell in cells(lab) if needle in cell and "def " in cell]
    return text[: re.search(r"\n\n\n\w+.*\Z", text, re.DOTALL).start()]


def run_to_the_end(session, actor):
    try:
        while True:
            session.step(actor)
    except BlockedError:
        return session.board()["roots"][0]


@pytest.mark.parametrize(
    ("version", "valid", "queued"), [("v6.4", True, False), ("v5.18", False, True)]
)
def test_a_root_that_its_only_vcpu_has_dropped(version, valid, queued):
    root = run_to_the_end(Session(version, "small"), 0)
    assert root["listed"]
    assert root["refcount"] == 1
    assert root["role"]["invalid"] is not valid
    assert root["queued"] is queued
    assert any(spte["present"] for spte in root["sptes"])


@pytest.mark.parametrize(
    ("needle", "base", "breaks"),
    [
        ("walk without its skip", "v6.4", "no-use-after-free"),
        ("walk without the flag", "v6.6", "no-use-after-free"),
        ("IS_ERR(wq)", "unchecked-queue", "no-oops"),
    ],
)
def test_what_lab_09_shows_breaks_as_its_answers_say(needle, base, breaks):
    assert check(told("lab09", needle), base=base).property == breaks


def test_v5_18_hangs_on_a_slow_worker_and_the_later_versions_do_not():
    found = {
        name: check(protocols.FOLDER / protocols.row(name).file, base="capstone-slow-worker")
        for name in ("v5.18", "v6.4", "v6.6")
    }
    assert found["v5.18"].property == "no-deadlock"
    assert {found["v6.4"].status, found["v6.6"].status} == {"holds"}


def test_the_steps_that_lab_10_tells_of_the_table():
    held = {
        name: sections(Graph(name, None, vary("small", entries=4)))["vcpu"]
        for name in ("v5.17", "v5.18", "v6.6")
    }
    assert held == {"v5.17": 16, "v5.18": 13, "v6.6": 13}
    text = "\n".join(cells("lab10"))
    assert "16 steps with four entries" in text
    assert "The 13 steps of the others" in text
