"""The queue of requests that several engines share: handed out in chunks, taken back when an engine dies.

Chunks are large at first, so that an engine's batches are full, and small at the end, so that no engine is left with
much to do when the others are done (guided self-scheduling, Polychronopoulos & Kuck 1987). Knows nothing of engines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

MOST_DEATHS = 3
"""Engines that may die with a request in their chunk before it is given up as the likely cause."""
SUSPECTS = 8
"""Size of the first chunk of requests with which an engine has died; it is halved with every further death."""


class Keyed(Protocol):
    """Anything with a key."""

    @property
    def key(self) -> str:
        """Return the name that nothing else in the queue has."""
        ...


Item = TypeVar("Item", bound=Keyed)


class Chunks(Generic[Item]):
    """The items that nobody holds, in order."""

    def __init__(self, items: Iterable[Item], least: int) -> None:
        self._waiting = deque(items)
        self._suspects: deque[Item] = deque()
        self._least = least
        self._deaths: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._suspects)

    def take(self, engines: int) -> list[Item]:
        """Return the next chunk for one of `engines` engines; empty if none is left."""
        if self._waiting:
            size = max(self._least, -(-len(self._waiting) // (2 * max(engines, 1))))
            return [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        if not self._suspects:
            return []
        size = max(1, SUSPECTS >> (self._deaths[self._suspects[0].key] - 1))
        return [self._suspects.popleft() for _ in range(min(size, len(self._suspects)))]

    def give_back(self, items: Iterable[Item], *, suspect: bool) -> list[Item]:
        """Take back the items of a chunk that were not answered; return those that are given up.

        Args:
            items: those of the chunk that have no answer.
            suspect: True if the engine failed by itself, so that one of them may be the cause. They are then asked
                last, in small chunks, and given up after a few deaths. False if its machine was lost.
        """
        given_up = []
        for item in items:
            if not suspect:
                self._waiting.appendleft(item)
                continue
            self._deaths[item.key] = self._deaths.get(item.key, 0) + 1
            if self._deaths[item.key] >= MOST_DEATHS:
                given_up.append(item)
            else:
                self._suspects.append(item)
        return given_up
