"""How many tokens of keys and values the memory has room for."""

from __future__ import annotations

import os
from typing import Any

import torch

SHARE = 0.4  # of the free memory: while rows are joined, old and new keys and values stand beside each other
ROOMY = 16 * 2**30  # where the free memory of a machine is not known


def room_for_tokens(config: Any, dtype: torch.dtype, device: str) -> int:
    """Return the tokens whose keys and values fit into `SHARE` of the memory that is free now.

    Args:
        config: the model's configuration, with its sizes as transformers names them.
        dtype: of keys and values.
        device: "cuda", "cuda:N", "mps" or "cpu".
    """
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or getattr(text, "num_attention_heads", 1)
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    per_token = 2 * text.num_hidden_layers * heads * size * dtype.itemsize
    return max(1, int(SHARE * _free(device)) // per_token)


def _free(device: str) -> int:
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not Linux
        return ROOMY
