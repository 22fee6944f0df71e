"""Judged docs are those of the samples, whatever order the samples come in."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.records import Sample
from spot_eval.runs.judged import judged_docs
from tests.core.made_records import SAMPLE

SAMPLES = [
    replace(SAMPLE, task=task, doc_id=doc, doc_hash=f"{task}{doc}", repeat=repeat, score=score, text_hash=f"{repeat}")
    for task in ("sums", "words")
    for doc in range(3)
    for repeat, score in ((0, 1.0), (1, 0.0), (2, None), (5, 0.25))
]


@given(st.permutations(SAMPLES))
def test_the_order_of_the_samples_changes_no_doc(shuffled: list[Sample]) -> None:
    assert judged_docs(shuffled) == judged_docs(SAMPLES)
    first = judged_docs(shuffled)["sums"]["sums0"]
    assert (first.scores, first.text_hashes) == ((1.0, 0.0, None, 0.25), ("0", "1", "2", "5"))


def test_whole_and_broken_ones_stay_apart() -> None:
    docs = judged_docs([replace(SAMPLE, doc_hash="a", score=1), replace(SAMPLE, doc_hash="b", score=1.0)])["t"]
    assert [repr(docs[name].scores) for name in "ab"] == ["(1,)", "(1.0,)"]
