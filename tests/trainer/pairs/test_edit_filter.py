"""The filter keeps small edits and accounts for every row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.pairs.edit_filter import BINS, PairStats, small_edits


def tokens(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def test_small_edits_stay_with_their_ratio() -> None:
    rows = [{"id": 1, "rejected": "abcd", "chosen": "abxd"}, {"id": 2, "rejected": "abcd", "chosen": "wxyz"}]
    stats = PairStats()
    (kept,) = small_edits(rows, tokens, 0.6, stats)
    assert (kept["id"], kept["change_ratio"]) == (1, 0.25)
    assert stats.outcomes == {"kept": 1, "change ratio above 0.6": 1}
    assert stats.ratios == [0.25, 1.0]


def test_gamma_itself_is_small_enough() -> None:
    rows = [{"rejected": "abcde", "chosen": "abxyz"}]
    assert len(list(small_edits(rows, tokens, 0.6))) == 1
    assert len(list(small_edits(rows, tokens, 0.59))) == 0


def test_equal_answers_teach_nothing_and_single_answers_pass() -> None:
    rows = [
        {"rejected": "abc", "chosen": "abc"},
        {"rejected": None, "chosen": "abc"},
        {"rejected": "abc", "chosen": None},
    ]
    stats = PairStats()
    assert [row["chosen"] for row in small_edits(rows, tokens, 0.6, stats)] == ["abc"]
    assert stats.outcomes == {"equal answers": 1, "kept": 1, "no chosen answer": 1}


def test_a_gamma_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        list(small_edits([], tokens, 60))


@given(st.lists(st.tuples(st.text("ab", max_size=9), st.text("ab", max_size=9))), st.floats(0, 1))
def test_every_row_is_accounted_for(texts: list[tuple[str, str]], gamma: float) -> None:
    stats = PairStats()
    kept = list(small_edits([{"rejected": a, "chosen": b} for a, b in texts], tokens, gamma, stats))
    assert sum(stats.outcomes.values()) == len(texts)
    assert stats.outcomes["kept"] == len(kept)
    histogram = stats.histogram()
    assert (len(histogram), sum(histogram)) == (BINS, len(stats.ratios))
