// Text of others, shown as text. Nothing here builds markup: nodes are made, and their text is set.

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Characters that cannot be seen, or change how others are: controls (escape sequences), marks that turn the direction,
// invisible ones, halves of surrogate pairs. The joiners inside of words and emoji are left alone.
const ODD = /(?![\n\t\u200c\u200d])([\p{Cc}\p{Cf}\p{Cs}\u2028\u2029])\1*/gu;
const ODD_NAMES = { 0x00: "NUL", 0x07: "BEL", 0x08: "BS", 0x0d: "CR", 0x1b: "ESC", 0xad: "SHY", 0xfeff: "BOM" };

function oddChip(run) {
  const code = run.codePointAt(0);
  const name = ODD_NAMES[code] || "U+" + code.toString(16).toUpperCase().padStart(4, "0");
  const count = [...run].length;
  return element("span", { class: "odd", title: "a character that cannot be seen" }, count > 1 ? `${name} × ${count}` : name);
}

// Appends `text` to `node`; what cannot be seen becomes a small sign, what `wanted` finds is marked.
function appendText(node, text, wanted = null) {
  let at = 0;
  const plain = (end) => {
    if (end > at) wanted ? appendMarked(node, text.slice(at, end), wanted) : node.append(text.slice(at, end));
  };
  for (const found of text.matchAll(ODD)) {
    plain(found.index);
    node.append(oddChip(found[0]));
    at = found.index + found[0].length;
  }
  plain(text.length);
}

function appendMarked(node, text, wanted) {
  const low = text.toLowerCase();
  if (low.length !== text.length) { node.append(text); return; }
  let at = 0;
  for (let found = low.indexOf(wanted); found >= 0; found = low.indexOf(wanted, at)) {
    node.append(text.slice(at, found), element("mark", {}, text.slice(found, found + wanted.length)));
    at = found + wanted.length;
  }
  node.append(text.slice(at));
}

// One line of somebody's text, for lists: controls are dropped, the direction stays ours.
const oneLine = (text) => text.replace(ODD, " ");

const percent = (value) => value === null ? "–" : (100 * value).toFixed(value === 0 || value === 1 ? 0 : 1).replace(/\.0$/, "");
const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(100 * value).toFixed(0);
const count = (value) => value.toLocaleString("en-US");
