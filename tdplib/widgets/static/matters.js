/**
 * Which steps of a path matter for what it breaks, and which must come before which: what
 * tdplib/replay/needed.py says, of a path through an Atlas. No page needed.
 */

/** Leave out whole actors, then ends of what they do, then turns, then single steps, while it can be. */
export function fewest(path, breaks) {
  let kept = [...path.keys()];
  for (const parts of [ofActors, tails, turns, singles]) {
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

const actorsOf = (path, kept) => [...new Set(kept.map((k) => path[k]))].sort((a, b) => a - b);
const ofActors = (path, kept) => actorsOf(path, kept).map((actor) => kept.filter((k) => path[k] === actor));
const tails = (path, kept) => ofActors(path, kept).flatMap((mine) => mine.slice(1).map((_, at) => mine.slice(at + 1)));
const singles = (path, kept) => kept.map((k) => [k]).reverse();

function turns(path, kept) {
  const found = [];
  kept.forEach((k, i) => {
    if (i && path[kept[i - 1]] === path[k]) found.at(-1).push(k);
    else found.push([k]);
  });
  return found.reverse();
}

/**
 * The arrows between steps of different actors, as [first, then, why]; steps count from 1.
 * `used`: of each step what it uses; `flags`: of each step whether it counts;
 * `rules`: which modes of use do not go past each other, and what is told later.
 */
export function ordered(path, used, flags, rules) {
  const meets = (one, other) => one.what.join() === other.what.join() && rules.conflicts.includes(one.mode + other.mode)
    && (one.which === null || other.which === null || String(one.which) === String(other.which));
  const pairs = covering(path, flags, (j, k) => used[j].some((one) => used[k].some((other) => meets(one, other))));
  return pairs.map(([j, k]) => [j + 1, k + 1, reasons(used, j, k, meets, rules.ranks).join("; ")]);
}

/** The pairs of steps, from 0, that keep their order and follow from no others. */
function covering(path, flags, meet) {
  const behind = [];
  const found = [];
  path.forEach((actor, k) => {
    const known = new Set();
    for (let j = k - 1; flags[k] && j >= 0; j -= 1) {
      const mine = path[j] === actor;
      if (!flags[j] || known.has(j) || !(mine || meet(j, k))) continue;
      for (const i of behind[j]) known.add(i);
      known.add(j);
      if (!mine) found.push([j, k]);
    }
    behind.push(known);
  });
  return found.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
}

/** What joins two steps: of each thing the pair of uses that tells most. */
function reasons(used, j, k, meets, ranks) {
  const best = new Map();
  for (const other of used[k]) {
    for (const one of [...used[j]].reverse()) {
      if (!meets(one, other)) continue;
      const key = JSON.stringify([one.what, other.which === null ? one.which : other.which]);
      const rank = Number(one.mode === "r") + Number(other.mode === "w"); // written, then read: tells most
      if (!best.has(key) || rank < best.get(key).rank) best.set(key, { rank, one, other });
    }
  }
  const found = [...best.values()].map(({ one, other }) => ({
    late: ranks[one.what[0]] || 0, text: reason(one, j, other, k),
  }));
  const most = Math.min(...found.map((each) => each.late)) < 3 ? 2 : 3;
  return found.filter((each) => each.late <= most).sort((a, b) => a.late - b.late).map((each) => each.text);
}

function reason(one, j, other, k) {
  let thing = other.which === null ? one.thing : other.thing;
  const both = one.which !== null && other.which !== null;
  if (one.thing !== other.thing && both) thing = thing.split(".")[0]; // two bits of one word
  return `${thing}: ${one.verb} in step ${j + 1}, ${other.verb} in step ${k + 1}`;
}
