"""Controls for a Connect4 score: the score of answers that look at no board, and of boards in public data.

guessing(docs)           # {"connect4": {"none": {"joint": 0.04, "mine": 0.24, "theirs": 0.24}, …}}
contamination(samples)   # published boards minus their fresh twins, with the error of the difference
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from spot_eval.core.records import Doc, Sample
from spot_eval.metrics.estimates import mean_over_docs, paired_difference
from spot_eval.metrics.scoreboard import docs_of

PUBLISHED, TWINS = "connect4_published", "connect4_twins"


def guessing(docs: Iterable[Doc]) -> dict[str, dict[str, dict[str, float]]]:
    """Task to way of guessing to its scores, fractions of 1; `docs` are those the grader `connect4` judges."""
    from connect4 import guesses, read_row

    items: dict[str, list[Any]] = defaultdict(list)
    for doc in docs:
        with contextlib.suppress(ValueError):  # a row of the user's that is no board is not judged either
            items[doc.task].append(read_row(doc.row))
    found = {}
    for task, boards in items.items():
        known = [(item.board, item.known) for item in boards if item.known is not None]
        if known:
            found[task] = guesses(boards[0].level, known)
    return found


def contamination(samples: Iterable[Sample]) -> dict[str, Any] | None:
    """Published minus fresh, where a run holds both; board i of one is the twin of board i of the other.

    `mean` and `stderr` are of the difference over pairs (fractions of 1): twins have as many stones and the same class
    of labels. None if the run lacks one of the two.
    """
    tasks: dict[str, list[Sample]] = {PUBLISHED: [], TWINS: []}
    for sample in samples:
        if sample.task in tasks:
            tasks[sample.task].append(sample)
    if not all(tasks.values()):
        return None
    means = {task: _by_number(of_task) for task, of_task in tasks.items()}
    estimate, docs = paired_difference(means[PUBLISHED], means[TWINS])
    return {
        **estimate._asdict(),
        "docs": docs,
        "published": mean_over_docs(list(means[PUBLISHED].values())).mean,
        "twins": mean_over_docs(list(means[TWINS].values())).mean,
    }


def _by_number(samples: Iterable[Sample]) -> dict[str, float]:
    """doc_id to the mean over its judged repeats."""
    means = {}
    for of_doc in docs_of(samples).values():
        scores = [sample.score for sample in of_doc if sample.score is not None]
        if scores:
            means[str(of_doc[0].doc_id)] = sum(scores) / len(scores)
    return means
