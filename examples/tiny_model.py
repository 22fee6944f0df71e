"""A tiny Qwen3 with random weights, saved as a real checkpoint: `python examples/tiny_model.py runs/tiny`.

It knows nothing, so it scores nothing; it makes every step from checkpoint to scoreboard run in seconds on a CPU.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from spot_eval.miniature.tokenizer import CHAT_TEMPLATE

# What its tokenizer learns its merges from; any text does.
SENTENCES = [
    "The answer is twelve, because three times four is twelve and nothing is left over.",
    "First we add the numbers, then we divide by two; the final answer is in the last line.",
    "Player X may play (0, 3) or (2, 5); the opponent would win at (1, 4), so we block there.",
    "Write an itinerary of at least three hundred words, and do not use any commas.",
]


def build(out: Path, seed: int = 0, context: int = 8192) -> Path:
    """Writes the checkpoint to `out` and returns it. The same seed writes the same weights."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    learner.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(
            vocab_size=512,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=learner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.1,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Qwen3ForCausalLM(config).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    print(build(parser.parse_args().out, parser.parse_args().seed))
