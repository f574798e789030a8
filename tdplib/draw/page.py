"""A trace as one HTML page that needs nothing else: step through it with the arrow keys."""

from __future__ import annotations

from tdplib.draw._rows import cast_words, end_words, kind_of
from tdplib.draw._svg import ACTOR_COLOURS, COLOURS, STYLE, escape
from tdplib.draw.board import board_svg
from tdplib.draw.swimlanes import swimlanes

__all__ = ["POLICY", "to_html"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""What a page of its own may load: nothing. What it runs and shows is in it."""

_STYLE = """\
body{margin:0 auto;max-width:1180px;padding:16px;background:var(--bg);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
h1{font-size:1.3rem;margin:.2em 0}h2{font-size:1.05rem;margin:.4em 0}.soft{color:var(--soft)}
code,td.code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.bar{position:sticky;top:0;background:var(--bg);padding:8px 0;display:flex;gap:8px;
align-items:center}
button{font:inherit;padding:4px 12px;border:1px solid var(--faint);border-radius:6px;
background:var(--band);color:var(--ink);cursor:pointer}
button:disabled{opacity:.45;cursor:default}button:focus-visible{outline:2px solid var(--a0)}
.where{display:grid;grid-template-columns:minmax(150px,190px) 1fr;gap:18px}
ol.steps{list-style:none;margin:0;padding:0;position:sticky;top:52px;align-self:start;
max-height:calc(100vh - 70px);overflow:auto}
ol.steps button{display:block;width:100%;text-align:left;border-width:0 0 0 4px;border-radius:0;
background:none;padding:3px 8px}
ol.steps button[aria-current]{background:var(--band);font-weight:600}
table{border-collapse:collapse;width:100%;margin:6px 0 12px}
td{padding:1px 10px 1px 0;vertical-align:top}td.number{text-align:right;color:var(--soft)}
tr.private td{color:var(--soft)}tr.bad td{color:var(--bad);font-weight:600}
.broken{border:1px solid var(--bad);background:var(--badbg);border-radius:6px;padding:8px 14px}
.broken b{color:var(--bad)}svg{display:block}details{margin-top:20px}
"""

_SCRIPT = """\
(() => {
  const panels = [...document.querySelectorAll("section[data-step]")];
  const marks = [...document.querySelectorAll("ol.steps button")];
  const [first, back, on, last] = document.querySelectorAll(".bar button");
  const said = document.querySelector(".bar [role=status]");
  let at = 0;
  function go(to) {
    at = Math.max(0, Math.min(panels.length - 1, to));
    panels.forEach((panel, i) => { panel.hidden = i !== at; });
    marks.forEach((mark, i) => mark.toggleAttribute("aria-current", i === at));
    marks[at].scrollIntoView({ block: "nearest" });
    first.disabled = back.disabled = at === 0;
    last.disabled = on.disabled = at === panels.length - 1;
    said.textContent = panels[at].dataset.said;
  }
  first.onclick = () => go(0);
  back.onclick = () => go(at - 1);
  on.onclick = () => go(at + 1);
  last.onclick = () => go(panels.length - 1);
  marks.forEach((mark, i) => { mark.onclick = () => go(i); });
  document.addEventListener("keydown", (event) => {
    const keys = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: panels.length - 1 };
    const to = keys[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    go(to);
  });
  go(0);
})();
"""


_BAR = """\
<div class="bar"><button>First</button><button>Back</button><button>Step</button>
<button>Last</button><span role="status" aria-live="polite"></span></div>"""


def to_html(trace: object, *, note: str = "") -> str:
    """
    Return `trace` as a self-contained page: every step with all its actions and the state after it.

    Arrow keys, Home and End move; nothing is fetched. Without scripts all steps are shown. `note`
    is said at the top.
    """
    boards = trace.boards()
    title = f"{trace.protocol}: {end_words(trace)}"
    panels = [_start_panel(boards[0])]
    panels += [_panel(trace, step, boards[step.number]) for step in trace.steps]
    style = COLOURS.replace("SELF", ":root") + STYLE + _STYLE
    scenario, code = escape(cast_words(trace)), escape(trace.code)
    parts = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)}</title><style>{style}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{scenario}. Step with the arrow keys. <code>{code}</code></p>',
        f'<p class="soft">{escape(note)}</p>' if note else "",
        _BAR,
        f'<div class="where"><ol class="steps">{_marks(trace)}</ol><main>',
        *panels,
        "</main></div>",
        f"<details><summary>The whole trace</summary>{swimlanes(trace)}</details>",
        f"<script>{_SCRIPT}</script></body></html>\n",
    )
    return "\n".join(parts)


def _marks(trace: object) -> str:
    """Return the list of steps to choose from."""
    marks = ["<li><button>start</button></li>"]
    for step in trace.steps:
        colour = f"border-color:var(--a{step.actor % ACTOR_COLOURS})"
        words = f"{step.number} {step.actor_name}"
        marks.append(f'<li><button style="{colour}">{escape(words)}</button></li>')
    return "".join(marks)


def _start_panel(board: dict) -> str:
    return (
        '<section data-step="0" data-said="Before the first step"><h2>Before the first step</h2>'
        f"{_picture(board)}</section>"
    )


def _panel(trace: object, step: object, board: dict) -> str:
    """Return the section of one step: its actions, the broken property, the board after it."""
    said = f"Step {step.number} of {len(trace.steps)}: {step.actor_name}"
    breaks = bool(trace.broken) and step.number == len(trace.steps)
    parts = [
        f'<section data-step="{step.number}" data-said="{escape(said)}">',
        f"<h2>{escape(said)}</h2>",
        f"<table>{_actions(step, breaks and kind_of(trace) == 'step')}</table>",
    ]
    if breaks:
        sentence = escape(trace.sentence or "")
        parts.append(f'<p class="broken"><b>{escape(end_words(trace))}.</b> {sentence}</p>')
    return "".join([*parts, _picture(board), "</section>"])


def _actions(step: object, breaks: bool) -> str:
    rows = []
    where = None
    for place, action in enumerate(step.actions, 1):
        bad = breaks and place == len(step.actions)
        cls = ' class="bad"' if bad else ' class="private"' if action.kind == "private" else ""
        name = "" if action.function == where else action.function
        where = action.function
        cells = (("soft", name), ("number", action.line), ("code", action.source.strip()))
        columns = "".join(f'<td class="{c}">{escape(text)}</td>' for c, text in cells)
        rows.append(f"<tr{cls}>{columns}<td>{escape(action.effect)}</td></tr>")
    return "".join(rows)


def _picture(board: dict) -> str:
    """Return the board's picture without what the page has already: style and broken property."""
    return board_svg({**board, "broken": None}).replace(f"<style>{STYLE}</style>", "")
