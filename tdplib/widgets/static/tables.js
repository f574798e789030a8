/**
 * The front end of tdplib.widgets.TableSteps: pictures of page tables, one a moment, to go through.
 *
 * The pictures come ready drawn and laid out alike; the playhead is the page's own, so that it works
 * with no kernel. Markup comes from the kernel's own drawing only, parsed as a picture, not as a page.
 */

import { button, div, h, icon, put, span } from "./elements.js";

const MOVES = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last" };

/** The picture in an SVG text as a node of this page, told by its own title and description. */
function picture(text) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  return document.importNode(parsed, true);
}

export class Steps {
  constructor(model, el) {
    this.model = model;
    this.at = 0;
    this.stop = new AbortController();
    const move = (name, label, key) => button(`${label} (${key})`,
      { class: "tdp-nav", title: `${label} (${key})`, "data-move": name, tabindex: -1 }, icon(name));
    this.nav = h("div", { class: "tdp-navs", role: "toolbar", "aria-label": "Time" },
      move("first", "To the start", "Home"), move("back", "One step back", "Left"),
      move("forward", "One step forward", "Right"), move("last", "To the end", "End"));
    this.count = span("tdp-count");
    this.said = h("p", { role: "status", "aria-live": "polite" });
    this.shown = h("div", { class: "tdp-picture", role: "group", "aria-label": "Picture", tabindex: 0 });
    // JupyterLab reads keys at the document; this attribute keeps its commands out of the widget.
    this.root = h("div", { class: "tdp-ui tdp-steps-of-tables", role: "region", "aria-label": "Page tables, step by step",
      "data-lm-suppress-shortcuts": true }, div("tdp-head", this.count, this.nav), this.said, this.shown);
    const { signal } = this.stop;
    this.root.addEventListener("click", (e) => this.click(e), { signal });
    this.root.addEventListener("keydown", (e) => this.key(e), { signal });
    this.root.addEventListener("focusin", (e) => this.rove(e.target), { signal });
    this.paint = this.paint.bind(this);
    model.on("change:frames", this.paint);
    this.paint();
    this.rove(this.nav.children[2]);
    el.append(this.root);
  }

  destroy() {
    this.stop.abort();
    this.model.off("change:frames", this.paint);
    this.root.remove();
  }

  /** One tab stop: the button that had the focus last. */
  rove(target) {
    if (target.parentNode !== this.nav) return;
    for (const b of this.nav.children) put(b, "tabindex", b === target ? 0 : -1);
  }

  click(event) {
    const target = event.target.closest("[data-move]");
    if (target) this.go(target.dataset.move);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.target === this.shown && this.shown.scrollWidth > this.shown.clientWidth) return; // arrows scroll there
    const all = [...this.nav.children];
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (MOVES[event.key]) this.go(MOVES[event.key]);
    else if (by && all.includes(event.target)) all[(all.indexOf(event.target) + by + all.length) % all.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  go(move) {
    const last = this.frames.length - 1;
    this.at = { first: 0, back: Math.max(0, this.at - 1), forward: Math.min(last, this.at + 1), last }[move];
    this.paint();
  }

  paint() {
    this.frames = this.model.get("frames");
    this.at = Math.min(this.at, this.frames.length - 1);
    const { label, said, svg } = this.frames[this.at];
    const end = [this.at === 0, this.at === this.frames.length - 1];
    [...this.nav.children].forEach((b, i) => put(b, "aria-disabled", end[i < 2 ? 0 : 1] ? true : null));
    this.count.replaceChildren(h("b", {}, String(this.at + 1)), ` of ${this.frames.length}`, label ? `: ${label}` : "");
    this.said.textContent = `${this.at + 1} of ${this.frames.length}. ${said}`;
    this.shown.replaceChildren(picture(svg));
  }
}

export default {
  render({ model, el }) {
    const steps = new Steps(model, el);
    return () => steps.destroy();
  },
};
