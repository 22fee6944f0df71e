"""The input and the result of two models that read the same answer. Knows token ids only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Places = Sequence[Mapping[int, float]]
"""For each token of an answer: token id to log-prob in nats, of the likeliest tokens there and of the token itself."""


class Forced(NamedTuple):
    """An answer that both models are made to read: token ids of its prompt and of itself, neither empty."""

    key: str
    prompt: Sequence[int]
    answer: Sequence[int]


class Difference(NamedTuple):
    """Two models at each token of one answer; three lists of the answer's length, in nats.

    `kl` is KL(base || candidate), or a lower bound of it where only the likeliest tokens are known; `logprob` the
    log-prob of the token itself, candidate minus base.
    """

    key: str
    kl: list[float]
    logprob: list[float]
    base_logprob: list[float]
