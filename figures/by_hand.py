"""
The moving picture of the README: the re-queue race found by hand, click by click.

The real widget in headless Chromium, its messages answered by its Python side. The clicks are
those of the shortest schedule that breaks `PROTOCOL`, worked out anew each time; what is seen
between them is what a learner would see. Writes ``figures/by_hand_light.webp``, the same in dark,
and a still of each end for those who asked for less motion.

    python figures/by_hand.py              # needs the test tools and a Chromium; half a minute
    python figures/by_hand.py --check      # says whether the pictures show today's steps
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "figures"
PROTOCOL = "patch-22-skip-invalid"
SCHEMES = ("light", "dark")
WIDTH = 980
FIRST, GLIDE, PRESSED, READ, LAST = 2600, 45, 160, 2300, 7000
"""How long frames stay, in ms: the start, the pointer's way, a click, a board, the end."""
GLIDES = 5

POINTER = """() => {
  const box = document.body.appendChild(document.createElement("div"));
  box.style.cssText = "position:fixed;left:0;top:0;z-index:9;pointer-events:none";
  const made = (name, more) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(more)) node.setAttribute(key, value);
    return node;
  };
  const svg = made("svg", { width: 44, height: 44, viewBox: "-14 -14 44 44" });
  const arrow = "M0 0v17l4.4-3.6 2.9 6.6 3-1.3-2.9-6.5 5.6-.6z";
  const ring = { r: 12, fill: "none", stroke: "#e8590c", "stroke-width": 3, opacity: 0 };
  svg.append(made("circle", ring),
    made("path", { d: arrow, fill: "#111", stroke: "#fff", "stroke-width": 1.6 }));
  box.append(svg);
  window.point = (x, y, pressed) => {
    box.style.transform = `translate(${x - 14}px, ${y - 14}px)`;
    svg.firstChild.setAttribute("opacity", pressed ? 1 : 0);
  };
}"""


@dataclass(frozen=True)
class Frame:
    """One picture, as PNG, and how many milliseconds it stays."""

    png: bytes
    stay: int


def schedule() -> list[int]:
    """Return the actors of the shortest way to break it, one a step."""
    from tdplib.check import check

    return [step.actor for step in check(PROTOCOL).trace.steps]


def path_of(scheme: str) -> Path:
    """Return where the moving picture of a colour scheme is kept."""
    return FOLDER / f"by_hand_{scheme}.webp"


def story(actors: list[int]) -> str:
    """Return what is seen, in sentences: the text alternative, and what `--check` compares."""
    from tdplib.widgets import Interleaver

    widget, said = Interleaver(PROTOCOL), []
    for actor in actors:
        widget.step(actor)
        board = widget.board
        said.append(f"{board['actors'][actor]['name']}: {board['did']}.")
    broken = widget.board["broken"]
    return "\n".join([*said, f"{broken['property']} is broken. {broken['sentence']}"])


def film(host, actors: list[int], scheme: str) -> Iterator[Frame]:
    """
    Open the widget, click the actors' buttons in turn, and give a frame for all that is seen.

    host : the `Host` of the browser tests
    """
    from tdplib.widgets import Interleaver

    page = host.open(Interleaver(PROTOCOL), width=WIDTH, height=1200, scheme=scheme)
    page.add_style_tag(content="body{margin:0!important} .out{margin:0!important}")
    page.evaluate(POINTER)
    camera = _Camera(page)
    yield Frame(camera.shot(), FIRST)
    for number, actor in enumerate(actors, 1):
        yield from camera.click(page.locator(".tdp-step").nth(actor))
        page.wait_for_function("step => hosts[0].state.board.step === step", arg=number)
        yield Frame(camera.shot(), LAST if number == len(actors) else READ)


class _Camera:
    """Takes pictures of the widget with a pointer over it."""

    def __init__(self, page) -> None:
        self.page, self.x, self.y = page, WIDTH - 40.0, 560.0
        self._point(self.x, self.y)

    def _point(self, x: float, y: float, pressed: bool = False) -> None:
        self.page.evaluate("([x, y, pressed]) => point(x, y, pressed)", [x, y, pressed])

    def shot(self) -> bytes:
        return self.page.screenshot(clip=self._clip())

    def _clip(self) -> dict:
        box = self.page.locator(".tdp-main").bounding_box()
        return {"x": 0, "y": 0, "width": WIDTH, "height": box["y"] + box["height"] + 10}

    def click(self, button) -> Iterator[Frame]:
        """Go to a button and click it."""
        box = button.bounding_box()
        x, y = box["x"] + min(box["width"] / 2, 130), box["y"] + box["height"] / 2 + 6
        away = abs(x - self.x) + abs(y - self.y) > 4
        for part in range(1, GLIDES + 1 if away else 1):
            share = part / GLIDES
            share = share * share * (3 - 2 * share)
            self._point(self.x + (x - self.x) * share, self.y + (y - self.y) * share)
            yield Frame(self.shot(), GLIDE)
        self.x, self.y = x, y
        self._point(x, y, True)
        yield Frame(self.shot(), PRESSED)
        button.click()
        self.page.mouse.move(0, 0)  # no hover left: it would differ from frame to frame
        self._point(x, y)


def save(frames: list[Frame], path: Path, words: str) -> None:
    """Write the frames as one animated WebP without loss, its story in the metadata."""
    from PIL import Image

    pictures = [Image.open(io.BytesIO(frame.png)).convert("RGB") for frame in frames]
    height = max(picture.height for picture in pictures)
    even = [_padded(picture, height) for picture in pictures]
    even[0].save(
        path, save_all=True, append_images=even[1:], duration=[f.stay for f in frames], loop=0,
        lossless=True, quality=100, method=4, xmp=_xmp(words),
    )  # fmt: skip


def _padded(picture, height: int):
    from PIL import Image

    ground = Image.new("RGB", (picture.width, height), picture.getpixel((2, 2)))
    ground.paste(picture, (0, 0))
    return ground


def _xmp(words: str) -> bytes:
    return f"<x:story>{words.encode().hex()}</x:story>".encode()


def shown(path: Path) -> str | None:
    """Return the story of a picture that is there, or None."""
    from PIL import Image

    with contextlib.suppress(FileNotFoundError, IndexError, ValueError), Image.open(path) as made:
        text = made.info.get("xmp", b"").decode()
        return bytes.fromhex(text.split("<x:story>")[1].split("</x:story>")[0]).decode()
    return None


def main(arguments: list[str] | None = None) -> int:
    """Make the pictures, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description="The re-queue race found by hand, as pictures.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    args = parser.parse_args(arguments)
    actors = schedule()
    words = story(actors)
    if not args.check:
        make(actors, words)
        return 0
    stale = [scheme for scheme in SCHEMES if shown(path_of(scheme)) != words]
    sys.stdout.write(f"stale: {', '.join(stale) or 'none'}\n")
    return 1 if stale else 0


def make(actors: list[int], words: str) -> None:
    """Write the pictures, and say how large they are."""
    from playwright.sync_api import sync_playwright

    from tdplib.doctor import find_chromium

    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from conftest import FLAGS, Host

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for scheme in SCHEMES:
            frames, path = list(film(Host(browser), actors, scheme)), path_of(scheme)
            save(frames, path, words)
            save(frames[-1:], path.with_stem(path.stem + "_still"), words)
            sys.stdout.write(f"{path.name}: {len(frames)} frames, {path.stat().st_size:,} bytes\n")
        browser.close()


if __name__ == "__main__":
    raise SystemExit(main())
