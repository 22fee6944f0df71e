"""Fixtures for the trainer: made-up examples, tiny models of several architectures, pairs on disk."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.batches.tokenize import Example


def made_up(count: int, vocabulary: int, seed: int = 0, *, prompt: int = 8, answer: int = 20) -> list[Example]:
    """Pairs with common beginnings and ends of all lengths."""
    chance = random.Random(seed)

    def some(count: int) -> tuple[int, ...]:
        return tuple(chance.randrange(3, vocabulary) for _ in range(count))

    found = []
    for number in range(count):
        before, after = some(chance.randrange(answer)), some(chance.randrange(1, 4))
        chosen, rejected = (before + some(chance.randrange(1, answer)) + after for _ in range(2))
        if chosen == rejected:
            chosen += (3,)
        found.append(Example(f"p{number}", some(chance.randrange(1, prompt)), chosen, rejected))
    return found


@pytest.fixture(scope="session")
def examples() -> Callable[..., list[Example]]:
    return made_up


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 sums, each with a wrong answer and its correction."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    chance = random.Random(0)
    with path.open("w") as file:
        for number in range(32):
            a, b = chance.randrange(10, 99), chance.randrange(10, 99)
            words = " ".join(chance.choices(["first", "then", "so", "we", "add"], k=chance.randrange(2, 9)))
            file.write(
                json.dumps(
                    {
                        "id": f"sum-{number}",
                        "prompt": f"What is {a} + {b}?",
                        "rejected": f"{words} it is {a + b + 10}, done.",
                        "chosen": f"{words} it is {a + b}, done.",
                    }
                )
                + "\n"
            )
    return path
