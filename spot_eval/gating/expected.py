"""The expected cost of `run --until-verdict`, and what a deeper base changes: part of `power` and of a dry run.

    expected_cost(plans, families, policy, margins)["truths"][0]["share"]      # 0.34 of the answers if nothing changed

It returns:

    {"looks", "output_tokens": of the whole protocol, or null, "hours": at the base's tokens per second, or null,
     "truths": [{"change": 0.0, "pass", "fail", "share": of the answers, or of the tokens if they are known,
                 "output_tokens", "hours"}]}

Every family changes by `change`, evenly over its docs, and follows the boundaries of its looks by normal theory. Guards
and limits, which may keep a family going, are left out. docs/sequential.md compares it with what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scipy import stats

from spot_eval.gating.look_plan import number_of_looks, task_counts, task_fractions
from spot_eval.gating.policy import Policy
from spot_eval.gating.sequential import Levels, Rules
from spot_eval.metrics.power import TaskPlan, spread
from spot_eval.metrics.sequential import Look, crossing
from spot_eval.runs.judged import JudgedRun
from spot_eval.runs.looks import TaskLooks

CHANGES = (0.0, -0.01, -0.03, 0.03)
GAP = 1e-9


def expected_cost(
    plans: Mapping[str, TaskPlan],
    families: Mapping[str, Sequence[str]],
    policy: Policy,
    margins: Mapping[str, float],
    base: JudgedRun | None = None,
) -> dict[str, Any] | None:
    """Return what a run until a verdict costs on average; None if a gated family lacks a task.

    Args:
        plans: the plan of each task.
        families: the tasks of each family of the suite.
        policy: the gate's policy.
        margins: the gated families with their margins.
        base: the base run, for the tokens of an answer and the tokens per second; None if they are not known.
    """
    gated = {family: list(families[family]) for family in margins}
    if not gated or any(task not in plans for members in gated.values() for task in members):
        return None
    looks = number_of_looks([int(plan.repeats) for plan in plans.values()])
    planned = {task: looks_of(plan, looks) for task, plan in plans.items()}
    rules = Rules(policy, planned, gated, margins)
    per_answer = _tokens_per_answer(plans, base)
    tokens = None if per_answer is None else round(
        sum(per_answer[task] * plan.docs * plan.repeats for task, plan in plans.items())
    )  # fmt: skip
    each = per_answer or dict.fromkeys(plans, 1.0)
    truths = [_truth(change, plans, rules, each) for change in CHANGES]
    speed = base.cost.get("tokens_per_s") if base else None
    return {
        "looks": looks,
        **_cost(1.0, tokens, speed),
        "truths": [{**one, **_cost(one["share"], tokens, speed)} for one in truths],
    }


def looks_of(plan: TaskPlan, looks: int) -> TaskLooks:
    """Return what of a planned task is in at each of `looks` looks."""
    counts = task_counts(plan.docs, int(plan.repeats), looks)
    docs, repeats = zip(*counts, strict=True)
    return TaskLooks(docs, repeats, tuple(task_fractions(counts, plan.base_repeats)))


def _tokens_per_answer(plans: Mapping[str, TaskPlan], base: JudgedRun | None) -> dict[str, float] | None:
    found = {}
    for task in plans:
        docs = base.docs.get(task, {}).values() if base else ()
        known = [tokens for doc in docs for tokens in doc.output_tokens if tokens is not None]
        if not known:
            return None
        found[task] = sum(known) / len(known)
    return found if any(found.values()) else None


def _cost(share: float, tokens: int | None, speed: float | None) -> dict[str, Any]:
    spent = None if tokens is None else round(share * tokens)
    return {"output_tokens": spent, "hours": None if spent is None or not speed else spent / speed / 3600}


def _truth(
    change: float,
    plans: Mapping[str, TaskPlan],
    rules: Rules,
    each: Mapping[str, float],
) -> dict[str, Any]:
    """Return the chances of PASS and FAIL, and the expected share of the cost; `each` is the cost of an answer."""
    passing, failing, spent, whole = 1.0, 1.0, 0.0, 0.0
    ungated = set(plans) - {task for members in rules.members.values() for task in members}
    for family, members in rules.members.items():
        asked = [
            sum(each[task] * rules.plan[task].docs[k] * rules.plan[task].repeats[k] for task in members)
            for k in range(rules.looks)
        ]
        stops = crossing(_looks(family, rules, plans, change), change)
        passing *= sum(above for _, above in stops)
        failing *= 1 - sum(below for below, _ in stops)
        early = [below + above for below, above in stops[:-1]]
        spent += sum(chance * cost for chance, cost in zip(early, asked, strict=False)) + (1 - sum(early)) * asked[-1]
        whole += asked[-1]
    for task in ungated:  # asked once, for the first look
        plan = rules.plan[task]
        spent += each[task] * plan.docs[0] * plan.repeats[0]
        whole += each[task] * plan.docs[-1] * plan.repeats[-1]
    return {"change": change, "pass": passing, "fail": 1 - failing, "share": spent / whole}


def _looks(family: str, rules: Rules, plans: Mapping[str, TaskPlan], change: float) -> list[Look]:
    """Return the looks at a family: the standard error of each, and the means at which it passes or fails."""
    levels: Levels = rules.levels(family)
    margin, found = rules.margins[family], []
    for k in range(rules.looks):
        parts = [
            replace(plans[task], docs=rules.plan[task].docs[k], repeats=rules.plan[task].repeats[k])
            for task in rules.members[family]
        ]
        stderr, df = spread(parts, max(0.0, -change))
        stderr = max(stderr, GAP)  # docs that all score the same
        upper = -margin + _times(levels.passing[k], df) * stderr
        lower = -_times(levels.failing[k], df) * stderr
        if k < rules.looks - 1:
            lower = min(lower, -margin)
        found.append(Look(stderr, min(lower, upper - GAP), upper))  # a mean that passes does not fail
    return found


def _times(level: float, df: float) -> float:
    return float(stats.t.isf(level, df)) if level > 0 else math.inf


def deeper(plans: Mapping[str, TaskPlan], times: int) -> dict[str, TaskPlan]:
    """Return the same plans against a base of `times` the repeats."""
    return {task: replace(plan, base_repeats=plan.base_repeats * times) for task, plan in plans.items()}
