"""Name what was lost: differences by slices of the docs, `compare --by COLUMN`.

    {"by": "subject", "alpha": 0.05, "without": 0, "tested": 57,
     "slices": [{"task": "mmlu", "value": "anatomy", "docs": 135, "base": 0.61, "candidate": 0.47, "mean": -0.14,
                 "stderr": 0.03, "p_harm": 0.0001, "q": 0.0057, "named": true}, …],
     "lost": {task: {"observed": {"mean", "stderr"}, "expected": {…}, "excess": {…}, "docs": 135}}}

The slice with the strongest evidence of harm comes first. `q` is its p value after Benjamini and Hochberg over all
slices that were tested together: `tested` of them, of all columns that were asked for. `named` if it is at most alpha:
with nothing lost anywhere, at most that share of comparisons names a slice.
`without` counts docs that lack the column.
"""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from spot_eval.comparison.pairing import DocPair, as_pairs, paired_docs
from spot_eval.core.errors import UserError
from spot_eval.core.record_files import checked_rows
from spot_eval.core.records import Doc
from spot_eval.metrics.lost import Counts, lost_share
from spot_eval.metrics.paired import Effect, effect
from spot_eval.runs.judged import JudgedDoc, JudgedRun

USUAL = ("subject", "level", "kind", "instruction", "ply")
"""Columns that a report slices by, if the docs have them."""
LENGTH, PLY, INSTRUCTION = "length", "ply", "instruction"
"""Computed columns: tokens of the base's answers, stones on a Connect4 board, checks of IFEval."""
FEW_VALUES = 12  # a number with more values than this is cut at its quartiles


def slices_by(
    candidate: JudgedRun, base: JudgedRun, columns: Sequence[str] | None = None, alpha: float = 0.05
) -> list[dict[str, Any]]:
    """Return the slices by each column, with `q` over the slices of all columns together.

    Args:
        candidate: the run looked at.
        base: the run it is compared with.
        columns: as `slices` takes one; None for those of USUAL that the docs have.
        alpha: the share of comparisons that may name a slice though nothing was lost.

    Raises UserError if no doc has one of the columns that were named.
    """
    if columns is None:
        place = _rows_file(candidate, base)
        known = _columns_of(place) if place else set()
        columns = [column for column in USUAL if column in known]
    found = [slices(candidate, base, column, alpha) for column in dict.fromkeys(columns)]
    rows = [row for one in found for row in one["slices"]]
    for row, q in zip(rows, _benjamini_hochberg([row["p_harm"] for row in rows]), strict=True):
        row["q"], row["named"] = q, q <= alpha
    for one in found:
        one["tested"] = len(rows)
    return found


def slices(candidate: JudgedRun, base: JudgedRun, column: str, alpha: float = 0.05) -> dict[str, Any]:
    """Return the differences by slice of one column.

    Args:
        candidate: the run looked at.
        base: the run it is compared with; one of the two must hold the docs (a saved baseline does not).
        column: a field of the rows, or `length`, `ply`, `instruction`.
        alpha: the share of comparisons that may name a slice though nothing was lost.

    Raises UserError if no doc has the column.
    """
    pairs = paired_docs(candidate, base)
    values, seen = _values(candidate, base, pairs, column)
    groups: dict[tuple[str, str], list[DocPair]] = defaultdict(list)
    without = 0
    for task, docs in pairs.items():
        named = values.get(task, {})
        label = _labels([value for found in named.values() for value in found])
        for pair in docs:
            found = named.get(pair[0].doc_hash, [])
            without += not found
            for value in dict.fromkeys(label(value) for value in found):
                groups[task, value].append(pair)
    if not groups:
        raise UserError(f"--by {column}: no doc of these runs has it; columns of the rows: {', '.join(sorted(seen))}")
    rows = [row for key, docs in groups.items() if (row := _row(key, docs, alpha))]
    for row, q in zip(rows, _benjamini_hochberg([row["p_harm"] for row in rows]), strict=True):
        row["q"], row["named"] = q, q <= alpha
    rows.sort(key=lambda row: (row["p_harm"], row["mean"]))
    return {
        "by": column,
        "alpha": alpha,
        "without": without,
        "tested": len(rows),
        "slices": rows,
        "lost": {task: _lost(docs) for task, docs in pairs.items()},
    }


def docs_by_value(run: JudgedRun, column: str) -> dict[str, dict[str, list[str]]]:
    """Return task to value to the hashes of the docs that have it in `column`, values named as by `slices`.

    Raises UserError if the run keeps no rows and the column is not computed from its answers.
    """
    pairs = {task: [(doc, doc) for doc in docs.values()] for task, docs in run.docs.items()}
    found: dict[str, dict[str, list[str]]] = {}
    for task, named in _values(run, run, pairs, column)[0].items():
        label = _labels([value for values in named.values() for value in values])
        groups: dict[str, list[str]] = defaultdict(list)
        for hashed, values in named.items():
            for value in dict.fromkeys(label(value) for value in values):
                groups[value].append(hashed)
        found[task] = dict(groups)
    return found


def usual_columns(run: JudgedRun) -> list[str]:
    """Return those of USUAL that some doc of a run has; none for a saved baseline, which keeps no rows."""
    place = _rows_file(run, run)
    known = _columns_of(place) if place else set()
    return [column for column in USUAL if column in known]


def _row(key: tuple[str, str], docs: Sequence[DocPair], alpha: float) -> dict[str, Any] | None:
    judged = [pair for pair in docs if pair[0].mean is not None and pair[1].mean is not None]
    if not judged:
        return None
    found: Effect = effect([as_pairs(judged)], alpha)
    return {
        "task": key[0],
        "value": key[1],
        "docs": len(judged),
        "candidate": float(np.mean([pair[0].mean for pair in judged])),
        "base": float(np.mean([pair[1].mean for pair in judged])),
        "mean": found.mean,
        "stderr": found.stderr,
        "p_harm": 1.0 if found.p_harm is None else found.p_harm,
    }


def _benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    return [float(q) for q in stats.false_discovery_control(np.asarray(p_values))] if p_values else []


def _lost(docs: Sequence[DocPair]) -> dict[str, Any]:
    found = lost_share([_counts(*pair) for pair in docs])
    return {
        "observed": found.observed._asdict(),
        "expected": found.expected._asdict(),
        "excess": found.excess._asdict(),
        "docs": found.docs,
    }


def _counts(mine: JudgedDoc, other: JudgedDoc) -> Counts:
    both = [(b, c) for b, c in zip(other.scores, mine.scores, strict=False) if b is not None and c is not None]
    return Counts(base=[b for b, _ in both], candidate=[c for _, c in both])


def _values(
    candidate: JudgedRun, base: JudgedRun, pairs: Mapping[str, Sequence[DocPair]], column: str
) -> tuple[dict[str, dict[str, list[Any]]], set[str]]:
    """Return task to doc_hash to the values in `column` (several if it holds a list), and all columns of the rows."""
    if column == LENGTH:
        lengths = {task: {pair[0].doc_hash: _length(pair[1]) for pair in docs} for task, docs in pairs.items()}
        return lengths, {LENGTH}
    place = _rows_file(candidate, base)
    if place is None:
        raise UserError(f"--by {column}: neither run holds its docs.jsonl (a saved baseline keeps no rows)")
    found: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    seen = {LENGTH}
    for line in checked_rows(place, Doc):
        row = _row_of(line)
        seen |= {str(name) for name in row}
        if values := _column(row, column):
            found[str(line["task"])][str(line["doc_hash"])] = values
    return dict(found), seen


def _rows_file(candidate: JudgedRun, base: JudgedRun) -> Path | None:
    return next((run.path / "docs.jsonl" for run in (base, candidate) if (run.path / "docs.jsonl").is_file()), None)


def _columns_of(place: Path) -> set[str]:
    """Return those of USUAL that some doc has."""
    missing, found = set(USUAL), set()
    for line in checked_rows(place, Doc):
        row = _row_of(line)
        found |= {column for column in missing if _column(row, column)}
        missing -= found
        if not missing:
            break
    return found


def _row_of(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row of a doc; a user's own task has it one level down."""
    row = line.get("row") or {}
    inner = row.get("row")
    return inner if isinstance(inner, dict) and "_task" in row else row


def _column(row: Mapping[str, Any], column: str) -> list[Any]:
    if column == PLY and isinstance(row.get("state"), str):
        return [sum(row["state"].count(stone) for stone in "XO")]
    value = row.get("instruction_id_list" if column == INSTRUCTION else column)
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [one for one in values if isinstance(one, str | int | float)]


def _length(doc: JudgedDoc) -> list[float]:
    known = [tokens for tokens in doc.output_tokens if tokens is not None]
    return [sum(known) / len(known)] if known else []


def _labels(values: Iterable[Any]) -> Callable[[Any], str]:
    """Return a function from a value to its slice's name: itself, or the quarter of the values a number is in."""
    known = list(values)
    if len(set(known)) <= FEW_VALUES or not all(
        isinstance(value, int | float) and abs(value) <= sys.float_info.max for value in known
    ):
        return lambda value: f"{value:g}" if isinstance(value, float) else str(value)
    cuts = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    edges = [f"{cut:g}" for cut in cuts]
    names = [f"up to {edges[0]}", *(f"{low} to {high}" for low, high in itertools.pairwise(edges)),
             f"above {edges[-1]}"]  # fmt: skip
    return lambda value: names[int(np.searchsorted(cuts, value))]
