/**
 * The timeline: a column a step, a row an actor; under it the branches that were left, drawn from
 * where they leave it. Dragging over it goes to any moment.
 */

import { hue, isSpare, tickLabel } from "./board.js";
import { button, drawn, group, div, h, put, sign, span } from "./elements.js";

const MARK = 0.375; // half the height of a mark, in rows
const AFTER_LAST = 40; // pixels kept in sight on both sides of the current step

export class Timeline {
  /** go(step) asks the kernel for a moment; busy() says whether it still works on the last one. */
  constructor({ go, busy, rove }) {
    Object.assign(this, { go, busy, rove });
    this.rows = div("tdp-tickrows");
    put(this.rows, "aria-hidden", true);
    this.arrows = div("tdp-arrows");
    this.ticks = group("tdp-ticks", "Timeline");
    put(this.ticks, "data-region", "timeline");
    this.branches = group("tdp-branches", "Other branches");
    put(this.branches, "data-region", "branches");
    this.node = div("tdp-timeline", this.rows, div("tdp-track", this.arrows, this.ticks), this.branches);
    this.wanted = null; // the moment that a drag is at and the kernel has not been asked for yet
    this.target = null; // the moment to show as the current one until the kernel has come there
  }

  listen(signal) {
    const on = (what, run) => this.ticks.addEventListener(what, run, { signal });
    on("pointerdown", (e) => { if (!e.button) this.from = this.stepAt(e.clientX); });
    on("pointermove", (e) => this.drag(e));
    for (const what of ["pointerup", "pointercancel"]) on(what, () => { this.from = undefined; });
  }

  /** With the button down over another column than at first: this is a drag, and no click. */
  drag(event) {
    if (this.from === undefined || !event.buttons) return;
    const step = this.stepAt(event.clientX);
    if (this.target === null && step === this.from) return;
    this.ticks.setPointerCapture(event.pointerId);
    if (step === this.target) return;
    this.target = this.wanted = step;
    this.markNow();
    this.scroll();
    this.pump();
  }

  stepAt(x) {
    const { left } = this.ticks.getBoundingClientRect();
    const width = this.ticks.firstElementChild.offsetWidth;
    return Math.max(0, Math.min(this.board.steps, Math.floor((x - left) / width)));
  }

  /** Ask for the moment the drag is at, one question at a time, so that they do not pile up. */
  pump() {
    if (this.busy()) return;
    const step = this.wanted;
    this.wanted = null;
    if (step !== null && step !== this.board.step) this.go(step);
    else if (this.from === undefined || step === null) this.target = null;
  }

  paint(board) {
    this.board = board;
    const had = this.ticks.matches(":focus-within");
    this.node.style.setProperty("--actors", board.actors.length);
    this.node.style.setProperty("--steps", board.steps + 1);
    const { branches = [] } = board;
    this.rows.replaceChildren(span("tdp-tickno", branches.length ? `branch ${board.branch}` : ""),
      ...board.actors.map((a) => span(hue(a.index), h("b", {}, a.letter), ` ${a.name}`)));
    [null, ...board.timeline].forEach((entry, i) => this.paintTick(entry, i));
    while (this.ticks.children.length > board.steps + 1) this.ticks.lastElementChild.remove();
    this.markNow();
    this.paintArrows();
    this.paintBranches(branches);
    const current = this.ticks.children[this.now];
    this.rove(current);
    if (had) current.focus({ preventScroll: true });
  }

  get now() {
    return Math.min(this.target ?? this.board.step, this.board.steps);
  }

  markNow() {
    [...this.ticks.children].forEach((tick, i) => {
      put(tick, "aria-current", i === this.now ? "step" : null);
      tick.firstElementChild.textContent = i % 5 && i !== this.now ? "" : String(i);
    });
  }

  /** One step, in the row of its actor; without an entry the start. Only what differs is made anew. */
  paintTick(entry, i) {
    const { board } = this;
    const here = board.broken || (board.advice && { ...board.advice, advice: true, step: board.step });
    const breaks = here || board.ahead;
    const bad = breaks && i > 0 && breaks.step === i ? breaks : null;
    const [kind, mark] = bad ? (bad.advice ? ["tdp-advice", "!"] : ["tdp-bad", "✗"]) : ["", ""];
    const label = tickLabel(board, entry, bad);
    const classes = ["tdp-tick", i > board.step && "tdp-later", kind, entry && entry.switch && "tdp-switch",
      entry && isSpare(board, entry) && "tdp-spare", entry && hue(entry.actor)].filter(Boolean).join(" ");
    const old = this.ticks.children[i];
    if (old && old.title === label && old.className === classes) return;
    const node = button(label, { class: classes, title: label, "data-do": "goto", "data-step": i }, span("tdp-tickno"));
    if (entry) {
      node.append(span("tdp-mark", mark || board.actors[entry.actor].letter));
      node.style.setProperty("--row", entry.actor);
    }
    if (old) old.replaceWith(node);
    else this.ticks.append(node);
  }

  /**
   * Arrows from each step to those that must come after it, in columns and rows as units: down its
   * own column, along between two rows, so that no mark is crossed. In words they are in the list.
   */
  paintArrows() {
    const { timeline, actors, steps, before = [] } = this.board;
    const key = JSON.stringify([before, steps, actors.length]);
    if (key === this.arrowsKey) return;
    this.arrowsKey = key;
    const lines = before.map(([first, then]) => {
      const y = timeline[first - 1].actor + 0.5;
      const end = timeline[then - 1].actor + 0.5;
      const way = Math.sign(end - y);
      const [x, tip] = [then + 0.5, end - way * MARK];
      const head = `M${x - 0.16} ${tip - way * 0.2}L${x} ${tip}L${x + 0.16} ${tip - way * 0.2}`;
      return `M${first + 0.5} ${y + way * MARK}V${end - way / 2}H${x}V${tip}${head}`;
    });
    this.arrows.replaceChildren(...(lines.length ? [drawn(`0 0 ${steps + 1} ${actors.length}`, lines.join(""))] : []));
  }

  paintBranches(branches) {
    const key = JSON.stringify(branches);
    if (key === this.branchesKey) return;
    this.branchesKey = key;
    const { actors } = this.board;
    const had = this.branches.matches(":focus-within");
    this.branches.replaceChildren(...branches.flatMap((b) => {
      const attrs = { "data-do": "restore", "data-branch": b.number };
      const words = `${b.steps} step${b.steps === 1 ? "" : "s"}${b.ends ? `, ${b.ends}` : ""}`;
      const bad = b.ends.startsWith("breaks");
      const from = b.fork ? `leaves this one after step ${b.fork}` : "from the start";
      const label = `Go back to branch ${b.number}: ${from}, ${words}`;
      const marks = b.actors.map((a, i) => h("span", { class: `tdp-twig ${hue(a)}`, ...attrs, "data-step": b.fork + i + 1 },
        actors[a].letter));
      const line = h("div", { class: "tdp-branch", "aria-hidden": true }, sign("tdp-fork", "↳"), marks,
        h("span", { class: bad ? "tdp-twigs tdp-danger" : "tdp-twigs", ...attrs }, `${bad ? "✗ " : ""}${words}`));
      line.style.setProperty("--fork", b.fork);
      return [button(label, { class: "tdp-back", tabindex: -1, title: label, ...attrs }, `branch ${b.number}`), line];
    }));
    this.branches.hidden = !branches.length;
    const first = this.branches.querySelector("button");
    if (first) this.rove(first);
    if (had) (first || this.ticks.children[this.now]).focus({ preventScroll: true });
  }

  /** Bring the current column into sight, without moving the page. */
  scroll() {
    const tick = this.board && this.ticks.children[this.now];
    if (!tick) return;
    const { node, rows } = this;
    const at = tick.offsetLeft;
    const right = at + AFTER_LAST - node.clientWidth;
    const left = at - rows.offsetWidth - AFTER_LAST;
    if (node.scrollLeft < right) node.scrollLeft = right + node.clientWidth * 0.3;
    else if (node.scrollLeft > left) node.scrollLeft = left;
  }
}
