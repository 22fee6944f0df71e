// The list of docs: only the rows in sight exist, so that fifteen thousand scroll like fifteen.

const ROW = 58;

class DocList {
  constructor(box, rows, onOpen) {
    Object.assign(this, { box, rows, onOpen, docs: [], at: -1, base: 0 });
    box.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(box);
    rows.addEventListener("click", (event) => {
      const item = event.target.closest(".item");
      if (item) this.open(Number(item.dataset.at));
    });
  }

  show(docs, base, opened) {
    this.docs = docs;
    this.base = base;
    this.at = docs.indexOf(opened);
    this.rows.style.height = `${docs.length * ROW}px`;
    if (this.at >= 0) this.intoSight();
    else this.box.scrollTop = 0;
    this.draw();
  }

  select(doc) {
    this.at = this.docs.indexOf(doc);
    if (this.at >= 0) this.intoSight();
    this.draw();
  }

  move(by) {
    if (this.docs.length) this.open(Math.max(0, Math.min(this.docs.length - 1, this.at + by)));
  }

  open(at) {
    this.onOpen(this.docs[at]);
  }

  intoSight() {
    const top = this.at * ROW, height = this.box.clientHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + height) this.box.scrollTop = top + ROW - height;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 4);
    const last = Math.min(this.docs.length, first + Math.ceil(this.box.clientHeight / ROW) + 8);
    const items = [];
    for (let at = first; at < last; at++) items.push(this.item(at));
    this.rows.replaceChildren(...items);
    if (this.at >= first && this.at < last) this.box.setAttribute("aria-activedescendant", `item-${this.at}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  item(at) {
    const doc = this.docs[at], how = outcome(doc, this.base), diff = this.base ? change(doc, this.base) : null;
    const score = diff !== null ? (how === "same" ? "=" : signed(diff)) : doc.runs[0] ? percent(doc.runs[0].mean) : OUTCOMES[how];
    const node = element("div", { class: "item", id: `item-${at}`, role: "option", "aria-selected": String(at === this.at),
        "aria-setsize": this.docs.length, "aria-posinset": at + 1, "data-at": at },
      element("span", { class: "where" }, `${doc.task} / ${doc.id}`),
      element("span", { class: `delta ${how}`, "aria-label": `${OUTCOMES[how]} ${score}` }, score),
      element("bdi", { class: "asked" }, oneLine(doc.asked)));
    node.style.top = `${at * ROW}px`;
    return node;
  }
}
