"""Pair the docs of two runs, and turn the pairs into effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spot_eval.metrics.paired import Effect, Pairs, effect
from spot_eval.metrics.scoreboard import combined, estimated
from spot_eval.runs.judged import JudgedDoc, JudgedRun

FLAGS = ("truncated", "unparsed", "not_judged")


DocPair = tuple[JudgedDoc, JudgedDoc]
"""(candidate's, base's) of one doc_hash."""


@dataclass(frozen=True)
class Imputation:
    """The scores assumed for samples that were not judged; None leaves them out."""

    candidate: float | None = None
    base: float | None = None


AS_JUDGED = Imputation()


WORST = Imputation(candidate=0.0, base=1.0)


BEST = Imputation(candidate=1.0, base=0.0)


def paired_docs(candidate: JudgedRun, base: JudgedRun) -> dict[str, list[DocPair]]:
    """Return the docs that both runs hold, by task in the suite's order."""
    return {
        task: [
            (doc, base.docs[task][doc.doc_hash])
            for doc in sorted(candidate.docs[task].values(), key=lambda doc: doc.doc_id)
            if doc.doc_hash in base.docs[task]
        ]
        for members in candidate.config["suite"]["families"].values()
        for task in members
        if task in candidate.docs and task in base.docs
    }


def as_pairs(docs: Iterable[DocPair], imputed: Imputation = AS_JUDGED) -> Pairs:
    """Return the numbers for the statistics. A doc without a verdict in either run is left out, never imputed."""
    differences, counted, repeats, known = [], [], 0, True
    identical = binary = True
    for mine, other in docs:
        if mine.mean is None and other.mean is None:
            continue
        a, b = mine.mean_with(imputed.candidate), other.mean_with(imputed.base)
        if a is None or b is None:
            known = False
            continue
        differences.append(a - b)
        counted.append((mine, other))
        repeats = max(repeats, len(mine.scores), len(other.scores))
        binary = binary and {a, b} <= {0.0, 1.0}
        identical = identical and _same_records(mine, other)
    return Pairs(
        differences=np.asarray(differences, dtype=float),
        clusters=clusters_of(counted),
        binary=binary and repeats == 1,
        identical=identical and known and bool(differences),
    )


def clusters_of(docs: Sequence[DocPair]) -> np.ndarray | None:
    """Return the number of each doc's cluster; None if no docs share one."""
    names = [f"cluster {a.cluster or b.cluster}" if a.cluster or b.cluster else f"doc {a.doc_hash}" for a, b in docs]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.asarray([numbers[name] for name in names]) if len(numbers) < len(names) else None


def _same_records(a: JudgedDoc, b: JudgedDoc) -> bool:
    return a.scores == b.scores and a.text_hashes == b.text_hashes and all(a.text_hashes)


def task_effects(by_task: Mapping[str, Pairs], alpha: float) -> dict[str, Effect]:
    """Return the effect on each task."""
    return {task: effect([pairs], alpha) for task, pairs in by_task.items()}


def family_effects(
    by_task: Mapping[str, Pairs], families: Mapping[str, Sequence[str]], alpha: float
) -> dict[str, Effect]:
    """Return the effect on each family; an empty one if a task of it is missing."""
    return {family: _group_effect(by_task, members, alpha) for family, members in families.items()}


def difference_entries(by_task: Mapping[str, Pairs]) -> dict[str, dict[str, Any]]:
    """Return {"mean", "stderr"} of each task's difference, with {"bounds"} if all its docs differ alike.

    The difference of identical records is 0 by identity: its error is 0, too.
    """
    entries = {}
    for task, pairs in by_task.items():
        values, weights = map(list, pairs.units)
        entries[task] = (
            {"mean": 0.0, "stderr": 0.0} if pairs.identical else estimated(values, weights, span=(-1.0, 1.0))
        )
    return entries


def shown_error(members: Sequence[str], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return {"stderr", "exact"} of one task or a group of them, as the scoreboard shows a difference.

    "exact" holds the bounds of a group whose docs all differ alike, task by task; "stderr" is null there. Both are null
    if a task is missing. `entries` are those of `difference_entries`.
    """
    whole = combined(members, entries)
    return {"stderr": whole["stderr"], "exact": whole.get("bounds")}


def _group_effect(by_task: Mapping[str, Pairs], members: Sequence[str], alpha: float) -> Effect:
    return effect([by_task[task] for task in members] if all(task in by_task for task in members) else [], alpha)


def flag_rates(docs: Sequence[DocPair], flag: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of flagged repeats per doc as (candidate's, base's); empty if a flag is not recorded."""
    if any(None in getattr(one, flag) for pair in docs for one in pair):
        return np.empty(0), np.empty(0)
    mine, other = ([sum(flags := getattr(pair[side], flag)) / len(flags) for pair in docs] for side in (0, 1))
    return np.asarray(mine), np.asarray(other)
