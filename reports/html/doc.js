// One doc: what was asked, how every repeat went, and two transcripts side by side.

const SHOWN_AT_ONCE = 20000;  // characters of a transcript on the page before the reader asks for more
const FOLDED_FROM = 3000;  // characters in common between two differences
const CONTEXT = 400;  // of them beside a difference

class DocView {
  constructor(box, index) {
    Object.assign(this, { box, index, doc: null, base: 0, repeat: 0, marked: true, wanted: null });
  }

  // Opens `doc` at `repeat` (null: the first in which the runs differ).
  async open(doc, base, repeat, wanted) {
    const same = this.doc === doc && this.base === base;
    Object.assign(this, { doc, base, wanted });
    this.repeat = repeat ?? (same ? this.repeat : this.tellingRepeat());
    const entry = await entryOf(doc);
    if (this.doc === doc) this.draw(entry);  // another may have been asked for meanwhile
  }

  tellingRepeat() {
    const [ours, theirs] = [this.doc.runs[0], this.doc.runs[this.base]];
    if (!this.base || !ours || !theirs) return 0;
    const wanted = Math.sign(ours.mean - theirs.mean);
    const differing = ours.score.findIndex((score, r) => theirs.score[r] !== undefined && Math.sign(score - theirs.score[r]) === wanted && wanted);
    return Math.max(0, differing);
  }

  get repeats() {
    return Math.max(...[this.doc.runs[0], this.doc.runs[this.base]].map((run) => run ? run.score.length : 0));
  }

  step(by) {
    if (!this.doc) return;
    this.repeat = (this.repeat + by + this.repeats) % this.repeats;
    entryOf(this.doc).then((entry) => this.draw(entry));
  }

  toggleMarks() {
    this.marked = !this.marked;
    if (this.doc) entryOf(this.doc).then((entry) => this.draw(entry));
  }

  close(sentence) {
    this.doc = null;
    this.box.replaceChildren(element("p", { class: "empty" }, sentence));
  }

  draw(entry) {
    const { doc, base } = this, how = outcome(doc, base), diff = base ? change(doc, base) : null;
    const runs = base ? [base, 0] : [0];
    const shown = diff !== null && how !== "same" ? `${OUTCOMES[how]} (${signed(diff)} points)` : OUTCOMES[how];
    const [sides, parted] = this.sides(runs, entry);
    this.box.replaceChildren(...[
      element("div", { class: "doc-head" },
        element("h3", {}, `${doc.task} / ${doc.id}`),
        element("span", { class: `outcome ${how}` }, shown),
        element("a", { class: "permalink", href: linkTo(doc, this.repeat) }, "link to this doc")),
      this.prompt(entry),
      entry && entry.gold !== "null" ? element("p", { class: "gold" }, element("b", {}, "expected"), this.code(entry.gold)) : null,
      this.marks(runs),
      element("div", { class: "sides" }, ...sides),
      this.remark(entry, runs, parted),
    ].filter(Boolean));
  }

  code(text) {
    const node = element("code");
    appendText(node, text.length > 2000 ? text.slice(0, 2000) + "…" : text);
    return node;
  }

  prompt(entry) {
    if (!entry || !entry.messages.length) {
      const text = element("div", { class: "text" });
      appendText(text, this.doc.asked || "The question is not in this file.");
      return element("div", { class: "prompt" }, text);
    }
    const characters = entry.messages.reduce((sum, message) => sum + message.content.length, 0);
    const node = element("details", { class: "prompt", open: characters < 1500 },
      element("summary", {}, `Prompt, ${count(characters)} characters`));
    for (const message of entry.messages) {
      const text = element("div", { class: "text" });
      this.fill(text, [{ text: message.content, changed: false }], null, message.content.length);
      node.append(element("div", { class: "turn" }, message.role), text);
    }
    return node;
  }

  // A row of marks a run, one mark a repeat.
  marks(runs) {
    if (this.repeats < 2) return null;
    const node = element("div", { class: "repeats" });
    for (const run of runs) {
      const { score, flags } = this.doc.runs[run] || { score: [], flags: [] };
      const marks = score.map((value, r) => {
        const said = value === null ? "not judged" : value >= 1 ? "right" : value <= 0 ? "wrong" : `${percent(value)} %`;
        const sign = value === null ? "–" : value >= 1 ? "✓" : value <= 0 ? (flags[r] & TRUNCATED ? "…" : "✗") : percent(value);
        return element("button", { type: "button", class: value >= 1 ? "right" : "", "aria-pressed": String(r === this.repeat),
          title: `repeat ${r + 1}: ${said}${flags[r] & TRUNCATED ? ", truncated" : ""}${flags[r] & UNPARSED ? ", unparsed" : ""}`,
          onclick: () => { this.repeat = r; entryOf(this.doc).then((entry) => this.draw(entry)); } }, sign);
      });
      node.append(element("span", {}, this.name(run)), element("span", { class: "marks" }, ...(marks.length ? marks : ["not in this run"])));
    }
    return node;
  }

  name(run) {
    return this.index.runs[run].name;
  }

  // The transcripts of this repeat, differences marked where both are whole.
  sides(runs, entry) {
    const texts = runs.map((run) => entry && entry.texts[run] ? entry.texts[run][this.repeat] ?? null : null);
    const both = texts.length === 2 && texts.every((text) => typeof text === "string") && texts[0] !== texts[1];
    const [left, right, parted] = both && this.marked ? compareTexts(...texts) : [null, null, false];
    return [runs.map((run, at) => this.side(run, texts[at], [left, right][at], at === 0 && runs.length === 2 ? "del" : "ins")), parted];
  }

  side(run, text, parts, tag) {
    const of = this.doc.runs[run], words = this.index.words, r = this.repeat;
    const head = element("header", {}, element("div", { class: "who" }, element("span", {}, this.name(run)),
      element("span", {}, !of || r >= of.score.length ? "" : of.score[r] === null ? "not judged" : of.score[r] >= 1 ? "right" : of.score[r] <= 0 ? "wrong" : `${percent(of.score[r])} %`)));
    if (!of || r >= of.score.length) {
      return element("div", { class: "side" }, head, element("div", { class: "text" }, of ? "No such repeat in this run." : "This run has no such doc."));
    }
    const facts = element("dl");
    const fact = (name, value, kind = "") => {
      const dd = element("dd", { class: kind });
      appendText(dd, value);
      facts.append(element("dt", {}, name), dd);
    };
    if (of.answer[r] !== null) fact("answer", words[of.answer[r]], "answer");
    if (words[of.why[r]]) fact("why", words[of.why[r]]);
    const flags = [of.flags[r] & TRUNCATED ? "truncated" : "", of.flags[r] & UNPARSED ? "no answer found" : ""].filter(Boolean);
    if (of.tokens[r] !== null) fact("length", [`${count(of.tokens[r])} tokens`, ...flags].join(", "));
    head.append(facts);
    const box = element("div", { class: "text", tabindex: "0", role: "region", "aria-label": `transcript of ${this.name(run)}` });
    if (text === null) {
      box.append(element("span", { class: "gap" }, of.flags[r] & NO_TEXT ? "There is no text: the request gave none."
        : `This transcript is not in this file. ${this.where(run)}`));
    } else if (typeof text === "string") {
      this.fill(box, parts || [{ text, changed: false }], tag, text.length);
    } else {
      appendText(box, text.head, this.wanted);
      box.append(element("span", { class: "gap" },
        `${count(text.length - text.head.length - text.tail.length)} characters are left out here. ${this.where(run)}`));
      appendText(box, text.tail, this.wanted);
    }
    return element("div", { class: "side" }, head, box);
  }

  where(run) {
    const line = this.doc.runs[run].line[this.repeat];
    const path = this.index.runs[run].path;
    return line === null || line === undefined ? `${path} keeps no texts.` : `It stands in ${path}/generations.jsonl, line ${line}.`;
  }

  // Parts up to `most` characters, then a button for the rest; long stretches that both texts have are folded.
  fill(box, parts, tag, length, most = SHOWN_AT_ONCE) {
    let left = most;
    for (const part of parts) {
      if (left <= 0) break;
      const holdsWanted = this.wanted && part.text.toLowerCase().includes(this.wanted);
      if (!part.changed && parts.length > 1 && part.text.length > FOLDED_FROM && !holdsWanted) {
        this.fold(box, part.text, part === parts[0], part === parts.at(-1));
        left -= 2 * CONTEXT;
        continue;
      }
      const text = part.text.length > left ? part.text.slice(0, left) : part.text;
      const into = part.changed ? element(tag) : box;
      appendText(into, text, this.wanted);
      if (part.changed) box.append(into);
      left -= text.length;
    }
    if (left <= 0 && most < length) {
      const more = element("button", { class: "quiet", type: "button", onclick: () => {
        box.replaceChildren();
        this.fill(box, parts, tag, length, Infinity);
      } }, `Show all ${count(length)} characters`);
      box.append(element("span", { class: "gap" }, more));
    }
  }

  // The ends of a stretch that both texts have, where a difference borders on them, and a button for what is between.
  fold(box, text, isFirst, isLast) {
    const head = isFirst ? "" : text.slice(0, CONTEXT), tail = isLast ? "" : text.slice(-CONTEXT);
    const hidden = text.slice(head.length, text.length - tail.length);
    const gap = element("span", { class: "gap" }, element("button", { class: "quiet", type: "button", onclick: () => {
      const whole = element("span");
      appendText(whole, hidden, this.wanted);
      gap.replaceWith(whole);
    } }, `Show ${count(hidden.length)} characters that both have`));
    appendText(box, head, this.wanted);
    box.append(gap);
    appendText(box, tail, this.wanted);
  }

  remark(entry, runs, parted) {
    const node = element("p", { class: "remark" });
    if (runs.length === 2 && entry) {
      node.append(element("button", { class: "quiet tools", type: "button", "aria-pressed": String(this.marked), onclick: () => this.toggleMarks() },
        this.marked ? "Hide differences" : "Show differences"));
      if (parted) node.append(" The texts part ways: from their first difference on, they have too little in common to compare word by word.");
    }
    const places = runs.filter((run) => this.doc.runs[run] && this.doc.runs[run].line[this.repeat])
      .map((run) => `${this.index.runs[run].path}/generations.jsonl:${this.doc.runs[run].line[this.repeat]}`);
    if (places.length) node.append(" Records: ", element("code", {}, places.join("  ")));
    return node;
  }
}

const linkTo = (doc, repeat = null) => `#${encodeURIComponent(doc.task)}/${encodeURIComponent(doc.id)}${repeat ? `/${repeat + 1}` : ""}`;
