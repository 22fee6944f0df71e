"""Log-likelihood tasks by the hf engine beside lm-eval's HFLM: CPU time of encoding and scoring the same rows.

    SPOT_EVAL_DATA=… python -m tests.benchmarks.bench_likelihood        # writes bench_likelihood.json

One thread, fp32, equal batch, rounds in turn, medians; a Qwen3 of 3 M random weights with a small tokenizer, so a row
has several times the tokens that a real tokenizer gives it. The log-probabilities must be equal within 1e-3 nats. Exits
with 1 if they are not, or a task takes longer than HFLM. Needs the real rows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
TASKS = {"mmlu": 100, "arc_challenge": 60, "winogrande": 60, "truthfulqa_mc1": 40, "hellaswag": 40}
"""Task to the number of its first rows."""
BATCH = 16
AIM = 0.25  # of HFLM's time, on MMLU with five examples
CLOSE = 1e-3


def model_at(folder: Path) -> Path:
    """Write a checkpoint of 3 M random weights with the tiny model's tokenizer; return its folder."""
    import torch
    from tiny_model import build
    from transformers import Qwen3Config, Qwen3ForCausalLM

    path = build(folder / "model")
    config = Qwen3Config.from_pretrained(path)
    for name, value in {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6, "head_dim": 48,
                        "num_attention_heads": 4, "num_key_value_heads": 2, "layer_types": None}.items():  # fmt: skip
        setattr(config, name, value)
    torch.manual_seed(0)
    Qwen3ForCausalLM(Qwen3Config(**{**config.to_dict(), "layer_types": None})).save_pretrained(path)
    return path


class Ours:
    """The hf engine."""

    def __init__(self, path: Path, loader: Any) -> None:
        from spot_eval.core.options import RunOptions
        from spot_eval.models.model import find_model

        self.options = RunOptions(
            str(path), engine_args={"device": "cpu", "batch_size": str(BATCH), "dtype": "float32"}
        )
        self.model = find_model(self.options, loader.suite, lambda sentence: None)
        self.engine: Any = self.model.open()
        self.loader = loader

    def time(self, name: str, rows: int) -> tuple[float, list[float]]:
        """Return CPU seconds, and the log-probability of each choice in order."""
        from spot_eval.evaluation.scored import scored_requests

        task = self.loader.load(name, rows)
        started = time.process_time()
        asked = [one for one, _ in scored_requests(task, self.model, fingerprint="", engine={}, run_seed=0)]
        found: dict[str, list[float]] = {}
        self.engine.score(asked, lambda got: found.setdefault(got.key, [one.logprob for one in got.choices]))
        spent = time.process_time() - started
        return spent, [logprob for one in asked for logprob in found[one.key]]


class Theirs:
    """HFLM, with the requests that lm-eval makes of a task."""

    def __init__(self, path: Path, loader: Any) -> None:
        from lm_eval.models.huggingface import HFLM

        self.model = HFLM(pretrained=str(path), dtype="float32", batch_size=BATCH, device="cpu", enable_thinking=False)
        self.loader = loader

    def time(self, name: str, rows: int) -> tuple[float, list[float]]:
        """Return CPU seconds, and the log-probability of each choice in order."""
        task = self.loader._manager.load([name])["tasks"][name]
        if (shots := self.loader.suite.settings(name).num_fewshot) is not None:
            task.set_config("num_fewshot", shots)
        task.build_all_requests(limit=rows, rank=0, world_size=1)
        started = time.process_time()
        found = self.model.loglikelihood(task.instances, disable_tqdm=True)
        return time.process_time() - started, [logprob for logprob, _ in found]


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Each task beside lm-eval's HFLM."""
    found = []
    for name, one in kept["tasks"].items():
        aim = kept["aim_mmlu"] if name == "mmlu" else 1.0
        quote = f"{name} {one['ratio'] + 1e-9:.2f}x"
        work = f"log-likelihoods of {name}, CPU time"
        found.append(Figure(work, "lm-eval HFLM", one["ratio"], aim, "docs/retain.md", quote))
    return found


def main() -> int:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=KEPT)
    told = parser.parse_args()
    import torch
    from transformers.utils import logging

    from spot_eval.tasks.loader import TaskLoader
    from spot_eval.tasks.suite import load_suite

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    result: dict[str, Any] = {"batch": BATCH, "rounds": told.rounds, "aim_mmlu": AIM, "tasks": {}}
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        path = model_at(Path(folder))
        loader = TaskLoader(load_suite("retain"))
        ours, theirs = Ours(path, loader), Theirs(path, loader)
        for name, rows in TASKS.items():
            times: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _ in range(told.rounds):
                mine, first = ours.time(name, rows)
                other, second = theirs.time(name, rows)
                times["ours"].append(mine)
                times["theirs"].append(other)
            apart = max(abs(a - b) for a, b in zip(first, second, strict=True))
            medians = {who: statistics.median(spent) for who, spent in times.items()}
            ratio = medians["ours"] / medians["theirs"]
            wrong += apart > CLOSE or ratio > 1
            result["tasks"][name] = {
                "rows": rows, "choices": len(first), "ours_s": round(medians["ours"], 2),
                "hflm_s": round(medians["theirs"], 2), "ratio": round(ratio, 3),
                "largest_difference": float(f"{apart:.2g}"),
            }  # fmt: skip
            print(f"{name:15s} {rows:3d} rows  ours {medians['ours']:6.2f} s  HFLM {medians['theirs']:6.2f} s  "
                  f"{ratio:.2f}x  largest difference {apart:.1e}", flush=True)  # fmt: skip
    write_json(told.out, result)
    met = result["tasks"]["mmlu"]["ratio"] <= AIM
    print(f"MMLU with five examples: aim {AIM}x, {'met' if met else 'not met'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
