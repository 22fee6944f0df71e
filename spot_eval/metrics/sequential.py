"""Group-sequential boundaries and estimates: the mathematics under `run --until-verdict`.

    boundaries((0.25, 0.5, 0.75, 1), 0.05, "obrien-fleming")    # 3.7496, 2.5399, 2.0160, 1.7201

A statistic is looked at several times. Look k has the share `fractions[k]` of the information that the whole protocol
will have, and Z values of two looks correlate as the square root of the ratio of their fractions (the canonical joint
distribution: Jennison and Turnbull 2000, section 3.1). The chance of a false crossing is spent as information comes in
(Lan and DeMets 1983). All chances come from the recursive integration of Armitage, McPherson and Rowe (1969), on
Gauss-Legendre nodes. Knows numbers only; docs/sequential.md has the derivation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

NODES = 160
"""Gauss-Legendre nodes a look; 120 already agree to 1e-8 for the looks of a run."""
FAR = 9.0
"""Standard deviations beyond which a density counts as 0."""
LEAST_STEP = 0.02
"""New information, as a share of all so far, below which the nodes are too few; such a look cannot stop."""
TINY = 1e-12
"""A chance of crossing below this buys no boundary."""

SPENDING = ("power", "obrien-fleming")


def spent(fraction: float, alpha: float, spending: str = "power") -> float:
    """Return how much of `alpha` may be spent once `fraction` of the information is in.

    "power" is alpha t^2 (Kim and DeMets 1987, rho = 2); "obrien-fleming" is 2 - 2 Phi(z(alpha / 2) / sqrt(t)) (Lan and
    DeMets 1983). Raises ValueError for another name, or a fraction outside 0 to 1.
    """
    if not 0 < fraction <= 1 + 1e-9:
        raise ValueError(f"an information fraction lies between 0 and 1, got {fraction:g}")
    if spending == "power":
        return alpha * min(1.0, fraction) ** 2
    if spending == "obrien-fleming":
        return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / math.sqrt(min(1.0, fraction))))
    raise ValueError(f"unknown spending function {spending!r}; there are: {', '.join(SPENDING)}")


def boundaries(fractions: Sequence[float], alpha: float, spending: str = "power") -> tuple[float, ...]:
    """Return the upper one-sided boundary of Z at each look; infinite where a look spends nothing.

    Args:
        fractions: the information at each look as a share of the whole protocol's, rising; the last is 1.
        alpha: the chance that Z crosses at any look where its mean is 0.
        spending: "power" or "obrien-fleming".
    """
    if any(b < a for a, b in itertools.pairwise(fractions)):
        raise ValueError(f"information fractions must not fall: {', '.join(f'{t:g}' for t in fractions)}")
    return _boundaries(tuple(round(float(t), 12) for t in fractions), float(alpha), spending)


def levels(fractions: Sequence[float], alpha: float, spending: str = "power") -> tuple[float, ...]:
    """Return the nominal one-sided level of each look: the chance that a single Z exceeds its boundary.

    A t or an exact bound at this level takes the place of z standard errors (the significance-level approach: Jennison
    and Turnbull 2000, section 3.8).
    """
    return tuple(float(stats.norm.sf(z)) for z in boundaries(fractions, alpha, spending))


@lru_cache(maxsize=1024)
def _boundaries(fractions: tuple[float, ...], alpha: float, spending: str) -> tuple[float, ...]:
    state, found, before = _START, [], 0.0
    for fraction, stops in zip(fractions, _can_stop(fractions), strict=True):
        now = spent(fraction, alpha, spending)
        wanted, before = now - before, now
        if wanted < TINY or not stops:
            before -= max(0.0, wanted)  # what this look may not spend is there for the next
            found.append(math.inf)
            continue
        z = float(optimize.brentq(lambda z, s=state, t=fraction, p=wanted: s.above(z, t) - p, -FAR, FAR, xtol=1e-10))
        found.append(z)
        state = state.after(-math.inf, z, fraction)
    return tuple(found)


def _can_stop(fractions: Sequence[float]) -> list[bool]:
    """Return for each look if it brings enough that is new; before the last, which stops, one may have to give way."""
    kept: list[int] = []
    for at, fraction in enumerate(fractions):
        last = at == len(fractions) - 1
        while last and kept and fraction - fractions[kept[-1]] < LEAST_STEP * fraction:
            kept.pop()
        if not kept or fraction - fractions[kept[-1]] >= LEAST_STEP * fraction:
            kept.append(at)
    return [at in kept for at in range(len(fractions))]


@dataclass(frozen=True)
class _State:
    """The density of the score S = Z sqrt(t), restricted to paths that have not stopped, as weighted points."""

    fraction: float
    points: np.ndarray
    weights: np.ndarray
    drift: float = 0.0

    def above(self, z: float, fraction: float) -> float:
        """Return the chance to be still going and to find Z above `z` at `fraction`."""
        step = fraction - self.fraction
        distance = (z * math.sqrt(fraction) - self.points - self.drift * step) / math.sqrt(step)
        return float(self.weights @ stats.norm.sf(distance))

    def below(self, z: float, fraction: float) -> float:
        """Return the chance to be still going and to find Z below `z` at `fraction`."""
        step = fraction - self.fraction
        distance = (z * math.sqrt(fraction) - self.points - self.drift * step) / math.sqrt(step)
        return float(self.weights @ stats.norm.cdf(distance))

    def after(self, lower: float, upper: float, fraction: float) -> _State:
        """Return the state of the paths with Z between `lower` and `upper` at `fraction`."""
        step, root = fraction - self.fraction, math.sqrt(fraction)
        middle = self.drift * fraction
        low = max(lower * root, middle - FAR * root) if math.isfinite(lower) else middle - FAR * root
        high = min(upper * root, middle + FAR * root) if math.isfinite(upper) else middle + FAR * root
        if high <= low:
            return _State(fraction, np.zeros(1), np.zeros(1), self.drift)
        nodes, weights = _legendre()
        points = (high - low) / 2 * nodes + (high + low) / 2
        moved = (points[:, None] - self.points - self.drift * step) / math.sqrt(step)
        density = np.exp(-(moved**2) / 2) @ self.weights / math.sqrt(2 * math.pi * step)
        return _State(fraction, points, density * weights * (high - low) / 2, self.drift)


_START = _State(0.0, np.zeros(1), np.ones(1))


@lru_cache(maxsize=1)
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)


@dataclass(frozen=True)
class Look:
    """A look of a statistic: the standard error of the mean then, and the means at which looking would have stopped.

    The run went on where the mean lay between `lower` and `upper`; infinite where that side could not stop it.
    """

    stderr: float
    lower: float
    upper: float


@dataclass(frozen=True)
class StoppedEstimate:
    """A mean after stopping: median-unbiased, with an interval of the same ordering."""

    median_unbiased: float
    interval: tuple[float, float]
    naive: float


def crossing(looks: Sequence[Look], mean: float) -> list[tuple[float, float]]:
    """Return (chance to stop below, chance to stop above) at each look, where the true mean is `mean`."""
    found = []
    for fraction, look, state in _walk(looks, mean):
        above = 0.0 if math.isinf(look.upper) else state.above(look.upper / look.stderr, fraction)
        below = 0.0 if math.isinf(look.lower) else state.below(look.lower / look.stderr, fraction)
        found.append((below, above))
    return found


def _walk(looks: Sequence[Look], mean: float) -> list[tuple[float, Look, _State]]:
    """Each look with its fraction and the state before it. Fractions are of the last look's information."""
    last = looks[-1].stderr
    state = _State(0.0, np.zeros(1), np.ones(1), mean / last)
    steps = []
    for look in looks:
        fraction = max(min(1.0, (last / look.stderr) ** 2), state.fraction + 1e-6)
        steps.append((fraction, look, state))
        if math.isinf(look.lower) and math.isinf(look.upper):
            continue
        state = state.after(look.lower / look.stderr, look.upper / look.stderr, fraction)
    return steps


def chance_beyond(looks: Sequence[Look], mean: float, truth: float) -> float:
    """Return the chance, where `truth` is the true mean, of a stop at the last look with `mean` or of a larger outcome.

    Outcomes are ordered by stage (Tsiatis, Rosner and Mehta 1984): a stop above at an earlier look counts as more than
    any at a later one, a stop below as less.
    """
    *before, last = _walk(looks, truth)
    chance = sum(
        state.above(look.upper / look.stderr, fraction) for fraction, look, state in before if math.isfinite(look.upper)
    )
    fraction, look, state = last
    return chance + state.above(mean / look.stderr, fraction)


def after_stopping(looks: Sequence[Look], mean: float, alpha: float = 0.05) -> StoppedEstimate:
    """Return the median-unbiased estimate after a stop at the last of `looks` with the observed `mean`.

    The estimate is the true mean under which the outcome is the median in the ordering of `chance_beyond`; the interval
    is two-sided at 1 - alpha. Normal theory: exact bounds of few docs are not in it.
    """
    if len(looks) == 1:
        times = float(stats.norm.isf(alpha / 2)) * looks[0].stderr
        return StoppedEstimate(mean, (mean - times, mean + times), mean)

    stderr = looks[-1].stderr

    def solve(chance: float) -> float:
        low, high = mean - 8 * stderr, mean + 8 * stderr
        while chance_beyond(looks, mean, low) > chance and low > mean - 60 * stderr:
            low -= 8 * stderr
        while chance_beyond(looks, mean, high) < chance and high < mean + 60 * stderr:
            high += 8 * stderr
        return float(optimize.brentq(lambda truth: chance_beyond(looks, mean, truth) - chance, low, high, xtol=1e-7))

    return StoppedEstimate(solve(0.5), (solve(alpha / 2), solve(1 - alpha / 2)), mean)
