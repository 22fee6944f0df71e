"""Models with random weights in the shapes of Qwen3, and made-up pairs for them."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from trainer.batches.tokenize import Example


class Shape(NamedTuple):
    """The sizes of a Qwen3; those of the published models but for `tiny`."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool


SHAPES = {
    "tiny": Shape(4, 256, 768, 8, 4, 32, 2_048, True),
    "0.6B": Shape(28, 1024, 3072, 16, 8, 128, 151_936, True),
    "1.7B": Shape(28, 2048, 6144, 16, 8, 128, 151_936, True),
    "8B": Shape(36, 4096, 12_288, 32, 8, 128, 151_936, False),
}


def random_model(shape: Shape, device: str, dtype: torch.dtype) -> Any:
    """Return a Qwen3 of this shape, its weights drawn on the device; the same on every call."""
    config = Qwen3Config(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim, max_position_embeddings=8192, tie_word_embeddings=shape.tied,
        bos_token_id=None, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        return Qwen3ForCausalLM._from_config(config, dtype=dtype)


def made_up_pairs(
    count: int, *, vocabulary: int, prompt: tuple[int, int], answer: tuple[int, int], seed: str
) -> list[Example]:
    """Return pairs whose answers begin with 10 to 90 % of the shorter one in common, as surgical edits do.

    Args:
        count: number of pairs.
        vocabulary: token ids are drawn from 3 up to this.
        prompt: least and most tokens of a prompt.
        answer: least and most tokens of an answer.
        seed: the same seed gives the same pairs.
    """
    chance = random.Random(seed)

    def some(length: int) -> tuple[int, ...]:
        return tuple(chance.randrange(3, vocabulary) for _ in range(length))

    found = []
    for number in range(count):
        lengths = [chance.randint(*answer) for _ in range(2)]
        common = some(round(min(lengths) * chance.uniform(0.1, 0.9)))
        sides = (common + some(length - len(common)) for length in lengths)
        found.append(Example(str(number), some(chance.randint(*prompt)), *sides))
    return found
