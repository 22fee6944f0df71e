"""What tests of training runs share: short settings, and the weights that came out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from trainer.settings import Settings
from trainer.training.job import Job

QUICK = Settings(
    objective="spot-bco", beta=0.3, learning_rate=3e-4, warmup=0.0, steps=5, batch_size=8, token_budget=200,
    dtype="float32", gradient_checkpointing=False,
)  # fmt: skip
Make = Callable[..., Job]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")
