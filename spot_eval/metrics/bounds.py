"""One-sided confidence bounds of a mean of values in [-1, 1] that hold even if few values differ from 0, all one way.

    lower_bound([-1.0] * 4 + [0.0] * 537, tail=0.05)   # -0.0169: four docs lost of 541, none gained: the binomial bound

The lower bound is the smallest weighted mean of the values, over all weights that the data do not contradict:

- Weights whose empirical likelihood (Owen 1988) is at least exp(-t^2 / 2), where t is Student's quantile. A sixth of a
  unit at the worst value seen (0 if nothing fell) is added to the values. It is the second-order term of a skewed mean.
- If fewer than three values are above 0, or if there are few units: also two-step weights. They give the k worst units
  together the largest share that k successes out of n allow (Clopper and Pearson 1934), for each k up to the number of
  values below 0. At k = 0 the share goes to an unseen unit at -1. If all values are -1 or 0, this is the exact binomial
  bound.

The set of weights does not depend on the values. So a value that falls never raises the bound, and a bound at a smaller
tail never lies inside another. The condition for the two-step weights keeps both properties. Units of unequal size
(clusters) enter as a ratio of weighted sums. Unseen units are taken to be as large as the largest one seen.

docs/statistics.md has the measured error rates. `paired` pairs docs and combines the tasks of a family.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, special

PSEUDO_UNIT = 1 / 6
FEW_GAINS = 3
FEW_UNITS = 150
TINY = 1e-12


def lower_bound(
    values: Sequence[float] | np.ndarray, tail: float, sizes: np.ndarray | None = None, *, few: bool | None = None
) -> float:
    """Return a bound below the true mean, except with chance `tail`.

    Args:
        values: the mean difference of each independent unit, in [-1, 1].
        tail: the one-sided error, 0 < tail < 0.5.
        sizes: docs in each unit; None if all units have one size. The mean is sum(sizes * values) / sum(sizes).
        few: True uses the two-step weights for any values; None decides by `effective_units`.
    """
    x = np.asarray(values, dtype=float)
    w = np.ones(len(x)) if sizes is None else np.asarray(sizes, dtype=float)
    if len(x) < 2:
        return -1.0
    steps = uses_steps(x, effective_units(w) < FEW_UNITS if few is None else few)
    bound = float(w @ x / w.sum())
    # The least ratio sum(q w x) / sum(q w): the b at which the least sum(q w (x - b)) is 0 (Dinkelbach 1967).
    for _ in range(100):
        least, scale = _likelihood(x, w, bound, tail)
        if steps:
            least, scale = min((least, scale), _two_steps(x, w, bound, tail))
        bound += least / scale
        if least > -1e-13 * scale:
            break
    return max(-1.0, bound)


def upper_bound(
    values: Sequence[float] | np.ndarray, tail: float, sizes: np.ndarray | None = None, *, few: bool | None = None
) -> float:
    """Return a bound above the true mean, except with chance `tail`: the mirror of `lower_bound`.

    Args:
        values: one value per unit.
        tail: chance of a mean above the bound.
        sizes: docs per unit; one each if None.
        few: as of `lower_bound`.
    """
    return -lower_bound(-np.asarray(values, dtype=float), tail, sizes, few=few)


def effective_units(sizes: np.ndarray) -> float:
    """Return the number of equal units that would give the same variance (Kish 1965): (sum w)^2 / sum w^2."""
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def uses_steps(values: np.ndarray, few: bool) -> bool:
    """Return True if the lower bound of these values uses the exact binomial weights, too."""
    return few or int((values > TINY).sum()) < FEW_GAINS


def _likelihood(x: np.ndarray, w: np.ndarray, bound: float, tail: float) -> tuple[float, float]:
    """Return the least sum of q w (x - bound) over the likelihood region, and that sum's fall per unit of `bound`."""
    y = np.append(w * (x - bound), w.max() * (min(float(x.min()), 0.0) - bound))
    count = np.append(np.ones(len(x)), PSEUDO_UNIT)
    # equal values have equal weights
    y, index = np.unique(y, return_inverse=True)
    c = np.bincount(index, weights=count)
    size = np.bincount(index, weights=count * np.append(w, w.max())) / c
    total, above = c.sum(), y - y[0]
    allowed = float(special.stdtrit(len(x) - 1, 1 - tail)) ** 2 / 2

    def excess(log_gap: float) -> float:
        shifted = np.exp(log_gap) + above
        return float(c @ np.log(shifted) + total * np.log(c @ (1 / shifted) / total)) - allowed

    if len(y) == 1:
        return float(y[0]), float(size[0])
    low, high = np.log(above[-1]) - 300.0, np.log(above[-1]) + 10.0
    if excess(low) <= 0:
        return float(y[0]), float(size[0])
    while excess(high) > 0:
        high += 10.0
    q = c / (np.exp(optimize.brentq(excess, low, high, xtol=1e-11)) + above)
    q /= q.sum()
    return float(q @ y), float(q @ size)


def _two_steps(x: np.ndarray, w: np.ndarray, bound: float, tail: float) -> tuple[float, float]:
    """Return the same over the two-step weights."""
    n, y = len(x), w * (x - bound)
    order = np.argsort(y)
    y, sizes = y[order], w[order]
    k = np.arange(min(n - 1, int((x < -TINY).sum())) + 1)
    share = special.betaincinv(k + 1, n - k, 1 - tail)

    def weighted(values: np.ndarray, unseen: float) -> np.ndarray:
        worst = np.concatenate([[0.0], np.cumsum(values)])[: len(k)]
        rest = (values.sum() - worst) / (n - k)
        worst[0] = unseen
        return share * worst / np.maximum(k, 1) + (1 - share) * rest

    sums = weighted(y, w.max() * (-1.0 - bound))
    at = int(np.argmin(sums))
    return float(sums[at]), float(weighted(sizes, w.max())[at])
