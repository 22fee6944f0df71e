"""Training pairs on disk: JSON Lines of `id prompt rejected chosen gold change_ratio source meta`.

    {"id": "dapo-17", "prompt": "What is 6 x 7?", "rejected": "It is 41.", "chosen": "It is 42.", "gold": "42",
     "change_ratio": 0.2, "source": "oracle", "meta": {}}

`prompt` is what the user says, or a list of chat messages; columns.py knows the names others give. `rejected` (y-) is
the model's own wrong answer, `chosen` (y+) its correction; objectives that look at y+ alone do without `rejected`. The
rest is carried along. Knows nothing of tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import TrainError

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Pair:
    """A line of a pairs file. `rejected` is empty where there is none."""

    id: str
    prompt: Messages
    chosen: str
    rejected: str = ""
    gold: str | None = None
    change_ratio: float | None = None
    source: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def read_pairs(path: Path, *, rejected: bool = True) -> list[Pair]:
    """All pairs of a file, in its order; with `rejected`, a line without y- is an error.

    Raises TrainError naming file, line and column where a line is no pair, a column is missing or of another type,
    an answer is empty, or y+ equals y-.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as problem:
        raise TrainError(f"cannot read {path}: {problem.strerror or problem}") from problem
    pairs = [
        _pair(line, f"{path}, line {number}", number, rejected) for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not pairs:
        raise TrainError(f"{path} holds no pairs; expected one JSON object a line with prompt, rejected and chosen")
    return pairs


def _pair(line: bytes, where: str, number: int, rejected: bool) -> Pair:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise TrainError(f"{where}: not JSON ({problem})") from problem
    if not isinstance(row, dict):
        raise TrainError(f"{where}: expected an object, found {type(row).__name__}")
    try:
        found = pair_row(row, number)
    except ValueError as problem:
        raise TrainError(f"{where}: {problem}") from problem
    pair = Pair(
        id=found["id"],
        prompt=found["prompt"],
        chosen=_answer(found, "chosen", row, where),
        rejected=_answer(found, "rejected", row, where) if rejected or found["rejected"] else "",
        gold=None if found["gold"] is None else str(found["gold"]),
        change_ratio=found["change_ratio"],
        source=found["source"],
        meta=found["meta"],
    )
    if rejected and pair.chosen == pair.rejected:
        raise TrainError(f"{where}: chosen and rejected are equal (pair {pair.id}); remove it, it teaches nothing")
    return pair


def _answer(found: dict[str, Any], column: str, row: dict[str, Any], where: str) -> str:
    text = found[column]
    if text is None:
        raise TrainError(f"{where}: no column {column!r} (it has {', '.join(sorted(map(str, row))) or 'nothing'})")
    if not text.strip():
        raise TrainError(f"{where}: {column!r} is empty (pair {found['id']}); remove the pair")
    return text


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
    answers = {side: _text_of(found[side], side) for side in ("rejected", "chosen")}
    if not isinstance(found["meta"] or {}, Mapping):
        raise ValueError(f"column 'meta' is not an object: {json.dumps(found['meta'])[:60]}")
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


def _text_of(value: Any, column: str) -> str | None:
    """An answer's text; of a conversation, its last turn."""
    return value if value is None or isinstance(value, str) else _conversation(value, column)[-1]["content"]
