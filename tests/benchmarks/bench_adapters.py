"""Memory of a base with two adapters against that of the base alone. Exits 1 above the limit. `make bench` runs it.

Resident memory of whole commands on a made-up model of 378 million weights, while they answer:

    run --model base/
    run --model base/ --adapter one/ --adapter two/

What the second takes more, added to the weights of the base in the dtype they are computed in (fp32 on a CPU), may be
at most 1.15 of those weights. The peak while transformers loads the base is printed too: it is the same for both but
for the order in which its threads let go of what they read.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
LIMIT = 1.15
ROUNDS = 3
SUITE = "{name: few, version: 1, sampling: {max_new_tokens: 8}, families: {general: {mini_instructions: {}}}}"


def make_base(out: Path) -> int:
    """Write a model with random weights and a tiny tokenizer to `out`; return the bytes of its weights in fp32."""
    import torch
    from tiny_model import build
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(build(out.with_name("tiny")))
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer), hidden_size=1536, intermediate_size=6144, num_hidden_layers=10,
            num_attention_heads=12, num_key_value_heads=12, head_dim=128, tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return 4 * model.num_parameters()


def memory(folder: Path, name: str, *arguments: object) -> tuple[int, int]:
    """Return the largest resident bytes of one `spot-eval run`: since its first answer, and at all.

    Raises RuntimeError if it fails.
    """
    # a folder for each: a run takes the answers of a finished one beside it, and would load nothing
    out = f"{name}/run"
    (folder / name).mkdir()
    given = ["run", "--suite", "few.yaml", "--limit", "4", "--workers", "1", "--engine-arg", "device=cpu", "-o", out]
    answering = whole = 0
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "spot_eval", *given, *map(str, arguments)],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                now = watched.memory_info().rss
                whole = max(whole, now)
                if any((folder / name).rglob("generations.jsonl")):
                    answering = max(answering, now)
            time.sleep(0.05)
    if process.returncode:
        raise RuntimeError((folder / f"{name}.log").read_text()[-2000:])
    return answering, whole


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Base and two adapters beside the base alone."""
    quote = f"takes {kept['ratio_to_weights']:.2f}x of the memory of the base's weights"
    work = "run with two adapters: memory over the weights of one base"
    return [Figure(work, "base alone", kept["ratio_to_weights"], kept["limit"], "docs/adapters.md", quote)]


def main() -> int:
    from tests.models.lora import make_adapter

    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "few.yaml").write_text(SUITE)
        weights = make_base(folder / "base")
        adapters = [make_adapter(folder / "base", folder / name, seed=n, r=16) for n, name in enumerate(["one", "two"])]
        added = [word for adapter in adapters for word in ("--adapter", adapter)]
        alone = [memory(folder, f"alone-{number}", "--model", "base") for number in range(ROUNDS)]
        both = [memory(folder, f"both-{number}", "--model", "base", *added) for number in range(ROUNDS)]
    ratio = 1 + (statistics.median(each[0] for each in both) - statistics.median(each[0] for each in alone)) / weights
    found = {
        "weights_mb": round(weights / 1e6),
        "base_alone_mb": [round(each[0] / 1e6) for each in alone],
        "base_and_two_adapters_mb": [round(each[0] / 1e6) for each in both],
        "while_loading_mb": [[round(each[1] / 1e6) for each in runs] for runs in (alone, both)],
        "ratio_to_weights": round(ratio, 3),
        "limit": LIMIT,
    }
    write_json(KEPT, found)
    print(json.dumps(found))
    return 1 if ratio > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
