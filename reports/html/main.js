// Wiring: the filters, the address, the keys, the theme.

const at = (id) => document.getElementById(id);

function themeButton() {
  const button = at("theme"), root = document.documentElement, order = ["auto", "light", "dark"];
  const set = (theme) => { root.dataset.theme = theme; button.textContent = `Theme: ${theme}`; };
  const stored = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("spot-eval-theme");
      localStorage.setItem("spot-eval-theme", value);
    } catch { /* a file without a store of its own */ }
    return null;
  };
  const before = stored();
  set(order.includes(before) ? before : "auto");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    set(next);
    stored(next);
  });
}

async function browser() {
  const index = await inflate(at("index").textContent);
  const docs = docsOf(index);
  const view = new DocView(at("doc"), index);
  const state = { base: index.runs.length > 1 ? 1 : 0, outcome: "", matching: null, search: 0 };
  if (state.base && docs.some((doc) => outcome(doc, state.base) === "lost")) { state.outcome = "lost"; state.opening = true; }
  const list = new DocList(at("list"), at("rows"), (doc) => { location.hash = linkTo(doc); });

  for (const task of index.tasks) at("task").append(element("option", { value: task.name }, task.name));
  index.runs.slice(1).forEach(({ name }, i) => at("base").append(element("option", { value: i + 1 }, name)));
  at("base-field").hidden = index.runs.length < 3;
  at("browser").hidden = false;

  const passes = (doc) =>
    (!at("task").value || doc.task === at("task").value)
    && (!at("truncated").checked || doc.flags & TRUNCATED)
    && (!at("unparsed").checked || doc.flags & UNPARSED)
    && (!at("unjudged").checked || doc.unjudged)
    && (!state.matching || state.matching.has(doc));

  // The choices carry how many docs each would leave.
  function outcomes(found) {
    const counts = {};
    for (const doc of found) { const how = outcome(doc, state.base); counts[how] = (counts[how] || 0) + 1; }
    const names = state.base ? ["lost", "gained", "same", "unpaired", "unjudged"] : ["wrong", "mixed", "right", "unjudged"];
    const always = state.base ? ["lost", "gained", "same"] : ["wrong", "right"];
    const shown = ["", ...names.filter((name) => counts[name] || always.includes(name) || name === state.outcome)];
    at("outcomes").replaceChildren(...shown.map((name) => element("label", {},
      element("input", { type: "radio", name: "outcome", value: name, checked: name === state.outcome,
        onchange: () => { state.outcome = name; state.opening = false; refresh(); at("outcomes").querySelector(":checked").focus(); } }),
      name ? OUTCOMES[name] : "All", element("b", {}, count(name ? counts[name] || 0 : found.length)))));
  }

  const weight = (doc) => state.base ? Math.abs(change(doc, state.base) || 0) : 0;
  const group = (doc) => ["lost", "gained"].indexOf(outcome(doc, state.base)) & 3;

  function refresh() {
    const found = docs.filter(passes);
    outcomes(found);
    const shown = found.filter((doc) => !state.outcome || outcome(doc, state.base) === state.outcome);
    if (state.base) shown.sort((a, b) => group(a) - group(b) || weight(b) - weight(a));
    list.show(shown, state.base, view.doc);
    at("count").textContent = shown.length === docs.length ? `All ${count(docs.length)} docs` : `${count(shown.length)} of ${count(docs.length)} docs${state.note || ""}`;
    return shown;
  }

  // The text is looked for in what is at hand at once, then in block after block of transcripts.
  async function search() {
    const run = ++state.search, wanted = at("text").value.trim().toLowerCase();
    view.wanted = wanted || null;
    if (wanted) everything();
    state.note = "";
    if (!wanted) { state.matching = null; refresh(); reopen(); return; }
    const words = new Set(index.words.flatMap((word, i) => word.toLowerCase().includes(wanted) ? [i] : []));
    state.matching = new Set(docs.filter((doc) => `${doc.task}/${doc.id}`.toLowerCase() === wanted
      || doc.asked.toLowerCase().includes(wanted) || doc.words.some((word) => words.has(word))));
    const byBlock = Map.groupBy(docs.filter((doc) => doc.block !== null && !state.matching.has(doc)), (doc) => doc.block);
    let done = 0;
    for (const [number, members] of byBlock) {
      const entries = await block(number);
      if (run !== state.search) return;
      for (const doc of members) if (holds(entries[doc.entry], wanted)) state.matching.add(doc);
      if (++done % 4 === 0) { state.note = `; ${done} of ${byBlock.size} blocks of transcripts searched`; refresh(); await new Promise(requestAnimationFrame); }
    }
    state.note = "";
    refresh();
    reopen();
  }

  // The page opens on what was lost; whoever asks for a text or a doc is not held to it.
  function everything() {
    if (state.opening) { state.opening = false; state.outcome = ""; refresh(); }
  }

  const reopen = () => { if (view.doc) view.open(view.doc, state.base, view.repeat, view.wanted); };

  // The address: #task/doc or #task/doc/repeat opens a doc; others are sections of the page.
  function route() {
    const [task, id, repeat] = location.hash.slice(1).split("/").map(decoded);
    if (id === undefined) return false;
    const doc = docs.find((one) => one.task === task && one.id === id);
    if (!doc) { view.close(`There is no doc ${task}/${id} in this report.`); return true; }
    if (outcome(doc, state.base) !== "lost") everything();
    const wanted = Number(repeat) - 1;
    view.open(doc, state.base, Number.isInteger(wanted) && wanted >= 0 && wanted < most(doc) ? wanted : null, view.wanted);
    list.select(doc);
    return true;
  }
  const most = (doc) => Math.max(...doc.runs.map((run) => run ? run.score.length : 0));

  for (const id of ["task", "truncated", "unparsed", "unjudged"]) at(id).addEventListener("change", refresh);
  at("base").addEventListener("change", () => { state.base = Number(at("base").value); refresh(); reopen(); });
  let waiting = 0;
  at("text").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 150); });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", route);
  keys(list, view);

  const shown = refresh();
  if (route()) at("docs").scrollIntoView({ behavior: "instant" });
  else if (shown.length) { view.open(shown[0], state.base, null, null).then(() => list.select(shown[0])); }
}

function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

const holds = (entry, wanted) =>
  entry.messages.some((message) => message.content.toLowerCase().includes(wanted)) || entry.gold.toLowerCase().includes(wanted)
  || entry.texts.some((run) => run.some((text) => text !== null
    && (typeof text === "string" ? [text] : [text.head, text.tail]).some((part) => part.toLowerCase().includes(wanted))));

function keys(list, view) {
  const actions = {
    j: () => list.move(1), ArrowDown: () => list.move(1), k: () => list.move(-1), ArrowUp: () => list.move(-1),
    PageDown: () => list.move(8), PageUp: () => list.move(-8), Home: () => list.move(-Infinity), End: () => list.move(Infinity),
    "]": () => view.step(1), "[": () => view.step(-1), d: () => view.toggleMarks(), "/": () => at("text").focus(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input[type=search], select, textarea");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    const inList = event.target === at("list");
    if (typing || !actions[event.key] || (event.key.length > 1 && !inList)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

themeButton();
if (typeof DecompressionStream === "undefined") {
  at("docs-loading").textContent = "This browser is too old to unpack the docs (it lacks DecompressionStream); everything else is here.";
  at("docs-loading").hidden = false;
} else {
  // after the first paint, which needs none of this
  requestAnimationFrame(() => setTimeout(browser, 0));
}
