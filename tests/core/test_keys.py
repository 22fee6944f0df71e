"""Keys, hashes and seeds name what they are of, in every process and version alike."""

from __future__ import annotations

from typing import Any

import pytest

from spot_eval.core.keys import doc_hash, record_key, request_seed

KEY: dict[str, Any] = {
    "fingerprint": "f",
    "engine": {"name": "hf"},
    "run_seed": 0,
    "task": "aime24",
    "prompt": "2+2?",
    "sampling": {"temperature": 0.7},
    "repeat": 0,
    "seed": 7,
}
OTHER: dict[str, Any] = {
    "fingerprint": "g",
    "engine": {"name": "vllm"},
    "run_seed": 1,
    "task": "aime25",
    "prompt": "2+3?",
    "sampling": {"temperature": 0.8},
    "repeat": 1,
    "seed": 8,
    "occurrence": 1,
}


@pytest.mark.parametrize("part", OTHER)
def test_a_key_changes_with_everything_that_decides_a_text(part: str) -> None:
    assert record_key(**{**KEY, part: OTHER[part]}) != record_key(**KEY)


def test_a_key_is_stable_across_processes_and_versions() -> None:
    # golden: a change here orphans every record ever made; only with a new schema
    assert record_key(**KEY) == "4e717f258ccf29134262b6a523aa8e48"
    assert request_seed(0, "aime24", "abc", 3) == 1035773217


def test_seeds_fit_31_bits_and_do_not_know_the_model() -> None:
    seeds = {request_seed(0, "t", doc, repeat) for doc in "abc" for repeat in range(100)}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_doubles_of_a_doc_stay_apart() -> None:
    messages = [{"role": "user", "content": "2+2?"}]
    assert doc_hash(messages, "4") == doc_hash(messages, "4", 0)
    assert len({doc_hash(messages, "4"), doc_hash(messages, "5"), doc_hash(messages, "4", 1)}) == 3
