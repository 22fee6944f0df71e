"""The change ratio is exact: it equals the textbook's table on anything."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.pairs.edit_filter import change_ratio, lcs_length

TOKENS = st.lists(st.integers(0, 4), max_size=40)


def by_table(a: list[int], b: list[int]) -> int:
    """The textbook's dynamic programme, a row at a time."""
    row = [0] * (len(b) + 1)
    for left in a:
        diagonal = 0
        for place, right in enumerate(b, 1):
            above = row[place]
            row[place] = diagonal + 1 if left == right else max(above, row[place - 1])
            diagonal = above
    return row[-1]


@given(TOKENS, TOKENS)
def test_equals_the_textbooks_table(a: list[int], b: list[int]) -> None:
    assert lcs_length(a, b) == by_table(a, b)


def test_equals_the_table_on_long_random_pairs() -> None:
    chance = random.Random(1)
    for _ in range(20):
        a = [chance.randrange(50) for _ in range(chance.randrange(100, 400))]
        b = [token if chance.random() < 0.7 else chance.randrange(50) for token in a if chance.random() < 0.9]
        assert lcs_length(a, b) == by_table(a, b)


@given(TOKENS, TOKENS)
def test_symmetric_and_within_bounds(a: list[int], b: list[int]) -> None:
    assert lcs_length(a, b) == lcs_length(b, a)
    assert 0 <= change_ratio(a, b) <= 1
    assert (change_ratio(a, b) == 0) == (a == b)


@pytest.mark.parametrize(
    ("a", "b", "ratio"),
    [([1, 2, 3, 4], [1, 9, 3, 4], 0.25), ([1, 2], [3, 4], 1.0), ([], [], 0.0), ([], [1], 1.0), ([1, 2, 3], [2], 2 / 3)],
)
def test_worked_cases(a: list[int], b: list[int], ratio: float) -> None:
    assert change_ratio(a, b) == pytest.approx(ratio)


def test_ten_thousand_pairs_are_minutes_at_most() -> None:
    chance = random.Random(2)
    a = [chance.randrange(30_000) for _ in range(1500)]
    b = [token if chance.random() < 0.5 else chance.randrange(30_000) for token in a]
    started = time.process_time()
    for _ in range(50):
        lcs_length(a, b)
    assert (time.process_time() - started) / 50 * 10_000 < 300
