"""IFEval: were the instructions followed? lm-eval's checkers decide; this module makes them repeatable.

    doc: {"key": 1001, "prompt": ..., "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}

Score: prompt-level strict. Beside it prompt_strict, prompt_loose, inst_strict and inst_loose, the last two as
fractions of this doc's instructions and weighted by their number, so that their means are over instructions. Language
detection and the checkers' defaults draw random numbers, so both are seeded from the doc's key: a verdict does not
depend on what was judged before it.
"""

from __future__ import annotations

import functools
import hashlib
import random
import re
from collections.abc import Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.graders.base import Grader, Verdict, after_thinking, undecided

# What a checker may trip over: a keyword that is no regular expression, JSON nested too deep, a paragraph
# without words, an instruction this lm-eval does not know, or arguments it does not take.
_ODD = (
    re.error,
    RecursionError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ZeroDivisionError,
)


@functools.cache
def preflight() -> None:
    """Raise UserError unless nltk has its sentence splitter; no download is tried, as lm-eval would."""
    import nltk

    try:
        nltk.data.find("tokenizers/punkt_tab/english/")
    except LookupError:
        raise UserError(
            "IFEval needs nltk's punkt_tab, which is not here: run `python -m nltk.downloader punkt_tab`, "
            "or point NLTK_DATA at a folder that has tokenizers/punkt_tab"
        ) from None


def unknown_instruction(doc: Mapping[str, Any]) -> str | None:
    """The first instruction of a doc that lm-eval has no checker for, if any; raises where `preflight` does."""
    preflight()
    from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT

    return next((name for name in doc["instruction_id_list"] if name not in INSTRUCTION_DICT), None)


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Check every instruction, strictly and loosely; raises UserError where `preflight` does."""
    preflight()
    from langdetect import DetectorFactory
    from lm_eval.tasks.ifeval import utils

    answer = after_thinking(text)
    example = utils.InputExample(
        key=doc["key"],
        instruction_id_list=list(doc["instruction_id_list"]),
        prompt=doc["prompt"],
        kwargs=[dict(each) for each in doc["kwargs"]],
    )
    before = random.getstate(), DetectorFactory.seed
    seed = int.from_bytes(hashlib.sha256(str(doc["key"]).encode()).digest()[:4], "big")
    DetectorFactory.seed = seed
    try:
        random.seed(seed)
        strict = utils.test_instruction_following_strict(example, answer or "")
        random.seed(seed)
        loose = utils.test_instruction_following_loose(example, answer or "")
    except _ODD as problem:
        return undecided(f"a checker failed: {type(problem).__name__}: {problem}"[:200])
    finally:
        random.setstate(before[0])
        DetectorFactory.seed = before[1]
    metrics = {
        "prompt_strict": float(strict.follow_all_instructions),
        "prompt_loose": float(loose.follow_all_instructions),
        "inst_strict": _fraction(strict.follow_instruction_list),
        "inst_loose": _fraction(loose.follow_instruction_list),
    }
    weights = dict.fromkeys(("inst_strict", "inst_loose"), float(len(example.instruction_id_list)))
    told = zip(example.instruction_id_list, strict.follow_instruction_list, strict=True)
    broken = ", ".join(name for name, followed in told if not followed)
    why = "the thinking never ended" if answer is None else f"not followed: {broken}" if broken else ""
    return Verdict(metrics["prompt_strict"], None, why, unparsed=answer is None, metrics=metrics, weights=weights)


def _fraction(followed: list[bool]) -> float:
    return sum(map(bool, followed)) / len(followed)


GRADER = Grader("ifeval", 2, judge, beside=True)
