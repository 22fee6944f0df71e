"""Make LoRA adapters of the tiny checkpoint for tests, and the checkpoints they would be merged into."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def make_adapter(base: Path, out: Path, *, seed: int = 0, scale: float = 0.3, **settings: Any) -> Path:
    """Write an adapter with random weights to `out`; `scale` is that of its updates, 0 for one that changes nothing."""
    torch.manual_seed(seed)
    config = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**config))
        for name, tensor in wrapped.named_parameters():
            if "lora_B" in name or "lora_embedding_B" in name:
                torch.nn.init.normal_(tensor.data, std=scale)
            elif tensor.requires_grad and "lora_" not in name:
                tensor.data += scale * torch.randn_like(tensor)
        wrapped.save_pretrained(out)
    return out


def merge(base: Path, adapter: Path, out: Path) -> Path:
    """Write the checkpoint that peft makes of a base and an adapter to `out`."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        merged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).merge_and_unload()
    merged.save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)
    return out
