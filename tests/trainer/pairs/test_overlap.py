"""Overlap finds a copied problem whatever its marks and case, and not the wording all docs share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.pairs.overlap import NGramIndex, words_of

PROBLEM = "Find the number of positive integers n less than 2017 such that n squared minus n is divisible by 12."
TEMPLATE = "Work through this problem step by step and give the final answer on the last line inside a box please."


def index(*docs: str, n: int = 8) -> NGramIndex:
    made = NGramIndex(n)
    for number, doc in enumerate(docs):
        made.add("bench", str(number), doc)
    return made


def test_a_copied_problem_is_found_through_other_marks_and_case() -> None:
    hits = index(PROBLEM, "Something else is asked here, of quite another kind, with words enough.").hits(
        f"Hello! {PROBLEM.upper().replace(' ', '  ').replace('.', '!!')} And so on."
    )
    assert hits == {("bench", "0"): 1.0}


def test_a_part_copied_is_a_share() -> None:
    half = " ".join(PROBLEM.split()[:12])
    (share,) = index(PROBLEM).hits(half).values()
    grams = len(words_of(PROBLEM)) - 8 + 1
    assert share == pytest.approx((12 - 8 + 1) / grams)


def test_the_wording_that_all_docs_share_does_not_count() -> None:
    docs = [f"{topic} {TEMPLATE}" for topic in ("Apples and pears", "Trains", "A circle", "Primes", "Two dice")]
    assert index(*docs).hits(f"Another question entirely. {TEMPLATE}") == {}


def test_a_doc_shorter_than_n_words_is_matched_whole() -> None:
    hits = index("What is seven times eight?", n=13).hits("so: what is seven times eight, and why?")
    assert hits == {("bench", "0"): 1.0}
    assert index("What is seven times eight?", n=13).hits("what is seven times nine?") == {}


def test_docs_too_short_to_tell_are_counted() -> None:
    made = index("1 + 1?")
    assert made.too_short == {"bench": 1}
    assert made.hits("1 + 1?") == {}


def test_an_n_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        NGramIndex(1)


@given(st.lists(st.text("abc ", min_size=20, max_size=60), max_size=6), st.text("abc ", max_size=80))
def test_shares_are_fractions_of_one(docs: list[str], text: str) -> None:
    assert all(0 < share <= 1 for share in index(*docs, n=3).hits(text).values())
