/**
 * The page of a check that runs in the background: how far it is, a button to cancel it, its verdict.
 *
 * The kernel sends one `picture` after the other; this file paints it and sends back what was asked
 * for: {do: "cancel" | "open"}. Text reaches the page through text nodes only.
 */

import { button, div, h, put, row } from "./elements.js";

const DEPTHS = "New states at each depth so far; the search ends when a depth brings none.";
const SILENCE_MS = 4000; // a kernel that has not answered by then is reported as not answering
const SVG = "http://www.w3.org/2000/svg";

export class Running {
  constructor(model, el) {
    this.model = model;
    this.due = 0;
    this.stop = new AbortController();
    this.build();
    el.append(this.root);
    this.root.addEventListener("click", (event) => this.clicked(event), { signal: this.stop.signal });
    this.paint();
  }

  build() {
    this.title = div("tdp-name");
    this.said = h("p", { class: "tdp-said" });
    this.sentence = h("p", {});
    this.also = h("p", { class: "tdp-more" });
    // Announced when it begins and when it ends; the numbers between are for who looks.
    this.status = h("div", { class: "tdp-status", role: "status", "aria-live": "polite" }, this.said, this.sentence, this.also);
    this.error = h("div", { class: "tdp-error", role: "alert", hidden: "" });
    this.cancel = button("Cancel the check", { "data-do": "cancel", title: "What was found by then is told, as incomplete" }, "Cancel");
    this.open = button("Step through the trace in an Interleaver below", { "data-do": "open", title: "Open the trace in an Interleaver, below" }, "Step through it");
    this.numbers = h("dl", { class: "tdp-numbers" });
    this.bars = document.createElementNS(SVG, "svg");
    this.bars.setAttribute("role", "img");
    this.barsBox = h("figure", { class: "tdp-bars" }, this.bars, h("figcaption", {}, DEPTHS));
    this.steps = h("pre", { tabindex: 0, role: "region", "aria-label": "The trace, step by step" });
    this.trace = h("details", { open: "" }, h("summary", {}, "The trace, step by step"), this.steps);
    this.root = h("div", { class: "tdp-ui tdp-run", role: "region", "data-lm-suppress-shortcuts": true },
      div("tdp-head", this.title, this.cancel, this.open), this.status, this.error, this.numbers, this.barsBox, this.trace);
  }

  clicked(event) {
    const pressed = event.target.closest("[data-do]");
    if (!pressed || pressed.getAttribute("aria-disabled") === "true") return;
    this.model.send({ do: pressed.getAttribute("data-do") });
    this.due = Math.max(this.due, this.model.get("handled")) + 1;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.silent(), SILENCE_MS);
  }

  silent() {
    if (this.model.get("handled") >= this.due) return;
    this.tell("The kernel does not answer. If it was restarted, run the cell again.");
  }

  tell(error) {
    this.error.textContent = error;
    this.error.hidden = !error;
  }

  paint() {
    const now = this.model.get("picture");
    const going = now.state === "running" || now.state === "cancelling";
    put(this.root, "aria-label", `Check of ${now.title}`);
    put(this.status, "data-state", now.state);
    put(this.status, "data-status", now.status);
    this.text(this.title, now.title);
    this.text(this.said, now.said);
    this.text(this.sentence, now.sentence);
    const also = [now.also.length && `Also broken on other paths: ${now.also.join(", ")}.`,
      now.advice.length && `Advice, no error: ${now.advice.join(", ")}.`].filter(Boolean);
    this.text(this.also, also.join(" "));
    this.tell(now.error);
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    this.cancel.hidden = !going;
    put(this.cancel, "aria-disabled", now.state === "cancelling" ? "true" : null);
    this.open.hidden = !now.trace;
    if (focused && focused.hidden) this.refocus();
    this.numbers.replaceChildren(...now.numbers.map(([name, value]) => row(name, value)));
    this.drawBars(now.bars);
    this.trace.hidden = !now.trace;
    this.text(this.steps, now.trace);
  }

  /** A button that goes away must not take the focus to nowhere. */
  refocus() {
    if (!this.open.hidden) { this.open.focus(); return; }
    put(this.root, "tabindex", -1);
    this.root.focus();
  }

  text(node, text) {
    if (node.textContent !== text) node.textContent = text;
    node.hidden = !text;
  }

  drawBars(bars) {
    this.barsBox.hidden = bars.length < 3;
    put(this.bars, "viewBox", `0 0 ${4 * bars.length} 40`);
    put(this.bars, "preserveAspectRatio", "none");
    put(this.bars, "aria-label", `${DEPTHS} ${bars.length} bars, the highest is number ${bars.indexOf(1) + 1}.`);
    this.bars.replaceChildren(...bars.map((tall, i) => {
      const bar = document.createElementNS(SVG, "rect");
      const height = Math.max(0.5, 40 * tall);
      for (const [name, value] of Object.entries({ x: 4 * i, y: 40 - height, width: 3, height })) bar.setAttribute(name, value);
      return bar;
    }));
  }

  end() {
    clearTimeout(this.patience);
    this.stop.abort();
  }
}

export default {
  render({ model, el }) {
    const view = new Running(model, el);
    const paint = () => view.paint();
    model.on("change:picture", paint);
    return () => { model.off("change:picture", paint); view.end(); view.root.remove(); };
  },
};
