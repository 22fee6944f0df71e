"""Make the whole of comparison.json: candidates against a base, slices, and every pair of more than two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spot_eval.comparison.all_pairs import compare_pairs
from spot_eval.comparison.compare import ALPHA, compare
from spot_eval.comparison.slices import slices_by
from spot_eval.runs.judged import JudgedRun


def compare_fully(
    candidates: Sequence[JudgedRun], base: JudgedRun, by: Sequence[str] = (), alpha: float = ALPHA
) -> dict[str, Any]:
    """Return the content of comparison.json, as `comparison.compare` documents it.

    Args:
        candidates: the runs to compare.
        base: the run they are compared with.
        by: columns to slice the docs by, as `slices_by` takes them.
        alpha: one-sided error of each bound.

    Raises NotComparableError if a candidate cannot be compared with the base, UserError for a column no doc has.
    """
    found = compare(candidates, base, alpha)
    for entry, candidate in zip(found["comparisons"], candidates, strict=True):
        entry["slices"] = slices_by(candidate, base, by, alpha)
    if len(candidates) > 1:
        found["pairs"] = compare_pairs([*candidates, base], alpha)
    return found
