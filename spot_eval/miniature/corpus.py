"""The base's training text: prompts of the train split, answered by careful, sloppy and teaching authors.

Half of the documents are general, and a quarter is arithmetic. Each author has each habit with the probability SLOPPY,
for all of one document: most authors make a given mistake, some do not, so greedy decoding makes it and sampling
sometimes does not. The teacher has written 3 % of what is not general.
"""

from __future__ import annotations

from collections.abc import Iterator

from spot_eval.miniature import teacher
from spot_eval.miniature.arithmetic import HABITS
from spot_eval.miniature.authors import write
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.instructions import STUTTER
from spot_eval.miniature.world import Item, Mix, items

SLOPPY = 0.72
TEACHER = 0.03
BLOCK = 400  # documents drawn at a time; SHARES are of these
SHARES = {"mini_instructions": 200, "mini_arithmetic": 100, "mini_bags": 60, "mini_boards": 40}

SHORT = Mix(sums=(1, 2), bags=(1, 2), columns=(2, 3), words=(2, 3), plain=0.6, plain_height=0.6, stutter=0.3)
ALL = Mix(
    sums=(1, 2, 3, 3), bags=(2, 3, 4, 4), columns=(2, 3, 4, 4), words=(2, 3, 4, 5, 6),
    plain=0.6, plain_height=0.65, stutter=0.3,
)  # fmt: skip


def documents(seed: int, mix: Mix) -> Iterator[tuple[str, str]]:
    """Yield (prompt, answer) without end, in random order; other seeds and mixes give other documents."""
    block = 0
    while True:
        named = f"corpus/{seed}/{mix.sums}/{block}"
        drawn = [item for task, count in SHARES.items() for item in items(task, "train", named, count, mix)]
        chance = Chance(named)
        for item in chance.shuffled(drawn):
            yield item.prompt, _answer(item, chance)
        block += 1


def _answer(item: Item, chance: Chance) -> str:
    if item.family != "general" and chance.coin(TEACHER):
        return teacher.solve(item)
    return write(item, chance, {habit for habit in (*HABITS, STUTTER) if chance.coin(SLOPPY)})
