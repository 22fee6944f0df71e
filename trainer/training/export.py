"""Write the trained checkpoint as others load it: safetensors, config, tokenizer; report how much survived rounding.

    out/            the checkpoint; LoRA is merged into it
    out/adapter/    with LoRA: the adapter alone, as peft, vLLM and `spot-eval run --adapter` load it

An update of 1e-6 is often less than half the distance between two bf16 numbers, so part of what was learned is lost
when fp32 weights are written as bf16. `survival` measures how much. The adapter is written in fp32 and loses nothing.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.errors import TrainError
from trainer.files import writing
from trainer.training.engine import Engine, local

TOKENIZER = ("tokenizer*", "special_tokens_map.json", "chat_template*", "vocab*", "merges.txt", "added_tokens.json",
             "*.model", "*.tiktoken", "generation_config.json", "additional_chat_templates")  # fmt: skip
ADAPTER = "adapter"


@torch.no_grad()
def survival(engine: Engine, dtype: torch.dtype) -> dict[str, float]:
    """Return how much of the update is left when weights are rounded to `dtype`; fractions of 1, over all processes.

    `norm_kept`: the rounded update's projection on the true one, by its squared length. `weights_moved`: of the weights
    that training changed, the share that also changes as rounded. `relative_update`: the update's length by that of
    the weights. Of LoRA, where nothing else is rounded, an empty record.
    """
    sums = [0.0] * 5
    for name, before in engine.initial.items():
        start = before.float()
        trained = local(engine.trainable[name]).detach().cpu()
        update, rounded = trained - start, trained.to(dtype).float() - start
        sums[0] += float((update.double() * rounded.double()).sum())
        sums[1] += float(update.double().square().sum())
        sums[2] += int(torch.count_nonzero(rounded[update != 0]))
        sums[3] += int(torch.count_nonzero(update))
        sums[4] += float(start.double().square().sum())
    along, length, moved, changed, weights = engine.processes.sums(sums)
    if not engine.initial:
        return {}
    return {
        "norm_kept": along / length if length else 1.0,
        "weights_moved": moved / changed if changed else 1.0,
        "relative_update": (length / weights) ** 0.5 if weights else 0.0,
    }


def export(engine: Engine, out: Path, base: Path, dtype: torch.dtype, base_name: str | None = None) -> dict[str, float]:
    """Write the checkpoint and return its `survival`. LoRA is merged in, and written alone too.

    Files of an older checkpoint in `out` are replaced one by one, after all new ones are on the disk.

    Args:
        engine: the trained policy.
        out: folder for the checkpoint.
        base: the checkpoint that training started from; its tokenizer is copied.
        dtype: number format of the weights.
        base_name: name of the base for the adapter's configuration, such as a hub id; None for the folder `base`.

    Raises TrainError, on every process, if it cannot be written or a weight is not finite.
    """
    found = survival(engine, dtype)
    gathered = _gathered(engine)
    problem = ""
    if engine.processes.first:
        part = out / ".part"
        try:
            weights = _merged(gathered, engine, dtype)
            _check_finite(weights)
            with writing(out, "; the saves to resume from stay"):
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
                _write(engine.policy.causal, weights, part, base, dtype)
                if engine.adapters:
                    _write_adapter(engine.adapters, gathered, part / ADAPTER, base_name or str(base.resolve()))
                _publish(part, out)
        except TrainError as refused:
            problem = str(refused)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    if problem := engine.processes.of_first(problem):
        raise TrainError(problem)
    return found


@torch.no_grad()
def _gathered(engine: Engine) -> dict[str, Tensor]:
    """Return all tensors, whole, on the first process's CPU; nothing on the others. Tied weights come once."""
    found: dict[str, Tensor] = {}
    causal = engine.policy.causal
    tied = set(getattr(causal, "_tied_weights_keys", None) or ()) if causal.config.tie_word_embeddings else set()
    for name, tensor in causal.state_dict().items():
        if name in tied:
            continue
        whole = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        if engine.processes.first:
            found[name] = whole.cpu()
    return found


@torch.no_grad()
def _merged(gathered: dict[str, Tensor], engine: Engine, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the weights in `dtype` under the names they were loaded by, with LoRA's updates added."""
    found: dict[str, Tensor] = {}
    lora = engine.settings.lora
    for name, tensor in gathered.items():
        if ".lora_" in name:
            continue
        module, base_layer, kind = name.rpartition(".base_layer.")
        if base_layer and kind == "weight":
            assert lora
            up, down = (gathered[f"{module}.lora_{side}.default.weight"].float() for side in "BA")
            update = lora.alpha / lora.rank * (up @ down)
            if engine.policy.causal.get_submodule(module).fan_in_fan_out:  # transformers' Conv1D keeps (in, out)
                update = update.T
            found[f"{module}.weight"] = (tensor.float() + update).to(dtype)
        else:
            found[name.replace(".base_layer.", ".")] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return found


def _check_finite(weights: dict[str, Tensor]) -> None:
    broken = [name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise TrainError(
            f"training diverged: {len(broken)} of {len(weights)} weights hold infinity or NaN ({broken[0]} first), so "
            "no checkpoint was written; train again with a lower learning rate"
        )


def _write(causal: Any, weights: dict[str, Tensor], part: Path, base: Path, dtype: torch.dtype) -> None:
    causal.config.dtype = dtype
    causal.save_pretrained(part, state_dict=weights)
    for pattern in TOKENIZER:
        for file in base.glob(pattern):
            copied = shutil.copytree if file.is_dir() else shutil.copy2
            copied(file, part / file.name)


def _write_adapter(wrapped: Any, gathered: dict[str, Tensor], folder: Path, base_name: str) -> None:
    """Write the LoRA matrices and their configuration in peft's own format."""
    from safetensors.torch import save_file

    config = copy.deepcopy(wrapped.peft_config["default"])
    config.base_model_name_or_path, config.inference_mode = base_name, True
    folder.mkdir()
    config.save_pretrained(folder)
    matrices = {
        f"base_model.model.{name.replace('.default.', '.')}": tensor.float().contiguous()
        for name, tensor in gathered.items()
        if ".lora_" in name
    }
    save_file(matrices, folder / "adapter_model.safetensors", {"format": "pt"})


def _publish(part: Path, out: Path) -> None:
    """Move all files of `part` into `out`, in place of those of an older checkpoint."""
    for file in part.rglob("*"):
        if file.is_file():
            file.chmod(0o644)  # weights are written for their owner's eyes only
    for file in sorted(part.iterdir()):
        if file.is_dir():
            shutil.rmtree(out / file.name, ignore_errors=True)
        file.replace(out / file.name)
