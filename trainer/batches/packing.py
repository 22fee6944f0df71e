"""Lay out tokens: a shared prefix is laid once, and pairs are packed into rows without padding.

A pair in the shared layout is a tree in a row, the second branch's positions going on from the trunk:

    tokens     prompt  common |  rest of y+  |  rest of y-
    positions  0 ...      t-1 |  t ... t+m-1 |  t ... t+n-1

Packed without sharing it is two sequences, prompt and y+, prompt and y-. `SEPARATE` puts each sequence into a row of
its own, padded at its end, which every causal model understands. Knows token ids alone; what attends to what is
written down as units, and attention.py makes it so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from trainer.batches.tokenize import Example


class Kind(StrEnum):
    """The layout of a micro-batch's sequences in memory."""

    SHARED = "shared"
    PACKED = "packed"
    SEPARATE = "separate"


BOTH, CHOSEN, REJECTED = 0, 1, 2
"""Whose a predicted token is: of the prefix that y+ and y- have in common, of y+, of y-."""


class Unit(NamedTuple):
    """Consecutive tokens of a row that attend causally to each other, and before that to a trunk elsewhere in it.

    Offsets into the row. A trunk with its first branch is one unit without a trunk; every other branch is one with.
    """

    start: int
    end: int
    trunk_start: int = 0
    trunk_length: int = 0


@dataclass(frozen=True)
class MicroBatch:
    """The input of one forward pass, and which of its tokens count.

    tokens, positions: int64 [rows, length]. units: of the one row of a packed batch; empty in a separate one.
    The other arrays, one entry a counted token: `source`, the flat offset whose output predicts it; `target`, its id;
    `pair`, an index into `pairs`; `side`; `edited`, whether it lies between what y+ and y- begin and end with in
    common. pairs: indices of the examples.
    """

    kind: Kind
    tokens: np.ndarray
    positions: np.ndarray
    units: tuple[Unit, ...]
    source: np.ndarray
    target: np.ndarray
    pair: np.ndarray
    side: np.ndarray
    edited: np.ndarray
    pairs: tuple[int, ...]


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many tokens `a` and `b` begin with in common, leaving each at least one of its own."""
    most = max(min(len(a), len(b)) - 1, 0)
    differ = np.flatnonzero(np.asarray(a[:most]) != np.asarray(b[:most]))
    return int(differ[0]) if len(differ) else most


def common_suffix(a: Sequence[int], b: Sequence[int], prefix: int) -> int:
    """Return how many tokens `a` and `b` end with in common, none of them among the first `prefix`."""
    most = min(len(a), len(b)) - prefix
    differ = np.flatnonzero(np.asarray(a[len(a) - most :])[::-1] != np.asarray(b[len(b) - most :])[::-1])
    return int(differ[0]) if len(differ) else most


def tokens_of(example: Example, kind: Kind) -> int:
    """Tokens that one example takes in a row."""
    if not example.rejected:
        return len(example.prompt) + len(example.chosen)
    both = 2 * len(example.prompt) + len(example.chosen) + len(example.rejected)
    shared = len(example.prompt) + common_prefix(example.chosen, example.rejected)
    return both - shared if kind is Kind.SHARED else both


class _Row:
    """A row under construction."""

    def __init__(self) -> None:
        self.length = 0
        self.tokens: list[Sequence[int]] = []
        self.positions: list[np.ndarray] = []
        self.units: list[Unit] = []
        self.source: list[np.ndarray] = []
        self.target: list[Sequence[int]] = []
        self.marks: list[tuple[int, int, bool, int]] = []  # pair, side, edited, how many tokens

    def add(self, tokens: Sequence[int], position: int) -> int:
        """Appends tokens, the first of them at `position`; returns the offset of the first."""
        self.tokens.append(tokens)
        self.positions.append(np.arange(position, position + len(tokens)))
        self.length += len(tokens)
        return self.length - len(tokens)

    def count(self, pair: int, side: int, tokens: Sequence[int], *, start: int, before: int, edited: range) -> None:
        """Lets `tokens` count that stand from `start` on, the first of them predicted by the token at `before`."""
        self.source.append(np.concatenate([[before], np.arange(start, start + len(tokens) - 1)]))
        self.target.append(tokens)
        for low, high, flag in (
            (0, edited.start, False),
            (edited.start, edited.stop, True),
            (edited.stop, len(tokens), False),
        ):
            self.marks.append((pair, side, flag, high - low))


def lay_out(examples: Sequence[Example], indices: Sequence[int], kind: Kind) -> MicroBatch:
    """The micro-batch of `examples[i]` for i in `indices`."""
    row = _Row()
    for pair, index in enumerate(indices):
        example = examples[index]
        if not example.rejected:
            _sequence(row, pair, example.prompt, example.chosen, side=CHOSEN, edited=range(len(example.chosen)))
            continue
        prefix = common_prefix(example.chosen, example.rejected)
        suffix = common_suffix(example.chosen, example.rejected, prefix)
        if kind is Kind.SHARED:
            _tree(row, pair, example, prefix, suffix)
        else:
            for answer, side in ((example.chosen, CHOSEN), (example.rejected, REJECTED)):
                edited = range(prefix, len(answer) - suffix)
                _sequence(row, pair, example.prompt, answer, side=side, edited=edited)
    pairs, sides, edits, many = zip(*row.marks, strict=True)
    batch = MicroBatch(
        kind,
        np.concatenate(row.tokens).astype(np.int64)[None],
        np.concatenate(row.positions)[None],
        tuple(row.units),
        np.concatenate(row.source).astype(np.int64),
        np.concatenate(row.target).astype(np.int64),
        np.repeat(pairs, many),
        np.repeat(sides, many),
        np.repeat(edits, many),
        tuple(indices),
    )
    return _separate(batch) if kind is Kind.SEPARATE else batch


def _sequence(row: _Row, pair: int, prompt: Sequence[int], answer: Sequence[int], *, side: int, edited: range) -> None:
    start = row.add(prompt, 0)
    first = row.add(answer, len(prompt))
    row.count(pair, side, answer, start=first, before=first - 1, edited=edited)
    row.units.append(Unit(start, row.length))


def _tree(row: _Row, pair: int, example: Example, prefix: int, suffix: int) -> None:
    trunk = len(example.prompt) + prefix
    start = row.add(example.prompt, 0)
    common = row.add(example.chosen[:prefix], len(example.prompt))
    if prefix:
        row.count(pair, BOTH, example.chosen[:prefix], start=common, before=common - 1, edited=range(0))
    fork = start + trunk - 1
    for answer, side in ((example.chosen, CHOSEN), (example.rejected, REJECTED)):
        rest = answer[prefix:]
        first = row.add(rest, trunk)
        row.count(pair, side, rest, start=first, before=fork, edited=range(len(rest) - suffix))
        row.units.append(Unit(start, row.length) if side == CHOSEN else Unit(first, row.length, start, trunk))


def _separate(batch: MicroBatch) -> MicroBatch:
    """Each unit of a packed batch in a row of its own. What pads a row's end is seen by nothing before it."""
    longest = max(unit.end - unit.start for unit in batch.units)
    tokens = np.zeros((len(batch.units), longest), dtype=np.int64)
    moved = np.empty(batch.tokens.shape[1], dtype=np.int64)
    for number, unit in enumerate(batch.units):
        length = unit.end - unit.start
        tokens[number, :length] = batch.tokens[0, unit.start : unit.end]
        moved[unit.start : unit.end] = number * longest + np.arange(length)
    positions = np.broadcast_to(np.arange(longest), tokens.shape)
    return MicroBatch(
        Kind.SEPARATE, tokens, positions, (), moved[batch.source], batch.target, batch.pair, batch.side, batch.edited,
        batch.pairs,
    )  # fmt: skip
