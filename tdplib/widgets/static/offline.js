/**
 * The page of a failure that needs no kernel: the Interleaver's view on a Player, and above it where
 * one stands to the path that the page was made for.
 *
 * The moment on show is in the address: #CODE, a schedule code, opens the page at its end again.
 */

import { unpack } from "./atlas.js";
import { button, group, h, put } from "./elements.js";
import { common, Player, read } from "./player.js";
import { View } from "./view.js";

/** Whether a path is the beginning of another one. */
const begins = (path, other) => common(path, other) === path.length;

class Offline {
  constructor(atlas, el) {
    this.atlas = atlas;
    this.home = atlas.paths[0] || null; // the path that is left and come back to
    this.player = new Player(atlas, this.home ? this.home.path : []);
    this.told = h("p", { role: "status", "aria-live": "polite" });
    this.back = button(null, { "data-back": true }, "Back to the path");
    this.others = atlas.paths.map((other, i) => button(null, { "data-path": i },
      `Another path: ${other.ends} in ${other.path.length} steps`));
    this.link = button(null, { "data-link": true }, "Copy link to this moment");
    this.bar = group("tdp-ui page-path", "The path", this.told, this.back, this.others, this.link);
    this.bar.addEventListener("click", (event) => this.click(event));
    el.append(this.bar);
    this.openHash();
    this.view = new View(this.player, el);
    this.player.on("change:board", () => this.paint());
    window.addEventListener("hashchange", () => this.openHash());
    this.paint();
    document.addEventListener("keydown", (event) => {
      if (event.target === document.body) this.view.key(event); // nothing else has the focus
    });
    this.focus();
  }

  click(event) {
    const { back, path, link } = (event.target.closest("button") || event.target).dataset;
    if (link) this.copy();
    else if (path) this.leaveFor(this.atlas.paths[Number(path)]);
    else if (back) this.player.send({ do: "open", path: this.home.path, step: this.kept() });
    if (path || back) this.focus(); // the button goes away
  }

  focus() {
    this.view.root.focus({ preventScroll: true });
  }

  /** Make another path the one that is left and come back to. */
  leaveFor(other) {
    this.home = other;
    this.player.send({ do: "open", path: other.path, step: 0 });
  }

  /** The steps up to the cursor. */
  now() {
    return this.player.path.slice(0, this.player.cursor);
  }

  kept() {
    return common(this.now(), this.home.path);
  }

  paint() {
    const now = this.now();
    const left = Boolean(this.home) && !begins(now, this.home.path);
    put(this.bar, "data-left", left);
    this.back.hidden = !left;
    this.told.textContent = this.home ? this.words(now, left) : this.atlas.lead;
    this.others.forEach((node, i) => { node.hidden = this.atlas.paths[i] === this.home; });
    const code = now.length ? `#${this.player.code(now)}` : "";
    if (code || location.hash) this.show(code);
  }

  words(now, left) {
    const { path, ends } = this.home;
    const names = this.player.board.actors.map((actor) => actor.name);
    if (!left) return `You are on the path that ${ends}, at step ${now.length} of ${path.length}.`;
    const at = this.kept();
    const rather = at < path.length ? `: there it goes on with ${names[path[at]]}` : "";
    return `You left the path that ${ends} at step ${at + 1}${rather}.`;
  }

  /** Put the moment into the address, without a new entry in the browser's history. */
  show(hash) {
    try {
      history.replaceState(null, "", hash || location.pathname + location.search);
    } catch {
      // some frames do not let a page change its address
    }
  }

  /** Open the moment that the address names. */
  openHash() {
    const code = decodeURIComponent(location.hash.slice(1));
    const path = code ? read(code) : null;
    if (!code || (path && String(path) === String(this.now()))) return;
    const mine = !code.includes(":") || code.startsWith(this.atlas.prefix);
    if (!path || !mine) this.fail(`The address ends in ${code}, which is no path of this page.`);
    else if (this.home && begins(path, this.home.path)) this.open(this.home.path, path.length);
    else this.open(path, path.length);
  }

  open(path, step) {
    const message = { do: "open", path, step };
    if (this.view) this.player.send(message);
    else this.player.answer(message);
  }

  fail(text) {
    this.player.error = text;
    if (this.view) this.view.complain(text);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      this.link.textContent = "Link copied";
    } catch {
      this.link.textContent = "The link is this page's address";
    }
  }
}

const board = document.querySelector(".page-board");
try {
  new Offline(await unpack(document.querySelector(".page-data").textContent), board);
  document.querySelector(".page-scripted").hidden = false;
  document.querySelector(".page-plain").hidden = true;
} catch (problem) {
  board.textContent = `The board cannot be shown in this browser: ${problem.message}.`;
}
