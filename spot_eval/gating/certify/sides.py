"""The two sides of a redrawn comparison as arrays: what a run of a task would have on record.

base, candidate = redrawn_pair(tasks, rng)      # nothing changed between them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spot_eval.gating.certify.answers import RecordedTask
from spot_eval.metrics.redraw import redrawn, split


@dataclass(frozen=True)
class Side:
    """A run of one task: arrays of (docs, repeats), as `RecordedTask` has their values."""

    scores: np.ndarray
    truncated: np.ndarray | None
    unparsed: np.ndarray
    tokens: np.ndarray
    texts: np.ndarray

    @classmethod
    def of(cls, task: RecordedTask, numbers: np.ndarray) -> Side:
        """Return the answers with these numbers."""
        return cls(
            task.scores[numbers],
            None if task.truncated is None else task.truncated[numbers],
            task.unparsed[numbers],
            task.tokens[numbers],
            task.texts[numbers],
        )

    def mean_with(self, fill: float | None) -> np.ndarray:
        """Return each doc's mean score with `fill` for what was not judged; NaN if nothing is left."""
        unknown = np.isnan(self.scores)
        if fill is not None:
            return np.where(unknown, fill, self.scores).mean(axis=1)
        judged = (~unknown).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.where(unknown, 0.0, self.scores).sum(axis=1) / judged


Sides = Mapping[str, Side]
"""Task to side."""


def redrawn_pair(tasks: Mapping[str, RecordedTask], rng: np.random.Generator) -> tuple[Sides, Sides]:
    """Return (base, candidate) between which nothing changed: both from each doc's posterior.

    The base has as many repeats as are on record (on average over docs), the candidate those of the suite.
    """
    base, candidate = {}, {}
    for name, task in tasks.items():
        repeats = max(1, round(float(task.count.mean())))
        numbers = redrawn(task.start, task.count, task.weight, repeats + task.repeats, rng)
        base[name], candidate[name] = Side.of(task, numbers[:, :repeats]), Side.of(task, numbers[:, repeats:])
    return base, candidate


def split_pair(tasks: Mapping[str, RecordedTask], rng: np.random.Generator) -> tuple[Sides, Sides]:
    """Return (base, candidate) between which nothing changed: the recorded repeats in two halves.

    It assumes nothing of how docs differ, and has half of the repeats. A task with one repeat must not be among them.
    """
    base, candidate = {}, {}
    for name, task in tasks.items():
        first, second = split(task.start, task.count, rng)
        base[name], candidate[name] = Side.of(task, first), Side.of(task, second)
    return base, candidate
