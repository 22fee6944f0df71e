"""A checkpoint is loaded whole, as it is stored, or refused in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from trainer.errors import TrainError
from trainer.model.load import load_model, load_tokenizer


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def test_every_weight_comes_in_its_dtype(copy: Path) -> None:
    stored = load_file(copy / "model.safetensors")
    loaded = dict(load_model(copy).named_parameters())
    for name, weight in stored.items():
        assert loaded[name].dtype == weight.dtype
        assert torch.equal(loaded[name], weight)


def test_an_absent_weight_is_not_made_up(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    name = next(name for name in weights if "q_proj" in name)
    del weights[name]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainError, match=f"1 weights are missing or of another shape, {name} first"):
        load_model(copy)


def test_infinity_is_found_before_it_is_trained_on(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    name = next(name for name in weights if "q_proj" in name)
    weights[name].view(-1)[3] = float("inf")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainError, match=f"weight {name} holds infinity or NaN"):
        load_model(copy)


def test_packed_weights_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(TrainError, match="is quantised, and packed weights cannot be trained"):
        load_model(copy)


def test_a_damaged_tokenizer_is_one_sentence(copy: Path) -> None:
    (copy / "tokenizer.json").write_text('{"model": 1}')
    with pytest.raises(TrainError, match="its tokenizer cannot be loaded") as found:
        load_tokenizer(copy)
    assert "\n" not in str(found.value)
