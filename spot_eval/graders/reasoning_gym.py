"""Procedural tasks, judged by the verifier of the generator that drew them.

    doc: {"generator": "shortest_path", "question": "…", "answer": "up right", "metadata": {…}, "config": {}}

The answer stands in the last `<answer>…</answer>` after the thinking; a reply without one is unparsed. Score 1 if the
verifier accepts it whole. Its partial credit is kept as the metric `partial`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
LONGEST = 20_000  # characters of an answer; no right one is near it


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Return 1 if the verifier accepts the reply's answer whole, else 0, with its partial credit as a metric."""
    said = after_thinking(text)
    if said is None:
        return no_answer("the thinking never ended", partial=0.0)
    answers = _ANSWER.findall(said)
    if not answers:
        return no_answer("no <answer> in the reply", partial=0.0)
    answer = answers[-1].strip("\n").strip(" ")
    if len(answer) > LONGEST:
        return Verdict(0.0, answer[:100], "longer than any right answer", metrics={"partial": 0.0})
    partial = min(1.0, max(0.0, verify(doc, answer)))
    return Verdict(float(partial >= 1), answer, "the generator's verifier", metrics={"partial": partial})


def verify(row: Mapping[str, Any], answer: str) -> float:
    """Return the generator's own score of `answer`, from 0 to 1; 1 is right, what is between is partial credit."""
    entry = {"question": row["question"], "answer": row["answer"], "metadata": row["metadata"]}
    return float(_dataset(row["generator"], json.dumps(row["config"], sort_keys=True)).score_answer(answer, entry))


@functools.lru_cache(maxsize=32)
def _dataset(generator: str, config: str) -> Any:
    """The generator's data set, made for its verifier only."""
    import reasoning_gym

    return reasoning_gym.create_dataset(generator, seed=0, size=1, **json.loads(config))


def perfect(row: Mapping[str, Any], gold: object) -> str:
    """Return the generator's own answer as a reply."""
    del gold
    return f"<answer>{row['answer']}</answer>"


GRADER = Grader("reasoning_gym", 1, judge, perfect=perfect, beside=True)
