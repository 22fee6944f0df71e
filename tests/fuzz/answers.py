"""Hostile answers for every grader: real replies changed, marks of mathematics and code put together at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spot_eval.graders.worker import Job
from tests.fuzz.changes import changed_bytes

REPLIES = Path(__file__).parents[1] / "graders" / "replies.jsonl"
PARTS = ("\\boxed{", "}", "\\frac{1}{", "^{9^{9^9}}", "10^{10^{10}}", "!", "!!", "\\sqrt", "\\int", "\\sum_{n=1}^{\\infty}", "(", ")", "[", "]",
         "{", "$", "\\(", "\\]", "\\left(", "\\begin{pmatrix}", "&", "\\\\", "x", "y^2", "=", "\\cup", "\\infty", ",", " and ", "1e999999999",
         "9" * 300, "0.\\overline{3}", "\u0660", "\u00b2", "\ud800", "\x00", "\u202e", "<think>", "</think>", "Answer: B", "(C)", "The answer is ",
         "\n", " ", "-", "\\pm", "\\binom{99999}{5}", "\\log_{0}", "%", "\\text{", "a_{", "```python\n", "```", "(0, 3)", "<answer>", "</answer>",
         "twenty", "{}" * 400, "((" * 400, "\\sin" * 200)  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "maths": {"answer": "204"},
    "choice": {"answer": "B", "choices": ["a", "b", "c", "d"]},
    "ifeval": {"key": 1, "prompt": "x", "instruction_id_list": ["punctuation:no_comma", "detectable_format:json_format"],
               "kwargs": [{}, {}]},
    "miniature": {"kind": "closing", "answer": "4"},
}  # fmt: skip


def jobs(number: int, draw: random.Random) -> Iterator[Job]:
    """Yield jobs for the graders in turn."""
    replies = [json.loads(line) for line in REPLIES.read_text().splitlines()]
    golds = [one["gold"] for one in replies if one["grader"] == "maths"]
    rows = dict(ROWS)
    board = "connect4", {"state": _board(), "level": 1, "rows": 6, "columns": 7, "connect": 4, "answer": [[], []]}
    rows[board[0]] = board[1]
    names = ["maths", "maths", *rows]
    for at in range(number):
        name = names[at % len(names)]
        row = {**rows[name], "answer": draw.choice(golds)} if name == "maths" else rows[name]
        if draw.random() < 0.5:
            text = changed_bytes(draw.choice(replies)["reply"].encode(), draw).decode("utf-8", "surrogateescape")
        else:
            text = "".join(draw.choice(PARTS) for _ in range(draw.randrange(1, 30)))
            text = f"\\boxed{{{text}}}" if draw.random() < 0.5 else text
        yield Job(name, "judge", (row, text))


def _board() -> str:
    from connect4 import Position

    return Position.from_moves("1212").to_state()
