"""The parts of an Interleaver on a page, as the browser tests name them."""

from __future__ import annotations

from fake_session import FakeSession

from tdplib.replay.schedule import read_steps
from tdplib.widgets import Interleaver

LONG = "b4db2ab2acab3c"
"""A way round to the violation of patch-22-skip-invalid: 17 steps, 9 of them for nothing."""


def widget(steps=(), cursor=None, **keywords):
    session = FakeSession(**keywords)
    for actor in steps:
        session.step(actor)
    made = Interleaver(session=session)
    if cursor is not None:
        made.goto(cursor)
    return made


def expect(thing):
    from playwright.sync_api import expect

    return expect(thing)


def lane(page, name):
    return page.get_by_role("group", name=name, exact=True)


def step_button(page, name):
    return lane(page, name).locator("button").first


def root_row(page, index):
    return page.get_by_role("table", name="Roots").get_by_role("row").nth(index + 1)


def stands_at(page, step, steps):
    expect(page.locator(".tdp-count")).to_have_text(f"step {step} of {steps}")


def long_way(steps=None):
    """The long way round, the first `steps` of it."""
    made = Interleaver("patch-22-skip-invalid")
    for actor in read_steps(LONG)[:steps]:
        made.step(actor)
    return made
