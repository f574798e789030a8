"""Checks beside everything else: threads, cancelling, interrupts, and the line in a notebook."""

import gc
import os
import signal
import threading
import time
import weakref

import pytest

from tdplib import watch
from tdplib.background import Background
from tdplib.check import check
from tdplib.errors import BadValueError
from tdplib.guard import guard
from tdplib.lang.errors import LanguageError
from tdplib.replay import Session
from tdplib.search import explore as search

LONG = {"code": "v5.18", "scenario": "three-vcpus"}
"""Some four million states: seconds, wherever it runs."""
BROKEN = "patch-22-skip-invalid"


@pytest.fixture(autouse=True)
def interruptible():
    """A shell that starts the suite in the background has it ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def told(verdict):
    """What must be the same of two verdicts."""
    v = verdict
    return v.status, v.property, v.states, v.transitions, v.depth, v.properties, v.advice


def begun(beside):
    """Wait until the search has said something."""
    end = time.monotonic() + 60
    while beside.now is None and beside.running and time.monotonic() < end:
        time.sleep(0.005)
    return beside


def interrupt_soon(seconds):
    """Interrupt this process so many seconds after it has begun to hold interrupts back."""

    def strike():
        while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            time.sleep(0.0002)
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


# === in the background ===


def test_it_answers_as_a_plain_check_does():
    beside = Background(BROKEN)
    found = beside.wait()
    assert (beside.state, beside.running, beside.verdict) == ("done", False, found)
    plain = check(BROKEN)
    assert told(found) == told(plain)
    assert found.trace.code == plain.trace.code


def test_several_at_once_answer_as_one_after_the_other():
    names = [BROKEN, "v5.18", "no-gift", "v6.6", BROKEN, "v5.17"]
    alone = [check(name) for name in names]
    beside = [Background(name) for name in names]
    for one, other in zip(alone, [each.wait() for each in beside], strict=True):
        assert told(one) == told(other)
        if one.trace is not None:
            assert str(one.trace) == str(other.trace)


def test_cells_run_meanwhile_and_a_second_check_too():
    beside = begun(Background(**LONG))
    assert beside.running
    assert check(BROKEN).status == "violated"
    assert beside.running
    assert beside.wait(0.01) is None
    assert beside.verdict is None
    beside.cancel()
    beside.wait()


def test_the_main_thread_is_answered_at_once():
    """A tenth of a second is what a person takes for at once; here a look takes 2 ms."""
    beside = begun(Background(**LONG))
    waits, end = [], time.monotonic() + 0.6
    while time.monotonic() < end:
        began = time.perf_counter()
        time.sleep(0.002)
        waits.append(time.perf_counter() - began)
    assert beside.running
    beside.cancel()
    beside.wait()
    assert sorted(waits)[len(waits) * 9 // 10] < 0.1


def test_cancelled_is_incomplete_and_says_so_first():
    beside = begun(Background(**LONG))
    beside.cancel()
    began = time.perf_counter()
    found = beside.wait()
    assert time.perf_counter() - began < 2
    assert (beside.state, found.status, found.stopped_by) == (
        "cancelled", "incomplete", ("interrupt",),
    )  # fmt: skip
    assert str(found).startswith("incomplete (stopped by: interrupt); nothing broke in what was")
    assert 0 < found.states < 4_142_900


def test_cancelling_frees_the_memory_of_the_search(monkeypatch):
    made = []
    start = search.start

    def noted(*args):
        arrays = start(*args)
        made.append(weakref.ref(arrays))
        return arrays

    monkeypatch.setattr(search, "start", noted)
    beside = begun(Background(**LONG))
    assert made[0]() is not None
    beside.cancel()
    assert beside.wait().states > 0
    gc.collect()
    assert made[0]() is None


def test_what_was_broken_before_it_was_cancelled_has_its_trace():
    beside = Background(BROKEN, scenario="three-vcpus")
    while beside.running and (beside.now is None or beside.now.depth < 16):
        time.sleep(0.002)
    beside.cancel()
    found = beside.wait()
    assert (found.status, beside.state) == ("violated", "cancelled")
    assert str(found).startswith("incomplete (stopped by: interrupt); violated: zap-complete")
    assert found.trace.broken == "zap-complete"
    for ask in (found.coverage, found.statistics):
        with pytest.raises(BadValueError, match="cancelled, and the memory of its search is freed"):
            ask()


def test_what_is_wrong_is_raised_where_it_was_written():
    with pytest.raises(BadValueError, match="no scenario is called 'nope'"):
        Background("v5.18", scenario="nope")
    with pytest.raises(LanguageError, match="with"):
        Background("def f(kvm):\n    with kvm:\n        pass\n")
    with pytest.raises(TypeError, match="max_sates"):
        Background("v5.18", max_sates=3)


def test_what_goes_wrong_in_the_thread_is_raised_by_waiting():
    def bad(beside):
        if beside.now is not None and beside.running:
            raise RuntimeError("no page to paint on")

    beside = Background(**LONG, told=bad)
    with pytest.raises(RuntimeError, match="no page to paint on"):
        beside.wait()
    assert (beside.state, beside.running, beside.verdict) == ("failed", False, None)


def test_an_interrupt_ends_waiting_and_the_check():
    beside = Background(**LONG)
    timer = interrupt_soon(0.4)
    found = beside.wait()
    timer.join()
    assert (found.status, beside.state) == ("incomplete", "cancelled")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# === interrupts of a plain check ===


@pytest.mark.parametrize("seconds", [0.0, 0.003, 0.05, 0.3, 0.6])
def test_an_interrupt_gives_an_incomplete_verdict_and_no_traceback(seconds):
    check("lost-update")
    timer = interrupt_soon(seconds)
    found = check(**LONG)
    timer.join()
    assert (found.status, found.stopped_by) == ("incomplete", ("interrupt",))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_is_raised():
    from tdplib._interrupt import held

    with held() as interrupted:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# === one machine, two threads ===


def test_two_threads_step_sessions_of_one_subject():
    """They share the machine's registers: without its lock each would see the other's."""
    trace = check(BROKEN).trace
    wanted, subject = str(trace), trace.session.subject
    seen, errors = [], []

    def play():
        try:
            for _ in range(12):
                session = Session(_subject=subject, _mode=trace.session.mode)
                for step in trace.steps:
                    session.step(step.actor)
                    session.board()
                seen.append(str(session.trace()))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=play) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(seen) == {wanted}


# === the line in a notebook ===


class Shown:
    """What a notebook was asked to display, in order; stands for IPython's display."""

    def __init__(self):
        self.bundles = []

    def __call__(self, bundle, raw, display_id):
        assert raw
        assert display_id
        self.bundles.append(bundle)
        return self

    def update(self, bundle, raw):
        assert self.bundles
        self.bundles.append(bundle)


@pytest.fixture
def notebook(monkeypatch):
    import IPython.display

    shown = Shown()
    monkeypatch.setattr(IPython.display, "display", shown)
    monkeypatch.setattr(watch, "in_notebook", lambda: True)
    monkeypatch.setattr(watch, "AFTER", 0.05)
    monkeypatch.setattr(watch, "EVERY", 0.05)
    return shown.bundles


def test_a_long_check_shows_a_line_that_becomes_the_verdict(notebook):
    found = check(**LONG, max_states=600_000)
    *lines, last = notebook
    assert len(lines) > 1
    assert all("million a second, depth " in each["text/plain"] for each in lines)
    assert all("Interrupt the kernel to stop it" in each["text/html"] for each in lines)
    assert last["text/plain"] == repr(found)
    assert last["text/plain"].startswith("incomplete (stopped by: states)")
    assert set(last) == {"text/plain"}


def test_a_short_check_shows_nothing(notebook, monkeypatch):
    monkeypatch.setattr(watch, "AFTER", 60)
    check(BROKEN)
    assert notebook == []


def test_no_line_where_none_is_wanted_or_another_is_told(notebook):
    check(**LONG, max_states=400_000, progress=False)
    check(**LONG, max_states=400_000, progress=lambda *now: None)
    assert notebook == []


def test_the_line_goes_away_where_nothing_is_to_follow_it(notebook):
    with watch.line("checking your answer: ") as line:
        check(**LONG, max_states=400_000, progress=line)
    assert notebook[0]["text/plain"].startswith("checking your answer: ")
    assert notebook[-1] == {"text/plain": ""}


def test_looking_at_an_invariant_is_told_too(notebook):
    def invariant(kvm):
        return kvm.arch.mmu_valid_gen < 2

    assert guard(invariant, base="v5.18", scenario="three-vcpus", max_seconds=0.4).status
    assert notebook[0]["text/plain"].startswith("looking at the invariant: ")
    assert notebook[-1] == {"text/plain": ""}


def test_without_a_notebook_there_is_no_line():
    assert not watch.in_notebook()


def test_the_states_of_each_depth_are_told():
    beside = Background(BROKEN)
    found = beside.wait()
    last = beside.now
    assert sum(last.layers) == last.states == found.states
    assert len(last.layers) == found.depth + 1
    assert last.layers[0] == 1


def test_bars_are_shares_of_the_widest_and_many_depths_share_one():
    assert watch.bars(()) == []
    assert watch.bars((5,)) == [1.0]
    many = watch.bars(tuple(range(1, 201)), most=50)
    assert len(many) == 50
    assert many[-1] == 1.0
    assert many == sorted(many)
