"""Compute the scoreboard from judged samples: tasks, families, overall.

    {"tasks": {"aime24": {"family": "in_domain", "mean": 0.31, "stderr": 0.06, "docs": 30, "repeats": 16, …}},
     "families": {"in_domain": {"mean": …, "stderr": …, "tasks": 6}}, "overall": {…}}

Fractions of 1. If all docs of a task score the same, `stderr` is null, and `bounds` holds a one-sided 95 % bound on
either side (estimates.exact_bounds). What could not be judged is outside every mean and counted; a family that lacks a
task has no mean and says `partial`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spot_eval.core.records import Sample
from spot_eval.metrics.estimates import (
    TAIL_IN_ERRORS,
    Estimate,
    exact_bounds,
    ks_up_to,
    majority_score,
    pass_at_k,
    units_of,
    unweighted,
    weighted_mean_over_docs,
)

MOST_NATS = 700.0  # beyond that a float cannot hold the perplexity


def scoreboard(
    samples: Iterable[Sample],
    *,
    suite: Mapping[str, Any],
    sessions: Sequence[Mapping[str, Any]] = (),
    left_out: Mapping[str, str] | None = None,
    clusters: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the scoreboard of one run.

    Args:
        samples: all judged samples of the run.
        suite: the resolved suite of the run's manifest. Its `families` name all tasks, its `tasks` those of this run.
        sessions: the sessions of the run, for its cost.
        left_out: the tasks that could not run, with the reason.
        clusters: task to doc_hash to the doc's cluster, for docs that share one.
    """
    by_task: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_task[sample.task].append(sample)
    tasks = {
        name: {"family": settings["family"], **task_scores(by_task[name], (clusters or {}).get(name, {}))}
        for name, settings in suite["tasks"].items()
        if by_task[name]
    }
    return {
        "suite": {"name": suite["name"], "version": suite["version"]},
        "tasks": tasks,
        "families": {family: combined(members, tasks) for family, members in suite["families"].items()},
        "overall": combined([name for members in suite["families"].values() for name in members], tasks),
        "left_out": dict(left_out or {}),
        "cost": cost(sessions),
    }


def combined(wanted: Sequence[str], tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the unweighted mean over `wanted` tasks; null and `partial` if one is missing or has no mean.

    A task with exact bounds adds the distance to the farther one, in standard errors. If all tasks have such bounds, so
    has their mean: distances add up as squares.
    """
    missing = [name for name in wanted if name not in tasks or tasks[name]["mean"] is None]
    if missing:
        return {"mean": None, "stderr": None, "tasks": len(wanted), "partial": True, "missing": missing}
    parts = [tasks[name] for name in wanted]
    mean, stderr = unweighted([Estimate(part["mean"], _error(part)) for part in parts])
    if not parts or mean is None or not all(part.get("bounds") for part in parts):
        return {"mean": mean, "stderr": stderr, "tasks": len(wanted)}
    below, above = (
        math.hypot(*(part["bounds"][side] - part["mean"] for part in parts)) / len(parts) for side in (0, 1)
    )
    return {"mean": mean, "stderr": None, "bounds": [mean - below, mean + above],
            "tasks": len(wanted)}  # fmt: skip


def _error(part: Mapping[str, Any]) -> float | None:
    """Return the standard error of a task, or what stands for it."""
    if bounds := part.get("bounds"):
        return max(part["mean"] - bounds[0], bounds[1] - part["mean"]) / TAIL_IN_ERRORS
    stderr = part["stderr"]
    return None if stderr is None else float(stderr)


def estimated(
    values: Sequence[float], weights: Sequence[float], span: tuple[float, float] = (0.0, 1.0)
) -> dict[str, Any]:
    """Return {"mean", "stderr"} of docs or clusters, with {"bounds"} if all of them score, or differ, the same.

    Args:
        values: the mean of each unit.
        weights: docs in each unit.
        span: the least and the greatest possible value; (-1, 1) for differences.
    """
    estimate = weighted_mean_over_docs(values, weights)
    bounds = exact_bounds(values, weights, span)
    return {"mean": estimate.mean, "stderr": None, "bounds": list(bounds)} if bounds else estimate._asdict()


def task_scores(samples: Sequence[Sample], cluster_of: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return mean, error, pass@k, maj@k and counts of one task's samples (at least one).

    `cluster_of` names the cluster of the docs that share a source; the error is then over clusters.
    """
    docs = docs_of(samples)
    judged = _judged(docs)
    means = {doc: sum(scores) / len(scores) for doc, scores in judged.items()}
    estimate = estimated(*units_of(means, cluster_of or {}))
    repeats = max(len(of_doc) for of_doc in docs.values())
    with_text = [sample for sample in samples if sample.output_tokens is not None]
    count = len(samples)
    return {
        "grader": ", ".join(sorted({sample.grader for sample in samples})),
        **estimate,
        "docs": len(docs),
        "docs_judged": len(judged),
        "repeats": repeats,
        "samples": count,
        "avg_at_k": {str(repeats): estimate["mean"]},
        "pass_at_k": _pass_at_k(judged.values(), repeats),
        "maj_at_k": _maj_at_k(docs, repeats),
        "truncated": _share([sample.truncated for sample in samples]),
        "unparsed": sum(sample.unparsed for sample in samples) / count,
        "not_judged": sum(sample.not_judged for sample in samples) / count,
        **({"not_judged_reason": reason} if (reason := _first_reason(samples)) else {}),
        "output_tokens": _mean([float(sample.output_tokens or 0) for sample in with_text]),
        "metrics": (metrics := _metrics(docs)),
        **({"perplexities": found} if (found := perplexities(metrics)) else {}),
    }


def _first_reason(samples: Sequence[Sample]) -> str | None:
    """Return why the first sample without a verdict has none; None if all have one."""
    return next((sample.why for sample in samples if sample.not_judged and sample.why), None)


PERPLEXITIES = {"nats_per_word": "word_perplexity", "nats_per_byte": "byte_perplexity", "nats_per_target": "perplexity"}
"""Metrics in nats, by the perplexity that each is the logarithm of."""


def perplexities(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return mean and standard error (by the delta method) of each perplexity, from the mean in nats."""
    found = {}
    for nats, name in PERPLEXITIES.items():
        if (one := metrics.get(nats)) and one["mean"] is not None and one["mean"] < MOST_NATS:
            mean = math.exp(one["mean"])
            found[name] = {"mean": mean, "stderr": None if one["stderr"] is None else mean * one["stderr"]}
    return found


def docs_of(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Return the samples of one task by doc_hash, repeats in order."""
    docs: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: (sample.doc_id, sample.repeat)):
        docs[sample.doc_hash].append(sample)
    return docs


def doc_means(samples: Iterable[Sample]) -> dict[str, float]:
    """Return doc_hash to the mean over its judged repeats; docs without any are absent."""
    return {doc: sum(scores) / len(scores) for doc, scores in _judged(docs_of(samples)).items()}


def _judged(docs: Mapping[str, Sequence[Sample]]) -> dict[str, list[float]]:
    """Return the scores of each doc that has any."""
    scores = {doc: [sample.score for sample in of_doc if sample.score is not None] for doc, of_doc in docs.items()}
    return {doc: of_doc for doc, of_doc in scores.items() if of_doc}


def _pass_at_k(judged: Iterable[Sequence[float]], repeats: int) -> dict[str, float | None]:
    """Return pass@k over the docs whose samples were all judged; a sample passes if it scores 1."""
    correct = [sum(score >= 1 for score in scores) for scores in judged if len(scores) == repeats]
    return {str(k): _mean([pass_at_k(repeats, count, k) for count in correct]) for k in ks_up_to(repeats)}


def _maj_at_k(docs: Mapping[str, Sequence[Sample]], repeats: int) -> dict[str, float | None]:
    """Return maj@k for all repeats; null if the task's answers cannot vote, or there is only one."""
    votes = any(sample.answer_group is not None for of_doc in docs.values() for sample in of_doc)
    if not votes or repeats < 2:
        return {str(repeats): None}
    scores = [majority_score([s.answer_group for s in of_doc], [s.score for s in of_doc]) for of_doc in docs.values()]
    return {str(repeats): _mean([score for score in scores if score is not None])}


def _metrics(docs: Mapping[str, Sequence[Sample]]) -> dict[str, dict[str, Any]]:
    """Return mean and error of each further metric, over docs like the score, with the grader's weights."""
    values: dict[str, list[float]] = defaultdict(list)
    weights: dict[str, list[float]] = defaultdict(list)
    for of_doc in docs.values():
        for name in {name for sample in of_doc for name in sample.metrics}:
            known = [value for sample in of_doc if (value := sample.metrics.get(name)) is not None]
            if known:
                values[name].append(sum(known) / len(known))
                weights[name].append(max(sample.weights.get(name, 1.0) for sample in of_doc))
    return {name: estimated(values[name], weights[name]) for name in sorted(values)}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _share(flags: Sequence[bool | None]) -> float | None:
    """Return the share of flags that are set; None if one of them is unknown."""
    known = [flag for flag in flags if flag is not None]
    return sum(known) / len(known) if len(known) == len(flags) else None


def cost(sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return wall time and tokens of all sessions of a run; with `paid` if prices were given."""
    seconds = sum(float(session["seconds"]) for session in sessions)
    tokens = sum(int(session["output_tokens"]) for session in sessions)
    paid = [float(session["engine"]["cost"]) for session in sessions if "cost" in session.get("engine", {})]
    return {
        "wall_time_s": round(seconds, 3),
        "generations": sum(int(session["generations"]) for session in sessions),
        "output_tokens": tokens,
        "tokens_per_s": tokens / seconds if seconds else None,
        "sessions": len(sessions),
        **({"paid": round(sum(paid), 6)} if paid else {}),
    }
