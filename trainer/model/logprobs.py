"""Token log-probs from hidden states, in fp32 and in chunks: the logits of a whole batch never exist at once.

The head is the model's: a matrix, perhaps a bias, a scale (Granite, Cohere), a softcap (Gemma). The backward pass
computes each chunk's logits again, unless all of them fit into one. Peak memory is one or two chunks of logits and the
gradient of the matrix.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

CHUNK_ELEMENTS = {"cpu": 1 << 22, "cuda": 1 << 26}
"""Logits that exist at once."""


class Head(NamedTuple):
    """logits = softcap(scale * (h @ weight.T + bias)), with softcap(x) = cap * tanh(x / cap).

    weight: [vocabulary, hidden], bias: [vocabulary].
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None


def token_logprobs(hidden: Tensor, targets: Tensor, head: Head, *, chunk_elements: int | None = None) -> Tensor:
    """log p(targets[i] | hidden[i]) in fp32. hidden: [n, size], targets: [n]; any float dtype.

    Args:
        hidden: [n, size], any float dtype.
        targets: [n] token ids.
        head: output matrix, bias, scale and softcap.
        chunk_elements: most logits in memory at once; a default by device if None.
    """
    return _TokenLogProbs.apply(
        hidden, head.weight, head.bias, targets, head.scale, head.softcap, _rows(head.weight, chunk_elements)
    )


def _rows(weight: Tensor, chunk_elements: int | None) -> int:
    elements = chunk_elements or CHUNK_ELEMENTS.get(weight.device.type, CHUNK_ELEMENTS["cpu"])
    return max(1, elements // weight.shape[0])


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b in fp32, whatever the dtype of the two; on CUDA the kernel accumulates and writes fp32 by itself."""
    if a.dtype == torch.float32:
        return a @ b
    if a.is_cuda:
        return torch.mm(a, b, out_dtype=torch.float32)
    return a.float() @ b.float()


class _TokenLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd functions take no keywords
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        scale: float,
        softcap: float | None,
        rows: int,
    ) -> Tensor:
        weight_in_use = _in_use(weight)
        found = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        normalizers = torch.empty_like(found)
        logits = None
        for start in range(0, len(targets), rows):
            at = slice(start, start + rows)
            logits = _logits(hidden[at], weight_in_use, bias, scale, softcap)
            normalizers[at] = torch.logsumexp(logits, dim=-1)
            found[at] = logits.gather(1, targets[at, None]).squeeze(1) - normalizers[at]
        # a single chunk is not computed twice
        ctx.logits = logits if len(targets) <= rows else None
        ctx.save_for_backward(hidden, weight, bias, targets, normalizers)
        ctx.scale, ctx.softcap, ctx.rows = scale, softcap, rows
        return found

    @staticmethod
    def backward(ctx: Any, wanted: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, normalizers = ctx.saved_tensors
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        weight_in_use = _in_use(weight)
        hidden_gradient = torch.empty_like(hidden) if needs_hidden else None
        weight_gradient = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device) if needs_weight else None
        bias_gradient = torch.zeros_like(bias, dtype=torch.float32) if needs_bias and bias is not None else None
        for start in range(0, len(targets), ctx.rows):
            at = slice(start, start + ctx.rows)
            logits = ctx.logits
            if logits is None:
                logits = _logits(hidden[at], weight_in_use, bias, ctx.scale, ctx.softcap)
            # d log p / d logits = onehot(target) - softmax, and on through softcap and scale
            slope = None if ctx.softcap is None else 1 - (logits / ctx.softcap).square()
            gradient = (logits - normalizers[at, None]).exp_().neg_()
            gradient.scatter_add_(1, targets[at, None], torch.ones_like(wanted[at, None]))
            gradient.mul_(wanted[at, None] * ctx.scale)
            if slope is not None:
                gradient.mul_(slope)
            if bias_gradient is not None:
                bias_gradient += gradient.sum(0)
            gradient = gradient.to(weight_in_use.dtype)
            if hidden_gradient is not None:
                hidden_gradient[at] = (gradient @ weight_in_use).to(hidden.dtype)
            if weight_gradient is not None:
                if gradient.dtype == torch.float32:
                    weight_gradient.addmm_(gradient.T, hidden[at].float())
                else:
                    weight_gradient += _product(gradient.T, hidden[at])
        return (
            hidden_gradient,
            None if weight_gradient is None else weight_gradient.to(weight.dtype),
            None if bias_gradient is None else bias_gradient.to(bias.dtype),
            *(None,) * 4,
        )


def _in_use(weight: Tensor) -> Tensor:
    return weight if weight.is_cuda else weight.float()


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    logits = _product(hidden.to(weight.dtype), weight.T)
    if bias is not None:
        logits += bias
    if scale != 1:
        logits *= scale
    if softcap is not None:
        logits.div_(softcap).tanh_().mul_(softcap)
    return logits
