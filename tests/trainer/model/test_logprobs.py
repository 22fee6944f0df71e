"""Chunked log-probs: equal to the plain ones, values and gradients, for every kind of head."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainer.model.logprobs import Head, token_logprobs

CASES = [(1.0, None, False), (0.25, None, True), (1.0, 3.0, False), (2.0, 5.0, True)]


def plain(hidden: Tensor, targets: Tensor, head: Head) -> Tensor:
    logits = hidden @ head.weight.T
    if head.bias is not None:
        logits = logits + head.bias
    logits = logits * head.scale
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    return logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]


def leaves(bias: bool, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    torch.manual_seed(0)
    hidden, weight = (torch.randn(shape, dtype=dtype).requires_grad_() for shape in ((23, 8), (50, 8)))
    return hidden, weight, torch.randn(50, dtype=dtype).requires_grad_() if bias else None, torch.randint(50, (23,))


@pytest.mark.parametrize(("scale", "softcap", "bias"), CASES)
@pytest.mark.parametrize("chunk", [50, 50 * 7, 10**6])
def test_values_and_gradients_are_the_plain_ones(scale: float, softcap: float | None, bias: bool, chunk: int) -> None:
    hidden, weight, offset, targets = leaves(bias, torch.float32)
    wanted = torch.randn(23)
    found = []
    for function in (
        lambda head: token_logprobs(hidden, targets, head, chunk_elements=chunk),
        lambda head: plain(hidden, targets, head),
    ):
        values = function(Head(weight, offset, scale, softcap))
        inputs = [each for each in (hidden, weight, offset) if each is not None]
        found.append([values, *torch.autograd.grad(values, inputs, wanted)])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=2e-6)


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden, weight, _, targets = leaves(False, torch.float32)
    weight = weight.detach()
    token_logprobs(hidden, targets, Head(weight), chunk_elements=100).sum().backward()
    assert weight.grad is None
    assert hidden.grad is not None


def test_bf16_is_computed_in_fp32() -> None:
    hidden, weight, _, targets = leaves(False, torch.float32)
    low = token_logprobs(hidden.bfloat16(), targets, Head(weight.bfloat16()))
    exact = plain(hidden.bfloat16().float(), targets, Head(weight.bfloat16().float()))
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, exact, rtol=1e-6, atol=1e-5)
