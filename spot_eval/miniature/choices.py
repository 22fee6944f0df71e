"""Instructions as multiple choice: the right reply among near ones, for tasks of log-likelihoods.

    >>> one = choices(items("mini_instructions", "test", 1, 1)[0])
    >>> one.listed[one.gold]          # the item's answer

Wrong replies are what a slip would give: a doubled word lost (the habit `stutter`), two words exchanged, the other
order, a result that is off by one or by ten. `closing` has no one reply, so it has no choices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from spot_eval.miniature.instructions import answer_to, asked_with, without_doubles
from spot_eval.miniature.world import Item, items

CHOICES = 4


@dataclass(frozen=True)
class Choices:
    """The choices of an item in the order they are shown, and the place of the right one."""

    listed: tuple[str, ...]
    gold: int


def choice_rows(split: str, seed: int | str, count: int) -> list[dict[str, object]]:
    """Return `count` rows with id, kind, prompt, choices and gold, from the items of mini_instructions."""
    rows: list[dict[str, object]] = []
    drawn = 2 * count
    while len(rows) < count:
        asked = items("mini_instructions", split, seed, drawn)
        found = ((item, choices(item)) for item in asked)
        rows = [
            {"id": item.row()["id"], "kind": item.kind, "prompt": item.prompt, "choices": list(one.listed),
             "gold": one.gold}
            for item, one in found if one
        ]  # fmt: skip
        if len(asked) < drawn:
            break
        drawn *= 2
    return rows[:count]


def choices(item: Item) -> Choices | None:
    """Return the choices of an instruction; None if it has too few near replies."""
    if item.kind == "closing":
        return None
    wrong = list(dict.fromkeys(one for one in _near(item) if one != item.answer))[: CHOICES - 1]
    if len(wrong) < CHOICES - 1:
        return None
    # the place of each is a hash, not the order they were thought of in
    listed = sorted([item.answer, *wrong], key=lambda one: hashlib.sha256(f"{item.prompt}/{one}".encode()).digest())
    return Choices(tuple(listed), listed.index(item.answer))


def _near(item: Item) -> Iterator[str]:
    """Yield wrong replies, the nearest first; the right one may be among them."""
    if item.kind in {"brief", "count"}:
        numbers = [int(part) for part in item.answer.split(", ")]
        for step in (1, -1, 10, -10, 2):
            yield ", ".join(str(number + step * (at == 0)) for at, number in enumerate(numbers))
        return
    words = asked_with(item.prompt)
    if item.kind in {"first", "last"}:
        yield from words
        return
    yield answer_to(item.kind, item.prompt, without_doubles(words))
    for at in range(len(words) - 1):
        yield answer_to(item.kind, item.prompt, [*words[:at], words[at + 1], words[at], *words[at + 2 :]])
    yield answer_to(item.kind, item.prompt, words[::-1])
    yield answer_to(item.kind, item.prompt, words[1:])
    yield answer_to(item.kind, item.prompt, words[:-1])
