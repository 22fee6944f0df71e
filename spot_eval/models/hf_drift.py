"""Teacher-forced differences between two causal language models, token by token, by transformers.

    for difference in differences(base, candidate, [Forced("k1", prompt_ids, answer_ids)], token_budget=4096):
        difference.kl        # KL(base || candidate) at each token of the answer, nats, over the whole vocabulary
        difference.logprob   # log-prob of the token itself, candidate minus base

Knows tokens; nothing of runs and tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from spot_eval.models.forced import Difference, Forced
from spot_eval.models.hf_forced import Reader, Rows, batches


def differences(
    base: Any, candidate: Any, sequences: Sequence[Forced], *, token_budget: int = 4096
) -> Iterator[Difference]:
    """Yield the difference of every sequence, in batches of like length.

    Args:
        base: a causal language model of transformers, in evaluation mode.
        candidate: another one with the same vocabulary, on the same device.
        sequences: what both read.
        token_budget: tokens in a forward pass, at most (one row of SEGMENT tokens if it is smaller).

    In float32 the result does not depend on the batch beyond rounding (1e-6 nats). Equal models give exactly 0.
    """
    for batch in batches(sequences, token_budget):
        yield from _batch(base, candidate, batch)


@torch.inference_mode()
def _batch(base: Any, candidate: Any, batch: Sequence[Forced]) -> list[Difference]:
    rows = Rows(batch, base.device)
    found: list[tuple[list[float], list[float], list[float]]] = [([], [], []) for _ in batch]
    readers = [Reader(model, rows) for model in (base, candidate)]
    for start, end, wanted in rows.segments():
        p, q = (reader.read(start, end, wanted) for reader in readers)
        if p is None or q is None:
            continue
        tokens = rows.tokens(start, end, wanted)
        kl = (p.exp() * (p - q)).sum(-1).clamp_min(0)
        base_logprob = p.gather(-1, tokens)[:, 0]
        logprob = q.gather(-1, tokens)[:, 0] - base_logprob
        numbers = (kl.tolist(), logprob.tolist(), base_logprob.tolist())
        for row, *values in zip(wanted.nonzero()[:, 0].tolist(), *numbers, strict=True):
            for column, number in zip(found[row], values, strict=True):
                column.append(number)
    return [Difference(one.key, *columns) for one, columns in zip(batch, found, strict=True)]
