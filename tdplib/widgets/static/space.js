/**
 * The graph of tdplib.widgets.StateSpace: a node for a state, an edge for a step.
 *
 * `graph` comes once from the kernel, with every place in it; this file draws it, walks it by the
 * arrow keys, and sends {do: "open", node} for the state that the board is to show.
 */

import { hue } from "./board.js";
import { div, h, put, sign, span } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const RADIUS = 8;
const SILENCE_MS = 4000; // a kernel that has not answered by then is reported as not answering
const HELP = "Down goes along the chosen step, up goes back, left and right choose another step; Enter opens the state on the board below.";
const TOLD = {
  start: "the start", end: "a good end", stuck: "nobody can move", broken: "a property is broken", edge: "not followed",
};

function made(tag, attrs, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attrs)) if (value !== "" && value !== null) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const many = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

export class StateGraph {
  constructor(model, el) {
    this.model = model;
    this.graph = model.get("graph");
    this.here = 0; // the node that has the focus, or would get it
    this.choice = 0; // which of its steps is chosen
    this.trail = []; // the nodes that arrow down came by
    this.due = 0;
    this.stop = new AbortController();
    this.outgoing = this.graph.nodes.map(() => []);
    this.incoming = this.graph.nodes.map(() => []);
    this.graph.edges.forEach(([a, b, actor], k) => {
      this.outgoing[a].push({ to: b, actor, edge: k });
      this.incoming[b].push(a);
    });
    this.build();
    el.append(this.root);
    const signal = this.stop.signal;
    this.box.addEventListener("keydown", (event) => this.key(event), { signal });
    this.box.addEventListener("click", (event) => this.clicked(event), { signal });
    this.box.addEventListener("focusin", (event) => this.focused(event), { signal });
    this.box.addEventListener("pointerover", (event) => this.pointed(event), { signal });
    this.box.addEventListener("pointerleave", () => this.show(this.here), { signal });
    this.changed = [["change:at", () => this.paint(true)], ["change:error", () => this.paint(false)], ["change:handled", () => this.paint(false)]];
    for (const [event, does] of this.changed) model.on(event, does);
    this.paint(true);
  }

  build() {
    const { graph } = this;
    this.edges = graph.edges.map(([, , actor, path]) => made("path", {
      d: path, class: `tdp-graph-edge ${hue(actor)}`, "stroke-dasharray": graph.actors[actor][1],
    }));
    this.nodes = graph.nodes.map((node, k) => this.node(node, k));
    this.svg = made("svg", {
      viewBox: `0 0 ${graph.width} ${graph.height}`, width: graph.width, height: graph.height, role: "group",
      "aria-label": `Graph of the states. ${HELP}`,
    }, made("g", { "aria-hidden": true }, ...this.edges), ...this.nodes);
    this.box = div("tdp-graph-scroll", this.svg); // listens for it: with listeners of its own an SVG is a tab stop
    this.line = h("p", { class: "tdp-graph-line", role: "status", "aria-live": "polite" });
    this.error = h("div", { class: "tdp-graph-error", role: "alert", hidden: "" });
    const actors = graph.actors.map(([name, dashes], k) => h("li", {},
      made("svg", { width: 34, height: 8, "aria-hidden": true },
        made("path", { d: "M0 4H34", class: `tdp-graph-edge ${hue(k)}`, "stroke-dasharray": dashes })), span("", name)));
    const kinds = graph.legend.map(([mark, words]) => h("li", {}, mark ? sign("tdp-graph-mark", mark) : null, span("", words)));
    this.root = h("div", { class: "tdp-ui tdp-space", role: "region", "aria-label": `State space of ${graph.title}`, "data-lm-suppress-shortcuts": true },
      div("tdp-graph-name", `State space of ${graph.title}: ${graph.counts}`),
      graph.note ? h("p", { class: "tdp-graph-note" }, graph.note) : null,
      this.box, this.line, this.error,
      h("ul", { class: "tdp-graph-legend", "aria-label": "What the marks mean" }, actors, kinds),
      h("p", { class: "tdp-graph-help" }, HELP));
  }

  node([x, y, kind, , , , mark], k) {
    const r = RADIUS;
    const bad = kind === "broken" || kind === "stuck";
    const shape = bad ? made("path", { d: `M0 ${-r - 2}l${r + 2} ${r + 2}l${-r - 2} ${r + 2}l${-r - 2} ${-r - 2}z` })
      : kind === "end" || kind === "edge" ? made("rect", { x: -r, y: -r, width: 2 * r, height: 2 * r, rx: 2 })
        : made("circle", { r });
    const ring = made("circle", { r: r + 5, class: "tdp-graph-ring" });
    return made("g", {
      class: `tdp-graph-node tdp-graph-is-${kind}`, transform: `translate(${x} ${y})`, role: "button", tabindex: -1,
      "data-node": k, "aria-label": this.said(k),
    }, ring, shape, made("text", { y: 4, "text-anchor": "middle", "aria-hidden": true }, mark));
  }

  /** A state in a line. */
  said(k) {
    const [, , kind, depth, told, out] = this.graph.nodes[k];
    const what = TOLD[kind] ? `, ${TOLD[kind]}` : "";
    const rest = out ? `; ${many(out, "step")} to states that are not drawn` : "";
    return `State ${k}, ${many(depth, "step")} from the start${what}: ${told}${rest}.`;
  }

  show(k) {
    const steps = this.outgoing[k];
    const chosen = k === this.here && steps.length ? steps[this.choice % steps.length] : null;
    const next = chosen ? ` Chosen step, ${this.choice % steps.length + 1} of ${steps.length}: ${this.graph.actors[chosen.actor][0]}, to state ${chosen.to}.` : "";
    const text = this.said(k) + next;
    if (this.line.textContent !== text) this.line.textContent = text;
    this.edges.forEach((edge, n) => {
      const [a] = this.graph.edges[n];
      edge.classList.toggle("tdp-graph-from", a === k);
      edge.classList.toggle("tdp-graph-chosen", Boolean(chosen) && chosen.edge === n);
    });
  }

  paint(moved) {
    const at = this.model.get("at");
    this.nodes.forEach((node, k) => {
      node.classList.toggle("tdp-graph-here", k === at);
      put(node, "aria-current", k === at ? "true" : null);
    });
    if (moved && at >= 0 && at !== this.here) this.go(at, false);
    if (moved) this.reveal(this.here);
    this.nodes.forEach((node, k) => put(node, "tabindex", k === this.here ? 0 : -1));
    this.show(this.here);
    this.tell(this.model.get("error"));
  }

  tell(error) {
    if (this.error.textContent !== error) this.error.textContent = error;
    put(this.error, "hidden", error ? null : "");
  }

  go(k, focus = true) {
    this.here = k;
    this.choice = 0;
    this.nodes.forEach((node, n) => put(node, "tabindex", n === k ? 0 : -1));
    if (focus) this.nodes[k].focus();
    this.show(k);
  }

  /** Scroll the drawing, and nothing but the drawing, so that a node is in sight. */
  reveal(k) {
    const [x, y] = this.graph.nodes[k];
    const { clientWidth: wide, clientHeight: high, scrollLeft: left, scrollTop: top } = this.box;
    if (x < left + 30 || x > left + wide - 30) this.box.scrollLeft = x - wide / 2;
    if (y < top + 30 || y > top + high - 30) this.box.scrollTop = y - high / 2;
  }

  focused(event) {
    const node = event.target.closest("[data-node]");
    if (!node) return;
    const k = Number(node.getAttribute("data-node"));
    if (k !== this.here) this.go(k, false);
    else this.show(k);
  }

  pointed(event) {
    const node = event.target.closest("[data-node]");
    this.show(node ? Number(node.getAttribute("data-node")) : this.here);
  }

  clicked(event) {
    const node = event.target.closest("[data-node]");
    if (!node) return;
    this.trail = [];
    this.go(Number(node.getAttribute("data-node")));
    this.open();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const does = {
      ArrowDown: () => this.down(), ArrowUp: () => this.up(), ArrowLeft: () => this.turn(-1), ArrowRight: () => this.turn(1),
      Home: () => { this.trail = []; this.go(0); }, Enter: () => this.open(), " ": () => this.open(),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  }

  down() {
    const steps = this.outgoing[this.here];
    if (!steps.length) return;
    this.trail.push(this.here);
    this.go(steps[this.choice % steps.length].to);
  }

  up() {
    const back = this.trail.length ? this.trail.pop() : this.incoming[this.here].find((k) => k < this.here);
    if (back === undefined) return;
    const came = this.here;
    this.go(back);
    this.choice = Math.max(0, this.outgoing[back].findIndex((step) => step.to === came));
    this.show(back);
  }

  turn(by) {
    const many_ = this.outgoing[this.here].length;
    if (!many_) return;
    this.choice = (this.choice + by + many_) % many_;
    this.show(this.here);
  }

  open() {
    this.model.send({ do: "open", node: this.here });
    this.due = Math.max(this.due, this.model.get("handled")) + 1;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      if (this.model.get("handled") < this.due) this.tell("The kernel does not answer. If it was restarted, run the cell again.");
    }, SILENCE_MS);
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.patience);
    for (const [event, does] of this.changed) this.model.off(event, does);
    this.root.remove();
  }
}

export default {
  render({ model, el }) {
    const view = new StateGraph(model, el);
    return () => view.destroy();
  },
};
