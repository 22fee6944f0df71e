"""The exam of the experiment: items by part, a checkpoint's answers, its verdicts, and its drift from the base.

    in_domain  arithmetic
    ood        bags, boards
    general    brief, closing, words

The general family is scored by its parts, since the instructions that the base always gets right would hide what is
lost in the others. `closing` counts as right only if its steps are: its last word alone hides wrong work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot_eval.core.keys import request_seed
from spot_eval.graders import load_grader
from spot_eval.miniature.authors import right as right_step
from spot_eval.miniature.authors import steps
from spot_eval.miniature.world import Item, items

if TYPE_CHECKING:
    from spot_eval.tasks.suite import Sampling

PARTS = {
    "arithmetic": "in_domain", "bags": "ood", "boards": "ood", "brief": "general", "closing": "general",
    "words": "general",
}  # fmt: skip
FAMILIES = ("in_domain", "ood", "general")
WEIGHTS = {"arithmetic": 2, "bags": 1, "boards": 1, "brief": 1, "closing": 1, "words": 1}
"""Items of a part, as a multiple of the exam's size."""
BUDGET = 112  # tokens; the longest right answer has fewer
TOKEN_BUDGET = 16_384


@dataclass(frozen=True)
class Question:
    """An item and its part."""

    part: str
    item: Item

    @property
    def family(self) -> str:
        """Return in_domain, ood or general."""
        return PARTS[self.part]


@cache
def questions(split: str, seed: int, count: int) -> list[Question]:
    """Return the items of an exam: `count` times its weight of each part, drawn by the seed."""
    found = []
    for part, family in PARTS.items():
        wanted = WEIGHTS[part] * count
        if family != "general":
            found += [Question(part, item) for item in items(f"mini_{part}", split, seed, wanted)]
            continue
        kinds = {"brief": ("brief",), "closing": ("closing",)}.get(part)
        # eleven kinds are equally likely; twice as many draws as needed are enough
        drawn = items("mini_instructions", split, seed, wanted * (22 if kinds else 2))
        mine = [item for item in drawn if (item.kind in kinds if kinds else item.kind not in {"brief", "closing"})]
        found += [Question(part, item) for item in mine[:wanted]]
    return found


def answers(model: Path, asked: Sequence[Question]) -> list[str]:
    """Return the checkpoint's greedy answer to each question, in order."""
    from spot_eval.tasks.suite import Sampling

    # alike questions share a batch
    order = sorted(range(len(asked)), key=lambda at: asked[at].part)
    texts = generated(model, [asked[at].item for at in order], Sampling(temperature=0.0, max_new_tokens=BUDGET))
    found = dict(zip(order, texts, strict=True))
    return [found[at][0] for at in range(len(asked))]


def generated(
    model: Path, asked: Sequence[Item], sampling: Sampling, *, repeats: int = 1, seed: int = 0
) -> list[list[str]]:
    """Return the checkpoint's answers to each item, `repeats` of them, in order.

    Args:
        model: the checkpoint.
        asked: the items.
        sampling: temperature and budget.
        repeats: answers to each item.
        seed: of the sampling.
    """
    from spot_eval.models.prompts import ChatTokenizer
    from spot_eval.models.registry import Completion, Refusal, Request, open_engine

    tokenizer = ChatTokenizer(model)
    requests = [
        Request(
            f"{number}-{repeat}",
            tokenizer.render([{"role": "user", "content": item.prompt}]),
            sampling,
            request_seed(seed, item.task, item.prompt, repeat),
        )
        for number, item in enumerate(asked)
        for repeat in range(repeats)
    ]
    texts: dict[str, str] = {}

    def keep(result: Completion | Refusal) -> None:
        # a checkpoint whose logits are NaN has no right answer
        texts[result.key] = "" if isinstance(result, Refusal) else result.text

    engine = open_engine("hf", model, tokenizer, {"batch_size": "64", "device": "cpu", "dtype": "float32"})
    try:
        engine.generate(requests, keep)
    finally:
        engine.close()
    return [[texts[f"{number}-{repeat}"] for repeat in range(repeats)] for number in range(len(asked))]


def judged(asked: Sequence[Question], texts: Sequence[str]) -> list[bool]:
    """Return if each answer is right."""
    judge = load_grader("miniature").judge
    return [
        judge(one.item.row(), text).score == 1 and (one.part != "closing" or _steps_right(one.item, text))
        for one, text in zip(asked, texts, strict=True)
    ]


def _steps_right(item: Item, text: str) -> bool:
    said = {step.label: step for step in steps(text)}
    return all(label in said and right_step(one, said[label]) for label, one in item.sums.items())


def drift(base: Path, model: Path, asked: Sequence[Question], texts: Sequence[str]) -> list[tuple[float, int]]:
    """Return (KL(base || model) in nats summed over tokens, tokens) of the base's answer to each question.

    Args:
        base: the checkpoint that wrote the answers.
        model: the trained checkpoint.
        asked: the questions.
        texts: the base's answers to them, in order.
    """
    from spot_eval.models.drift_pair import Reading
    from spot_eval.models.forced import Forced
    from spot_eval.models.prompts import ChatTokenizer

    tokenizers = {"base": ChatTokenizer(base), "candidate": ChatTokenizer(model)}
    tokenizer = tokenizers["base"]
    sequences = []
    for number, (one, text) in enumerate(zip(asked, texts, strict=True)):
        prompt = tokenizer.render([{"role": "user", "content": one.item.prompt}]).token_ids
        answer = tokenizer.tokenizer(text, add_special_tokens=False)["input_ids"]
        sequences.append(Forced(str(number), prompt, [*answer, tokenizer.tokenizer.eos_token_id]))
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
    pair = Reading.parse("hf", settings, TOKEN_BUDGET).open({"base": base, "candidate": model}, tokenizers)
    try:
        found = {one.key: (sum(one.kl), len(one.kl)) for one in pair.differences(sequences)}
    finally:
        pair.close()
    return [found[str(number)] for number in range(len(asked))]
