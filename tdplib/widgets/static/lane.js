/**
 * The column of one actor.
 */

import { buttonFace, docstringLines, hue, judgeSign } from "./board.js";
import { button, div, group, h, hidden, icon, put, sign, sourceText, span } from "./elements.js";

/** One actor: its buttons, where it stands, the source of the function it is in, its locals. */
export class Lane {
  constructor(actor) {
    const run = `Run ${actor.name} until it blocks`;
    const attrs = { "data-actor": actor.index, tabindex: -1 };
    this.state = span("tdp-actor-state");
    this.step = button(null, { class: "tdp-step", "data-do": "step", ...attrs });
    this.run = button(run, { class: "tdp-run", "data-do": "run", ...attrs,
      title: `${run} (Shift+${actor.letter.toUpperCase()})` }, icon("run"));
    this.path = div("tdp-path");
    this.source = h("div", { class: "tdp-source", role: "group", tabindex: -1, "data-region": "source" });
    this.lines = new Map();
    this.locals = div("tdp-locals");
    this.node = group(`tdp-lane ${hue(actor.index)}`, actor.name,
      div("tdp-lane-head", sign("tdp-badge", actor.letter), h("b", {}, actor.name), this.state),
      div("tdp-buttons", this.step, this.run), this.path, this.source, this.locals);
  }

  paint(actor, board, sources) {
    const last = board.step ? board.timeline[board.step - 1] : null;
    const moved = Boolean(last) && last.actor === actor.index;
    const [verb, about, label] = buttonFace(actor, board);
    const state = verb === "Stopped" ? "stopped" : actor.status;
    this.state.replaceChildren(moved ? span("tdp-moved", "moved last · ") : "", state);
    put(this.step, "aria-label", label);
    for (const b of [this.step, this.run]) put(b, "aria-disabled", actor.status === "ready" ? null : true);
    const leads = actor.status === "ready" && actor.leads_to;
    const kind = leads && leads.danger ? "tdp-leads tdp-danger" : "tdp-leads";
    this.step.replaceChildren(span("tdp-verb", verb), span("tdp-next", about),
      leads ? span(kind, sign("tdp-judge-sign", judgeSign(leads)), leads.text) : "");
    this.paintPath(actor);
    const { broken } = board;
    const mine = broken && !broken.at_end && broken.actor === actor.index ? broken : null;
    this.paintSource(actor, sources[actor.function], moved ? this.ran(last, board) : [], mine);
    const locals = Object.entries(actor.locals || {});
    this.locals.replaceChildren(...locals.map(([k, v]) => h("code", {}, `${k} = ${v}`)));
  }

  paintPath(actor) {
    const stack = actor.stack || [];
    const callers = stack.slice(0, -1).reverse().map((f) => [sign("", " ‹ "), hidden(" called by "), f]);
    this.path.replaceChildren(...(actor.function ? [h("b", {}, actor.function), ...callers.flat()] : []));
    put(this.path, "title", actor.function ? `${stack.join(" › ")}; ${actor.file}, line ${actor.line}` : null);
  }

  /** The lines that the last step went through, as "function:line". */
  ran(last, board) {
    const all = board.actions && board.actions.length ? board.actions : [last];
    return all.map((a) => `${a.function}:${a.line}`);
  }

  paintSource(actor, source, ran, broken) {
    put(this.source, "aria-label", source ? `Source of ${actor.function}, at line ${actor.line}` : "No source");
    const had = this.source.matches(":focus-within");
    const shown = source ? actor.function : actor.status;
    if (this.shown !== shown) this.buildSource(actor, source);
    this.shown = shown; // lines of one function stay, so that the focus and the scroll position do
    this.current = null;
    if (this.note) this.note.remove();
    for (const [number, line] of this.lines) {
      const here = number === actor.line && actor.status !== "done";
      const bad = here && broken;
      this.paintLine(line, { here, bad, done: ran.includes(`${actor.function}:${number}`) });
      if (here) this.current = line.node;
      if (bad) {
        this.note = div("tdp-broken-note", h("b", {}, broken.property), " ", broken.sentence || "");
        line.node.after(this.note);
      }
      if (line.run) put(line.run, "aria-disabled", actor.status === "ready" ? null : true);
    }
    this.paintStop(actor, had);
  }

  buildSource(actor, source) {
    this.lines.clear();
    const texts = source ? source.lines : [];
    const notes = docstringLines(texts);
    texts.forEach((text, i) => {
      if (text === null) return;
      const number = source.first + i;
      const code = text.trim() && !notes[i] && !text.trim().startsWith("#");
      const stop = source.stops ? source.stops.includes(number) : code && i > 0;
      const folded = notes[i] && texts[i + 1] === null;
      this.lines.set(number, this.makeLine(actor, number, sourceText(folded ? `${text} …` : text, notes[i]), stop));
    });
    const none = div("tdp-none", actor.status === "done" ? "done" : "no source");
    this.source.replaceChildren(...(texts.length ? [...this.lines.values()].map((line) => line.node) : [none]));
  }

  /** One line; where the actor can be run to, its number is a button. */
  makeLine(actor, number, text, stop) {
    const label = `Run ${actor.name} to line ${number}`;
    const attrs = { class: "tdp-lineno", tabindex: -1, title: label, "data-do": "run", "data-actor": actor.index,
      "data-line": number, "data-function": actor.function };
    const run = stop ? button(label, attrs, String(number)) : null;
    const gutter = sign("tdp-gutter", "");
    const said = hidden("");
    return { run, gutter, said, node: div("tdp-line", gutter, run || span("tdp-lineno", String(number)), text, said) };
  }

  paintLine({ node, gutter, said }, { here, done, bad }) {
    const classes = ["tdp-line", here && "tdp-here", done && "tdp-ran", bad && "tdp-bad"].filter(Boolean);
    put(node, "class", classes.join(" "));
    put(node, "aria-current", here ? true : null);
    gutter.textContent = bad ? "✗" : here ? "▸" : done ? "✓" : "";
    said.textContent = bad ? " (breaks here)" : here ? " (stands here)" : done ? " (just done)" : "";
  }

  /** One tab stop in the source of an actor that can move: the line it stands at, or the first below. */
  paintStop(actor, had) {
    const runs = [...this.lines].filter(([, line]) => line.run);
    for (const [, line] of runs) put(line.run, "tabindex", -1);
    const [, stop] = runs.find(([number]) => number >= actor.line) || runs[0] || [];
    if (!stop) return;
    if (actor.status === "ready") put(stop.run, "tabindex", 0);
    if (had && !this.source.matches(":focus-within")) stop.run.focus({ preventScroll: true });
  }

  /** Keep the current line in sight, moving the pane only when it must. */
  scroll() {
    const { current, source } = this;
    if (!current) return;
    const top = current.offsetTop; // the pane is the line's offset parent
    const note = current.nextElementSibling;
    const last = note && note.matches(".tdp-broken-note") ? note : current;
    const end = last.offsetTop + last.offsetHeight;
    const room = 24;
    const bottom = source.scrollTop + source.clientHeight;
    if (top - room < source.scrollTop) source.scrollTop = top - source.clientHeight / 3;
    else if (end + room > bottom) source.scrollTop = end - source.clientHeight * 0.6;
  }
}
