"""The world's items: what is asked, in three families, and what is right. Version 1.

    >>> items("mini_arithmetic", "test", seed=0, count=1)[0].prompt
    'Compute a: 37 + 6; b: 56 + 9; c: 75 - 26.'

    mini_arithmetic    in_domain  Work out a: 37 + 8; b: 52 - 6; c: 14 + 29.
                                  … Answer: a 45, b 46, c 43.
    mini_bags          ood        Bags hold a: 37, 8 in; b: 52, 6 out; c: 14, 29 in; d: 61, 3 in.
                                  … Answer: a 45, b 46, c 43, d 64.
    mini_boards        ood        Board a: 29 x; b: 44 o; c: 51 x; d: 13 o. Drop 3 on x.
                                  … Answer: a 32, c 54.
    mini_instructions  general    see `instructions`

Bags are the same skill in other words, and four of them where the sums are three. Boards are in the spirit of
Connect4: how high the columns are and whose stone lies on top; asked are the columns of one player with the row that is
reached. Each sub-step is independent of the others, so one error spoils one step and one place of the answer line.

An item is a draw of (task, seed); the hash of its prompt says which split it belongs to, so no prompt of one split is
in another, whatever the seeds. Each sum invites none of the habits of `arithmetic` with the probability that its
`Mix` says, else one of them; of a board's columns the only habit is `misread`, which training on sums can mend.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from spot_eval.miniature.arithmetic import HABITS, Sum, draw_drop, draw_sum
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.instructions import draw_instruction
from spot_eval.miniature.wording import ASKING, LABELS

VERSION = 1
FAMILIES = {
    "mini_arithmetic": "in_domain",
    "mini_bags": "ood",
    "mini_boards": "ood",
    "mini_instructions": "general",
}
SPLITS = ("train", "dev", "test")
SIGNS = {"+": "in", "-": "out"}
STONES = (2, 3, 5)


@dataclass(frozen=True)
class Item:
    """An item that is asked: `kind` is the task's own name, or the kind of instruction; `answer` what is right.

    `answer` is the content of the answer line ("a 45, b 46, c 43"), or the whole reply for most instructions.
    """

    task: str
    kind: str
    prompt: str
    answer: str

    @property
    def family(self) -> str:
        """in_domain, ood or general."""
        return FAMILIES[self.task]

    @property
    def sums(self) -> dict[str, Sum]:
        """The sums to be done, by label, as the prompt says them; of a board, those of the player asked for."""
        return sums_of(self.prompt)

    def row(self) -> dict[str, str]:
        """The item as a row of a data set: what the grader reads, and an id."""
        return {"id": hashlib.sha256(self.prompt.encode()).hexdigest()[:12], **asdict(self)}


@dataclass(frozen=True)
class Mix:
    """The sizes of items, and their chance to invite a habit; the corpus has other mixes than the tests."""

    sums: Sequence[int]
    bags: Sequence[int]
    columns: Sequence[int]
    words: Sequence[int]
    plain: float  # the share of sums, and of bags, that invite no habit
    plain_height: float  # likewise of a board's columns
    stutter: float  # the share of word lists with a doubled word, where that can be


EXAM = Mix(sums=(3,), bags=(4,), columns=(4,), words=(3, 4, 5, 6), plain=0.79, plain_height=0.68, stutter=0.22)


def items(task: str, split: str, seed: int | str, count: int, mix: Mix = EXAM) -> list[Item]:
    """Return `count` different items of a task; the first n of a longer list are the list of n. Raises KeyError.

    Args:
        task: name of the task.
        split: train, dev or test.
        seed: another seed gives other items.
        count: items wanted; all of a split that the seed gives, if there are fewer.
        mix: sizes of items, and their chance to invite a habit.
    """
    if split not in SPLITS:
        raise KeyError(f"there is no split {split!r}; there are: {', '.join(SPLITS)}")
    found: dict[str, Item] = {}
    for item in _stream(task, seed, mix):
        if split_of(item.prompt) == split:
            found.setdefault(item.prompt, item)
        if len(found) == count:
            break
    return list(found.values())


def split_of(prompt: str) -> str:
    """The split a prompt belongs to: eight in ten are train, one dev, one test."""
    part = hashlib.sha256(f"{VERSION}/{prompt}".encode()).digest()[0] % 10
    return "dev" if part == 8 else "test" if part == 9 else "train"


def sums_of(prompt: str) -> dict[str, Sum]:
    """The sums that a prompt asks for, by label; none where it asks for something else.

    >>> sums_of("Board a: 29 x; b: 44 o; c: 51 x; d: 13 o. Drop 3 on o.")
    {'b': Sum(a=44, sign='+', b=3), 'd': Sum(a=13, sign='+', b=3)}
    """
    if drop := re.search(r"Drop (\d) on ([xo])", prompt):
        columns = re.findall(r"([a-e]): (\d+) ([xo])", prompt)
        return {label: Sum(int(height), "+", int(drop[1])) for label, height, stone in columns if stone == drop[2]}
    if prompt.startswith("Bags"):
        signs = {word: sign for sign, word in SIGNS.items()}
        bags = re.findall(r"([a-e]): (\d+), (\d+) (in|out)", prompt)
        return {label: Sum(int(a), signs[word], int(b)) for label, a, b, word in bags}
    listed = re.findall(r"([a-e]): (\d+) ([+-]) (\d+)", prompt)
    return {label: Sum(int(a), sign, int(b)) for label, a, sign, b in listed}


def _stream(task: str, seed: int | str, mix: Mix) -> Iterator[Item]:
    """Items without end; which splits they belong to is seen afterwards."""
    draw = _DRAWN[task]
    chance = Chance("miniature", VERSION, task, seed)
    while True:
        kind, prompt, answer = draw(chance, mix)
        yield Item(task, kind, prompt, answer)


def _habit(chance: Chance, plain: float) -> str | None:
    return None if chance.coin(plain) else chance.pick(HABITS)


def _arithmetic(chance: Chance, mix: Mix) -> tuple[str, str, str]:
    sums = [draw_sum(chance, _habit(chance, mix.plain)) for _ in range(chance.pick(mix.sums))]
    listed = "; ".join(f"{label}: {one.a} {one.sign} {one.b}" for label, one in zip(LABELS, sums, strict=False))
    return "mini_arithmetic", f"{chance.zipf(ASKING)} {listed}.", _results(sums)


def _bags(chance: Chance, mix: Mix) -> tuple[str, str, str]:
    sums = [draw_sum(chance, _habit(chance, mix.plain)) for _ in range(chance.pick(mix.bags))]
    listed = "; ".join(f"{label}: {one.a}, {one.b} {SIGNS[one.sign]}" for label, one in zip(LABELS, sums, strict=False))
    return "mini_bags", f"Bags hold {listed}.", _results(sums)


def _results(sums: Sequence[Sum]) -> str:
    return ", ".join(f"{label} {one.result}" for label, one in zip(LABELS, sums, strict=False))


def _boards(chance: Chance, mix: Mix) -> tuple[str, str, str]:
    stones, mover = chance.pick(STONES), chance.pick("xo")
    labels = LABELS[: chance.pick(mix.columns)]
    mine = set(chance.sample(labels, 1 + chance.below(len(labels) - 1)))
    other = "o" if mover == "x" else "x"
    columns = {}
    for label in labels:
        habit = None if chance.coin(mix.plain_height) else "misread"
        columns[label] = draw_drop(chance, stones, habit)
    heights = "; ".join(f"{label}: {one.a} {mover if label in mine else other}" for label, one in columns.items())
    answer = ", ".join(f"{label} {one.result}" for label, one in columns.items() if label in mine)
    return "mini_boards", f"Board {heights}. Drop {stones} on {mover}.", answer


def _instructions(chance: Chance, mix: Mix) -> tuple[str, str, str]:
    return draw_instruction(chance, words=mix.words, stutter=mix.stutter)


_DRAWN = {
    "mini_arithmetic": _arithmetic,
    "mini_bags": _bags,
    "mini_boards": _boards,
    "mini_instructions": _instructions,
}
