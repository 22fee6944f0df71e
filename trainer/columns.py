"""The columns of a pairs file, ours or another's: whatever they are called, a row becomes

    {"id", "prompt": [{"role", "content"}, …], "rejected", "chosen", "gold", "change_ratio", "source", "meta"}

Read are our own names, those of preference data (`prompt`, `chosen`, `rejected`, as text or as conversations whose last
turn is the answer), and those of the paper's repository. Raises ValueError naming the column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

NAMES = {
    "id": ("id", "index", "uid"),
    "prompt": ("prompt", "messages", "question", "problem"),
    "rejected": ("rejected", "original_answer", "model_output"),
    "chosen": ("chosen", "gemini_corrected_answer", "corrected"),
    "gold": ("gold", "ground_truth", "answer", "solution"),
    "change_ratio": ("change_ratio",),
    "source": ("source", "data_source"),
    "meta": ("meta",),
}


def pair_row(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """`row` under our names; `number` (from 1) names it where it has no id. Raises ValueError for a missing prompt."""
    # the paper's repository keeps the question apart from the prompt that a template was put around
    names = {**NAMES, "prompt": ("question", *NAMES["prompt"])} if "gemini_corrected_answer" in row else NAMES
    found = {ours: _first(row, given) for ours, given in names.items()}
    if not found["prompt"]:
        raise ValueError(f"no prompt (columns looked for: {', '.join(NAMES['prompt'])}; there are: {', '.join(row)})")
    prompt = _conversation(found["prompt"], "prompt")
    answers = {side: _answer(found[side], side) for side in ("rejected", "chosen")}
    identity = found["id"] if found["id"] is not None else number
    return {**found, "id": str(identity), "prompt": prompt, **answers, "meta": dict(found["meta"] or {})}


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _conversation(value: Any, column: str) -> list[dict[str, str]]:
    """A text as one user turn, or a list of turns."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    turns = value if isinstance(value, list) else []
    if not turns or not all(isinstance(turn, Mapping) and isinstance(turn.get("content"), str) for turn in turns):
        raise ValueError(f"column {column!r} is neither a text nor a list of turns: {json.dumps(value)[:60]}")
    return [{"role": str(turn.get("role", "user")), "content": turn["content"]} for turn in turns]


def _answer(value: Any, column: str) -> str | None:
    """An answer's text; of a conversation, its last turn."""
    return value if value is None or isinstance(value, str) else _conversation(value, column)[-1]["content"]
