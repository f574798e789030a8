"""
Browsers for the browser tests: Debian's Chromium through playwright, nothing downloaded.

`host` shows widgets in a page without Jupyter: the widget's own ES module and style sheet, and a
mock of anywidget's model whose messages go to the real Python widget. A missing browser is a
visible skip, or a failure where TDPLIB_REQUIRE_BROWSER=1 says that there must be one.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

import lab
import pytest

from tdplib.doctor import find_chromium

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))  # fake_session lies one folder up

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
ORIGIN = "http://localhost:9"  # never contacted: the requests are answered in `Host`
OWN = ("comm", "keys", "layout", "tabbable", "tooltip")  # traits of any ipywidget

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>widgets</title>
%(links)s
<style>:root{color-scheme:light dark} body{margin:16px;background:Canvas}
.out{margin-bottom:24px}
/* what JupyterLab 4.6 does to any output, and so to the widget */
.out dl,.out dt,.out dd{display:block} .out dl{width:100%%;overflow:hidden;padding:0;margin:0}
.out dt{font-weight:bold;float:left;width:20%%} .out dd{float:left;width:80%%}
.out button{border-radius:2px} .out code{font-size:13px;line-height:1.3077}</style><body %(body)s>
<script type="module">
const made = await Promise.all(%(modules)s.map((path) => import(path)));
window.hosts = %(states)s.map((state, id) => {
  const el = document.body.appendChild(document.createElement("div"));
  el.className = "out";
  const calls = {};
  const host = { el, state, calls, sent: [], held: false };
  host.push = (fresh) => {
    const differs = (k) => JSON.stringify(fresh[k]) !== JSON.stringify(state[k]);
    const changed = Object.keys(fresh).filter(differs);
    Object.assign(state, fresh);
    for (const k of changed) for (const f of calls["change:" + k] || []) f();
  };
  host.model = {
    get: (k) => state[k],
    on: (e, f) => (calls[e] ||= []).push(f),
    off: (e, f) => { calls[e] = (calls[e] || []).filter((g) => g !== f); },
    send: async (content) => {
      host.sent.push(content);
      if (host.held) return;
      const { state: fresh, messages } = await window.kernel(id, content);
      host.push(fresh);
      for (const m of messages) for (const f of calls["msg:custom"] || []) f(m, []);
    },
  };
  host.cleanup = made[id].default.render({ model: host.model, el });
  return host;
});
</script>"""


def absent(what: str):
    """Skip in sight; where a browser was promised, fail."""
    if os.environ.get("TDPLIB_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what}, and TDPLIB_REQUIRE_BROWSER=1 asks for a browser", pytrace=False)
    pytest.skip(f"{what}: the browser tests do not run")


@pytest.fixture(scope="session")
def chromium():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed")
    path = find_chromium()
    if path is None:
        absent("no chromium on the path, nor where CHROME says")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Host:
    """Opens pages that show widgets, each wired to its Python side."""

    def __init__(self, browser):
        self.browser, self.contexts = browser, []

    def open(self, *widgets, width=1000, height=1000, scheme="light", body="", **context):
        made = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **context
        )
        self.contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(10_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
        states = [self.state(w) for w in widgets]
        kinds = {type(w).__name__: w for w in widgets}  # two of a kind share a module
        links = "".join(f'<link rel="stylesheet" href="/{name}.css">' for name in kinds)
        shown = PAGE % {
            "body": body,
            "links": links,
            "modules": json.dumps([f"/{type(w).__name__}.js" for w in widgets]),
            "states": json.dumps(states).replace("</", "<\\/"),
        }
        files = {"/": ("text/html", shown)}
        for name, w in kinds.items():
            files[f"/{name}.js"] = ("text/javascript", str(w._esm))
            files[f"/{name}.css"] = ("text/css", str(w._css))

        def serve(route):
            kind, text = files.get(route.request.url.removeprefix(ORIGIN), ("text/plain", ""))
            route.fulfill(content_type=f"{kind}; charset=utf-8", body=text)

        def kernel(index, content):
            messages = []
            widgets[index].send = messages.append  # there is no comm that would carry them
            widgets[index]._on_message(widgets[index], content, [])
            return {"state": self.state(widgets[index]), "messages": messages}

        page.expose_function("kernel", kernel)
        page.route("**/*", serve)
        page.goto(ORIGIN + "/")
        page.wait_for_function("window.hosts")
        return page

    @staticmethod
    def state(widget):
        synced = (name for name in widget.traits(sync=True) if not name.startswith("_"))
        return {name: getattr(widget, name) for name in synced if name not in OWN}

    def push(self, page, widget, index=0):
        """Bring what a cell did to `widget` to the page."""
        page.evaluate("([i, s]) => window.hosts[i].push(s)", [index, self.state(widget)])


@pytest.fixture
def host(chromium):
    opened = Host(chromium)
    yield opened
    for context in opened.contexts:
        context.close()


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory, chromium):
    """One JupyterLab for all tests that need a real one."""
    yield from serve(tmp_path_factory, "jupyterlab")


@pytest.fixture(scope="session")
def notebook7(tmp_path_factory, chromium):
    """One Notebook 7, likewise."""
    yield from serve(tmp_path_factory, "notebook")


def serve(tmp_path_factory, kind):
    notebooks = tmp_path_factory.mktemp("notebooks")
    with lab.server(tmp_path_factory.mktemp(kind), notebooks, kind) as running:
        yield running
