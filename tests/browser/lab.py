"""
Drive a real JupyterLab in Chromium.

The one rule that makes it reliable: never send Shift+Enter to a page that merely looks ready
(JupyterLab then asks for a kernel, or drops the run). The server shows its application object to
the page; here we wait for the notebook, its session and its kernel, and run JupyterLab's commands.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

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

THEME = """async (theme) => {
  await window.jupyterapp.restored;
  await window.jupyterapp.commands.execute("apputils:change-theme", {theme});
}"""

CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.type)"

ERRORS = """() => jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, i) =>
  cell.model.type !== "code" ? [] : cell.model.outputs.toJSON()
    .filter((output) => output.output_type === "error")
    .map((output) => `cell ${i}: ${output.ename}: ${output.evalue}`))"""

IDLE = """() => { const panel = jupyterapp.shell.currentWidget;
  return panel.sessionContext.session.kernel.status === "idle" &&
    panel.content.widgets.every((cell) => cell.model.type !== "code"
      || !cell.model.sharedModel.source.trim() || cell.model.executionCount !== null); }"""


@contextlib.contextmanager
def server(folder: pathlib.Path, notebooks: pathlib.Path):
    """A JupyterLab of its own, with its settings in `folder`; gives (address, token)."""
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
    }
    command = [sys.executable, "-m", "jupyterlab", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    news = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, **homes, "IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": path},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{address}/api/status?token={token}", log)
        yield address, token
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
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


class Notebook:
    """One notebook open in one browser page."""

    def __init__(self, page, address, token, name):
        self.page = page
        page.set_default_timeout(30_000)
        page.goto(f"{address}/lab/tree/{name}?reset&token={token}")
        page.wait_for_function("() => window.jupyterapp", timeout=120_000)

    def run_all(self, timeout=240):
        """Run every cell and wait until each code cell has run."""
        self.page.evaluate(COMMAND, "notebook:run-all-cells")
        self.page.wait_for_function(IDLE, timeout=timeout * 1000)

    def command(self, name):
        """Execute a command of JupyterLab once the notebook is ready."""
        return self.page.evaluate(COMMAND, name)

    def theme(self, name):
        """Change over to ``JupyterLab Light`` or ``JupyterLab Dark``."""
        self.page.evaluate(THEME, name)
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")
        self.page.wait_for_function("!document.querySelector('#jupyterlab-splash')")

    def cells(self):
        """The types of the cells, in order."""
        return self.page.evaluate(CELLS)

    def errors(self):
        """What the cells raised."""
        return self.page.evaluate(ERRORS)
