"""Teacher-forced differences between two causal language models, token by token, by transformers.

    for difference in differences(base, candidate, [Forced("k1", prompt_ids, answer_ids)], token_budget=4096):
        difference.kl        # KL(base || candidate) at each token of the answer, nats, over the whole vocabulary
        difference.logprob   # log-prob of the token itself, candidate minus base

Sequences are read in segments with a cache, so that logits of one segment only are in memory. Knows tokens; nothing of
runs and tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from spot_eval.models.forced import Difference, Forced

SEGMENT = 512  # tokens of a row in a forward pass, at most


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
    waiting = sorted(sequences, key=lambda one: len(one.prompt) + len(one.answer))
    while waiting:
        longest = len(waiting[-1].prompt) + len(waiting[-1].answer)
        rows = max(1, token_budget // min(longest, SEGMENT))
        batch, waiting = waiting[-rows:], waiting[:-rows]
        yield from _batch(base, candidate, batch)


@torch.inference_mode()
def _batch(base: Any, candidate: Any, batch: Sequence[Forced]) -> list[Difference]:
    device = base.device
    lengths = torch.tensor([len(one.prompt) + len(one.answer) for one in batch], device=device)
    prompts = torch.tensor([len(one.prompt) for one in batch], device=device)
    width = int(lengths.max())
    ids = torch.zeros((len(batch), width), dtype=torch.long)
    for row, one in enumerate(batch):
        ids[row, : len(one.prompt) + len(one.answer)] = torch.tensor([*one.prompt, *one.answer])
    ids = ids.to(device)
    mask = (torch.arange(width, device=device) < lengths[:, None]).long()
    found: list[tuple[list[float], list[float], list[float]]] = [([], [], []) for _ in batch]
    readers = [_Reader(model, ids, mask) for model in (base, candidate)]
    for start in range(0, width - 1, SEGMENT):
        end = min(start + SEGMENT, width - 1)
        place = torch.arange(start + 1, end + 1, device=device)  # of the token that each position predicts
        wanted = (place >= prompts[:, None]) & (place < lengths[:, None])
        p, q = (reader.read(start, end, wanted) for reader in readers)
        if p is None or q is None:
            continue
        tokens = ids[:, start + 1 : end + 1][wanted][:, None]
        kl = (p.exp() * (p - q)).sum(-1).clamp_min(0)
        base_logprob = p.gather(-1, tokens)[:, 0]
        logprob = q.gather(-1, tokens)[:, 0] - base_logprob
        rows = wanted.nonzero()[:, 0].tolist()
        for row, *numbers in zip(rows, kl.tolist(), logprob.tolist(), base_logprob.tolist(), strict=True):
            for column, number in zip(found[row], numbers, strict=True):
                column.append(number)
    return [Difference(one.key, *columns) for one, columns in zip(batch, found, strict=True)]


class _Reader:
    """A model on its way through a batch."""

    def __init__(self, model: Any, ids: torch.Tensor, mask: torch.Tensor) -> None:
        self.model, self.ids, self.mask = model, ids, mask
        self.cache: Any = None

    def read(self, start: int, end: int, wanted: torch.Tensor) -> torch.Tensor | None:
        """Log-probs at the wanted positions of a segment, shape (wanted, vocabulary), float32; None for none."""
        some = bool(wanted.any())
        output = self.model(
            input_ids=self.ids[:, start:end],
            attention_mask=self.mask[:, :end],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=0 if some else 1,
        )
        self.cache = output.past_key_values
        return torch.log_softmax(output.logits[wanted].float(), dim=-1) if some else None
