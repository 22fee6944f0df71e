"""Redrawn answers: their variance is that of the records, and between two halves nothing changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.metrics.redraw import LARGEST, concentration, redrawn, split


def beta_docs(docs: int, repeats: int, c: float, rng: np.random.Generator) -> np.ndarray:
    chances = rng.beta(0.6 * c, 0.4 * c, docs)
    return rng.binomial(1, chances[:, None], (docs, repeats)).astype(float)


@pytest.mark.parametrize("c", [0.2, 1.0, 5.0])
def test_the_concentration_of_a_beta_is_found(c: float) -> None:
    scores = beta_docs(20_000, 5, c, np.random.default_rng(0))
    assert concentration(list(scores)) == pytest.approx(c, rel=0.06)


def test_docs_that_never_vary_those_that_do_not_differ_and_single_scores() -> None:
    assert concentration([np.zeros(3), np.ones(3)]) == 0
    assert concentration([np.array([0.0, 1.0]), np.array([0.0, 1.0])]) == LARGEST
    assert concentration([np.array([1.0]), np.array([0.0])]) is None
    assert concentration([]) is None


def test_redrawn_scores_have_the_mean_and_the_variance_of_those_on_record() -> None:
    rng = np.random.default_rng(1)
    scores = beta_docs(4000, 5, 0.5, rng)
    start, count = np.arange(4000) * 5, np.full(4000, 5)
    weight = concentration(list(scores))
    assert weight is not None
    again = scores.ravel()[redrawn(start, count, weight, 10, rng)]
    assert again.mean() == pytest.approx(scores.mean(), abs=0.01)
    assert again.var(axis=1, ddof=1).mean() == pytest.approx(scores.var(axis=1, ddof=1).mean(), rel=0.05)
    # two halves differ as two runs do: by their own draws, not by the records they come from
    halves = again[:, :5].mean(axis=1) - again[:, 5:].mean(axis=1)
    assert halves.mean() == pytest.approx(0, abs=0.01)
    assert halves.var() == pytest.approx(2 * scores.var(axis=1, ddof=1).mean() / 5, rel=0.1)


def test_the_posterior_of_a_binary_score_is_the_beta() -> None:
    # 3 of 4 right, in a task of which half is right, weight 2: the chance of a right answer is (3 + 1) / (4 + 2)
    scores = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    start, count = np.array([0, 4]), np.array([4, 4])
    rng = np.random.default_rng(2)
    drawn = np.array([scores[redrawn(start, count, 2.0, 2, rng)][0] for _ in range(4000)])
    assert drawn.mean() == pytest.approx(4 / 6, abs=0.02)
    # Beta(4, 2): two draws of one doc correlate by 1 / (4 + 2 + 1)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(1 / 7, abs=0.05)


@given(
    counts=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    weight=st.floats(0, 1e6),
    draws=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_every_number_is_that_of_an_answer_on_record(counts: list[int], weight: float, draws: int, seed: int) -> None:
    count = np.array(counts)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    rng = np.random.default_rng(seed)
    found = redrawn(start, count, weight, draws, rng)
    assert found.shape == (len(counts), draws)
    assert found.min() >= 0
    assert found.max() < count.sum()
    if weight == 0:
        assert (found >= start[:, None]).all()
        assert (found < (start + count)[:, None]).all()
    if count.min() > 1:
        first, second = split(start, count, rng)
        both = np.concatenate([first, second], axis=1)
        assert both.shape[1] == count.min()
        assert all(len(set(row)) == len(row) for row in both), "an answer is in one half only"
        assert (both >= start[:, None]).all()
        assert (both < (start + count)[:, None]).all()
