"""A checkpoint that mends its own errors: it answers again, and an answer is accepted by a verifier or by votes.

    verifier   y- is an answer that is wrong, y+ one of its other answers that is right
    votes      no gold is looked at: most of its other answers agree on a result; y- is an answer with another result,
               y+ one with theirs

Of several y+ the nearest to y- is taken. The miniature cannot read a request to repair, so "mends" means that it
answers the same question anew, at temperature 1. One round is elicitation, acceptance and training; the second starts
from the first one's checkpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.graders import load_grader
from spot_eval.graders.base import Verdict
from spot_eval.miniature import oracle
from spot_eval.miniature.world import Item, items
from spot_eval.posttrain.pair_files import tokens_of, write_pairs
from spot_eval.reproduction.exam import BUDGET, generated
from spot_eval.reproduction.work import one_thread
from trainer.pairs.edit_filter import Tokens, change_ratio

ASKED = 800
"""Train items of a round."""
VOTES = 6
MAJORITY = 3
"""Votes that the accepted result needs, at least."""

Pairs = list[dict[str, Any]]


def first_round(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the base's own pairs by either acceptance, and the oracle's corrections of all errors.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    asked, texts = _sampled(base, seed, round_number=1)
    files = {
        "oracle": [
            _pair(item, said[0], oracle.correct(item, said[0]).text)
            for item, said in zip(asked, texts, strict=True)
            if _judged(item, said[0]).score == 0
        ],
        "verifier": verified(asked, texts, tokens_of(str(base))),
        "votes": voted(asked, texts, tokens_of(str(base))),
    }
    return _written(folder, files)


def second_round(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the pairs of the first round's checkpoints, by the acceptance that each was trained with.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    files = {}
    for name, accept in (("verifier", verified), ("votes", voted)):
        asked, texts = _sampled(checkpoints / f"{name}, round 1-{seed}", seed, round_number=2)
        files[f"{name}-2"] = accept(asked, texts, tokens_of(str(base)))
    return _written(folder, files)


def verified(asked: Sequence[Item], texts: Sequence[Sequence[str]], tokens: Tokens) -> Pairs:
    """Return pairs of a wrong first answer and the nearest right one among the others."""
    found = []
    for item, (first, *others) in zip(asked, texts, strict=True):
        right = [text for text in others if _judged(item, text).score == 1]
        if _judged(item, first).score == 0 and right:
            found.append(_nearest(item, first, right, tokens))
    return found


def voted(asked: Sequence[Item], texts: Sequence[Sequence[str]], tokens: Tokens) -> Pairs:
    """Return pairs of a first answer and the nearest of the others that agree on another result. Looks at no gold."""
    found = []
    for item, (first, *others) in zip(asked, texts, strict=True):
        results = {text: _judged(item, text).extracted for text in others}
        votes = Counter(results[text] for text in others if results[text] is not None)
        ranked = votes.most_common(2)
        if not ranked or ranked[0][1] < MAJORITY or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
            continue
        winner = ranked[0][0]
        if _judged(item, first).extracted != winner:
            agreeing = [text for text in others if results[text] == winner]
            found.append(_nearest(item, first, agreeing, tokens))
    return found


def _judged(item: Item, text: str) -> Verdict:
    return load_grader("miniature").judge(item.row(), text)


def _nearest(item: Item, wrong: str, accepted: Sequence[str], tokens: Tokens) -> dict[str, Any]:
    ids = tokens(wrong)
    return _pair(item, wrong, min(accepted, key=lambda text: change_ratio(ids, tokens(text))))


def _pair(item: Item, wrong: str, right: str) -> dict[str, Any]:
    row = item.row()
    prompt = [{"role": "user", "content": item.prompt}]
    found = {"id": row["id"], "prompt": prompt, "rejected": wrong, "chosen": right, "gold": item.answer}
    # for the table only: votes look at no gold
    return {**found, "meta": {"right": _judged(item, right).score == 1, "was_right": _judged(item, wrong).score == 1}}


def _sampled(model: Path, seed: int, *, round_number: int) -> tuple[list[Item], list[list[str]]]:
    """Return the train items of a round, and a first answer and `VOTES` others to each, at temperature 1."""
    from spot_eval.tasks.suite import Sampling

    one_thread()
    asked = items("mini_arithmetic", "train", 100 * (seed + 1) + round_number, ASKED)
    sampling = Sampling(temperature=1.0, max_new_tokens=BUDGET)
    return asked, generated(model, asked, sampling, repeats=1 + VOTES, seed=seed)


def _written(folder: Path, files: Mapping[str, Pairs]) -> dict[str, int]:
    counts = {}
    for name, rows in files.items():
        write_pairs(folder / f"{name}.jsonl", rows)
        counts[name] = len(rows)
        counts[f"{name}, y+ right"] = sum(row["meta"]["right"] for row in rows)
        counts[f"{name}, y- right"] = sum(row["meta"]["was_right"] for row in rows)
    return counts
