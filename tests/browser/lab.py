"""
Drive a real JupyterLab, or Notebook 7, in Chromium.

The one rule that makes it reliable: never send Shift+Enter to a page that merely looks ready
(it then asks for a kernel, or drops the run). The server shows its application object to
the page; here we wait for the notebook, its session and its kernel, and run JupyterLab's commands.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).parents[2]

COMMAND = """async (command) => {
  const app = window.jupyterapp;
  await app.started;
  let panel;
  for (let i = 0; i < 600; i++) {
    panel = app.shell.currentWidget;
    if (panel && panel.content && panel.content.widgets && panel.sessionContext) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await app.commands.execute(command);
  return panel.content.widgets.map((cell) => cell.model.type);
}"""

CELL = """(name) => {
  const cells = jupyterapp.shell.currentWidget.content.widgets;
  const named = (cell) => [cell.model.id, cell.model.sharedModel.source].includes(name);
  return cells.findIndex(named);
}"""

SHOW = """async (index) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  await notebook.scrollToItem(index, "center");
  await notebook.widgets[index].ready;
}"""

RAN = """([index, before]) => {
  const { model } = jupyterapp.shell.currentWidget.content.widgets[index];
  return model.executionState === "idle" && model.executionCount !== null
    && model.executionCount !== before;
}"""

THEME = """async (theme) => {
  await window.jupyterapp.restored;
  await window.jupyterapp.commands.execute("apputils:change-theme", {theme});
}"""

SOURCE = "(i) => jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.source"

COUNT = "(i) => jupyterapp.shell.currentWidget.content.widgets[i].model.executionCount"

ACTIVE = """(i) => jupyterapp.shell.currentWidget.content.activeCellIndex === i
  && !document.activeElement.closest(".tdp-ui")"""

SOURCES = """() => jupyterapp.shell.currentWidget.content.widgets
  .map((cell) => [cell.model.id, cell.model.sharedModel.source])"""

CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.type)"

ERRORS = """() => jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, i) =>
  cell.model.type !== "code" ? [] : cell.model.outputs.toJSON()
    .filter((output) => output.output_type === "error")
    .map((output) => `cell ${i}: ${output.ename}: ${output.evalue}`))"""

IDLE = """() => { const panel = jupyterapp.shell.currentWidget;
  return panel.sessionContext.session.kernel.status === "idle" &&
    panel.content.widgets.every((cell) => cell.model.type !== "code"
      || !cell.model.sharedModel.source.trim() || cell.model.executionCount !== null); }"""


@dataclass(frozen=True)
class Server:
    """A running server: where it is, the folder of its notebooks, its learner's progress file."""

    kind: str
    address: str
    token: str
    notebooks: pathlib.Path
    progress: pathlib.Path


@contextlib.contextmanager
def server(folder: pathlib.Path, notebooks: pathlib.Path, kind: str = "jupyterlab"):
    """A JupyterLab (or a ``notebook``) with its settings in `folder`; gives a `Server`."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    token = secrets.token_hex(16)
    path = os.pathsep.join(
        [str(REPOSITORY), str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH", "")]
    )
    homes = {
        f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data", "runtime")
    }
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": notebooks,
        "IdentityProvider.token": token,
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
        "LabApp.expose_app_in_browser": True,
        "JupyterNotebookApp.expose_app_in_browser": True,
    }
    command = [sys.executable, "-m", kind, "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    news = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    log, progress = folder / "server.log", folder / "progress.json"
    homes |= {"IPYTHONDIR": str(folder / "ipython"), "TDPLIB_PROGRESS": str(progress)}
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, **homes, "PYTHONPATH": path},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{address}/api/status?token={token}", log)
        yield Server(kind, address, token, notebooks, progress)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process, address, log):
    for _ in range(1200):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")


class Notebook:
    """One notebook open in one browser page."""

    def __init__(self, page, server, name):
        self.page, self.server, self.name = page, server, name
        page.set_default_timeout(30_000)
        path = "lab/tree" if server.kind == "jupyterlab" else "notebooks"
        page.goto(f"{server.address}/{path}/{name}?reset&token={server.token}")
        page.wait_for_function("() => window.jupyterapp", timeout=120_000)

    def run_all(self, timeout=240):
        """Run every cell and wait until each code cell has run."""
        self.page.evaluate(COMMAND, "notebook:run-all-cells")
        self.page.wait_for_function(IDLE, timeout=timeout * 1000)

    def command(self, name):
        """Execute a command of JupyterLab once the notebook is ready."""
        return self.page.evaluate(COMMAND, name)

    def start(self, name):
        """Begin a command of JupyterLab, and do not wait until it is done."""
        self.page.evaluate(COMMAND.replace("await app.commands", "void app.commands"), name)

    def theme(self, name):
        """Change over to ``JupyterLab Light`` or ``JupyterLab Dark``."""
        self.page.evaluate(THEME, name)
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")
        self.page.wait_for_function("!document.querySelector('#jupyterlab-splash')")

    def cells(self):
        """The types of the cells, in order."""
        return self.page.evaluate(CELLS)

    def sources(self):
        """The ids of the cells, in order, each with its source."""
        return dict(self.page.evaluate(SOURCES))

    def errors(self):
        """What the cells raised."""
        return self.page.evaluate(ERRORS)

    def cell(self, name):
        """The cell whose id, or whose whole source, is `name`."""
        return Cell(self, self.page.evaluate(CELL, name), name)

    def end(self):
        """Close the page and shut its kernel down: a dozen of them would fill the memory."""
        self.page.close()
        api = f"{self.server.address}/api/sessions"
        with _request(f"{api}?token={self.server.token}") as answer:
            sessions = json.load(answer)
        for session in sessions:
            if session["path"] == self.name:
                _request(f"{api}/{session['id']}?token={self.server.token}", "DELETE").close()


def _request(address, method="GET"):
    return urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=30)


class Cell:
    """One cell, handled as a user does: scrolled to, clicked into, typed into, run by keys."""

    def __init__(self, book, index, name):
        if index < 0:
            raise LookupError(f"{book.name} has no cell {name!r}")
        self.book, self.page, self.index = book, book.page, index

    def node(self):
        """The cell in the page, scrolled into sight."""
        self.page.evaluate(SHOW, self.index)
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{self.index}"]')

    def replace(self, text):
        """Click into the editor, select all, type `text`."""
        self.node().locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(text)
        assert self.page.evaluate(SOURCE, self.index) == text

    def start(self):
        """Press Shift+Enter in the cell."""
        if not self.page.evaluate(ACTIVE, self.index):
            self.node().locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

    def run(self, timeout=60):
        """Press Shift+Enter in the cell, and wait until the kernel has run it."""
        before = self.page.evaluate(COUNT, self.index)
        self.start()
        self.page.wait_for_function(RAN, arg=[self.index, before], timeout=timeout * 1000)

    def outputs(self):
        """The text of the outputs that the page shows."""
        return "\n".join(self.node().locator(".jp-OutputArea-output").all_inner_texts())
