"""The slices and topics of an exam: groups of docs that harm may be confined to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spot_eval.comparison.slices import LENGTH, docs_by_value, usual_columns
from spot_eval.core.errors import UserError
from spot_eval.gating.certify.answers import RecordedTask
from spot_eval.gating.certify.harms import SMALLEST_SLICE, Slices
from spot_eval.runs.judged import JudgedRun

TOPICAL = ("subject", "kind", "instruction")
"""Columns whose values are topics; the others (a level, a length) only cut a task into slices."""


def slices_of(base: JudgedRun, tasks: Mapping[str, RecordedTask], by: str | None = None) -> tuple[Slices, Slices]:
    """Return (slices, topics) of the tasks of a base.

    A task is sliced by `by`, or by the first usual column that its rows have, or by the length of the base's answers.

    Args:
        base: the run whose rows and answers divide the docs.
        tasks: its gated tasks, by name.
        by: a column of the rows, whose values are then topics.

    Raises UserError if no doc of these tasks has the column `by`.
    """
    columns = [by] if by else [*usual_columns(base), LENGTH]
    topical = [by] if by else TOPICAL
    slices: dict[str, dict[str, np.ndarray]] = {}
    topics: dict[str, dict[str, np.ndarray]] = {}
    for column in columns:
        for name, values in docs_by_value(base, column).items():
            if name in tasks and len(found := _placed(tasks[name], values)) > 1:
                slices.setdefault(name, found)
                if column in topical:
                    topics.setdefault(name, found)
    if by and not slices:
        raise UserError(f"--by {by}: no task of {base.path} has two values of it with {SMALLEST_SLICE} docs each")
    return slices, topics


def _placed(task: RecordedTask, values: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    place = {hashed: number for number, hashed in enumerate(task.hashes)}
    found = {value: np.array([place[one] for one in hashes if one in place]) for value, hashes in values.items()}
    return {value: docs for value, docs in found.items() if len(docs) >= SMALLEST_SLICE}
