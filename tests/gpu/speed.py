"""Training speed and memory on one card: `speed SHAPE ours|trl [lora]`. Random weights, SPoT-BCE, 16 pairs a step.

Both compute in bf16 from fp32 weights (with LoRA: frozen bf16 weights, fp32 adapters of rank 32 on all linear layers),
with gradient checkpointing and fused AdamW. TRL's DPOTrainer trains `bco_pair` on the same pairs, two at a time, its
reference log-probs computed beforehand.

MFU counts 6 FLOPs per weight and token (4 where weights are frozen), each weight of the body for every token of a row
and each of the head for every answer token; recomputation and attention are not counted. Peak: 989 TFLOP/s, an H100's
or H200's dense bf16.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.gpu.models import SHAPES, made_up_pairs, random_model
from tests.gpu.part import Given, Skip, run_part
from trainer.batches.packing import Kind
from trainer.batches.plan import Plan, make_plan
from trainer.objectives import Objective, Shift
from trainer.settings import Lora, Settings
from trainer.training.engine import Engine
from trainer.training.processes import joined
from trainer.training.reference import reference_sums
from trainer.training.step import take_step

PAIRS, WARM, TIMED, RANK = 16, 2, 3, 32
PEAK_FLOPS = 989e12
ROOT = Path(__file__).parent.parent.parent


class Clock:
    """Seconds of each step, with the device's work done."""

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"
        self.seconds: list[float] = []

    def start(self) -> None:
        """A step begins."""
        self._wait()
        self.started = time.perf_counter()

    def stop(self) -> None:
        """It has ended."""
        self._wait()
        self.seconds.append(time.perf_counter() - self.started)

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def result(self) -> dict[str, Any]:
        """Return pairs per second over the timed steps, the first step's seconds, and the peak memory."""
        timed = self.seconds[WARM:]
        peak = {"peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2)} if self.cuda else {}
        return {
            "pairs_per_second": round(PAIRS * len(timed) / sum(timed), 3),
            "step_s": [round(each, 3) for each in timed],
            "first_step_s": round(self.seconds[0], 2),
            **peak,
        }


def ours(given: Given, causal: Any, pairs: list[Any], *, lora: bool) -> dict[str, Any]:
    """Train with this project's trainer."""
    settings = Settings(objective="spot-bce", lora=Lora(RANK, 2 * RANK) if lora else None)
    objective, clock = Objective.parse("spot-bce"), Clock(given.device)
    body = sum(
        each.numel() for name, each in causal.named_parameters() if "embed" not in name and "lm_head" not in name
    )
    head = causal.get_output_embeddings().weight.numel()
    with joined(given.device) as processes, TemporaryDirectory() as cache:
        engine = Engine(causal, settings, processes)
        plan = make_plan(
            pairs, kind=Kind(engine.kind), batch_size=PAIRS, token_budget=settings.token_budget, shuffle=False
        )
        started = time.perf_counter()
        reference = reference_sums(engine, plan, "none", Path(cache))
        reference_s = time.perf_counter() - started
        for step in range(len(plan.steps)):
            clock.start()
            take_step(engine, plan, step, objective=objective, shift=Shift(), reference=reference, learning_rate=1e-6)
            clock.stop()
    found = clock.result()
    timed = range(WARM, len(plan.steps))
    rows = sum(plan.row_tokens_in(step) for step in timed)
    flops = (4 if lora else 6) * (body * rows + head * _answer_tokens(plan, timed))
    seconds = sum(clock.seconds[WARM:])
    return {**found, "layout": str(engine.kind), "row_tokens_per_second": round(rows / seconds),
            "mfu": round(flops / seconds / PEAK_FLOPS, 4), "reference_s": round(reference_s, 2)}  # fmt: skip


def _answer_tokens(plan: Plan, steps: range) -> int:
    """Return the tokens of the rows that belong to answers."""
    inside = [plan.examples[index] for step in steps for batch in plan.steps[step] for index in batch]
    return sum(plan.row_tokens_in(step) for step in steps) - sum(len(one.prompt) for one in inside)


def trl(given: Given, causal: Any, pairs: list[Any], *, lora: bool) -> dict[str, Any]:
    """Train with TRL's DPOTrainer."""
    try:
        from tests.trainer.trl_peer import preferences
    except ImportError as problem:
        raise Skip(f"TRL cannot be imported: {problem}") from problem
    from transformers import AutoTokenizer, TrainerCallback

    sys.path.insert(0, str(ROOT / "examples"))
    from tiny_model import build

    clock = Clock(given.device)

    class Watch(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            clock.start()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.stop()

    with TemporaryDirectory() as folder:
        tokenizer = AutoTokenizer.from_pretrained(build(Path(folder) / "tokenizer"))
        more: dict[str, Any] = {}
        if lora:
            from peft import LoraConfig

            more["peft_config"] = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear")
        cuda = given.device == "cuda"
        peer = preferences(
            causal, tokenizer, pairs, Path(folder) / "out", loss_type="bco_pair", **more,
            options={
                "max_steps": WARM + TIMED, "per_device_train_batch_size": 2, "gradient_accumulation_steps": PAIRS // 2,
                "learning_rate": 1e-6, "lr_scheduler_type": "constant", "use_cpu": not cuda, "bf16": cuda,
                "gradient_checkpointing": True, "precompute_ref_batch_size": 2,
            },
        )  # fmt: skip
        peer.add_callback(Watch())
        peer.train()
    return clock.result()


def measure(given: Given) -> dict[str, Any]:
    """Return speed and memory of one trainer at one shape."""
    shape, trainer, *rest = given.words
    lora = "lora" in rest
    sizes = SHAPES["tiny" if given.tiny else shape]
    prompt, answer = ((10, 20), (30, 60)) if given.tiny else ((100, 300), (500, 1000))
    pairs = made_up_pairs(
        PAIRS * (WARM + TIMED), vocabulary=sizes.vocabulary, prompt=prompt, answer=answer, seed="speed"
    )
    causal = random_model(sizes, given.device, torch.bfloat16 if lora else torch.float32)
    run = ours if trainer == "ours" else trl
    found = run(given, causal, pairs, lora=lora)
    words = f"{found['pairs_per_second']} pairs/s" + (f", peak {found['peak_gb']} GB" if "peak_gb" in found else "")
    return {"verdict": words, "shape": shape, "trainer": trainer, "lora": lora, **found}


if __name__ == "__main__":
    run_part(measure)
