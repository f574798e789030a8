/**
 * A board in words and signs: plain functions, no page needed.
 */

const HUES = 8; // as many as the style sheet has; the letter tells actors apart, not the colour
const KEYWORDS = new Set(
  ("def return if elif else while for in break continue pass and or not is None True False " +
    "from import class").split(" "),
);

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

/** Which lines of a source lie in a docstring: an array of booleans. Null lines are folded away. */
export function docstringLines(lines) {
  let inside = false;
  return lines.map((line) => {
    if (line === null) return (inside = false);
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
    Home: { do: "goto", step: 0 }, End: { do: "goto", step: "end" },
    ArrowUp: { move: -1 }, ArrowDown: { move: 1 }, PageUp: { page: -1 }, PageDown: { page: 1 },
  }[event.key];
  if (fixed) return event.shiftKey ? null : fixed;
  if (event.key === "!") return { do: "judge" };
  if (event.key === "?") return { toggle: "why" };
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
  const who = board.ran ? `${board.ran} Its last step` : board.actors[step.actor].name;
  return `${who}: ${arrows(board.did)}${where}.${end}`;
}

/** The line under it: what broke or is advised; at the start what lies ahead; else what changed. */
export function consequence(board) {
  const { broken, advice, ahead, step, changes } = board;
  if (broken) return `✗ ${broken.property} is broken. ${broken.sentence || ""}`;
  if (advice) return `Advice, ${advice.property}: ${advice.sentence}`;
  const does = ahead && (ahead.advice ? "shows" : "breaks");
  if (!step && ahead) return `This path ${does} ${ahead.property} at step ${ahead.step}.`;
  if (!step) return "Choose who moves: press a Step button, or the letter beside a name. The arrows above go back in time.";
  return `changed: ${changes && changes.length ? changes.join("; ") : "nothing that is shared"}`;
}

/** What one tick of the timeline is called. */
export function tickLabel(board, entry, bad) {
  if (!entry) return "The start";
  const breaks = bad ? `; ${bad.advice ? "shows" : "breaks"} ${bad.property}` : "";
  const later = entry.step > board.step ? "; not taken yet" : "";
  const spare = isSpare(board, entry) ? "; not needed for what breaks" : "";
  return `Step ${entry.step}: ${board.actors[entry.actor].name} ${entry.summary}${breaks}${spare}${later}`;
}

/** How many of the first `step` steps another actor took than the one before. */
export const switches = (board) => board.timeline.slice(0, board.step).filter((entry) => entry.switch).length;

/** Which earlier steps must stay before the step `number`, and why; of a path that breaks something. */
export const mustFollow = (board, number) => (board.before || []).filter(([, then]) => then === number)
  .map(([first, , why]) => `(after step ${first}: ${why}) `).join("");

/** Say whether what the timeline breaks would break without this step too. */
export const isSpare = (board, entry) => Boolean(board.needed) && board.needed[entry.step - 1] === false;

/** The sign before a judgement: of danger, of safety, of not knowing. */
export const judgeSign = (judged) => (judged.danger ? "!" : judged.danger === false ? "✓" : "?");

/** The face of an actor's button: a verb, what it is about, and the name for a screen reader. */
export function buttonFace(actor, board) {
  const leads = actor.leads_to ? `; ${actor.leads_to.text}` : "";
  if (actor.status === "ready") return ["Step", actor.next || "", `Step ${actor.name}: ${actor.next}${leads}`];
  const done = actor.status === "done";
  const why = actor.reason || (done ? "its function has returned" : actor.status);
  const name = `${actor.name} cannot move: ${why}`;
  if (board.broken && !board.broken.at_end && !done) return ["Stopped", "the path ends here: go back to try another step", name];
  return [capital(actor.status), why.replace(/^(idle|blocked): /, ""), name];
}

const arrows = (text) => text.replaceAll("->", "→"); // so that no line ends inside the arrow
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const hex = (word) => "0x" + Number(word).toString(16);
export const names = (list) => (list || []).join(", ");
export const hue = (index) => `tdp-hue${index % HUES}`;
export const bitsOf = (f) => (f.width > 1 ? `bits ${f.first} to ${f.first + f.width - 1}` : `bit ${f.first}`);
