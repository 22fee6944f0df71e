"""The gate's bounds and tests for many simulated comparisons at once.

A simulated task is a histogram: `counts[s, j]` docs of simulation s differ by `values[j]`. The bounds are those of
spot_eval/metrics/bounds.py; the p of the sign-flip test is a saddlepoint approximation (Lugannani and Rice 1980)
instead of 19,999 draws. Sums of a few dozen docs come in coarse steps: there it is nearer to the mid-p, which finds
harm a little more often. tests/benchmarks/test_calibration.py holds both against the real functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from spot_eval.metrics.bounds import FEW_GAINS, FEW_UNITS, PSEUDO_UNIT

TINY = 1e-9
BLOCK = 2000
"""Simulations worked on at once; more of them fill the memory and save no time."""


class Drawn(NamedTuple):
    """Simulated differences of one task; `single` if both runs have one repeat."""

    values: np.ndarray  # (V,), ascending
    counts: np.ndarray  # (simulations, V)
    docs: int
    single: bool = False

    @property
    def mean(self) -> np.ndarray:
        """The mean difference of each simulation."""
        return self.counts @ self.values / self.docs

    @property
    def mirrored(self) -> Drawn:
        """The same with gains for losses."""
        return Drawn(-self.values[::-1], self.counts[:, ::-1], self.docs, self.single)


def lower(parts: Sequence[Drawn], tail: float) -> np.ndarray:
    """Return each simulation's lower bound of the unweighted mean of the parts, as `paired.lower_bound`."""
    return np.concatenate([_lower(block, tail) for block in _blocks(parts)])


def _blocks(parts: Sequence[Drawn]) -> list[list[Drawn]]:
    return [
        [part._replace(counts=part.counts[at : at + BLOCK]) for part in parts]
        for at in range(0, len(parts[0].counts), BLOCK)
    ]


def _lower(parts: Sequence[Drawn], tail: float) -> np.ndarray:
    few = sum(1 / part.docs for part in parts) / len(parts) ** 2 * FEW_UNITS > 1
    mean = sum(part.mean for part in parts)
    squares = sum((part.mean - _task_lower(part, tail, few)) ** 2 for part in parts)
    return np.maximum(-1.0, (mean - np.sqrt(squares)) / len(parts))


def _task_lower(part: Drawn, tail: float, few: bool) -> np.ndarray:
    rows, back = np.unique(part.counts, axis=0, return_inverse=True)
    one = part._replace(counts=rows)
    bound = _likelihood(one, tail)
    stepped = few | (rows[:, part.values > TINY].sum(1) < FEW_GAINS)
    if stepped.any():
        bound[stepped] = np.minimum(bound[stepped], _two_steps(one._replace(counts=rows[stepped]), tail))
    return bound[back.reshape(-1)]


def _likelihood(part: Drawn, tail: float) -> np.ndarray:
    """The bound is HM(nu + x) - nu at the nu > -min(x) where N log(GM / HM) is t^2 / 2 (means with the counts)."""
    x, total = part.values, part.docs + PSEUDO_UNIT
    allowed = float(special.stdtrit(part.docs - 1, 1 - tail)) ** 2 / 2
    worst = np.minimum(np.where(part.counts > 0, x, 9.0).min(1), 0.0)
    c = np.concatenate([part.counts, np.full((len(worst), 1), PSEUDO_UNIT)], 1)
    above = np.where(c > 0, np.concatenate([np.broadcast_to(x, part.counts.shape), worst[:, None]], 1), 9.0)
    above -= worst[:, None]
    first = (c * above).sum(1) / total
    variance = np.maximum((c * above**2).sum(1) / total - first**2, 1e-12)
    gap = np.log(np.maximum(np.sqrt(variance * total / 2 / allowed), 1e-8))
    low, high = np.full(len(worst), -40.0), np.full(len(worst), 15.0)
    for _ in range(80):
        shifted = np.exp(gap)[:, None] + above
        inverse = c / shifted
        harmonic = inverse.sum(1) / total
        excess = total * ((c * np.log(shifted)).sum(1) / total + np.log(harmonic))
        slope = total * (harmonic - (inverse / shifted).sum(1) / total / harmonic) * np.exp(gap)
        low, high = np.where(excess > allowed, gap, low), np.where(excess <= allowed, gap, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.log(np.maximum(excess, 1e-300) / allowed) * excess / slope
        new = gap - step
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        if np.abs(new - gap).max() < 1e-10:
            break
        gap = new
    shifted = np.exp(gap)
    flat = above.max(1, where=c > 0, initial=0.0) < TINY
    return np.where(flat, worst, total / (c / (shifted[:, None] + above)).sum(1) - shifted + worst)


def _two_steps(part: Drawn, tail: float) -> np.ndarray:
    n, sums = part.docs, part.counts @ part.values
    fell = part.counts[:, part.values < -TINY].sum(1)
    summed = np.cumsum(part.counts, 1)
    least = np.full(len(sums), 9.0)
    for k in range(int(min(n - 1, fell.max())) + 1):
        share = float(special.betaincinv(k + 1, n - k, 1 - tail))
        worst = np.diff(np.minimum(summed, k), axis=1, prepend=0) @ part.values
        bound = share * (worst / k if k else -1.0) + (1 - share) * (sums - worst) / (n - k)
        least = np.where(k <= fell, np.minimum(least, bound), least)
    return least


def lower_t(parts: Sequence[Drawn], tail: float) -> np.ndarray:
    """Return the bound that this project used before: Student's t, and Clopper and Pearson's below five differing docs.

    It is kept to state what the new bounds cost, and what they mend.
    """
    mean = sum(part.mean for part in parts)
    variance, below, exact = np.zeros(len(mean)), np.zeros(len(mean)), np.zeros(len(mean))
    for part in parts:
        squares = part.counts @ part.values**2 / part.docs - part.mean**2
        lost = part.counts[:, part.values < -TINY].sum(1)
        few = lost + part.counts[:, part.values > TINY].sum(1) < 5
        of_mean = np.where(few, 0.0, np.maximum(squares, 0.0) / (part.docs - 1))
        variance += of_mean
        below += of_mean**2 / (part.docs - 1)
        share = special.betaincinv(lost + 1, np.maximum(part.docs - lost, 1), 1 - tail)
        exact += np.where(few, (part.mean + share) ** 2, 0.0)
    df = np.where(below > 0, variance**2 / np.where(below > 0, below, 1.0), 1.0)
    return (mean - np.sqrt(special.stdtrit(df, 1 - tail) ** 2 * variance + exact)) / len(parts)


def p_harm(parts: Sequence[Drawn]) -> np.ndarray:
    """Return each simulation's one-sided p of "no harm": McNemar's at one repeat, else that of the sign flips."""
    if len(parts) == 1 and parts[0].single:
        (part,) = parts
        lost, gained = (part.counts[:, side * part.values > TINY].sum(1) for side in (-1, 1))
        return np.where(lost + gained > 0, stats.binom.sf(lost - 1, np.maximum(lost + gained, 1), 0.5), 1.0)
    half_step = _step(parts[0]) / parts[0].docs if len(parts) == 1 else 0.0  # one flip moves the sum by two steps
    return np.concatenate([_sign_flip(block, half_step) for block in _blocks(parts)])


def _sign_flip(parts: Sequence[Drawn], half_step: float) -> np.ndarray:
    sizes = np.concatenate([part.values / part.docs / len(parts) for part in parts])
    counts = np.concatenate([part.counts for part in parts], 1)
    keep = np.abs(sizes) > 1e-12
    sizes, counts = sizes[keep], counts[:, keep]
    seen = counts @ sizes + half_step
    most = counts @ np.abs(sizes)
    differing = counts.sum(1)
    p = np.where(differing > 0, 0.5 ** np.minimum(differing, 60), 1.0)  # all of them lost
    inner = np.abs(seen) < most * (1 - 1e-9)
    if inner.any():
        p[inner] = _flips(sizes, counts[inner], seen[inner])
    return np.where(seen >= most, 1.0, p)


def _step(part: Drawn) -> float:
    sizes = np.unique(np.append(np.abs(part.values[part.counts.any(0)]), 0.0))
    return float(np.diff(sizes).min()) if len(sizes) > 1 else 0.0


def _flips(sizes: np.ndarray, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """P(sum of randomly signed sizes <= seen), with K(l) = sum of counts * log cosh(l * size)."""
    scale = np.sqrt(counts @ sizes**2)
    at = seen / scale**2
    low, high = np.full(len(seen), -1e7), np.full(len(seen), 1e7)
    for _ in range(60):
        angle = at[:, None] * sizes
        tanh = np.tanh(angle)
        slope, bend = (counts * sizes * tanh).sum(1), (counts * sizes**2 * (1 - tanh**2)).sum(1)
        low, high = np.where(slope < seen, at, low), np.where(slope >= seen, at, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = at - (slope - seen) / bend
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        if np.abs((new - at) * scale).max() < 1e-9:
            break
        at = new
    angle = np.abs(at[:, None] * sizes)
    k = (counts * (angle + np.log1p(np.exp(-2 * angle)) - math.log(2))).sum(1)
    w = np.sign(at) * np.sqrt(np.maximum(2 * (at * seen - k), 0))
    u = at * np.sqrt((counts * sizes**2 / np.cosh(np.minimum(angle, 300)) ** 2).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.where(np.abs(w) > 1e-4, w + np.log(u / w) / w, w)
    return stats.norm.cdf(np.nan_to_num(root, nan=0.0, neginf=-40.0))


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's adjustment of each row."""
    order, m = np.argsort(p, 1), p.shape[1]
    adjusted = np.maximum.accumulate(np.take_along_axis(p, order, 1) * (m - np.arange(m)), 1)
    found = np.empty_like(adjusted)
    np.put_along_axis(found, order, np.minimum(adjusted, 1), 1)
    return found
