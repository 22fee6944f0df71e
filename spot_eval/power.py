"""What an evaluation can see, before GPU time is spent: `spot-eval power`, and part of `run --dry-run`.

    power_of(suite, {"aime24": 30, …}, policy, base)["families"]["in_domain"]["pass_at_no_change"]

What it returns:

    {"alpha", "power": 0.8, "pass_at_no_change", "warnings": [sentence, …],
     "tasks": {name: {"family", "docs", "repeats", "base_repeats", "difficulty", "source": "base" | "assumed",
                      "stderr", "smallest_detectable", "docs_for_margin", "repeats_for_margin"}},
     "families": {name: {"tasks", "margin", "stderr", "df", "smallest_detectable", "smallest_failing",
                         "pass_at_no_change", "repeats_factor"}}}

Fractions of 1; null where no drop, no number of docs or of repeats would do. `smallest_detectable` is the drop that the
one-sided test of `compare` finds with 80 % chance, `smallest_failing` the one that fails the gate as often where the
others stand still (Holm's first level, and not within the margin).

The model: a doc is right with a chance of its own, the base and the candidate draw their repeats independently, and a
drop takes the same share of every doc's chance. Shared random numbers make real differences narrower; docs that truly
change in both directions make them wider (`churn`). Held against the gate in tests/benchmarks/calibration_gate.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import optimize, stats

from spot_eval.judged import JudgedDoc, JudgedRun
from spot_eval.paired import FEW
from spot_eval.policy import Policy

POWER = 0.8
DIFFICULTY = 0.5
"""The assumed mean score: nothing varies more."""
MOST = 10_000
"""Repeats or docs beyond this are no plan."""


@dataclass(frozen=True)
class TaskPlan:
    """How a task will be measured, and how its docs vary.

    `mean` and `square` are the mean over docs of a doc's chance to be right, and of that chance squared; `churn` is the
    standard deviation over docs of true changes that cancel out.
    """

    family: str
    docs: int
    repeats: float
    base_repeats: float
    mean: float
    square: float
    churn: float = 0.0
    source: str = "assumed"

    def variance(self, drop: float = 0.0) -> float:
        """The variance of the mean difference, where every doc's chance falls by the share drop / mean."""
        kept = 1 - drop / self.mean if self.mean else 1.0
        base = (self.mean - self.square) / self.base_repeats
        candidate = (kept * self.mean - kept**2 * self.square) / self.repeats
        true = (1 - kept) ** 2 * max(0.0, self.square - self.mean**2) + self.churn**2
        return (base + candidate + true) / self.docs


def assumed(
    family: str,
    docs: int,
    repeats: int,
    *,
    base_repeats: int | None = None,
    mean: float = DIFFICULTY,
    churn: float = 0.0,
) -> TaskPlan:
    """A task nothing is known of: chances spread over docs as Beta(mean, 1 - mean), most of them near 0 or 1.

    Half of the variance m (1 - m) then lies within docs.
    """
    square = mean - mean * (1 - mean) / 2
    return TaskPlan(family, docs, repeats, repeats, mean, square, churn)


def from_base(family: str, docs: Sequence[JudgedDoc], repeats: int, *, churn: float = 0.0) -> TaskPlan | None:
    """A task as a base run measured it; None where nothing of it was judged.

    The variance within docs is estimated without bias from docs with two judged repeats or more; with single repeats
    it is assumed.
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
    """What a run of a resolved suite will be able to show against `base`, or against a run like itself.

    `docs` is how many docs each task has, None where that is not known; `margin` takes the place of every family's.
    """
    plans, unknown = plan_tasks(suite, docs, base, difficulty=difficulty, churn=churn)
    found = plan_power(plans, suite["families"], policy, margin)
    if unknown:
        found["warnings"].insert(0, f"how many docs {', '.join(unknown)} will have is not known: nothing is said of it")
    return found


def plan_tasks(
    suite: Mapping[str, Any],
    docs: Mapping[str, int | None],
    base: JudgedRun | None = None,
    *,
    difficulty: float = DIFFICULTY,
    churn: float = 0.0,
) -> tuple[dict[str, TaskPlan], list[str]]:
    """The plans of a resolved suite's tasks, and the tasks nothing can be said of.

    `docs` is how many docs each task has, None where that is not known. What the base holds comes from the base.
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


def plan_power(
    plans: Mapping[str, TaskPlan], families: Mapping[str, Sequence[str]], policy: Policy, margin: float | None = None
) -> dict[str, Any]:
    """power.json of what the tasks' plans can show under a policy; `margin` takes the place of every family's."""
    margins = dict(policy.families) if policy.families is not None else dict.fromkeys(families, policy.margin)
    gated = {
        family: margin or margins[family]
        for family, members in families.items()
        if family in margins and all(task in plans for task in members)
    }
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
        way = f"{factor:.1f} times the repeats of {weakest} would do for it" if factor else "repeats alone will not do"
        warnings.append(
            f"where nothing changed this gate passes with {100 * chance:.0f} % chance only, below {100 * POWER:g} %; "
            f"{way}, or a wider margin"
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
    return {
        "tasks": names,
        "margin": margin,
        "stderr": stderr,
        "df": df,
        "smallest_detectable": smallest_drop(parts, policy.alpha),
        "smallest_failing": smallest_drop(parts, level, not_within=(margin, policy.alpha)),
        "pass_at_no_change": chance_to_pass(parts, margin, policy.alpha),
        "repeats_factor": factor and factor / 100,
    }


def spread(parts: Sequence[TaskPlan], drop: float = 0.0) -> tuple[float, float]:
    """(standard error, degrees of freedom) of the unweighted mean of the parts' differences, at a drop of each."""
    variances = [one.variance(drop) for one in parts]
    total = sum(variances)
    if total == 0:
        return 0.0, math.inf
    below = sum(variance**2 / max(1, one.docs - 1) for variance, one in zip(variances, parts, strict=True))
    return math.sqrt(total) / len(parts), total**2 / below


def chance_to_find(
    parts: Sequence[TaskPlan], drop: float, alpha: float, not_within: tuple[float, float] | None = None
) -> float:
    """The power of the one-sided test at level alpha where every part drops by `drop`.

    It is the t test's, less what the exact test of a single task loses because its sums come in steps.
    `not_within` (margin, its alpha): found only where the lower bound is not above -margin too, as in the gate.
    """
    stderr, df = spread(parts, drop)
    if stderr == 0:
        return 1.0 if drop > (not_within[0] if not_within else 0.0) else 0.0
    half_step = 0.0
    if len(parts) == 1 and all(float(k).is_integer() for k in (parts[0].repeats, parts[0].base_repeats)):
        half_step = 1 / (parts[0].docs * math.lcm(int(parts[0].repeats), int(parts[0].base_repeats)))
    estimated = stderr * _relative_errors(round(df, 3))
    highest = -float(stats.t.isf(alpha, df)) * estimated - half_step
    if not_within:
        highest = np.minimum(highest, float(stats.t.isf(not_within[1], df)) * estimated - not_within[0])
    return float(stats.norm.cdf((highest + drop) / stderr).mean())


@lru_cache(maxsize=256)
def _relative_errors(df: float) -> np.ndarray:
    """Estimated standard errors over the true one, at evenly spread chances."""
    return np.sqrt(stats.chi2.ppf((np.arange(200) + 0.5) / 200, df) / df)


def chance_to_pass(parts: Sequence[TaskPlan], margin: float, alpha: float) -> float:
    """The chance that the lower bound is above -margin where nothing changed.

    Where hardly a doc differs the bound is the exact one (paired.exact_bounds), which is wider than the t bound: alone
    that is a mixture of both, in a family its expected square stands in.
    """
    stderr, df = spread(parts)
    if stderr == 0:
        return 1.0
    times = float(stats.t.isf(alpha, df))
    cases = [_few_differ(one, alpha) for one in parts]
    if len(parts) == 1:
        few = sum(chance for chance, _ in cases[0])
        often = float(stats.nct.sf(times, df, margin / stderr))
        return (1 - few) * often + sum(chance for chance, bound in cases[0] if bound < margin)
    squares = 0.0
    for one, found in zip(parts, cases, strict=True):
        few = sum(chance for chance, _ in found)
        squares += (1 - few) * times**2 * one.variance() + sum(chance * bound**2 for chance, bound in found)
    return float(stats.nct.sf(math.sqrt(squares) / len(parts) / stderr, df, margin / stderr))


def _few_differ(plan: TaskPlan, alpha: float) -> list[tuple[float, float]]:
    """(chance, exact bound) of every way in which fewer than five docs differ where nothing changed."""
    differ = _chance_to_differ(plan.mean, plan.square, math.ceil(plan.base_repeats), math.ceil(plan.repeats))
    counts = stats.binom.pmf(range(FEW), plan.docs, differ)
    if counts.sum() < 1e-6:
        return []
    bounds = [float(stats.beta.isf(alpha, worse + 1, plan.docs - worse)) for worse in range(FEW)]
    return [
        (float(counts[m] * stats.binom.pmf(worse, m, 0.5)), bounds[worse])
        for m in range(min(FEW, plan.docs))
        for worse in range(m + 1)
    ]


@lru_cache(maxsize=4096)
def _chance_to_differ(mean: float, square: float, base_repeats: int, repeats: int) -> float:
    """The chance that a doc's two means differ, its own chance being drawn from the Beta of that mean and square."""
    within, between = mean - square, square - mean**2
    if within <= 0 or between <= 0:
        return 0.0 if within <= 0 else 1.0
    size = within / between  # a + b of the Beta
    chances = stats.beta.ppf((np.arange(200) + 0.5) / 200, mean * size, (1 - mean) * size)[:, None]
    kb, kc = min(base_repeats, 64), min(repeats, 64)  # beyond, means hardly ever meet but at 0 and 1
    base, candidate = (stats.binom.pmf(np.arange(k + 1), k, chances) for k in (kb, kc))
    meet = np.equal.outer(np.arange(kb + 1) * kc, np.arange(kc + 1) * kb)
    return float(1 - np.einsum("pi,pj,ij->p", base, candidate, meet).mean())


def smallest_drop(
    parts: Sequence[TaskPlan], alpha: float, not_within: tuple[float, float] | None = None
) -> float | None:
    """The drop found with 80 % chance; None where the base scores too little to drop so far."""

    def missing(drop: float) -> float:
        return chance_to_find(parts, drop, alpha, not_within) - POWER

    most = min(one.mean for one in parts)
    if most <= 0 or missing(most) < 0:
        return None
    return float(optimize.brentq(missing, 1e-9, most))


def _fewest(chance: Callable[[int], float], *, least: int) -> int | None:
    """The smallest whole number whose chance reaches 80 %; None beyond what anybody would run."""
    if chance(MOST) < POWER:
        return None
    low, high = least - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= POWER else (middle, high)
    return high
