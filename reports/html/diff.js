// Two texts, word by word: which parts only one of them has.
// The shortest edit script (Myers 1986), between what the texts have in common at their ends.

const MOST_EDITS = 1200;  // beyond that the texts have parted ways, and single words in common say little

const wordsOf = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^]/gu) || [];

// [left, right, parted]: lists of {text, changed}; `parted` where the middles were too far apart to compare.
function compareTexts(left, right) {
  const a = wordsOf(left), b = wordsOf(right);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middleA = a.slice(start, a.length - end), middleB = b.slice(start, b.length - end);
  const kept = middleA.length && middleB.length ? commonWords(middleA, middleB) : [];
  const [changedA, changedB] = [new Uint8Array(a.length), new Uint8Array(b.length)];
  changedA.fill(1, start, a.length - end);
  changedB.fill(1, start, b.length - end);
  for (const [i, j, length] of worthwhile(kept || [], middleA)) {
    changedA.fill(0, start + i, start + i + length);
    changedB.fill(0, start + j, start + j + length);
  }
  return [pieces(a, changedA), pieces(b, changedB), kept === null];
}

function pieces(words, changed) {
  const found = [];
  for (let from = 0, to = 0; from < words.length; from = to) {
    while (to < words.length && changed[to] === changed[from]) to++;
    found.push({ text: words.slice(from, to).join(""), changed: changed[from] === 1 });
  }
  return found;
}

// Runs [i, j, length] of equal words on a shortest path; null where it has more than MOST_EDITS edits.
function commonWords(a, b) {
  const limit = Math.min(MOST_EDITS, a.length + b.length), middle = limit + 1;
  const furthest = new Int32Array(2 * limit + 3), trace = [];
  for (let edits = 0; edits <= limit; edits++) {
    trace.push(furthest.slice(middle - edits - 1, middle + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && furthest[middle + k - 1] < furthest[middle + k + 1]);
      let x = down ? furthest[middle + k + 1] : furthest[middle + k - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest[middle + k] = x;
      if (x >= a.length && x - k >= b.length) return backwards(trace, a.length, b.length);
    }
  }
  return null;
}

function backwards(trace, x, y) {
  const runs = [];
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const at = (k) => trace[edits][k + edits + 1], k = x - y;
    const before = k === -edits || (k !== edits && at(k - 1) < at(k + 1)) ? k + 1 : k - 1;
    const fromX = edits ? at(before) : 0, fromY = edits ? fromX - before : 0;
    const length = Math.min(x - fromX, y - fromY);
    if (length > 0) runs.push([x - length, y - length, length]);
    [x, y] = [fromX, fromY];
  }
  return runs.reverse();
}

// Without the crumbs: a blank or a comma in common between two changes is no reason to end the mark.
const worthwhile = (runs, words) => runs.filter(([i, , length]) =>
  words.slice(i, i + length).filter((word) => /[\p{L}\p{N}]/u.test(word)).length >= 2 || words.slice(i, i + length).join("").includes("\n"));
