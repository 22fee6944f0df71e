"""`spot-eval compare`: candidates beside a base, paired doc by doc. The content of comparison.json:

    {"schema": 1, "alpha": 0.05,
     "base": {"path", "kind": "run" | "saved", "model", "step", "suite": {"name", "version"}, "created"},
     "comparisons": [{                         one per candidate, in the order given
       "candidate": {…as base…},
       "warnings": ["the runs have different seeds (0 and 1)", …],
       "missing": {"candidate": [task, …], "base": [task, …]},    tasks of the suite without judged docs
       "tasks": {name: {
         "family",
         "candidate", "base": means over the paired docs,
         "mean": candidate - base, "stderr", "df",
         "exact": [low, high] instead of "stderr" if all docs differ alike, as the scoreboard has it; else null,
         "lower", "upper": bounds, each one-sided at 1 - alpha; "interval": [low, high], two-sided,
         "bounds": "likelihood" | "exact" | "identity" | "none",
         "test": "mcnemar" | "sign-flip" | "identity" | "none",
         "p_harm", "p_gain": one-sided; "p": two-sided; "p_harm_holm", "p_gain_holm", "p_holm": over the tasks,
         "docs": paired, "docs_unpaired": of one run only, "docs_not_judged": of both, but in one run without a verdict,
         "clusters": number of clusters, null if docs have none,
         "repeats": {"candidate": 5, "base": 5},
         "gained", "lost", "same": docs,
         "changes": {"truncated" | "unparsed" | "not_judged" | "output_tokens":
                     {"candidate", "base", "mean": difference, "stderr"}}}},
       "families": {name: {"tasks": [name, …], "missing": [name, …], …as a task from "candidate" to "p_holm",
                           Holm over the families; all null if a task is missing; "changes"…}},
       "overall": {…as a family…},
       "flips": [{"task", "doc_id", "doc_hash", "outcome": "gained" | "lost", "candidate", "base": doc means,
                  "mean": difference, "repeats": {…}, "crossed": from mostly right to mostly wrong, or back}],
                 lost before gained, the largest difference first
       "slices": one per `--by`, as comparison/slices.py has it; empty otherwise,
       "time": {"wall_time_s" | "output_tokens" | "tokens_per_s": {"candidate", "base"}}}],
     "curves": [{"training_run": "run7", "points": [{"step": 500, "comparison": 0}, …]}],
     "pairs": of more than two runs, as comparison/all_pairs.py has it; absent otherwise}

Fractions of 1; "bounds" of a family can also be "mixed". `metrics/paired.py` has the statistics, and
docs/statistics.md explains them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spot_eval.comparison.pairing import (
    FLAGS,
    DocPair,
    _group_effect,
    as_pairs,
    difference_entries,
    family_effects,
    flag_rates,
    paired_docs,
    shown_error,
    task_effects,
)
from spot_eval.metrics.estimates import mean_over_docs
from spot_eval.metrics.paired import Effect, Pairs, holm
from spot_eval.runs.comparability import refuse_incomparable_runs
from spot_eval.runs.judged import JudgedDoc, JudgedRun

SCHEMA = 1
ALPHA = 0.05


def compare(candidates: Sequence[JudgedRun], base: JudgedRun, alpha: float = ALPHA) -> dict[str, Any]:
    """Return comparison.json of `candidates` against `base`. Raises NotComparableError if one cannot be compared."""
    comparisons = [compare_one(candidate, base, alpha) for candidate in candidates]
    return {
        "schema": SCHEMA,
        "alpha": alpha,
        "base": base.about(),
        "comparisons": comparisons,
        "curves": _curves(candidates),
    }


def compare_one(candidate: JudgedRun, base: JudgedRun, alpha: float = ALPHA) -> dict[str, Any]:
    """Return the entry of `comparisons` for one candidate."""
    warnings = refuse_incomparable_runs(candidate, base)
    if candidate.looks is not None and candidate.looks.stopped_early:
        warnings.append(
            "the candidate stopped early at a look: differences, bounds and p values here are naive ones, as if its "
            "end had been fixed; `spot-eval gate` allows for stopping"
        )
    pairs = paired_docs(candidate, base)
    families = candidate.config["suite"]["families"]
    by_task = {task: as_pairs(found) for task, found in pairs.items()}
    of_tasks = task_effects(by_task, alpha)
    of_families = family_effects(by_task, families, alpha)
    everything = [task for members in families.values() for task in members]
    family_of = {task: family for family, members in families.items() for task in members}
    entries = difference_entries(by_task)
    return {
        "candidate": candidate.about(),
        "warnings": warnings,
        "missing": {
            "candidate": [task for task in everything if task not in candidate.docs],
            "base": [task for task in everything if task not in base.docs],
        },
        "tasks": {
            task: {
                "family": family_of[task],
                **_means(pairs[task]),
                **found,
                **shown_error([task], entries),
                **_counts(pairs[task], by_task[task], candidate.docs[task], base.docs[task]),
                "changes": _changes([pairs[task]]),
            }
            for task, found in _with_holm(of_tasks).items()
        },
        "families": {
            family: _group(families[family], pairs, {**found, **shown_error(families[family], entries)})
            for family, found in _with_holm(of_families).items()
        },
        "overall": _group(
            everything,
            pairs,
            {**_group_effect(by_task, everything, alpha).as_dict(), **shown_error(everything, entries)},
        ),
        "flips": _flips(pairs),
        "time": _time(candidate, base),
    }


def outline(candidate: JudgedRun, base: JudgedRun, pairs: Mapping[str, Sequence[DocPair]]) -> dict[str, Any]:
    """Return the members and means of a comparison without the statistics, for a look at a running run.

    `tasks` and `families` hold "candidate", "base" and "family", or "tasks" and "missing", as in comparison.json.
    """
    families = candidate.config["suite"]["families"]
    family_of = {task: family for family, members in families.items() for task in members}
    means = {task: _means(docs) for task, docs in pairs.items()}
    found: dict[str, Any] = {
        "tasks": {task: {"family": family_of[task], **mean} for task, mean in means.items()},
        "families": {},
    }
    for family, members in families.items():
        missing = [task for task in members if task not in pairs or not _judged(pairs[task])]
        sides = {
            side: None if missing else _mean([means[task][side] for task in members]) for side in ("candidate", "base")
        }
        found["families"][family] = {"tasks": list(members), "missing": missing, **sides}
    return found


def _with_holm(effects: Mapping[str, Effect]) -> dict[str, dict[str, Any]]:
    """Return effects as dicts, with p values adjusted over those that have one."""
    found = {name: one.as_dict() for name, one in effects.items()}
    for p in ("p_harm", "p_gain", "p"):
        known = [name for name in found if found[name][p] is not None]
        adjusted = dict(zip(known, holm([found[name][p] for name in known]), strict=True))
        for name, entry in found.items():
            entry[f"{p}_holm"] = adjusted.get(name)
    return found


def _means(docs: Sequence[DocPair]) -> dict[str, float | None]:
    """Return the means of both runs over the docs that have a verdict in both."""
    judged = [(a.mean, b.mean) for a, b in docs if a.mean is not None and b.mean is not None]
    if not judged:
        return {"candidate": None, "base": None}
    mine, other = (sum(side) / len(judged) for side in zip(*judged, strict=True))
    return {"candidate": mine, "base": other}


def _counts(
    docs: Sequence[DocPair], pairs: Pairs, mine: Mapping[str, JudgedDoc], other: Mapping[str, JudgedDoc]
) -> dict[str, Any]:
    gained, lost = (int((side * pairs.differences > 1e-12).sum()) for side in (1, -1))
    return {
        "docs": pairs.docs,
        "docs_unpaired": len(mine.keys() ^ other.keys()),
        "docs_not_judged": len(docs) - pairs.docs,
        "clusters": len(pairs.units[0]) if pairs.clusters is not None else None,
        "repeats": {side: _repeats(run) for side, run in (("candidate", mine), ("base", other))},
        "gained": gained,
        "lost": lost,
        "same": pairs.docs - gained - lost,
    }


def _repeats(docs: Mapping[str, JudgedDoc]) -> int:
    return max((len(doc.scores) for doc in docs.values()), default=0)


def _group(members: Sequence[str], pairs: Mapping[str, Sequence[DocPair]], found: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a family or of the whole: its tasks, the missing ones, and unweighted means."""
    missing = [task for task in members if task not in pairs or not _judged(pairs[task])]
    sides: dict[str, float | None] = {"candidate": None, "base": None}
    if not missing:
        means = [_means(pairs[task]) for task in members]
        sides = {side: _mean([one[side] for one in means]) for side in sides}
    changes = _changes([pairs[task] for task in members]) if not missing else None
    return {"tasks": list(members), "missing": missing, **sides, **found, "changes": changes}


def _judged(docs: Sequence[DocPair]) -> bool:
    return any(a.mean is not None and b.mean is not None for a, b in docs)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _changes(tasks: Sequence[Sequence[DocPair]]) -> dict[str, Any]:
    """Return the changes of flags and lengths: per task over docs, then unweighted over tasks."""
    values: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for docs in tasks:
        for flag in FLAGS:
            values[flag].append(flag_rates(docs, flag))
        lengths = [(_length(a), _length(b)) for a, b in docs]
        counted = np.asarray([pair for pair in lengths if None not in pair], dtype=float).reshape(-1, 2)
        values["output_tokens"].append((counted[:, 0], counted[:, 1]))
    found = {}
    for name, sides in values.items():
        if any(not len(mine) for mine, _ in sides):
            found[name] = dict.fromkeys(("candidate", "base", "mean", "stderr"))
            continue
        errors = [mean_over_docs(mine - other).stderr for mine, other in sides]
        known = [error for error in errors if error is not None]
        count = len(sides)
        mine_mean, other_mean = (sum(float(pair[side].mean()) for pair in sides) / count for side in (0, 1))
        found[name] = {
            "candidate": mine_mean,
            "base": other_mean,
            "mean": mine_mean - other_mean,
            "stderr": float(np.sqrt(np.square(known).sum())) / count if len(known) == count else None,
        }
    return found


def _length(doc: JudgedDoc) -> float | None:
    known = [tokens for tokens in doc.output_tokens if tokens is not None]
    return sum(known) / len(known) if known else None


def _flips(pairs: Mapping[str, Sequence[DocPair]]) -> list[dict[str, Any]]:
    """Return every doc whose mean changed: lost before gained, the largest change first."""
    found = []
    for task, docs in pairs.items():
        for mine, other in docs:
            if mine.mean is None or other.mean is None or abs(mine.mean - other.mean) <= 1e-12:
                continue
            found.append(
                {
                    "task": task,
                    "doc_id": mine.doc_id,
                    "doc_hash": mine.doc_hash,
                    "outcome": "gained" if mine.mean > other.mean else "lost",
                    "candidate": mine.mean,
                    "base": other.mean,
                    "mean": mine.mean - other.mean,
                    "repeats": {"candidate": len(mine.scores), "base": len(other.scores)},
                    "crossed": (mine.mean >= 0.5) != (other.mean >= 0.5),
                }
            )
    return sorted(found, key=lambda flip: (flip["outcome"] == "gained", -abs(flip["mean"])))


def _time(candidate: JudgedRun, base: JudgedRun) -> dict[str, Any]:
    names = ("wall_time_s", "output_tokens", "tokens_per_s")
    return {name: {"candidate": candidate.cost.get(name), "base": base.cost.get(name)} for name in names}


def _curves(candidates: Sequence[JudgedRun]) -> list[dict[str, Any]]:
    """Return the curve of each training run that has two or more checkpoints among the candidates, by step."""
    by_run: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, candidate in enumerate(candidates):
        if candidate.step is not None:
            by_run[candidate.training_run].append((candidate.step, index))
    return [
        {
            "training_run": name,
            "points": [{"step": step, "comparison": index} for step, index in sorted(points)],
        }
        for name, points in by_run.items()
        if len(points) > 1
    ]
