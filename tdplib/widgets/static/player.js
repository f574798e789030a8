/**
 * The kernel's part, played in the page: a path through an Atlas, and the board at each moment of it.
 *
 * `Player` answers as an anywidget model does (get, on, off, send) and publishes what the Interleaver
 * would: tests compare the two, field by field.
 */

const RUN_LIMIT = 500; // an actor that spins never blocks
const NEEDED_LIMIT = 120; // of a longer path it is not worked out which steps are needed

export class Player {
  /** `path`: the actors of the steps to begin with; the cursor stands at the start. */
  constructor(atlas, path = []) {
    this.atlas = atlas;
    this.opened = path;
    this.listeners = {};
    this.judging = false;
    this.left = null;
    this.handled = 0;
    this.error = "";
    this.open(path, 0);
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
    this.error = "";
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

  act({ do: what, actor, step, path }) {
    const length = this.path.length;
    const actions = {
      step: () => this.step(actor), run: () => this.run(actor), restore: () => this.restore(),
      back: () => this.goto(Math.max(0, this.cursor - 1)),
      forward: () => this.goto(Math.min(length, this.cursor + 1)),
      goto: () => this.goto(step === "end" ? length : step),
      reset: () => this.reset(), judge: () => { this.judging = !this.judging; },
      open: () => this.jump(path, step),
    };
    if (!actions[what]) throw new Error(`This page cannot do that without a kernel: ${what}.`);
    actions[what]();
  }

  /* -- moving -- */

  /** Make `path` the timeline, as far as it can be taken; the cursor after `step` steps of it. */
  open(path, step) {
    this.path = [];
    this.rows = [0];
    this.steps = [];
    for (const actor of path) if (!this.take(actor)) break;
    this.cursor = Math.min(step, this.path.length);
    return this.path.length === path.length;
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
    if (!Number.isInteger(step) || step < 0 || step > this.path.length) {
      throw new Error(`step must be in 0..${this.path.length}, got ${step}`);
    }
    this.cursor = step;
  }

  step(actor) {
    if (this.path[this.cursor] === actor) {
      this.cursor += 1; // the step that was taken here before: no new branch
      return;
    }
    const entry = this.entry(this.rows[this.cursor], actor);
    if (entry.status !== "ready") throw new Error(`${entry.name} cannot move: ${this.stuck(entry)}`);
    const left = this.cursor < this.path.length ? this.branch() : this.left;
    this.cut();
    this.take(actor);
    this.cursor += 1;
    this.left = left;
  }

  stuck(entry) {
    const ended = this.atlas.value("ended", this.rows[this.cursor]);
    return ended || (entry.status === "done" ? "it has ended" : `it ${entry.reason}`);
  }

  cut() {
    this.path.length = this.steps.length = this.cursor;
    this.rows.length = this.cursor + 1;
  }

  run(actor) {
    this.step(actor);
    for (let count = 1; count < RUN_LIMIT; count += 1) {
      const row = this.rows[this.cursor];
      const { status } = this.entry(row, actor);
      if (this.atlas.value("broken", row) || status !== "ready") return;
      this.cut();
      this.take(actor);
      this.cursor += 1;
    }
    const { name } = this.entry(0, actor);
    throw new Error(`${name} was stopped after ${RUN_LIMIT} steps: it does not block.`);
  }

  branch() {
    return this.path.length ? { path: [...this.path], step: this.cursor } : null;
  }

  reset() {
    this.left = this.branch() || this.left;
    this.open(this.opened, 0);
  }

  restore() {
    const branch = this.left;
    if (!branch) throw new Error("There is no branch to go back to: none has been left yet.");
    this.left = this.branch();
    this.open(branch.path, branch.step);
  }

  /** Go to a moment of a path from elsewhere: a link, or the path the page was made for. */
  jump(path, step) {
    const here = this.branch();
    const fits = this.open(path, step);
    if (here && String(here.path) !== String(this.path)) this.left = here;
    if (!fits) throw new Error(`Only ${this.path.length} of ${path.length} steps can be taken here.`);
  }

  /* -- looking -- */

  entry(row, actor) {
    return this.atlas.value(`actors.${actor}`, row);
  }

  code(path) {
    return this.atlas.prefix + written(path);
  }

  publish() {
    const { atlas, cursor, path, rows } = this;
    const row = rows[cursor];
    const earlier = cursor ? this.atlas.shared(rows[cursor - 1]) : null;
    const last = cursor ? this.steps[cursor - 1] : null;
    const shared = atlas.shared(row);
    const changed = last ? last.change.changed : [];
    const actors = this.actors(row);
    const broken = this.broken(cursor);
    const rests = actors.every((actor) => ["done", "idle"].includes(actor.status));
    return {
      ...atlas.about, ...shared, roots: this.roots(shared.roots, earlier),
      step: cursor, steps: path.length, code: this.code(path.slice(0, cursor)), actors, changed,
      timeline: this.timeline(), broken, end: rests && !broken ? "everybody is done" : null,
      advice: last && last.tale.advice ? atlas.advice : null, ahead: this.ahead(),
      actions: last ? last.tale.actions : [], did: last ? last.tale.did : "",
      was: earlier ? was(changed, earlier) : {}, changes: last ? last.change.changes : [],
      needed: this.needed(), judge: this.judging ? atlas.value("judge", row) : null,
      why: this.why(row, broken),
      shape: { ...atlas.shape, slots: rows.reduce((before, at) => atlas.kinds(at, before), []) },
      left: this.left && { code: this.code(this.left.path), step: this.left.step },
    };
  }

  actors(row) {
    const found = [];
    for (let actor = 0; actor < this.atlas.actors; actor += 1) {
      const step = this.judging ? this.atlas.step(row, actor) : null;
      const leads = step ? this.atlas.value("leads_to", step.target) : null;
      found.push({ ...this.entry(row, actor), leads_to: leads });
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

  broken(cursor) {
    const broken = this.atlas.value("broken", this.rows[cursor]);
    return broken && { ...broken, step: cursor, actor: cursor ? this.path[cursor - 1] : null };
  }

  ahead() {
    const last = this.path.length;
    if (this.cursor === last) return null;
    const broken = this.broken(last);
    const advice = this.steps[last - 1].tale.advice ? this.atlas.advice : null;
    const what = broken || advice;
    return what && { step: last, property: what.property, advice: !broken };
  }

  why(row, broken) {
    const { atlas, cursor } = this;
    const nothing = `Nothing is broken in the ${cursor} step${cursor === 1 ? "" : "s"} taken so far.`;
    const rest = this.judging ? atlas.value("properties", row) : [atlas.unasked];
    const properties = broken ? [`${broken.property} is broken: ${broken.sentence}`] : [nothing, ...rest];
    return { holds: atlas.holds(row), waits: atlas.list("waits", row), properties };
  }

  /* -- which steps what is broken needs: see tdplib/replay/needed.py -- */

  needed() {
    const broken = this.broken(this.path.length);
    if (!broken || this.path.length > NEEDED_LIMIT) return null;
    const key = String(this.path);
    if (this.known !== key) {
      const kept = fewest(this.path, (path) => this.breaks(path, broken.property));
      this.flags = kept.length < this.path.length ? this.path.map((_, k) => kept.includes(k)) : null;
      this.known = key;
    }
    return this.flags;
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

/** Leave out whole actors, then ends of what they do, then turns, then single steps, while it can be. */
function fewest(path, breaks) {
  let kept = [...path.keys()];
  for (const parts of [ofActors, ends, turns, singles]) {
    let shrinking = true;
    while (shrinking) {
      shrinking = false;
      for (const part of parts(path, kept)) {
        const less = kept.filter((k) => !part.includes(k));
        if (less.length === kept.length || less.at(-1) !== kept.at(-1)) continue;
        if (!breaks(less.map((k) => path[k]))) continue;
        kept = less;
        shrinking = true;
      }
    }
  }
  return kept;
}

const who = (path, kept) => [...new Set(kept.map((k) => path[k]))].sort((a, b) => a - b);
const ofActors = (path, kept) => who(path, kept).map((actor) => kept.filter((k) => path[k] === actor));
const ends = (path, kept) => ofActors(path, kept).flatMap((mine) => mine.slice(1).map((_, at) => mine.slice(at + 1)));
const singles = (path, kept) => kept.map((k) => [k]).reverse();

function turns(path, kept) {
  const found = [];
  kept.forEach((k, i) => {
    if (i && path[kept[i - 1]] === path[k]) found.at(-1).push(k);
    else found.push([k]);
  });
  return found.reverse();
}

/** A path as a schedule code has it: run lengths and letters. */
export function written(path) {
  return path.map((actor) => String.fromCharCode(97 + actor)).join("")
    .replace(/(.)\1+/g, (run) => run.length + run[0]);
}

/** The path of a schedule code, or of its steps alone; null if it is none. */
export function read(code) {
  const steps = code.slice(code.lastIndexOf(":") + 1);
  if (!/^(\d*[a-p])*$/.test(steps)) return null;
  const path = [...steps.matchAll(/(\d*)([a-p])/g)].flatMap(([, count, letter]) =>
    Array(Math.min(Number(count || 1), 100000)).fill(letter.charCodeAt(0) - 97));
  return path;
}

/** Path -> the value it had one step earlier; see tdplib/widgets/snapshot.py. */
function was(changed, earlier) {
  const found = {};
  for (const path of changed) {
    for (const known of [path, path.slice(0, Math.max(path.lastIndexOf("."), 0)) || path]) {
      const old = atPath(earlier, known);
      const value = old !== null && old !== undefined && (Array.isArray(old) || typeof old !== "object");
      if (value) found[known] = old;
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
