"""LoRA adapters: which linear layers get one, what is refused before any weights are read, and peft's wrapper."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.errors import TrainError
from trainer.settings import Lora


def check_lora(model: Path, lora: Lora) -> None:
    """Raise TrainError if peft is missing, if a name fits no layer, or if the rank is larger than any layer has.

    Reads the model's config, not its weights.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    if find_spec("peft") is None:
        raise TrainError("LoRA needs peft: pip install 'spot-eval[train]'")
    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model))
    adapted = adapted_layers(skeleton, lora)
    for name in lora.modules:
        if not any(_fits(layer, name) for layer in adapted):
            ends = sorted({layer.rpartition(".")[2] for layer in adapted_layers(skeleton, Lora())})
            raise TrainError(f"no linear layer of {model} is called {name!r}; there are {', '.join(ends)}")
    highest = max((min(module.weight.shape) for module in adapted.values()), default=0)
    if lora.rank > highest:
        raise TrainError(
            f"LoRA rank {lora.rank} is above the rank of every layer of {model} (at most {highest}), so the adapters "
            "would be larger than the layers; take a lower rank, or train all weights"
        )


def adapted_layers(causal: nn.Module, lora: Lora) -> dict[str, Any]:
    """Return the linear layers that get an adapter, by name: those that `lora` names, or all but the head."""
    head = causal.get_output_embeddings()  # type: ignore[operator]
    return {
        name: module
        for name, module in causal.named_modules()
        if _is_linear(module)
        and module is not head
        and (not lora.modules or any(_fits(name, wanted) for wanted in lora.modules))
    }


def _fits(layer: str, wanted: str) -> bool:
    """Return True if `wanted` is the layer's name or its end, from a dot on; peft takes names so."""
    return layer == wanted or layer.endswith(f".{wanted}")


def _is_linear(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return weight is not None and weight.ndim == 2 and not isinstance(module, nn.Embedding)


def add_adapters(causal: Any, lora: Lora, seed: int) -> Any:
    """Inject LoRA layers into `causal`; return peft's wrapper around it."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=list(lora.modules) or "all-linear",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    return get_peft_model(causal, config)
