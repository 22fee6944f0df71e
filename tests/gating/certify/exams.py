"""Small base runs for the tests of `certify`, and redrawn sides as runs that the gate itself can judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spot_eval.gating.certify.answers import RecordedTask, recorded_tasks
from spot_eval.gating.certify.sides import Sides
from spot_eval.gating.certify.verdicts import Exam
from spot_eval.gating.policy import Policy
from spot_eval.runs.judged import JudgedDoc, JudgedRun
from tests.made_runs import FAMILIES, made

SIZES = {"a": 80, "b": 40, "c": 120}


def base_run(seed: int = 0, repeats: int = 3, missing: float = 0.0, sizes: Mapping[str, int] = SIZES) -> JudgedRun:
    """A base whose docs have chances of their own; `missing` of the answers were not judged."""
    rng = np.random.default_rng(seed)
    scores: dict[str, Any] = {}
    for task, docs in sizes.items():
        right = rng.random((docs, repeats)) < rng.beta(0.5, 0.5, docs)[:, None]
        unknown = rng.random((docs, repeats)) < missing
        scores[task] = [
            [None if lost else float(one) for one, lost in zip(*row, strict=True)]
            for row in zip(right, unknown, strict=True)
        ]
    run = made(scores)
    texts = {
        task: {
            name: replace(doc, text_hashes=tuple(f"{name} {number}" for number in range(repeats)))
            for name, doc in docs.items()
        }
        for task, docs in run.docs.items()
    }
    return replace(run, docs=texts)


def exam_of(base: JudgedRun, policy: Policy | None = None) -> Exam:
    """The exam that `certify` makes of a base."""
    policy = policy or Policy()
    margins = policy.margins(base.config["suite"])
    return Exam(recorded_tasks(base, policy), {name: FAMILIES[name] for name in margins}, margins, policy)


def as_run(base: JudgedRun, tasks: Mapping[str, RecordedTask], sides: Sides, name: str) -> JudgedRun:
    """The run that has these sides on record."""
    docs: dict[str, dict[str, JudgedDoc]] = {}
    for task, side in sides.items():
        docs[task] = {}
        for number, hashed in enumerate(tasks[task].hashes):
            repeats = side.scores.shape[1]
            docs[task][hashed] = replace(
                base.docs[task][hashed],
                scores=tuple(None if np.isnan(one) else float(one) for one in side.scores[number]),
                truncated=(None,) * repeats if side.truncated is None else tuple(map(bool, side.truncated[number])),
                unparsed=tuple(map(bool, side.unparsed[number])),
                output_tokens=(10,) * repeats,
                text_hashes=tuple(f"{name} new" if np.isnan(one) else f"{one:g}" for one in side.texts[number]),
            )
    return replace(base, docs=docs)
