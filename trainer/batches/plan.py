"""The plan of training: which pairs make a step, and how a step is packed into micro-batches. Frozen before it starts.

Only the order of the steps changes from epoch to epoch, never their contents, so that the reference and the policy see
tensors of equal shapes and r is exactly 0 at the first step. Knows lengths and indices; layout.py lays tokens.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trainer.batches.packing import Kind, tokens_of
from trainer.batches.tokenize import Example

Step = tuple[tuple[int, ...], ...]
"""The micro-batches of one optimizer step, as indices of examples. Their number is a multiple of the number of
processes, which take them in turn; an empty one keeps a process in step with the others and counts for nothing."""


@dataclass(frozen=True)
class Plan:
    """All steps of one epoch over `examples`."""

    examples: tuple[Example, ...]
    kind: Kind
    steps: tuple[Step, ...]
    seed: int
    shuffle: bool

    def order(self, epoch: int) -> list[int]:
        """The order in which epoch number `epoch` walks through the steps."""
        numbers = list(range(len(self.steps)))
        if epoch and self.shuffle:
            random.Random(f"steps/{self.seed}/{epoch}").shuffle(numbers)  # noqa: S311 - nothing secret is drawn
        return numbers

    def pairs_in(self, step: int) -> int:
        """Return the number of examples of a step."""
        return sum(len(batch) for batch in self.steps[step])

    def chosen_tokens_in(self, step: int) -> int:
        """Tokens of y+ in a step, end tokens included."""
        return sum(len(self.examples[index].chosen) for batch in self.steps[step] for index in batch)

    def row_tokens_in(self, step: int) -> int:
        """Tokens the model computes in a step, padding of separate rows left out."""
        return sum(tokens_of(self.examples[index], self.kind) for batch in self.steps[step] for index in batch)

    @cached_property
    def digest(self) -> str:
        """128 bits over all tokens and how they are packed."""
        total = hashlib.sha256(repr((self.kind, self.steps)).encode())
        for example in self.examples:
            for ids in example[1:]:
                total.update(np.asarray([len(ids), *ids], dtype=np.int64).tobytes())
        return total.hexdigest()[:32]


def make_plan(
    examples: Sequence[Example],
    *,
    kind: Kind,
    batch_size: int,
    token_budget: int,
    processes: int = 1,
    seed: int = 0,
    shuffle: bool = True,
) -> Plan:
    """Return steps of `batch_size` examples, the last of the rest, in micro-batches of at most `token_budget` tokens.

    Which examples make a step depends on `seed` and `batch_size` alone; how a step is packed, on budget and processes
    too. An example longer than the budget is a micro-batch by itself.

    Args:
        examples: the tokenized pairs.
        kind: layout of a micro-batch.
        batch_size: examples per step.
        token_budget: most tokens of a micro-batch.
        processes: number of processes that share a step.
        seed: seed of the order.
        shuffle: False keeps the order given.
    """
    order = list(range(len(examples)))
    if shuffle:
        random.Random(f"pairs/{seed}").shuffle(order)  # noqa: S311 - likewise
    sizes = [tokens_of(example, kind) for example in examples]
    groups = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    steps = tuple(_step(group, sizes, token_budget, processes) for group in groups)
    return Plan(tuple(examples), kind, steps, seed, shuffle)


def _step(group: Sequence[int], sizes: Sequence[int], budget: int, processes: int) -> Step:
    """As few micro-batches as hold the group, filled so that all become about equally long."""
    count = -(-sum(sizes[index] for index in group) // budget)
    while True:
        count = -(-count // processes) * processes
        bins: list[list[int]] = [[] for _ in range(count)]
        filled = [0] * count
        for index in sorted(group, key=lambda index: -sizes[index]):
            emptiest = filled.index(min(filled))
            bins[emptiest].append(index)
            filled[emptiest] += sizes[index]
        if all(total <= budget or len(members) == 1 for total, members in zip(filled, bins, strict=True)):
            place = {index: number for number, index in enumerate(group)}
            return tuple(tuple(sorted(members, key=place.__getitem__)) for members in bins)
        count += 1
