// The embedded data: base64 of deflated JSON, an index of all docs and blocks of transcripts.
// What the columns mean stands in spot_eval/report/doc_table.py and texts.py.

const TRUNCATED = 1, UNPARSED = 2, NO_TEXT = 4;

async function inflate(base64) {
  const packed = atob(base64);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

const blockElements = document.getElementsByClassName("block");
const blocks = new Map();

// The entries of one block: promised once, kept.
function block(number) {
  if (!blocks.has(number)) blocks.set(number, inflate(blockElements[number].textContent));
  return blocks.get(number);
}

// What is embedded of a doc's question and transcripts, or null.
async function entryOf(doc) {
  return doc.block === null ? null : (await block(doc.block))[doc.entry];
}

const mean = (scores) => {
  const known = (scores || []).filter((score) => score !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
};

// The index as one object a doc, with what filters ask for.
function docsOf(index) {
  const docs = [];
  for (const task of index.tasks) {
    task.ids.forEach((id, row) => {
      const runs = task.runs.map((columns) => columns.score[row] && {
        score: columns.score[row], flags: columns.flags[row], tokens: columns.tokens[row],
        answer: columns.answer[row], why: columns.why[row], line: columns.line[row], mean: mean(columns.score[row]),
      });
      const flags = runs.reduce((all, run) => run ? run.flags.reduce((a, b) => a | b, all) : all, 0);
      docs.push({
        task: task.name, id, asked: task.asked[row], block: task.block[row], entry: task.entry[row], runs, flags,
        unjudged: runs.some((run) => run && run.score.includes(null)),
        words: runs.flatMap((run) => run ? [...run.answer, ...run.why] : []).filter((word) => word !== null),
      });
    });
  }
  return docs;
}

// How the candidate did on a doc, beside base number `base` (0: alone).
function outcome(doc, base) {
  const ours = doc.runs[0] ? doc.runs[0].mean : null;
  if (!base) return ours === null ? "unjudged" : ours >= 1 ? "right" : ours <= 0 ? "wrong" : "mixed";
  if (!doc.runs[0] || !doc.runs[base]) return "unpaired";
  const theirs = doc.runs[base].mean;
  if (ours === null || theirs === null) return "unjudged";
  return ours < theirs - 1e-9 ? "lost" : ours > theirs + 1e-9 ? "gained" : "same";
}

const OUTCOMES = {
  lost: "Lost", gained: "Gained", same: "Unchanged", unpaired: "In one run only",
  wrong: "Wrong", mixed: "Sometimes right", right: "Right", unjudged: "Not judged",
};

const change = (doc, base) => doc.runs[0] && doc.runs[base] && doc.runs[0].mean !== null && doc.runs[base].mean !== null
  ? doc.runs[0].mean - doc.runs[base].mean : null;
