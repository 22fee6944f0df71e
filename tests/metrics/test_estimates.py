"""Means, errors, pass@k and maj@k against hand-worked cases and brute force."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.metrics.estimates import (
    Estimate,
    ks_up_to,
    majority_score,
    mean_over_docs,
    paired_difference,
    pass_at_k,
    unweighted,
    weighted_mean_over_docs,
)


def test_mean_and_error_of_a_worked_case() -> None:
    # sd of (0, 1, 1, 0.5) with n - 1 is 0.478714; over sqrt(4)
    mean, stderr = mean_over_docs([0.0, 1.0, 1.0, 0.5])
    assert mean == pytest.approx(0.625)
    assert stderr == pytest.approx(0.2393568)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_error_equals_scipy(values: list[float]) -> None:
    from scipy import stats

    assert mean_over_docs(values).stderr == pytest.approx(float(stats.sem(values)), abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=2, max_size=40))
def test_a_weighted_mean_is_a_regression_with_clustered_errors(docs: list[tuple[float, int]]) -> None:
    values, weights = zip(*docs, strict=True)
    mean, stderr = weighted_mean_over_docs(values, weights)
    assert mean == pytest.approx(sum(v * w for v, w in docs) / sum(weights))
    # by hand, as the sandwich of a regression on a constant: each doc is one cluster of `weight` equal rows
    residuals = [w * (v - mean) for v, w in docs]
    sandwich = math.sqrt(sum(r * r for r in residuals)) / sum(weights)
    assert stderr == pytest.approx(sandwich * math.sqrt(len(docs) / (len(docs) - 1)), abs=1e-12)
    equal = weighted_mean_over_docs(values, [2] * len(docs))
    assert equal.stderr == pytest.approx(mean_over_docs(values).stderr, abs=1e-12)


def test_too_few_docs_have_no_error() -> None:
    assert mean_over_docs([]) == (None, None)
    assert mean_over_docs([1.0]) == (1.0, None)


def test_a_family_is_the_unweighted_mean_and_missing_where_a_part_is() -> None:
    assert unweighted([Estimate(0.2, 0.03), Estimate(0.4, 0.04)]) == (
        pytest.approx(0.3),
        pytest.approx(0.025),
    )
    assert unweighted([Estimate(0.2, 0.03), Estimate(None, None)]) == (None, None)
    assert unweighted([Estimate(0.2, 0.03), Estimate(0.4, None)]) == (pytest.approx(0.3), None)


@given(st.integers(1, 7), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(n: int, data: st.DataObject) -> None:
    correct, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    samples = [True] * correct + [False] * (n - correct)
    subsets = list(itertools.combinations(samples, k))
    assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_refuses_more_than_there_is() -> None:
    with pytest.raises(ValueError, match="k=3"):
        pass_at_k(2, 1, 3)


@pytest.mark.parametrize(
    ("groups", "scores", "expected"),
    [
        ([0, 0, 1], [1.0, 1.0, 0.0], 1.0),
        ([0, 1, 1], [1.0, 0.0, 0.0], 0.0),
        ([0, 1], [1.0, 0.0], 0.5),  # a tie is split
        ([0, 1, 2], [1.0, 0.0, 0.0], 1 / 3),
        ([None, None, 0], [0.0, 0.0, 1.0], 1.0),  # no answer has no vote
        ([None, None], [0.0, 0.0], 0.0),
        ([None, None], [None, None], None),
        ([0, 0, 1], [None, None, 1.0], None),  # the winner was not judged
        ([0, 0, 1], [None, 1.0, 0.0], 1.0),
    ],
)
def test_majority(groups: list[int | None], scores: list[float | None], expected: float | None) -> None:
    assert majority_score(groups, scores) == (None if expected is None else pytest.approx(expected))


def test_ks_are_powers_of_two_and_all() -> None:
    assert [ks_up_to(n) for n in (0, 1, 2, 5, 16)] == [[], [1], [1, 2], [1, 2, 4, 5], [1, 2, 4, 8, 16]]


def test_differences_are_paired() -> None:
    estimate, docs = paired_difference({"a": 1.0, "b": 0.5, "x": 0.0}, {"a": 0.0, "b": 0.0, "y": 1.0})
    assert docs == 2
    assert estimate.mean == pytest.approx(0.75)
    assert estimate.stderr == pytest.approx(math.sqrt(0.125) / math.sqrt(2))
