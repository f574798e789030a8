/**
 * A plain text area for kernel Python, with line numbers beside it.
 *
 * Tab indents by four spaces, Shift+Tab takes them back, Enter keeps the indent, Ctrl+Enter checks.
 * Escape leaves the text, so that Tab is no trap.
 */

import { div, h, put } from "./elements.js";

const INDENT = "    ";

/** `ask.check(text)` and `ask.leave()` are called where a key asks for them. */
export class Editor {
  constructor(ask, signal) {
    this.ask = ask;
    this.area = h("textarea", { class: "tdp-code", "aria-label": "The code to change", spellcheck: "false",
      autocomplete: "off", autocapitalize: "off", wrap: "off", rows: 4 });
    this.numbers = h("div", { class: "tdp-code-numbers", "aria-hidden": true });
    this.node = div("tdp-editor", this.numbers, this.area);
    this.area.addEventListener("input", () => this.count(), { signal });
    // At the window, for the same reason as the view's: Notebook 7 reads keys before they get here.
    const ours = (e) => { if (e.target === this.area) this.key(e); };
    window.addEventListener("keydown", ours, { signal, capture: true });
  }

  get text() {
    return this.area.value;
  }

  /** Show `text`, if it is another than was given last: what is being typed stays. */
  give(text) {
    if (text === this.given) return;
    this.given = text;
    if (text !== this.area.value) this.area.value = text;
    this.count();
  }

  /** Mark the place of an error, or none (line 0). */
  mark(line, column) {
    put(this.area, "aria-invalid", line ? true : null);
    this.bad = line;
    this.count();
    if (line && this.area.matches(":focus")) this.go(line, column);
  }

  /** Put the cursor at a line and a column, both from 1. */
  go(line, column) {
    const before = this.area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const at = before + column - 1;
    this.area.focus();
    this.area.setSelectionRange(at, at);
  }

  count() {
    const lines = this.area.value.split("\n").length;
    this.area.rows = Math.max(4, lines);
    this.numbers.replaceChildren(...Array.from({ length: lines }, (_, i) =>
      h("div", { class: i + 1 === this.bad ? "tdp-bad-line" : null }, (i + 1 === this.bad ? "✗ " : "") + (i + 1))));
  }

  key(event) {
    event.stopPropagation(); // letters are letters here, not actors
    if (event.key === "Escape") this.ask.leave();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.ask.check(this.text);
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "Tab") this.indent(event.shiftKey);
    else if (event.key === "Enter") this.type("\n" + /^ */.exec(this.line().before)[0]);
    else return;
    event.preventDefault();
  }

  /** The line of the cursor: its first character's place, and its text before the cursor. */
  line() {
    const { value, selectionStart } = this.area;
    const first = value.lastIndexOf("\n", selectionStart - 1) + 1;
    return { first, before: value.slice(first, selectionStart) };
  }

  indent(back) {
    const { first } = this.line();
    if (!back) return this.type(INDENT);
    const spaces = /^ {0,4}/.exec(this.area.value.slice(first))[0].length;
    if (!spaces) return undefined;
    const at = this.area.selectionStart;
    this.area.setSelectionRange(first, first + spaces);
    this.type("");
    return this.area.setSelectionRange(Math.max(first, at - spaces), Math.max(first, at - spaces));
  }

  /** Type `text` in the place of what is selected; as a key would, so that Ctrl+Z takes it back. */
  type(text) {
    if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
    const { selectionStart, selectionEnd } = this.area;
    this.area.setRangeText(text, selectionStart, selectionEnd, "end");
    this.count();
  }
}
