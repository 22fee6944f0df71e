"""Load a checkpoint for training: its tokenizer, and its model from safetensors alone.

Whatever would train silently on something else is refused: quantised weights, absent ones (transformers would fill in
random numbers), infinities and NaN.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from trainer.errors import TrainError
from trainer.files import check_shards


def load_tokenizer(path: Path) -> Any:
    """Return the checkpoint's tokenizer. Raises TrainError if it cannot be loaded."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise TrainError(f"{path}: its tokenizer cannot be loaded ({str(problem).splitlines()[0]})") from problem


def load_model(path: Path) -> Any:
    """Return the checkpoint as a causal model on the CPU, in the dtype it is stored in, from safetensors only.

    Raises TrainError if it cannot be loaded, if weights are missing, or if it is quantised.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    check_shards(path)
    try:
        config = AutoConfig.from_pretrained(path)
        if getattr(config, "quantization_config", None):
            raise TrainError(
                f"{path} is quantised, and packed weights cannot be trained; train the checkpoint it is of"
            )
        # only the plain attention of transformers honours a softcap
        capped = getattr(config.get_text_config(), "attn_logit_softcapping", None)
        model, info = AutoModelForCausalLM.from_pretrained(
            path,
            dtype="auto",
            use_safetensors=True,
            attn_implementation="eager" if capped else None,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as problem:
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise TrainError(f"{path}: its model cannot be loaded ({first})") from problem
    # transformers would go on with random weights in their place
    if absent := sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]])):
        raise TrainError(
            f"{path}: {len(absent)} weights are missing or of another shape, {absent[0]} first; "
            "copy the checkpoint again"
        )
    if broken := [name for name, each in model.named_parameters() if not bool(torch.isfinite(each).all())]:
        raise TrainError(f"{path}: weight {broken[0]} holds infinity or NaN; take another checkpoint")
    return model
