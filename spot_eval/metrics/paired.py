"""Bounds and tests of paired differences, for a task and for the unweighted mean of several. Fractions of 1 throughout.

    effect([Pairs(differences=[-0.2, 0, 0.4, …])], alpha=0.05).lower   # the true difference is above this, 95 % sure

Knows numbers only. A difference is candidate - base, of the means over a doc's repeats. The unit is the doc, or a
cluster of docs. docs/statistics.md explains every number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy import stats

from spot_eval.metrics import bounds
from spot_eval.metrics.estimates import weighted_mean_over_docs

RESAMPLES = 19_999
EXACT_UP_TO = 12
"""If at most this many docs differ, all sign flips are computed."""
TINY = 1e-12
SURELY_ABOVE = 0.04
"""A p of at least 0.05 is drawn as more than this, whatever the draws."""


@dataclass(frozen=True)
class Pairs:
    """The paired docs of one task.

    `differences`: candidate - base, one per doc. `clusters`: an index per doc, None if every doc stands alone.
    `binary`: one repeat on both sides, scored 0 or 1. `identical`: every text and score is the same on both sides.
    """

    differences: np.ndarray
    clusters: np.ndarray | None = None
    binary: bool = False
    identical: bool = False

    @cached_property
    def units(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (mean difference, number of docs) of each independent unit: a doc, or a cluster."""
        if self.clusters is None:
            return self.differences, np.ones(len(self.differences))
        _, index = np.unique(self.clusters, return_inverse=True)
        sizes = np.bincount(index).astype(float)
        return np.bincount(index, weights=self.differences) / sizes, sizes

    @property
    def sizes(self) -> np.ndarray | None:
        """Return the number of docs in each unit; None if every doc stands alone."""
        return None if self.clusters is None else self.units[1]

    @cached_property
    def mirrored(self) -> Pairs:
        """Return the same pairs with gains for losses."""
        return replace(self, differences=-self.differences)

    @property
    def docs(self) -> int:
        """Return the number of paired docs."""
        return len(self.differences)

    @cached_property
    def effective_units(self) -> float:
        """Return the number of equal units that would give the mean the same variance."""
        return bounds.effective_units(self.units[1])


@dataclass(frozen=True)
class Effect:
    """A difference with its uncertainty.

    `lower` and `upper` are one-sided bounds, each at level 1 - alpha; `interval` is two-sided at 1 - alpha. `p_harm` is
    the one-sided p of "no harm", `p_gain` of "no gain", `p` the two-sided one. All are None if there is no doc.
    `stderr` is also None if all docs differ alike without being identical.
    """

    mean: float | None
    stderr: float | None
    df: float | None
    lower: float | None
    upper: float | None
    interval: tuple[float, float] | None
    bounds: str  # "likelihood", "exact" (binomial weights too), "mixed" (both in one family), "identity", "none"
    test: str  # "mcnemar" (exact), "sign-flip", "identity", "none"
    p_harm: float | None
    p_gain: float | None
    p: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the effect for JSON."""
        return {**self.__dict__, "interval": list(self.interval) if self.interval else None}


NOTHING = Effect(None, None, None, None, None, None, "none", "none", None, None, None)


def effect(parts: Sequence[Pairs], alpha: float = 0.05) -> Effect:
    """Return the unweighted mean of the parts' differences; one part is a task, several are a family.

    Identical parts add nothing to any error. If all parts are identical, the difference is 0 by identity.
    """
    if not parts or any(part.docs == 0 for part in parts):
        return NOTHING
    mean = sum(float(part.differences.mean()) for part in parts) / len(parts)
    if all(part.identical for part in parts):
        return Effect(0.0, 0.0, None, 0.0, 0.0, (0.0, 0.0), "identity", "identity", 1.0, 1.0, 1.0)
    errors = [_stderr(part) for part in parts]
    known = [error for error in errors if error is not None]
    stderr = math.hypot(*known) / len(parts)
    exact = [bounds.uses_steps(part.units[0], _few(parts)) for part in parts if not part.identical]
    test, p_harm, p_gain, p = _tests(parts)
    return Effect(
        mean=mean,
        # an error of 0 measures nothing: all docs differ alike
        stderr=stderr if len(known) == len(parts) and stderr > 1e-12 else None,
        df=_finite(_satterthwaite(parts)),
        lower=lower_bound(parts, alpha),
        upper=upper_bound(parts, alpha),
        interval=(lower_bound(parts, alpha / 2), upper_bound(parts, alpha / 2)),
        bounds="exact" if all(exact) else "mixed" if any(exact) else "likelihood",
        test=test,
        p_harm=p_harm,
        p_gain=p_gain,
        p=p,
    )


def _stderr(part: Pairs) -> float | None:
    """Return the standard error; with clusters the sandwich with G / (G - 1), as for a regression on a constant."""
    return 0.0 if part.identical else weighted_mean_over_docs(*map(list, part.units)).stderr


def _satterthwaite(parts: Sequence[Pairs]) -> float:
    """Return the degrees of freedom of a sum of independent means (Welch 1947)."""
    terms = [((_stderr(part) or 0.0) ** 2, len(part.units[0]) - 1) for part in parts if not part.identical]
    below = sum(variance**2 / df for variance, df in terms if df)
    return sum(variance for variance, _ in terms) ** 2 / below if below else math.inf


def lower_bound(parts: Sequence[Pairs], level: float) -> float:
    """Return a bound below the true difference of a task, or of a family, except with chance `level`.

    This is the bound behind `Effect.lower` at any one-sided level, for instance that of a look of a sequential test.
    Call it with the parts that were seen by then. A smaller level gives a lower bound (or the same), and a doc that
    falls never raises it. Both hold for every input, not only on average.

    The distances from each part's mean to its own bound (`bounds.lower_bound`) add up as squares, as errors do
    (Zou and Donner 2008). A part whose records are all identical has no distance.

    Args:
        parts: one for a task, several for the unweighted mean of a family; at least one doc in each.
        level: the one-sided error, 0 < level < 0.5; 0.05 gives a bound at 95 %.
    """
    distances = [
        _mean(part) - bounds.lower_bound(part.units[0], level, part.sizes, few=_few(parts))
        for part in parts
        if not part.identical
    ]
    return max(-1.0, (sum(map(_mean, parts)) - math.hypot(*distances)) / len(parts))


def upper_bound(parts: Sequence[Pairs], level: float) -> float:
    """Return an upper bound of the true difference, the mirror of `lower_bound`."""
    return -lower_bound([part.mirrored for part in parts], level)


def _mean(part: Pairs) -> float:
    return float(part.differences.mean())


def _few(parts: Sequence[Pairs]) -> bool:
    """Return True if the units of all parts together are so few that worse ones may easily be unseen."""
    inverse = sum(1 / part.effective_units for part in parts) / len(parts) ** 2
    return inverse * bounds.FEW_UNITS > 1


def _tests(parts: Sequence[Pairs]) -> tuple[str, float, float, float]:
    """Return (test, p of no harm, p of no gain, two-sided p)."""
    if _is_mcnemar(parts):
        return ("mcnemar", *mcnemar(parts[0].differences))
    return ("sign-flip", *sign_flip(_flipped(parts)))


def _is_mcnemar(parts: Sequence[Pairs]) -> bool:
    return len(parts) == 1 and parts[0].binary and parts[0].clusters is None


def _flipped(parts: Sequence[Pairs]) -> np.ndarray:
    """Return the values whose signs are flipped, one per unit; their sum is the mean difference."""
    return np.concatenate([part.units[0] * part.units[1] / (part.docs * len(parts)) for part in parts])


def screened_p_harm(parts: Sequence[Pairs], level: float, tests: int) -> float:
    """Return the p of no harm of `effect`, or 0 or 1 if its exact value cannot change a verdict.

    Holm's method compares a p with level / tests up to level. A sum of randomly signed values is below z standard
    deviations with a chance of at most exp(-z^2 / 2) (Hoeffding 1963), and below -1 with at least 0.05 (Oleszkiewicz
    1996). So most p values are known to be on one side, and need no flips; this is for loops over many comparisons.

    Args:
        parts: one task, or the tasks of a family.
        level: the share of alpha that all tests together may spend.
        tests: how many tests Holm's method adjusts for.
    """
    values = _flipped(parts)
    scale = float(np.sqrt(values @ values))
    if all(part.identical for part in parts) or scale < TINY:
        return 1.0
    z = float(values.sum()) / scale
    most = math.exp(-(min(0.0, z) ** 2) / 2)
    if z >= 0 or (z > -1 and level <= SURELY_ABOVE):
        return 1.0
    if most + 6 * math.sqrt(most / RESAMPLES) + 6 / RESAMPLES <= level / tests:  # drawn flips have an error
        return 0.0
    return _tests(parts)[1]


def mcnemar(differences: np.ndarray) -> tuple[float, float, float]:
    """Return (p of no harm, p of no gain, two-sided p) of McNemar's exact test on differences of -1, 0 and 1."""
    lost, gained = int((differences < 0).sum()), int((differences > 0).sum())
    if not lost + gained:
        return 1.0, 1.0, 1.0
    harm, gain, both = (
        float(stats.binomtest(lost, lost + gained, alternative=side).pvalue)
        for side in ("greater", "less", "two-sided")
    )
    return harm, gain, both


def sign_flip(values: np.ndarray) -> tuple[float, float, float]:
    """Return (p of no harm, p of no gain, two-sided p) of the sign-flip permutation test of a sum.

    All flips are computed if few values differ from 0. Otherwise they are drawn, the same in every call. Values of one
    size are flipped together: the number that stays positive is binomial. That is the distribution of single flips, in
    a fraction of the time.
    """
    values = values[np.abs(values) > 1e-12]
    if not len(values):
        return 1.0, 1.0, 1.0
    if len(values) <= EXACT_UP_TO:
        null, observed, extra = _signs(len(values)) @ values, float(values.sum()), 0
    else:
        sizes, index = np.unique(np.round(np.abs(values), 12), return_inverse=True)
        counts = np.bincount(index)
        rng = np.random.default_rng(0)
        drawn = stats.monte_carlo_test(
            np.bincount(index[values > 0], minlength=len(sizes)),
            lambda size: rng.binomial(counts, 0.5, size=size),
            lambda kept, axis: (sizes * (2 * kept - counts)).sum(axis=axis),
            n_resamples=RESAMPLES,
            batch=max(1, 4_000_000 // len(sizes)),
            vectorized=True,
        )
        null, observed, extra = drawn.null_distribution, drawn.statistic, 1  # the sample itself is one of the flips
    harm, gain = (
        (extra + int((side * null <= side * observed + 1e-12).sum())) / (extra + null.size) for side in (1, -1)
    )
    return harm, gain, min(1.0, 2 * min(harm, gain))


@lru_cache(maxsize=EXACT_UP_TO)
def _signs(count: int) -> np.ndarray:
    """Return all ways to sign `count` values, one per row."""
    return 1.0 - 2.0 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values after Holm's step-down adjustment (1979), in the order given.

    The same as statsmodels' multipletests, which collects garbage at every call: half a second with two runs in memory.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(one) for one in adjusted]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
