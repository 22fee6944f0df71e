"""Plan how each task of an evaluation is measured: its docs and repeats, and how much its docs vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spot_eval.metrics.power import TaskPlan
from spot_eval.runs.judged import JudgedDoc, JudgedRun

DIFFICULTY = 0.5
"""The assumed mean score if there is no base: scores vary most at 0.5."""


def assumed(
    family: str,
    docs: int,
    repeats: int,
    *,
    mean: float = DIFFICULTY,
    churn: float = 0.0,
) -> TaskPlan:
    """Return the plan of a task without a base run.

    The docs' chances of a right answer are spread as Beta(mean, 1 - mean): most are near 0 or 1, and half of the
    variance mean (1 - mean) lies within docs.

    Args:
        family: the family of the task.
        docs: how many the task has.
        repeats: repeats per doc, of the base and of the candidate.
        mean: the assumed score.
        churn: the assumed standard deviation over docs of true changes that cancel out.
    """
    square = mean - mean * (1 - mean) / 2
    return TaskPlan(family, docs, repeats, repeats, mean, square, churn)


def from_base(family: str, docs: Sequence[JudgedDoc], repeats: int, *, churn: float = 0.0) -> TaskPlan | None:
    """Return the plan of a task as a base run measured it; None if none of its docs was judged.

    The variance within docs is estimated without bias from docs with at least two judged repeats. With one repeat it is
    assumed.

    Args:
        family: the family of the task.
        docs: the docs of the base run.
        repeats: repeats per doc of the candidate.
        churn: the assumed standard deviation over docs of true changes that cancel out.
    """
    judged = [scores for doc in docs if (scores := [score for score in doc.scores if score is not None])]
    if not judged:
        return None
    mean = sum(sum(scores) / len(scores) for scores in judged) / len(judged)
    k = max(1, round(sum(map(len, judged)) / len(judged)))
    within = [_variance(scores) for scores in judged if len(scores) > 1]
    square = mean - sum(within) / len(within) if within else mean - mean * (1 - mean) / 2
    return TaskPlan(family, len(judged), repeats, k, mean, max(square, mean**2), churn, "base")


def _variance(scores: Sequence[float]) -> float:
    mean = sum(scores) / len(scores)
    return sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)


def suite_of_run(base: JudgedRun, repeats: int | None = None) -> tuple[dict[str, Any], dict[str, int | None]]:
    """Return the suite of a candidate of `base`, and the number of docs it has of each task.

    The repeats are `repeats`, or those of `base` before it was deepened.
    """
    suite = base.config["suite"]
    tasks = {
        task: {**entry, "repeats": repeats or base.candidate_repeats(task)} for task, entry in suite["tasks"].items()
    }
    return {**suite, "tasks": tasks}, {task: len(base.docs.get(task, ())) or None for task in tasks}


def plan_tasks(
    suite: Mapping[str, Any],
    docs: Mapping[str, int | None],
    base: JudgedRun | None = None,
    *,
    difficulty: float = DIFFICULTY,
    churn: float = 0.0,
) -> tuple[dict[str, TaskPlan], list[str]]:
    """Return the plans of a resolved suite's tasks, and the tasks whose number of docs is unknown.

    Args:
        suite: families, tasks and repeats, as manifest.json has them.
        docs: the number of docs of each task, None if it is unknown.
        base: the base run; tasks that it has are planned from its scores.
        difficulty: the assumed score of the other tasks.
        churn: the assumed standard deviation over docs of true changes that cancel out.
    """
    plans: dict[str, TaskPlan] = {}
    unknown = []
    for task, settings in suite["tasks"].items():
        family, repeats, count = settings["family"], settings["repeats"], docs.get(task)
        measured = from_base(family, list(base.docs.get(task, {}).values()), repeats, churn=churn) if base else None
        if measured:
            plans[task] = replace(measured, docs=min(measured.docs, count) if count else measured.docs)
        elif count:
            plans[task] = assumed(family, count, repeats, mean=difficulty, churn=churn)
        else:
            unknown.append(task)
    return plans, unknown
