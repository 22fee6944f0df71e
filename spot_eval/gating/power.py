"""Compute what an evaluation can detect, before GPU time is spent: `spot-eval power`, and part of `run --dry-run`.

    power_of(suite, {"aime24": 30, …}, policy, base)["families"]["in_domain"]["pass_at_no_change"]

It returns:

    {"alpha", "power": 0.8, "pass_at_no_change", "warnings": [sentence, …],
     "until_verdict": cost of `run --until-verdict`, as gating/expected.py has it, or null,
     "deep": null against a deep base, else {"times": 4, "pass_at_no_change", "until_verdict"}: with 4x its repeats,
     "tasks": {name: {"family", "docs", "repeats", "base_repeats", "difficulty", "source": "base" | "assumed",
                      "stderr", "smallest_detectable", "docs_for_margin", "repeats_for_margin"}},
     "families": {name: {"tasks", "margin", "stderr", "df", "smallest_detectable", "smallest_failing",
                         "smallest_failing_lost_docs", "fail_chance_lost_docs", "pass_at_no_change",
                         "repeats_factor"}}}

Fractions of 1; null if no drop, number of docs or number of repeats is enough. `smallest_detectable` is the drop that
the one-sided test of `compare` finds with 80 % chance. `smallest_failing` is the drop of one family that fails the gate
with 80 % chance if the other families do not change (Holm's first level, and not within the margin). Both assume even
harm: every doc's chance falls by the same share. The two fields `…_lost_docs` are the pessimistic case: the drop that
is needed if docs are lost altogether, and the chance of FAIL that is left at `smallest_failing`.

The model behind the numbers is in `spot_eval/metrics/power.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spot_eval.gating.expected import deeper, expected_cost
from spot_eval.gating.policy import Policy, load_policy
from spot_eval.gating.task_plans import DIFFICULTY, plan_tasks, suite_of_run
from spot_eval.metrics.power import POWER, TaskPlan, chance_to_find, chance_to_pass, smallest_drop, spread
from spot_eval.runs.judged import JudgedRun
from spot_eval.tasks.suite import Suite

DEEP = 4
"""The depth of a base that `power` shows beside the one at hand."""
MOST = 10_000
"""Nobody plans more repeats or docs than this."""


def power_of(
    suite: Mapping[str, Any],
    docs: Mapping[str, int | None],
    policy: Policy,
    base: JudgedRun | None = None,
    *,
    margin: float | None = None,
    difficulty: float = DIFFICULTY,
    churn: float = 0.0,
) -> dict[str, Any]:
    """Return what a run of a resolved suite can detect against `base`, or against a run like itself.

    Args:
        suite: families, tasks and repeats, as manifest.json has them.
        docs: the number of docs of each task, None if it is unknown.
        policy: the policy of the gate.
        base: the run that the candidate would be compared with; its spread is used. None to assume one.
        margin: a margin for every family, instead of the policy's.
        difficulty: the assumed score of tasks that `base` does not have.
        churn: the assumed standard deviation over docs of true changes that cancel out.
    """
    plans, unknown = plan_tasks(suite, docs, base, difficulty=difficulty, churn=churn)
    families = suite["families"]
    found = plan_power(plans, families, policy, margin)
    gated = _gated(plans, families, policy, margin)
    deep = deeper(plans, DEEP)
    found["until_verdict"] = expected_cost(plans, families, policy, gated, base)
    found["deep"] = None if base and base.times > 1 else {
        "times": DEEP,
        "pass_at_no_change": _chance_unchanged(deep, families, policy, gated),
        "until_verdict": expected_cost(deep, families, policy, gated, base),
    }  # fmt: skip
    guessed = [task for task, plan in plans.items() if base and plan.source == "assumed"]
    if guessed:
        found["warnings"].insert(
            0, f"the base run has no scores of {', '.join(guessed)}: difficulty {difficulty:g} is assumed"
        )
    if unknown:
        names = ", ".join(unknown)
        found["warnings"].insert(
            0, f"left out, since the number of docs is unknown: {names}; give it with --docs TASK=N"
        )
    return found


def depth_words(base: JudgedRun, deep: JudgedRun, policy: Policy) -> str:
    """Return a sentence on what a deep base buys a candidate of the same suite."""
    chances = []
    for run in (base, deep):
        suite, docs = suite_of_run(run)
        plans, _ = plan_tasks(suite, docs, run)
        gated = _gated(plans, suite["families"], policy, None)
        chances.append(_chance_unchanged(plans, suite["families"], policy, gated))
    if None in chances:
        return ""
    before, after = (f"{100 * chance:.0f}" for chance in chances if chance is not None)
    return f"an unchanged checkpoint passes the default gate with {after} instead of {before} % chance"


def power_of_rows(suite: Suite, rows: Sequence[Mapping[str, Any]], baseline: Any) -> dict[str, Any]:
    """Return what a dry run's `rows` can show under the default policy, by the spread of `baseline` if it is a run."""
    base = baseline if isinstance(baseline, JudgedRun) else None
    docs = {row["task"]: row["docs"] or None for row in rows}
    return power_of(suite.resolved(), docs, load_policy(None)[0], base)


def plan_power(
    plans: Mapping[str, TaskPlan], families: Mapping[str, Sequence[str]], policy: Policy, margin: float | None = None
) -> dict[str, Any]:
    """Return power.json: what planned tasks can detect under a policy.

    Args:
        plans: the plan of each task.
        families: the tasks of each family.
        policy: the policy of the gate.
        margin: a margin for every family, instead of the policy's.
    """
    margins = _margins(families, policy)
    gated = _gated(plans, families, policy, margin)
    level = policy.share("families") / max(1, len(margins))
    of_families = {
        family: _family([plans[task] for task in families[family]], list(families[family]), wished, policy, level)
        for family, wished in gated.items()
    }
    chance = math.prod(entry["pass_at_no_change"] for entry in of_families.values()) if of_families else None
    warnings = [
        f"no mean for family {family}: {', '.join(t for t in families[family] if t not in plans)} is missing"
        for family in margins
        if family not in gated and family in families
    ]
    if chance is not None and chance < POWER:
        weakest = min(of_families, key=lambda family: of_families[family]["pass_at_no_change"])
        factor = of_families[weakest]["repeats_factor"]
        way = (
            f"{weakest} needs {factor:.1f} times the repeats, or a wider margin"
            if factor
            else f"{weakest} needs a wider margin: more repeats are not enough"
        )
        warnings.append(
            f"an unchanged checkpoint passes this gate with only {100 * chance:.0f} % chance, below {100 * POWER:g} %; "
            f"{way}"
        )
    return {
        "alpha": policy.alpha,
        "power": POWER,
        "pass_at_no_change": chance,
        "warnings": warnings,
        "tasks": {task: _task(plan, margin or margins.get(plan.family, policy.margin), policy.alpha)
                  for task, plan in plans.items()},
        "families": of_families,
    }  # fmt: skip


def _margins(families: Mapping[str, Sequence[str]], policy: Policy) -> dict[str, float]:
    return dict(policy.families) if policy.families is not None else dict.fromkeys(families, policy.margin)


def _gated(
    plans: Mapping[str, TaskPlan], families: Mapping[str, Sequence[str]], policy: Policy, margin: float | None
) -> dict[str, float]:
    """Return the margins of the gated families of which every task has a plan."""
    margins = _margins(families, policy)
    return {
        family: margin or margins[family]
        for family, members in families.items()
        if family in margins and all(task in plans for task in members)
    }


def _chance_unchanged(
    plans: Mapping[str, TaskPlan],
    families: Mapping[str, Sequence[str]],
    policy: Policy,
    gated: Mapping[str, float],
) -> float | None:
    """Return the chance that an unchanged checkpoint passes the whole gate; None if nothing is gated."""
    if not gated:
        return None
    return math.prod(
        chance_to_pass([plans[task] for task in families[family]], margin, policy.alpha)
        for family, margin in gated.items()
    )


def _task(plan: TaskPlan, margin: float, alpha: float) -> dict[str, Any]:
    def passes(one: TaskPlan) -> float:
        return chance_to_pass([one], margin, alpha)

    return {
        "family": plan.family,
        "docs": plan.docs,
        "repeats": plan.repeats,
        "base_repeats": plan.base_repeats,
        "difficulty": plan.mean,
        "source": plan.source,
        "stderr": math.sqrt(plan.variance()),
        "smallest_detectable": smallest_drop([plan], alpha),
        "docs_for_margin": _fewest(lambda n: passes(replace(plan, docs=n)), least=2),
        "repeats_for_margin": _fewest(lambda k: passes(replace(plan, repeats=k, base_repeats=k)), least=1),
    }


def _family(parts: Sequence[TaskPlan], names: list[str], margin: float, policy: Policy, level: float) -> dict[str, Any]:
    def with_repeats(percent: int) -> float:
        times = percent / 100
        more = [replace(one, repeats=one.repeats * times, base_repeats=one.base_repeats * times) for one in parts]
        return chance_to_pass(more, margin, policy.alpha)

    stderr, df = spread(parts)
    factor = _fewest(with_repeats, least=1)
    gate = (margin, policy.alpha)
    failing = smallest_drop(parts, level, gate)
    return {
        "tasks": names,
        "margin": margin,
        "stderr": stderr,
        "df": df,
        "smallest_detectable": smallest_drop(parts, policy.alpha),
        "smallest_failing": failing,
        "smallest_failing_lost_docs": smallest_drop(parts, level, gate, lost_docs=True),
        "fail_chance_lost_docs": failing and chance_to_find(parts, failing, level, gate, lost_docs=True),
        "pass_at_no_change": chance_to_pass(parts, margin, policy.alpha),
        "repeats_factor": factor and factor / 100,
    }


def _fewest(chance: Callable[[int], float], *, least: int) -> int | None:
    """Return the smallest whole number whose chance reaches 80 %; None if it is above `MOST`."""
    if chance(MOST) < POWER:
        return None
    low, high = least - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= POWER else (middle, high)
    return high
