"""Estimate what a run will take, before it is begun: parameters, memory, arithmetic, time. Rough, and said to be.

Time comes from how fast this machine multiplies matrices now, of which `YIELD` is taken to get through. Memory counts
weights, gradients and moments exactly, and activations by a rule of thumb.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.batches.packing import tokens_of
from trainer.batches.plan import Plan
from trainer.model.logprobs import CHUNK_ELEMENTS
from trainer.objectives import Objective
from trainer.settings import Settings
from trainer.training.adapters import adapted_layers

YIELD = 0.4
"""The part of the machine's matrix speed that training is taken to reach; an assumption."""


@dataclass(frozen=True)
class Estimate:
    """Bytes are those of one process; seconds those of the whole run, reference pass included."""

    parameters: int
    trained: int
    tokens_an_epoch: int
    longest_batch: int
    flops: float
    seconds: float
    state_bytes: int
    compute_bytes: int
    activation_bytes: int
    logit_bytes: int

    @property
    def bytes(self) -> int:
        """Return the sum of the four parts, in bytes per process."""
        return self.state_bytes + self.compute_bytes + self.activation_bytes + self.logit_bytes

    def record(self) -> dict[str, Any]:
        """Return the estimate for a JSON file."""
        return {**asdict(self), "bytes": self.bytes}


def estimate(
    model: Path, plan: Plan, settings: Settings, *, steps: int, processes: int, device: torch.device
) -> Estimate:
    """Estimate memory and time of a training run. Reads the model's config, not its weights.

    Args:
        model: folder of the checkpoint.
        plan: the micro-batches of an epoch; the largest decides the memory.
        settings: objective, precision, adapters and gradient checkpointing.
        steps: optimizer steps that the time is for.
        processes: how many share weights and batches, one device each.
        device: where it will run.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(model)
    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config()
    sizes = {name: each.numel() for name, each in skeleton.named_parameters()}
    parameters = sum(sizes.values())
    outer = skeleton.get_input_embeddings().weight.numel()
    layers, hidden = text.num_hidden_layers, text.hidden_size
    inner = getattr(text, "intermediate_size", None) or 4 * hidden
    width = 2 if settings.dtype == "bfloat16" else 4

    epoch = sum(plan.row_tokens_in(step) for step in range(len(plan.steps)))
    longest = max(sum(tokens_of(plan.examples[i], plan.kind) for i in batch) for step in plan.steps for batch in step)
    context = epoch / max(1, len(plan.examples)) / 2
    # two operations a weight and token, the head's among them, and attention over half the sequence
    forward = 2 * (parameters - outer + text.vocab_size * hidden * bool(text.tie_word_embeddings))
    forward += 4 * layers * hidden * context
    passes = (4 if settings.gradient_checkpointing else 3) * steps / len(plan.steps)
    passes += Objective.parse(settings.objective).needs_reference
    flops = forward * epoch * passes

    trained = parameters
    if settings.lora:
        adapted = adapted_layers(skeleton, settings.lora)
        trained = sum(settings.lora.rank * sum(each.weight.shape) for each in adapted.values())
    full_layer = 16 * hidden + 6 * inner
    kept = hidden + full_layer / layers if settings.gradient_checkpointing else full_layer
    frozen = parameters * width if settings.lora else 0
    cast = processes > 1 or settings.dtype != "float32"
    return Estimate(
        parameters=parameters,
        trained=trained,
        tokens_an_epoch=epoch,
        longest_batch=longest,
        flops=flops,
        seconds=flops / (processes * YIELD * _speed(device, settings.dtype)),
        state_bytes=(16 * trained + frozen) // processes,
        compute_bytes=int(cast * width * (2 * outer + 2 * (parameters - outer) / layers)),
        activation_bytes=int(longest * layers * kept * width),
        logit_bytes=3 * 4 * CHUNK_ELEMENTS.get(device.type, CHUNK_ELEMENTS["cpu"]),
    )


def _speed(device: torch.device, dtype: str) -> float:
    """Operations a second that this device does on matrices now, in about a quarter of a second."""
    side = 8192 if device.type == "cuda" else 768
    a, b = (torch.ones(side, side, dtype=getattr(torch, dtype), device=device) for _ in range(2))
    a @ b
    done, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < 0.25 or done < 2:
        (a @ b)[0, 0].item()
        done += 1
    return 2 * side**3 * done / taken
