"""Bounds of one mean, against the binomial, statsmodels' empirical likelihood, and what must hold for any values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spot_eval.metrics import bounds
from spot_eval.metrics.bounds import effective_units, lower_bound, upper_bound

VALUES = st.sampled_from([-1.0, -0.6, -0.2, -0.0625, 0.0, 0.0, 0.0, 0.2, 0.4, 1.0])
UNITS = st.lists(st.tuples(VALUES, st.sampled_from([1, 1, 1, 2, 5, 40])), min_size=1, max_size=40)
TAILS = st.sampled_from([0.001, 0.0117, 0.025, 0.05, 0.2])


@pytest.mark.parametrize("lost", [0, 1, 4, 5, 12, 30, 200])
@pytest.mark.parametrize("n", [5, 40, 541])
@pytest.mark.parametrize("tail", [0.001, 0.025, 0.05])
def test_docs_that_are_lost_or_not_have_the_binomial_bound(lost: int, n: int, tail: float) -> None:
    if lost >= n:
        return
    exact = -stats.binomtest(lost, n, alternative="less").proportion_ci(1 - tail, method="exact").high
    bound = lower_bound([-1.0] * lost + [0.0] * (n - lost), tail)
    assert bound <= exact + 1e-9
    if n > 40 or (n == 40 and tail > 0.01):
        assert bound == pytest.approx(exact, abs=1e-9)  # with fewer docs Student's quantile is wider still


def test_more_units_lost_than_the_exact_rule_once_covered() -> None:
    bound = [lower_bound([-1.0] * lost + [0.0] * (541 - lost), 0.05) for lost in range(40)]
    assert all(one > other for one, other in itertools.pairwise(bound))


def test_the_likelihood_region_is_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    from statsmodels.emplike.descriptive import DescStat

    monkeypatch.setattr(bounds, "PSEUDO_UNIT", 0.0)
    x = np.random.default_rng(0).integers(-5, 6, 160) / 5
    t = stats.t.isf(0.05, len(x) - 1)
    low, high = DescStat(x).ci_mean(sig=stats.chi2.sf(t**2, 1))
    assert lower_bound(x, 0.05) == pytest.approx(low, abs=1e-5)
    assert upper_bound(x, 0.05) == pytest.approx(high, abs=1e-5)


def test_many_noisy_units_have_nearly_the_t_bound() -> None:
    x = np.random.default_rng(0).integers(-5, 6, 3000) / 10
    t = stats.ttest_1samp(x, 0, alternative="greater").confidence_interval(0.95).low
    assert lower_bound(x, 0.05) == pytest.approx(t, abs=2e-4)
    assert lower_bound(x, 0.05) < t


@settings(max_examples=150, deadline=None)
@given(UNITS, st.integers(0, 39), VALUES, TAILS, st.sampled_from([None, True, False]))
def test_one_more_loss_never_raises_a_bound(
    units: list[tuple[float, int]], at: int, value: float, tail: float, few: bool | None
) -> None:
    x, w = (np.array(side, dtype=float) for side in zip(*units, strict=True))
    worse = x.copy()
    worse[at % len(x)] = min(value, x[at % len(x)])
    for sizes in (None, w):
        assert lower_bound(worse, tail, sizes, few=few) <= lower_bound(x, tail, sizes, few=few) + 1e-9
        assert upper_bound(worse, tail, sizes, few=few) <= upper_bound(x, tail, sizes, few=few) + 1e-9


@settings(max_examples=150, deadline=None)
@given(UNITS, TAILS, TAILS)
def test_a_bound_at_a_smaller_level_never_lies_inside(units: list[tuple[float, int]], one: float, other: float) -> None:
    x, w = (np.array(side, dtype=float) for side in zip(*units, strict=True))
    for sizes in (None, w):
        mean = float(np.average(x, weights=sizes))
        low, high = (lower_bound(x, tail, sizes) for tail in sorted((one, other)))
        assert -1 <= low <= high + 1e-9
        assert high <= mean + 1e-9
        if one != other and len(x) > 1 and low > -0.999:
            assert low < high


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=40), st.sampled_from([2, 7]), TAILS)
def test_clusters_of_one_size_are_like_docs(values: list[float], size: int, tail: float) -> None:
    alike = lower_bound(values, tail, np.full(len(values), float(size)))
    assert alike == pytest.approx(lower_bound(values, tail), abs=1e-9)


def test_one_large_cluster_lost_is_not_one_doc_lost() -> None:
    # one cluster of 10 lost, 1,000 docs alone: at least the 10 docs' share, and the unseen may be as large
    x, w = np.array([-1.0] + [0.0] * 1000), np.array([10.0] + [1.0] * 1000)
    bound = lower_bound(x, 0.05, w)
    assert -0.06 < bound < -0.0099 * 2
    assert lower_bound(x, 0.025, w) < bound
    # a cluster of 100 among 100 docs alone: half of the docs are lost, and most may be
    half = lower_bound(np.array([-1.0] + [0.0] * 100), 0.05, np.array([100.0] + [1.0] * 100))
    assert -1 < half < -0.8


def test_units_of_unequal_size_count_as_fewer() -> None:
    assert effective_units(np.ones(50)) == pytest.approx(50)
    assert effective_units(np.array([20.0] * 10 + [1.0] * 90)) == pytest.approx(290**2 / 4090)


def test_no_width_of_zero_where_all_units_agree() -> None:
    for value in (-1.0, -0.2, 0.0, 0.2):
        for n in (1, 2, 30, 400):
            low, high = (side([value] * n, 0.05) for side in (lower_bound, upper_bound))
            assert low <= value <= high
            assert low < high
