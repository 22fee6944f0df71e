"""`spot-eval run` on a card: texts under other batch sizes, and tokens per second.

The embedded miniature is run whole by the command line with batches of 1 and of 64 in fp32 and bf16, and by vLLM with
and without its batch invariance where vLLM is installed. Texts are counted that differ between the two batch sizes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.gpu.models import SHAPES, random_model
from tests.gpu.part import Given, run_part

ROOT = Path(__file__).parent.parent.parent
BATCHES = (1, 64)


def texts(out: Path, arguments: list[str], environment: dict[str, str]) -> tuple[dict[str, str], float]:
    """Run the miniature; return its texts by task, doc and repeat, and the seconds it took."""
    started = time.monotonic()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "spot_eval", "run", *arguments, "-o", str(out)],
        cwd=out.parent, env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word"])[-1])
    rows = [json.loads(line) for line in (out / "generations.jsonl").read_text().splitlines()]
    found = {f"{row['task']}/{row['doc_id']}/{row['repeat']}": row["text"] for row in rows}
    return found, time.monotonic() - started


def compare(
    engine: str, name: str, batches: tuple[list[str], list[str]], environment: dict[str, str], limit: int
) -> dict[str, Any]:
    """Return how many texts of one engine differ between two batch sizes."""
    with TemporaryDirectory() as folder:
        runs = [
            texts(Path(folder) / f"b{number}", ["--engine", engine, "--limit", str(limit), *arguments], environment)
            for number, arguments in enumerate(batches)
        ]
    (few, few_s), (many, many_s) = runs
    return {"what": name, "texts": len(many), "differ": sum(few[key] != many[key] for key in many),
            "seconds": [round(few_s, 1), round(many_s, 1)]}  # fmt: skip


def tokens_per_second(given: Given) -> dict[str, Any]:
    """Return the rate of the hf engine's decoding at a 0.6B shape in bf16: 64 rows of 256 tokens."""
    from spot_eval.models.hf_sampling import SeededSampling

    shape = SHAPES["tiny" if given.tiny else "0.6B"]
    model = random_model(shape, given.device, torch.bfloat16).eval()
    rows, new = (4, 8) if given.tiny else (64, 256)
    prompt = torch.randint(3, shape.vocabulary, (rows, 64), device=given.device)

    def generate(count: int) -> float:
        sampling = SeededSampling(list(range(rows)), prompt.shape[1], temperature=0.7, top_p=0.8, top_k=20)
        started = time.perf_counter()
        model.generate(prompt, do_sample=False, min_new_tokens=count, max_new_tokens=count, logits_processor=[sampling])
        if given.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    generate(4)
    return {"rows": rows, "new_tokens": new, "tokens_per_second": round(rows * new / generate(new))}


def measure(given: Given) -> dict[str, Any]:
    """Return the texts that differ by batch size, for each engine and precision."""
    limit = 3 if given.tiny else 25
    rows = []
    for dtype in ("float32", "bfloat16"):
        fixed = ["--engine-arg", f"device={given.device}", "--engine-arg", f"dtype={dtype}"]
        sizes = tuple([*fixed, "--engine-arg", f"batch_size={size}"] for size in BATCHES)
        rows.append(compare("hf", f"hf {dtype}", (sizes[0], sizes[1]), {}, limit))
    left_out = None
    if find_spec("vllm"):
        for invariant in ("0", "1"):
            few, many = (["--engine-arg", f"max_num_seqs={size}"] for size in BATCHES)
            rows.append(
                compare(
                    "vllm",
                    f"vllm, batch invariance {'on' if invariant == '1' else 'off'}",
                    (few, many),
                    {"VLLM_BATCH_INVARIANT": invariant},
                    limit,
                )
            )
    else:
        left_out = "vllm is not installed"
    exact = next(row for row in rows if row["what"] == "hf float32")
    return {"verdict": "; ".join(f"{row['what']}: {row['differ']} of {row['texts']} differ" for row in rows),
            "fine": exact["differ"] == 0, "rows": rows, "left_out": left_out,
            "decoding": tokens_per_second(given)}  # fmt: skip


if __name__ == "__main__":
    run_part(measure)
