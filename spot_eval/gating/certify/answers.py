"""The recorded answers of a base run as arrays, and how much they vary from repeat to repeat.

tasks = recorded_tasks(base, policy)         # tasks["math500"].scores[tasks["math500"].start]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spot_eval.comparison.pairing import clusters_of
from spot_eval.core.errors import UserError
from spot_eval.gating.policy import Policy
from spot_eval.metrics.redraw import ASSUMED, concentration
from spot_eval.runs.judged import JudgedDoc, JudgedRun

MEASURED, ASSUMED_NOISE, NONE = "measured", "assumed", "none"


@dataclass(frozen=True)
class RecordedTask:
    """The answers of a task, numbered over its docs: doc d has the answers start[d] … start[d] + count[d] - 1.

    `noise` says where the variance within docs comes from: "measured" from repeats, "assumed" for sampled tasks with
    one repeat, "none" if every redrawn answer scores as the recorded one.
    """

    name: str
    family: str
    grader: str
    hashes: tuple[str, ...]
    start: np.ndarray
    count: np.ndarray
    clusters: np.ndarray | None
    """The number of each doc's cluster; None if no docs share one."""
    scores: np.ndarray
    """NaN if it was not judged."""
    truncated: np.ndarray | None
    """None if some answer does not record how it ended."""
    unparsed: np.ndarray
    tokens: np.ndarray
    """NaN if it was not recorded."""
    texts: np.ndarray
    """Equal numbers for equal texts with equal scores; NaN for a text that is not known."""
    weight: float
    noise: str
    repeats: int
    """Repeats of the candidate."""
    budget: int | None
    """The most tokens of an answer."""


def recorded_tasks(base: JudgedRun, policy: Policy, repeats: int | None = None) -> dict[str, RecordedTask]:
    """Return the gated tasks of a base run.

    Args:
        base: the run whose answers are redrawn.
        policy: says which families are gated.
        repeats: repeats of the candidate; None for those of the base's suite.

    Raises UserError if a gated task is missing or has no judged answer, or if no task has any noise to draw from.
    """
    suite = base.config["suite"]
    found = {}
    for family in policy.margins(suite):
        for task in suite["families"][family]:
            docs = [doc for doc in base.docs.get(task, {}).values() if doc.scores]
            if not any(doc.mean is not None for doc in docs):
                raise UserError(
                    f"{base.path} has no judged answer of task {task}, so family {family} has no verdict to certify; "
                    "run the whole suite, or gate other families with --policy"
                )
            settings = suite["tasks"][task]
            found[task] = _recorded(
                task, docs, settings, base.graders.get(task, ""), repeats or base.candidate_repeats(task)
            )
    if all(task.noise == NONE for task in found.values()):
        raise UserError(
            f"{base.path} has answers that never vary (greedy, or one score everywhere): a second run of its model "
            "would be a copy, and on copies a gate looks better than it is; use a base with a temperature above 0 and "
            "two repeats or more"
        )
    return found


def _recorded(name: str, docs: list[JudgedDoc], settings: Mapping[str, Any], grader: str, repeats: int) -> RecordedTask:
    docs = sorted(docs, key=lambda doc: doc.doc_id)
    count = np.array([len(doc.scores) for doc in docs])
    scores = np.array([np.nan if one is None else one for doc in docs for one in doc.scores], dtype=float)
    ended = [one for doc in docs for one in doc.truncated]
    hashes = [one for doc in docs for one in doc.text_hashes]
    _, number = np.unique([f"{text} {score}" for text, score in zip(hashes, scores, strict=True)], return_inverse=True)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    sampling = settings.get("sampling") or {}
    weight, noise = _noise(scores, start, count, sampled=bool(sampling.get("temperature")) and grader != "likelihood")
    return RecordedTask(
        name=name,
        family=settings["family"],
        grader=grader,
        hashes=tuple(doc.doc_hash for doc in docs),
        start=start,
        count=count,
        clusters=clusters_of([(doc, doc) for doc in docs]),
        scores=scores,
        truncated=None if None in ended else np.array(ended, dtype=bool),
        unparsed=np.array([one for doc in docs for one in doc.unparsed], dtype=bool),
        tokens=np.array([np.nan if one is None else one for doc in docs for one in doc.output_tokens], dtype=float),
        texts=np.where([bool(text) for text in hashes], number, np.nan),
        weight=weight,
        noise=noise,
        repeats=repeats,
        budget=sampling.get("max_new_tokens"),
    )


def _noise(scores: np.ndarray, start: np.ndarray, count: np.ndarray, *, sampled: bool) -> tuple[float, str]:
    judged = [one[~np.isnan(one)] for one in np.split(scores, start[1:])]
    weight = concentration(judged)
    if weight is None:
        return (ASSUMED, ASSUMED_NOISE) if sampled else (0.0, NONE)
    return (weight, MEASURED) if weight else (0.0, NONE)
