"""The trained checkpoint as others load it: safetensors, config, tokenizer; and how much of training survived rounding.

An update of 1e-6 is often less than half the distance between two bf16 numbers, so part of what was learned is lost
when fp32 weights are written as bf16. `survival` says how much, before anybody wonders at a score.
"""

from __future__ import annotations

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


@torch.no_grad()
def survival(engine: Engine, dtype: torch.dtype) -> dict[str, float]:
    """How much of the update is left when weights are rounded to `dtype`; fractions of 1, over all processes.

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


def export(engine: Engine, out: Path, base: Path, dtype: torch.dtype) -> dict[str, float]:
    """Writes the checkpoint to `out` in `dtype`, with the base's tokenizer; LoRA is merged in. Returns its `survival`.

    Raises TrainError, on every process, where it cannot be written. What `out` held of an older one is replaced file
    by file, after all of the new one is on the disk.
    """
    found = survival(engine, dtype)
    weights = _whole(engine, dtype)
    problem = ""
    if engine.processes.first:
        part = out / ".part"
        try:
            with writing(out, "; the saves to resume from stay"):
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
                _write(engine.policy.causal, weights, part, base, dtype)
                for file in sorted(part.iterdir()):
                    if file.is_dir():
                        shutil.rmtree(out / file.name, ignore_errors=True)
                    else:
                        file.chmod(0o644)  # weights are written for their owner's eyes only
                    file.replace(out / file.name)
        except TrainError as refused:
            problem = str(refused)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    if problem := engine.processes.of_first(problem):
        raise TrainError(problem)
    return found


@torch.no_grad()
def _whole(engine: Engine, dtype: torch.dtype) -> dict[str, Tensor]:
    """All weights under the names they were loaded by, on the first process's CPU."""
    found: dict[str, Tensor] = {}
    pieces: dict[str, dict[str, Tensor]] = {}
    causal = engine.policy.causal
    tied = set(getattr(causal, "_tied_weights_keys", None) or ()) if causal.config.tie_word_embeddings else set()
    for name, tensor in causal.state_dict().items():
        if name in tied:
            continue
        whole = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        if not engine.processes.first:
            continue
        module, _, piece = name.partition(".lora_")
        if piece:
            pieces.setdefault(module, {})[piece[0]] = whole.cpu().float()
        else:
            found[name.replace(".base_layer.", ".")] = whole.cpu()
    for module, piece in pieces.items():
        assert engine.settings.lora
        scale = engine.settings.lora.alpha / engine.settings.lora.rank
        weight = f"{module}.weight"
        found[weight] = found[weight].float() + scale * (piece["B"] @ piece["A"])
    return {name: each.to(dtype) if each.is_floating_point() else each for name, each in found.items()}


def _write(causal: Any, weights: dict[str, Tensor], part: Path, base: Path, dtype: torch.dtype) -> None:
    causal.config.dtype = dtype
    causal.save_pretrained(part, state_dict=weights)
    for pattern in TOKENIZER:
        for file in base.glob(pattern):
            copy = shutil.copytree if file.is_dir() else shutil.copy2
            copy(file, part / file.name)
