/**
 * Every state of a small scenario, read back from what tdplib/widgets/packing.py wrote: no page needed.
 *
 * A row is a state. `rest(row)` gives the parts of its board, `step(row, actor)` what one step does.
 */

/** Undo the compression, and read the parts; resolves to an Atlas. */
export async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Atlas(new Uint8Array(await new Response(stream).arrayBuffer()));
}

export class Atlas {
  constructor(bytes) {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const data = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    Object.assign(this, data);
    this.numbers = {};
    let at = 4 + length;
    for (const [name, count, width] of data.columns) {
      const numbers = new Uint32Array(count);
      for (let place = 0; place < width; place += 1) {
        for (let i = 0; i < count; i += 1) numbers[i] += bytes[at + i] * 256 ** place;
        at += count;
      }
      this.numbers[name] = numbers;
    }
    this.targets = unfolded(this.numbers.target);
    this.first = new Int32Array(this.numbers.degree.length + 1);
    this.numbers.degree.forEach((degree, row) => { this.first[row + 1] = this.first[row] + degree; });
    this.first.forEach((from, row) => {
      for (let edge = from; edge < this.first[row + 1]; edge += 1) this.targets[edge] += row;
    });
    this.actors = this.places("actors").length;
  }

  /** The value of a column in a row. */
  value(column, row) {
    return this.values[column][this.numbers[column][row]];
  }

  /** The columns of a part that is a list: "roots.0", "roots.1" ... */
  places(part) {
    const found = [];
    while (this.numbers[`${part}.${found.length}`]) found.push(`${part}.${found.length}`);
    return found;
  }

  /** What is there of a part in a row, without the places where nothing is. */
  list(part, row) {
    return this.places(part).map((column) => this.value(column, row)).filter((item) => item !== null);
  }

  /** What all see alike: roots, locks, lists and so on, as in a board; nobody may change it. */
  shared(row) {
    const parts = this.parts.map((name) => [name, this.value(name, row)]);
    return { roots: this.list("roots", row), ...Object.fromEntries(parts) };
  }

  /** What each page slot is in a row, or was by then: `before` is the same of the row before. */
  kinds(row, before = []) {
    return this.value("kinds", row).map((kind, slot) => kind || before[slot] || "");
  }

  /** Sentences: who holds what. */
  holds(row) {
    const said = (column) => this.value(column, row);
    return [...said("held.locks"), ...this.places("held").flatMap(said), ...said("held.rcu")];
  }

  /** Sentences: who waits for whom, and who can move. */
  waits(row) {
    const broken = this.value("broken", row);
    const places = this.places("actors");
    const lines = places.map((column, actor) => this.values[`moves.${actor}`][this.numbers[column][row]]);
    const said = lines.map((line) => line[broken ? 1 : 0]).filter(Boolean);
    const states = places.map((column) => this.value(column, row).status);
    if (broken) said.push("Nobody moves any more: the path ends where a property is broken.");
    else if (states.includes("blocked") && !states.includes("ready")) said.push("Nobody can move.");
    return said;
  }

  /** The step of an actor: {target, tale, change}, or null where it cannot move. */
  step(row, actor) {
    for (let edge = this.first[row]; edge < this.first[row + 1]; edge += 1) {
      if (this.numbers.actor[edge] !== actor) continue;
      return { target: this.targets[edge], tale: this.value("tale", edge), change: this.value("change", edge) };
    }
    return null;
  }

  isEnd(row) {
    return this.first[row] === this.first[row + 1];
  }

  /** The fields of a role word; `old` is the word one step earlier, or null. */
  role(word, old) {
    return this.fields[`${word},${old}`];
  }
}

/** Numbers of which each is told by its difference from the one before, folded. */
function unfolded(folded) {
  let last = 0;
  return Int32Array.from(folded, (n) => (last += n % 2 ? -(n + 1) / 2 : n / 2));
}
