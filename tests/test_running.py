"""The widget of a check that runs in the background, without a page."""

import time

import pytest

from tdplib import protocols
from tdplib.check import check
from tdplib.errors import BadValueError
from tdplib.replay import replay
from tdplib.widgets import Check, Interleaver
from tdplib.widgets._assets import STATIC

LONG = {"code": "v5.18", "scenario": "three-vcpus"}
BROKEN = "patch-22-skip-invalid"


@pytest.fixture
def made():
    """Make widgets; all are closed at the end, and what they run is ended."""
    widgets = []

    def make(*args, **options):
        widgets.append(Check(*args, **options))
        return widgets[-1]

    yield make
    for widget in widgets:
        widget.close()


def shown(widget):
    return widget.children[0].picture


def ask(widget, **content):
    """What the page's `model.send` ends in."""
    panel = widget.children[0]
    handled = panel.handled
    panel._on_message(panel, content, [])
    assert panel.handled == handled + 1
    return panel.picture["error"]


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_verdict_is_that_of_a_plain_check(made):
    widget = made(BROKEN)
    found, plain = widget.wait(), check(BROKEN)
    assert widget.verdict is found
    assert (found.status, found.states, found.property) == (
        plain.status, plain.states, plain.property,
    )  # fmt: skip
    picture = shown(widget)
    assert (picture["state"], picture["status"], picture["said"]) == (
        "done", "violated", "violated: zap-complete",
    )  # fmt: skip
    assert picture["sentence"] == found.sentence
    assert picture["trace"] == str(plain.trace)
    assert dict(picture["numbers"])["states"] == f"{plain.states:,}"
    assert max(picture["bars"]) == 1


def test_it_returns_at_once_and_tells_how_far_it_is(made):
    began = time.perf_counter()
    widget = made(**LONG)
    assert time.perf_counter() - began < 2
    assert widget.running
    assert widget.verdict is None
    assert widget.wait(0.01) is None
    until(lambda: shown(widget)["numbers"])
    first = dict(shown(widget)["numbers"])
    assert set(first) == {"states", "states a second", "depth", "memory", "seconds"}
    until(lambda: dict(shown(widget)["numbers"])["states"] != first["states"])
    assert shown(widget)["said"] == "running every interleaving"
    assert shown(widget)["state"] == "running"


def test_cancel_from_the_page_says_first_that_nothing_is_proved(made):
    widget = made(**LONG)
    until(lambda: shown(widget)["numbers"])
    assert ask(widget, do="cancel") == ""
    found = widget.wait()
    assert (found.status, widget.running) == ("incomplete", False)
    assert shown(widget)["said"] == (
        "incomplete, nothing is proved (cancelled): nothing broke in what was visited"
    )
    assert dict(shown(widget)["numbers"])["memory"].endswith("MiB, freed")
    assert repr(widget).startswith("v5.18, scenario three-vcpus: incomplete, nothing is proved")


def test_own_code_on_a_base(made):
    text = (protocols.FOLDER / "patch_22_skip_invalid.py").read_text()
    own = text[text.index("def kvm_tdp_mmu_invalidate_all_roots") :].split("\n\n\n")[0]
    widget = made(own, base="patch-22")
    assert widget.wait().property == "zap-complete"
    assert shown(widget)["title"] == "patch-22+code, scenario default"


def test_a_bound_is_told_as_what_it_is(made):
    widget = made(**LONG, max_states=100_000)
    widget.wait()
    assert "nothing is proved (stopped by: states)" in shown(widget)["said"]
    assert shown(widget)["state"] == "done"


def test_two_beside_each_other_do_not_meet(made):
    one, other = made(BROKEN), made("v6.6")
    assert (one.wait().status, other.wait().status) == ("violated", "holds")
    assert shown(other)["trace"] == ""


def test_the_trace_opens_in_an_interleaver(made):
    widget = made(BROKEN)
    widget.wait()
    assert ask(widget, do="open") == ""
    assert ask(widget, do="open") == ""
    _, stepper = widget.children
    assert isinstance(stepper, Interleaver)
    stepper.goto(stepper.board["steps"])
    assert replay(stepper.board["code"]).broken == "zap-complete"


def test_what_cannot_be_done_is_said_in_the_page(made):
    widget = made("v6.6")
    widget.wait()
    assert ask(widget, do="open") == "there is no trace to open: nothing was broken"
    assert ask(widget, do="opne").startswith("the page asked for 'opne'; did you mean 'open'?")


def test_an_exception_in_the_thread_is_shown_and_raised(made, monkeypatch):
    from tdplib.background import checks

    def fails(self, progress):
        raise RuntimeError("the machine is on fire")

    monkeypatch.setattr(checks.Asked, "answer", fails)
    widget = made(BROKEN)
    with pytest.raises(RuntimeError, match="on fire"):
        widget.wait()
    assert shown(widget)["state"] == "failed"
    assert shown(widget)["error"] == "RuntimeError: the machine is on fire"


def test_wrong_arguments_are_refused_in_the_cell():
    with pytest.raises(BadValueError, match="no scenario is called 'nope'"):
        Check("v5.18", scenario="nope")


def test_closing_ends_the_check():
    widget = Check(**LONG)
    beside = widget._beside
    widget.close()
    until(lambda: not beside.running)
    assert beside.state == "cancelled"


def test_where_no_page_shows_it_there_is_text(made):
    widget = made(BROKEN)
    widget.wait()
    data = widget._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert "violated: zap-complete" in data["text/plain"]
    assert "<pre>" in data["text/html"]


def test_the_module_is_small():
    assert len(Check(BROKEN).children[0]._esm.encode()) < 80_000
    assert "innerHTML" not in (STATIC / "running.js").read_text()
