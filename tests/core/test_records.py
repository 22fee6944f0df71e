"""Records: what a grader reads of a generation, and a reader of log-likelihoods."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spot_eval.core.records import Likelihood, cluster_of, readable_scores
from tests.core.made_records import generation


def test_a_grader_reads_the_thinking_block_that_the_prompt_opened() -> None:
    assert generation("4</think>4").judged_text == "4</think>4"
    assert replace(generation("4</think>4"), thinking_open="<think>").judged_text == "<think>4</think>4"


def test_choices_are_judged_in_place_of_a_text() -> None:
    record = Likelihood("k", "t", 0, "h", 0, 1, "a", "stop", 1, 0, 0, choices=[{"logprob": -1.5}])
    assert record.judged_text == record.content == '[{"logprob":-1.5}]'


def test_log_likelihoods_are_shown_beside_their_texts() -> None:
    record = {"kind": "likelihood", "choices": [{"logprob": -1.5, "tokens": 2, "greedy": True}, {"logprob": -2.0}]}
    doc = {"likelihood": {"continuations": [" yes"]}}
    assert readable_scores(record, doc) == "-1.500, 2 tokens, greedy: yes\n-2.000: choice 2"
    assert readable_scores({"text": "yes"}, doc) is None


@pytest.mark.parametrize(
    ("row", "cluster"), [({}, None), ({"cluster_id": 3}, "3"), ({"row": {"cluster_id": "a"}}, "a"), ({"row": 1}, None)]
)
def test_a_cluster_is_found_in_our_rows_and_in_a_users(row: dict[str, object], cluster: str | None) -> None:
    assert cluster_of(row) == cluster
