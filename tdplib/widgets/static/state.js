/**
 * What the actors share: the table of roots, and the card of locks, lists, requests and RCU.
 */

import { bitsOf, hex, isChanged, names } from "./board.js";
import {
  breakable, changedWord, delta, div, group, h, hidden, row, span, term, value,
} from "./elements.js";
import { hasTables, pageTables, slotKind, spteWords } from "./tree.js";

const SLOTS_SHOWN = 2; // root slots that keep their place in the table where nobody says how many there are

/** The role word: in hex, and taken apart, one cell a field; what changed is marked. */
function roleCell(board, root, at) {
  const fields = root.role.fields || [];
  const changed = fields.filter((f) => f.changed);
  const word = value(board, `${at}.role.word`, hex, root.role.word, `${at}.role`);
  return [
    h("code", { title: root.role.text }, word), hidden(`, ${root.role.text}`),
    changed.length === 1 ? ` ${bitsOf(changed[0])}: ${changed[0].name}` : null,
    group("tdp-register", `role word of ${root.name}`, fields.map(fieldCell)),
  ];
}

function fieldCell(f) {
  const bits = `${bitsOf(f)}: ${f.value.toString(2).padStart(f.width, "0")}`;
  const title = term(f.name) ? `${bits}. ${term(f.name)}` : bits;
  return h("span", { class: f.changed ? "tdp-field tdp-changed" : "tdp-field", title },
    f.changed ? delta() : null, f.name, " ", h("b", {}, String(f.value)), f.changed ? changedWord() : null);
}

/** The columns of the table of roots: heading, which part of the state it shows, its cell. */
const COLUMNS = [
  ["role", "role", roleCell],
  ["refcount", "refcount", (b, r, at) => h("b", {}, value(b, `${at}.refcount`, String, r.refcount))],
  ["root of", "vcpus", (b, r, at) => value(b, `${at}.vcpus`, (v) => names(v) || "none", r.vcpus)],
  ["list", "list", (b, r, at) => flag(b, r, `${at}.listed`, "on", "off")],
  ["queue", "queue", (b, r, at) => (r.running || isChanged(b, `${at}.running`)
    ? flag(b, r, `${at}.running`, "running", r.queued ? "queued" : "done")
    : flag(b, r, `${at}.queued`, "queued", "–"))],
  ["async_data", "async_data", (b, r, at) => flag(b, r, `${at}.async_data`, "kvm", "NULL")],
  ["SPTEs", "sptes", (b, r, at) => (r.sptes || []).map((s) => spteLine(b, s, `${at}.sptes.${s.index}`))],
];

const flag = (board, root, at, yes, no) =>
  value(board, at, () => (root[at.slice(at.lastIndexOf(".") + 1)] ? yes : no));

/** The columns that this system has; the protocol's own fields are a column each. */
function columns(board) {
  const extras = [...new Set(board.roots.flatMap((root) => Object.keys(root.extra || {})))];
  const shown = COLUMNS.filter(([, part]) => board.uses[part] && !(part === "sptes" && hasTables(board)));
  return [...shown, ...extras.map((k) => [k, "extra",
    (b, r, at) => value(b, `${at}.extra.${k}`, String, (r.extra || {})[k])])];
}

/** One row of the table of roots. */
function rootRow(board, root, shown) {
  const at = `roots.${root.index}`;
  const state = value(board, `${at}.state`, () => (root.state === "freeing" ? "waits for RCU" : root.state));
  const name = root.name.replace(/^page/, slotKind(board, root.index) || "page"); // freed: its role is gone
  const head = h("th", { scope: "row" }, name, div("tdp-kind", state));
  if (root.state === "freed") {
    const gone = h("td", { colspan: shown.length }, "its fields are nobody's any more");
    return h("tr", { class: "tdp-off" }, head, gone);
  }
  const cells = shown.map(([label, , cell]) => h("td", { "data-label": label }, cell(board, root, at)));
  return h("tr", {}, head, cells);
}

/** One entry of a root's table: short for the eye, in full words in the title and for a screen reader. */
function spteLine(board, spte, at) {
  const short = spte.kind === "leaf" ? spte.short.replace(/pfn \S+/, "present,") : spteWords(spte);
  const full = spte.value ? hidden(`: ${spte.text}`) : null;
  return h("div", { class: spte.present ? "tdp-on" : "tdp-off", title: spte.text },
    span("tdp-index", `[${spte.index}] `), value(board, at, () => short), full);
}

/**
 * How many rows the table of roots has from the start: a row each slot, or, where tables are below the
 * roots, each second one, for a root that is used has a table.
 */
function rowCount(board) {
  const slots = board.shape ? board.shape.slots.length : SLOTS_SHOWN;
  return hasTables(board) ? Math.ceil(slots / 2) : slots;
}

/** The roots; a slot that has not been handed out yet keeps its place, where roots are made at all. */
export function rootsTable(board) {
  if (!board.uses.roots) return div("");
  const shown = columns(board);
  const heads = [["root", "root"], ...shown].map(([text, part]) =>
    h("th", { scope: "col", class: `tdp-col-${part}`, title: term(text) }, text));
  const roots = board.roots.filter((root) => !hasTables(board) || slotKind(board, root.index) === "root");
  const rows = roots.map((root) => rootRow(board, root, shown));
  for (let i = rows.length; i < rowCount(board); i += 1) {
    rows.push(h("tr", { class: "tdp-off" }, h("th", { scope: "row" }, hasTables(board) ? "root" : `root ${i}`),
      h("td", { colspan: heads.length - 1 }, "not allocated")));
  }
  return div("", h("table", { class: "tdp-roots", "aria-label": "Roots" },
    h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)), pageTables(board));
}

function lockRow(board, lock) {
  const at = `locks.${lock.name}`;
  const held = lock.writer ? (lock.kind === "rwlock" ? "write: " : "") + lock.writer
    : names(lock.readers) ? `read: ${names(lock.readers)}` : "free";
  const part = isChanged(board, `${at}.writer`) ? "writer" : "readers";
  const waits = (w) => (names(w) ? `waiting: ${names(w)}` : "nobody waits");
  const waiting = names(lock.waiting) || isChanged(board, `${at}.waiting`);
  const what = term(lock.name) ? `${lock.kind}. ${term(lock.name)}` : lock.kind;
  const name = h("span", { title: what }, breakable(lock.name, /(?<=_)/), hidden(` (${lock.kind})`));
  return row(name, span(held === "free" ? "tdp-off" : "tdp-on", value(board, `${at}.${part}`, () => held)),
    waiting ? div("", value(board, `${at}.waiting`, waits, lock.waiting)) : null);
}

/** Everything that is no root: locks, list, queue, requests, RCU, the fields of kvm. */
export function sharedCard(board) {
  const root = (i) => (board.roots[i] ? board.roots[i].name : `root ${i}`);
  const chain = (list) => (list || []).map(root).join(", ") || "empty";
  const running = names(board.roots.filter((r) => r.running).map((r) => r.name));
  const { readers, pending } = board.rcu || {};
  const frees = (pending || []).map((p) => `${root(p.root)} waits for ${names(p.waits_for) || "nobody"}`);
  const list = (v) => names(v) || "none";
  const breaks = (text) => text.replaceAll("_", "_\u200b"); // a long name may be broken after "_"
  const has = (part, make) => (board.uses[part] ? make() : null);
  const locks = (board.locks || []).map((lock) => lockRow(board, lock));
  const rest = [
    has("list", () => row("tdp_mmu_roots", value(board, "list", chain, board.list))),
    has("queue", () => row("zap queue", value(board, "queue", chain, board.queue),
      running ? `, running: ${running}` : "")),
    ...(board.requests || []).map((r) =>
      row(`${r.vcpu} requests`, value(board, `requests.${r.vcpu}`, () => breaks(list(r.pending))))),
    ...(board.tlb || []).map((t) =>
      row(`TLB of ${t.vcpu}`, value(board, `tlb.${t.vcpu}`, () => t.entries.join("; ") || "empty"))),
    has("readers", () => row("RCU readers", value(board, "rcu.readers", list, readers))),
    has("grace", () => row("RCU to free", value(board, "rcu.pending", () => frees.join("; ") || "none"))),
    ...Object.entries(board.kvm || {}).map(([k, v]) => row(k, value(board, `kvm.${k}`, String, v))),
  ].filter(Boolean);
  if (!locks.length && !rest.length) return div("");
  return group("tdp-shared", board.uses.roots ? "Locks, lists, requests" : "What the actors share",
    locks.length ? h("dl", {}, locks) : null, rest.length ? h("dl", {}, rest) : null);
}
