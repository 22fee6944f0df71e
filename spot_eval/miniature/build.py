"""Make a base checkpoint from nothing: `python -m spot_eval.miniature.build --seed 1 --out runs/base1`.

A Qwen3 of 0.64 M parameters, trained on the documents of `corpus` (short ones first, then all), on the answers' tokens.
One thread, so that the same seed gives the same weights wherever the arithmetic is the same; progress on stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from spot_eval.core.progress import progress
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.corpus import ALL, SHORT, documents
from spot_eval.miniature.tokenizer import make_tokenizer
from spot_eval.miniature.world import VERSION, Mix

SEED = 1
SHORT_DOCUMENTS, ALL_DOCUMENTS = 51_200, 108_800
BATCH = 20  # documents of one optimizer step; small ones learn to copy sooner, at equal tokens
POOL = 3_200  # documents that are sorted by length together, so that little is padded
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 1.5e-3, 0.02, 0.05

Document = tuple[list[int], int]
"""Token ids of a document, and how many of them are its prompt."""


def make_model(tokenizer: Any, seed: int) -> Any:
    """Return a Qwen3 with random weights, float32."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,  # the least that vLLM's CPU kernels take
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.08,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},  # texts of a hundred tokens
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def encoded(tokenizer: Any, seed: int, mix: Mix, count: int) -> Iterator[Document]:
    """Yield documents as token ids: the rendered prompt (thinking off), the answer, the end of the turn.

    Args:
        tokenizer: the miniature's.
        seed: seed of the corpus.
        mix: sizes and habits of the items.
        count: number of documents.
    """
    source = documents(seed, mix)
    while count > 0:
        texts = list(islice(source, min(count, POOL)))
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
            for prompt, _ in texts
        ]
        heads = tokenizer(prompts, add_special_tokens=False)["input_ids"]
        tails = tokenizer([answer for _, answer in texts], add_special_tokens=False)["input_ids"]
        for head, tail in zip(heads, tails, strict=True):
            yield [*head, *tail, tokenizer.eos_token_id], len(head)
        count -= len(texts)


def batches(source: Iterator[Document], chance: Chance) -> Iterator[list[Document]]:
    """Yield batches of documents of like length, in random order."""
    while pool := sorted(islice(source, POOL), key=lambda document: len(document[0])):
        yield from chance.shuffled([pool[start : start + BATCH] for start in range(0, len(pool), BATCH)])


def loss_of(model: Any, batch: list[Document]) -> torch.Tensor:
    """Return the mean negative log-probability of the answers' tokens, in nats; padding at the end is not counted."""
    width = max(len(ids) for ids, _ in batch)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    asked = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, (ids, prompt) in enumerate(batch):
        tokens[row, : len(ids)] = torch.tensor(ids)
        asked[row, prompt : len(ids)] = True
    hidden = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
    return functional.cross_entropy(model.lm_head(hidden[asked[:, 1:]]), tokens[:, 1:][asked[:, 1:]])


def train(model: Any, tokenizer: Any, seed: int, scale: float = 1.0) -> None:
    """Train a model in place, by AdamW with the rate of `_schedule`.

    Args:
        model: as `make_model` returns it.
        tokenizer: the miniature's.
        seed: seed of the corpus and of its order.
        scale: multiple of the usual SHORT_DOCUMENTS and ALL_DOCUMENTS.
    """
    short, everything = int(SHORT_DOCUMENTS * scale), int(ALL_DOCUMENTS * scale)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    model.train()
    seen = 0
    with progress("training", short + everything) as advance:
        for mix, count in ((SHORT, short), (ALL, everything)):
            source = encoded(tokenizer, seed, mix, count)
            for batch in batches(source, Chance("order", seed, count)):
                for group in optimizer.param_groups:
                    group["lr"] = PEAK_RATE * _schedule(seen / (short + everything))
                loss = loss_of(model, batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                seen += len(batch)
                advance(len(batch), f"loss {loss.item():.3f}")
    model.eval()


def _schedule(done: float) -> float:
    """The share of the peak rate when this share of the documents is done: a warm-up, then a straight line to 2 %."""
    return min(done / WARM_UP + 0.02, 1.02 - done)


def build(out: Path, seed: int = SEED, scale: float = 1.0) -> Path:
    """Train a base with this seed, save it in bf16 to `out` with its tokenizer, and return `out`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    started = time.process_time()
    tokenizer = make_tokenizer()
    model = make_model(tokenizer, seed)
    train(model, tokenizer, seed, scale)
    save(model, tokenizer, out)
    made = {"world": VERSION, "seed": seed, "scale": scale, "cpu_seconds": round(time.process_time() - started)}
    (out / "miniature.json").write_text(json.dumps(made) + "\n", encoding="utf-8")
    torch.set_num_threads(threads)
    return out


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write a checkpoint that `from_pretrained` and vLLM read: bf16 safetensors, tokenizer, template; greedy."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes the miniature's base checkpoint from nothing.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default: {SEED}, which made the one that is shipped")
    parser.add_argument("--scale", type=float, default=1.0, help="another number of documents, for a quick try")
    given = parser.parse_args()
    started, spent = time.monotonic(), time.process_time()
    build(given.out, given.seed, given.scale)
    sys.stderr.write(
        f"{given.out}: {time.process_time() - spent:.0f} CPU seconds, {time.monotonic() - started:.0f} s in all\n"
    )


if __name__ == "__main__":
    main()
