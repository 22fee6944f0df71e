"""Random draws that are the same on every platform and Python: all of them go through `random.Random.random`.

    chance = Chance("corpus", 7)
    chance.pick(("so", "now", "then")), chance.zipf(("so", "now", "then")), chance.below(10), chance.coin(0.3)

The standard library promises the sequence of `random()` for a seed, and not that of `choice` or `shuffle`.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of draws named by its seed's parts; equal parts give equal draws, any other part another stream."""

    def __init__(self, *seed: str | int) -> None:
        self._next = random.Random("/".join(map(str, seed))).random  # noqa: S311 - nothing secret is drawn

    def below(self, limit: int) -> int:
        """A whole number in 0 .. limit - 1."""
        return int(self._next() * limit)

    def coin(self, probability: float) -> bool:
        """True with this probability."""
        return self._next() < probability

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, each as likely."""
        return options[self.below(len(options))]

    def zipf(self, options: Sequence[T]) -> T:
        """Return an option, the n-th (from 1) with a probability proportional to 1/n, as words are in a language."""
        return options[bisect.bisect(_zipf_steps(len(options)), self._next())]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """Return `count` different options in random order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return all options in random order."""
        return self.sample(options, len(options))


@cache
def _zipf_steps(count: int) -> list[float]:
    """Cumulative probabilities without the last, which is 1: where `bisect` finds the drawn rank."""
    weights = [1 / rank for rank in range(1, count + 1)]
    return [step / sum(weights) for step in itertools.accumulate(weights[:-1])]
