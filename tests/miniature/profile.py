"""What a checkpoint can do in the world: `python -m tests.miniature.profile --model runs/base1 --seed 1001`.

    mini_arithmetic  in_domain  42.3 ± 2.5  (400 items)

Greedy answers by the hf engine, judged by the `miniature` grader, on a fresh test set of the given seed. For tests and
benchmarks; `spot-eval run` keeps records.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from spot_eval.graders import load_grader
from spot_eval.miniature.world import FAMILIES, Item, items

SEED, COUNT = 1001, 400
BUDGET = 112  # tokens; the longest right answer has fewer
BANDS = {"in_domain": (0.25, 0.60), "ood": (0.25, 0.60), "general": (0.80, 0.93)}
"""Where a base should stand, as fractions: able to rise, able to fall."""


@dataclass(frozen=True)
class Score:
    """Right answers of one task or family: mean and its standard error, fractions, and the number of items."""

    mean: float
    stderr: float
    count: int

    def __str__(self) -> str:
        return f"{100 * self.mean:5.1f} ± {100 * self.stderr:3.1f} ({self.count} items)"


def answers(
    model: Path, asked: Sequence[Item], *, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0, batch: int = 64
) -> list[str]:
    """The checkpoint's answer to each item, in order; sampled where the temperature is not 0."""
    from spot_eval.core.keys import request_seed
    from spot_eval.models.prompts import ChatTokenizer
    from spot_eval.models.registry import Completion, Refusal, Request, open_engine
    from spot_eval.tasks.suite import Sampling

    tokenizer = ChatTokenizer(model)
    sampling = Sampling(temperature=temperature, top_p=top_p, max_new_tokens=BUDGET)
    requests = [
        Request(
            key=str(number),
            prompt=tokenizer.render([{"role": "user", "content": item.prompt}]),
            sampling=sampling,
            seed=request_seed(seed, item.task, item.prompt, 0),
        )
        for number, item in enumerate(asked)
    ]
    texts: dict[str, str] = {}

    def keep(result: Completion | Refusal) -> None:
        if isinstance(result, Refusal):
            raise RuntimeError(f"item {result.key}: {result.reason}")
        texts[result.key] = result.text

    engine = open_engine("hf", model, tokenizer, {"batch_size": str(batch), "device": "cpu", "dtype": "float32"})
    try:
        # items of a task are of like length, and so are their answers
        engine.generate(sorted(requests, key=lambda request: asked[int(request.key)].task), keep)
    finally:
        engine.close()
    return [texts[str(number)] for number in range(len(asked))]


def judged(asked: Sequence[Item], texts: Sequence[str]) -> list[bool]:
    """Whether each answer is right."""
    judge = load_grader("miniature").judge
    return [judge(item.row(), text).score == 1 for item, text in zip(asked, texts, strict=True)]


def exam(seed: int = SEED, count: int = COUNT, split: str = "test") -> list[Item]:
    """`count` items of every task, of a fresh test set by seed."""
    return [item for task in FAMILIES for item in items(task, split, seed, count)]


def profile(model: Path, seed: int = SEED, count: int = COUNT, split: str = "test") -> dict[str, Score]:
    """Scores by task, then by family (the unweighted mean of its tasks), of greedy answers."""
    asked = exam(seed, count, split)
    return scores(asked, judged(asked, answers(model, asked)))


def scores(asked: Sequence[Item], right: Sequence[bool]) -> dict[str, Score]:
    """Scores by task, then by family."""
    found = {}
    for task in FAMILIES:
        mine = [hit for item, hit in zip(asked, right, strict=True) if item.task == task]
        share = mean(mine)
        found[task] = Score(share, (share * (1 - share) / max(1, len(mine) - 1)) ** 0.5, len(mine))
    for family in dict.fromkeys(FAMILIES.values()):
        parts = [found[task] for task, of in FAMILIES.items() if of == family]
        stderr = sum(part.stderr**2 for part in parts) ** 0.5 / len(parts)
        found[family] = Score(mean(part.mean for part in parts), stderr, sum(part.count for part in parts))
    return found


def outside(found: Mapping[str, Score]) -> list[str]:
    """Sentences on the families that are not within BANDS."""
    return [
        f"{family} is at {100 * found[family].mean:.1f}, wanted {100 * low:.0f} to {100 * high:.0f}"
        for family, (low, high) in BANDS.items()
        if not low <= found[family].mean <= high
    ]


def table(found: Mapping[str, Score]) -> str:
    """The scores in percent, a line each."""
    return "\n".join(f"{name:18s} {FAMILIES.get(name, 'family'):10s} {score}" for name, score in found.items())


def main() -> None:
    """The command line; exits with 1 where a family is outside its band."""
    parser = argparse.ArgumentParser(description="What a checkpoint can do in the miniature, by task and family.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED, help="of the items: another seed, another test set")
    parser.add_argument("--count", type=int, default=COUNT, help="items of each task")
    parser.add_argument("--split", default="test")
    given = parser.parse_args()
    found = profile(given.model, given.seed, given.count, given.split)
    sys.stdout.write(table(found) + "\n")
    for sentence in outside(found):
        sys.stdout.write(sentence + "\n")
    sys.exit(bool(outside(found)))


if __name__ == "__main__":
    main()
