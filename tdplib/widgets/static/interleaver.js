/**
 * The front end of tdplib.widgets.Interleaver, an anywidget module (AFM: `export default { render }`).
 *
 * It holds no model of its own. The kernel sends one immutable `board` after each action (and the
 * `sources` of the functions, once); this file paints it and sends back what was asked for:
 *   {do: "step", actor}, {do: "run", actor}, {do: "back"}, {do: "forward"}, {do: "goto", step},
 *   {do: "reset"}, {do: "restore"}.
 * Text reaches the page through text nodes only, so nothing in a board can become markup. There are
 * no element ids and every listener sits on this widget's own root: two widgets cannot meet.
 */

const SILENCE_MS = 4000; // a kernel that has not answered by then is reported as not answering
const KEYWORDS = new Set(
  "def return if elif else while for in break continue pass and or not is None True False from import class".split(" "),
);

/* ---- plain functions: no page needed ---------------------------------------------------- */

/** Cut one source line into [class, text] pairs; a class is "kw", "note" or "". */
export function tokens(line) {
  const out = [];
  const pattern = /(#.*$|"""[^"]*(?:"""|$)|[A-Za-z_]\w*)/g;
  let from = 0;
  for (const hit of line.matchAll(pattern)) {
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

/** Mark which lines of a source lie inside a docstring: an array of booleans, one a line. */
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

/** What a key asks for: a message for the kernel, {move: +1|-1} inside a region, or null. */
export function keyMeaning(event, board) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const fixed = {
    ArrowLeft: { do: "back" }, ArrowRight: { do: "forward" },
    Home: { do: "goto", step: 0 }, End: { do: "goto", step: board.steps },
    ArrowUp: { move: -1 }, ArrowDown: { move: 1 }, PageUp: { page: -1 }, PageDown: { page: 1 },
  }[event.key];
  if (fixed) return event.shiftKey ? null : fixed;
  if (event.key.length !== 1) return null;
  const digit = "123456789".indexOf(event.key);
  const actor = (board.actors || []).find(
    (a, i) => i === digit || (a.letter || "").toLowerCase() === event.key.toLowerCase(),
  );
  return actor ? { do: event.shiftKey ? "run" : "step", actor: actor.index } : null;
}

/** The sentence read out after an action: which step, who, what, and what it broke. */
export function narration(board) {
  if (!board.actors) return "Waiting for the kernel.";
  if (!board.step) return "At the start: nobody has taken a step.";
  const step = board.timeline[board.step - 1];
  const parts = [`${board.actors[step.actor].name} ${step.summary}`];
  if (step.function) parts.push(`in ${step.function}, line ${step.line}`);
  const tail = board.end && !board.broken ? ` ${capital(board.end)}.` : "";
  return `${parts.join(" ")}.${tail}`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const hex = (word) => "0x" + Number(word).toString(16);
const names = (list) => (list && list.length ? list.join(", ") : "");

/** Make an element. `attrs` are attributes (null and false are left out); children are nodes or text. */
function h(tag, attrs, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** The mark of a change: a sign for the eye; the word "changed" follows for who does not see it. */
const delta = () => h("span", { "aria-hidden": true }, "Δ ");
const hidden = (text) => h("span", { class: "tdp-sr" }, text);
const button = (label, what, ...children) => h("button", { type: "button", "aria-label": label, ...what }, ...children);

/** A small drawn sign for a button: fonts do not all have the player's signs. */
function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

const ICONS = {
  first: "M1 1h2v10H1z M11 1v10L4 6z", back: "M9.5 1v10L2.5 6z", forward: "M2.5 1v10l7-5z",
  last: "M9 1h2v10H9z M1 1v10l7-5z", run: "M0 1v10l6-5z M6 1v10l6-5z",
};

/** Set an attribute only where it differs, so that nothing is announced or restyled for nothing. */
function put(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/**
 * A value; where the last step changed `under`, bold with a delta before it and the old value, the one
 * at `path`, beside it.
 */
function value(board, path, format = String, now = undefined, under = path) {
  const text = format(now);
  if (!isChanged(board, under)) return h("span", {}, text);
  const old = board.was && path in board.was ? format(board.was[path]) : null;
  const before = old !== null && old !== text ? [h("s", {}, hidden("was "), old), hidden(", now "), " "] : [];
  return h("span", { class: "tdp-changed" }, delta(), before, text, hidden(" (changed)"));
}

const row = (label, ...what) => h("div", { class: "tdp-row" }, h("dt", {}, label), h("dd", {}, ...what));

/** One source line, its indent as padding so that a line too long hangs under its own beginning. */
function sourceText(text, isNote) {
  const indent = text.length - text.trimStart().length;
  const parts = isNote ? [["note", text.trim()]] : tokens(text.trim());
  const node = h("span", { class: "tdp-text" }, parts.map(([kind, t]) => (kind ? h("span", { class: `tdp-${kind}` }, t) : breakable(t))));
  node.style.setProperty("--indent", indent);
  return node;
}

/** Allow a line break after a bracket and before a dot: where a reader of code expects one. */
function breakable(text, where = /(?<=\()|(?=\.)/) {
  return text.split(where).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
}

/* ---- the shared state ------------------------------------------------------------------- */

/** The role word as a register: one cell a field, its bits under its name, the changed one marked. */
function register(root) {
  return h("div", { class: "tdp-register", role: "group", "aria-label": `role word of ${root.name}, highest bits first` },
    (root.role.fields || []).map((f) => {
      const where = f.width > 1 ? `${f.first}–${f.first + f.width - 1}` : String(f.first);
      return h("div", { class: "tdp-field" + (f.changed ? " tdp-changed" : "") },
        h("span", { class: "tdp-field-name" }, f.changed ? delta() : null, f.name, hidden(" ")),
        h("span", { class: "tdp-bits" }, f.value.toString(2).padStart(f.width, "0")),
        h("span", { class: "tdp-bitno" }, hidden(f.width > 1 ? ", bits " : ", bit "), where, f.changed ? hidden(" (changed)") : null));
    }));
}

function rootCard(board, root) {
  const at = `roots.${root.index}`;
  const flag = (key, yes, no) => value(board, `${at}.${key}`, () => (root[key] ? yes : no), root[key]);
  const sptes = (root.sptes || []).map((s) =>
    h("span", { class: s.present ? "tdp-on" : "tdp-off" }, h("span", { class: "tdp-index" }, `[${s.index}] `),
      value(board, `${at}.sptes.${s.index}`, () => s.text)));
  const state = root.state === "freeing" ? "waits for RCU, then freed" : root.state;
  return h("div", { class: `tdp-card tdp-root tdp-${root.state}`, role: "group", "aria-label": root.name },
    h("div", { class: "tdp-title" }, root.name, h("span", { class: "tdp-kind" }, value(board, `${at}.state`, () => state))),
    h("div", { class: "tdp-role" }, h("code", {}, value(board, `${at}.role.word`, hex, root.role.word, `${at}.role`)), " ",
      h("span", { class: "tdp-words" }, root.role.text)),
    register(root),
    h("dl", {},
      row("refcount", h("b", {}, value(board, `${at}.refcount`, String, root.refcount))),
      row("root of", value(board, `${at}.vcpus`, (v) => names(v) || "no vCPU", root.vcpus)),
      row("list", flag("listed", "on the list", "off the list")),
      row("queue", flag("queued", "queued", "not queued"), root.running || isChanged(board, `${at}.running`) ? [", ", flag("running", "being zapped", "no longer being zapped")] : null),
      row("async_data", flag("async_data", "kvm", "NULL")),
      row("SPTEs", h("span", { class: "tdp-sptes" }, sptes)),
      Object.entries(root.extra || {}).map(([k, v]) => row(k, value(board, `${at}.extra.${k}`, String, v)))));
}

function lockRow(board, lock) {
  const at = `locks.${lock.name}`;
  const held = lock.writer ? (lock.kind === "rwlock" ? "write: " : "") + lock.writer
    : names(lock.readers) ? `read: ${names(lock.readers)}` : "free";
  const path = isChanged(board, `${at}.writer`) ? `${at}.writer` : `${at}.readers`;
  return h("tr", { class: held === "free" ? "tdp-off" : "tdp-on" },
    h("th", { scope: "row", title: lock.kind }, breakable(lock.name, /(?<=_)/), hidden(` (${lock.kind})`)),
    h("td", {}, value(board, path, () => held)), h("td", {}, value(board, `${at}.waiting`, (w) => names(w) || "–", lock.waiting)));
}

/** Everything that is no root: locks, list, queue, requests, RCU, the fields of kvm. */
function sharedCard(board) {
  const root = (i) => (board.roots[i] ? board.roots[i].name : `root ${i}`);
  const chain = (list) => (list && list.length ? list.map(root).join(", ") : "empty");
  const running = (board.roots || []).filter((r) => r.running).map((r) => r.name);
  const rcu = board.rcu || {};
  const pending = (rcu.pending || []).map((p) => `${root(p.root)} waits for ${names(p.waits_for) || "nobody"}`);
  const head = (text) => h("th", { scope: "col" }, text);
  return h("div", { class: "tdp-card tdp-shared", role: "group", "aria-label": "Shared state" },
    h("table", {}, h("thead", {}, h("tr", {}, head("lock"), head("held"), head("waiting"))),
      h("tbody", {}, (board.locks || []).map((lock) => lockRow(board, lock)))),
    h("dl", {},
      row("tdp_mmu_roots", value(board, "list", chain, board.list)),
      row("zap queue", value(board, "queue", chain, board.queue), running.length ? `, running: ${names(running)}` : ""),
      (board.requests || []).map((r) => row(`${r.vcpu} requests`, value(board, `requests.${r.vcpu}`, () => names(r.pending) || "none"))),
      row("RCU readers", value(board, "rcu.readers", (v) => names(v) || "none", rcu.readers)),
      row("RCU to free", value(board, "rcu.pending", () => pending.join("; ") || "none")),
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
    const nav = (label, glyph, what, key) => button(`${label} (${key})`, { ...what, class: "tdp-nav", title: `${label} (${key})` }, icon(ICONS[glyph]));
    this.title = h("div", { class: "tdp-name" });
    this.count = h("span", { class: "tdp-count" });
    this.nav = h("div", { class: "tdp-navs", role: "toolbar", "aria-label": "Time", "data-region": "nav" },
      nav("To the start", "first", { "data-do": "goto", "data-step": 0 }, "Home"), nav("One step back", "back", { "data-do": "back" }, "Left"),
      nav("One step forward", "forward", { "data-do": "forward" }, "Right"), nav("To the end", "last", { "data-do": "goto", "data-step": "end" }, "End"),
      button("Reset: forget every step", { class: "tdp-nav tdp-reset", "data-do": "reset" }, "Reset"));
    this.said = h("p", { class: "tdp-said" });
    this.more = h("p", { class: "tdp-more" });
    this.status = h("div", { class: "tdp-status", role: "status", "aria-live": "polite" }, this.said, this.more);
    this.error = h("div", { class: "tdp-error", role: "alert", hidden: true });
    this.ticks = h("div", { class: "tdp-ticks", role: "group", "aria-label": "Timeline", "data-region": "timeline" });
    this.rows = h("div", { class: "tdp-tickrows", "aria-hidden": true });
    this.timeline = h("div", { class: "tdp-timeline" }, this.rows, this.ticks);
    this.lanesBox = h("div", { class: "tdp-lanes", role: "toolbar", "aria-label": "Actors", "aria-orientation": "vertical", "data-region": "lanes" });
    this.shared = h("div", { class: "tdp-cards" });
    this.buildFoot();
    this.root = h("div", { class: "tdp-il", role: "region", tabindex: -1, "data-lm-suppress-shortcuts": "true" },
      h("div", { class: "tdp-head" }, this.title, this.nav, this.count), this.timeline, this.status, this.error,
      h("div", { class: "tdp-main" }, this.lanesBox, this.shared), this.foot);
    this.el.append(this.root);
  }

  buildFoot() {
    this.code = h("code", { class: "tdp-code" });
    this.copied = h("span", { class: "tdp-copied", role: "status" });
    this.left = h("div", { class: "tdp-left", hidden: true });
    this.words = h("ol", { class: "tdp-steps" });
    this.foot = h("div", { class: "tdp-foot" },
      h("div", { class: "tdp-schedule" }, h("span", {}, "schedule "), this.code, " ",
        button("Copy the schedule code", { "data-copy": true, class: "tdp-copy" }, "Copy"), this.copied), this.left,
      h("details", {}, h("summary", {}, "Steps in words"), this.words),
      h("details", {}, h("summary", {}, "Keys"), h("dl", { class: "tdp-keys" },
        row("a b c …, or 1 2 3 …", "step that actor"), row("Shift and the letter", "run that actor until it blocks or is done"),
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
    this.events = { "change:board": () => this.paint(), "change:sources": () => this.paint(), "change:error": () => this.paintError(), "change:handled": () => this.settle() };
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

  send(message) {
    this.model.send(message);
    this.root.setAttribute("aria-busy", "true");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.complain("The kernel has not answered. If it was restarted or is gone, run the cell again."), SILENCE_MS);
  }

  settle() {
    clearTimeout(this.timer);
    this.root.removeAttribute("aria-busy");
    this.paintError();
  }

  ask(message) {
    const board = this.board;
    if (message.do === "step" || message.do === "run") {
      const actor = board.actors[message.actor];
      if (actor.status !== "ready") return this.say(`${actor.name} cannot move: ${actor.reason || actor.status}.`);
    }
    if (message.do === "back" && board.step === 0) return this.say("This is the start.");
    if (message.do === "forward" && board.step === board.steps) return this.say("This is the last step taken.");
    return this.send(message);
  }

  click(event) {
    const target = event.target.closest("[data-do], [data-copy]");
    if (!target || !this.root.contains(target)) return;
    if (target.hasAttribute("data-copy")) return void this.copy();
    const { do: what, actor, step } = target.dataset;
    const message = { do: what };
    if (actor !== undefined) message.actor = Number(actor);
    if (step !== undefined) message.step = step === "end" ? this.board.steps : Number(step);
    this.ask(message);
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
    all[(all.indexOf(from) + by + all.length) % all.length].focus({ preventScroll: region === this.ticks });
    return true;
  }

  page(from, by) {
    const lane = this.lanes.find((l) => l.node.contains(from));
    if (lane) lane.source.scrollTop += by * lane.source.clientHeight * 0.8;
    return Boolean(lane);
  }

  /** One tab stop a region: the button that was focused last. */
  rove(button) {
    const region = button.closest("[data-region]");
    if (region && button.matches("button")) for (const b of region.querySelectorAll("button")) put(b, "tabindex", b === button ? 0 : -1);
  }

  async copy() {
    let done = true;
    try {
      await navigator.clipboard.writeText(this.board.code);
    } catch {
      done = false;
      getSelection().selectAllChildren(this.code);
    }
    this.copied.textContent = done ? "copied" : "selected: press Ctrl+C";
  }

  /* -- from the kernel to the page -- */

  paint() {
    this.board = this.model.get("board") || {};
    this.sources = this.model.get("sources") || {};
    const board = this.board;
    if (!board.actors) return this.say(narration(board));
    put(this.root, "aria-label", `Interleaver: ${board.protocol}, scenario ${board.scenario}`);
    this.title.replaceChildren(h("b", {}, board.protocol), h("span", { class: "tdp-scenario" }, ` ${board.scenario}`));
    this.count.replaceChildren("step ", h("b", {}, String(board.step)), ` of ${board.steps}`);
    this.paintNav();
    this.paintTimeline();
    this.paintLanes();
    const none = h("div", { class: "tdp-card tdp-none" }, "No root has been allocated yet.");
    this.shared.replaceChildren(sharedCard(board), ...(board.roots.length ? board.roots.map((r) => rootCard(board, r)) : [none]));
    this.paintFoot();
    this.say(narration(board));
    this.paintMore();
    this.paintError();
    this.scrollAll();
    return undefined;
  }

  say(text) {
    const { step } = this.board;
    this.said.replaceChildren(...(step ? [h("span", { class: "tdp-at" }, String(step)), " "] : []), text);
  }

  /** Under the sentence: what broke; else what lies ahead; else what the step changed. */
  paintMore() {
    const { broken, ahead, actors, changes, step } = this.board;
    put(this.status, "data-broken", broken ? "true" : null);
    if (broken) this.more.replaceChildren(h("b", {}, `✗ ${broken.property} is broken by ${actors[broken.actor].name}. `), broken.sentence || "");
    else if (!step) this.more.replaceChildren(ahead ? `This path breaks ${ahead.property} at step ${ahead.step}.` : "Press a letter to step that actor, the arrows to move in time.");
    else this.more.replaceChildren(changes && changes.length ? `changed: ${changes.join("; ")}` : "changed: nothing that is shared");
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
    const [first, back, forward, last, reset] = this.nav.children;
    for (const [node, off] of [[first, !step], [back, !step], [forward, step === steps], [last, step === steps], [reset, !steps]]) put(node, "aria-disabled", off ? "true" : null);
    if (!this.nav.querySelector('[tabindex="0"]')) this.rove(back);
  }

  paintTimeline() {
    const { board } = this;
    const had = this.ticks.contains(this.el.ownerDocument.activeElement || null) || this.ticks.matches(":focus-within");
    this.timeline.style.setProperty("--actors", board.actors.length);
    this.rows.replaceChildren(...board.actors.map((a) => h("span", { class: `tdp-hue${a.index % 8}` }, h("b", {}, a.letter), ` ${a.name}`)));
    this.ticks.replaceChildren(this.tick(null, 0), ...board.timeline.map((t) => this.tick(t, t.step)));
    const current = this.ticks.children[board.step];
    this.rove(current);
    if (had) current.focus({ preventScroll: true });
  }

  tick(entry, step) {
    const { board } = this;
    const now = step === board.step;
    const bad = (board.broken || board.ahead || {}).step === step && step > 0;
    const actor = entry ? board.actors[entry.actor] : null;
    const label = entry ? `Step ${step}: ${actor.name} ${entry.summary}${bad ? `; breaks ${(board.broken || board.ahead).property}` : ""}${step > board.step ? "; not taken yet" : ""}` : "The start";
    const kind = ["tdp-tick", now ? "tdp-now" : "", step > board.step ? "tdp-later" : "", bad ? "tdp-bad" : "", entry && entry.switch ? "tdp-switch" : ""].join(" ");
    const node = button(label, { class: kind, title: label, "data-do": "goto", "data-step": step, "aria-current": now ? "step" : null },
      h("span", { class: "tdp-tickno" }, step % 5 && !now ? "" : String(step)),
      entry ? h("span", { class: `tdp-mark tdp-hue${entry.actor % 8}` }, bad ? "✗" : actor.letter) : null);
    if (entry) node.style.setProperty("--row", entry.actor);
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
    const { code, timeline, actors, step, left } = this.board;
    this.left.hidden = !left;
    if (left) this.left.replaceChildren(h("span", {}, "branch left behind "), h("code", {}, left.code), " ", button("Go back to the branch left behind", { "data-do": "restore", class: "tdp-copy" }, "Go back to it"));
    this.code.textContent = code || "(no step yet)";
    this.copied.textContent = "";
    this.words.replaceChildren(...timeline.map((t) => h("li", { class: t.step > step ? "tdp-later" : "" },
      h("b", {}, actors[t.actor].name), ` ${t.summary} `, h("span", { class: "tdp-kind" }, `${t.function || ""} ${t.line || ""}`))));
  }

  scrollAll() {
    for (const lane of this.lanes) lane.scroll();
    const now = this.ticks.children[this.board.step || 0];
    const { timeline } = this;
    if (!now) return;
    const left = now.offsetLeft - timeline.clientWidth * 0.6;
    if (now.offsetLeft + 40 > timeline.scrollLeft + timeline.clientWidth || now.offsetLeft - this.rows.offsetWidth - 40 < timeline.scrollLeft) timeline.scrollLeft = left;
  }
}

/** One actor: its buttons, where it stands, the source of the function it is in, its locals. */
class Lane {
  constructor(actor) {
    const hue = `tdp-hue${actor.index % 8}`;
    this.state = h("span", { class: "tdp-actor-state" });
    this.step = button("", { class: "tdp-step", "data-do": "step", "data-actor": actor.index, tabindex: -1 });
    this.run = button(`Run ${actor.name} until it blocks`, { class: "tdp-run", title: `Run ${actor.name} until it blocks (Shift+${actor.letter.toUpperCase()})`, "data-do": "run", "data-actor": actor.index, tabindex: -1 }, icon(ICONS.run));
    this.path = h("div", { class: "tdp-path" });
    this.source = h("div", { class: "tdp-source", role: "group", tabindex: -1 });
    this.locals = h("div", { class: "tdp-locals" });
    this.node = h("div", { class: `tdp-lane ${hue}`, role: "group", "aria-label": actor.name },
      h("div", { class: "tdp-lane-head" }, h("span", { class: "tdp-badge", "aria-hidden": true }, actor.letter), h("b", {}, actor.name), this.state),
      h("div", { class: "tdp-buttons" }, this.step, this.run), this.path, this.source, this.locals);
  }

  paint(actor, board, sources) {
    const ready = actor.status === "ready";
    const why = actor.reason || (actor.status === "done" ? "its function has returned" : actor.status);
    const last = board.step ? board.timeline[board.step - 1] : null;
    const moved = Boolean(last) && last.actor === actor.index;
    put(this.node, "data-status", actor.status);
    put(this.node, "data-moved", moved ? "true" : null);
    this.state.replaceChildren(moved ? h("span", { class: "tdp-moved" }, "moved last · ") : "", actor.status);
    put(this.step, "aria-label", ready ? `Step ${actor.name}: ${actor.next}` : `${actor.name} cannot move: ${why}`);
    put(this.step, "aria-disabled", ready ? null : "true");
    put(this.run, "aria-disabled", ready ? null : "true");
    this.step.replaceChildren(h("span", { class: "tdp-verb" }, ready ? "Step" : board.broken && actor.status !== "done" ? "Stopped" : capital(actor.status)), h("span", { class: "tdp-next" }, ready ? actor.next || "" : actor.status === "done" ? "its function has returned" : board.broken ? "the path ends here" : why.replace(/^(idle|blocked): /, "")));
    const callers = (actor.stack || []).slice(0, -1).reverse().flatMap((f) => [h("span", { "aria-hidden": true }, " ‹ "), hidden(" called by "), f]);
    this.path.replaceChildren(...(actor.function ? [h("b", {}, actor.function), ...callers] : []));
    put(this.path, "title", actor.file ? `${(actor.stack || []).join(" › ")}; ${actor.file}, line ${actor.line}` : null);
    this.paintSource(actor, sources[actor.function], moved ? last : null, board.broken);
    this.locals.replaceChildren(...Object.entries(actor.locals || {}).map(([k, v]) => h("span", {}, h("code", {}, `${k} = ${v}`))));
  }

  paintSource(actor, source, last, broken) {
    const lines = source ? source.lines : [];
    const notes = docstringLines(lines);
    put(this.source, "aria-label", actor.function ? `Source of ${actor.function}, at line ${actor.line}` : "No source");
    this.current = null;
    this.source.replaceChildren(...lines.flatMap((text, i) => {
      const number = source.first + i;
      const here = number === actor.line && actor.status !== "done";
      const ran = last && last.function === actor.function && last.line === number;
      const bad = here && broken && broken.actor === actor.index;
      const line = h("div", { class: "tdp-line" + (here ? " tdp-here" : "") + (ran ? " tdp-ran" : "") + (bad ? " tdp-bad" : ""), "aria-current": here ? "true" : null },
        h("span", { class: "tdp-gutter", "aria-hidden": true }, bad ? "✗" : here ? "▸" : ran ? "✓" : ""), h("span", { class: "tdp-lineno" }, String(number)),
        sourceText(text, notes[i]),
        here ? hidden(bad ? " (breaks here)" : " (stands here)") : ran ? hidden(" (just done)") : null);
      if (here) this.current = line;
      return bad ? [line, h("div", { class: "tdp-broken-note" }, h("b", {}, broken.property), " ", broken.sentence || "")] : [line];
    }));
    if (!lines.length) this.source.append(h("p", { class: "tdp-none" }, actor.status === "done" ? "done" : "no source for this function"));
  }

  /** Keep the current line in view, moving the pane only when it must. */
  scroll() {
    const { current, source } = this;
    if (!current) return;
    const top = current.offsetTop; // the pane is the line's offset parent
    const note = current.nextElementSibling;
    const end = top + current.offsetHeight + (note && note.matches(".tdp-broken-note") ? note.offsetHeight : 0);
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
