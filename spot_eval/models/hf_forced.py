"""Answers that a causal language model is made to read, by transformers: log-probs of their tokens.

    for key, logprobs in token_logprobs(model, [Forced("k1", prompt_ids, answer_ids)]):
        sum(logprobs)        # of the answer given the prompt, nats

Sequences are read in batches of like length and in segments with a cache, so that logits of one segment only are in
memory. Knows tokens; nothing of runs and tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from spot_eval.models.forced import Forced

SEGMENT = 512  # tokens of a row in a forward pass, at most


def token_logprobs(
    model: Any, sequences: Sequence[Forced], *, token_budget: int = 4096
) -> Iterator[tuple[str, list[float]]]:
    """Yield (key, log-prob of each token of the answer, nats) of every sequence, in batches of like length.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        sequences: what it reads.
        token_budget: tokens in a forward pass, at most (one row of SEGMENT tokens if it is smaller).
    """
    for batch in batches(sequences, token_budget):
        yield from zip((one.key for one in batch), _of_batch(model, Rows(batch, model.device)), strict=True)


@torch.inference_mode()
def _of_batch(model: Any, rows: Rows) -> list[list[float]]:
    found: list[list[float]] = [[] for _ in range(len(rows.ids))]
    reader = Reader(model, rows)
    for start, end, wanted in rows.segments():
        logprobs = reader.read(start, end, wanted)
        if logprobs is None:
            continue
        of_tokens = logprobs.gather(-1, rows.tokens(start, end, wanted))[:, 0]
        for row, value in zip(wanted.nonzero()[:, 0].tolist(), of_tokens.tolist(), strict=True):
            found[row].append(value)
    return found


def batches(sequences: Sequence[Forced], token_budget: int) -> Iterator[list[Forced]]:
    """Yield the sequences in batches of like length, the longest first."""
    waiting = sorted(sequences, key=lambda one: len(one.prompt) + len(one.answer))
    while waiting:
        longest = len(waiting[-1].prompt) + len(waiting[-1].answer)
        rows = max(1, token_budget // min(longest, SEGMENT))
        batch, waiting = waiting[-rows:], waiting[:-rows]
        yield batch


class Rows:
    """A batch as tensors: `ids` and `mask`, shape (rows, width)."""

    def __init__(self, batch: Sequence[Forced], device: Any) -> None:
        lengths = [len(one.prompt) + len(one.answer) for one in batch]
        ids = torch.zeros((len(batch), max(lengths)), dtype=torch.long)
        for row, one in enumerate(batch):
            ids[row, : lengths[row]] = torch.tensor([*one.prompt, *one.answer])
        self.ids = ids.to(device)
        self._lengths = torch.tensor(lengths, device=device)[:, None]
        self._prompts = torch.tensor([len(one.prompt) for one in batch], device=device)[:, None]
        self.mask = (torch.arange(max(lengths), device=device) < self._lengths).long()

    def segments(self) -> Iterator[tuple[int, int, torch.Tensor]]:
        """Yield (start, end, wanted): `wanted` says which positions predict a token of an answer."""
        width = self.ids.shape[1]
        for start in range(0, width - 1, SEGMENT):
            end = min(start + SEGMENT, width - 1)
            place = torch.arange(start + 1, end + 1, device=self.ids.device)  # of the token that a position predicts
            yield start, end, (place >= self._prompts) & (place < self._lengths)

    def tokens(self, start: int, end: int, wanted: torch.Tensor) -> torch.Tensor:
        """Return the predicted tokens at the wanted positions of a segment, shape (wanted, 1)."""
        return self.ids[:, start + 1 : end + 1][wanted][:, None]


class Reader:
    """A model on its way through a batch."""

    def __init__(self, model: Any, rows: Rows) -> None:
        self.model, self.rows = model, rows
        self.cache: Any = None

    def read(self, start: int, end: int, wanted: torch.Tensor) -> torch.Tensor | None:
        """Log-probs at the wanted positions of a segment, shape (wanted, vocabulary), float32; None for none."""
        some = bool(wanted.any())
        output = self.model(
            input_ids=self.rows.ids[:, start:end],
            attention_mask=self.rows.mask[:, :end],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=0 if some else 1,
        )
        self.cache = output.past_key_values
        return torch.log_softmax(output.logits[wanted].float(), dim=-1) if some else None
