/**
 * The kernel's part, played in the page: a path through an Atlas, and the board at each moment of it.
 *
 * `Player` answers as an anywidget model does (get, on, off, send) and publishes what the Interleaver
 * would: its steps and branches are those of tdplib/player.py, and tests compare the two, field by
 * field. One message more than the Interleaver's: {do: "open", path, step}.
 */

import { fewest, ordered } from "./matters.js";

const RUN_LIMIT = 500; // an actor that spins never blocks
const NEEDED_LIMIT = 120; // of a longer path it is not worked out which steps are needed

export class Player {
  /** `path`: the actors of the steps to begin with; the cursor stands at the start. */
  constructor(atlas, path = []) {
    this.atlas = atlas;
    this.opened = path;
    this.listeners = {};
    this.judging = false;
    this.left = new Map(); // number of a branch -> {path, step, ends}
    this.number = this.made = 1;
    this.handled = 0;
    this.error = this.ran = "";
    this.wind(path, 0);
    this.board = this.publish();
  }

  /* -- as a model -- */

  get(name) {
    const { board, error, handled, atlas } = this;
    return { board, error, handled, sources: atlas.sources, terms: atlas.terms }[name];
  }

  on(event, run) {
    (this.listeners[event] ||= []).push(run);
  }

  off(event, run) {
    this.listeners[event] = (this.listeners[event] || []).filter((other) => other !== run);
  }

  /** The answer comes later, as a kernel's does: who asked is not ready for it yet. */
  send(message) {
    Promise.resolve().then(() => this.answer(message));
  }

  answer(message) {
    this.error = this.ran = "";
    try {
      this.act(message);
    } catch (problem) {
      this.error = problem.message;
    }
    this.board = this.publish();
    this.handled += 1;
    for (const what of ["board", "error", "handled"]) {
      for (const run of this.listeners[`change:${what}`] || []) run();
    }
  }

  act({ do: what, actor, step, path, to, branch }) {
    const length = this.path.length;
    const actions = {
      step: () => this.step(actor), run: () => { this.ran = this.run(actor, to); },
      back: () => this.goto(Math.max(0, this.cursor - 1)),
      forward: () => this.goto(Math.min(length, this.cursor + 1)),
      goto: () => this.goto(step === "end" ? length : step),
      reset: () => this.jump(this.opened, 0), restore: () => this.restore(branch, step),
      judge: () => { this.judging = !this.judging; }, open: () => this.jump(path, step),
    };
    if (!actions[what]) throw new Error(`This page cannot do that without a kernel: ${what}.`);
    actions[what]();
    if (["step", "run", "reset", "restore", "open"].includes(what)) this.tidy();
  }

  /* -- moving -- */

  /** Make `path` the timeline, as far as it can be taken; the cursor after `step` steps of it. */
  wind(path, step) {
    this.path = [];
    this.rows = [0];
    this.steps = [];
    for (const actor of path) if (!this.take(actor)) break;
    this.cursor = Math.min(step, this.path.length);
  }

  take(actor) {
    const step = this.atlas.step(this.rows.at(-1), actor);
    if (!step) return false;
    this.path.push(actor);
    this.rows.push(step.target);
    this.steps.push(step);
    return true;
  }

  goto(step) {
    this.cursor = checked("step", step, this.path.length);
  }

  step(actor) {
    if (this.path[this.cursor] === actor) {
      this.cursor += 1; // the step that was taken here before: no new branch
      return;
    }
    const entry = this.now(actor);
    if (entry.status !== "ready") throw new Error(`${entry.name} cannot move: ${this.stuck(entry)}`);
    const left = this.cursor < this.path.length ? this.onShow() : null;
    this.path.length = this.steps.length = this.cursor;
    this.rows.length = this.cursor + 1;
    this.take(actor);
    this.cursor += 1;
    if (left) this.leave(left);
  }

  stuck(entry) {
    const ended = this.atlas.value("ended", this.rows[this.cursor]);
    return ended || (entry.status === "done" ? "it has ended" : `it ${entry.reason}`);
  }

  /** Let an actor go on until it cannot, or stands at the line `to`; what ended that, in a sentence. */
  run(actor, to) {
    const { name } = this.now(actor);
    const line = to ? `line ${to[1]} of ${to[0]}` : "";
    if (to) this.check(to);
    for (let count = 1; count <= RUN_LIMIT; count += 1) {
      const stood = this.stands(actor, to);
      this.step(actor);
      const took = `${name} has taken ${count} step${count === 1 ? "" : "s"}`;
      if (this.stands(actor, to)) return `${took} and stands at ${line}.`;
      if (this.wentThrough(to, stood)) return `${took} and went through ${line} within the last one.`;
      const ended = this.endOf(actor);
      if (ended && to) return `${took} and did not come to ${line}: ${ended}.`;
      if (ended) return `${took} and ${ended.replace(/^it /, "")}.`;
    }
    const missed = to ? `it did not come to ${line}` : "it does not block";
    throw new Error(`${name} was stopped after ${RUN_LIMIT} steps: ${missed}.`);
  }

  check([name, line]) {
    const source = this.atlas.sources[name];
    if (!source) throw new Error(`no function '${name}'`);
    const last = source.first + source.lines.length - 1;
    if (Number.isInteger(line) && line >= source.first && line <= last) return;
    throw new Error(`${name} has the lines ${source.first} to ${last}, not ${line}`);
  }

  stands(actor, to) {
    const now = this.now(actor);
    return Boolean(to) && now.status !== "done" && now.function === to[0] && now.line === to[1];
  }

  /** Whether the last step did something at the line; what it stood at does not count. */
  wentThrough(to, stood) {
    const { actions } = this.steps[this.cursor - 1].tale;
    return Boolean(to) && actions.slice(stood ? 1 : 0).some((a) => a.function === to[0] && a.line === to[1]);
  }

  endOf(actor) {
    const broken = this.atlas.value("broken", this.rows[this.cursor]);
    if (broken) return `${broken.property} is broken`;
    const { status, reason } = this.now(actor);
    if (status === "ready") return "";
    return `it is ${status}${status === "blocked" ? `: ${reason}` : ""}`;
  }

  /** Go to a moment of a path: the one that was opened, that of a link, or that of the page. */
  jump(path, step) {
    const left = this.onShow();
    this.wind(path, step);
    if (String(left.path) !== String(this.path)) this.leave(left);
    if (this.path.length < path.length) {
      throw new Error(`Only ${this.path.length} of ${path.length} steps can be taken here.`);
    }
  }

  restore(number = [...this.left.keys()].at(-1), step = undefined) {
    if (!this.left.size) throw new Error("there is no branch to go back to: none has been left yet.");
    const branch = this.left.get(number);
    const known = [...this.left.keys()].sort((a, b) => a - b).join(", ");
    if (!branch) throw new Error(`there is no branch ${number} to go back to; there is ${known}`);
    const left = this.onShow();
    this.wind(branch.path, step === undefined ? branch.step : checked("step", step, branch.path.length));
    this.left.delete(number);
    if (left.path.length) this.left.set(this.number, left);
    this.number = number;
  }

  onShow() {
    const { broken, advice } = this.end();
    const ends = broken ? `breaks ${broken.property}` : advice ? `shows ${advice.property}` : "";
    return { path: [...this.path], step: this.cursor, ends };
  }

  /** Keep the timeline that has been left, and give the one on show a number of its own. */
  leave(left) {
    if (!left.path.length) return;
    this.left.set(this.number, left);
    this.made += 1;
    this.number = this.made;
  }

  /** Forget each branch that is the beginning of another one, or is on show again. */
  tidy() {
    for (const [number, { path }] of [...this.left]) {
      if (String(path) === String(this.path)) this.number = number;
      const others = [...this.left].filter(([other]) => other !== number).map(([, branch]) => branch.path);
      if ([this.path, ...others].some((other) => common(path, other) === path.length)) this.left.delete(number);
    }
  }

  /* -- looking -- */

  now(actor) {
    return this.atlas.value(`actors.${actor}`, this.rows[this.cursor]);
  }

  code(path) {
    return this.atlas.prefix + written(path);
  }

  publish() {
    const { atlas, cursor, path, rows } = this;
    const row = rows[cursor];
    const earlier = cursor ? atlas.shared(rows[cursor - 1]) : null;
    const last = cursor ? this.steps[cursor - 1] : null;
    const shared = atlas.shared(row);
    const changed = last ? last.change.changed : [];
    const actors = this.actors(row);
    const broken = this.broken(cursor);
    const rests = actors.every((actor) => ["done", "idle"].includes(actor.status));
    const code = this.code(path.slice(0, cursor));
    return {
      ...atlas.about, ...shared, roots: this.roots(shared.roots, earlier),
      step: cursor, steps: path.length, code, actors, changed,
      timeline: this.timeline(), broken, end: rests && !broken ? "everybody is done" : null,
      advice: last && last.tale.advice ? atlas.advice : null, ahead: this.ahead(),
      actions: last ? last.tale.actions : [], did: last ? last.tale.did : "",
      was: earlier ? was(changed, earlier) : {}, changes: last ? last.change.changes : [],
      judge: this.judging ? atlas.value("judged", row).judge : null, why: this.why(row, broken),
      shape: { ...atlas.shape, slots: rows.reduce((before, at) => atlas.kinds(at, before), []) },
      ...this.matters(), ran: this.ran, branch: this.number, branches: this.branches(),
      links: atlas.links.map(([name, text]) => [name, text.replace(atlas.prefix, code)]),
    };
  }

  actors(row) {
    const found = [];
    for (let actor = 0; actor < this.atlas.actors; actor += 1) {
      const step = this.judging ? this.atlas.step(row, actor) : null;
      const leads = step ? this.atlas.value("leads_to", step.target) : null;
      found.push({ ...this.atlas.value(`actors.${actor}`, row), leads_to: leads });
    }
    return found;
  }

  roots(roots, earlier) {
    return roots.map((root) => {
      const before = earlier && earlier.roots.find((other) => other.index === root.index);
      const fields = this.atlas.role(root.role.word, before ? before.role.word : null);
      const { bits, ...role } = root.role; // the same as the fields, without what changed
      return { ...root, role: { ...role, fields } };
    });
  }

  timeline() {
    return this.steps.map(({ tale }, i) => ({
      step: i + 1, actor: this.path[i], summary: tale.summary, function: tale.function, line: tale.line,
      switch: i > 0 && this.path[i - 1] !== this.path[i], actions: tale.actions.length,
    }));
  }

  branches() {
    return [...this.left].sort(([a], [b]) => a - b).map(([number, branch]) => {
      const fork = common(branch.path, this.path);
      const actors = branch.path.slice(fork);
      return { number, fork, steps: branch.path.length, actors, ends: branch.ends };
    });
  }

  broken(cursor) {
    const broken = this.atlas.value("broken", this.rows[cursor]);
    return broken && { ...broken, step: cursor, actor: cursor ? this.path[cursor - 1] : null };
  }

  /** What the timeline's last step breaks, and the advice it gives rise to. */
  end() {
    const last = this.steps.at(-1);
    return { broken: this.broken(this.path.length), advice: last && last.tale.advice ? this.atlas.advice : null };
  }

  ahead() {
    if (this.cursor === this.path.length) return null;
    const { broken, advice } = this.end();
    const what = broken || advice;
    return what && { step: this.path.length, property: what.property, advice: !broken };
  }

  why(row, broken) {
    const { atlas, cursor } = this;
    const nothing = `Nothing is broken in the ${cursor} step${cursor === 1 ? "" : "s"} taken so far.`;
    const rest = this.judging ? atlas.value("judged", row).properties : [atlas.unasked];
    const properties = broken ? [`${broken.property} is broken: ${broken.sentence}`] : [nothing, ...rest];
    return { holds: atlas.holds(row), waits: atlas.waits(row), properties };
  }

  /** Which steps what the timeline breaks needs, and which must come before which. */
  matters() {
    const broken = this.broken(this.path.length);
    if (!broken || this.path.length > NEEDED_LIMIT) return { needed: null, before: [] };
    const key = String(this.path);
    if (this.known !== key) {
      const kept = fewest(this.path, (path) => this.breaks(path, broken.property));
      const flags = this.path.map((_, k) => kept.includes(k));
      const used = this.steps.map(({ tale }) => tale.uses.map((number) => this.atlas.uses[number]));
      const before = ordered(this.path, used, flags, this.atlas.rules);
      this.found = { needed: flags.every(Boolean) ? null : flags, before };
      this.known = key;
    }
    return this.found;
  }

  /** Whether the last step of a path breaks a property, or the state after it does. */
  breaks(path, property) {
    let row = 0;
    for (const actor of path) {
      const step = this.atlas.step(row, actor);
      if (!step) return false;
      row = step.target;
    }
    const broken = this.atlas.value("broken", row);
    return Boolean(broken) && broken.property === property;
  }
}

/** How many steps two paths have in common from the start on. */
export function common(path, other) {
  const at = path.findIndex((actor, i) => actor !== other[i]);
  return at < 0 ? path.length : at;
}

/** A path as a schedule code has it: run lengths and letters. */
export function written(path) {
  return path.map((actor) => String.fromCharCode(97 + actor)).join("")
    .replace(/(.)\1+/g, (run) => run.length + run[0]);
}

/** The path of a schedule code, or of its steps alone; null if it is none. */
export function read(code) {
  const steps = code.slice(code.lastIndexOf(":") + 1);
  if (!/^(\d{0,4}[a-p])*$/.test(steps)) return null;
  return [...steps.matchAll(/(\d*)([a-p])/g)].flatMap(([, count, letter]) =>
    Array(Number(count || 1)).fill(letter.charCodeAt(0) - 97));
}

function checked(name, number, most) {
  if (Number.isInteger(number) && number >= 0 && number <= most) return number;
  throw new Error(`${name} is ${number}, must be in 0..${most}`);
}

/** Path -> the value it had one step earlier; see tdplib/widgets/snapshot.py. */
function was(changed, earlier) {
  const found = {};
  for (const path of changed) {
    const parent = path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : path;
    for (const known of [path, parent]) {
      const old = atPath(earlier, known);
      const plain = old !== null && old !== undefined && (Array.isArray(old) || typeof old !== "object");
      if (plain) found[known] = old;
    }
  }
  return found;
}

/** The value at a dotted path of a board; what is in a list is found by its index, name or vcpu. */
function atPath(board, path) {
  let at = board;
  for (const part of path.split(".")) {
    if (Array.isArray(at)) at = at.find((item) => labels(item).includes(part));
    else if (at && typeof at === "object") at = at[part];
    else return null;
  }
  return at;
}

const labels = (item) => (item && typeof item === "object" && !Array.isArray(item)
  ? ["index", "name", "vcpu"].filter((key) => key in item).map((key) => String(item[key])) : []);
