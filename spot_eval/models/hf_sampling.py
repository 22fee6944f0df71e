"""Seeded sampling for transformers: a row's text depends on its own seed, and on no other row.

Noise comes from a counter-based generator keyed by (seed, step, token). Knows logits; nothing of models or requests.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

SAMPLER_VERSION = 1  # goes up whenever the same seed would draw another text


class SeededSampling(LogitsProcessor):
    """Temperature, top-k and top-p, then a draw by Gumbel noise; leaves one token for greedy search to take.

    The arg-max of log-probabilities plus independent Gumbel noise is a sample of the distribution (Gumbel 1954;
    Maddison et al. 2014, section 2). The filters are those of transformers: the smallest set whose mass reaches
    top_p, after top-k, after temperature.

    Args:
        seeds: one per row of the batch.
        width: tokens of the padded prompts, so that a row's step is its number of new tokens.
        temperature: above 0.
        top_p: draw from the smallest set of tokens whose mass reaches it.
        top_k: draw from this many of the likeliest tokens; 0 for all.
    """

    def __init__(self, seeds: Sequence[int], width: int, temperature: float, top_p: float, top_k: int) -> None:
        self.seeds = torch.tensor(seeds, dtype=torch.long)
        self.width, self.temperature, self.top_p, self.top_k = width, temperature, top_p, top_k

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`scores` of shape (batch, vocabulary) with all but the drawn token at minus infinity."""
        step = torch.tensor(input_ids.shape[1] - self.width)
        drawn = draw(
            scores, self.seeds, step.expand(len(self.seeds)),
            temperature=self.temperature, top_p=self.top_p, top_k=self.top_k,
        )  # fmt: skip
        return torch.full_like(scores, -torch.inf).scatter_(-1, drawn[:, None].to(scores.device), 0.0)


def draw(
    scores: torch.Tensor, seeds: torch.Tensor, steps: torch.Tensor, *, temperature: float, top_p: float, top_k: int
) -> torch.Tensor:
    """Return a token for each row, shape (rows,), drawn by its own seed and step.

    Args:
        scores: logits, shape (rows, vocabulary).
        seeds: the seed of each row, shape (rows,).
        steps: the number of tokens each row has drawn before, shape (rows,).
        temperature: above 0.
        top_p: the smallest set of tokens whose mass reaches it is drawn from.
        top_k: only so many of the likeliest tokens; 0 for all.
    """
    vocabulary = scores.shape[-1]
    kept = min(top_k, vocabulary) if top_k else vocabulary
    logits, tokens = scores.float().topk(kept, dim=-1)  # sorted, so the top-p set is a prefix
    if scores.device.type == "mps":  # which has no float64
        logits, tokens = logits.cpu(), tokens.cpu()
    probabilities = torch.softmax(logits / temperature, dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    noise = gumbel(seeds.to(tokens.device)[:, None], steps.to(tokens.device)[:, None], tokens)
    perturbed = probabilities.double().log() + noise
    perturbed[before >= top_p] = -torch.inf
    return tokens.gather(-1, perturbed.argmax(dim=-1, keepdim=True))[:, 0]


def gumbel(seeds: torch.Tensor, step: int | torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Gumbel noise by counter: the same (seed, step, token) gives the same float64 on every device."""
    state = _scramble(_scramble(_scramble(seeds) + step) + tokens)
    # 53 random bits, centred in their cell, so that neither 0 nor 1 occurs
    uniform = (((state >> 11) & ((1 << 53) - 1)).double() + 0.5) * 2.0**-53
    return -torch.log(-torch.log(uniform))


def _scramble(value: torch.Tensor) -> torch.Tensor:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014): a bijection of 64-bit integers.

    Multiplication wraps around; torch shifts arithmetically, so masks make the shifts logical.
    """
    value = value + -7046029254386353131  # the golden ratio's odd integer, so that 0 is no fixed point
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        value = (value ^ ((value >> shift) & ((1 << (64 - shift)) - 1))) * factor
    return value ^ ((value >> 31) & ((1 << 33) - 1))


class BrokenRows(LogitsProcessor):
    """Notes the rows whose logits are NaN; any token would be as good an answer, so they are not judged."""

    def __init__(self, rows: int) -> None:
        self.rows = torch.zeros(rows, dtype=torch.bool)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return `scores`, shape (batch, vocabulary), with zeros in the rows that are broken."""
        del input_ids
        now = torch.isnan(scores[:, 0])  # a NaN in the hidden state reaches every logit; checked weights cannot
        if self.rows.device != now.device:
            self.rows = self.rows.to(now.device)
        self.rows |= now
        if not self.rows.any():
            return scores
        return scores.masked_fill(self.rows[:, None], 0.0)
