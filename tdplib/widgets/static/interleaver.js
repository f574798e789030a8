/**
 * The front end of tdplib.widgets.Interleaver, an anywidget module (`export default { render }`).
 *
 * It holds no model of its own. The kernel sends one immutable `board` after each action (and the
 * `sources` of the functions, once); this file paints it and sends back what was asked for:
 *   {do: "step" | "run", actor}, {do: "goto", step}, {do: "back" | "forward" | "reset" | "restore"}.
 * Text reaches the page through text nodes only, so nothing in a board can become markup. There are
 * no element ids, and every listener sits on this widget's own root: two widgets cannot meet.
 */

const SILENCE_MS = 4000; // a kernel that has not answered by then is reported as not answering
const SLOTS_SHOWN = 2; // root slots that keep their place in the table before they are handed out
const HUES = 8; // as many as the style sheet has; the letter tells actors apart, not the colour
const KEYWORDS = new Set(
  ("def return if elif else while for in break continue pass and or not is None True False " +
    "from import class").split(" "),
);

/* ---- plain functions: no page needed ---------------------------------------------------- */

/** Cut one source line into [class, text] pairs; a class is "kw", "note" or "". */
export function tokens(line) {
  const out = [];
  let from = 0;
  for (const hit of line.matchAll(/(#.*$|"""[^"]*(?:"""|$)|[A-Za-z_]\w*)/g)) {
    const word = hit[0];
    const kind = word[0] === "#" || word[0] === '"' ? "note" : KEYWORDS.has(word) ? "kw" : "";
    if (!kind) continue;
    if (hit.index > from) out.push(["", line.slice(from, hit.index)]);
    out.push([kind, word]);
    from = hit.index + word.length;
  }
  if (from < line.length) out.push(["", line.slice(from)]);
  return out;
}

/** Which lines of a source lie in a docstring: an array of booleans, one a line. */
export function docstringLines(lines) {
  let inside = false;
  return lines.map((line) => {
    const marks = line.split('"""').length - 1;
    const was = inside;
    if (marks % 2) inside = !inside;
    return was || marks > 0;
  });
}

/** Say whether the last step changed `path` or something below it. */
export function isChanged(board, path) {
  return (board.changed || []).some((p) => p === path || p.startsWith(path + "."));
}

/** What a key asks for: a message for the kernel, {move} or {page} in the page itself, or null. */
export function keyMeaning(event, board) {
  if (event.ctrlKey || event.metaKey || event.altKey || !board.actors) return null;
  const fixed = {
    ArrowLeft: { do: "back" }, ArrowRight: { do: "forward" },
    Home: { do: "goto", step: 0 }, End: { do: "goto", step: board.steps },
    ArrowUp: { move: -1 }, ArrowDown: { move: 1 }, PageUp: { page: -1 }, PageDown: { page: 1 },
  }[event.key];
  if (fixed) return event.shiftKey ? null : fixed;
  if (event.key.length !== 1) return null;
  const digit = "123456789".indexOf(event.key);
  const key = event.key.toLowerCase();
  const actor = board.actors.find((a, i) => i === digit || a.letter.toLowerCase() === key);
  return actor ? { do: event.shiftKey ? "run" : "step", actor: actor.index } : null;
}

/** The sentence read out after an action: who did what and where. */
export function narration(board) {
  if (!board.actors) return "Waiting for the kernel.";
  if (!board.step) return "At the start: nobody has taken a step.";
  const step = board.timeline[board.step - 1];
  const where = step.function ? ` (${step.function}, line ${step.line})` : "";
  const end = board.end && !board.broken ? ` ${capital(board.end)}.` : "";
  return `${board.actors[step.actor].name}: ${board.did}${where}.${end}`;
}

/** The line under it: what broke or is advised; at the start what lies ahead; else what changed. */
export function consequence(board) {
  const { broken, advice, ahead, step, changes } = board;
  if (broken) return `✗ ${broken.property} is broken. ${broken.sentence || ""}`;
  if (advice) return `Advice, ${advice.property}: ${advice.sentence}`;
  if (!step && ahead) return `This path ${ahead.advice ? "shows" : "breaks"} ${ahead.property} at step ${ahead.step}.`;
  if (!step) return "Press a letter to step that actor, the arrows to move in time.";
  return `changed: ${changes && changes.length ? changes.join("; ") : "nothing that is shared"}`;
}

/** What one tick of the timeline is called. */
export function tickLabel(board, entry, bad) {
  if (!entry) return "The start";
  const breaks = bad ? `; ${bad.advice ? "shows" : "breaks"} ${bad.property}` : "";
  const later = entry.step > board.step ? "; not taken yet" : "";
  return `Step ${entry.step}: ${board.actors[entry.actor].name} ${entry.summary}${breaks}${later}`;
}

/** The face of an actor's button: a verb, what it is about, and the name for a screen reader. */
export function buttonFace(actor, board) {
  if (actor.status === "ready") return ["Step", actor.next || "", `Step ${actor.name}: ${actor.next}`];
  const done = actor.status === "done";
  const why = actor.reason || (done ? "its function has returned" : actor.status);
  const name = `${actor.name} cannot move: ${why}`;
  if (board.broken && !board.broken.at_end && !done) return ["Stopped", "the path ends here", name];
  return [capital(actor.status), why.replace(/^(idle|blocked): /, ""), name];
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const hex = (word) => "0x" + Number(word).toString(16);
const names = (list) => (list || []).join(", ");
const hue = (index) => `tdp-hue${index % HUES}`;
const bitsOf = (f) => (f.width > 1 ? `bits ${f.first} to ${f.first + f.width - 1}` : `bit ${f.first}`);

/* ---- making elements -------------------------------------------------------------------- */

/** Make an element; `attrs` that are null or false are left out; children are nodes or text. */
function h(tag, attrs, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) put(node, name, value);
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** Set an attribute only where it differs, so that nothing is announced or restyled for nothing. */
function put(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

const div = (className, ...children) => h("div", { class: className }, ...children);
const span = (className, ...children) => h("span", { class: className }, ...children);
const sign = (className, text) => h("span", { class: className, "aria-hidden": true }, text);
const hidden = (text) => span("tdp-sr", text);
const row = (label, ...what) => div("tdp-row", h("dt", {}, label), h("dd", {}, ...what));
const button = (label, attrs, ...children) =>
  h("button", { type: "button", "aria-label": label, ...attrs }, ...children);
const group = (className, label, ...children) =>
  h("div", { class: className, role: "group", "aria-label": label }, ...children);

const ICONS = {
  first: "M1 1h2v10H1z M11 1v10L4 6z", back: "M9.5 1v10L2.5 6z", forward: "M2.5 1v10l7-5z",
  last: "M9 1h2v10H9z M1 1v10l7-5z", run: "M0 1v10l6-5z M6 1v10l6-5z",
};

/** A small drawn sign for a button: not every font has the player's signs. */
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", ICONS[name]);
  svg.append(shape);
  return svg;
}

/** The mark of a change, for the eye; the word "changed" follows for who does not see it. */
const delta = () => sign("", "Δ ");
const changedWord = () => hidden(" (changed)");

/**
 * A value; where the last step changed `under`, bold with a delta before it and the old value, the
 * one at `path`, beside it (of numbers and words; a list is not told twice).
 */
function value(board, path, format = String, now = undefined, under = path) {
  const text = format(now);
  if (!isChanged(board, under)) return span("", text);
  const was = (board.was || {})[path];
  const old = typeof was === "number" || typeof was === "string" ? format(was) : text;
  const before = old === text ? [] : [h("s", {}, hidden("was "), old), hidden(", now "), " "];
  return span("tdp-changed", delta(), before, text, changedWord());
}

/** One source line, its indent as padding so that what is too long hangs under its beginning. */
function sourceText(text, isNote) {
  const parts = isNote ? [["note", text.trim()]] : tokens(text.trim());
  const node = span("tdp-text", parts.map(([kind, t]) => (kind ? span(`tdp-${kind}`, t) : breakable(t))));
  node.style.setProperty("--indent", text.length - text.trimStart().length);
  return node;
}

/** Allow a line break after a bracket and before a dot: where a reader of code expects one. */
function breakable(text, where = /(?<=\()|(?=\.)/) {
  return text.split(where).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
}

/* ---- the shared state ------------------------------------------------------------------- */

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
  const title = `${bitsOf(f)}: ${f.value.toString(2).padStart(f.width, "0")}`;
  return h("span", { class: f.changed ? "tdp-field tdp-changed" : "tdp-field", title },
    f.changed ? delta() : null, f.name, " ", h("b", {}, String(f.value)), f.changed ? changedWord() : null);
}

const COLUMNS = ["root", "role", "refcount", "root of", "list", "queue", "async_data", "SPTEs"];

/** One row of the table of roots; `extras` are the protocol's own fields, a column each. */
function rootRow(board, root, extras) {
  const at = `roots.${root.index}`;
  const labels = [...COLUMNS, ...extras];
  const state = value(board, `${at}.state`, () => (root.state === "freeing" ? "waits for RCU" : root.state));
  const head = h("th", { scope: "row" }, root.name, div("tdp-kind", state));
  if (root.state === "freed") {
    const gone = h("td", { colspan: labels.length - 1 }, "its fields are nobody's any more");
    return h("tr", { class: "tdp-off" }, head, gone);
  }
  const flag = (key, yes, no) => value(board, `${at}.${key}`, () => (root[key] ? yes : no));
  const ran = root.running || isChanged(board, `${at}.running`);
  const cells = [
    roleCell(board, root, at),
    h("b", {}, value(board, `${at}.refcount`, String, root.refcount)),
    value(board, `${at}.vcpus`, (v) => names(v) || "none", root.vcpus),
    flag("listed", "on", "off"),
    ran ? flag("running", "running", root.queued ? "queued" : "done") : flag("queued", "queued", "–"),
    flag("async_data", "kvm", "NULL"),
    (root.sptes || []).map((s) => spteLine(board, s, `${at}.sptes.${s.index}`)),
    ...extras.map((k) => value(board, `${at}.extra.${k}`, String, (root.extra || {})[k])),
  ];
  return h("tr", {}, head, cells.map((cell, i) => h("td", { "data-label": labels[i + 1] }, cell)));
}

/** One entry of a root's table: short for the eye, in full words in the title and for a screen reader. */
function spteLine(board, spte, at) {
  const short = spte.present ? `present ${hex(spte.value)}` : spte.value ? hex(spte.value) : "not present";
  const full = spte.value ? hidden(`: ${spte.text}`) : null;
  return h("div", { class: spte.present ? "tdp-on" : "tdp-off", title: spte.text },
    span("tdp-index", `[${spte.index}] `), value(board, at, () => short), full);
}

/** The roots; a slot that has not been handed out yet keeps its place. */
function rootsTable(board) {
  const extras = [...new Set(board.roots.flatMap((root) => Object.keys(root.extra || {})))];
  const heads = [...COLUMNS, ...extras].map((text) => h("th", { scope: "col" }, text));
  const rows = board.roots.map((root) => rootRow(board, root, extras));
  for (let i = rows.length; i < SLOTS_SHOWN; i += 1) {
    rows.push(h("tr", { class: "tdp-off" }, h("th", { scope: "row" }, `root ${i}`),
      h("td", { colspan: heads.length - 1 }, "not allocated")));
  }
  return h("table", { class: "tdp-roots", "aria-label": "Roots" },
    h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows));
}

function lockRow(board, lock) {
  const at = `locks.${lock.name}`;
  const held = lock.writer ? (lock.kind === "rwlock" ? "write: " : "") + lock.writer
    : names(lock.readers) ? `read: ${names(lock.readers)}` : "free";
  const part = isChanged(board, `${at}.writer`) ? "writer" : "readers";
  const waits = (w) => (names(w) ? `waiting: ${names(w)}` : "nobody waits");
  const waiting = names(lock.waiting) || isChanged(board, `${at}.waiting`);
  const name = h("span", { title: lock.kind }, breakable(lock.name, /(?<=_)/), hidden(` (${lock.kind})`));
  return row(name, span(held === "free" ? "tdp-off" : "tdp-on", value(board, `${at}.${part}`, () => held)),
    waiting ? div("", value(board, `${at}.waiting`, waits, lock.waiting)) : null);
}

/** Everything that is no root: locks, list, queue, requests, RCU, the fields of kvm. */
function sharedCard(board) {
  const root = (i) => (board.roots[i] ? board.roots[i].name : `root ${i}`);
  const chain = (list) => (list || []).map(root).join(", ") || "empty";
  const running = names(board.roots.filter((r) => r.running).map((r) => r.name));
  const { readers, pending } = board.rcu || {};
  const frees = (pending || []).map((p) => `${root(p.root)} waits for ${names(p.waits_for) || "nobody"}`);
  const list = (v) => names(v) || "none";
  return group("tdp-shared", "Locks, lists, requests",
    h("dl", {}, (board.locks || []).map((lock) => lockRow(board, lock))),
    h("dl", {},
      row("tdp_mmu_roots", value(board, "list", chain, board.list)),
      row("zap queue", value(board, "queue", chain, board.queue), running ? `, running: ${running}` : ""),
      (board.requests || []).map((r) =>
        row(`${r.vcpu} requests`, value(board, `requests.${r.vcpu}`, () => list(r.pending)))),
      row("RCU readers", value(board, "rcu.readers", list, readers)),
      row("RCU to free", value(board, "rcu.pending", () => frees.join("; ") || "none")),
      Object.entries(board.kvm || {}).map(([k, v]) => row(k, value(board, `kvm.${k}`, String, v)))));
}

/* ---- the widget ------------------------------------------------------------------------- */

class View {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.lanes = [];
    this.stop = new AbortController();
    this.build();
    this.listen();
    this.paint();
  }

  build() {
    this.title = div("tdp-name");
    this.count = span("tdp-count");
    this.said = h("p", {});
    this.more = h("p", { class: "tdp-more" });
    this.status = h("div", { class: "tdp-status", role: "status", "aria-live": "polite" }, this.said, this.more);
    this.error = h("div", { class: "tdp-error", role: "alert", hidden: "" });
    this.rows = h("div", { class: "tdp-tickrows", "aria-hidden": true });
    this.ticks = group("tdp-ticks", "Timeline");
    put(this.ticks, "data-region", "timeline");
    this.timeline = div("tdp-timeline", this.rows, this.ticks);
    this.roots = div("");
    this.lanesBox = h("div", { class: "tdp-lanes", role: "toolbar", "aria-label": "Actors",
      "aria-orientation": "vertical", "data-region": "lanes" });
    this.shared = div("tdp-cards");
    this.buildNav();
    this.buildFoot();
    // JupyterLab reads keys at the document; this attribute keeps its commands out of the widget.
    this.root = h("div", { class: "tdp-il", role: "region", tabindex: -1, "data-lm-suppress-shortcuts": true },
      div("tdp-head", this.title, this.nav, this.count), this.timeline, this.status, this.error,
      this.roots, div("tdp-main", this.lanesBox, this.shared), this.foot);
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
      button("Reset: as it was opened", { class: "tdp-nav", "data-do": "reset" }, "Reset"));
  }

  buildFoot() {
    this.code = h("code", {});
    this.copied = h("span", { class: "tdp-copied", role: "status" });
    this.left = h("div", { class: "tdp-left", hidden: "" });
    this.words = h("ol", { class: "tdp-steps" });
    this.actions = h("ol", { class: "tdp-steps" });
    const copy = button("Copy the schedule code", { class: "tdp-copy", "data-copy": true }, "Copy");
    this.foot = div("tdp-foot", div("tdp-schedule", span("", "schedule "), this.code, " ", copy, this.copied),
      this.left, h("details", {}, h("summary", {}, "Last step, action by action"), this.actions),
      h("details", {}, h("summary", {}, "Steps in words"), this.words),
      h("details", {}, h("summary", {}, "Keys"), h("dl", { class: "tdp-keys" },
        row("a b c …, or 1 2 3 …", "step that actor"),
        row("Shift and the letter", "run that actor until it blocks or is done"),
        row("Left, Right, Home, End", "move in time; a step taken in the past starts a new branch"),
        row("Up, Down", "move between the buttons of a region; Tab goes to the next region"),
        row("Page Up, Page Down", "scroll the source of the actor whose button has the focus"),
        row("Δ", "what the last step changed"))));
  }

  listen() {
    const { signal } = this.stop;
    this.root.addEventListener("click", (e) => this.click(e), { signal });
    this.root.addEventListener("keydown", (e) => this.key(e), { signal });
    this.root.addEventListener("focusin", (e) => this.rove(e.target), { signal });
    const paint = () => this.paint();
    this.events = { "change:board": paint, "change:sources": paint,
      "change:error": () => this.paintError(), "change:handled": () => this.settle() };
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

  /** Send what was asked for, or say here why it cannot be. */
  ask(message) {
    const { actors, step, steps } = this.board;
    const actor = actors[message.actor];
    if (actor && actor.status !== "ready") this.say(`${buttonFace(actor, this.board)[2]}.`);
    else if (message.do === "back" && step === 0) this.say("This is the start.");
    else if (message.do === "forward" && step === steps) this.say("This is the last step taken.");
    else this.send(message);
  }

  send(message) {
    this.model.send(message);
    put(this.root, "aria-busy", true);
    clearTimeout(this.timer);
    const silence = "The kernel has not answered. If it was restarted or is gone, run the cell again.";
    this.timer = setTimeout(() => this.complain(silence), SILENCE_MS);
  }

  settle() {
    clearTimeout(this.timer);
    put(this.root, "aria-busy", null);
    this.paintError();
  }

  click(event) {
    const target = event.target.closest("[data-do], [data-copy]");
    if (!target || !this.board.actors) return;
    const { do: what, actor, step } = target.dataset;
    if (!what) this.copy();
    else if (actor !== undefined) this.ask({ do: what, actor: Number(actor) });
    else if (step !== undefined) this.ask({ do: what, step: step === "end" ? this.board.steps : Number(step) });
    else this.ask({ do: what });
  }

  key(event) {
    const meaning = keyMeaning(event, this.board);
    if (!meaning) return;
    if (meaning.move && !this.move(event.target, meaning.move)) return;
    if (meaning.page && !this.page(event.target, meaning.page)) return;
    event.preventDefault();
    event.stopPropagation();
    if (meaning.do) this.ask(meaning);
  }

  /** Up and Down: to the next button of the region that has the focus. */
  move(from, by) {
    const region = from.closest("[data-region]");
    if (!region) return false;
    const all = [...region.querySelectorAll("button")];
    all[(all.indexOf(from) + by + all.length) % all.length].focus();
    return true;
  }

  /** Page Up and Page Down: through the source of the lane that has the focus. */
  page(from, by) {
    const lane = this.lanes.find((l) => l.node.contains(from));
    if (lane) lane.source.scrollTop += by * lane.source.clientHeight * 0.8;
    return Boolean(lane);
  }

  /** One tab stop a region: the button that had the focus last. */
  rove(target) {
    const region = target.closest("[data-region]");
    if (!region || !target.matches("button")) return;
    for (const b of region.querySelectorAll("button")) put(b, "tabindex", b === target ? 0 : -1);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.board.code);
      this.copied.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(this.code); // no clipboard for pages that are not secure
      this.copied.textContent = "selected: press Ctrl+C";
    }
  }

  /* -- from the kernel to the page -- */

  paint() {
    this.board = this.model.get("board") || {};
    this.sources = this.model.get("sources") || {};
    const { board } = this;
    this.say(narration(board));
    if (!board.actors) return;
    put(this.root, "aria-label", `Interleaver: ${board.protocol}, scenario ${board.scenario}`);
    this.title.replaceChildren(h("b", {}, board.protocol), span("tdp-scenario", ` ${board.scenario}`));
    this.count.replaceChildren("step ", h("b", {}, String(board.step)), ` of ${board.steps}`);
    put(this.status, "data-broken", board.broken ? true : null);
    put(this.status, "data-advice", board.advice ? true : null);
    put(this.said, "title", narration(board));
    put(this.more, "title", consequence(board));
    this.more.textContent = consequence(board);
    this.roots.replaceChildren(rootsTable(board));
    this.shared.replaceChildren(sharedCard(board));
    this.paintNav();
    this.paintTimeline();
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
    if (!this.nav.querySelector('[tabindex="0"]')) this.rove(this.nav.children[1]);
  }

  paintTimeline() {
    const { board } = this;
    const had = this.ticks.matches(":focus-within");
    this.timeline.style.setProperty("--actors", board.actors.length);
    this.rows.replaceChildren(...board.actors.map((a) => span(hue(a.index), h("b", {}, a.letter), ` ${a.name}`)));
    this.ticks.replaceChildren(...[null, ...board.timeline].map((entry) => this.tick(entry)));
    const current = this.ticks.children[board.step];
    this.rove(current);
    if (had) current.focus({ preventScroll: true });
  }

  /** One step of the timeline, in the row of its actor; without an entry the start. */
  tick(entry) {
    const { board } = this;
    const step = entry ? entry.step : 0;
    const here = board.broken || (board.advice && { ...board.advice, advice: true, step: board.step });
    const breaks = here || board.ahead;
    const bad = breaks && step > 0 && breaks.step === step ? breaks : null;
    const now = step === board.step;
    const classes = ["tdp-tick", now && "tdp-now", step > board.step && "tdp-later", bad && (bad.advice ? "tdp-advice" : "tdp-bad"),
      entry && entry.switch && "tdp-switch"].filter(Boolean).join(" ");
    const label = tickLabel(board, entry, bad);
    const node = button(label, { class: classes, title: label, "data-do": "goto", "data-step": step,
      "aria-current": now ? "step" : null }, span("tdp-tickno", step % 5 && !now ? "" : String(step)));
    if (entry) {
      node.append(span(`tdp-mark ${hue(entry.actor)}`, bad ? (bad.advice ? "!" : "✗") : board.actors[entry.actor].letter));
      node.style.setProperty("--row", entry.actor);
    }
    return node;
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
    const { code, timeline, actors, actions, step, left } = this.board;
    this.code.textContent = code || "(no step yet)";
    this.copied.textContent = "";
    this.left.hidden = !left;
    if (left) {
      const attrs = { class: "tdp-copy", "data-do": "restore" };
      this.left.replaceChildren(span("", "branch left behind "), h("code", {}, left.code), " ",
        button("Go back to the branch left behind", attrs, "Go back to it"));
    }
    this.actions.replaceChildren(...(actions || []).map((a) => h("li", {}, `${a.effect} `,
      span("tdp-kind", `${a.function} ${a.line} `), h("code", {}, a.source))));
    this.words.replaceChildren(...timeline.map((t) => h("li", { class: t.step > step ? "tdp-later" : null },
      h("b", {}, actors[t.actor].name), ` ${t.summary} `, span("tdp-kind", `${t.function || ""} ${t.line || ""}`))));
  }

  /** Bring the current lines and the current tick into sight, without moving the page. */
  scrollAll() {
    for (const lane of this.lanes) lane.scroll();
    const now = this.ticks.children[this.board.step || 0];
    if (!now) return;
    const { timeline, rows } = this;
    const right = now.offsetLeft + 40 - timeline.clientWidth;
    const left = now.offsetLeft - rows.offsetWidth - 40;
    if (timeline.scrollLeft < right) timeline.scrollLeft = right + timeline.clientWidth * 0.3;
    else if (timeline.scrollLeft > left) timeline.scrollLeft = left;
  }
}

/** One actor: its buttons, where it stands, the source of the function it is in, its locals. */
class Lane {
  constructor(actor) {
    const run = `Run ${actor.name} until it blocks`;
    const attrs = { "data-actor": actor.index, tabindex: -1 };
    this.state = span("tdp-actor-state");
    this.step = button(null, { class: "tdp-step", "data-do": "step", ...attrs });
    this.run = button(run, { class: "tdp-run", "data-do": "run", ...attrs,
      title: `${run} (Shift+${actor.letter.toUpperCase()})` }, icon("run"));
    this.path = div("tdp-path");
    this.source = h("div", { class: "tdp-source", role: "group", tabindex: -1 });
    this.locals = div("tdp-locals");
    this.node = group(`tdp-lane ${hue(actor.index)}`, actor.name,
      div("tdp-lane-head", sign("tdp-badge", actor.letter), h("b", {}, actor.name), this.state),
      div("tdp-buttons", this.step, this.run), this.path, this.source, this.locals);
  }

  paint(actor, board, sources) {
    const last = board.step ? board.timeline[board.step - 1] : null;
    const moved = Boolean(last) && last.actor === actor.index;
    const [verb, about, label] = buttonFace(actor, board);
    this.state.replaceChildren(moved ? span("tdp-moved", "moved last · ") : "", actor.status);
    put(this.step, "aria-label", label);
    for (const b of [this.step, this.run]) put(b, "aria-disabled", actor.status === "ready" ? null : true);
    this.step.replaceChildren(span("tdp-verb", verb), span("tdp-next", about));
    this.paintPath(actor);
    const broken = board.broken && !board.broken.at_end && board.broken.actor === actor.index ? board.broken : null;
    this.paintSource(actor, sources[actor.function], moved ? this.ran(last, board) : [], broken);
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
    const lines = source ? source.lines : [];
    const notes = docstringLines(lines);
    put(this.source, "aria-label", source ? `Source of ${actor.function}, at line ${actor.line}` : "No source");
    this.current = null;
    this.source.replaceChildren(...lines.flatMap((text, i) => {
      const number = source.first + i;
      const here = number === actor.line && actor.status !== "done";
      const bad = here && broken;
      const done = ran.includes(`${actor.function}:${number}`);
      const line = this.line(number, sourceText(text, notes[i]), { here, done, bad });
      if (here) this.current = line;
      const note = () => div("tdp-broken-note", h("b", {}, broken.property), " ", broken.sentence || "");
      return bad ? [line, note()] : [line];
    }));
    if (!lines.length) this.source.append(div("tdp-none", actor.status === "done" ? "done" : "no source"));
  }

  line(number, text, { here, done, bad }) {
    const classes = ["tdp-line", here && "tdp-here", done && "tdp-ran", bad && "tdp-bad"].filter(Boolean);
    const word = bad ? " (breaks here)" : here ? " (stands here)" : done ? " (just done)" : null;
    return h("div", { class: classes.join(" "), "aria-current": here ? true : null },
      sign("tdp-gutter", bad ? "✗" : here ? "▸" : done ? "✓" : ""), span("tdp-lineno", String(number)),
      text, word ? hidden(word) : null);
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
    if (top - room < source.scrollTop) source.scrollTop = top - source.clientHeight / 3;
    else if (end + room > source.scrollTop + source.clientHeight) source.scrollTop = end - source.clientHeight * 0.6;
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.destroy();
  },
};
