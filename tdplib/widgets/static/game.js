/**
 * The front end of tdplib.widgets.BreakIt and SaveIt: an Interleaver's view, and the level above it.
 *
 * `game` is what stands above; see tdplib/widgets/game.py. Beside an Interleaver's messages it sends
 *   {do: "level", level}, {do: "undo" | "nudge" | "reach" | "again"}, {do: "check", source}.
 */

import { Editor } from "./editor.js";
import { button, div, h, put, row, sign, span } from "./elements.js";
import { View } from "./view.js";

/** The board of a level to break: nobody judges, and a step can be taken back. */
class LevelBoard extends View {
  buildNav() {
    super.buildNav();
    this.undoButton = button("Undo: take the last step back (Backspace)", { class: "tdp-nav", "data-do": "undo" }, "Undo");
    this.judgeButton.replaceWith(this.undoButton);
  }

  buildFoot() {
    super.buildFoot();
    const keys = [...this.foot.querySelectorAll(".tdp-keys .tdp-row")];
    const judged = keys.find((each) => each.firstChild.textContent === "!");
    if (judged) judged.replaceWith(row("Backspace", "undo: take the last step back"));
  }

  key(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key !== "Backspace" || !plain) return super.key(event);
    event.preventDefault();
    event.stopPropagation();
    return this.undo();
  }

  /** Take the last step back, if there is one. */
  undo() {
    if (this.board.step || this.busy()) this.send({ do: "undo" });
    else this.say("This is the start.");
  }

  ask(message) {
    if (message.do === "undo") this.undo();
    else super.ask(message);
  }

  paintNav() {
    super.paintNav();
    put(this.undoButton, "aria-disabled", this.board.step ? null : true);
  }
}

class Game {
  constructor(model, el) {
    this.model = model;
    this.stop = new AbortController();
    this.build();
    el.append(this.root);
    this.board = new (this.editor ? View : LevelBoard)(model, this.place);
    this.listen();
    this.paint();
  }

  build() {
    const { signal } = this.stop;
    const game = this.model.get("game");
    const mends = game.text !== undefined;
    this.head = h("h3", { class: "tdp-level" });
    this.pick = h("select", { class: "tdp-pick", "aria-label": "Level" });
    this.next = button("Next level", { "data-go": 1 }, "Next level");
    this.situation = h("p", {});
    this.source = h("p", { class: "tdp-soft" });
    this.task = h("p", { class: "tdp-task" });
    this.meter = span("tdp-meter");
    this.best = span("tdp-best");
    this.said = h("div", { class: "tdp-said", role: "status", "aria-live": "polite" });
    this.place = div("");
    const tools = mends ? this.buildEditor(signal) : [
      button("Nudge: a hint, which counts", { "data-do": "nudge" }, "Nudge"),
      button("Ask whether it can still break from here", { "data-do": "reach" }, "Can it still break?")];
    this.tools = h("div", { class: "tdp-tools", role: "toolbar", "aria-label": "Level", "data-region": "level" }, tools);
    this.root = h("div", { class: "tdp-ui tdp-game", role: "region", "data-lm-suppress-shortcuts": true },
      div("tdp-game-head", this.head, div("tdp-levels", this.pick, this.next)),
      this.situation, this.source, this.task, mends ? this.editor.node : null,
      div("tdp-score", this.tools, this.meter, this.best), this.said, this.place);
  }

  buildEditor(signal) {
    this.checkButton = button("Check in every interleaving (Ctrl+Enter)", { "data-check": true }, "Check");
    this.editor = new Editor({ check: () => this.check(), leave: () => this.checkButton.focus() }, signal);
    return [this.checkButton,
      button("Start over: the code as it was given", { "data-do": "again" }, "Start over"),
      span("tdp-soft", "Tab indents, Escape leaves the text, Ctrl+Enter checks")];
  }

  listen() {
    const { signal } = this.stop;
    this.root.addEventListener("click", (e) => this.click(e), { signal });
    this.board.keyRoot = this.root;
    this.root.addEventListener("focusin", (e) => this.board.rove(e.target), { signal });
    this.pick.addEventListener("change", () => this.board.send({ do: "level", level: Number(this.pick.value) }), { signal });
    this.events = { "change:game": () => this.paint() };
    for (const [name, run] of Object.entries(this.events)) this.model.on(name, run);
    this.board.rove(this.tools.querySelector("button"));
  }

  destroy() {
    this.stop.abort();
    for (const [name, run] of Object.entries(this.events)) this.model.off(name, run);
    this.board.destroy();
    this.root.remove();
  }

  /** What is above the board; the board sees to its own clicks, and to the keys of both. */
  click(event) {
    const target = event.target.closest("[data-do], [data-go], [data-check]");
    if (!target || target.closest(".tdp-il") || target.ariaDisabled === "true") return;
    if (target.dataset.go) this.go(Number(target.dataset.go));
    else if (target.dataset.check) this.check();
    else this.board.send({ do: target.dataset.do });
  }

  go(by) {
    const numbers = this.model.get("game").levels.map(([number]) => number);
    const next = numbers[numbers.indexOf(this.model.get("game").number) + by];
    if (next !== undefined) this.board.send({ do: "level", level: next });
  }

  check() {
    this.say(h("p", {}, "Checking in every interleaving …"));
    this.board.send({ do: "check", source: this.editor.text });
    clearTimeout(this.board.timer); // a search may take its time; that is no silence
  }

  say(...lines) {
    this.said.replaceChildren(...lines.filter(Boolean));
  }

  paint() {
    const game = this.model.get("game");
    put(this.root, "aria-label", game.head);
    this.head.replaceChildren(span("tdp-soft", `${game.head} `), game.title);
    this.situation.replaceChildren(...coded(game.situation));
    this.source.replaceChildren(...coded(game.source));
    this.task.replaceChildren(...coded(game.task));
    this.meter.textContent = game.meter;
    this.best.textContent = game.best ? `your best: ${game.best}` : "";
    this.paintLevels(game);
    if (this.editor) this.paintResult(game);
    else this.paintScore(game);
  }

  paintLevels({ levels, number }) {
    this.pick.replaceChildren(...levels.map(([n, title, mark]) =>
      h("option", { value: n, selected: n === number ? "" : null }, `${n}  ${title}${mark ? ` (${mark})` : ""}`)));
    this.pick.value = number;
    const last = number === levels.at(-1)[0];
    put(this.next, "aria-disabled", last ? true : null);
  }

  paintScore({ done, hint, said, nudges }) {
    put(this.root, "data-done", done ? true : null);
    const so = nudges && !done ? span("tdp-soft", ` (${nudges} nudge${nudges > 1 ? "s" : ""} so far)`) : "";
    const p = (...parts) => h("p", {}, parts);
    this.say(done && p(sign("tdp-bad-sign", "✗ "), h("b", {}, `${done.property} is broken. `), done.happened, " ", done.other),
      done && p(h("b", {}, done.stars), `. ${done.score} `, done.is_best ? "It is your best so far. " : "",
        done.spare ? `${done.spare} ` : "", coded(done.mend)),
      hint && p(coded(hint), so), said && p(coded(said)));
  }

  paintResult({ text, result }) {
    this.editor.give(text);
    this.editor.mark(result ? result.line : 0, result ? result.column : 0);
    const place = result && result.line ? `Line ${result.line}, column ${result.column}. ` : "";
    put(this.root, "data-done", result && result.ok ? true : null);
    this.say(result && h("p", {}, sign(result.ok ? "tdp-good-sign" : "tdp-bad-sign", result.ok ? "✓ " : "✗ "),
      h("b", {}, `${STATUS[result.status]}. `), place, ...coded(result.message)));
  }
}

const STATUS = { saved: "Saved", broken: "Broken", beside: "Not an answer", language: "Not in the language",
  unchanged: "Unchanged", undecided: "Not decided" };

const QUOTE = "\u0060"; // the backquote

/** Text with code in backquotes, as nodes. */
const coded = (text) => text.split(QUOTE).map((part, i) => (i % 2 ? h("code", {}, part) : part));

export default {
  render({ model, el }) {
    const game = new Game(model, el);
    return () => game.destroy();
  },
};
