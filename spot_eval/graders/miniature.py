"""The miniature's items, exactly: the last answer line of worked items, the whole reply of most instructions.

doc: {"kind": "mini_arithmetic", "answer": "a 45, b 46, c 43", …}, the row of a `spot_eval.miniature.Item`

`closing` asks for steps and a last word, and that word is verified, as IFEval would. Worked items without an answer
line are unparsed, and so is an empty reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer
from spot_eval.miniature.authors import answer_line

WORKED = ("mini_arithmetic", "mini_bags", "mini_boards")


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Score 1 where the answer read is `doc["answer"]`; the steps before an answer line are not looked at."""
    answer = after_thinking(text)
    if answer is None:
        return no_answer("the thinking never ended")
    words = answer.split()
    if not words:
        return no_answer("the reply is empty")
    if doc["kind"] in WORKED:
        line = answer_line(answer)
        if line is None:
            return no_answer("no answer line")
        return Verdict(float(line == doc["answer"]), line, "the last answer line")
    if doc["kind"] == "closing":
        return Verdict(float(words[-1] == doc["answer"]), words[-1], "the last word")
    whole = " ".join(words)
    return Verdict(float(whole == doc["answer"]), whole, "the whole reply")


def same(a: str, b: str) -> bool:
    """Return True if two answers are the same text."""
    return a == b


def perfect(row: Mapping[str, Any], gold: object) -> str:
    """The answer line, or the reply."""
    del gold
    return f"Answer: {row['answer']}." if row["kind"] in WORKED else str(row["answer"])


GRADER = Grader("miniature", 2, judge, same, perfect, beside=True)
