"""LoRA adapters on chosen layers: only these change, the estimate counts them, and unknown names are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainer.training.jobs import QUICK, Make, weights
from trainer.errors import TrainError
from trainer.settings import Lora, settings_from
from trainer.training.adapters import check_lora
from trainer.training.loop import run_training


def test_only_the_named_layers_change(make: Make, tiny: Path) -> None:
    lora = Lora(rank=4, alpha=8.0, modules=("q_proj", "mlp.down_proj"))
    job = make(settings=replace(QUICK, lora=lora, learning_rate=1e-2, steps=3))
    run_training(job)
    before, after = weights(tiny), weights(job.out)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "q_proj" in name or "down_proj" in name}
    config = json.loads((job.out / "adapter" / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == ["mlp.down_proj", "q_proj"]
    run_training(job)  # a finished run is recognised by its settings


def test_a_name_that_fits_no_layer_is_refused(tiny: Path) -> None:
    check_lora(tiny, Lora(rank=4, modules=("v_proj",)))
    for name in ("proj", "query", "lm_head", "_proj"):
        with pytest.raises(TrainError, match=f"no linear layer of .* is called '{name}'; there are down_proj, "):
            check_lora(tiny, Lora(rank=4, modules=("q_proj", name)))


def test_the_rank_is_held_against_the_named_layers(tiny: Path) -> None:
    check_lora(tiny, Lora(rank=64))
    with pytest.raises(TrainError, match="above the rank of every layer"):
        check_lora(tiny, Lora(rank=64, modules=("k_proj",)))


def test_names_come_from_recipes_and_options_alike() -> None:
    assert settings_from(None, lora={"rank": 4, "modules": ["q_proj"]}).lora == Lora(4, 32.0, ("q_proj",))
    for wrong in ("q_proj", [""], [3], 7):
        with pytest.raises(TrainError, match="lora: modules is"):
            settings_from(None, lora={"rank": 4, "modules": wrong})
