"""Continuous batches of the hf engine beside its static ones: CPU time for the same answers, in one run.

    python -m tests.benchmarks.bench_hf_batches        # writes bench_hf_batches.json; about ten minutes

One thread, fp32, a Qwen3 of 2 M random weights, answers of 1 to 1,024 tokens (drawn evenly), 16 rows at once, rounds in
turn, medians. There are many more requests than rows, as in a run, so that the last rows, which nothing fills, count
little. Every text must be the same both ways. Exits with 1 if one is not, or the ratio is above the aim.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
REQUESTS, ROWS, LONGEST, ROUNDS = 128, 16, 1024, 2
AIM = 0.55
SAMPLING = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}


def made_model() -> Any:
    """A model whose time goes into its weights and its attention, as a large one's does."""
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=512, hidden_size=256, intermediate_size=768, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=4096,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config).eval()
    model.generation_config = GenerationConfig()
    return model


def made_requests() -> list[Any]:
    """Requests whose answers end at their budgets."""
    from spot_eval.models.base import Request
    from spot_eval.models.prompts import Prompt
    from spot_eval.tasks.suite import Sampling

    dice = random.Random(1)
    return [
        Request(
            str(number),
            Prompt("", tuple(dice.randrange(512) for _ in range(dice.randrange(8, 64)))),
            Sampling(**SAMPLING, max_new_tokens=dice.randrange(1, LONGEST + 1)),
            seed=number,
        )
        for number in range(REQUESTS)
    ]


def as_numbers(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def keep(found: dict[str, Any], one: Any) -> None:
    found[one.key] = one


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Continuous batches beside static ones."""
    quote = f"takes {kept['ratio']:.2f}x of the CPU time of static batches, with the same texts"
    work = "hf: answers of 1 to 1,024 tokens, CPU time"
    return [Figure(work, "static batches", kept["ratio"], kept["aim"], "docs/engines.md", quote)]


def main() -> int:
    from spot_eval.models.hf_continuous import ContinuousBatch
    from spot_eval.models.hf_endings import Endings
    from spot_eval.models.hf_static import StaticBatches

    model, asked = made_model(), made_requests()
    seconds: dict[str, list[float]] = {"static": [], "continuous": []}
    texts: dict[str, dict[str, str]] = {}
    for _ in range(ROUNDS):
        for kind, taken in seconds.items():
            found: dict[str, Any] = {}
            endings = Endings(frozenset(), (), as_numbers, partial(keep, found))
            options: dict[str, Any] = {"most_rows": ROWS, "sampling": tuple(SAMPLING.values()), "endings": endings}
            engine: Any = (
                StaticBatches(model, "cpu", **options)
                if kind == "static"
                else ContinuousBatch(model, "cpu", token_budget=10**9, **options)
            )
            began = time.process_time()
            engine.answer(asked)
            taken.append(time.process_time() - began)
            texts[kind] = {key: one.text for key, one in found.items()}
    cpu = {kind: statistics.median(times) for kind, times in seconds.items()}
    different = sum(texts["static"][key] != text for key, text in texts["continuous"].items())
    tokens = sum(len(text.split()) for text in texts["static"].values())
    kept = {
        "requests": REQUESTS, "rows": ROWS, "longest": LONGEST, "tokens": tokens, "rounds": ROUNDS,
        "cpu_s": {kind: round(spent, 1) for kind, spent in cpu.items()},
        "ratio": round(cpu["continuous"] / cpu["static"], 3), "aim": AIM, "texts_that_differ": different,
    }  # fmt: skip
    write_json(KEPT, kept)
    print(f"continuous {kept['ratio']:.2f}x of static batches' CPU time per token (aim {AIM}), "
          f"{different} of {REQUESTS} texts differ")  # fmt: skip
    return int(different > 0 or kept["ratio"] > AIM)


if __name__ == "__main__":
    sys.exit(main())
