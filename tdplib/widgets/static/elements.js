/**
 * Making elements: everything the widget puts on a page goes through `h`, and text only as text nodes.
 */

import { isChanged, tokens } from "./board.js";

const LONG_NAME = 24; // characters; a longer name may be broken inside

/** Make an element; `attrs` that are null or false are left out; children are nodes or text. */
export function h(tag, attrs, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) put(node, name, value);
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** Set an attribute only where it differs, so that nothing is announced or restyled for nothing. */
export function put(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

let TERMS = {};

/** Keep the meanings of the short names; they are the same for every widget. */
export const learn = (terms) => { TERMS = terms || TERMS; };

/** What a short name means, or null: "vCPU 0 requests" is found as "requests", "TLB of vCPU 0" as "TLB". */
export function term(name) {
  if (typeof name !== "string") return null;
  const parts = name.split(" ");
  return TERMS[name] || TERMS[parts.at(-1)] || TERMS[parts[0]] || null;
}

export const div = (className, ...children) => h("div", { class: className }, ...children);
export const span = (className, ...children) => h("span", { class: className }, ...children);
export const sign = (className, text) => h("span", { class: className, "aria-hidden": true }, text);
export const hidden = (text) => span("tdp-sr", text);
export const row = (label, ...what) =>
  div("tdp-row", h("dt", { title: term(label) }, label), h("dd", {}, ...what));
export const button = (label, attrs, ...children) =>
  h("button", { type: "button", "aria-label": label, ...attrs }, ...children);
export const group = (className, label, ...children) =>
  h("div", { class: className, role: "group", "aria-label": label }, ...children);

const ICONS = {
  first: "M1 1h2v10H1z M11 1v10L4 6z", back: "M9.5 1v10L2.5 6z", forward: "M2.5 1v10l7-5z",
  last: "M9 1h2v10H9z M1 1v10l7-5z", run: "M0 1v10l6-5z M6 1v10l6-5z",
};

/** One path as an SVG, for the eye only. */
export function drawn(box, path) {
  const made = (tag, attrs) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attrs)) node.setAttribute(name, value);
    return node;
  };
  const svg = made("svg", { viewBox: box, preserveAspectRatio: "none", "aria-hidden": true });
  svg.append(made("path", { d: path }));
  return svg;
}

/** A small drawn sign for a button: not every font has the player's signs. */
export const icon = (name) => drawn("0 0 12 12", ICONS[name]);

/** The mark of a change, for the eye; the word "changed" follows for who does not see it. */
export const delta = () => sign("", "Δ\u00a0");
export const changedWord = () => hidden(" (changed)");

/**
 * A value; where the last step changed `under`, bold with a delta before it and the old value, the
 * one at `path`, beside it (of numbers and words; a list is not told twice).
 */
export function value(board, path, format = String, now = undefined, under = path) {
  const text = format(now);
  if (!isChanged(board, under)) return span("", text);
  const was = (board.was || {})[path];
  const old = typeof was === "number" || typeof was === "string" ? format(was) : text;
  const before = old === text ? [] : [h("s", {}, hidden("was "), old), hidden(", now "), " "];
  return span("tdp-changed", delta(), before, text, changedWord());
}

/** One source line, its indent as padding so that what is too long hangs under its beginning. */
export function sourceText(text, isNote) {
  const parts = isNote ? [["note", text.trim()]] : tokens(text.trim());
  const attrs = isNote ? { class: "tdp-text tdp-doc", title: text.trim() } : { class: "tdp-text" };
  const node = h("span", attrs, parts.map(([kind, t]) => (kind ? span(`tdp-${kind}`, t) : breakable(t))));
  node.style.setProperty("--indent", text.length - text.trimStart().length);
  return node;
}

/** Allow a line break where a reader of code expects one; in a long name after "_". */
export function breakable(text, where = /(?<=\()|(?=\.)/) {
  const parts = text.split(where).flatMap((part) => (part.length > LONG_NAME ? part.split(/(?<=_)/) : [part]));
  return parts.flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
}
