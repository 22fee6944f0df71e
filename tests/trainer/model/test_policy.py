"""Sharing a prefix changes nothing: log-probs and gradients are those of separate forward passes, whatever the model.

What a model cannot share it does not share, and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._inductor.exc import InductorError
from transformers import AutoModelForCausalLM

from trainer.batches.packing import CHOSEN, REJECTED, Kind, Unit, lay_out
from trainer.batches.tokenize import Example
from trainer.errors import TrainError
from trainer.model.attention import Trees, attend
from trainer.model.policy import PolicyModel, probe, to_batch
from trainer.objectives import answer_sums

CPU = torch.device("cpu")
SIZES = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "initializer_range": 0.2,
}  # fmt: skip
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("Qwen3Config", {"head_dim": 8}),
    "qwen2": ("Qwen2Config", {}),
    "llama": ("LlamaConfig", {}),
    "mistral, sliding": ("MistralConfig", {"sliding_window": 7}),
    "gemma2, sliding and softcapped": ("Gemma2Config", {**GEMMA, "sliding_window": 7}),
    "granite, scaled": ("GraniteConfig", {"logits_scaling": 4.0, "attention_multiplier": 0.2}),
    "cohere, scaled": ("CohereConfig", {"logit_scale": 0.25}),
}


def policy(name: str) -> PolicyModel:
    kind, extra = MODELS[name]
    torch.manual_seed(0)
    config = getattr(transformers, kind)(**{**SIZES, **extra})
    plain = {"attn_implementation": "eager"} if "attn_logit_softcapping" in extra else {}
    return PolicyModel(AutoModelForCausalLM.from_config(config, dtype=torch.float32, **plain)).train()


def by_separate_forwards(model: PolicyModel, examples: list[Example]) -> tuple[Tensor, dict[str, Tensor]]:
    """Token log-probs of each y+, then each y-, from the model's own logits, and the gradient of a weighted sum."""
    model.use(Kind.SEPARATE)
    model.zero_grad()
    found = []
    for example in examples:
        for answer in (example.chosen, example.rejected):
            logits = model.causal(torch.tensor([example.prompt + answer])).logits[0, len(example.prompt) - 1 : -1]
            found.append(logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0])
    weigh(found).backward()
    gradient = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    return torch.cat(found).detach(), gradient


def by_layout(model: PolicyModel, examples: list[Example], kind: Kind) -> tuple[Tensor, dict[str, Tensor]]:
    model.use(kind)
    model.zero_grad()
    batch = to_batch(lay_out(examples, range(len(examples)), kind), CPU)
    tokens = model(batch)
    found = [
        tokens[(batch.pair == pair) & (batch.side != other)]
        for pair in range(len(examples))
        for other in (REJECTED, CHOSEN)
    ]
    weigh(found).backward()
    gradient = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    return torch.cat(found).detach(), gradient


def weigh(answers: list[Tensor]) -> Tensor:
    """A loss that treats every answer differently, y- with the other sign."""
    return sum((answer.sum() * (0.3 + place) * (-1) ** place for place, answer in enumerate(answers)), torch.zeros(()))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("name", list(MODELS))
def test_log_probs_and_gradients_are_those_of_separate_forwards(
    name: str, kind: Kind, examples: Callable[..., list[Example]]
) -> None:
    model = policy(name)
    assert probe(model, CPU, Kind.SHARED, torch.float32) == (Kind.SHARED, "")
    found = examples(4, 97, seed=3)
    expected, expected_gradient = by_separate_forwards(model, found)
    got, gradient = by_layout(model, found, kind)
    assert (got - expected).abs().max() <= 1e-5
    assert set(gradient) == set(expected_gradient)
    for parameter, value in gradient.items():
        assert (value - expected_gradient[parameter]).norm() <= 1e-5 * expected_gradient[parameter].norm(), parameter


def test_equal_log_probs_give_equal_sums_to_the_last_bit(examples: Callable[..., list[Example]]) -> None:
    model = policy("qwen3")
    model.use(Kind.SHARED)
    batch = to_batch(lay_out(examples(4, 97), range(4), Kind.SHARED), CPU)
    with torch.no_grad():
        reference = answer_sums(model(batch), batch.pair, batch.side, 4)
    assert torch.equal(answer_sums(model(batch).detach(), batch.pair, batch.side, 4), reference)


def test_gradient_checkpointing_changes_nothing(examples: Callable[..., list[Example]]) -> None:
    model, found = policy("mistral, sliding"), examples(3, 97)
    _, gradient = by_layout(model, found, Kind.SHARED)
    model.causal.gradient_checkpointing_enable({"use_reentrant": False})
    _, again = by_layout(model, found, Kind.SHARED)
    assert all(torch.equal(gradient[name], again[name]) for name in gradient)


def test_dropout_is_off() -> None:
    config = transformers.GPT2Config(
        vocab_size=97, n_embd=32, n_layer=2, n_head=2, resid_pdrop=0.5, attn_pdrop=0.5, bos_token_id=1, eos_token_id=2
    )
    model = PolicyModel(AutoModelForCausalLM.from_config(config)).train()
    batch = to_batch(lay_out([Example("x", (5,), (6, 7), (8,))], [0], Kind.PACKED), CPU)
    model.use(Kind.PACKED)
    assert torch.equal(model(batch), model(batch))


def test_a_model_with_recurrent_layers_falls_back_and_says_so(examples: Callable[..., list[Example]]) -> None:
    torch.manual_seed(0)
    config = transformers.MambaConfig(
        vocab_size=97, hidden_size=16, num_hidden_layers=1, bos_token_id=1, eos_token_id=2
    )
    model = PolicyModel(AutoModelForCausalLM.from_config(config, dtype=torch.float32)).train()
    kind, why = probe(model, CPU, Kind.SHARED, torch.float32)
    assert kind is Kind.SEPARATE
    assert "linear_attention" in why
    found = examples(2, 97, answer=5)
    expected, _ = by_separate_forwards(model, found)
    got, _ = by_layout(model, found, kind)
    assert (got - expected).abs().max() <= 1e-5


def test_attention_sinks_are_not_ignored() -> None:
    torch.manual_seed(0)
    config = transformers.GptOssConfig(
        **SIZES, head_dim=8, num_local_experts=4, sliding_window=7, layer_types=["full_attention"] * 2,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
    )  # fmt: skip
    model = PolicyModel(
        AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    ).train()
    kind, why = probe(model, CPU, Kind.SHARED, torch.float32)
    assert kind is Kind.SEPARATE
    assert "s_aux" in why


def test_a_model_that_loses_its_window_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window longer than the probe could not be told by its log-probs."""
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        **SIZES, head_dim=8, use_sliding_window=True, sliding_window=64, layer_types=["sliding_attention"] * 2
    )
    model = PolicyModel(AutoModelForCausalLM.from_config(config, dtype=torch.float32))
    assert probe(model, CPU, Kind.SHARED, torch.float32)[0] is Kind.SHARED
    for layer in model.causal.model.layers:
        monkeypatch.setattr(layer.self_attn, "sliding_window", None)
    kind, why = probe(model, CPU, Kind.SHARED, torch.float32)
    assert kind is Kind.SEPARATE
    assert "sliding window" in why


def test_logits_that_cannot_be_explained_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = policy("llama")
    forward = model.causal.lm_head.forward
    monkeypatch.setattr(model.causal.lm_head, "forward", lambda hidden: forward(hidden) * 1.7)
    with pytest.raises(TrainError, match="logits of LlamaForCausalLM"):
        probe(model, CPU, Kind.SHARED, torch.float32)


def test_a_device_without_flex_attention_falls_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise InductorError(RuntimeError("no choices to select\nand much more"), None)

    monkeypatch.setattr("trainer.model.attention._flex_function", lambda _: fails)
    monkeypatch.setattr("trainer.model.policy.Trees", partial(Trees, flex=True))
    kind, why = probe(policy("qwen3"), CPU, Kind.SHARED, torch.float32)
    assert kind is Kind.SEPARATE
    assert why == "FlexAttention cannot be compiled on this device (RuntimeError: no choices to select)"


UNITS = (Unit(0, 11), Unit(11, 16, 0, 6), Unit(16, 30), Unit(30, 33), Unit(33, 40, 30, 2))


@pytest.mark.parametrize("softcap", [None, 4.0])
@pytest.mark.parametrize("window", [None, 4])
def test_flex_attention_does_what_the_units_say(window: int | None, softcap: float | None) -> None:
    """The block mask and score function that CUDA compiles, run uncompiled on the CPU."""
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, heads, 40, 16) for heads in (4, 2, 2))
    found = [
        attend(
            torch.nn.Module(), query, key, value, None, sliding_window=window, softcap=softcap,
            trees=Trees(UNITS, CPU, flex=flex),
        )[0]
        for flex in (False, True)
    ]  # fmt: skip
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)
