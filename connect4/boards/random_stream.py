"""Random draws of whole numbers, the same on every platform and with every library: SplitMix64.

    stream = Stream(7, 3)
    stream.below(10), stream.shuffled("abc")

The generator is that of Steele, Lea and Flood (2014), "Fast Splittable Pseudorandom Number Generators", figure 16:
a counter that grows by a fixed odd number, and a mixing of its bits. `playouts` has the same in numba; a test
compares the two. Nothing of this may ever change: published seeds name sets of boards.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

GAMMA = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
_64_BITS = (1 << 64) - 1
MAX_SEED = (1 << 53) - 1  # the largest whole number that every reader of JSON keeps exactly


def mix(z: int) -> int:
    """Mix 64 bits to 64 bits, one to one; every bit of `z` changes about half of the bits of the result."""
    z = (z ^ z >> 30) * FIRST & _64_BITS
    z = (z ^ z >> 27) * SECOND & _64_BITS
    return z ^ z >> 31


def state_of(*names: int) -> int:
    """Return the first state of the stream with these names; other names give an unrelated stream."""
    state = 0
    for name in names:
        state = mix(((state ^ name) + GAMMA) & _64_BITS)
    return state


class Stream:
    """A stream of draws named by whole numbers from 0 to 2**64 - 1."""

    def __init__(self, *names: int) -> None:
        self._state = state_of(*names)

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 to `limit` - 1, `limit` below 2**32; probabilities differ by at most 2**-31."""
        self._state = (self._state + GAMMA) & _64_BITS
        return (mix(self._state) >> 32) * limit >> 32

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all items in random order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def drawn_seed() -> int:
    """Return a random seed below 2**31: short enough to be typed again."""
    return secrets.randbelow(1 << 31)
