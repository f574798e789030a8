/**
 * Page tables of two levels as a tree: roots above, tables of leaves below, a line for each SPTE
 * that leads from one to the other.
 *
 * Each page slot has a column of its own, from the first step to the last, and a root or a table
 * keeps its place there when it is cut off or freed: only lines, words and edges change.
 */

import { isChanged } from "./board.js";
import { changedWord, delta, div, group, h, hidden, span, term, value } from "./elements.js";

const HEAD = 38, ROW = 19, GUTTER = 24; // heights in pixels
const COLUMN = 100, BOX = 92; // widths: of a column in the drawing's units, and of the box in it
const LANE = 5, LANES = 4; // lines between the two rows keep this apart, in so many lanes
const MANY = 4; // more slots than this fit side by side only where there is some room

const shapeOf = (board) => board.shape || { levels: 1, entries: 0, slots: [] };

/** Say whether this system has tables below its roots. */
export const hasTables = (board) => shapeOf(board).levels > 1;

/** What a slot has been in any step of the timeline: "root", "table", or "" where nobody knows yet. */
export const slotKind = (board, index) => shapeOf(board).slots[index] || "";

/** An SPTE in a few words. */
export function spteWords(spte) {
  if (spte.short === undefined) return spte.present ? "present" : spte.value ? `0x${spte.value.toString(16)}` : "not present";
  return spte.short.replace("-> ", "→\u00a0");
}

/** The gfns that entry `k` of a page covers, in words; "" where nobody knows. */
function gfns(board, page, k) {
  const { entries } = shapeOf(board);
  if (!page.is_table) return `gfn ${k * entries} to ${(k + 1) * entries - 1}: `;
  const above = board.roots.find((r) => r.index === page.parent);
  const at = above && above.sptes.find((s) => s.child === page.index);
  return at ? `gfn ${at.index * entries + k}: ` : "";
}

/** One entry: its index, and what is in it; marked where the last step changed it. */
function entry(board, page, spte) {
  const at = `roots.${page.index}.sptes.${spte.index}`;
  const full = gfns(board, page, spte.index) + spte.text;
  return h("li", { class: `tdp-entry tdp-${spte.kind}`, title: full }, span("tdp-index", `[${spte.index}]`),
    value(board, at, () => spteWords(spte)), hidden(`, ${full}`));
}

/** Where a page stands: of which root and entry, or why nothing leads to it. */
function standing(board, page) {
  if (page.state === "freeing") return page.is_table ? "cut off, waits for RCU" : "waits for RCU";
  if (!page.is_table) return `level 2, ${page.role.invalid ? "invalid" : "valid"}`;
  const above = board.roots.find((r) => r.index === page.parent);
  const at = above && above.sptes.find((s) => s.child === page.index);
  return at ? `below ${above.name}[${at.index}]` : "no SPTE leads here";
}

/** The box of a slot, in the column of its own and the row of its kind; in between while it has none. */
function box(board, slot, page) {
  const kind = slotKind(board, slot);
  const place = `grid-column: ${slot + 1}; grid-row: ${{ root: "1", table: "3" }[kind] || "1 / 4"}`;
  const name = `${kind || "page"} ${slot}`;
  const at = `roots.${slot}`;
  const said = (words, under) => h("div", { class: "tdp-kind", title: words }, value(board, under, () => words));
  const show = (className, label, ...children) => {
    const node = group(`tdp-page ${kind ? "" : "tdp-nobody"} ${className}`, label, h("b", { title: term(kind) }, name), ...children);
    node.style.cssText = place;
    return node;
  };
  if (!page) return show("tdp-unborn", `${name}: not allocated`, said("not allocated", "-"));
  if (page.state === "freed") return show("tdp-gone", `${name}: freed`, said("freed", `${at}.state`));
  if (!kind) return show("tdp-unborn", `${name}: no role yet`, said("no role yet", `${at}.state`));
  const where = standing(board, page);
  const under = [`${at}.state`, `${at}.role`].find((path) => isChanged(board, path)) || `${at}.parent`;
  const loose = page.is_table && (page.parent === null || page.parent === undefined);
  return show(loose ? "tdp-cut" : page.is_table ? "tdp-linked" : "", `${name}, ${where}`, said(where, under),
    h("ul", { class: "tdp-entries" }, page.sptes.map((spte) => entry(board, page, spte))));
}

/** The line from an entry of a root to the table that it leads to: through the gaps, never a box. */
function link(board, root, spte, upper) {
  const { entries } = shapeOf(board);
  const aside = root.index * COLUMN + BOX + ((COLUMN - BOX) * (spte.index + 1)) / (entries + 1);
  const lane = upper + LANE + LANE * ((root.index * entries + spte.index) % LANES);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const from = `M${root.index * COLUMN + BOX} ${HEAD + ROW * (spte.index + 0.5)}`;
  line.setAttribute("d", `${from}H${aside}V${lane}H${spte.child * COLUMN + BOX / 2}V${upper + GUTTER}`);
  if (isChanged(board, `roots.${root.index}.sptes.${spte.index}`)) line.setAttribute("class", "tdp-changed-line");
  return line;
}

function links(board, upper) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const size = [shapeOf(board).slots.length * COLUMN, 2 * upper + GUTTER];
  svg.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const roots = board.roots.filter((r) => !r.is_table && r.state !== "freed");
  for (const root of roots) {
    for (const spte of root.sptes) if (spte.kind === "table") svg.append(link(board, root, spte, upper));
  }
  return svg;
}

/** The tree of all page slots; nothing where there is one level only. */
export function pageTables(board) {
  if (!hasTables(board)) return null;
  const { entries, slots } = shapeOf(board);
  const upper = HEAD + ROW * entries + 3;
  const boxes = slots.map((_, i) => box(board, i, board.roots.find((r) => r.index === i)));
  const grid = div("tdp-tree", links(board, upper), boxes);
  grid.style.setProperty("--slots", slots.length);
  grid.style.setProperty("--upper", `${upper}px`);
  const words = "Page tables: an SPTE of a root leads to a table, an SPTE of a table maps a page.";
  return group(slots.length > MANY ? "tdp-trees tdp-many" : "tdp-trees", "Page tables", div("tdp-kind", words), grid);
}
