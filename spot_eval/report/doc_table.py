"""The scores and answers of each doc, in every run of the report, as columns for the browser.

    {"runs": [{"name": "tiny-sft", "path": "runs/tiny-sft-…"}, …],      the candidate first
     "words": ["", "no boxed answer", …],                               answers and reasons, each once
     "tasks": [{"name": "aime24", "ids": ["0", …], "asked": ["Find all …", …], "block": [0, …], "entry": [3, …],
                "runs": [{"score": [[1, 0], …], "flags": …, "tokens": …, "answer": …, "why": …, "line": …}, …]}]}

A doc is a row in all columns of its task; a run that lacks it has null there. `ids` are those of the candidate, or
`base-7` for a doc that only a base has. Scores are fractions of 1, null if not judged; flags add up TRUNCATED,
UNPARSED and NO_TEXT; `line` is the record's line in generations.jsonl.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from spot_eval.core.records import Sample
from spot_eval.runs.finished import FinishedRun, mean_score

TRUNCATED, UNPARSED, NO_TEXT = 1, 2, 4
MOST_SAMPLES = 500_000
"""Samples of all runs together that the index of a page lists."""
SHOWN = 160  # characters of an answer or a reason; transcripts hold the rest


class DocRow(NamedTuple):
    """A doc over all runs of the report; `samples[r]` is None if run r lacks it."""

    task: str
    doc_hash: str
    id: str
    samples: tuple[Sequence[Sample] | None, ...]


def doc_rows(sides: Sequence[FinishedRun]) -> list[DocRow]:
    """Return all docs, task by task in the candidate's order, then those that only a base has."""
    rows = []
    for task in dict.fromkeys(task for side in sides for task in side.samples_by_doc):
        of_task = [side.samples_by_doc.get(task, {}) for side in sides]
        for doc_hash in dict.fromkeys(doc for docs in of_task for doc in docs):
            samples = tuple(docs.get(doc_hash) for docs in of_task)
            rows.append(DocRow(task, doc_hash, _id(samples), samples))
    return rows


def _id(samples: Sequence[Sequence[Sample] | None]) -> str:
    run, found = next((run, found) for run, found in enumerate(samples) if found)
    prefix = "" if run == 0 else "base-" if run == 1 else f"base{run}-"
    return f"{prefix}{found[0].doc_id}"


def change(row: DocRow, base: int = 1) -> float | None:
    """Return candidate minus base, each the mean over its judged repeats; None if one of them has none."""
    if len(row.samples) <= base:
        return None
    ours, theirs = mean_score(row.samples[0]), mean_score(row.samples[base])
    return None if ours is None or theirs is None else ours - theirs


def most_telling_first(rows: Sequence[DocRow]) -> list[int]:
    """Return indexes into `rows`: lost docs, then gained ones, the largest change first, then the rest in order."""

    def rank(at: int) -> tuple[int, float, int]:
        diff = change(rows[at]) or 0.0
        return (0 if diff < 0 else 1 if diff > 0 else 2, -abs(diff), at)

    return sorted(range(len(rows)), key=rank)


def listed(rows: Sequence[DocRow], share: float = 1.0) -> list[DocRow]:
    """Return the docs that a page has room for, in their order: those that changed most, up to MOST_SAMPLES samples.

    `share` takes only that part of them, for a page that is still too large.
    """
    counts = [sum(len(samples or ()) for samples in row.samples) for row in rows]
    if share == 1.0 and sum(counts) <= MOST_SAMPLES:
        return list(rows)
    kept, room = [], min(MOST_SAMPLES, sum(counts)) * share
    for at in most_telling_first(rows):
        room -= counts[at]
        if room < 0:
            break
        kept.append(at)
    return [rows[at] for at in sorted(kept)]


def columns(
    sides: Sequence[FinishedRun],
    rows: Sequence[DocRow],
    questions: Mapping[int, str],
    place: Mapping[int, tuple[int, int]],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return the browser's index.

    Args:
        sides: the runs, the candidate first.
        rows: one per doc, with its samples in each run.
        questions: index of a doc to its question on one line.
        place: index of a doc to the block of its transcripts, and its entry in that block.
        labels: names of the runs, in their order.
    """
    words: dict[str, int] = {"": 0}
    column_makers = _column_makers(sides, words)
    tasks: dict[str, dict[str, Any]] = {}
    for at, row in enumerate(rows):
        task = tasks.setdefault(
            row.task,
            {
                "name": row.task,
                "ids": [],
                "asked": [],
                "block": [],
                "entry": [],
                "runs": [{name: [] for name in column_makers} for _ in sides],
            },
        )
        block, entry = place.get(at, (None, None))
        for name, value in (("ids", row.id), ("asked", questions.get(at, "")), ("block", block), ("entry", entry)):
            task[name].append(value)
        for run, samples in enumerate(row.samples):
            for name, make in column_makers.items():
                task["runs"][run][name].append(None if samples is None else [make(run, one) for one in samples])
    return {
        "runs": [{"name": label, "path": str(side.path)} for label, side in zip(labels, sides, strict=True)],
        "words": list(words),
        "tasks": list(tasks.values()),
    }


def _column_makers(sides: Sequence[FinishedRun], words: dict[str, int]) -> dict[str, Callable[[int, Sample], Any]]:
    """Return column name to a function from a sample of one run to its value."""

    def word(text: str) -> int:
        shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        return words.setdefault(shown, len(words))

    def line(run: int, sample: Sample) -> int | None:
        place = sides[run].generation_index.get((sample.key,))
        return place.line if place else None

    def flags(run: int, sample: Sample) -> int:
        missing = sample.not_judged and (sample.key,) not in sides[run].generation_index and not sides[run].saved
        return TRUNCATED * bool(sample.truncated) + UNPARSED * sample.unparsed + NO_TEXT * missing

    return {
        "score": lambda _, sample: _number(sample.score),
        "flags": flags,
        "tokens": lambda _, sample: sample.output_tokens,
        "answer": lambda _, sample: None if sample.extracted is None else word(sample.extracted),
        "why": lambda _, sample: word(sample.why),
        "line": line,
    }


def _number(score: float | None) -> float | int | None:
    return int(score) if score in (0, 1) else None if score is None else round(score, 4)
