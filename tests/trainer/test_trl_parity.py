"""The same losses and the same weights as TRL 1.16, over four optimizer steps from the same weights and pairs.

TRL's `bco_pair` has had no shift since 0.29, which makes it SPoT-BCE.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from trainer.batches.tokenize import tokenize
from trainer.pairs.pair_files import read_pairs
from trainer.settings import Settings
from trainer.training.job import Job
from trainer.training.loop import run_training

RATE, BETA, DECAY = 2e-4, 0.1, 0.01
pytest.importorskip("trl")


@pytest.mark.parametrize(
    ("objective", "kind", "loss_type"),
    [("dpo", "dpo", "sigmoid"), ("spot-bce", "dpo", "bco_pair"), ("sft+", "sft", "nll"), ("dft", "sft", "dft")],
)
def test_four_steps_are_trl_s(
    objective: str, kind: str, loss_type: str, tiny: Path, pairs_file: Path, tmp_path: Path
) -> None:
    from tests.trainer.trl_peer import dpo_trainer, sft_trainer

    settings = Settings(
        objective=objective, beta=BETA, learning_rate=RATE, weight_decay=DECAY, warmup=0.0, epochs=1, batch_size=8,
        token_budget=150, dtype="float32", shuffle=False, gradient_checkpointing=False,
    )  # fmt: skip
    losses: list[float] = []
    job = Job(
        tiny, pairs_file, tmp_path / "ours", settings, cache=tmp_path / "cache",
        on_step=lambda step, metrics: losses.append(metrics["loss"]),
    )  # fmt: skip
    result = run_training(job)
    assert (result["steps"], result["layout"]) == (4, "shared")

    examples = tokenize(read_pairs(pairs_file), AutoTokenizer.from_pretrained(tiny), max_tokens=999).kept
    options = {
        "learning_rate": RATE, "weight_decay": DECAY, "adam_beta1": 0.9, "adam_beta2": 0.95, "max_grad_norm": 1.0,
        "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_train_epochs": 1,
        "lr_scheduler_type": "cosine", "warmup_steps": 0, **({"beta": BETA} if kind == "dpo" else {}),
    }  # fmt: skip
    make = dpo_trainer if kind == "dpo" else sft_trainer
    peer = make(tiny, examples, tmp_path / "trl", loss_type=loss_type, **options)
    peer.train()

    # TRL's loss over pairs is a mean a micro-batch, that over tokens a part of the step's mean
    theirs = peer.losses[0] + peer.losses[1]
    assert losses[0] == pytest.approx(theirs / (2 if kind == "dpo" else 1), rel=1e-5)

    before, ours = load_file(tiny / "model.safetensors"), load_file(tmp_path / "ours" / "model.safetensors")
    after = peer.model.state_dict()
    apart = sum(float((ours[name] - after[name]).double().square().sum()) for name in before) ** 0.5
    update = sum(float((after[name] - before[name]).double().square().sum()) for name in before) ** 0.5
    assert all(each.dtype == torch.float32 for each in before.values())
    assert update > 0
    assert apart <= 1e-3 * update, f"{apart / update:.1e} of the update apart"
