"""All eight objectives: fp32 on the CPU against fp32 and bf16 on the device, step by step.

The tolerances were set before the first run on a card: fp32 differs by the order of sums alone; bf16 keeps 8 bits of a
number, and a step's loss is a mean over some thousand tokens.
"""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.gpu.models import SHAPES, made_up_pairs, random_model
from tests.gpu.part import Given, run_part
from trainer.batches.packing import Kind
from trainer.batches.plan import make_plan
from trainer.objectives import TERMS, Objective, Shift
from trainer.settings import Settings
from trainer.training.engine import Engine
from trainer.training.processes import joined
from trainer.training.reference import reference_sums
from trainer.training.step import take_step

STEPS, PAIRS = 3, 4
TOLERANCE = {"float32": {"loss": 1e-3, "gradient_norm": 1e-2}, "bfloat16": {"loss": 2e-2, "gradient_norm": 1e-1}}
"""Largest relative difference from fp32 on the CPU, over the steps."""


def steps_of(objective: str, causal: Any, device: str, dtype: str) -> list[dict[str, Any]]:
    """Return the metrics of the first steps of training a copy of `causal`."""
    vocabulary = causal.config.vocab_size
    pairs = made_up_pairs(STEPS * PAIRS, vocabulary=vocabulary, prompt=(30, 50), answer=(120, 280), seed="precision")
    wanted = Objective.parse(objective)
    settings = Settings(objective=objective, dtype=dtype, beta=0.1, gradient_checkpointing=False)
    with joined(device) as processes, TemporaryDirectory() as cache:
        engine = Engine(copy.deepcopy(causal), settings, processes)
        plan = make_plan(pairs, kind=Kind(engine.kind), batch_size=PAIRS, token_budget=4096, shuffle=False)
        reference = reference_sums(engine, plan, "none", Path(cache)) if wanted.needs_reference else None
        shift = Shift()
        return [
            take_step(engine, plan, step, objective=wanted, shift=shift, reference=reference, learning_rate=1e-4)
            for step in range(STEPS)
        ]


def measure(given: Given) -> dict[str, Any]:
    """Return the largest relative differences by objective and precision, and whether all are within tolerance."""
    causal = random_model(SHAPES["tiny"], "cpu", torch.float32)
    rows, fine = {}, True
    for objective in TERMS:
        exact = steps_of(objective, causal, "cpu", "float32")
        row = {}
        for dtype, tolerance in TOLERANCE.items():
            found = steps_of(objective, causal, given.device, dtype)
            row[dtype] = {
                name: max(abs(a[name] - b[name]) / max(abs(b[name]), 1e-6) for a, b in zip(found, exact, strict=True))
                for name in tolerance
            }
            fine &= all(row[dtype][name] <= most for name, most in tolerance.items())
        rows[objective] = row
    worst = {
        dtype: {name: max(row[dtype][name] for row in rows.values()) for name in tolerance}
        for dtype, tolerance in TOLERANCE.items()
    }
    return {"verdict": "within tolerance" if fine else "outside tolerance", "fine": fine, "tolerance": TOLERANCE,
            "worst": worst, "objectives": rows, "steps": STEPS}  # fmt: skip


if __name__ == "__main__":
    run_part(measure)
