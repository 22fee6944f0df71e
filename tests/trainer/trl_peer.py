"""TRL 1.16 on the same token ids, in the same order: the peer that losses and weights are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from trainer.batches.tokenize import Example


def _common(out: Path, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "output_dir": str(out),
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "train_sampling_strategy": "sequential",
        "max_length": None,
        "seed": 0,
        **options,
    }


class _Recorded:
    """Keeps the loss of every micro-batch as it was, unrounded."""

    def compute_loss(self, *given: Any, **named: Any) -> Any:
        found = super().compute_loss(*given, **named)  # type: ignore[misc]
        loss = found[0] if isinstance(found, tuple) else found
        self.__dict__.setdefault("losses", []).append(float(loss.detach()))
        return found


class Preferences(_Recorded, DPOTrainer):
    """DPOTrainer on token ids, tokenized already."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset


class Likelihood(_Recorded, SFTTrainer):
    """SFTTrainer on token ids and labels."""


def dpo_trainer(model: Path, examples: list[Example], out: Path, *, loss_type: str, **options: Any) -> Preferences:
    """TRL's DPOTrainer with its reference log-probs computed beforehand."""
    causal = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(model)
    return preferences(causal, tokenizer, examples, out, loss_type=loss_type, options=options)


def preferences(
    causal: Any,
    tokenizer: Any,
    examples: list[Example],
    out: Path,
    *,
    loss_type: str,
    options: dict[str, Any],
    peft_config: Any = None,
) -> Preferences:
    """TRL's DPOTrainer around a model that is loaded already; `options` go into its configuration."""
    rows = [
        {"prompt_ids": list(e.prompt), "chosen_ids": list(e.chosen), "rejected_ids": list(e.rejected)} for e in examples
    ]
    return Preferences(
        model=causal,
        args=DPOConfig(**_common(out, options), loss_type=[loss_type], precompute_ref_log_probs=True),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=peft_config,
    )


def sft_trainer(model: Path, examples: list[Example], out: Path, *, loss_type: str, **options: Any) -> Likelihood:
    """TRL's SFTTrainer on y+, prompts masked."""
    rows = [{"input_ids": [*e.prompt, *e.chosen], "labels": [-100] * len(e.prompt) + list(e.chosen)} for e in examples]
    return Likelihood(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        args=SFTConfig(**_common(out, options), loss_type=loss_type, dataset_kwargs={"skip_prepare_dataset": True}),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
