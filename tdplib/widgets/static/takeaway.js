/**
 * What can be taken along: the schedule code, lines that open it again, files.
 */

import { button, div, group, h, span } from "./elements.js";

export class Takeaway {
  constructor() {
    this.code = h("code", {});
    this.said = h("span", { class: "tdp-copied", role: "status" });
    this.lines = group("tdp-take", "Copy a line that opens it again");
    this.files = group("tdp-take", "Save the whole timeline");
    this.shown = h("code", { class: "tdp-shown" });
    this.node = h("div", { class: "tdp-taking", role: "toolbar", "aria-label": "To take away", "data-region": "take" },
      div("tdp-schedule", span("", "schedule "), this.code, " ",
        button("Copy the schedule code", { class: "tdp-copy", "data-copy": "" }, "Copy")),
      div("tdp-takes", this.lines, this.files), this.said, this.shown);
    this.view = `view ${Math.random()}`; // two views of one widget: each gets the files it asked for
  }

  paint(board, saves) {
    this.texts = [board.code, ...(board.links || []).map(([, text]) => text)];
    this.code.textContent = board.steps ? board.code : "(no step yet)";
    this.tell("");
    const key = JSON.stringify([board.links, saves, board.steps]);
    if (key === this.key) return;
    this.key = key;
    const links = (board.links || []).map(([name, text], i) => button(`Copy as ${name}: ${text}`,
      { class: "tdp-copy", "data-copy": i + 1, title: text }, name));
    const files = (saves || []).map(([kind, title]) => button(`Save as ${title}`,
      { class: "tdp-copy", "data-do": "export", "data-kind": kind, "aria-disabled": board.steps ? null : true }, title));
    this.lines.hidden = !links.length; // an empty group would still be read out
    this.files.hidden = !files.length;
    this.lines.replaceChildren(...(links.length ? [span("", "copy to reopen it: "), ...links] : []));
    const steps = board.steps === 1 ? "the one step" : `all ${board.steps} steps`;
    this.files.replaceChildren(...(files.length ? [span("", board.steps ? `save ${steps}: ` : "save: "), ...files] : []));
  }

  tell(text) {
    this.said.textContent = text;
    this.shown.textContent = "";
  }

  async copy(index) {
    const text = this.texts[index];
    try {
      await navigator.clipboard.writeText(text);
      this.tell("copied");
    } catch {
      this.tell("this page may not copy by itself; press Ctrl+C: "); // no clipboard where a page is not secure
      this.shown.textContent = text;
      getSelection().selectAllChildren(this.shown);
    }
  }

  /** The kernel sent a file: hand it to the browser's downloads, if it is for this view. */
  take(message) {
    if (!message || !message.file || message.view !== this.view) return;
    const { name, type, text } = message.file;
    const cell = `In a cell, .save("${name}") of the widget writes it too.`;
    const link = h("a", { download: name, hidden: "" });
    if (!("download" in link) || !URL.createObjectURL) {
      this.tell(`This page cannot save files. ${cell}`);
      return;
    }
    link.href = URL.createObjectURL(new Blob([text], { type }));
    this.node.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    this.tell(`${name} goes to the browser's downloads. ${cell}`);
  }
}
