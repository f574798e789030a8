"""The README's moving picture: made from today's steps, and by a script that still runs."""

from __future__ import annotations

import importlib.util
import pathlib
import sys

import pytest
from PIL import Image

pytestmark = pytest.mark.browser
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def by_hand():
    spec = importlib.util.spec_from_file_location("by_hand", ROOT / "figures" / "by_hand.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["by_hand"] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["by_hand"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_shows_the_steps_of_today(by_hand, scheme):
    """If this fails the way to break it, or its words, have changed: run figures/by_hand.py."""
    path = ROOT / "figures" / f"by_hand_{scheme}.webp"
    actors = by_hand.schedule()
    assert by_hand.shown(path) == by_hand.story(actors)
    with Image.open(path) as picture:
        assert picture.n_frames >= 1 + 2 * len(actors)
    assert path.stat().st_size < 1_000_000


def test_a_picture_of_other_steps_is_stale(by_hand, tmp_path, monkeypatch):
    path = tmp_path / "by_hand_light.webp"
    frame = Image.new("RGB", (8, 8))
    frame.save(path, xmp=by_hand._xmp("vCPU 0: something else."))
    frame.save(tmp_path / "by_hand_dark.webp")
    assert by_hand.shown(path) == "vCPU 0: something else."
    assert by_hand.shown(tmp_path / "by_hand_dark.webp") is None
    assert by_hand.shown(tmp_path / "none.webp") is None
    monkeypatch.setattr(by_hand, "FOLDER", tmp_path)
    assert by_hand.main(["--check"]) == 1


def test_the_script_films_clicks(by_hand, host, tmp_path):
    actors = by_hand.schedule()[:1]
    first, *ways, last = by_hand.film(host, actors, "light")
    assert (first.stay, last.stay) == (by_hand.FIRST, by_hand.LAST)
    assert len(ways) == by_hand.GLIDES + 1
    by_hand.save([first, last], tmp_path / "made.webp", "x")
    with Image.open(tmp_path / "made.webp") as picture:
        assert (picture.n_frames, picture.width) == (2, by_hand.WIDTH)
