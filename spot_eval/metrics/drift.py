"""Drift of a candidate from its base, with errors: from differences per answer to tasks, families and the whole.

    {"tasks": {"aime24": {"family": "in_domain", "docs": 30, "tokens": 81204, "kl": {"mean": 0.0021, "stderr": 0.0003},
               "logprob": {…}, "z": 7.0, "where": [0.0011, … ten], "gold": {"mean": -0.02, "stderr": 0.05}}},
     "families": {…}, "overall": {…}}

`kl` is the mean of KL(base || candidate) per token of the base's own answers, in nats; `logprob` the mean change of the
log-prob of those tokens. Both are ratios of sums over docs, with linearised errors over docs or clusters. `gold` is the
change of the log-prob of a right answer, per doc. `where` holds the mean KL in each tenth of an answer. `z` says that
the model moved, never that it was harmed: KL has no sign.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spot_eval.metrics.estimates import Estimate, mean_over_units, unweighted, weighted_mean_over_docs

TENTHS = 10
FLOORS = {"float32": 1e-9, "bfloat16": 2.3e-5}
"""KL per token between a model and itself by another batch size (float32) or in another precision (bfloat16 against
float32), nats; measured on the embedded model."""


@dataclass(frozen=True)
class AnswerDrift:
    """An answer of the base, read by both models: a line of `drift.jsonl`. Sums over its tokens, nats.

    `kind` is "answer" for what the base generated, "gold" for a right reply made of the doc's gold. `kl_tenths` and
    `tokens_tenths` divide the answer by position. `most` lists the tokens that moved most: [position, KL, text].
    """

    key: str
    kind: str
    task: str
    doc_id: int
    doc_hash: str
    repeat: int
    tokens: int
    kl: float
    logprob: float
    base_logprob: float
    kl_tenths: list[float] = field(default_factory=list)
    tokens_tenths: list[int] = field(default_factory=list)
    most: list[list[Any]] = field(default_factory=list)


def drift(
    rows: Iterable[AnswerDrift], *, families: Mapping[str, Sequence[str]], clusters: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Return the summary of a run's drift.

    Args:
        rows: one per answer and gold.
        families: family to its tasks, as the suite has them.
        clusters: task to doc_hash to the cluster that the doc belongs to.

    A family without one of its tasks has no mean, as on the scoreboard.
    """
    by_task: dict[str, list[AnswerDrift]] = defaultdict(list)
    for row in rows:
        by_task[row.task].append(row)
    family_of = {task: family for family, tasks in families.items() for task in tasks}
    tasks = {
        task: {"family": family_of.get(task, ""), **_task(by_task[task], clusters.get(task, {}))}
        for task in family_of
        if task in by_task
    }
    return {
        "tasks": tasks,
        "families": {
            family: _group([tasks[task] for task in members if task in tasks], len(members))
            for family, members in families.items()
            if any(task in tasks for task in members)
        },
        "overall": _group(list(tasks.values()), len(family_of)),
    }


def _task(rows: Sequence[AnswerDrift], clusters: Mapping[str, str]) -> dict[str, Any]:
    answers = [row for row in rows if row.kind == "answer"]
    golds = {row.doc_hash: row.logprob for row in rows if row.kind == "gold"}
    kl = _per_token(answers, clusters, lambda row: row.kl)
    gold = mean_over_units(golds, clusters)
    sums, counts = ([sum(part) for part in zip(*column, strict=True)] for column in (
        [row.kl_tenths for row in answers], [row.tokens_tenths for row in answers]
    ))  # fmt: skip
    return {
        "docs": len({row.doc_hash for row in answers}),
        "tokens": sum(row.tokens for row in answers),
        "kl": kl._asdict(),
        "logprob": _per_token(answers, clusters, lambda row: row.logprob)._asdict(),
        "z": _z(kl),
        "where": [total / count if count else None for total, count in zip(sums, counts, strict=True)],
        "gold": {**gold._asdict(), "docs": len(golds)},
    }


def _per_token(rows: Sequence[AnswerDrift], clusters: Mapping[str, str], value: Any) -> Estimate:
    """A ratio of sums over units: docs, or the clusters that some of them share."""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    tokens: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        unit = ("cluster", clusters[row.doc_hash]) if row.doc_hash in clusters else ("doc", row.doc_hash)
        sums[unit] += value(row)
        tokens[unit] += row.tokens
    units = [unit for unit in tokens if tokens[unit]]
    return weighted_mean_over_docs([sums[unit] / tokens[unit] for unit in units], [tokens[unit] for unit in units])


def _group(members: Sequence[Mapping[str, Any]], wanted: int) -> dict[str, Any]:
    parts = {name: [Estimate(**{k: one[name][k] for k in ("mean", "stderr")}) for one in members]
             for name in ("kl", "logprob", "gold")}  # fmt: skip
    whole = {name: unweighted(found) if len(found) == wanted else Estimate(None, None) for name, found in parts.items()}
    return {
        **{name: estimate._asdict() for name, estimate in whole.items()},
        "z": _z(whole["kl"]),
        **({"partial": True} if len(members) < wanted else {}),
    }


def _z(kl: Estimate) -> float | None:
    """Return the number of standard errors between the mean KL and none: it says "moved", never "harmed"."""
    return kl.mean / kl.stderr if kl.mean is not None and kl.stderr else None
