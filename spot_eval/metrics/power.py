"""Compute the smallest drop that a planned evaluation finds, and its chance to pass a margin.

    smallest_drop([plan], 0.05)            # 0.022: 500 docs with four repeats find 2.2 points with 80 % chance
    chance_to_pass([plan], 0.03, 0.05)     # the chance that the lower bound is above -3 points if nothing changed

The model: each doc has its own chance of a right answer, and the base and the candidate draw their repeats
independently. Two kinds of harm are known:

- even harm lowers every doc's chance by the same share. It varies least between docs and is found most easily;
- lost docs were always right and are always wrong now, and the other docs do not change. No other loss of that size
  varies more between docs, so this is the pessimistic case.

Shared random numbers make real differences narrower. Docs that truly change in both directions make them wider
(`churn`). tests/benchmarks/calibration_gate.py measures how well the figures hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from spot_eval.metrics.bounds import FEW_GAINS, FEW_UNITS, PSEUDO_UNIT

POWER = 0.8
"""A drop counts as found if the chance to find it is at least this."""


@dataclass(frozen=True)
class TaskPlan:
    """The plan of a task: docs, repeats, and how much its docs vary.

    `mean` is the mean over docs of a doc's chance of a right answer, `square` the mean of that chance squared. `churn`
    is the standard deviation over docs of true changes that cancel out.
    """

    family: str
    docs: int
    repeats: float
    base_repeats: float
    mean: float
    square: float
    churn: float = 0.0
    source: str = "assumed"

    def variance(self, drop: float = 0.0, *, lost_docs: bool = False) -> float:
        """Return the variance of the mean difference if the mean truly falls by `drop`.

        The harm is even, or with `lost_docs` a share `drop` of the docs is lost that were always right.
        """
        base = (self.mean - self.square) / self.base_repeats
        if lost_docs:
            candidate = (self.mean - self.square) / self.repeats
            true = drop - drop**2
        else:
            lost = drop / self.mean if self.mean else 0.0
            kept = 1 - lost
            candidate = (kept * self.mean - kept**2 * self.square) / self.repeats
            true = lost**2 * max(0.0, self.square - self.mean**2)
        return (base + candidate + true + self.churn**2) / self.docs


def spread(parts: Sequence[TaskPlan], drop: float = 0.0, *, lost_docs: bool = False) -> tuple[float, float]:
    """Return (standard error, degrees of freedom) of the unweighted mean of the parts' differences.

    Each part truly falls by `drop`. The degrees of freedom are Welch's and Satterthwaite's.
    """
    variances = [one.variance(drop, lost_docs=lost_docs) for one in parts]
    total = sum(variances)
    if total == 0:
        return 0.0, math.inf
    below = sum(variance**2 / max(1, one.docs - 1) for variance, one in zip(variances, parts, strict=True))
    return math.sqrt(total) / len(parts), total**2 / below


def chance_to_find(
    parts: Sequence[TaskPlan],
    drop: float,
    alpha: float,
    not_within: tuple[float, float] | None = None,
    *,
    lost_docs: bool = False,
) -> float:
    """Return the power of the one-sided test of no harm if every part truly falls by `drop`.

    It is that of the t test. For a single task it is a little less, since the sums of its exact test come in steps.

    Args:
        parts: one task, or the tasks of a family.
        drop: the true drop of each part, > 0.
        alpha: the level of the test.
        not_within: (margin, alpha of the bound): count a drop only if the lower bound is not above -margin too, as the
            gate does before it fails a family.
        lost_docs: docs are lost altogether, instead of even harm.
    """
    stderr, df = spread(parts, drop, lost_docs=lost_docs)
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
    """Return quantiles of the ratio of an estimated standard error to the true one."""
    return np.sqrt(stats.chi2.ppf((np.arange(200) + 0.5) / 200, df) / df)


def chance_to_pass(parts: Sequence[TaskPlan], margin: float, alpha: float) -> float:
    """Return the chance that the lower bound is above -margin if nothing changed.

    The bound is the t bound, a little further out for its sixth of a lost doc. If hardly a doc gains it takes binomial
    weights too (metrics/bounds.py); a single task is then a mixture of both, a family gets the expected square.
    """
    stderr, df = spread(parts)
    if stderr == 0:
        return 1.0
    few = sum(1 / one.docs for one in parts) / len(parts) ** 2 * FEW_UNITS > 1
    cases = [_few_gain(one, alpha) for one in parts]
    usual = [_usual_distance(one, alpha, few) for one in parts]
    if len(parts) == 1:
        rare = sum(chance for chance, _ in cases[0])
        often = float(stats.nct.sf(usual[0] / stderr, df, margin / stderr))
        return (1 - rare) * often + sum(chance for chance, bound in cases[0] if bound < margin)
    squares = 0.0
    for distance, found in zip(usual, cases, strict=True):
        rare = sum(chance for chance, _ in found)
        squares += (1 - rare) * distance**2 + sum(chance * max(bound, distance) ** 2 for chance, bound in found)
    return float(stats.nct.sf(math.sqrt(squares) / len(parts) / stderr, df, margin / stderr))


def _usual_distance(plan: TaskPlan, alpha: float, few: bool) -> float:
    """Return the distance from the mean to the lower bound if as many docs gain as lose."""
    n, spread_of_docs = plan.docs, math.sqrt(plan.variance() * plan.docs)
    if n < 2:
        return 1.0
    worst = min(1.0, spread_of_docs * math.sqrt(2 * math.log(n)))
    likelihood = float(stats.t.isf(alpha, n - 1)) * math.sqrt(plan.variance()) + PSEUDO_UNIT * worst / n
    return max(likelihood, _share_at_most(0, n, alpha)) if few else likelihood


def _few_gain(plan: TaskPlan, alpha: float) -> list[tuple[float, float]]:
    """Return (chance, exact bound) of every outcome with fewer than three docs that gain, if nothing changed."""
    n = plan.docs
    gain = _chance_to_differ(plan.mean, plan.square, math.ceil(plan.base_repeats), math.ceil(plan.repeats)) / 2
    size = min(1.0, math.sqrt(plan.variance() * n / (2 * gain))) if gain else 1.0  # of a doc's difference
    unseen = _share_at_most(0, n, alpha)
    most = int(stats.binom.isf(1e-4, n, gain / (1 - gain)))
    found = []
    for gained in range(min(FEW_GAINS, n)):
        chance = float(stats.binom.pmf(gained, n, gain))
        if chance < 1e-6:
            continue
        lost = stats.binom.pmf(range(min(most, n - gained) + 1), n - gained, gain / (1 - gain))
        found += [
            (
                chance * float(share),
                max(size * _share_at_most(k, n, alpha), unseen + (1 - unseen) * size * k / n) - size * gained / n,
            )
            for k, share in enumerate(lost)
            if share > 1e-6
        ]
    return found


@lru_cache(maxsize=4096)
def _share_at_most(count: int, n: int, alpha: float) -> float:
    return float(stats.beta.isf(alpha, count + 1, n - count)) if count < n else 1.0


@lru_cache(maxsize=4096)
def _chance_to_differ(mean: float, square: float, base_repeats: int, repeats: int) -> float:
    """Return the chance that a doc's two means differ, if its own chance has the Beta of that mean and square."""
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
    parts: Sequence[TaskPlan],
    alpha: float,
    not_within: tuple[float, float] | None = None,
    *,
    lost_docs: bool = False,
) -> float | None:
    """Return the drop that is found with 80 % chance; None if the base scores too little to drop so far.

    Args:
        parts: one task, or the tasks of a family; each falls by the same number of points.
        alpha: the level of the test.
        not_within: as in `chance_to_find`.
        lost_docs: docs are lost altogether, instead of even harm.
    """

    def missing(drop: float) -> float:
        return chance_to_find(parts, drop, alpha, not_within, lost_docs=lost_docs) - POWER

    most = min(one.mean for one in parts)
    if most <= 0 or missing(most) < 0:
        return None
    return float(optimize.brentq(missing, 1e-9, most))
