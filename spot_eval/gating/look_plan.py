"""The plan of `run --until-verdict`: how much of each task is in at each look, and what a look may decide by.

    plan_looks(suite, docs, base, policy)     # the first line of looks.jsonl
    family_fractions([(0.32, 0.55, …), (0.33, 0.57, …)])

Knows numbers of docs and repeats; docs/sequential.md derives the information fractions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.gating.policy import Policy
from spot_eval.runs.judged import JudgedRun
from spot_eval.runs.look_views import base_digest
from spot_eval.runs.looks import SCHEMA, Clusters

MOST_LOOKS = 5
HALVES = 2
LEAST_DOCS = 10
"""A look at part of a task's docs sees at least this many."""


def plan_looks(
    suite: Mapping[str, Any], docs: Mapping[str, Clusters], base: JudgedRun, policy: Policy, source: str = "default"
) -> dict[str, Any]:
    """Return the plan of a run's looks, as the first line of looks.jsonl.

    Args:
        suite: families, tasks and repeats, as manifest.json has them.
        docs: the docs of each task that will run.
        base: the base run that the candidate is compared with.
        policy: the gate's policy.
        source: the policy's file, or `default`; goes into the plan as it is.

    Raises UserError if a gated task is not in the base, or has fewer docs than a look needs.
    """
    gated = [task for family in policy.margins(suite) for task in suite["families"][family]]
    repeats = {task: int(suite["tasks"][task]["repeats"]) for task in docs}
    if not repeats:
        raise UserError("--until-verdict: no task of the suite can run, so there is nothing to look at")
    looks = number_of_looks(repeats.values())
    tasks: dict[str, dict[str, Any]] = {}
    for task, of_task in docs.items():
        known = base.docs.get(task, {})
        shared = [known[hashed] for hashed in of_task if hashed in known and known[hashed].mean is not None]
        if task in gated and not shared:
            raise UserError(
                f"--until-verdict: the base {base.path} has no judged doc of task {task}, so no verdict on its family "
                "can ever be reached; name a base that ran the same suite, or leave --until-verdict away"
            )
        base_repeats = sum(len(doc.scores) for doc in shared) / len(shared) if shared else repeats[task]
        counts = task_counts(len(of_task), repeats[task], looks)
        if counts[0][0] < min(LEAST_DOCS, len(of_task)) or len(of_task) < LEAST_DOCS:
            raise UserError(
                f"--until-verdict: task {task} has {len(of_task)} docs, fewer than the {LEAST_DOCS} a look needs; "
                "leave --until-verdict away, or raise --limit"
            )
        tasks[task] = {
            "docs": [n for n, _ in counts],
            "repeats": [r for _, r in counts],
            "fractions": [round(t, 6) for t in task_fractions(counts, base_repeats)],
        }
    return {
        "kind": "plan",
        "schema": SCHEMA,
        "base": {"path": str(base.path), "model": base.name, "digest": base_digest(base)},
        "policy": {"source": source, **policy.model_dump()},
        "spending": "power",
        "looks": looks,
        "tasks": tasks,
    }


def number_of_looks(repeats: Any) -> int:
    """Return how many looks a run has: five, fewer with fewer repeats, and two halves of the docs with one repeat."""
    most = max(repeats)
    return HALVES if most == 1 else min(MOST_LOOKS, most)


def task_counts(docs: int, repeats: int, looks: int) -> list[tuple[int, int]]:
    """Return (docs, repeats) that are in at each look: whole repeats, or parts of the docs of a single repeat."""
    if repeats == 1:
        least = min(LEAST_DOCS, docs)
        return [(max(least, _part(docs, look, looks)), 1) for look in range(1, looks + 1)]
    return [(docs, max(1, _part(repeats, look, looks))) for look in range(1, looks + 1)]


def _part(whole: int, look: int, looks: int) -> int:
    return int(whole * look / looks + 0.5)


def task_fractions(counts: Sequence[tuple[int, int]], base_repeats: float) -> list[float]:
    """Return the information of each look as a share of the last one's, all variance being within docs.

    With r repeats of n docs the difference has the variance w (1 / r + 1 / B) / n. Variance between docs, which more
    repeats do not take away, makes true fractions larger and correlations of looks higher, so boundaries from these
    are on the safe side.
    """
    information = [docs / (1 / repeats + 1 / base_repeats) for docs, repeats in counts]
    return [one / information[-1] for one in information]


def family_fractions(tasks: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return fractions for the mean of several tasks, whose looks correlate at least as much as these say.

    From one look to the next the information of a sum grows by no more than that of its fastest growing task.
    """
    fractions = [1.0]
    for before, after in zip(reversed(range(len(tasks[0]) - 1)), reversed(range(1, len(tasks[0]))), strict=True):
        fractions.append(fractions[-1] * min(task[before] / task[after] for task in tasks))
    return tuple(reversed(fractions))
