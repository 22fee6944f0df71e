"""Continuous batches: the texts of static ones, rows that are filled again, memory that keeps to its bound."""

from __future__ import annotations

import inspect
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen3Config,
)

from spot_eval.models.base import Completion, Refusal, Request
from spot_eval.models.hf_continuous import ContinuousBatch, runs_continuously
from spot_eval.models.hf_endings import Endings
from spot_eval.models.hf_memory import SHARE, room_for_tokens
from spot_eval.models.hf_static import StaticBatches
from spot_eval.models.prompts import Prompt
from spot_eval.tasks.suite import Sampling

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "vocab_size": 60, "max_position_embeddings": 256}  # fmt: skip
CONFIGS = {
    "qwen3": Qwen3Config(**SIZES, head_dim=8),
    "llama": LlamaConfig(**SIZES),
    "gpt2": GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=256),
}
GREEDY, PAPER = (0.0, 1.0, 0), (0.7, 0.8, 20)


def made(config: Any) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    model.generation_config = GenerationConfig()  # as the engine has it: no end-of-turn token but ours
    return model


@pytest.fixture(scope="module")
def qwen() -> Any:
    return made(CONFIGS["qwen3"])


def requests(count: int, sampling: tuple[float, float, int], seed: int = 0, longest: int = 40) -> list[Request]:
    chance = random.Random(seed)
    temperature, top_p, top_k = sampling
    return [
        Request(
            str(number),
            Prompt("", tuple(chance.randrange(60) for _ in range(chance.randrange(1, 20)))),
            Sampling(
                temperature=temperature, top_p=top_p, top_k=top_k, max_new_tokens=chance.randrange(1, longest + 1)
            ),
            seed=chance.randrange(2**40),
        )
        for number in range(count)
    ]


def answers(
    kind: Any, model: Any, asked: Sequence[Request], sampling: tuple[float, float, int], **options: Any
) -> dict[str, Completion | Refusal]:
    found: dict[str, Completion | Refusal] = {}

    def emit(result: Completion | Refusal) -> None:
        assert result.key not in found
        found[result.key] = result

    endings = Endings(frozenset({7}), ("21 22",), lambda tokens: " ".join(map(str, tokens)), emit)
    kind(model, "cpu", sampling=sampling, endings=endings, **options).answer(asked)
    assert found.keys() == {request.key for request in asked}
    return found


@pytest.mark.parametrize("sampling", [GREEDY, PAPER])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_texts_are_those_of_static_batches(name: str, sampling: tuple[float, float, int]) -> None:
    model = made(CONFIGS[name])
    assert runs_continuously(model)
    asked = requests(30, sampling)
    static = answers(StaticBatches, model, asked, sampling, most_rows=7)
    assert answers(ContinuousBatch, model, asked, sampling, most_rows=7, token_budget=10**6) == static


@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 12), rows=st.integers(1, 9), budget=st.integers(1, 300), seed=st.integers(0, 9))
def test_rows_and_budget_change_no_text(qwen: Any, count: int, rows: int, budget: int, seed: int) -> None:
    asked = requests(count, PAPER, seed)
    alone = answers(StaticBatches, qwen, asked, PAPER, most_rows=1)
    assert answers(ContinuousBatch, qwen, asked, PAPER, most_rows=rows, token_budget=budget) == alone


def sizes_of_steps(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list to which every forward pass adds its rows and the tokens of the longest."""
    seen: list[tuple[int, int]] = []
    forward = model.forward

    def watched(*arguments: Any, attention_mask: Any, **options: Any) -> Any:
        seen.append(tuple(attention_mask.shape))
        return forward(*arguments, attention_mask=attention_mask, **options)

    watched.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    monkeypatch.setattr(model, "forward", watched)
    return seen


def test_rows_that_ended_are_filled_again(qwen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests(40, PAPER, longest=60)
    work = {}
    for kind, options in ((StaticBatches, {}), (ContinuousBatch, {"token_budget": 10**6})):
        with monkeypatch.context() as patch:
            seen = sizes_of_steps(qwen, patch)
            answers(kind, qwen, asked, PAPER, most_rows=8, **options)
            work[kind] = sum(rows for rows, _ in seen)
    assert work[ContinuousBatch] < 0.75 * work[StaticBatches]


@pytest.mark.parametrize("budget", [60, 150])
def test_memory_keeps_to_the_budget(qwen: Any, monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    asked = requests(12, PAPER)
    seen = sizes_of_steps(qwen, monkeypatch)
    answers(ContinuousBatch, qwen, asked, PAPER, most_rows=12, token_budget=budget)
    assert all(rows * width <= budget or rows == 1 for rows, width in seen)
    assert any(rows > 1 for rows, _ in seen)


def test_what_does_not_fit_beside_others_runs_alone_and_what_fits_nowhere_is_refused(
    qwen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = requests(8, PAPER)
    free = answers(ContinuousBatch, qwen, asked, PAPER, most_rows=8, token_budget=10**6)
    prompt = torch.tensor(asked[5].prompt.token_ids)
    forward = qwen.forward

    def small_card(*arguments: Any, input_ids: Any, **options: Any) -> Any:
        if len(input_ids) > 3 or any(torch.equal(row[-len(prompt) :], prompt) for row in input_ids):
            raise torch.OutOfMemoryError("out of memory. Tried to allocate 3 GiB")
        return forward(*arguments, input_ids=input_ids, **options)

    small_card.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    monkeypatch.setattr(qwen, "forward", small_card)
    found = answers(ContinuousBatch, qwen, asked, PAPER, most_rows=8, token_budget=10**6)
    refused = {key for key, one in found.items() if isinstance(one, Refusal)}
    assert refused == {"5"}
    assert {key: one for key, one in found.items() if key not in refused} == {
        key: one for key, one in free.items() if key not in refused
    }


def test_broken_logits_are_refused_and_leave_the_others_alone(qwen: Any) -> None:
    asked = requests(6, PAPER)
    whole = answers(ContinuousBatch, qwen, asked, PAPER, most_rows=6, token_budget=10**6)
    token = asked[0].prompt.token_ids[0]
    broken_model = made(CONFIGS["qwen3"])
    with torch.no_grad():
        broken_model.get_input_embeddings().weight[token] = torch.nan
    found = answers(ContinuousBatch, broken_model, asked, PAPER, most_rows=6, token_budget=10**6)
    assert isinstance(found["0"], Refusal)
    assert "NaN" in found["0"].reason
    untouched = [r.key for r in asked if token not in r.prompt.token_ids and isinstance(found[r.key], Completion)]
    assert all(found[key] == whole[key] for key in untouched)


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(**SIZES, sliding_window=8),
        MambaConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2),
    ],
    ids=["sliding window", "recurrent state"],
)
def test_caches_that_cannot_be_joined_run_in_static_batches(config: Any) -> None:
    assert not runs_continuously(made(config))


def test_room_is_a_share_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spot_eval.models.hf_memory._free", lambda device: 10**9)
    per_token = 2 * 2 * 2 * 8 * 4  # keys and values, layers, heads, size, bytes
    assert room_for_tokens(CONFIGS["qwen3"], torch.float32, "cpu") == int(SHARE * 10**9) // per_token
