/**
 * The page of an Interleaver: what is built once, painted after each board, and asked of the kernel.
 *
 * It holds no model of its own. Whoever answers it (the kernel; in an exported page a model written
 * in JavaScript) gives `get`, `on`, `off` and `send` as anywidget does, and has these traits, the
 * first three as plain values or as their JSON:
 *   board    one immutable snapshot, new after each action: see tdplib/widgets/snapshot.py
 *   sources  function -> {file, first, lines, stops}: lines[i] null is folded away; an actor can be
 *            run to the lines in stops (null: to every line)
 *   terms    short name -> its meaning; saves: [[kind, title], ...], what can be saved, or nothing
 *   error    why the last action was refused, or ""; handled: how many messages are dealt with
 * It is sent
 *   {do: "step", actor}, {do: "run", actor, to: [function, line] or nothing},
 *   {do: "goto", step: number | "end"}, {do: "restore", branch, step: number or nothing},
 *   {do: "back" | "forward" | "reset" | "judge"},
 *   {do: "export", kind, view}: answered by the message {file: {name, type, text}, view}.
 * Text reaches the page through text nodes only, so nothing in a board can become markup. There are
 * no element ids, and every listener sits on this widget's own root, or asks first whether the event
 * is of that root: two widgets cannot meet.
 */

import {
  buttonFace, consequence, isSpare, judgeSign, keyMeaning, mustFollow, names, narration, switches,
} from "./board.js";
import { button, div, group, h, icon, learn, put, row, sign, span } from "./elements.js";
import { Lane } from "./lane.js";
import { rootsTable, sharedCard } from "./state.js";
import { Takeaway } from "./takeaway.js";
import { Timeline } from "./timeline.js";

const SILENCE_MS = 4000; // a kernel that has not answered by then is reported as not answering

export class View {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.lanes = [];
    this.due = 0; // the number of messages the kernel will have dealt with when it is done with ours
    this.stop = new AbortController();
    this.build();
    this.listen();
    this.paint();
  }

  build() {
    this.title = div("tdp-name");
    this.count = span("tdp-count");
    this.turns = span("tdp-turns");
    put(this.turns, "title", "how often another actor than before took the next step");
    this.said = h("p", {});
    this.more = h("p", { class: "tdp-more" });
    this.status = h("div", { class: "tdp-status", role: "status", "aria-live": "polite" }, this.said, this.more);
    this.error = h("div", { class: "tdp-error", role: "alert", hidden: "" });
    this.timeline = new Timeline({ go: (step) => this.ask({ do: "goto", step }), busy: () => this.busy(),
      rove: (target) => this.rove(target) });
    this.roots = div("");
    this.lanesBox = h("div", { class: "tdp-lanes", role: "toolbar", "aria-label": "Actors",
      "aria-orientation": "vertical", "data-region": "lanes" });
    this.shared = div("tdp-cards");
    this.here = h("p", { class: "tdp-here-judged", hidden: "" });
    this.why = group("tdp-why", "Why");
    this.why.hidden = true;
    this.buildNav();
    this.buildFoot();
    // JupyterLab reads keys at the document; this attribute keeps its commands out of the widget.
    this.root = h("div", { class: "tdp-ui tdp-il", role: "region", tabindex: -1, "data-lm-suppress-shortcuts": true },
      div("tdp-head", this.title, this.nav, div("tdp-where", this.count, this.turns)), this.timeline.node, this.status, this.here, this.why, this.error,
      this.roots, div("tdp-main", this.lanesBox, this.shared), this.foot);
    this.keyRoot = this.root; // where keys are ours; a widget that has more around it may set it
    this.el.append(this.root);
  }

  buildNav() {
    const nav = (sign, label, key, what) => button(`${label} (${key})`,
      { class: "tdp-nav", title: `${label} (${key})`, ...what }, icon(sign));
    this.nav = h("div", { class: "tdp-navs", role: "toolbar", "aria-label": "Time", "data-region": "nav" },
      nav("first", "To the start", "Home", { "data-do": "goto", "data-step": 0 }),
      nav("back", "One step back", "Left", { "data-do": "back" }),
      nav("forward", "One step forward", "Right", { "data-do": "forward" }),
      nav("last", "To the end", "End", { "data-do": "goto", "data-step": "end" }),
      button("Reset: as it was opened", { class: "tdp-nav", "data-do": "reset" }, "Reset"),
      this.judgeButton = button("Judge every next step (!)", { class: "tdp-nav", "data-do": "judge",
        "aria-pressed": "false", title: "Say beside each step what it leads to (!)" }, "Judge"),
      this.whyButton = button("Why: the state in sentences (?)", { class: "tdp-nav", "data-toggle": "why",
        "aria-expanded": "false", title: "Who holds what, who waits for whom, what can still break (?)" }, "Why"));
  }

  buildFoot() {
    this.taking = new Takeaway();
    this.spare = h("p", { class: "tdp-more", hidden: "" });
    this.words = h("ol", { class: "tdp-steps" });
    this.actions = h("ol", { class: "tdp-steps" });
    this.foot = div("tdp-foot", this.taking.node,
      this.spare, h("details", {}, h("summary", {}, "Last step, action by action"), this.actions),
      h("details", {}, h("summary", {}, "Steps in words"), this.words),
      h("details", {}, h("summary", {}, "Keys"), h("dl", { class: "tdp-keys" },
        row("a b c …, or 1 2 3 …", "step that actor"),
        row("Shift and the letter", "run that actor until it blocks or is done"),
        row("Left, Right, Home, End", "move in time; a step taken in the past starts a new branch"),
        row("Up, Down", "move between the buttons of a region; Tab goes to the next region"),
        row("Enter on a line", "run that actor until it stands there; Tab from its buttons leads to its source"),
        row("drag over the timeline", "go to any moment"),
        row("dashed steps, arrows", "what breaks does not need these steps; those two must keep their order"),
        row("Page Up, Page Down", "scroll the source of the actor whose button has the focus"),
        row("!", "say beside each step what it leads to, or stop saying it"),
        row("?", "open or close the state in sentences"),
        row("Δ", "what the last step changed"))));
  }

  listen() {
    const { signal } = this.stop;
    this.root.addEventListener("click", (e) => this.click(e), { signal });
    // Notebook 7 reads keys at the document, on their way down; so ours are taken before, at the window.
    const ours = (node) => this.keyRoot.contains(node) && !node.matches("input, select, textarea");
    window.addEventListener("keydown", (e) => { if (ours(e.target)) this.key(e); }, { signal, capture: true });
    this.root.addEventListener("focusin", (e) => this.rove(e.target), { signal });
    this.timeline.listen(signal);
    this.events = { "change:board": () => this.paint(), "change:sources": () => this.renew(),
      "change:error": () => this.paintError(), "change:handled": () => this.settle(),
      "msg:custom": (message) => this.taking.take(message) };
    for (const [name, run] of Object.entries(this.events)) this.model.on(name, run);
    this.sizes = new ResizeObserver(() => this.scrollAll());
    this.sizes.observe(this.root);
  }

  destroy() {
    this.stop.abort();
    this.sizes.disconnect();
    clearTimeout(this.timer);
    for (const [name, run] of Object.entries(this.events)) this.model.off(name, run);
    this.root.remove();
  }

  /* -- from the learner to the kernel -- */

  /**
   * Send what was asked for, or say here why it cannot be. While the kernel still works, the board
   * on show is behind: then everything is sent, and the kernel judges.
   */
  ask(message) {
    const { actors, step, steps } = this.board;
    const actor = actors[message.actor];
    if (this.busy()) this.send(message);
    else if (actor && actor.status !== "ready") this.say(`${buttonFace(actor, this.board)[2]}.`);
    else if (message.do === "back" && step === 0) this.say("This is the start.");
    else if (message.do === "forward" && step === steps) this.say("This is the last step taken.");
    else this.send(message);
  }

  /** Say whether the kernel still works on what it was asked. */
  busy() {
    return this.due > this.model.get("handled");
  }

  send(message) {
    try {
      this.model.send(message);
    } catch {
      this.complain("This widget has lost its kernel: it was restarted or is gone. To go on, run this cell again.");
      return;
    }
    this.due = Math.max(this.due, this.model.get("handled")) + 1;
    put(this.root, "aria-busy", true);
    clearTimeout(this.timer);
    const silence = "The kernel has not answered yet. It may be busy with a cell; "
      + "if it was restarted or is gone, run this cell again.";
    this.timer = setTimeout(() => this.complain(silence), SILENCE_MS);
  }

  settle() {
    if (this.busy()) return;
    clearTimeout(this.timer);
    put(this.root, "aria-busy", null);
    this.paintError();
    this.timeline.pump();
  }

  click(event) {
    const target = event.target.closest("[data-do], [data-copy], [data-toggle]") || this.lineAt(event.target);
    if (!target || !this.board.actors) return;
    const { copy, toggle, ...asked } = target.dataset;
    if (toggle) this.toggleWhy();
    else if (copy !== undefined) this.taking.copy(Number(copy));
    else if (asked.do === "export" && !this.board.steps) this.say("No step has been taken yet: there is nothing to save.");
    else this.ask(this.message(asked));
  }

  /** The run button of the line that was clicked; marking text there with the mouse is no click. */
  lineAt(node) {
    const line = node.closest(".tdp-line");
    return line && getSelection().isCollapsed ? line.querySelector("button") : null;
  }

  /** What the kernel is sent for the data-attributes of a button. */
  message({ do: what, actor, step, line, function: name, branch, kind }) {
    const number = (text) => (text === undefined || text === "end" ? text : Number(text));
    const all = { do: what, actor: number(actor), step: number(step), branch: number(branch), kind,
      to: line && [name, Number(line)], view: kind && this.taking.view };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  key(event) {
    const meaning = keyMeaning(event, this.board);
    if (!meaning) return;
    if (meaning.move && !this.move(event.target, meaning.move)) return;
    if (meaning.page && !this.page(event.target, meaning.page)) return;
    event.preventDefault();
    event.stopPropagation();
    if (meaning.do) this.ask(meaning);
    if (meaning.toggle) this.toggleWhy();
  }

  toggleWhy() {
    this.why.hidden = !this.why.hidden;
    put(this.whyButton, "aria-expanded", String(!this.why.hidden));
    this.paintWhy();
  }

  /** Up and Down: to the next button of the region that has the focus. */
  move(from, by) {
    const region = from.closest("[data-region]");
    if (!region) return false;
    const all = itemsOf(region);
    all[(all.indexOf(from) + by + all.length) % all.length].focus();
    return true;
  }

  /** Page Up and Page Down: through the source of the lane that has the focus. */
  page(from, by) {
    const lane = this.lanes.find((l) => l.node.contains(from));
    if (lane) lane.source.scrollTop += by * lane.source.clientHeight * 0.8;
    return Boolean(lane);
  }

  roveFirst(region) {
    const items = itemsOf(region);
    if (items.length) this.rove(items.find((b) => b.tabIndex === 0 && b.hasAttribute("tabindex")) || items[0]);
  }

  /** One tab stop a region: the button that had the focus last. */
  rove(target) {
    const region = target.closest("[data-region]");
    if (!region || !target.matches("button")) return;
    for (const b of itemsOf(region)) put(b, "tabindex", b === target ? 0 : -1);
  }

  /* -- from the kernel to the page -- */

  /** The sources are others: every lane is built anew. */
  renew() {
    this.lanes = [];
    this.sources = null;
    this.paint();
  }

  paint() {
    const read = (name) => unpacked(this.model.get(name));
    this.board = read("board");
    if (!this.sources) learn(read("terms"));
    this.sources ||= read("sources");
    const { board } = this;
    this.say(narration(board));
    if (!board.actors) return;
    put(this.root, "aria-label", `Interleaver: ${board.protocol}, scenario ${board.scenario}`);
    this.title.replaceChildren(h("b", {}, board.protocol), span("tdp-scenario", ` ${board.scenario}`));
    const turns = switches(board);
    this.count.replaceChildren("step ", h("b", {}, String(board.step)), ` of ${board.steps}`);
    this.turns.textContent = board.step ? ` · ${turns} switch${turns === 1 ? "" : "es"}` : "";
    put(this.status, "data-broken", board.broken ? true : null);
    put(this.status, "data-advice", board.advice ? true : null);
    put(this.said, "title", narration(board));
    put(this.more, "title", consequence(board));
    this.more.textContent = consequence(board);
    this.roots.replaceChildren(rootsTable(board));
    this.shared.replaceChildren(sharedCard(board));
    this.paintNav();
    this.paintWhy();
    this.timeline.paint(board);
    this.paintLanes();
    this.paintFoot();
    this.paintError();
    this.scrollAll();
  }

  say(text) {
    const { step } = this.board;
    this.said.replaceChildren(...(step ? [span("tdp-at", String(step)), " "] : []), text);
  }

  paintError() {
    this.complain(this.model.get("error") || "");
  }

  complain(text) {
    this.error.hidden = !text;
    this.error.textContent = text;
  }

  paintNav() {
    const { step, steps } = this.board;
    const off = [!step, !step, step === steps, step === steps, !steps];
    [...this.nav.children].forEach((node, i) => put(node, "aria-disabled", off[i] ? true : null));
    this.roveFirst(this.nav);
  }

  paintWhy() {
    const { judge, why } = this.board;
    put(this.root, "data-judging", judge ? true : null);
    put(this.judgeButton, "aria-pressed", String(Boolean(judge)));
    this.here.hidden = !judge;
    put(this.here, "data-danger", judge && judge.danger ? true : null);
    this.here.replaceChildren(...(judge ? [sign("tdp-judge-sign", judgeSign(judge)), `From here: ${judge.here.replace(" from here", "")}.`] : []));
    if (this.why.hidden || !why) return;
    const part = (head, said) => div("", h("h4", {}, head), h("ul", {}, said.map((text) => h("li", {}, text))));
    this.why.replaceChildren(part("Who holds what", why.holds), part("Who waits for whom", why.waits),
      part("Properties", why.properties));
  }

  paintLanes() {
    const { board } = this;
    if (this.lanes.length !== board.actors.length) {
      this.lanes = board.actors.map((actor) => new Lane(actor));
      this.lanesBox.replaceChildren(...this.lanes.map((lane) => lane.node));
      this.rove(this.lanes[0].step);
    }
    board.actors.forEach((actor, i) => this.lanes[i].paint(actor, board, this.sources));
  }

  paintFoot() {
    const { timeline, actors, actions, step } = this.board;
    this.taking.paint(this.board, this.model.get("saves"));
    this.roveFirst(this.taking.node);
    this.actions.replaceChildren(...(actions || []).map((a) => h("li", {}, `${a.effect} `,
      span("tdp-kind", `${a.function} ${a.line} `), h("code", {}, a.source))));
    const spare = timeline.filter((t) => isSpare(this.board, t)).map((t) => t.step);
    this.spare.hidden = !spare.length;
    this.spare.textContent = `not needed for what breaks: step${spare.length > 1 ? "s" : ""} ${names(spare)}`;
    this.words.replaceChildren(...timeline.map((t) => h("li", { class: t.step > step ? "tdp-later" : null },
      h("b", {}, actors[t.actor].name), ` ${t.summary} `,
      isSpare(this.board, t) ? "(not needed for what breaks) " : mustFollow(this.board, t.step),
      span("tdp-kind", `${t.function || ""} ${t.line || ""}`))));
  }

  /** Bring the current lines and the current tick into sight, without moving the page. */
  scrollAll() {
    for (const lane of this.lanes) lane.scroll();
    this.timeline.scroll();
  }
}

/** A trait: a plain value, or its JSON. */
const unpacked = (value) => (typeof value === "string" ? JSON.parse(value) : value) || {};

/** The buttons of a region; a region inside it has its own. */
const itemsOf = (region) =>
  [...region.querySelectorAll("button")].filter((b) => b.closest("[data-region]") === region);
