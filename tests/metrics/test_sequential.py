"""Group-sequential boundaries against published values, simulation and their own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spot_eval.metrics.sequential import Look, after_stopping, boundaries, chance_beyond, crossing, levels, spent


def test_the_published_obrien_fleming_type_boundaries() -> None:
    # Lan and DeMets' spending function of O'Brien-Fleming type, one-sided 0.05, four equal looks
    found = boundaries((0.25, 0.5, 0.75, 1), 0.05, "obrien-fleming")
    assert found == pytest.approx((3.74955, 2.53993, 2.01604, 1.72014), abs=5e-3)


def test_boundaries_of_power_spending_against_multivariate_normal_probabilities() -> None:
    fractions = np.array((1 / 3, 4 / 7, 0.75, 8 / 9, 1))
    covariance = np.sqrt(np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions))
    for alpha in (0.05, 0.05 * 0.7 / 3):
        found = boundaries(tuple(fractions), alpha)
        for looks in (1, 2, 3, 5):  # scipy's own integration of the same normal vector
            below = stats.multivariate_normal(cov=covariance[:looks, :looks], seed=1).cdf(np.array(found[:looks]))
            assert 1 - below == pytest.approx(alpha * fractions[looks - 1] ** 2, abs=5e-5)


def test_one_look_is_the_fixed_test() -> None:
    assert boundaries((1,), 0.05) == pytest.approx((1.644854,), abs=1e-6)
    assert levels((1,), 0.05) == pytest.approx((0.05,))


@settings(max_examples=30)
@given(
    st.lists(st.floats(0.05, 1.0), min_size=1, max_size=6, unique=True),
    st.floats(0.001, 0.1),
    st.sampled_from(["power", "obrien-fleming"]),
)
def test_no_boundary_spends_more_than_it_may(shares: list[float], alpha: float, spending: str) -> None:
    fractions = [*sorted(share for share in shares if share < 0.999), 1.0]
    found = boundaries(fractions, alpha, spending)
    looks = [Look(1 / math.sqrt(t), -math.inf, z / math.sqrt(t)) for t, z in zip(fractions, found, strict=True)]
    crossed = np.cumsum([above for _, above in crossing(looks, 0.0)])
    allowed = [spent(t, alpha, spending) for t in fractions]
    assert all(rate <= limit + 1e-6 for rate, limit in zip(crossed, allowed, strict=True))
    assert crossed[-1] == pytest.approx(alpha, abs=1e-6)


@pytest.mark.parametrize("spending", ["power", "obrien-fleming"])
def test_looks_too_close_to_tell_apart_stop_once(spending: str) -> None:
    found = boundaries((0.05, 0.05078125, 1), 0.0625, spending)
    assert found[1] == math.inf
    assert found[::2] == pytest.approx(boundaries((0.05, 1), 0.0625, spending))
    assert boundaries((0.5, 0.999, 1), 0.05, spending)[1] == math.inf  # the last look stops
    assert boundaries((0.999, 1), 0.05, spending) == pytest.approx((math.inf, 1.644854), abs=1e-6)


def test_a_look_that_brings_nothing_new_cannot_stop() -> None:
    found = boundaries((0.5, 0.5, 1), 0.05)
    assert found[1] == math.inf
    assert found[::2] == pytest.approx(boundaries((0.5, 1), 0.05))


@pytest.mark.parametrize("wrong", [(0.5, 0.4, 1), (0.0, 1), (0.5, 1.2)])
def test_fractions_that_are_none_are_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="fraction"):
        boundaries(wrong, 0.05)


def test_the_estimate_after_stopping_is_median_unbiased_and_its_interval_covers() -> None:
    # Brownian paths at three looks, stopped by both sides' boundaries, true mean 0.8 of the last standard error
    rng, fractions, truth = np.random.default_rng(3), np.array([0.3, 0.6, 1.0]), 0.8
    z = np.array(boundaries(fractions, 0.05))
    errors = 1 / np.sqrt(fractions)
    looks = [Look(error, -0.5 - c * error, -0.3 + c * error) for error, c in zip(errors, z, strict=True)]
    steps = rng.normal(truth * np.diff(fractions, prepend=0), np.sqrt(np.diff(fractions, prepend=0)), (600, 3))
    means = np.cumsum(steps, 1) / fractions
    chances, above = [], []
    for path in means:
        at = next(k for k in range(3) if k == 2 or not looks[k].lower < path[k] < looks[k].upper)
        chances.append(chance_beyond(looks[: at + 1], float(path[at]), truth))
        above.append(path[at] > truth)
    # the chance of an outcome or a larger one is uniform, which is what a median and an interval are read from
    assert stats.kstest(chances, "uniform").pvalue > 0.01
    assert abs(np.mean(above) - 0.5) > abs(np.mean(np.array(chances) < 0.5) - 0.5)  # the plain mean is biased
    found = after_stopping(looks[:2], 2.0, 0.1)
    ends = (*found.interval, found.median_unbiased)
    assert [chance_beyond(looks[:2], 2.0, end) for end in ends] == pytest.approx([0.05, 0.95, 0.5], abs=1e-5)
    assert found.interval[0] < found.median_unbiased < found.naive < found.interval[1]
