"""Compare every pair of several runs, and adjust the p values for the number of pairs. The result:

    {"alpha": 0.05,
     "runs": [{…as base in comparison.json…}, …],
     "rows": [{"a": 0, "b": 1,                                indexes into runs; differences are a - b
               "not_comparable": reason, or null; "warnings": […as in comparison.json…],
               "overall": {"mean", "stderr", "exact", "interval", "p", "p_holm", "differ"},
               "families": {name: {…as overall…}}}]}

Fractions of 1. "p" is two-sided, paired doc by doc as in comparison.json. "p_holm" is Holm's adjustment (1979): for
"overall" over all pairs, for families over all pairs and families together. "differ" is true if p_holm <= alpha, false
if not, and null if nothing can be said (a task is missing, or the runs are not comparable). False means that no
difference was shown, not that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from spot_eval.comparison.pairing import (
    _group_effect,
    as_pairs,
    difference_entries,
    family_effects,
    paired_docs,
    shown_error,
)
from spot_eval.core.errors import NotComparableError
from spot_eval.metrics.paired import NOTHING, Effect, holm
from spot_eval.runs.comparability import refuse_incomparable_runs
from spot_eval.runs.judged import JudgedRun

ALPHA = 0.05


def compare_pairs(runs: Sequence[JudgedRun], alpha: float = ALPHA) -> dict[str, Any]:
    """Return all pairs of `runs` with their differences. A pair that is not comparable gets the reason instead."""
    rows = [{"a": a, "b": b, **_compare(runs[a], runs[b], alpha)} for a, b in combinations(range(len(runs)), 2)]
    _adjust([row["overall"] for row in rows], alpha)
    _adjust([entry for row in rows for entry in row["families"].values()], alpha)
    return {"alpha": alpha, "runs": [run.about() for run in runs], "rows": rows}


def _compare(a: JudgedRun, b: JudgedRun, alpha: float) -> dict[str, Any]:
    families = a.config["suite"]["families"]
    try:
        warnings = refuse_incomparable_runs(a, b)
    except NotComparableError as problem:
        nothing = _entry(NOTHING, shown_error(["missing"], {}))
        return {"not_comparable": str(problem), "warnings": [], "overall": nothing,
                "families": {family: dict(nothing) for family in families}}  # fmt: skip
    by_task = {task: as_pairs(docs) for task, docs in paired_docs(a, b).items()}
    everything = [task for members in families.values() for task in members]
    entries = difference_entries(by_task)
    return {
        "not_comparable": None,
        "warnings": warnings,
        "overall": _entry(_group_effect(by_task, everything, alpha), shown_error(everything, entries)),
        "families": {
            name: _entry(one, shown_error(families[name], entries))
            for name, one in family_effects(by_task, families, alpha).items()
        },
    }


def _entry(one: Effect, error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the difference of an effect with the error that is shown: {"stderr", "exact"}."""
    whole = one.as_dict()
    return {name: whole[name] for name in ("mean", "interval", "p")} | dict(error)


def _adjust(entries: Sequence[dict[str, Any]], alpha: float) -> None:
    """Add "p_holm" and "differ" to each entry, adjusted over those that have a p value."""
    known = [entry for entry in entries if entry["p"] is not None]
    for entry in entries:
        entry |= {"p_holm": None, "differ": None}
    for entry, p in zip(known, holm([entry["p"] for entry in known]), strict=True):
        entry |= {"p_holm": p, "differ": p <= alpha}
