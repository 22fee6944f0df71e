"""Attention over packed trees, through the interface that transformers' models ask for theirs.

A dense mask over the whole row would cost what sharing saves, so each unit of the layout is attended to by itself: its
queries, and as keys its own tokens after its trunk's. On CUDA, FlexAttention does the same in one kernel from a block
mask. Sliding windows count positions, not offsets; softcaps are honoured. What else a model asks for (attention sinks,
biases by position) raises `Unsupported`, and the caller lays its sequences out separately.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainer.batches.packing import Unit

NAME = "spot_trees"
"""Under which transformers finds this attention; hyphens and bars mean something to it."""

# What a model may hand to its attention and this one may pass over; None or False of anything else is no wish either.
UNNEEDED = {
    "position_ids", "position_embeddings", "use_cache", "cache_position", "past_key_values", "output_attentions",
    "output_hidden_states", "output_router_logits", "is_causal", "cu_seq_lens_q", "cu_seq_lens_k", "max_length_q",
    "max_length_k", "num_items_in_batch", "return_dict", "logits_to_keep",
}  # fmt: skip


class Unsupported(Exception):  # noqa: N818 - not an error: the caller goes on with another layout
    """The model wants something of its attention that is not done here."""


class Trees:
    """The units of one packed row, with the masks that they need; `windows` notes which windows were asked for."""

    def __init__(self, units: tuple[Unit, ...], device: torch.device, *, flex: bool | None = None) -> None:
        self.units = units
        self.device = device
        self.flex = device.type == "cuda" if flex is None else flex
        self.windows: list[int | None] = []
        self._masks: dict[Any, Any] = {}

    def mask(self, unit: Unit, window: int | None) -> Tensor | None:
        """Return the keys (trunk, then the unit itself) that each query of the unit sees; None if plainly causal.

        Shape: [unit length, trunk length + unit length], bool.
        """
        length = unit.end - unit.start
        total = unit.trunk_length + length
        if window is not None and window >= total:
            window = None
        if window is None and not unit.trunk_length:
            return None
        key = (length, unit.trunk_length, window)
        if key not in self._masks:
            keys = torch.arange(total, device=self.device)
            queries = keys[unit.trunk_length :, None]
            seen = keys <= queries
            self._masks[key] = seen if window is None else seen & (keys > queries - window)
        return self._masks[key]

    def block_mask(self, window: int | None) -> Any:
        """FlexAttention's mask of the whole row."""
        if window not in self._masks:
            from torch.nn.attention.flex_attention import create_block_mask

            length = self.units[-1].end
            tree, branch, position = (torch.zeros(length, dtype=torch.long) for _ in range(3))
            for number, unit in enumerate(self.units):
                at = slice(unit.start, unit.end)
                tree[at] = tree[unit.trunk_start] if unit.trunk_length else number
                branch[at] = number + 1
                position[at] = torch.arange(unit.trunk_length, unit.trunk_length + unit.end - unit.start)
            for unit in self.units:  # a trunk belongs to no branch
                branch[unit.trunk_start : unit.trunk_start + unit.trunk_length] = 0
            tree, branch, position = (each.to(self.device) for each in (tree, branch, position))

            def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
                ahead = position[query] - position[key]
                near = (ahead >= 0) if window is None else (ahead >= 0) & (ahead < window)
                kin = (branch[key] == 0) | (branch[key] == branch[query])
                return (tree[query] == tree[key]) & kin & near

            self._masks[window] = create_block_mask(sees, None, None, length, length, device=self.device)
        return self._masks[window]


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    trees: Trees | None = None,
    **wishes: Any,
) -> tuple[Tensor, None]:
    """Attend over one packed row, with the signature that transformers calls its attention functions by.

    Args:
        module: the attention layer, for error messages.
        query: [1, heads, length, head_dim].
        key: [1, key heads, length, head_dim]; key heads divide heads.
        value: as `key`.
        attention_mask: must be None, since `trees` has the masks.
        scaling: factor of the scores; head_dim ** -0.5 if None.
        dropout: ignored: the reference must be the policy at step 0.
        sliding_window: number of positions that a query sees, itself included; None for all before it.
        softcap: bound of the scores, by tanh; None for none.
        trees: the units of the row; a model that does not hand it on is not supported.
        wishes: further arguments of the model.

    Returns the attended values, [1, length, heads, head_dim], and None for the weights. Raises Unsupported if a mask
    was given, `trees` was not, or `wishes` has a value for something outside of UNNEEDED.
    """
    unmet = [
        name for name, value in wishes.items() if name not in UNNEEDED and value is not None and value is not False
    ]
    if trees is None:
        raise Unsupported(f"{type(module).__name__} does not hand on what is asked of its attention")
    if unmet or attention_mask is not None:
        raise Unsupported(f"{type(module).__name__} wants {', '.join(unmet) or 'a mask of its own'} of its attention")
    trees.windows.append(sliding_window)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    over = _flex if trees.flex else _by_unit
    return over(query, key, value, trees, scale=scale, window=sliding_window, softcap=softcap).transpose(1, 2), None


def _by_unit(
    query: Tensor, key: Tensor, value: Tensor, trees: Trees, *, scale: float, window: int | None, softcap: float | None
) -> Tensor:
    lengths = [unit.end - unit.start for unit in trees.units]
    # one split, not many slices: the backward of a slice writes a whole row
    parts = [each.split(lengths, dim=2) for each in (query, key, value)]
    started = {unit.start: number for number, unit in enumerate(trees.units)}
    found = []
    for number, unit in enumerate(trees.units):
        own, keys, values = (part[number] for part in parts)
        if unit.trunk_length:
            trunk = started[unit.trunk_start]
            keys, values = (
                torch.cat([part[trunk].narrow(2, 0, unit.trunk_length), part[number]], dim=2) for part in parts[1:]
            )
        found.append(_attend_unit(own, keys, values, trees.mask(unit, window), scale=scale, softcap=softcap))
    return torch.cat(found, dim=2)


def _attend_unit(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, scale: float, softcap: float | None
) -> Tensor:
    if softcap is None:
        grouped = query.shape[1] != key.shape[1]
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=grouped
        )
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = softcap * torch.tanh(query @ key.transpose(2, 3) * (scale / softcap))
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype) @ value


@functools.cache
def _flex_function(compiled: bool) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if compiled else flex_attention


def _flex(
    query: Tensor, key: Tensor, value: Tensor, trees: Trees, *, scale: float, window: int | None, softcap: float | None
) -> Tensor:
    def capped(score: Tensor, *_: Tensor) -> Tensor:
        return score if softcap is None else softcap * torch.tanh(score / softcap)

    from torch._dynamo.exc import BackendCompilerFailed

    # a row below 128 tokens would go to the kernel for decoding, which has no tiles for some models' heads
    options = {"FORCE_USE_FLEX_ATTENTION": True} if query.is_cuda else None
    try:
        return _flex_function(query.is_cuda)(
            query,
            key,
            value,
            score_mod=None if softcap is None else capped,
            block_mask=trees.block_mask(window),
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
            kernel_options=options,
        )
    except BackendCompilerFailed as problem:
        reason = (str(problem).strip().splitlines() or [""])[0]
        raise Unsupported(f"FlexAttention cannot be compiled on this device ({reason[:200]})") from problem


def register() -> None:
    """Register this attention with transformers."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
