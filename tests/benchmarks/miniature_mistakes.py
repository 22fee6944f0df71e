"""Statistics of elicited mistakes: how often of which type, how far the oracle's corrections are from them.

    python tests/benchmarks/miniature_mistakes.py [--count 2000] [--model DIR]

Samples the base on in-domain train items (temperature 0.7, top_p 0.8, the paper's), keeps the wrong answers, has the
oracle correct them, and takes the change ratio 1 - LCS / max(length) on tokens. Nothing passes or fails here, but for
a correction that is wrong.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spot_eval.miniature import BASE, Item, items
from spot_eval.miniature.oracle import Correction, correct
from tests.miniature.mistakes import MISTAKES, mistakes
from tests.miniature.profile import answers, judged
from trainer.pairs.edit_filter import change_ratio

GAMMA = 0.6
ROUND = 1_000


class Mistake(NamedTuple):
    """A wrong answer with its correction."""

    item: Item
    wrong: str
    correction: Correction


def elicit(model: Path, count: int, *, seed: int = 0, task: str = "mini_arithmetic") -> tuple[list[Mistake], int]:
    """`count` mistakes of the model on train items, and how many items were asked for them."""
    found: list[Mistake] = []
    asked = 0
    for batch in _rounds(task, seed):
        texts = answers(model, batch, temperature=0.7, top_p=0.8, seed=seed)
        for item, text, right in zip(batch, texts, judged(batch, texts), strict=True):
            asked += 1
            if not right:
                found.append(Mistake(item, text, correct(item, text)))
            if len(found) == count:
                return found, asked
    raise AssertionError("the items have no end")


def _rounds(task: str, seed: int) -> Iterator[list[Item]]:
    number = 0
    while True:
        yield items(task, "train", f"elicit/{seed}/{number}", ROUND)
        number += 1


def main() -> int:
    from spot_eval.models.prompts import ChatTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--model", type=Path, default=BASE)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found, asked = elicit(given.model, given.count, seed=given.seed)
    print(f"{len(found)} mistakes out of {asked} answers ({len(found) / asked:.1%} wrong)")
    types = Counter(kind for one in found for kind in mistakes(one.item, one.wrong))
    print("share of the mistakes with each type (an answer may have several):")
    for kind in MISTAKES:
        print(f"  {kind:8s} {types[kind] / len(found):6.1%}  ({types[kind]})")
    hidden = sum(not mistakes(one.item, one.wrong) for one in found)
    print(f"  none of these {hidden}")
    tokenizer = ChatTokenizer(given.model).tokenizer

    def ratio(one: Mistake) -> float:
        a, b = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (one.wrong, one.correction.text))
        return change_ratio(a, b)

    by_how: dict[str, list[float]] = {}
    for one in found:
        by_how.setdefault(one.correction.how, []).append(ratio(one))
    everything = sorted(value for values in by_how.values() for value in values)
    for how, values in {**by_how, "all": everything}.items():
        cut = statistics.quantiles(values, n=20) if len(values) > 1 else values * 19
        above = sum(value > GAMMA for value in values) / len(values)
        print(
            f"change ratio, {how}: {len(values)} corrections, 5 % {cut[0]:.3f}, median {cut[9]:.3f}, "
            f"95 % {cut[-1]:.3f}, most {max(values):.3f}, above {GAMMA}: {above:.1%}"
        )
    steps = [sum(low <= value < low + 0.1 for value in everything) for low in (tenth / 10 for tenth in range(10))]
    print("by tenths from 0:", ", ".join(str(step) for step in steps))
    wrong = sum(not right for right in judged([one.item for one in found], [one.correction.text for one in found]))
    print(f"oracle: {len(by_how.get('unreadable', []))} answers it could not edit, {wrong} corrections that are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
