"""Prepare a power analysis: which suite, how many docs and repeats, and which base run it draws on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.gating.policy import Policy
from spot_eval.gating.power import power_of
from spot_eval.gating.task_plans import DIFFICULTY, suite_of_run
from spot_eval.runs.judged import JudgedRun
from spot_eval.tasks.catalogue import catalogue
from spot_eval.tasks.suite import load_suite


@dataclass(frozen=True)
class Planned:
    """Result of a power analysis, with the suite it was made for."""

    suite: str
    version: int
    power: dict[str, Any]
    """As power.json has it; see `gating.power`."""


def plan_evaluation(
    base: JudgedRun | None,
    policy: Policy,
    *,
    suite: str | None = None,
    margin: float | None = None,
    repeats: int | None = None,
    limit: int | None = None,
    docs: Mapping[str, int] | None = None,
    difficulty: float = DIFFICULTY,
    churn: float = 0.0,
) -> Planned:
    """Return what an evaluation will be able to show.

    Args:
        base: the base run; its suite, scores and spread are used. None: difficulty and spread are assumed.
        policy: margins and alpha of the gate.
        suite: name or file; None for the suite of `base`, or `spot`.
        margin: margin of every family, instead of the policy's.
        repeats: samples per doc, for every task.
        limit: only the first docs of each task.
        docs: number of docs of tasks of your own.
        difficulty: assumed mean score of a task that `base` does not have.
        churn: assumed standard deviation over docs of true changes that cancel out.

    Raises UserError for a value out of range or a task that the suite lacks.
    """
    if margin is not None and not 0 < margin < 1:
        raise UserError(f"margin {margin:g} is not between 0 and 1; these are fractions, so three points are 0.03")
    if not 0 < difficulty < 1:
        raise UserError(f"difficulty {difficulty:g} is not between 0 and 1; it is the assumed mean score")
    if not 0 <= churn <= 1:
        raise UserError(f"churn {churn:g} is not between 0 and 1; it is a standard deviation of scores")
    for name, number in (("repeats", repeats), ("limit", limit)):
        if number is not None and number < 1:
            raise UserError(f"{name} is {number}; expected at least 1")
    counts: dict[str, int | None]
    if base and suite is None:
        resolved, counts = suite_of_run(base, repeats)
    else:
        resolved = load_suite(suite or "spot").narrowed(repeats=repeats).resolved()
        counts = {entry["task"]: entry["docs"] for entry in catalogue(suite or "spot", [], {})}
    name = resolved["name"]
    if base and not any(task in base.docs for task in counts):
        raise UserError(f"{base.path} has no task of suite {name}; leave out --suite to use the suite of that run")
    policy.margins(resolved)
    for task, count in (docs or {}).items():
        if task not in counts or count < 1:
            raise UserError(f"docs {task}={count}: expected a task of suite {name} and a number of docs")
        counts[task] = count
    if limit is not None:
        counts = {task: min(count, limit) if count else None for task, count in counts.items()}
    found = power_of(resolved, counts, policy, base, margin=margin, difficulty=difficulty, churn=churn)
    return Planned(name, resolved["version"], found)
