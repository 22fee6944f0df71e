"""Short replies and the verdict that a careful reader gives: units, symbols, numbers, sets, logic, phrases, languages.

A line of replies.jsonl is one of them. They were made up kind by kind; docs/grading.md names the conventions.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from spot_eval.graders import load_grader

REPLIES = [json.loads(line) for line in (Path(__file__).parent / "replies.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    "replies", [list(some) for _, some in groupby(REPLIES, key=lambda one: (one["grader"], one["right"]))]
)
def test_verdicts(replies: list[dict[str, Any]]) -> None:
    grader = load_grader(replies[0]["grader"])
    wrong = [one for one in replies if (grader.judge({"answer": one["gold"]}, one["reply"]).score == 1) != one["right"]]
    assert not wrong
